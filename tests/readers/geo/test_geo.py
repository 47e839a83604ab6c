"""Coordinates, bounds and regions on earth, against gdalinfo, gdalwarp and plain arithmetic."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from tests.each import each
from ziggurat.readers.errors import ProjectionError, RegionError
from ziggurat.readers.formats.gdal.reader import open_reader
from ziggurat.readers.geo.bounds import bounds
from ziggurat.readers.geo.crs import (
    apply,
    crs_name,
    inverse,
    meters_per_pixel,
    transform_points,
    world_width,
)
from ziggurat.readers.geo.facts import region_geo
from ziggurat.readers.geo.units import region_to_pixels
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import (
    GeoReference,
    GroundControlPoint,
    ImageInfo,
    Interpretation,
    Level,
)

gdal.UseExceptions()

PLACED = [
    "large_image/global_dem.tif",
    "large_image/rgb_geotiff.tiff",
    "rasterio/RGB.byte.tif",
    "rasterio/RGBA.uint16.tif",
    "rasterio/alpha.tif",
    "rasterio/cogeo.tif",
    "rasterio/goes.tif",
    "rasterio/red.tif",
    "rasterio/rotated.tif",
    "rasterio/shade.tif",
    "rasterio/world.byte.tif",
    "rio-tiler/cog.tif",
    "rio-tiler/cog_cmap.tif",
    "rio-tiler/cog_dateline.tif",
    "rio-tiler/cog_nodata_nan.tif",
    "rio-tiler/cog_rgb_mask.tif",
    "rio-tiler/cog_scale.tif",
]
CORNERS = {"ul": "upperLeft", "ll": "lowerLeft", "ur": "upperRight", "lr": "lowerRight"}


def info_of(path: Path) -> ImageInfo:
    with open_reader(locate(path)) as reader:
        return reader.info


@pytest.mark.parametrize("name", PLACED)
def test_corners_are_those_of_gdalinfo(name: str, data_file: Callable[[str], Path]) -> None:
    path = data_file(f"geotiff/{name}")
    info = info_of(path)
    assert info.geo is not None
    found = bounds(info.geo, info.width, info.height)
    said = gdal.Info(str(path), format="json")["cornerCoordinates"]
    for ours, theirs in CORNERS.items():
        assert (found[ours]["x"], found[ours]["y"]) == pytest.approx(said[theirs], abs=1e-3)


@pytest.mark.parametrize(
    "name", ["rgb_geotiff.tiff", "RGB.byte.tif", "cog.tif", "cog_nodata_nan.tif", "cog_scale.tif"]
)
def test_extremes_are_those_of_gdalwarp(name: str, data_file: Callable[[str], Path]) -> None:
    folder = {"rgb_geotiff.tiff": "large_image", "RGB.byte.tif": "rasterio"}.get(name, "rio-tiler")
    path = data_file(f"geotiff/{folder}/{name}")
    info = info_of(path)
    assert info.geo is not None
    found = bounds(info.geo, info.width, info.height, "EPSG:3857")
    warped = gdal.Warp("", str(path), format="VRT", dstSRS="EPSG:3857")
    left, width, _, top, _, height = warped.GetGeoTransform()
    expected = (left, top, left + warped.RasterXSize * width, top + warped.RasterYSize * height)
    ends = (found["xmin"], found["ymax"], found["xmax"], found["ymin"])
    assert ends == pytest.approx(expected, abs=1.5 * width)  # gdalwarp rounds to whole pixels


def test_the_date_line_is_crossed_not_jumped(data_file: Callable[[str], Path]) -> None:
    info = info_of(data_file("geotiff/rio-tiler/cog_dateline.tif"))
    assert info.geo is not None
    found = bounds(info.geo, info.width, info.height, "EPSG:4326")
    assert 177 < found["xmin"] < 179
    assert 181 < found["xmax"] < 182


def test_a_disk_of_the_earth_is_as_wide_as_can_be_seen(data_file: Callable[[str], Path]) -> None:
    info = info_of(data_file("geotiff/rasterio/goes.tif"))
    assert info.geo is not None
    found = bounds(info.geo, info.width, info.height, "EPSG:4326")
    assert found["xmin"] == pytest.approx(-75 - 81.3, abs=0.01)
    assert found["xmax"] == pytest.approx(-75 + 81.3, abs=0.01)
    assert found["ul"] == {"x": None, "y": None}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_pole_inside_reaches_round_the_world() -> None:
    geo = GeoReference("EPSG:3413", (-2_500_000, 50_000, 0, 2_500_000, 0, -50_000))
    found = bounds(geo, 100, 100, "EPSG:4326")
    assert (found["xmin"], found["xmax"], found["ymax"]) == pytest.approx((-180, 180, 90))
    assert 55 < found["ymin"] < 70


def test_a_mercator_world_ends_as_a_square() -> None:
    geo = GeoReference("EPSG:4326", (-180, 1, 0, 90, 0, -1))
    found = bounds(geo, 360, 180, "EPSG:3857")
    half = math.pi * 6_378_137
    ends = [found[key] for key in ("xmin", "xmax", "ymin", "ymax")]
    assert ends == pytest.approx([-half, half, -half, half])


def test_points_that_agree_are_a_transform() -> None:
    points = tuple(
        GroundControlPoint(x, y, 1000 + 10 * x, 2000 - 10 * y) for x in (0, 50) for y in (0, 30)
    )
    found = bounds(GeoReference("EPSG:32633", gcps=points), 50, 30)
    assert (found["xmin"], found["ymax"]) == pytest.approx((1000, 2000))
    assert (found["xmax"], found["ymin"]) == pytest.approx((1500, 1700))
    with pytest.raises(ProjectionError, match="1 control points"):
        bounds(GeoReference("EPSG:32633", gcps=points[:1]), 50, 30)


@each(
    "text, name",
    [
        ("EPSG:3857", "EPSG:3857"),
        ("epsg:3857", "EPSG:3857"),
        ("3857", "EPSG:3857"),
        ("wgs84", "EPSG:4326"),
        ("proj4:+proj=utm +zone=33 +ellps=bessel", "+proj=utm +zone=33 +ellps=bessel +units=m"),
        ("OGC:CRS84", "OGC:CRS84"),
    ],
)
def test_names_of_systems(text: str, name: str) -> None:
    assert crs_name(text).removesuffix(" +no_defs") == name


def test_x_is_east_and_y_is_north_whatever_the_authority_prefers() -> None:
    ((x, y),) = transform_points("EPSG:4326", "EPSG:3857", [(10, 50)])
    assert (x, y) == pytest.approx((1_113_194.9, 6_446_275.8), abs=0.1)
    there = transform_points("EPSG:3857", "EPSG:4326", [(x, y), (math.nan, 0), (1e300, 0)])
    assert there[0] == pytest.approx((10, 50))
    assert np.isinf(there[1:]).all()


def test_a_transform_and_its_inverse_cancel() -> None:
    transform = (3.0, 2.0, 0.5, -7.0, 0.25, -4.0)
    pixels = np.array([(0, 0), (10, 3), (-5, 8.5)])
    assert apply(inverse(transform), apply(transform, pixels)) == pytest.approx(pixels)
    with pytest.raises(ProjectionError, match="inverted"):
        inverse((0.0, 1.0, 1.0, 0.0, 1.0, 1.0))


def test_round_the_world() -> None:
    assert world_width("EPSG:4326") == pytest.approx(360)
    assert world_width("EPSG:3857") == pytest.approx(40_075_016.6856)
    assert world_width("EPSG:32633") is None
    assert world_width("EPSG:3413") is None


def test_pixel_sizes_on_the_ground() -> None:
    along_x, along_y = meters_per_pixel(
        GeoReference("EPSG:4326", (10, 0.001, 0, 60, 0, -0.001)), 10, 10
    )
    assert along_x == pytest.approx(55.80, abs=0.02)  # a thousandth of a degree at 60 north
    assert along_y == pytest.approx(111.41, abs=0.02)
    assert meters_per_pixel(None, 10, 10) == (None, None)
    assert meters_per_pixel(GeoReference("", (0, 1e6, 0, 0, 0, -1e6)), 10, 10) == (None, None)


def test_regions_in_any_system_are_pixels(data_file: Callable[[str], Path]) -> None:
    info = info_of(data_file("geotiff/rasterio/RGB.byte.tif"))
    assert info.geo is not None
    assert info.geo.transform is not None
    x, width, _, y, _, height = info.geo.transform
    edges = (x + 100 * width, y + 50 * height, x + 300 * width, y + 250 * height)
    assert region_to_pixels(info, "projection", *edges) == pytest.approx((100, 50, 300, 250))
    assert region_to_pixels(info, "EPSG:32618", *edges) == pytest.approx((100, 50, 300, 250))
    lonlat = transform_points(info.geo.projection, "EPSG:4326", [edges[:2], edges[2:]]).ravel()
    found = region_to_pixels(info, "wgs84", *lonlat.tolist())
    assert found == region_to_pixels(info, "EPSG:4326", *lonlat.tolist())
    assert found == region_to_pixels(
        info, "proj4:+proj=longlat +datum=WGS84 +no_defs", *lonlat.tolist()
    )
    assert found == pytest.approx((100, 50, 300, 250), abs=8)  # meridians are not columns
    assert found[0] <= 100
    assert found[2] >= 300


def test_edges_that_are_not_given_are_the_images() -> None:
    info = _north_up()
    assert region_to_pixels(info, "projection", 1020.0, None, None, 1900.0) == (2, 0, 50, 10)
    assert region_to_pixels(info, "projection", None, None, None, None) == (0, 0, 50, 30)


def _north_up() -> ImageInfo:
    return ImageInfo(
        format="made up",
        levels=(Level(50, 30, 16, 16),),
        bands=1,
        dtype=np.dtype(np.uint8),
        interpretation=Interpretation.GRAY,
        geo=GeoReference("EPSG:32633", (1000, 10, 0, 2000, 0, -10)),
    )


def test_a_part_of_a_turned_raster_is_where_it_was() -> None:
    turned = (500.0, 8.0, 3.0, 900.0, 2.0, -6.0)
    points = (GroundControlPoint(9.0, 8.0, 1.0, 2.0),)
    rect, size = Rect(4, 10, 30, 20), (10, 4)
    found = region_geo(GeoReference("EPSG:32633", turned, points), rect, size)
    assert found.transform is not None
    places = [(column, row) for column in (0, 3, 10) for row in (0, 2, 4)]
    before = [(4 + column * 3, 10 + row * 5) for column, row in places]
    np.testing.assert_allclose(apply(found.transform, places), apply(turned, before))
    assert found.gcps == (GroundControlPoint(5 / 3, -2 / 5, 1.0, 2.0),)


@pytest.mark.parametrize("edge", [math.nan, math.inf, -math.inf])
def test_edges_must_be_numbers(edge: float) -> None:
    with pytest.raises(RegionError, match="finite"):
        region_to_pixels(_north_up(), "projection", edge, 0, 1, 1)


def test_places_off_the_map_and_unknown_units() -> None:
    with pytest.raises(RegionError, match="no place"):
        region_to_pixels(_north_up(), "EPSG:3857", 1e300, 1e300, 1e301, 1e301)
    with pytest.raises(ProjectionError, match="coordinate reference system"):
        region_to_pixels(_north_up(), "EPSG:0", 0, 0, 1, 1)
    nowhere = dataclasses.replace(_north_up(), geo=None)
    with pytest.raises(RegionError, match="knows where"):
        region_to_pixels(nowhere, "wgs84", 0, 0, 1, 1)
