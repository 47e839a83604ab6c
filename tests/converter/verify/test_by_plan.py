"""What a plan makes of a judgement: which levels may be off, which must be the source's bytes."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.converter.verify.test_each_pair import EXACT, LOSSY, _Image, same
from tests.converter.verify.test_each_rule import _Levels
from tests.converter.verify.test_errors import check, lossless
from tests.converter.verify.test_facts import SOURCE, changed, found
from tests.each import each
from ziggurat.converter.verify.compare import SAMPLED_TILES, _cells, compare_level
from ziggurat.converter.verify.halved import WAYS
from ziggurat.converter.verify.judge import copy_problems, judged, level_problems, ways
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.image import Axis, Interpretation, Level
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import OUTPUTS
from ziggurat.writers.model.reducers import Reducer

ACTIONS = ("copy", "encode", "scale", "cascade")


def plan(*actions: str, codec: str = "deflate", **facts: Any) -> Any:
    steps = [SimpleNamespace(action=action, codec=codec, width=8, height=8) for action in actions]
    made = {"steps": steps, "target": SimpleNamespace(uniform=False), "resample": None}
    return SimpleNamespace(**(made | facts))


@each("resample", [None, *Reducer])
def test_a_plan_says_in_which_way_levels_are_made(resample: Reducer | None) -> None:
    (way,) = ways(plan("copy", resample=resample))
    known = "mean" if resample is None else resample.value
    assert way == (known if known in WAYS else "wide")
    assert ways(None) == tuple(WAYS)


@each("action", ACTIONS)
@each("level", [0, 1])
@each("codec", ["deflate", "jpeg", "webp", "jpeg2000", "lzw"])
def test_what_is_made_or_lossy_may_be_off(action: str, level: int, codec: str) -> None:
    """Of an output without tiles to ask the plan says what it is encoded with."""
    reader = _Twice(lossless())
    asked = plan(*["encode", action][1 - level :], codec=codec)
    limited = judged(check(level=level), reader, reader, asked)
    lossy = codec in ("jpeg", "webp", "jpeg2000")
    made = action in ("scale", "cascade")
    assert (limited.mean_limit is not None) is (lossy or made)
    assert (limited.beyond_limit is not None) is (lossy and not made)
    problems = list(level_problems(limited, reader, asked))
    assert (problems == []) is (lossy or made)


@pytest.mark.parametrize("codec", ["deflate", "jpeg"])
@pytest.mark.parametrize("form", [EXACT, LOSSY])
def test_tiles_tell_of_loss_whatever_was_planned(codec: str, form: Any) -> None:
    image = _Image(form, same)
    limited = judged(check(), image, image, plan("encode", codec=codec))
    assert (limited.mean_limit is None) is form.lossless


def test_levels_beyond_a_plan_are_made_as_far_as_the_source_has_them_not() -> None:
    reader = array_reader(np.zeros((100, 100, 3), np.uint8))
    for asked in (None, plan("copy")):
        assert judged(check(level=1), _Twice(reader), reader, asked).mean_limit is not None
        assert judged(check(level=0), _Twice(reader), reader, asked).mean_limit is None
    other = array_reader(np.zeros((50, 50, 3), np.uint8))
    assert judged(check(level=0), _Twice(reader), other, None).mean_limit is not None


class _Twice(Reader):
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        levels = (*reader.info.levels, *reader.info.levels)
        self.info = dataclasses.replace(reader.info, levels=levels)

    def plane(self, level: int, frame: int) -> Any:
        assert level < 2
        return self._reader.plane(0, frame)


@each("action", ACTIONS)
@each("compared", ["bytes", "pixels", "level above", "shrunk pixels"])
@each("uniform", [False, True])
def test_a_level_that_was_to_be_copied_is_the_sources_bytes(
    action: str, compared: str, uniform: bool
) -> None:
    target = SimpleNamespace(uniform=uniform)
    asked = plan("encode", action, target=target)
    problems = list(copy_problems(check(level=1, compared=compared), asked))
    wrong = action == "copy" and compared != "bytes" and not uniform
    assert problems == ["level 1 was to be copied, but its tiles are others"] * wrong
    assert list(copy_problems(check(level=2, compared=compared), asked)) == []


@pytest.mark.parametrize("shared", range(5))
def test_a_mixture_is_damage_of_what_is_in_the_minority(shared: int) -> None:
    """Of tiles that lose values those are the source's whose bytes are; else whose pixels are."""
    for reader, planned in ((_Image(LOSSY, same), None), (_Image(EXACT, same), None)):
        for different in range(1, 6 - shared):
            made = check(identical=shared, different=different, checked=5, mean_limit=None)
            lossy = reader.form is LOSSY
            count = shared if lossy else 5 - different
            (problem,) = level_problems(made, reader, planned)
            damaged = f"level 0: {different} tiles are damaged, {count} are the source's"
            assert (problem == damaged) is (count > different)


