"""Which levels there are, which are asked for and which are read, by plain arithmetic."""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.errors import OptionError
from ziggurat.readers.grid.pyramid import Pyramid, Resolution, exact_scale, rounded_level
from ziggurat.readers.grid.regions import wanted_scale
from ziggurat.readers.grid.tiles import (
    TileAxis,
    TileGrid,
    wanted_offset,
    wanted_overlap,
    wanted_tile_size,
)
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import (
    GeoReference,
    ImageInfo,
    Interpretation,
    Level,
    ServedLevels,
)

INFO = ImageInfo("made", (Level(1000, 600, 64, 48),), 1, np.dtype("u1"), Interpretation.GRAY)


def pyramid(*sizes: tuple[int, int], **facts: Any) -> Pyramid:
    levels = tuple(Level(*size, 64, 48) for size in ((1000, 600), *sizes))
    return Pyramid(dataclasses.replace(INFO, **({"levels": levels} | facts)))


def test_scales_that_rounding_explains_are_whole() -> None:
    cases: Any = [
        (1000, 1000, 1),
        (1000, 500, 2),
        (1001, 500, 2),
        (1001, 501, 2),
        (1000, 499, 2),
        (1000, 333, 3),
        (1000, 334, 3),
        (1000, 250, 4),
        (1000, 251, 4),
        (1000, 700, 1000 / 700),
        (1000, 62, 16),
        (1000, 63, 16),
        (1000, 600, 1000 / 600),
        (1000, 1001, 1),
        (1000, 2000, 0.5),
        (2967, 741, 4),
        (741, 93, 8),
    ]
    for full, small, scale in cases:
        assert exact_scale(full, small) == scale


def test_a_resolution_shrinks_each_of_its_facts() -> None:
    for facts in itertools.product((None, 40.0), (None, 0.5), (None, 0.25)):
        shrunk = Resolution(*facts).at(4)
        power, mm_x, mm_y = facts
        assert shrunk == Resolution(power and 10.0, mm_x and 2.0, mm_y and 1.0)
        assert shrunk.as_dict() == {
            "magnification": shrunk.magnification, "mm_x": shrunk.mm_x, "mm_y": shrunk.mm_y,
        }  # fmt: skip


def test_the_tiles_that_are_served() -> None:
    cases: Any = [
        ((64, 48), (64, 48)),
        ((4096, 1024), (4096, 1024)),
        ((4097, 2048), (256, 256)),
        ((2048, 4097), (256, 256)),
        ((8, 8), (8, 8)),
        ((7, 8), (256, 256)),
        ((8, 7), (256, 256)),
        ((64, 16), (64, 16)),
        ((65, 16), (256, 256)),
        ((16, 64), (16, 64)),
        ((16, 65), (256, 256)),
        ((1000, 250), (1000, 250)),
        ((1000, 16), (256, 256)),
        ((200, 600), (200, 600)),
        ((512, 600), (512, 600)),
    ]
    for tile, served in cases:
        levels = (Level(1000, 600, *tile), Level(500, 300, 32, 32))
        assert pyramid(levels=levels).tile_size == served
        assert pyramid(levels=levels, geo=GeoReference("EPSG:3857")).tile_size == (256, 256)


@pytest.mark.parametrize("size", [(100, 60), (256, 100), (100, 700)])
def test_a_tile_as_small_as_its_image_is_served_as_a_usual_one(size: tuple[int, int]) -> None:
    one = pyramid(levels=(Level(*size, *size),))
    assert one.tile_size == (max(size[0], 256), max(size[1], 256))
    half = pyramid(levels=(Level(*size, size[0], 48),))
    due = (max(size[0], 256), 48)
    assert half.tile_size == ((256, 256) if due[0] > 4 * 48 else due)


def test_which_levels_are_stored_as_they_are_counted() -> None:
    """One whose sides are shrunk unlike each other, or by no power of two, serves no level."""
    found = pyramid((500, 300), (333, 200), (250, 150), (251, 150), (125, 300), (31, 19))
    assert found.count == 5
    assert {z: one.index for z, one in found.populated.items()} == {4: 0, 3: 1, 2: 3}
    assert [one.scale for one in found.stored] == [1, 2, 3, 4, 4, 8, 32]
    assert [found.scale(z) for z in (4, 3, 0, 2.5)] == [1, 2, 16, 2**1.5]


