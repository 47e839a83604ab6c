"""The public geographic methods, on opened files, as the reference's guide uses them."""

import math
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

import ziggurat
from ziggurat.readers.errors import ProjectionError, SourceError, TileRangeError, ZigguratError

gdal.UseExceptions()

HALF = math.pi * 6_378_137


@pytest.fixture
def rgb(data_file: Callable[[str], Path]) -> Path:
    return data_file("geotiff/rasterio/RGB.byte.tif")


def test_a_map_of_its_own_pixels(rgb: Path) -> None:
    source = ziggurat.open(rgb)
    assert source.geospatial
    assert source.projection is None
    metadata = source.getMetadata()
    assert metadata["geospatial"] is True
    assert metadata["projection"] is None
    assert (metadata["sizeX"], metadata["sizeY"]) == (791, 718)
    assert metadata["bounds"] == metadata["sourceBounds"] == source.getBounds()
    assert source.getBounds()["srs"] == "EPSG:32618"
    assert source.getCrs() == "EPSG:32618"
    assert source.getProj4String() == "+proj=utm +zone=18 +datum=WGS84 +units=m +no_defs"
    assert source.getPixelSizeInMeters() == pytest.approx(299.8368, abs=1e-4)
    corner = source.pixelToProjection(0, 0)
    assert corner == (source.getBounds()["ul"]["x"], source.getBounds()["ul"]["y"])
    assert source.toNativePixelCoordinates(*corner) == (0, 0)
    assert source.toNativePixelCoordinates(-80.0, 25.0, "EPSG:4326") == (-356, 175)
    place = source.toNativePixelCoordinates(-80.0, 25.0, "wgs84", roundResults=False)
    assert place == pytest.approx((-356.44922531, 175.44152780), abs=1e-6)
    middle_y, middle_x = source.getCenter()
    assert (middle_x, middle_y) == pytest.approx((220_650, 2_719_200))


def test_a_map_in_web_mercator(rgb: Path) -> None:
    source = ziggurat.open(rgb, projection="EPSG:3857")
    metadata = source.getMetadata()
    assert metadata["projection"] == source.projection == "EPSG:3857"
    assert metadata["levels"] == 11
    assert metadata["sizeX"] == metadata["sizeY"] == 262_144
    assert (metadata["sourceSizeX"], metadata["sourceSizeY"]) == (791, 718)
    assert metadata["sourceLevels"] == 3
    assert metadata["bounds"]["srs"] == "EPSG:3857"
    assert metadata["bounds"]["xmin"] == pytest.approx(-8_789_636.7, abs=0.1)
    assert metadata["sourceBounds"]["srs"] == "EPSG:32618"
    assert source.getBounds() == metadata["bounds"]
    assert source.getBounds("EPSG:32618")["xmin"] == 101_985
    assert source.getBounds(srs="wgs84")["ymin"] == pytest.approx(23.565, abs=1e-3)
    assert source.getTileCorners(0, 0, 0) == pytest.approx((-HALF, -HALF, HALF, HALF))
    assert source.getTileCorners(1, 1, 0) == pytest.approx((0, 0, HALF, HALF))
    assert source.pixelToProjection(0, 0, 0) == pytest.approx((-HALF, HALF))
    bounds = source.getBounds()
    assert source.toNativePixelCoordinates(bounds["ul"]["x"], bounds["ul"]["y"]) == (0, 0)
    with pytest.raises(TileRangeError, match="level must be 0 to 10"):
        source.getTileCorners(11, 0, 0)


def test_the_first_tile_is_the_world(rgb: Path) -> None:
    source = ziggurat.open(rgb, projection="EPSG:3857", encoding="PNG")
    tile = source.getTile(0, 0, 0)
    assert bytes(tile)[:8] == b"\x89PNG\r\n\x1a\n"
    array = source.getTile(290, 439, 10, numpyAllowed="always")
    warped = gdal.Warp(
        "", str(rgb), format="MEM", dstSRS="EPSG:3857", dstAlpha=True, width=256, height=256,
        outputBounds=source.getTileCorners(10, 290, 439),
    )  # fmt: skip
    np.testing.assert_array_equal(array, np.moveaxis(warped.ReadAsArray(), 0, -1))


@pytest.mark.parametrize("projection", [None, "EPSG:3857"])
def test_regions_in_coordinates(projection: str | None, rgb: Path) -> None:
    source = ziggurat.open(rgb, projection=projection)
    place = {"left": -78, "right": -77.5, "top": 25, "bottom": 24.5, "units": "EPSG:4326"}
    array, _ = source.getRegion(region=place, format="numpy")
    assert array.shape[0] > 100
    assert array.shape[1] > 100
    same, _ = source.getRegion(region={**place, "units": "wgs84"}, format="numpy")
    np.testing.assert_array_equal(array, same)
    crs = projection or "EPSG:32618"
    bounds = source.getBounds(crs)
    middle = ((bounds["xmin"] + bounds["xmax"]) / 2, (bounds["ymin"] + bounds["ymax"]) / 2)
    for units in ("projection", crs):
        region = {
            "left": middle[0] - 20_000, "right": middle[0] + 20_000,
            "top": middle[1] + 10_000, "bottom": middle[1] - 10_000, "units": units,
        }  # fmt: skip
        array, _ = source.getRegion(region=region, format="numpy", output={"maxWidth": 100})
        assert array.shape[1] == 100
        assert array.shape[0] == pytest.approx(50, abs=2)


