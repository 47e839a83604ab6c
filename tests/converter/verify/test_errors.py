"""What a comparison of two tiles finds, against plain loops; what is judged of it, in figures."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.converter.plan.report import LevelCheck
from ziggurat.converter.verify.errors import CELL, TAIL, TileCheck, shift_of, tile_errors
from ziggurat.converter.verify.judge import judged, level_problems, sample_unit
from ziggurat.readers.model.image import Interpretation
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.readers.views.array import array_reader


def pair(dtype: str, shape: tuple[int, int, int]) -> tuple[Pixels, Pixels]:
    rng = np.random.default_rng(7)
    theirs = (rng.random(shape) * 200).astype(dtype)
    return (theirs + (rng.random(shape) * 5).astype(dtype)).astype(dtype), theirs


@each("dtype", ["u1", "i2", "i8", "f4"])
@each("shape", [(1, 1, 1), (5, 7, 2), (7, 4, 3), (3, 258, 1), (258, 3, 1)])
def test_errors_are_those_of_plain_arithmetic(dtype: str, shape: tuple[int, int, int]) -> None:
    ours, theirs = pair(dtype, shape)
    ours.flat[-1] += 3  # in the very last sample, too
    off = np.abs(ours.astype(float) - theirs.astype(float))
    found = tile_errors(ours, theirs)
    assert not found.same_bytes
    assert found.max_error == off.max()
    assert found.mean_error == pytest.approx(off.mean())
    bias = np.abs((ours.astype(float) - theirs.astype(float)).mean(axis=(0, 1))).max()
    assert found.bias == pytest.approx(bias)
    cells = [
        off[y : y + CELL, x : x + CELL]
        for y in range(0, shape[0], CELL)
        for x in range(0, shape[1], CELL)
    ]
    assert found.tail_error == pytest.approx(max(np.percentile(cell, TAIL) for cell in cells))
    whole = np.pad(theirs, ((0, shape[0] % 2), (0, shape[1] % 2), (0, 0)), "edge").astype(float)
    blocks = [
        whole[y : y + 2, x : x + 2] for y in range(0, shape[0], 2) for x in range(0, shape[1], 2)
    ]
    detail = np.concatenate([np.abs(block - block.mean(axis=(0, 1))).ravel() for block in blocks])
    assert found.detail == pytest.approx(detail.mean())
    assert tile_errors(theirs.copy(), theirs).max_error == 0


@each("ours, theirs, error", [
        (np.nan, np.nan, 0), (np.inf, np.inf, 0), (np.nan, 1.0, np.inf), (1.0, np.nan, np.inf),
        (np.inf, 1.0, np.inf), (-np.inf, np.inf, np.inf), (2.0, 1.0, 1.0),
    ])  # fmt: skip
def test_what_is_no_number_equals_its_like_alone(ours: float, theirs: float, error: float) -> None:
    one, two = (np.ones((4, 4, 1), np.float32) for _ in range(2))
    one[1, 2], two[1, 2] = ours, theirs
    assert tile_errors(one, two).max_error == error
    one[3, 3] += 0.5  # beside another difference
    assert tile_errors(one, two).max_error == max(error, 0.5)


@pytest.mark.parametrize("dtype", [np.uint64, np.int64])
def test_one_step_of_64_bits_is_a_difference(dtype: Any) -> None:
    theirs = np.full((3, 3, 1), np.iinfo(dtype).max, dtype)
    ours = theirs.copy()
    ours[2, 1] -= 1
    assert tile_errors(ours, theirs).max_error == 1


@pytest.mark.parametrize("dtype", [np.uint64, np.int64])
def test_numbers_of_64_bits_may_be_as_far_apart_as_they_can(dtype: Any) -> None:
    least, most = (getattr(np.iinfo(dtype), name) for name in ("min", "max"))
    for one, two in ((least, most), (most, least), (0, most), (least, 1), (most - 1, most)):
        theirs = np.full((3, 5, 2), 7, dtype)
        ours = theirs.copy()
        ours[2, 3, 1], theirs[2, 3, 1] = one, two
        assert tile_errors(ours, theirs).max_error == float(abs(int(one) - int(two)))


@each("shape", [(9, 6, 2), (3, 258, 1), (300, 3, 1), (260, 259, 1)])
@each("dtype", ["u1", "f4"])
def test_detail_and_moves_are_those_of_plain_arithmetic(
    shape: tuple[int, int, int], dtype: str
) -> None:
    """The finest piece bounds the tail; slopes and errors are about their means, along x and y."""
    theirs = np.random.default_rng(3).integers(90, 110, shape).astype(dtype)
    theirs[-2:] = theirs[-2:] // 4 * 9  # a piece of more detail than the others
    ours = (theirs * 0.5 + np.arange(shape[1])[:, np.newaxis] % 7 + 30).astype(dtype)
    found = tile_errors(ours, theirs)
    one, two = ours.astype(float), theirs.astype(float)
    even = np.pad(two, ((0, shape[0] % 2), (0, shape[1] % 2), (0, 0)), "edge")
    means = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
    detail = np.abs(even - means.repeat(2, 0).repeat(2, 1))
    pieces = [detail[y : y + CELL, x : x + CELL] for y in range(0, len(detail), CELL)
              for x in range(0, detail.shape[1], CELL)]  # fmt: skip
    tails = [np.percentile(piece, TAIL) for piece in pieces]
    assert found.tail_detail == pytest.approx(max(tails))
    for axis, moves in zip((1, 0), found.moves, strict=True):
        error, pixels = (np.moveaxis(values, axis, 0) for values in (one - two, two))
        slope = (pixels[2:] - pixels[:-2]) / 2
        error = error[1:-1]
        slope, error = slope - slope.mean(), error - error.mean()
        wanted = (error * slope).sum(), (slope**2).sum(), (error**2).sum()
        assert moves == pytest.approx(wanted), axis
    none = tile_errors(ours[:2, :2], theirs[:2, :2])
    assert none.moves == ((0, 0, 0), (0, 0, 0))


def test_what_has_no_value_is_no_detail() -> None:
    theirs = np.full((6, 6, 1), 5, np.float32)
    ours = theirs + 1
    for value in (np.nan, np.inf, -np.inf):
        ours[2, 2], theirs[2, 2] = value, value
        found = tile_errors(ours, theirs)
        assert (found.max_error, found.bias) == (1, pytest.approx(35 / 36))
        assert found.tail_detail <= 5
        assert np.isfinite(found.detail)


def test_a_shift_explains_what_it_explains() -> None:
    """Against the slope it is one to the other side; of little that varies together it is none."""
    still = (0.0, 0.0, 0.0)
    for both, shift in ((9.0, 2.25), (-9.0, 2.25), (2.0, 0.0), (-1.0, 0.0)):
        one = TileCheck(False, moves=((both, 4.0, 25.0), still))
        two = TileCheck(False, moves=(still, (both, 4.0, 25.0)))
        assert shift_of([one]) == shift_of([two]) == shift
        assert shift_of([one, one]) == shift
    larger = TileCheck(False, moves=((9.0, 4.0, 25.0), (12.0, 4.0, 40.0)))
    assert shift_of([larger]) == 3
    assert shift_of([TileCheck(False, moves=((9.0, 4.0, 25.0), still)),
                     TileCheck(False, moves=((-9.0, 4.0, 25.0), still))]) == 0  # fmt: skip


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("pixels", [1, -1])
def test_a_shift_is_seen_on_either_axis(axis: int, pixels: int) -> None:
    y, x = np.mgrid[:60, :60]
    theirs = (100 + 60 * np.sin((x, y)[1 - axis] / 9))[..., np.newaxis]
    found = tile_errors(np.roll(theirs, pixels, axis)[4:-4, 4:-4], theirs[4:-4, 4:-4])
    assert shift_of([found]) == pytest.approx(1, abs=0.1)
    assert shift_of([]) == 0


def check(**facts: Any) -> LevelCheck:
    made = {
        "level": 0, "compared": "pixels", "checked": 10, "total": 10, "identical": 0,
        "different": 10, "max_error": 1.0, "mean_error": 0.5, "mean_limit": 12.0,
        "tail_limit": 64.0, "bias_limit": 3.0, "shift_limit": 0.2, "beyond_limit": 0.02,
    }  # fmt: skip
    return LevelCheck(**(made | facts))


def lossless(shape: tuple[int, ...] = (100, 100, 3), dtype: str = "u1", **facts: Any) -> Reader:
    return array_reader(np.zeros(shape, dtype), **facts)


class _Lossy(Reader):
    """An image without tiles to ask, which says of itself that it has lost values."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.info = dataclasses.replace(reader.info, lossy=True)

    def plane(self, level: int, frame: int) -> Any:
        return self._reader.plane(level, frame)