def test_the_level_that_is_read_is_as_fine_as_is_asked() -> None:
    cases: Any = [
        (0.5, 0),
        (1, 0),
        (1.99, 0),
        (1.999, 1),
        (2, 1),
        (2.9, 1),
        (3, 2),
        (3.9, 2),
        (4, 3),
        (16, 4),
        (15.9, 3),
        (1000, 4),
    ]
    for scale, index in cases:
        assert pyramid((500, 300), (333, 200), (250, 150), (62, 37)).best(scale).index == index


@pytest.mark.parametrize("served", list(ServedLevels))
def test_the_level_that_serves_one_that_is_not_stored(served: ServedLevels) -> None:
    """``stored`` counts halvings of the full resolution, which is always there."""
    cases: Any = [(), (1,), (2,), (1, 3), (4,), (2, 5)]
    for stored in cases:
        levels = (Level(6400, 4800, 64, 48),
                  *(Level(6400 >> n, 4800 >> n, 64, 48) for n in stored))  # fmt: skip
        found = pyramid(levels=levels, served_levels=served)
        top = found.count - 1
        assert top == 7
        for z in range(top + 1):
            finer = min(top - n for n in (0, *stored) if top - n >= z)
            gap = finer - z
            if served is ServedLevels.EVERY:
                gap = 0
            elif served is ServedLevels.TWO_FINER:
                gap = gap % 3
            elif served is ServedLevels.THREE_FINER:
                gap = 0 if gap == 0 else (3 if gap % 3 == 0 else gap % 3)
            assert found.preferred(z) == z + gap, z
        assert found.preferred(-3) == found.preferred(0)
        assert found.preferred(99) == top
        on_earth = pyramid(levels=levels, served_levels=served, geo=GeoReference("EPSG:3857"))
        assert [on_earth.preferred(z) for z in range(on_earth.count)] == list(range(on_earth.count))


@each("native", [{}, {"magnification": 40.0}, {"mm_x": 0.5, "mm_y": 0.25},
                                    {"mm_x": 0.5, "magnification": 40.0}])  # fmt: skip
@each("asked", [{}, {"magnification": 10}, {"mm_x": 2}, {"mm_y": 2}, {"mm_x": 1, "mm_y": 2},
              {"magnification": 80, "mm_x": 2}, {"magnification": 7.00001}, {"mm_y": 0}],
)  # fmt: skip
def test_the_level_of_a_magnification_or_a_pixel_size(native: Any, asked: Any) -> None:
    """What is asked of an image that doesn't know it is passed over; several are averaged."""
    found = pyramid(**native)
    facts = dict(native)
    if "mm_x" in facts:
        facts.setdefault("magnification", 0.01 / facts["mm_x"])
    halvings = []
    for name, value in asked.items():
        if value and facts.get(name):
            ratio = facts[name] / value if name == "magnification" else value / facts[name]
            halvings.append(math.log2(ratio))
    if not halvings:
        assert found.fractional(**asked) is None
        assert wanted_scale(found, asked) == 1
        return
    due = round(found.count - 1 - sum(halvings) / len(halvings), 4)
    assert found.fractional(**asked) == pytest.approx(due, abs=1e-9)
    assert wanted_scale(found, asked) == pytest.approx(2 ** (found.count - 1 - due))
    exact = due == int(due) and 0 <= due < found.count
    assert (wanted_scale(found, asked | {"exact": True}) is not None) is exact


@each("bad", [-1, math.inf, math.nan, "x"])
@each("name", ["magnification", "mm_x", "mm_y"])
def test_wishes_that_cannot_be(name: str, bad: Any) -> None:
    with pytest.raises(OptionError, match=name):
        pyramid(magnification=40.0, mm_x=0.5, mm_y=0.25).fractional(**{name: bad})


def test_levels_are_rounded_as_asked() -> None:
    cases: Any = [-1.5, -0.4, 0.0, 0.5, 1.5, 2.4, 2.5, 4.0, 4.1, 9.0]
    for level in cases:
        assert rounded_level(level, 5, None) == level
        assert rounded_level(level, 5, False) == min(max(level, 0), 4)
        assert rounded_level(level, 5, "round") == min(max(round(level), 0), 4)
        due = None if level > 4 else max(math.ceil(level), 0)
        assert rounded_level(level, 5, "ceil") == due
        for bad in ("floor", True, 1):
            with pytest.raises(OptionError, match="rounding must be"):
                rounded_level(level, 5, bad)


