"""Levels, scales and sizes of any image, by plain arithmetic."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.grid.pyramid import Pyramid
from ziggurat.readers.grid.regions import fit
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import GeoReference, ImageInfo, Interpretation, Level

INFO = ImageInfo("made", (Level(70, 90, 16, 8),), 2, np.dtype(np.uint16), Interpretation.MULTIBAND)


@each(
    "size, tile, count",
    [((256, 256), 256, 1), ((257, 10), 256, 2), ((10, 257), 256, 2), ((512, 512), 256, 2),
     ((513, 512), 256, 3), ((512, 513), 256, 3), ((1, 1), 256, 1), ((100, 3000), 64, 7),
     ((3000, 100), 64, 7)])  # fmt: skip
def test_the_smallest_level_is_one_tile(size: tuple[int, int], tile: int, count: int) -> None:
    info = dataclasses.replace(INFO, levels=(Level(*size, tile, tile),))
    pyramid = Pyramid(info)
    if min(size) >= tile:
        assert pyramid.tile_size == (tile, tile)
    width, height = pyramid.tile_size
    least = math.ceil(math.log2(max(size[0] / width, size[1] / height)))
    assert pyramid.count == max(1, least + 1)
    if min(size) >= tile:
        assert pyramid.count == count


def test_magnifications_are_estimated_by_the_width_of_pixels() -> None:
    def power(**facts: Any) -> float | None:
        return Pyramid(dataclasses.replace(INFO, **facts)).resolution.magnification

    assert power(mm_x=0.00025, mm_y=0.0005) == 40
    assert power(mm_y=0.0005) is None
    assert power(mm_x=0.00025, magnification=10.0) == 10
    assert power(mm_x=0.00025, geo=GeoReference("EPSG:3857")) is None


def test_levels_of_other_shares_across_than_down() -> None:
    levels = (Level(800, 800, 64, 64), Level(400, 100, 64, 64), Level(201, 201, 64, 64))
    stored = Pyramid(dataclasses.replace(INFO, levels=levels)).stored
    assert [(one.scale_x, one.scale_y, one.scale) for one in stored] == [
        (1, 1, 1), (2, 8, 8), (4, 4, 4),
    ]  # fmt: skip
    pyramid = Pyramid(dataclasses.replace(INFO, levels=levels))
    assert pyramid.rect_in(stored[1], Rect(100, 80, 200, 400)) == Rect(50, 10, 100, 50)
    assert pyramid.rect_in(stored[1], Rect(799, 799, 1, 1)) == Rect(399, 99, 1, 1)


@each("size", [(100, 37), (37, 100), (100, 79), (79, 100), (7, 7), (1000, 3), (3, 1000)])
@each("most", [(50, 50), (20, None), (None, 20), (300, 11), (1, 1), (0, 5)])
def test_the_largest_size_of_the_same_shape(
    size: tuple[int, int], most: tuple[int | None, int | None]
) -> None:
    width, height, scale = fit(*size, *most)
    if most == (0, 5):
        assert (width, height) == (0, 0)
        return
    limits = [most[0] or 16 * (most[1] or 0), most[1] or 16 * (most[0] or 0)]
    assert 1 <= width <= limits[0]
    assert 1 <= height <= limits[1]
    assert width == limits[0] or height == limits[1]
    assert scale == pytest.approx(
        size[0] / width if width == limits[0] and height != limits[1] else size[1] / height
        if width != limits[0] else scale
    )  # fmt: skip
    if width != limits[0]:
        assert width == max(1, size[0] * limits[1] // size[1])
    elif height != limits[1]:
        assert height == max(1, size[1] * limits[0] // size[0])


@each(
    "chunk, tile",
    [(127, 512), (128, 128), (129, 129), (512, 512), (1023, 1023), (1024, 1024), (1025, 512)],
)
def test_chunks_of_the_size_of_tiles_are_tiles(chunk: int, tile: int) -> None:
    for size, due in (((chunk, 256), (tile, 256)), ((256, chunk), (256, tile))):
        level = Level(5000, 4000, *size)
        assert Pyramid(dataclasses.replace(INFO, levels=(level,), chunked=True)).tile_size == due
