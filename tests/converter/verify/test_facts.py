"""Each fact that an output may have otherwise than its source, one at a time, is named."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.converter.verify.agreement import level_problems
from ziggurat.converter.verify.facts import fact_problems
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation, Level

LEVELS = (Level(1000, 800, 256, 256), Level(250, 200, 256, 256))
SOURCE = ImageInfo(
    "tiff", LEVELS, 3, np.dtype(np.uint16), Interpretation.RGB,
    axes=(Axis("t", 2), Axis("c", 3)), channels=(Channel("DAPI"), Channel("FITC"), Channel("Cy5")),
    mm_x=0.0005, mm_y=0.00025, icc_profile=b"profile", associated=("label", "macro"),
)  # fmt: skip
ALPHA = dataclasses.replace(SOURCE, bands=4, alpha=True)
MASKED = {"gdal": {"bands": [{"mask": "per dataset"}]}}


def found(output: ImageInfo, source: ImageInfo = SOURCE, *, own: bool = True) -> list[str]:
    return list(fact_problems(output, source, own=own))


def changed(source: ImageInfo = SOURCE, **facts: Any) -> ImageInfo:
    return dataclasses.replace(source, **facts)


def test_equal_facts_are_no_problem() -> None:
    assert found(SOURCE) == []
    assert found(ALPHA, ALPHA) == []


@each(
    "facts, words",
    [
        ({"levels": (Level(1001, 800, 256, 256),)}, "size is (1001, 800)"),
        ({"levels": (Level(1000, 801, 256, 256),)}, "size is (1000, 801)"),
        ({"axes": (Axis("t", 2), Axis("c", 2))}, "frames is 4"),
        ({"axes": (Axis("t", 3), Axis("c", 2))}, "axes are {'t': 3, 'c': 2}"),
        ({"axes": (Axis("z", 2), Axis("c", 3))}, "axes are {'z': 2, 'c': 3}"),
        ({"axes": (Axis("c", 6),)}, "axes are {'c': 6}"),
        ({"bands": 4}, "bands is 4"),
        ({"bands": 2}, "bands is 2"),
        ({"dtype": np.dtype(np.int16)}, "dtype is int16"),
        ({"dtype": np.dtype(np.float16)}, "dtype is float16"),
        ({"dtype": np.dtype(np.uint8)}, "dtype is uint8"),
        ({"alpha": True}, "the last band is alpha, in the source it is no alpha"),
        ({"interpretation": Interpretation.MULTIBAND}, "its bands are multiband"),
        ({"mm_x": 0.00050051}, "mm_x is 0.00050051"),
        ({"mm_x": 0.00025}, "mm_x is 0.00025"),
        ({"mm_y": 0.0005}, "mm_y is 0.0005"),
        ({"mm_x": None}, "mm_x is None"),
        ({"mm_y": None}, "mm_y is None"),
        ({"channels": (Channel("DAPI"), Channel("FITC"), Channel("Cy3"))}, "'Cy3'"),
        ({"channels": (Channel("FITC"), Channel("DAPI"), Channel("Cy5"))}, "channel names"),
        ({"channels": (Channel("DAPI"), Channel("FITC"))}, "channel names"),
        ({"associated": ("label",)}, "associated image 'macro' is missing"),
        ({"associated": ("macro",)}, "associated image 'label' is missing"),
        ({"associated": ("macro",), "withheld": ("macro",)}, "'label' is missing"),
        ({"icc_profile": None}, "ICC profile is missing"),
        ({"icc_profile": b"another"}, "ICC profile is not the source's"),
    ],
)
def test_a_fact_that_is_another(facts: dict[str, Any], words: str) -> None:
    problems = found(changed(**facts))
    assert any(words in problem for problem in problems), problems


@each(
    "facts",
    [
        {"dtype": np.dtype(">u2")},
        {"mm_x": 0.00050049},
        {"channels": ()},
        {"associated": ("label",), "withheld": ("macro",)},
        {"icc_profile": None, "withheld": ("icc_profile",)},
        {"channels": (Channel("channel 0"),) * 3, "withheld": ("channels",)},
        {"axes": (Axis("z", 1), Axis("t", 2), Axis("c", 3))},
        {"mm_y": 0.0005, "square_pixels": True},
        {"associated": ("label", "macro", "thumbnail")},
    ],
)
def test_what_may_be_otherwise(facts: dict[str, Any]) -> None:
    assert found(changed(**facts)) == []


def test_the_sources_unknown_is_no_problem() -> None:
    source = changed(mm_x=None, mm_y=None, icc_profile=None, channels=(), associated=())
    assert found(SOURCE, source) == []


@pytest.mark.parametrize(("unknown", "other"), [("mm_x", "mm_y"), ("mm_y", "mm_x")])
def test_a_size_that_is_unknown_excuses_itself_alone(unknown: str, other: str) -> None:
    problems = found(changed(**{other: 0.7}), changed(**{unknown: None}))
    assert len(problems) == 1
    assert problems[0].startswith(f"{other} is 0.7")


def test_alpha_may_be_a_mask_but_not_gone() -> None:
    """A mask of GDAL's for all bands stands for it; fewer bands alone don't."""
    gone = changed(ALPHA, bands=3, alpha=False)
    assert any("bands is 3" in problem for problem in found(gone, ALPHA))
    masked = changed(gone, internal=MASKED)
    assert found(masked, ALPHA) == []
    two = changed(ALPHA, bands=2, alpha=False, internal=MASKED)
    assert any("bands is 2" in problem for problem in found(two, ALPHA))
    opaque = changed(bands=2, internal=MASKED)
    assert any("bands is 2" in problem for problem in found(opaque))


def _sizes(*sizes: tuple[int, int], tile: int = 64) -> tuple[Level, ...]:
    return tuple(Level(*size, tile, tile) for size in sizes)


class _Output:
    """What an output is, as far as its levels are looked at."""

    def __init__(self, levels: tuple[Level, ...]) -> None:
        self.info = changed(levels=levels, internal={"kind": "ziggurat"})


FULL = [(1000, 800), (500, 400), (250, 200), (125, 100), (63, 50)]


@each(
    "sizes, words",
    [
        (FULL, None),
        ([s for s in FULL if s[0] != 500], "a level between (1000, 800) and (250, 200)"),
        ([s for s in FULL if s[0] != 250], "the source's level of 250 x 200"),
        ([s for s in FULL if s[0] != 125], "a level between (250, 200) and (63, 50)"),
        (FULL[:-1], "the levels end at (125, 100)"),
        ([(1000, 800), (250, 200)], None),
        ([(1000, 800)], "the source's level of 250 x 200"),
    ],
)
def test_levels_that_are_missing(sizes: list[tuple[int, int]], words: str | None) -> None:
    output: Any = _Output(_sizes(*sizes))
    problems = list(level_problems(output, SOURCE))
    if words is None:
        assert problems == []
    else:
        assert any(words in problem for problem in problems), problems


@pytest.mark.parametrize("turned", [False, True])
def test_levels_of_a_long_image_end_where_both_sides_are_small(turned: bool) -> None:
    sizes = [(1000, 50), (500, 25), (250, 13), (125, 7), (63, 4)]
    sizes = [(h, w) for w, h in sizes] if turned else sizes
    source = changed(levels=_sizes(sizes[0]))
    output: Any = _Output(_sizes(*sizes))
    assert list(level_problems(output, source)) == []
    short: Any = _Output(_sizes(*sizes[:-1]))
    assert any("the levels end" in problem for problem in level_problems(short, source))
