"""What the geographic methods answer of an image and of a view of it, by plain arithmetic."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.errors import ProjectionError, RegionError, TileRangeError
from ziggurat.readers.geo.facts import (
    band_facts,
    geo_metadata,
    image_rect,
    is_view,
    origin_facts,
    pixel_size_in_meters,
    pixel_to_projection,
    raster_of,
    region_geo,
    tile_corners,
    to_native_pixel,
)
from ziggurat.readers.geo.units import named_crs, placed_region, region_to_pixels
from ziggurat.readers.grid.pyramid import Pyramid
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import (
    GeoReference,
    GroundControlPoint,
    ImageInfo,
    Interpretation,
    Level,
)

UTM = "EPSG:32632"
# Pixels are 20 m wide and 5 m high; north is up.
GEO = GeoReference(UTM, (500_000.0, 20.0, 0.0, 4_000_000.0, 0.0, -5.0))
INFO = ImageInfo("made", (Level(600, 400, 256, 256),), 2, np.dtype("i2"),
                 Interpretation.MULTIBAND, geo=GEO)  # fmt: skip
PLAIN = dataclasses.replace(INFO, geo=None)


def view(left: int, top: int, width: int, height: int) -> ImageInfo:
    """Return a view in the same system that has the image's pixels from (left, top) on."""
    geo = GeoReference(UTM, (500_000.0 - 20 * left, 20.0, 0.0, 4_000_000.0 + 5 * top, 0.0, -5.0))
    return dataclasses.replace(
        INFO, geo=geo, levels=(Level(width, height, 256, 256),),
        internal={"projected_from": origin_facts(INFO)},
    )  # fmt: skip


@pytest.mark.parametrize("value", [0, 0.0, -9999.0, "NaN", None])
def test_nodata_of_a_band_is_told_whatever_it_is(value: object) -> None:
    bands = [{"mask": "nodata"}, {"nodata": value, "mask": "nodata"}]
    info = dataclasses.replace(INFO, internal={"gdal": {"bands": bands}})
    assert band_facts(info, 1) == {}
    assert band_facts(info, 2) == ({} if value is None else {"nodata": value})


@pytest.mark.parametrize(
    ("mask", "told"), [("per dataset", True), ("band", True), ("alpha", False), ("nodata", False),
                       ("all valid", False)],
)  # fmt: skip
def test_what_gdal_knows_of_a_band(mask: str, told: bool) -> None:
    known = {"scale": 0.5, "offset": 3.0, "units": "m", "categories": ["a"],
             "colortable": [[1, 2, 3, 4]], "interpretation": "gray"}  # fmt: skip
    empty: dict[str, Any] = dict.fromkeys(known) | {"offset": 0.0, "units": "", "colortable": []}
    bands = [known | {"mask": mask, "other": 5}, empty | {"mask": mask}]
    info = dataclasses.replace(INFO, internal={"gdal": {"bands": bands}})
    masked = {"maskband": mask} if told else {}
    assert band_facts(info, 1) == known | masked
    assert band_facts(info, 2) == masked
    assert band_facts(info, 0) == band_facts(info, 3) == band_facts(INFO, 1) == {}


def test_the_raster_behind_a_view() -> None:
    shown = view(3, 7, 900, 500)
    assert (is_view(INFO), is_view(shown)) == (False, True)
    raster = raster_of(shown)
    assert (raster.geo, raster.width, raster.height) == (GEO, 600, 400)
    assert raster.levels == raster_of(INFO).levels == Pyramid(INFO).count
    assert origin_facts(INFO) | {"geo": None} == {
        "width": 600, "height": 400, "levels": 3, "bands": 2, "dtype": "int16", "geo": None,
    }  # fmt: skip
    listed = dict(origin_facts(INFO))
    listed["geo"] = {**dataclasses.asdict(GEO), "transform": list(GEO.transform or ())}
    assert raster_of(dataclasses.replace(shown, internal={"projected_from": listed})) == raster
    points = (GroundControlPoint(1.0, 2.0, 3.0, 4.0),)
    by_points = dataclasses.replace(INFO, geo=GeoReference(UTM, None, points))
    origin = {"projected_from": origin_facts(by_points)}
    assert raster_of(dataclasses.replace(shown, internal=origin)).geo == by_points.geo
    for call in (raster_of, lambda info: pixel_to_projection(info, 0, 0)):
        with pytest.raises(ProjectionError, match="where on earth"):
            call(PLAIN)
    assert (pixel_size_in_meters(PLAIN), geo_metadata(PLAIN)) == (None, {})
    assert origin_facts(PLAIN)["geo"] is None


def test_metadata_of_a_view_tell_of_both() -> None:
    shown = geo_metadata(view(3, 7, 900, 500))
    assert (shown["sourceSizeX"], shown["sourceSizeY"], shown["sourceLevels"]) == (600, 400, 3)
    assert (shown["projection"], shown["geospatial"]) == (UTM, True)
    box: Any = shown["sourceBounds"]
    assert [box[n] for n in ("xmin", "xmax", "ymin", "ymax")] == [
        500_000, 512_000, 3_998_000, 4_000_000,
    ]  # fmt: skip
    assert geo_metadata(INFO)["projection"] is None


@pytest.mark.parametrize(
    ("place", "due"),
    [
        ((0, 0, 600, 400), (0, 0, 600, 400)), ((3, 7, 900, 500), (3, 7, 600, 400)),
        ((-100, -50, 300, 100), (0, 0, 300, 100)), ((590, 390, 601, 392), (590, 390, 11, 2)),
    ],
)  # fmt: skip
def test_the_part_of_a_view_that_has_pixels(place: Any, due: Any) -> None:
    assert image_rect(view(*place)) == Rect(*due)
    assert image_rect(INFO) == Rect(0, 0, 600, 400)


