"""Regions on earth of images that only control points put there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.errors import OptionError, ProjectionError, RegionError

# 0.01 degrees a pixel from 10 E, 50 N
POINTS = [(10, 50, 0, 0), (14, 50, 400, 0), (14, 47, 400, 300), (10, 47, 0, 300)]
REGION = {"left": 11.0, "top": 49.0, "right": 12.0, "bottom": 48.5}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    rows, columns = np.mgrid[:300, :400]
    pixels = np.stack([rows, columns, rows + columns], axis=2).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels, tile=(64, 64), photometric="rgb")
    return tmp_path / "a.tif"


def test_a_region_in_degrees_is_its_pixels(picture: Path) -> None:
    with ziggurat.open(picture) as source:
        assert not source.geospatial
        pixels, _ = source.getGeospatialRegion(
            "EPSG:4326", POINTS, "EPSG:4326", REGION, format="numpy"
        )
        plain, _ = source.getRegion(
            region={"left": 100, "top": 100, "right": 200, "bottom": 150}, format="numpy"
        )
    np.testing.assert_array_equal(pixels, plain)


@pytest.mark.parametrize(
    ("width", "points"),
    [
        (58368, [(0, 0, 0), (0, 12288, 1), (58368, 12288, 2)]),
        (58368, [(58368, 12288, 2), (0, 0, 0), (0, 12288, 1)]),
    ],
)
def test_points_in_metres_and_a_region_in_degrees_give_the_right_rectangle(
    tmp_path: Path, width: int, points: list[tuple[int, int, int]]
) -> None:
    """The numbers that the reference tests with, on an image of the same size."""
    places = [
        (-8579444.9288, 4699883.5582),
        (-8579444.9288, 4709189.7664),
        (-8568132.2486, 4709189.7664),
    ]
    band = '<VRTRasterBand dataType="Byte" band="{}"><ColorInterp>{}</ColorInterp></VRTRasterBand>'
    bands = "".join(map(band.format, (1, 2, 3), ("Red", "Green", "Blue")))
    path = tmp_path / "a.vrt"
    path.write_text(f'<VRTDataset rasterXSize="{width}" rasterYSize="12288">{bands}</VRTDataset>')
    gcps = [(*places[number], x, y) for x, y, number in points]
    region = {
        "left": -77.010351,
        "top": 38.889638,
        "right": -77.009847,
        "bottom": 38.889968,
    }
    with ziggurat.open(path) as source:
        pixels, _ = source.getGeospatialRegion(
            "epsg:3857", gcps, "epsg:4326", region, format="numpy"
        )
    # columns 34526.8 to 34816.3, rows 7911.8 to 7974.1; the reference has one column more
    assert pixels.shape == (62, 289, 3)


def test_options_are_those_of_regions(picture: Path) -> None:
    with ziggurat.open(picture) as source:
        data, mime = source.getGeospatialRegion(
            "EPSG:4326", POINTS, "EPSG:4326", REGION, output={"maxWidth": 50}, encoding="PNG"
        )
    assert mime == "image/png"
    assert data[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("changed", "error", "word"),
    [
        ({"src_projection": "EPSG:0"}, ProjectionError, "names no"),
        ({"dest_projection": "nowhere"}, ProjectionError, "names no"),
        ({"src_gcps": POINTS[:1]}, ProjectionError, "control points"),
        ({"src_gcps": [(0, 0, 0, 0), (1, 1, 1, 1), (2, 2, 2, 2)]}, ProjectionError, "control"),
        ({"src_gcps": [(1, 2, 3)] * 3}, ProjectionError, "control point"),
        ({"src_gcps": [("a", 2, 3, 4)] * 3}, RegionError, "must be a number"),
        ({"dest_region": {"left": 1}}, RegionError, "must have"),
        ({"dest_region": {**REGION, "left": float("nan")}}, RegionError, "finite"),
        ({"region": {}}, OptionError, "dest_region"),
    ],
)
def test_what_says_no_place_is_refused(
    picture: Path, changed: dict[str, Any], error: type[Exception], word: str
) -> None:
    given = {
        "src_projection": "EPSG:4326",
        "src_gcps": POINTS,
        "dest_projection": "EPSG:4326",
        "dest_region": REGION,
    }
    with ziggurat.open(picture) as source, pytest.raises(error, match=word):
        source.getGeospatialRegion(**{**given, **changed})