def test_a_pixel_at_a_place(rgb: Path) -> None:
    oracle = gdal.Open(str(rgb))
    for x, y in ((-77.5, 24.5), (-77.3, 24.31), (-78, 25.1), (-76.9, 24)):
        place = {"left": x, "top": y, "units": "EPSG:4326"}
        source = ziggurat.open(rgb)
        column, row = source.toNativePixelCoordinates(x, y, "EPSG:4326", roundResults=False)
        near = oracle.ReadAsArray(int(column), int(row), 2, 2).reshape(3, 4).T.tolist()
        pixel = source.getPixel(region=place)
        assert pixel["value"] in near
        assert pixel["bands"] == dict(enumerate(pixel["value"], start=1))
        shown = ziggurat.open(rgb, projection="EPSG:3857").getPixel(region=place)
        assert list(shown["bands"].values()) in near
        assert shown["value"][:3] in [*near, [0, 0, 0]]


def test_views_pickle(rgb: Path) -> None:
    source = ziggurat.open(rgb, projection="EPSG:3857")
    copy = pickle.loads(pickle.dumps(source))
    assert copy.getMetadata() == source.getMetadata()
    assert copy.getTile(0, 0, 0) == source.getTile(0, 0, 0)


def test_a_plain_picture_has_no_place(data_file: Callable[[str], Path]) -> None:
    source = ziggurat.open(data_file("aperio-svs/CMU-1-Small-Region.svs"))
    assert not source.geospatial
    assert not source.getMetadata().get("geospatial")
    assert source.getCrs() is None
    assert source.getProj4String() is None
    assert source.getPixelSizeInMeters() is None
    for ask in (
        lambda: source.getBounds("EPSG:4326"),
        lambda: source.pixelToProjection(0, 0),
        lambda: source.toNativePixelCoordinates(0, 0),
        lambda: source.getTileCorners(0, 0, 0),
    ):
        with pytest.raises(ProjectionError, match="where on earth"):
            ask()
    with pytest.raises(ZigguratError):
        source.getRegion(region={"left": 0, "units": "EPSG:4326"}, format="numpy")
    with pytest.raises(ProjectionError, match="does not say where"):
        ziggurat.open(data_file("aperio-svs/CMU-1-Small-Region.svs"), projection="EPSG:3857")


def test_bands_tell_what_gdal_knows(data_file: Callable[[str], Path]) -> None:
    source = ziggurat.open(data_file("geotiff/rio-tiler/cog_scale.tif"))
    facts = source.getOneBandInformation(1)
    assert (facts["scale"], facts["offset"], facts["nodata"]) == (0.0001, 1000, 0)
    palette = ziggurat.open(data_file("geotiff/rio-tiler/cog_cmap.tif")).getOneBandInformation(1)
    assert palette["interpretation"] == "palette"
    assert len(palette["colortable"]) == 256
    mask = ziggurat.open(data_file("geotiff/rio-tiler/cog_rgb_mask.tif")).getOneBandInformation(1)
    assert mask["maskband"] == "per dataset"


def test_is_it_cloud_optimized(data_file: Callable[[str], Path]) -> None:
    good = ziggurat.open(data_file("geotiff/rio-tiler/cog.tif"))
    assert good.validateCOG()[1] == []
    poor = ziggurat.open(data_file("geotiff/rasterio/RGB.byte.tif"))
    with pytest.raises(SourceError, match="cloud-optimized"):
        poor.validateCOG()
    with pytest.warns(UserWarning, match="overviews"):
        assert poor.validateCOG(strict=False)[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert poor.validateCOG(strict=False, warn=False)[1]


def test_is_it_geospatial(data_file: Callable[[str], Path], tmp_path: Path) -> None:
    assert ziggurat.Source.isGeospatial(data_file("geotiff/rasterio/red.tif"))
    assert not ziggurat.Source.isGeospatial(data_file("tiff/boxes.tiff"))
    assert not ziggurat.Source.isGeospatial(tmp_path / "nothing.tif")


def test_slides_do_not_load_gdal(data_file: Callable[[str], Path]) -> None:
    path = data_file("tiff/boxes.tiff")
    code = (
        "import sys, ziggurat; source = ziggurat.open(sys.argv[1]); source.getMetadata(); "
        "source.getRegion(format='numpy'); print('osgeo' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