@each(
    "facts, words",
    [
        ({}, None),
        ({"different": 0, "mean_limit": None}, None),
        ({"mean_limit": None}, "differs from the source in 10 tiles"),
        ({"mean_error": 12.01}, "off the source in the mean"),
        ({"tail_error": 64.5}, "99.9 %"),
        ({"bias": 3.1}, "lighter or darker"),
        ({"shift": 0.21}, "pixels beside the source"),
        ({"shift": 0.21, "compared": "level above"}, "pixels beside the level above"),
        ({"beyond": 0.021}, "more than its quality"),
        ({"identical": 6, "different": 4}, "4 tiles are damaged, 6 are the source's"),
        ({"identical": 6, "different": 4, "compared": "level above"}, None),
        ({"identical": 4, "different": 6}, None),
        ({"tail_error": 99.0, "tail_limit": None}, None),
        ({"bias": 99.0, "bias_limit": None}, None),
        ({"shift": 99.0, "shift_limit": None}, None),
        ({"beyond": 99.0, "beyond_limit": None}, None),
    ],
)
def test_what_is_wrong_with_a_judged_level(facts: dict[str, Any], words: str | None) -> None:
    problems = list(level_problems(check(**facts), _Lossy(lossless()), None))
    assert len(problems) == (words is not None), problems
    assert words is None or words in problems[0]


