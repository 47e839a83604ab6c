"""The engine: every level right, in order, whatever the threads."""

from typing import Any

import numpy as np
import pytest

from tests.each import each
from tests.writers.pyramid.plans import BUDGET, MEAN, assembled, halves, plans, raw
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.geometry import level_sizes
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.model.levels import Cascade, Copy, LevelPlan, Stored
from ziggurat.writers.model.reducers import Reducer
from ziggurat.writers.pyramid.budget import Budget
from ziggurat.writers.pyramid.engine import build
from ziggurat.writers.resample.halve import Shrinker


@pytest.mark.parametrize("reducer", list(Reducer))
@pytest.mark.parametrize(("height", "width", "tile"), [(300, 517, 64), (65, 64, 16), (10, 7, 16)])
def test_each_level_is_the_reducer_applied_to_the_one_above(
    rng: np.random.Generator, reducer: str, height: int, width: int, tile: Any
) -> None:
    pixels = rng.integers(0, 255, (height, width, 3), np.uint8)
    shrink = Shrinker(reducer)
    reader = array_reader(pixels)
    levels = plans(reader.info, tile)
    images = assembled(build(reader, levels, shrink, BUDGET), levels, reader.info)
    for index, wanted in enumerate(halves(pixels, shrink, len(levels))):
        np.testing.assert_array_equal(images[0, index], wanted)


def test_levels_may_have_tiles_of_different_sizes(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 2**16, (500, 700, 1), np.uint16)
    reader = array_reader(pixels)
    sizes, tiles = level_sizes(700, 500, 100), [(48, 80), (64, 64), (34, 16), (256, 256)]
    levels = [
        LevelPlan(w, h, tw, th, Cascade() if i else Stored(0), raw)
        for i, ((w, h), (tw, th)) in enumerate(zip(sizes, tiles, strict=True))
    ]
    images = assembled(build(reader, levels, MEAN, BUDGET), levels, reader.info)
    for index, wanted in enumerate(halves(pixels, MEAN, 4)):
        np.testing.assert_array_equal(images[0, index], wanted)


def test_padding_repeats_the_last_row_and_column(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (20, 20, 1), np.uint8)
    reader = array_reader(pixels)
    levels = plans(reader.info, 16)
    tiles = {(t.level, t.column, t.row): t.data for t in build(reader, levels, MEAN, BUDGET)}
    corner = np.frombuffer(tiles[0, 1, 1], np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(corner[:4, :4], pixels[16:, 16:, 0])
    assert (corner[4:] == corner[3]).all()
    assert (corner[:, 4:] == corner[:, 3:4]).all()


def test_frames_come_in_order_and_are_not_mixed(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (5, 40, 50, 1), np.uint8)
    reader = array_reader(pixels, "tyxs")
    levels = plans(reader.info, 16)
    tiles = list(build(reader, levels, MEAN, BUDGET))
    assert [t.frame for t in tiles] == sorted(t.frame for t in tiles)
    images = assembled(tiles, levels, reader.info)
    for frame in range(5):
        for index, wanted in enumerate(halves(pixels[frame], MEAN, len(levels))):
            np.testing.assert_array_equal(images[frame, index], wanted)


def test_chosen_frames_only(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (5, 20, 20, 1), np.uint8)
    reader = array_reader(pixels, "tyxs")
    levels = plans(reader.info, 32)
    tiles = list(build(reader, levels, MEAN, BUDGET, frames=[3, 1]))
    assert [t.frame for t in tiles] == [0, 1]
    assert tiles[0].data[:20] == pixels[3, 0, :, 0].tobytes()


def test_the_order_of_tiles_depends_on_nothing_but_sizes(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (200, 300, 3), np.uint8)
    reader = array_reader(pixels)
    levels = plans(reader.info, 32)
    one, many = (list(build(reader, levels, MEAN, Budget(threads, 12, 8192))) for threads in (1, 7))
    assert one == many
    for index in range(len(levels)):
        places = [(t.row, t.column) for t in one if t.level == index]
        assert places == sorted(places)


def test_progress_counts_every_tile_and_byte(rng: np.random.Generator) -> None:
    reader = array_reader(rng.integers(0, 255, (100, 100, 1), np.uint8))
    levels = plans(reader.info, 32)
    events: list[Any] = []
    tiles = list(build(reader, levels, MEAN, BUDGET, on_progress=events.append))
    assert events[-1].done == events[-1].total == len(tiles)
    assert events[-1].bytes_written == sum(len(t.data) for t in tiles)
    assert [e.done for e in events] == sorted({e.done for e in events})


@each(
    "levels, words",
    [
        ([], "begin with a level"),
        ([LevelPlan(50, 50, 16, 16, Cascade(), raw)], "begin with a level"),
        ([LevelPlan(99, 100, 16, 16, Stored(0), raw)], "can't be the stored one"),
        ([LevelPlan(100, 100, 16, 16, Stored(0), None)], "have no encoder"),
        ([LevelPlan(100, 100, 16, 16, Copy(0), raw)], "have no encoder"),
        ([LevelPlan(100, 100, 16, 16, Copy(0), None)], "no tiles to take"),
        (
            [
                LevelPlan(100, 100, 16, 16, Stored(0), raw),
                LevelPlan(51, 50, 16, 16, Cascade(), raw),
            ],
            "not half of",
        ),
        (
            [
                LevelPlan(100, 100, 17, 17, Stored(0), raw),
                LevelPlan(50, 50, 16, 16, Cascade(), raw),
            ],
            "17 high can't be halved",
        ),
    ],
)
def test_impossible_plans_are_refused_before_anything_is_read(levels: Any, words: Any) -> None:
    reader = array_reader(np.zeros((100, 100, 1), np.uint8))
    with pytest.raises(OptionError, match=words):
        next(build(reader, levels, MEAN, BUDGET))
