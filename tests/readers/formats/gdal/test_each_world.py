"""Views of the world: both sides of the date line, names, the pixel under a place, depths."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.readers.formats.gdal.warps import WORLD
from ziggurat.readers.formats.gdal.projected import Warp, project
from ziggurat.readers.formats.gdal.reader import open_reader
from ziggurat.readers.geo.world_grid import TILE, WorldGrid, world_grid
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level

Make = Callable[..., Path]


def shown(path: Path, resample: Warp = Warp.NEAREST) -> Any:
    return project(open_reader(locate(path)), path, "EPSG:3857", None, resample)


@pytest.mark.parametrize("west", [150, -190])
def test_both_sides_of_the_date_line(tmp_path: Path, make_raster: Make, west: int) -> None:
    """A map of 40 degrees across it has its own values on either side, and none between."""
    values = np.arange(1, 41, dtype=np.uint8)[np.newaxis, :, np.newaxis].repeat(20, axis=0)
    place = (west, 1, 0, 10, 0, -1)
    path = make_raster(tmp_path / "d.tif", values, crs="EPSG:4326", transform=place)
    with shown(path) as reader:
        size = reader.info.levels[0].width
        plane = reader.plane(0, 0)
        for column in range(40):
            longitude = (west + column + 0.5 + 180) % 360 - 180
            x = int((longitude + 180) / 360 * size)
            rect = Rect(x, size // 2, 1, 1)
            assert plane.read(rect)[0, 0].tolist() == [column + 1, 255], longitude
            assert not plane.is_blank(rect)
        middle = Rect(size // 2, size // 2, 1, 1)
        assert plane.is_blank(middle)
        assert not plane.read(middle).any()


@pytest.mark.parametrize("resample", [Warp.BILINEAR, Warp.AVERAGE])
def test_indices_of_colours_are_never_mixed(
    tmp_path: Path, make_raster: Make, resample: Warp
) -> None:
    from osgeo import gdal

    values = np.random.default_rng(1).choice([1, 200], (20, 20)).astype(np.uint8)[..., np.newaxis]
    path = make_raster(tmp_path / "p.tif", values, crs="EPSG:4326", transform=(5, 1, 0, 30, 0, -1))
    table = gdal.ColorTable()
    table.SetColorEntry(1, (10, 20, 30, 255))
    table.SetColorEntry(200, (40, 50, 60, 255))
    with gdal.Open(str(path), gdal.GA_Update) as raster:
        raster.GetRasterBand(1).SetRasterColorTable(table)
        raster.GetRasterBand(1).SetRasterColorInterpretation(gdal.GCI_PaletteIndex)
    with shown(path, resample) as reader:
        assert reader.info.bands == 4
        size = reader.info.levels[0].width
        part = Rect(size // 2, size // 2 - size // 8, size // 12, size // 12)
        found = reader.plane(0, 0).read(part).reshape(-1, 4)
        assert {tuple(color) for color in np.unique(found, axis=0).tolist()} == {
            (0, 0, 0, 0), (10, 20, 30, 255), (40, 50, 60, 255),
        }  # fmt: skip
        indices = reader.indexed.plane(0, 0).read(part)
        assert set(np.unique(indices[..., 0])) == {0, 1, 200}


def test_the_pixel_under_the_middle_of_a_place(tmp_path: Path, make_raster: Make) -> None:
    values = np.arange(100, dtype=np.uint8)[np.newaxis, :, np.newaxis].repeat(4, axis=0)
    pixel = WORLD / 256 / 1000
    path = make_raster(
        tmp_path / "m.tif", values, crs="EPSG:3857", transform=(0, pixel, 0, 0, 0, -pixel)
    )
    with shown(path) as reader:
        size = reader.info.levels[0].width
        fine = WORLD / size
        for x in range(int(100 * pixel / fine) - 1):
            place = (x + 0.5) * fine / pixel
            if abs(place - round(place)) > 1e-6:
                found = reader.native_bands(size // 2 + x, size // 2)
                assert found == {1: int(place)}, x
        assert reader.native_bands(size // 2 - 1, size // 2) == {}


@pytest.mark.parametrize(
    ("mm", "deepest"), [((1000.0, 1000.0), 18), ((500.0, 500.0), 19), ((250.0, 750.0), 19),
                        ((1e9, 1e9), 0), ((None, None), 0)],
)  # fmt: skip
def test_the_deepest_zoom_is_the_first_finer_one(mm: Any, deepest: int) -> None:
    info = ImageInfo(
        "x", (Level(9, 9, 9, 9),), 1, np.dtype("u1"), Interpretation.GRAY, mm_x=mm[0], mm_y=mm[1]
    )
    grid = world_grid(info, "EPSG:3857", None)
    assert grid.deepest == deepest
    if mm[0] is not None and deepest:
        mean = (mm[0] + mm[1]) / 2000
        assert grid.across / (TILE << deepest) <= mean < grid.across / (TILE << deepest - 1)


@pytest.mark.parametrize("level", [0, 1, 3])
def test_corners_are_those_of_the_transform(level: int) -> None:
    grid = WorldGrid("EPSG:3857", 1024.0, 3)
    t, factor = grid.transform, 2**level
    for rect in (Rect(0, 0, 256, 256), Rect(3, 5, 7, 11)):
        left, bottom, right, top = grid.corners(level, rect)
        assert (left, top) == (t[0] + rect.x * factor * t[1], t[3] + rect.y * factor * t[5])
        assert right == t[0] + rect.right * factor * t[1]
        assert bottom == t[3] + rect.bottom * factor * t[5]
    assert grid.corners(level, grid.levels[level].rect) == (-512, -512, 512, 512)