@pytest.mark.parametrize(("x", "y"), [(0, 0), (600, 400), (-3.5, 7.25)])
def test_places_of_pixels_and_back(x: float, y: float) -> None:
    there = (500_000 + 20 * x, 4_000_000 - 5 * y)
    assert pixel_to_projection(INFO, x, y) == there
    assert pixel_to_projection(INFO, x, y, 2) == there
    assert pixel_to_projection(INFO, x / 4, y / 4, 0) == pytest.approx(there)
    for crs in (None, UTM, "projection"):
        assert to_native_pixel(INFO, *there, crs) == pytest.approx((x, y), abs=1e-6)
    shown = view(30, 70, 900, 500)
    assert pixel_to_projection(shown, x + 30, y + 70) == pytest.approx(there)
    assert to_native_pixel(shown, *there) == pytest.approx((x, y), abs=1e-6)


def test_the_corners_of_a_tile() -> None:
    assert tile_corners(INFO, 2, 1, 0) == (505_120, 3_998_720, 510_240, 4_000_000)
    assert tile_corners(INFO, 0, 0, 1) == (500_000, 3_989_760, 520_480, 3_994_880)
    south = dataclasses.replace(INFO, geo=GeoReference(UTM, (0.0, -20.0, 0.0, 0.0, 0.0, 5.0)))
    assert tile_corners(south, 2, 1, 0) == (-10_240, 0, -5_120, 1_280)
    for level in (-1, 3):
        with pytest.raises(TileRangeError, match="level must be 0 to 2"):
            tile_corners(INFO, level, 0, 0)


@pytest.mark.parametrize("size", [(30, 40), (60, 40), (15, 160)])
def test_where_a_picture_of_a_part_is(size: tuple[int, int]) -> None:
    turned = GeoReference(UTM, (100.0, 2.0, 0.5, 200.0, 0.25, -3.0))
    rect = Rect(10, 20, 60, 40)
    found = region_geo(turned, rect, size)
    assert found.transform is not None
    for column, row in ((0, 0), (size[0], 0), (0, size[1]), size):
        x, y = 10 + column * 60 / size[0], 20 + row * 40 / size[1]
        due = (100 + 2 * x + 0.5 * y, 200 + 0.25 * x - 3 * y)
        t = found.transform
        there = (t[0] + t[1] * column + t[2] * row, t[3] + t[4] * column + t[5] * row)
        assert there == pytest.approx(due)
    points = (GroundControlPoint(10.0, 20.0, 1.0, 2.0), GroundControlPoint(70.0, 60.0, 3.0, 4.0))
    moved = region_geo(GeoReference(UTM, None, points), rect, size)
    assert moved.transform is None
    assert moved.gcps == (
        GroundControlPoint(0.0, 0.0, 1.0, 2.0), GroundControlPoint(*map(float, size), 3.0, 4.0),
    )  # fmt: skip


def test_names_of_units() -> None:
    for name in ("projection", " Projection "):
        assert named_crs(INFO, name) == UTM
    assert named_crs(INFO, "WGS84") == named_crs(INFO, "wgs84") == "EPSG:4326"
    assert named_crs(INFO, "EPSG:3857") == "EPSG:3857"
    with pytest.raises(RegionError, match="where on earth"):
        named_crs(PLAIN, "projection")


E_, N_ = 500_000.0, 4_000_000.0


@each(
    "edges, pixels",
    [
        ((E_ + 200, N_ - 50, E_ + 400, N_ - 150), (10, 10, 20, 30)),
        ((E_ + 400, N_ - 150, E_ + 200, N_ - 50), (10, 10, 20, 30)),  # in any order
        ((E_ + 200, None, E_ + 400, None), (10, 0, 20, 400)),
        ((None, N_ - 50, None, N_ - 150), (0, 10, 600, 30)),
        ((None, None, None, None), (0, 0, 600, 400)),
        ((E_ - 200, N_ + 50, E_ + 400, N_ - 150), (-10, -10, 20, 30)),
        ((E_ + 200, N_ - 50, E_ + 99_000, N_ - 99_000), (10, 10, 4950, 19800)),
        ((E_ + 200, N_ - 50, None, None), (10, 10, 600, 400)),
        ((None, None, E_ + 400, N_ - 150), (0, 0, 20, 30)),
    ],
)
def test_edges_in_the_images_own_system(edges: Any, pixels: Any) -> None:
    assert region_to_pixels(INFO, "projection", *edges) == pytest.approx(pixels)
    assert region_to_pixels(INFO, UTM, *edges) == pytest.approx(pixels)


def test_a_region_of_an_image_that_control_points_put_there() -> None:
    corners = [(E_ + 20 * x, N_ - 5 * y, x, y) for x, y in ((0, 0), (600, 0), (600, 400), (0, 400))]
    edges = {"left": E_ + 200, "top": N_ - 50, "right": E_ + 400, "bottom": N_ - 150}
    found = placed_region(PLAIN, UTM, corners, UTM, edges)
    due = {"left": 10, "top": 10, "right": 20, "bottom": 30}
    assert list(found) == ["left", "top", "right", "bottom"]
    assert found == pytest.approx(due, abs=1e-6)
    with pytest.raises(RegionError, match="must have left"):
        placed_region(PLAIN, UTM, corners, UTM, {"left": 1})
    with pytest.raises(ProjectionError, match="control point is"):
        placed_region(PLAIN, UTM, [(1, 2, 3)], UTM, edges)
    with pytest.raises(RegionError, match="region's top"):
        placed_region(PLAIN, UTM, corners, UTM, edges | {"top": "x"})
