"""What tags mean for an image as a whole: its bands, levels, background, texts, nodata."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.formats.tiff.info import (
    _as_described,
    _background,
    _colour_losses,
    _interpretation,
    _levels,
    _nodata,
    _shown,
    _shown_tags,
    _texts,
)
from ziggurat.readers.formats.tiff.pages.description import PageDescription
from ziggurat.readers.formats.tiff.pages.samples import SampleRule, Space
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts
from ziggurat.readers.model.encoded import Photometric
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level

P, K = Photometric, Interpretation


def layout(photometric: Photometric, bands: int, space: Space | None = None) -> Any:
    rule = SampleRule(1, 8, space=space)
    return SimpleNamespace(format=SimpleNamespace(photometric=photometric), bands=bands, rule=rule)


@each("photometric, bands, extra, means, alpha", [
        (P.GRAY, 1, (), K.GRAY, False), (P.GRAY, 2, (2,), K.GRAY, True),
        (P.GRAY, 2, (1,), K.GRAY, True), (P.GRAY, 2, (0,), K.MULTIBAND, False),
        (P.GRAY, 2, (), K.MULTIBAND, False), (P.GRAY, 3, (0, 2), K.MULTIBAND, True),
        (P.GRAY, 3, (2, 0), K.MULTIBAND, False), (P.GRAY, 1, (2,), K.GRAY, False),
        (P.RGB, 3, (), K.RGB, False), (P.RGB, 4, (2,), K.RGB, True), (P.RGB, 4, (1,), K.RGB, True),
        (P.RGB, 4, (), K.RGB, True), (P.RGB, 4, (0,), K.RGB, False),
        (P.RGB, 5, (0, 2), K.MULTIBAND, True), (P.RGB, 5, (2, 0), K.MULTIBAND, False),
        (P.RGB, 2, (), K.MULTIBAND, False), (P.YCBCR, 3, (), K.RGB, False),
        (P.PALETTE, 1, (), K.PALETTE, False), (P.PALETTE, 2, (2,), K.MULTIBAND, True),
    ])  # fmt: skip
def test_what_bands_mean(
    photometric: Photometric, bands: int, extra: tuple[int, ...], means: Interpretation, alpha: bool
) -> None:
    page: Any = SimpleNamespace(extrasamples=extra)
    assert _interpretation(page, layout(photometric, bands)) == (means, alpha)


@pytest.mark.parametrize("space", list(Space))
def test_samples_that_become_colours_are_colours(space: Space) -> None:
    page: Any = SimpleNamespace(extrasamples=())
    assert _interpretation(page, layout(P.GRAY, 3, space)) == (K.RGB, False)
    page.tags = SimpleNamespace(valueof=lambda code, default=None: 1 if code == 262 else default)
    told = _colour_losses(page, layout(P.GRAY, 3, space))
    if space is Space.PALETTE:
        assert told == ()
    else:
        assert len(told) == 1
        assert told[0].startswith(f"its {space.name.replace('_', ' ')} samples")


@each("stored, tiled, size", [
        ((64, 48), True, (64, 48)), ((8, 64), True, (8, 64)), ((64, 8), True, (64, 8)),
        ((65, 8), True, (256, 200)), ((8, 65), True, (256, 200)), ((300, 16), False, (256, 200)),
        ((64, 64), False, (256, 200)), ((1024, 512), True, (1024, 512)),
    ])  # fmt: skip
def test_the_tiles_that_are_good_to_ask_for(
    stored: tuple[int, int], tiled: bool, size: tuple[int, int]
) -> None:
    one: Any = SimpleNamespace(
        tile_width=stored[0], tile_height=stored[1], width=300, height=200, tiled=tiled
    )
    small: Any = SimpleNamespace(tile_width=16, tile_height=32, width=30, height=20, tiled=True)
    assert _levels([one, small]) == (Level(300, 200, *size), Level(30, 20, 16, 32))


def page(**tags: Any) -> Any:
    found = {int(code[1:]): value for code, value in tags.items()}
    return SimpleNamespace(tags=SimpleNamespace(valueof=lambda code: found.get(code)))


@each("text, dtype, value", [
        (" 7\0", "u1", 7), ("0", "u1", 0), ("-0.0", "u1", 0), ("1e2", "u1", 100), ("7,0", "i4", 7),
        ("65535", "u2", 65535), ("65536", "u2", None), ("-32769", "i2", None), (7, "u1", None),
        (None, "u1", None), ("", "u1", None), ("7.5", "u2", None), ("7,5", "f4", 7.5),
        ("-inf", "f4", -np.inf), ("inf", "u1", None),
    ])  # fmt: skip
def test_nodata(text: object, dtype: str, value: float | None) -> None:
    assert _nodata(page(_42113=text), np.dtype(dtype)) == value


def test_the_texts_of_tags() -> None:
    known = {269: "DocumentName", 271: "Make", 272: "Model", 305: "Software", 306: "DateTime",
             315: "Artist", 316: "HostComputer", 33432: "Copyright"}  # fmt: skip
    made = page(**{f"_{code}": f" {name} is \n" for code, name in known.items()}, _270="no", _1="x")
    assert _texts(made) == {f"tiff.{name}": f"{name} is" for name in known.values()}
    assert _texts(page(_271="", _272=" ", _305=7, _306="x" * 999, _315="x" * 1000)) == {
        "tiff.DateTime": "x" * 999
    }


@each("value, shown", [
        (b"abc", "3 bytes"), ((1, 2.5), [1, 2.5]), (tuple(range(16)), list(range(16))),
        (tuple(range(17)), "17 values"), (np.arange(17), "17 values"), ("x" * 999, "x" * 999),
        ("x" * 1001, "x" * 1000 + " …"), (True, True), (3, 3), (2.5, 2.5),
        (((1, b"ab"),), [[1, "2 bytes"]]),
        (None, "None"), ({"a": 1}, "{'a': 1}"),
    ])  # fmt: skip
def test_values_of_tags_are_shown_short(value: object, shown: object) -> None:
    assert _shown(value) == shown
    if not isinstance(value, np.ndarray):
        assert type(_shown(value)) is type(shown)


def test_long_tags_are_not_read_and_damaged_ones_left_out() -> None:
    class Tag:
        def __init__(self, name: str, count: int, value: object) -> None:
            self.name, self.count, self._value = name, count, value

        @property
        def value(self) -> object:
            if isinstance(self._value, Exception):
                raise self._value
            return self._value

    tags = [
        Tag("A", 1 << 16, "a"), Tag("B", (1 << 16) + 1, AssertionError()), Tag("C", 1, OSError()),
        Tag("D", 1, ValueError()), Tag("E", 2, (5, 6)),
    ]  # fmt: skip
    made: Any = SimpleNamespace(tags=tags)
    assert _shown_tags(made) == {"A": "a", "B": "65537 values", "E": [5, 6]}


@pytest.mark.parametrize(("dtype", "said"), [("u1", 255.0), ("u2", 3.0), ("f4", 3.0)])
def test_the_colour_of_missing_tiles(dtype: str, said: float) -> None:
    """The vendor's, which is told for bytes; else nodata."""
    one: Any = SimpleNamespace(dtype=np.dtype(dtype))
    assert _background(VendorFacts("x", background=255.0), one, 3.0) == said
    assert _background(VendorFacts("x"), one, 3.0) == 3.0
    assert _background(VendorFacts("x", background=0.0), one, 3.0) == (0.0 if dtype == "u1" else 3)
    assert _background(VendorFacts("x"), one, None) is None