@pytest.mark.parametrize("size", [(500, 300), (333, 201), (1000, 150), (3, 2)])
def test_a_rectangle_in_a_level_is_inside_of_it_and_never_empty(size: tuple[int, int]) -> None:
    found = pyramid(size)
    choice = found.stored[1]
    for x, y, width, height in itertools.product(
        (0, 1, 499, 998, 999), (0, 299, 598, 599), (1, 2, 501), (1, 3, 301)
    ):
        rect = Rect(x, y, min(width, 1000 - x), min(height, 600 - y))
        inside = found.rect_in(choice, rect)
        assert inside == inside.intersect(found.info.levels[1].rect)
        assert min(inside.width, inside.height) >= 1
        for low, high, start, stop, scale, full in (
            (inside.x, inside.right, rect.x, rect.right, choice.scale_x, size[0]),
            (inside.y, inside.bottom, rect.y, rect.bottom, choice.scale_y, size[1]),
        ):
            assert low == min(round(start / scale), full - 1)
            assert high == min(max(round(stop / scale), low + 1), full)


def test_the_words_of_a_grid() -> None:
    assert wanted_tile_size(None, (7, 9)) == (7, 9)
    assert wanted_tile_size({"width": 5}, (7, 9)) == (5, 5)
    assert wanted_tile_size({"height": 5}, (7, 9)) == (5, 5)
    assert wanted_tile_size({"width": 5, "height": 6}, (7, 9)) == (5, 6)
    assert wanted_overlap(None) == (0, 0, False)
    assert wanted_overlap({"x": 3}) == (3, 0, False)
    assert wanted_overlap({"y": 3, "edges": True}) == (0, 3, True)
    assert wanted_offset(None, (11, 12)) == (0, 0)
    assert wanted_offset({"left": 3}, (11, 12)) == (3, 0)
    assert wanted_offset({"top": 4}, (11, 12)) == (0, 4)
    assert wanted_offset({"left": 3, "top": 4, "auto": True}, (11, 12)) == (11, 12)
    assert wanted_offset({"left": 3, "top": 4, "auto": False}, (11, 12)) == (3, 4)
    for call in (
        lambda: wanted_tile_size({"w": 1}, (7, 9)), lambda: wanted_overlap({"left": 1}),
        lambda: wanted_offset({"x": 1}, (0, 0)),
    ):  # fmt: skip
        with pytest.raises(OptionError, match="tile_"):
            call()


@each("edges", [False, True])
@each("overlap", [0, 1, 2, 3])
def test_what_lies_beyond_the_core_of_a_tile(overlap: int, edges: bool) -> None:
    """Cores follow each other from the region's start to its end: none is left out or twice."""
    cases: Any = [(0, 20, 0), (7, 20, 0), (7, 23, 5), (3, 9, 5)]
    for start, stop, origin in cases:
        axis = TileAxis(start, stop, 6, overlap, edges, origin)
        spans = [axis.span(number) for number in range(axis.count)]
        cores = [(span.start + span.before, span.stop - span.after) for span in spans]
        assert cores[0][0] == start
        assert cores[-1][1] == stop
        assert all(end == begin for (_, end), (begin, _) in itertools.pairwise(cores))
        for number, span in enumerate(spans):
            assert start <= span.start < span.stop <= stop
            assert span.size == span.stop - span.start <= 6
            if 0 < number < axis.count - 1:
                assert span.before <= overlap // 2
                assert span.after <= overlap - overlap // 2


def test_the_number_of_a_tile() -> None:
    x = TileAxis(10, 40, 6, 0, False)
    y = TileAxis(12, 24, 4, 0, False)
    grid = TileGrid(x, y)
    assert (x.first, x.count, y.first, y.count, grid.count) == (1, 6, 3, 3, 18)
    for place, number in (
        (0, 0), (17, 17), (18, None), (-1, None), ({"position": 5}, 5), ({"position": 18}, None),
        ({"region_x": 2, "region_y": 1}, 8), ({"level_x": 3, "level_y": 4}, 8),
        ({"region_x": 2}, 2), ({"region_y": 2}, 12), ({"level_x": 3}, 2), ({"level_y": 5}, 12),
        ({"region_x": 6}, None), ({"level_x": 0}, None), ({"region_y": 3}, None),
        ({"level_y": 2}, None), ({"region_x": 2, "level_x": 6}, 2), ({}, 0),
        ({"region_y": 1, "level_y": 5}, 6),
    ):  # fmt: skip
        assert grid.index(place) == number, place