def test_tiles_of_equal_pixels_and_other_bytes_count_as_the_sources() -> None:
    """Of what loses nothing, tiles that are packed anew are none the worse."""
    (problem,) = level_problems(check(different=3, mean_limit=None), _Whole(lossless()), None)
    assert problem == "level 0: 3 tiles are damaged, 7 are the source's"


class _Whole(_Lossy):
    def __init__(self, reader: Reader) -> None:
        super().__init__(reader)
        self.info = reader.info


@each("dtype, unit", [("u1", 1), ("i1", 1), ("u2", 257), ("i2", 257), ("u4", 2), ("f4", 2)])
def test_samples_of_other_widths_have_wider_limits(dtype: str, unit: float) -> None:
    reader = _Lossy(lossless(dtype=dtype, interpretation=Interpretation.MULTIBAND))
    seen = check(detail=51.0, tail_detail=510.0)
    assert sample_unit(reader.info, seen) == unit
    found = judged(seen, reader, reader, None)
    assert found.mean_limit == 12 * unit + 51
    assert found.tail_limit == 64 * unit + 510
    assert found.bias_limit == (1.5 + 1.5 * 2) * unit


def test_limits_by_what_a_level_is_held_against() -> None:
    reader = _Lossy(lossless())
    shrunk = judged(check(compared="shrunk pixels", detail=2.0), reader, reader, None)
    assert (shrunk.mean_limit, shrunk.tail_limit, shrunk.bias_limit) == (32, None, None)
    assert (shrunk.shift_limit, shrunk.beyond_limit) == (None, None)
    same, above = (
        judged(check(compared=name), reader, reader, None) for name in ("pixels", "level above")
    )
    assert same.bias_limit is not None
    assert above.bias_limit == 2 * same.bias_limit
    strict = judged(check(), _Whole(lossless()), reader, None)
    assert (strict.mean_limit, strict.tail_limit, strict.shift_limit) == (None, None, None)


def test_only_a_made_level_may_lie_as_the_one_above_does() -> None:
    reader = _Lossy(lossless())
    first = judged(check(shift=0.5, shift_above=0.0), reader, reader, None)
    assert first.shift == 0.5
    assert first.beyond_limit == 0.02
    other = lossless((50, 50, 3))
    made = judged(check(shift=0.5, shift_above=0.0), reader, other, None)
    assert made.shift == 0
    assert made.beyond_limit is None