INFO = ImageInfo("x", (Level(4, 4, 4, 4),), 2, np.dtype("u1"), K.MULTIBAND, description="old",
                 background=(9.0, 9.0), nodata=9.0, internal={"pages": 1})  # fmt: skip


@each("facts, changed", [
        ({}, {}), ({"mm_x": 0.5}, {"mm_x": 0.5}), ({"description": "new"}, {"description": "new"}),
        ({"background": (1.0, 2.0)}, {"background": (1.0, 2.0)}), ({"background": (1.0,)}, {}),
        ({"band_names": ("a", "b")}, {"band_names": ("a", "b")}), ({"band_names": ("a",)}, {}),
        ({"nodata": (1.0, None)}, {"nodata": (1.0, None)}), ({"nodata": (1.0,)}, {}),
        ({"nodata": 3.0}, {"nodata": 3.0}), ({"bands_apart": True, "axes": ()}, {}),
        ({"given": {"imageDescription": "x"}},
         {"internal": {"pages": 1, "imageDescription": "x"}}),
        ({"withheld": ("label",)}, {"withheld": ("label",)}),
    ])  # fmt: skip
def test_facts_that_a_tiff_of_ours_tells(facts: dict[str, Any], changed: dict[str, Any]) -> None:
    """Those for another number of bands are not believed."""
    said: Any = SimpleNamespace(facts=facts)
    due = dataclasses.replace(INFO, **({"description": None} | changed))
    assert _as_described(INFO, said) == due
    assert "facts" in PageDescription.__dataclass_fields__