@each("own", [False, True])
@each("output", OUTPUTS)
def test_what_a_format_has_a_place_for_is_missed_in_it(output: Any, own: bool) -> None:
    """Of files that others may have written as well, only in formats that hold all of it."""
    source = changed(associated=("label", "macro", "thumbnail", "map"))
    made = changed(format=output.read_as or "none", associated=(), icc_profile=None)
    if output.read_as is None:
        return
    problems = " ".join(found(made, source, own=own))
    rows = [row for row in OUTPUTS if row.read_as == output.read_as]
    told = rows[0].faithful and (own or not rows[0].signed)
    places = rows[0].pictures
    for name in source.associated:
        place = places is None or name in places
        assert (f"associated image {name!r} is missing" in problems) is (told and place), name
    assert ("ICC profile is missing" in problems) is told


@pytest.mark.parametrize(
    ("output", "source", "told"),
    [
        (b"a", b"a", False), (b"a", b"b", True), (None, b"b", True), (b"a", None, False),
        (None, None, False),
    ],
)  # fmt: skip
def test_profiles(output: bytes | None, source: bytes | None, told: bool) -> None:
    problems = found(changed(icc_profile=output), changed(icc_profile=source))
    assert [("ICC profile" in problem) for problem in problems] == [True] * told


@each("dtype", ["<u2", ">u2", "<f4", ">f4", "<i4", ">i4"])
def test_the_order_of_bytes_in_memory_is_no_fact(dtype: str) -> None:
    source = changed(dtype=np.dtype(dtype))
    assert found(changed(dtype=np.dtype(dtype).newbyteorder("S")), source) == []
    assert found(source, changed(dtype=np.dtype(dtype).newbyteorder("S"))) == []
    assert len(found(changed(dtype=np.dtype("u1")), source)) == 1


@pytest.mark.parametrize("kind", list(Interpretation))
def test_bands_that_are_colours_or_not_in_one_of_both(kind: Interpretation) -> None:
    rgb = Interpretation.RGB
    for one, two in ((kind, rgb), (rgb, kind)):
        problems = found(changed(interpretation=one), changed(interpretation=two))
        assert (problems != []) is (kind is not rgb)
    assert found(changed(interpretation=kind), changed(interpretation=Interpretation.GRAY)) == (
        [] if kind is not rgb else [f"its bands are {rgb.value}, the source's gray"]
    )
    assert SOURCE.interpretation is rgb
    assert Codec.JPEG.row.can_lose


@each("ours, theirs, told", [
        ("tc", "tc", False), ("zc", "tc", True), ("qc", "tc", False), ("tc", "qc", False),
        ("qc", "pc", False), ("ct", "tc", True), ("cq", "qc", True),
    ])  # fmt: skip
@each("own", [False, True])
def test_names_of_axes_are_told_where_all_are_known(
    ours: str, theirs: str, told: bool, own: bool
) -> None:
    """Programs of others call an axis what they have a place for; sizes count in any case."""
    one, two = (tuple(map(Axis, names, (2, 3))) for names in (ours, theirs))
    problems = found(changed(axes=one), changed(axes=two), own=own)
    known = told and (own or set(ours) == set(theirs))
    assert [problem.startswith("axes are") for problem in problems] == [True] * known


@pytest.mark.parametrize("unknown", [np.nan, np.inf, -9.0])
def test_pixels_of_no_value_hide_no_damage_beside_them(unknown: float) -> None:
    """In a level that is made of the one above: what is known of it is looked at."""
    whole = np.random.default_rng(4).random((64, 64, 1)).astype(np.float32)
    whole[6, 9] = unknown
    half = whole.reshape(32, 2, 32, 2, 1).mean(axis=(1, 3), dtype=np.float64).astype(np.float32)
    source = _facts(array_reader(whole))
    for y, x, off, different in ((0, 0, 0, 0), (3, 4, 9, 0), (20, 20, 1, 1), (31, 31, 1, 1)):
        wrong = half.copy()
        wrong[y, x] += off
        result = compare_level(_facts(_Levels([array_reader(whole), array_reader(wrong)])),
                               source, 1, full=True)  # fmt: skip
        assert (result.compared, result.different) == ("level above", different), (y, x)


def _facts(reader: Reader) -> Reader:
    reader.info = dataclasses.replace(reader.info, nodata=-9.0)
    return reader


@pytest.mark.parametrize("size", [(16, 16), (80, 80), (25 * 16, 16), (16, 25 * 16), (999, 33)])
def test_a_sample_is_spread_from_the_first_tile_to_the_last(size: tuple[int, int]) -> None:
    level = Level(*size, 16, 16)
    columns, rows = -(-size[0] // 16), -(-size[1] // 16)
    every = list(_cells(level, full=True))
    assert len(every) == columns * rows
    some = list(_cells(level, full=False))
    assert len(set(some)) == len(some) == min(len(every), SAMPLED_TILES)
    places = [every.index(cell) for cell in some]
    assert (places[0], places[-1]) == (0, len(every) - 1)
    steps = np.diff(places) if len(places) > 1 else np.ones(1)
    assert steps.max() - steps.min() <= 1
