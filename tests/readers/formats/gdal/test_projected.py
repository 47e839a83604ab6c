"""Projected views, against gdalwarp."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, osr

import ziggurat
from tests.readers.formats.gdal.warps import gdalwarp, middle_tile, tile, view
from ziggurat.readers.formats.gdal.projected import Warp, project
from ziggurat.readers.formats.gdal.reader import open_reader
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import (
    Axis,
    GeoReference,
    GroundControlPoint,
    ImageInfo,
    Interpretation,
    Level,
)
from ziggurat.readers.views.array import ArrayReader
from ziggurat.readers.views.views import View

gdal.UseExceptions()


PLACED = [
    "large_image/global_dem.tif",
    "large_image/rgb_geotiff.tiff",
    "large_image/rgba_geotiff.tiff",
    "rasterio/RGB.byte.tif",
    "rasterio/RGBA.byte.tif",
    "rasterio/RGBA.uint16.tif",
    "rasterio/alpha.tif",
    "rasterio/cogeo.tif",
    "rasterio/goes.tif",
    "rasterio/red.tif",
    "rasterio/shade.tif",
    "rasterio/world.byte.tif",
    "rio-tiler/cog.tif",
    "rio-tiler/cog_cmap.tif",
    "rio-tiler/cog_dateline.tif",
    "rio-tiler/cog_gcps.tif",
    "rio-tiler/cog_nodata_nan.tif",
    "rio-tiler/cog_rgb_mask.tif",
    "rio-tiler/cog_scale.tif",
]


@pytest.mark.parametrize("name", PLACED)
def test_tiles_are_those_of_gdalwarp(name: str, data_file: Callable[[str], Path]) -> None:
    path = data_file(f"geotiff/{name}")
    source = gdal.Open(str(path))
    with view(path) as reader:
        deepest = len(reader.info.levels) - 1
        for z in {0, deepest // 2, deepest}:
            x, y = middle_tile(reader, z)
            found = tile(reader, z, x, y)
            # by default GDAL interpolates places, and across the date line it shows false pixels
            exact = {"errorThreshold": 0} if "dateline" in name else {}
            expected = gdalwarp(path, z, x, y, **exact)
            table = source.GetRasterBand(1).GetColorTable()
            assert found.shape[2] == (4 if table else expected.shape[2])
            shown = expected[..., -1] > 0
            np.testing.assert_array_equal(found[..., -1] > 0, shown)
            if table:
                colors = np.array([table.GetColorEntry(i)[:3] for i in range(256)], np.uint8)
                np.testing.assert_array_equal(
                    found[shown][:, :3], colors[expected[shown][:, 0].astype(int)]
                )
            else:
                assert found.dtype == expected.dtype
                np.testing.assert_array_equal(found[..., :-1], expected[..., :-1])
                opaque = 1 if found.dtype.kind == "f" else np.iinfo(found.dtype).max
                gdals = 255 if found.dtype.kind == "f" else opaque
                np.testing.assert_allclose(found[..., -1], expected[..., -1] / gdals * opaque)


def test_the_first_tile_is_the_whole_world_without_the_poles(
    tmp_path: Path, make_raster: Callable[..., Path]
) -> None:
    rows = np.repeat(np.arange(180, dtype=np.uint8)[:, None, None], 360, axis=1)
    path = make_raster(
        tmp_path / "world.tif", rows, crs="EPSG:4326", transform=(-180, 1, 0, 90, 0, -1)
    )
    with view(path) as reader:
        first = tile(reader, 0, 0, 0)
        assert first.shape == (256, 256, 2)
        assert (first[..., 1] == 255).all()
        assert first[0, 0, 0] in (4, 5)  # 85.05 degrees north
        assert first[-1, 0, 0] in (174, 175)
        assert first[127, 99, 0] == 89
        assert first[128, 99, 0] == 90
        level = reader.info.levels[0]
        assert level.width == level.height == 256 * 2 ** (len(reader.info.levels) - 1)
        assert reader.info.geo is not None
        assert reader.info.geo.projection == "EPSG:3857"


def test_across_the_date_line_both_edges_of_the_world_show_it(
    tmp_path: Path, make_raster: Callable[..., Path]
) -> None:
    path = make_raster(
        tmp_path / "fiji.tif",
        np.full((40, 40, 1), 77, np.uint8),
        crs="EPSG:4326",
        transform=(170, 0.5, 0, 10, 0, -0.5),
    )
    with view(path) as reader:
        both = tile(reader, 0, 0, 0)[128]
        assert both[:7, 1].all()
        assert both[-7:, 1].all()
        assert not both[20:-20, 1].any()
        zoom = tile(reader, 4, 0, 7)
        np.testing.assert_array_equal(zoom, gdalwarp(path, 4, 0, 7))
        assert (zoom[..., 1] == 255).any()


def test_longitudes_from_0_to_360_are_the_same_world(
    tmp_path: Path, make_raster: Callable[..., Path]
) -> None:
    columns = (np.arange(360) // 2).astype(np.uint8)[None, :, None].repeat(180, axis=0)
    path = make_raster(
        tmp_path / "pacific.tif", columns, crs="EPSG:4326", transform=(0, 1, 0, 90, 0, -1)
    )
    with view(path) as reader:
        row = tile(reader, 0, 0, 0)[128]
        assert (row[:, 1] == 255).all()
        assert row[10, 0] == pytest.approx((180 + 10 * 360 / 256) / 2, abs=1.5)
        assert row[200, 0] == pytest.approx((200 - 128) * 360 / 256 / 2, abs=1.5)


def test_a_pole_in_its_own_projection(tmp_path: Path, make_raster: Callable[..., Path]) -> None:
    path = make_raster(
        tmp_path / "arctic.tif",
        np.full((100, 100, 1), 9, np.uint8),
        crs="EPSG:3413",
        transform=(-2_500_000, 50_000, 0, 2_500_000, 0, -50_000),
    )
    with view(path) as reader:
        first = tile(reader, 0, 0, 0)
        assert (first[:10, :, 1] == 255).all()
        assert not first[128:, :, 1].any()
    with view(path, "EPSG:3413") as reader:
        first = tile(reader, 0, 0, 0)
        assert first[120:136, 120:136, 1].all()


def test_nodata_and_masks_are_transparent(tmp_path: Path, make_raster: Callable[..., Path]) -> None:
    values = np.full((64, 64, 3), 50, np.uint8)
    values[:32] = 7
    path = make_raster(
        tmp_path / "n.tif", values, crs="EPSG:3857", transform=(0, 100, 0, 6400, 0, -100), nodata=7
    )
    with view(path, units_per_pixel=100) as reader:
        assert reader.info.alpha
        whole = reader.plane(0, 0).read(reader.info.levels[0].rect)
        shown = whole[..., 3] == 255
        assert shown.any()
        assert (whole[shown][:, :3] == 50).all()


def test_resampling_is_a_choice(
    tmp_path: Path, make_raster: Callable[..., Path], rng: np.random.Generator
) -> None:
    path = make_raster(
        tmp_path / "r.tif",
        rng.integers(0, 256, (200, 200, 1), np.uint8),
        crs="EPSG:3857",
        transform=(0, 1000, 0, 200_000, 0, -1000),
    )
    for method in Warp:
        with view(path, resample=method) as reader:
            z = 6
            x, y = middle_tile(reader, z)
            expected = gdalwarp(path, z, x, y, resampleAlg=method.value)
            np.testing.assert_array_equal(tile(reader, z, x, y), expected)


def test_overviews_are_used_for_small_zooms(
    tmp_path: Path, make_raster: Callable[..., Path]
) -> None:
    path = make_raster(
        tmp_path / "o.tif",
        np.full((1024, 1024, 1), 100, np.uint8),
        crs="EPSG:3857",
        transform=(0, 100, 0, 102_400, 0, -100),
        options=("TILED=YES",),
        overviews=(2, 4, 8),
    )
    dataset = gdal.Open(str(path), gdal.GA_Update)
    dataset.GetRasterBand(1).GetOverview(2).WriteArray(np.full((128, 128), 33, np.uint8))
    dataset.Close()
    with view(path) as reader:
        x, y = middle_tile(reader, 7)  # 1223 m a pixel
        small = tile(reader, 7, x, y)
        assert set(small[small[..., 1] > 0][:, 0].tolist()) == {33}
        x, y = middle_tile(reader, 10)
        assert set(tile(reader, 10, x, y)[..., 0].ravel().tolist()) <= {0, 100}


def test_rotated_and_placed_by_points(
    tmp_path: Path, make_raster: Callable[..., Path], rng: np.random.Generator
) -> None:
    values = rng.integers(1, 255, (60, 80, 1), np.uint8)
    angle = math.radians(30)
    c, s = 100 * math.cos(angle), 100 * math.sin(angle)
    path = make_raster(
        tmp_path / "rot.tif", values, crs="EPSG:32633", transform=(500_000, c, s, 5_000_000, s, -c)
    )
    with view(path) as reader:
        x, y = middle_tile(reader, 11)
        found = tile(reader, 11, x, y)
        np.testing.assert_array_equal(found, gdalwarp(path, 11, x, y))
        assert 0 < (found[..., 1] > 0).sum() < found[..., 1].size
    points = make_raster(tmp_path / "gcp.tif", values)
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(4326)
    crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    with gdal.OpenEx(str(points), gdal.OF_UPDATE) as dataset:
        dataset.SetGCPs(
            [
                gdal.GCP(10 + px / 100 + py / 900, 50 - py / 100, 0, px, py)
                for px in (0, 40, 80)
                for py in (0, 30, 60)
            ],
            crs,
        )
    with view(points) as reader:
        x, y = middle_tile(reader, 8)
        found = tile(reader, 8, x, y)
        np.testing.assert_array_equal(found, gdalwarp(points, 8, x, y))
        assert found[..., 1].any()


IN_PARTS = ("RGB.byte.tif", "world.byte.tif", "red.tif", "RGBA.byte.tif", "shade.tif", "cogeo.tif")


@pytest.mark.parametrize(
    ("name", "resample"),
    [  # by turns; the other half of the product is slow
        pytest.param(name, resample, marks=[pytest.mark.slow] if (i + j) % 2 else [])
        for i, name in enumerate(IN_PARTS)
        for j, resample in enumerate([Warp.NEAREST, Warp.BILINEAR])
    ],
)
def test_any_reader_with_a_place_can_be_projected(
    name: str, resample: Warp, data_file: Callable[[str], Path]
) -> None:
    """What is not read by GDAL is read in part, and warped alike."""
    path = data_file(f"geotiff/rasterio/{name}")
    masked = name == "cogeo.tif"
    with view(path, resample=resample) as direct:
        other = project(View(open_reader(locate(path))), path, "EPSG:3857", resample=resample)
        deepest = len(direct.info.levels) - 1
        assert other.info == direct.info
        for z in (deepest - 1, deepest):
            place = (z, *middle_tile(direct, z))
            expected, found = tile(direct, *place), tile(other, *place)
            near = np.abs(found.astype(int) - expected.astype(int)).max(axis=2) <= 2
            assert near[expected[..., -1] > 0].mean() > 0.99
            if not masked:
                assert near.mean() > 0.99


def test_arrays_and_frames_are_projected_too() -> None:
    values = np.stack([np.full((100, 100, 1), n, np.uint8) for n in (10, 20)])
    info = ImageInfo(
        format="made up",
        levels=(Level(100, 100, 64, 64),),
        bands=1,
        dtype=np.dtype(np.uint8),
        interpretation=Interpretation.GRAY,
        axes=(Axis("t", 2),),
        geo=GeoReference(
            "EPSG:4326",
            gcps=(
                GroundControlPoint(0, 0, 178, 10),
                GroundControlPoint(100, 0, 182, 10),
                GroundControlPoint(100, 100, 182, 6),
            ),
        ),
    )
    reader = project(ArrayReader(values, info), "made up", "EPSG:3857")
    for frame, value in enumerate((10, 20)):
        level = len(reader.info.levels) - 1 - 5
        for column in (0, 31):  # both sides of the date line
            found = reader.plane(level, frame).read(Rect(column * 256, 15 * 256, 256, 256))
            assert set(found[found[..., 1] > 0][:, 0].tolist()) == {value}


@pytest.mark.parametrize(
    ("edge", "own", "shown"),
    [  # each pair of two of them; the other half of the product is slow
        pytest.param(edge, own, shown, marks=[pytest.mark.slow] if (e + i + j) % 2 else [])
        for e, edge in enumerate([20_037_508, -20_037_508])
        for i, own in enumerate([3857, 3395, 4087])
        for j, shown in enumerate(["EPSG:3857", "EPSG:4326", "EPSG:3395"])
    ],
)
def test_a_cylinder_s_map_is_shown_on_both_sides_of_the_date_line(
    tmp_path: Path, edge: int, own: int, shown: str
) -> None:
    path = tmp_path / "a.tif"
    system = osr.SpatialReference()
    system.ImportFromEPSG(own)
    made = gdal.GetDriverByName("GTiff").Create(str(path), 200, 200, 1, gdal.GDT_Byte)
    made.SetSpatialRef(system)
    made.SetGeoTransform((edge - 100_000, 1000, 0, 100_000, 0, -1000))
    made.GetRasterBand(1).Fill(200)
    made.Close()
    with ziggurat.open(path, projection=shown) as source:
        bounds = source.getBounds("EPSG:4326")
        seen = [
            int((source.getTile(x, y, 4, numpyAllowed="always")[..., -1] > 0).sum())
            for x in (0, 15)
            for y in range(2, 10)  # a map at the equator
            if not (shown == "EPSG:4326" and y >= 8)
        ]
    middle = 180 if edge > 0 else -180
    right = (middle - 0.8983, middle + 0.8983)
    assert (bounds["xmin"], bounds["xmax"]) == pytest.approx(right, abs=0.01)
    west, east = np.array_split(seen, 2)
    assert sum(west) == sum(east) > 0
