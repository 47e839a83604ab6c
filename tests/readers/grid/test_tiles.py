"""The arithmetic of tile grids: coverage, overlaps, numbering."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.each import each
from ziggurat.readers.errors import OptionError
from ziggurat.readers.grid.tiles import (
    TileAxis,
    TileGrid,
    wanted_offset,
    wanted_overlap,
    wanted_tile_size,
)


def spans(axis: TileAxis) -> list[tuple[int, int, int, int]]:
    found = [axis.span(index) for index in range(axis.count)]
    return [(span.start, span.size, span.before, span.after) for span in found]


# (size of the region, overlap, edges) of tiles of 5 → starts, sizes and overlaps; seen in the
# reference's answers
SEEN = [
    (8, 0, False, [(0, 5, 0, 0), (5, 3, 0, 0)]),
    (8, 1, False, [(0, 5, 0, 1), (4, 4, 0, 0)]),
    (8, 2, False, [(0, 5, 0, 1), (3, 5, 1, 0)]),
    (8, 2, True, [(0, 4, 0, 1), (2, 5, 1, 1), (5, 3, 1, 0)]),
    (8, 3, False, [(0, 5, 0, 2), (2, 5, 1, 2), (4, 4, 1, 0)]),
    (8, 3, True, [(0, 4, 0, 2), (1, 5, 1, 2), (3, 5, 1, 2), (5, 3, 1, 0)]),
    (8, 4, False, [(0, 5, 0, 2), (1, 5, 2, 2), (2, 5, 2, 2), (3, 5, 2, 0)]),
    (9, 2, False, [(0, 5, 0, 1), (3, 5, 1, 1), (6, 3, 1, 0)]),
    (5, 1, True, [(0, 5, 0, 1), (4, 1, 0, 0)]),
    (4, 4, False, [(0, 4, 0, 0)]),
    (4, 2, True, [(0, 4, 0, 1), (2, 2, 1, 0)]),
    (5, 4, True, [(0, 3, 0, 2), (0, 4, 1, 2), (0, 5, 2, 2), (1, 4, 2, 1), (2, 3, 2, 0)]),
]


@each("size, overlap, edges, expected", SEEN)
def test_tiles_along_an_axis(size: int, overlap: int, edges: bool, expected: list) -> None:
    assert spans(TileAxis(0, size, 5, overlap, edges)) == expected


def test_the_grid_belongs_to_the_image_not_to_the_region() -> None:
    axis = TileAxis(13, 33, 8, 2, False)
    assert axis.first == 2
    assert [(start, size) for start, size, *_ in spans(axis)] == [
        (13, 7),
        (18, 8),
        (24, 8),
        (30, 3),
    ]


def test_no_tile_begins_before_the_one_that_holds_the_first_pixel() -> None:
    axis = TileAxis(1917, 2731, 657, 20, False)  # seen in the reference's answers
    assert (axis.first, axis.count) == (3, 2)
    assert [(start, size) for start, size, *_ in spans(axis)] == [(1917, 651), (2548, 183)]


def test_an_offset_moves_the_grid() -> None:
    axis = TileAxis(13, 33, 8, 0, False, origin=5)
    assert axis.first == 1
    assert [(start, size) for start, size, *_ in spans(axis)] == [(13, 8), (21, 8), (29, 4)]


def axes() -> st.SearchStrategy[TileAxis]:
    return st.builds(
        lambda start, length, size, share, edges, origin: TileAxis(
            start, start + length, size, min(int(size * share), size - 1), edges, origin
        ),
        st.integers(0, 500),
        st.integers(1, 500),
        st.integers(1, 90),
        st.floats(0, 0.9),
        st.booleans(),
        st.integers(0, 600),
    )


@given(axes())
def test_cores_cover_the_region_exactly_once(axis: TileAxis) -> None:
    place = axis.start
    for index in range(axis.count):
        span = axis.span(index)
        assert axis.start <= span.start < span.stop <= axis.stop
        assert span.size <= axis.size
        assert span.start + span.before == place
        place = span.stop - span.after
    assert place == axis.stop


@given(axes())
def test_neighbours_share_exactly_the_overlap(axis: TileAxis) -> None:
    found = [axis.span(index) for index in range(axis.count)]
    for left, right in pairwise(found):
        inside = left.stop < axis.stop and right.start > axis.start
        if inside:
            assert left.stop - right.start == axis.overlap
        assert left.after <= axis.overlap - axis.overlap // 2
        assert right.before <= axis.overlap // 2


@given(axes(), axes())
def test_every_tile_is_found_by_each_of_its_names(x: TileAxis, y: TileAxis) -> None:
    grid = TileGrid(x, y)
    for index in {0, grid.count - 1, grid.count // 2}:
        row, column = divmod(index, x.count)
        assert grid.index(index) == index
        assert grid.index({"position": index}) == index
        assert grid.index({"region_x": column, "region_y": row}) == index
        assert grid.index({"level_x": x.first + column, "level_y": y.first + row}) == index
    assert grid.index(grid.count) is None
    assert grid.index(-1) is None
    assert grid.index({"level_x": x.first + x.count, "level_y": y.first}) is None


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (-4, 0), (8, 8), (8, 9), (8, -1)])
def test_impossible_tiles(size: int, overlap: int) -> None:
    with pytest.raises(OptionError, match="can't be"):
        TileAxis(0, 100, size, overlap, False)


def test_one_side_means_a_square() -> None:
    assert wanted_tile_size({"width": 7}, (1, 2)) == (7, 7)
    assert wanted_tile_size({"height": 7}, (1, 2)) == (7, 7)
    assert wanted_tile_size({"width": 7, "height": 8}, (1, 2)) == (7, 8)
    assert wanted_tile_size(None, (1, 2)) == (1, 2)
    with pytest.raises(OptionError, match="whole number, not 'wide'"):
        wanted_tile_size({"width": "wide"}, (1, 2))
    with pytest.raises(OptionError, match="tile_overlap has no 'z'"):
        wanted_overlap({"z": 7})


@pytest.mark.parametrize(
    ("asked", "taken"), [(512.7, 512), (10.5, 10), (np.float32(3.9), 3), ("7", 7), (84.0, 84)]
)
def test_sizes_of_tiles_leave_fractions_out(asked: Any, taken: int) -> None:
    assert wanted_tile_size({"width": asked}, (1, 1)) == (taken, taken)
    assert wanted_overlap({"x": asked, "y": asked}) == (taken, taken, False)
    assert wanted_offset({"left": asked, "top": asked}, (0, 0)) == (taken, taken)


@pytest.mark.parametrize("asked", [float("nan"), float("inf"), "7.5", True, [1]])
def test_sizes_of_tiles_are_numbers(asked: Any) -> None:
    with pytest.raises(OptionError, match="whole number"):
        wanted_tile_size({"width": asked}, (1, 1))
