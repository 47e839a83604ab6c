"""What stored samples become, and how pages say that they are stored: each rule, each tag."""

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.tiff.pages.layout import (
    _dots,
    check_segments,
    page_layout,
    palette_of,
)
from ziggurat.readers.formats.tiff.pages.samples import SampleRule, Space, _full_range
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric


def rounded(value: float) -> int:
    return int(np.rint(value))


@each("inverted", [False, True])
@each("bits, scale, dtype", [(1, 255, "u1"), (2, 85, "u1"), (4, 17, "u1"), (8, 1, "u1"),
                                 (16, 1, "u2"), (12, 1, "u2"), (32, 1, "u4"), (1, 1, "?")],
)  # fmt: skip
def test_few_bits_are_widened_and_white_that_is_low_is_high(
    bits: int, scale: int, dtype: str, inverted: bool
) -> None:
    """The bands behind the colours stay as they are, but for their width."""
    top = (1 << bits) - 1
    if dtype == "?" and inverted:
        return
    values = np.array([0, 1, top // 2, top], np.int64)
    tile = np.stack([values, values[::-1]], axis=1)[np.newaxis].astype(dtype)
    rule = SampleRule(1, bits, inverted, scale)
    found = rule.apply(tile.copy(), np.dtype(dtype))
    gray = (top - values if inverted else values) * scale
    assert found.dtype == np.dtype(dtype)
    assert found[0, :, 0].astype(np.int64).tolist() == gray.astype(dtype).astype(np.int64).tolist()
    extra = (values[::-1] * scale).astype(dtype)
    assert found[0, :, 1].tolist() == extra.tolist()
    assert rule.changes is (inverted or scale != 1)
    assert rule.bands(2) == 2


@each("dtype", ["u1", "u2", "f4"])
@each("colors, by, stored", [(3, 3, 4), (1, 1, 2), (3, 4, 6), (1, 2, 4)])
def test_colours_are_divided_by_their_alpha(colors: int, by: int, stored: int, dtype: str) -> None:
    top = 1.0 if dtype == "f4" else float(np.iinfo(dtype).max)
    levels = [0.0, 0.2, 0.5, 1.0]
    tile = np.array(list(itertools.product(levels, levels)))[:, :1] * np.ones(stored)
    tile[:, by] = np.array(list(itertools.product(levels, levels)))[:, 1]
    tile = (tile * top).astype(dtype)[np.newaxis]
    found = SampleRule(colors, 8, premultiplied_by=by).apply(tile.copy(), np.dtype(dtype))
    for pixel, made in zip(tile[0].astype(float), found[0].astype(float), strict=True):
        alpha = pixel[by]
        for band in range(stored):
            due = pixel[band]
            if band < colors:
                due = 0.0 if alpha == 0 else pixel[band] * top / alpha
                if dtype != "f4":
                    due = min(rounded(due), top)
            assert made[band] == pytest.approx(due, rel=1e-6), (band, pixel)


def test_white_that_is_low_beside_its_alpha() -> None:
    """First white is turned round, then the colours are divided."""
    tile = np.array([[[155, 250]]], np.uint8)
    found = SampleRule(1, 8, inverted=True, premultiplied_by=1).apply(tile, np.dtype("u1"))
    assert found.tolist() == [[[102, 250]]]


def test_indices_become_colours_and_what_is_behind_them_stays() -> None:
    palette = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.uint8)
    rule = SampleRule(1, 8, space=Space.PALETTE, palette=palette)
    tile = np.array([[[2, 70], [0, 80]]], np.uint8)
    assert rule.apply(tile, np.dtype("u1")).tolist() == [[[7, 8, 9, 70], [1, 2, 3, 80]]]
    assert (rule.bands(1), rule.bands(2), rule.changes) == (3, 4, True)
    with pytest.raises(CorruptSourceError, match="palette of 3 colours, but a pixel of number 3"):
        rule.apply(np.array([[[3, 0]]], np.uint8), np.dtype("u1"))
    assert rule.apply(np.zeros((0, 4, 2), np.uint8), np.dtype("u1")).shape == (0, 4, 4)


def test_bands_of_each_space() -> None:
    assert SampleRule(4, 8, space=Space.CMYK).bands(4) == 3
    assert SampleRule(4, 8, space=Space.CMYK).bands(6) == 5
    assert SampleRule(3, 8, space=Space.LAB).bands(3) == 3
    assert SampleRule(3, 8).bands(5) == 5


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_the_range_of_inks(dtype: str) -> None:
    """From no cover to full cover, in either direction, for each ink; beyond it is cut off."""
    top = np.iinfo(dtype).max
    dots = ((10, 210), (210, 10), (0, 255), (50, 51))
    inks = np.array(
        [[[0, 0, 0, 0], [10, 10, 10, 50], [60, 60, 60, 51], [255, 255, 255, 52]]], dtype
    )
    found = _full_range(inks, dots)
    for pixel, made in zip(inks[0].astype(int), found[0], strict=True):
        for value, got, (none, full) in zip(pixel, made, dots, strict=True):
            share = min(max((value - none) / (full - none), 0), 1)
            assert int(got) == rounded(share * top)
    assert found.dtype == np.dtype(dtype)


@each("said, bits, due", [
        (None, 8, None), ((0, 255), 8, None), ((0, 255) * 4, 8, None), ((0, 65535), 16, None),
        ((0, 255), 16, ((0, 255),) * 4), ((10, 200), 8, ((10, 200),) * 4),
        ((0, 255) * 3 + (1, 255), 8, ((0, 255),) * 3 + ((1, 255),)),
        ((0, 255) * 4 + (7, 9), 8, None), ((255, 0), 8, ((255, 0),) * 4),
        ((0, 255, 0), 8, "bad"), ((0, 255) * 3, 8, "bad"), ((5, 5), 8, "bad"), (7, 8, "bad"),
        ((0.0, 255.0), 8, "bad"), ((), 8, "bad"),
    ])  # fmt: skip
def test_what_a_page_says_of_the_range_of_inks(said: Any, bits: int, due: Any) -> None:
    page: Any = SimpleNamespace(tags=SimpleNamespace(valueof=lambda _: said))
    if due == "bad":
        with pytest.raises(CorruptSourceError, match="dot range"):
            _dots(page, 4, bits)
    else:
        assert _dots(page, 4, bits) == due


@pytest.mark.parametrize(("top", "shift"), [(255, 0), (256, 8), (65535, 8)])
def test_palettes_of_8_or_16_bits(top: int, shift: int) -> None:
    page: Any = SimpleNamespace(colormap=np.array([[0, top], [1, 2], [top, 7]], np.uint16))
    due = [[0, 1, top], [top, 2, 7]]
    assert palette_of(page).tolist() == [[value >> shift for value in color] for color in due]


class Tags(dict[int, Any]):
    """Tags of a page by their codes; iterating gives tags."""

    def valueof(self, code: int, default: Any = None) -> Any:
        return self.get(code, default)

    def __iter__(self) -> Any:
        return iter([SimpleNamespace(code=code) for code in self.keys()])


def page(tags: dict[int, Any] | None = None, **facts: Any) -> Any:
    """Return a page of 50 x 40 pixels in tiles of 32 x 16."""
    told: dict[str, Any] = {
        "imagewidth": 50, "imagelength": 40, "tilewidth": 32, "tilelength": 16, "is_tiled": True,
        "rowsperstrip": 0, "samplesperpixel": 3, "planarconfig": 1, "photometric": 2,
        "compression": 1, "bitspersample": 8, "dtype": np.dtype("u1"), "extrasamples": (),
        "imagedepth": 1, "fillorder": 1, "sampleformat": 1, "predictor": 1, "colormap": None,
        "parent": SimpleNamespace(byteorder="<", is_ndpi=False), "decode": "decoder",
    }  # fmt: skip
    made = SimpleNamespace(**(told | facts))
    made.tags = Tags({262: made.photometric} | (tags or {}))
    return made


def layout(tags: dict[int, Any] | None = None, **facts: Any) -> Any:
    how = {name: facts.pop(name) for name in ("intervals", "truth", "fallback") if name in facts}
    return page_layout(page(tags, **facts), **how)


def test_a_plain_page() -> None:
    found = layout()
    assert (found.width, found.height, found.tile_width, found.tile_height) == (50, 40, 32, 16)
    assert (found.columns, found.rows, found.segments, found.bands) == (2, 3, 6, 3)
    assert (found.dtype, found.tiled, found.planar, found.cached) == (np.uint8, True, False, False)
    assert (found.verbatim, found.fallback) == (True, "decoder")
    form = found.format
    assert (form.codec, form.photometric, form.bands, form.bits) == (
        Codec.NONE, Photometric.RGB, 3, 8,
    )  # fmt: skip
    assert (form.dtype, form.predictor, form.planar, form.byteorder) == ("uint8", 1, False, "<")
    assert (form.tiff_compression, form.lossless) == (1, True)
    assert found.segment_shape(5) == (16, 32, 3)
    assert layout(fallback="other").fallback == "other"


def test_strips_are_a_grid_of_one_column() -> None:
    """The last one is shorter; of planar pages each band has its own."""
    for planar in (1, 2):
        found = layout(is_tiled=False, rowsperstrip=16, planarconfig=planar)
        assert (found.columns, found.rows, found.tile_width, found.tile_height) == (1, 3, 50, 16)
        assert found.segments == (3 if planar == 1 else 9)
        bands = 3 if planar == 1 else 1
        shapes = [found.segment_shape(number) for number in range(found.segments)]
        assert shapes == [(16, 50, bands), (16, 50, bands), (8, 50, bands)] * (found.segments // 3)
        assert (found.tiled, found.cached, found.verbatim) == (False, True, False)
    assert layout(is_tiled=False).tile_height == 40
    assert layout(is_tiled=False, planarconfig=2, samplesperpixel=1, photometric=1).planar is False
    assert layout(planarconfig=2).planar
    assert layout(planarconfig=2).verbatim is False


@each("facts, rule, verbatim", [
        ({"photometric": 0, "samplesperpixel": 1}, {"inverted": True}, False),
        ({"photometric": 0, "samplesperpixel": 1, "dtype": np.dtype("i1")}, {}, True),
        ({"photometric": 1, "samplesperpixel": 1}, {}, True),
        ({"photometric": 1, "samplesperpixel": 1, "bitspersample": 4},
         {"bits": 4, "scale": 17}, False),
        ({"photometric": 1, "samplesperpixel": 1, "bitspersample": 2},
         {"bits": 2, "scale": 85}, False),
        ({"photometric": 1, "samplesperpixel": 1, "bitspersample": 1, "dtype": np.dtype("?")},
         {"bits": 1, "scale": 255}, False),
        ({"photometric": 3, "samplesperpixel": 1, "bitspersample": 4}, {"bits": 4}, True),
        ({"samplesperpixel": 4, "extrasamples": (1,)}, {"colors": 3, "premultiplied_by": 3}, False),
        ({"samplesperpixel": 4, "extrasamples": (2,)}, {"colors": 3}, True),
        ({"samplesperpixel": 5, "extrasamples": (0, 1)},
         {"colors": 3, "premultiplied_by": 4}, False),
        ({"samplesperpixel": 5, "extrasamples": (1,)}, {"colors": 3}, True),  # two that say nothing
        ({"samplesperpixel": 2, "photometric": 1, "extrasamples": (1,)},
         {"colors": 1, "premultiplied_by": 1}, False),
        ({"samplesperpixel": 3, "photometric": 1}, {"colors": 3}, True),
        ({"samplesperpixel": 3, "photometric": 1, "extrasamples": (0, 0)}, {"colors": 1}, True),
        ({"samplesperpixel": 4, "photometric": 5}, {"colors": 4, "space": Space.CMYK}, False),
        ({"photometric": 8}, {"colors": 3, "space": Space.LAB}, False),
        ({"photometric": 9}, {"colors": 3, "space": Space.ICC_LAB}, False),
    ])  # fmt: skip
def test_what_becomes_of_samples(facts: Any, rule: Any, verbatim: bool) -> None:
    found = layout(**facts)
    told = {"colors": found.rule.colors, "bits": 8} | rule
    assert found.rule == SampleRule(**told)
    if "colors" not in rule:
        assert found.rule.colors == 1
    assert found.verbatim is verbatim


def test_one_bit_is_black_or_white_else_true_or_false() -> None:
    facts: Any = {
        "photometric": 0,
        "samplesperpixel": 1,
        "bitspersample": 1,
        "dtype": np.dtype("?"),
    }
    shown, told = layout(**facts), layout(**facts, truth=True)
    assert (shown.dtype, shown.rule.scale, shown.rule.inverted) == (np.uint8, 255, True)
    assert (told.dtype, told.rule.scale) == (np.bool_, 1)
    assert layout(truth=True).dtype == np.uint8  # of other bits


@each("facts, codec, more", [
        ({"compression": 5, "predictor": 2}, Codec.LZW, {"predictor": 2}),
        ({"compression": 7, "predictor": 2, "photometric": 6}, Codec.JPEG,
         {"predictor": 1, "photometric": Photometric.YCBCR, "lossless": False}),
        ({"compression": 33003}, Codec.JPEG2000,
         {"photometric": Photometric.YCBCR, "lossless": False}),
        ({"compression": 33005}, Codec.JPEG2000, {"photometric": Photometric.RGB}),
        ({"fillorder": 2}, Codec.OTHER, {}), ({"sampleformat": 5}, Codec.OTHER, {}),
        ({"bitspersample": (8, 8, 4)}, Codec.OTHER, {"bits": 0}),
        ({"compression": 7, "photometric": 8}, Codec.OTHER, {}),
        ({"compression": 8, "photometric": 8}, Codec.DEFLATE, {}),
    ])  # fmt: skip
def test_how_tiles_are_encoded(facts: Any, codec: Codec, more: Any) -> None:
    found = layout(**facts)
    assert found.format.codec is codec
    assert {name: getattr(found.format, name) for name in more} == more
    assert found.format.tiff_compression == facts.get("compression", 1)
    if codec is Codec.OTHER:
        assert not found.verbatim


@each("facts, photometric", [
        ({}, Photometric.RGB), ({"samplesperpixel": 1}, Photometric.GRAY),
        ({"samplesperpixel": 4}, Photometric.RGB),
        ({"samplesperpixel": 4, "extrasamples": (2,)}, Photometric.RGB),
        ({"samplesperpixel": 3, "extrasamples": (0, 0)}, Photometric.GRAY),
        ({"samplesperpixel": 5}, Photometric.GRAY), ({"dtype": np.dtype("f4")}, Photometric.GRAY),
        ({"compression": 7}, Photometric.YCBCR),
        ({"compression": 7, "samplesperpixel": 1}, Photometric.GRAY),
        ({"samplesperpixel": 1, "colormap": np.zeros((3, 256), np.uint16)}, Photometric.PALETTE),
    ])  # fmt: skip
def test_pages_that_do_not_say_what_their_samples_mean(facts: Any, photometric: Any) -> None:
    made = page(**({"photometric": 77} | facts))
    del made.tags[262]
    assert page_layout(made).format.photometric is photometric


@each("facts, error, words", [
        ({"photometric": 32803}, UnsupportedFormatError, "32803 is left to other"),
        ({"dtype": None}, UnsupportedFormatError, "can't be read"),
        ({"dtype": np.dtype("c8")}, UnsupportedFormatError, "can't be read"),
        ({"samplesperpixel": 0}, CorruptSourceError, "without pixels"),
        ({"tilelength": 0}, CorruptSourceError, "without pixels"),
        ({"imagewidth": (1 << 26) + 1}, CorruptSourceError, "can't be"),
        ({"tilewidth": 1 << 14, "tilelength": 1 << 12}, CorruptSourceError, "damaged or hostile"),
        ({"imagedepth": 2}, UnsupportedFormatError, "depth of their own"),
        ({"compression": 6}, UnsupportedFormatError, "old-style JPEG"),
        ({"compression": 60000}, UnsupportedFormatError, "TIFF compression 60000"),
        ({"photometric": 6, "compression": 5}, UnsupportedFormatError, "not JPEG"),
        ({"photometric": 5, "samplesperpixel": 3}, UnsupportedFormatError, "CMYK or Lab of 3"),
        ({"photometric": 8, "dtype": np.dtype("f4")}, UnsupportedFormatError, "CMYK or Lab"),
        ({"photometric": 8, "bitspersample": 12, "dtype": np.dtype("u2")}, UnsupportedFormatError,
         "samples of 12 bits"),
        ({"photometric": 5, "samplesperpixel": 4, "tags": {332: 2}}, UnsupportedFormatError,
         "inks"),
    ])  # fmt: skip
def test_pages_that_are_refused(facts: Any, error: Any, words: str) -> None:
    tags = {519: 1} if facts.get("compression") == 6 else {}
    with pytest.raises(error, match=words):
        layout(**({"tags": tags} | facts))
    edge = layout(imagewidth=1 << 26, is_tiled=False, rowsperstrip=1)
    assert edge.width == 1 << 26


def test_tiles_worth_keeping_are_large_ones() -> None:
    for side, kept in ((1024, True), (1008, False)):
        found = layout(imagewidth=5000, imagelength=5000, tilewidth=1024, tilelength=side)
        assert found.cached is kept


@each("offsets, counts, words", [
        ([10] * 6, [5] * 6, None), ([10] * 7, [5] * 7, None), ([0] * 6, [0] * 6, None),
        ([10] * 5, [5] * 6, "needs 6 tiles or strips, but its tables name 5"),
        ([10] * 6, [5] * 4, "tables name 4"), ([10.0] * 6, [5] * 6, "whole numbers"),
        ([10] * 6, [5.5] * 6, "whole numbers"), ([99] * 6, [5] * 6, None),
        ([100] + [10] * 5, [5] * 6, "1 of 6 tiles or strips lie behind the end of the file"),
        ([100, 200] + [10] * 4, [5, 0] + [5] * 4, "1 of 6"), ([10] * 6 + [500], [5] * 7, None),
        ([2**63 - 1] * 6, [5] * 6, "6 of 6"), ([10] * 6, [0] * 6, None),
    ])  # fmt: skip
def test_tables_of_tiles(offsets: Any, counts: Any, words: str | None) -> None:
    if words is None:
        check_segments(layout(), offsets, counts, 100)
    else:
        with pytest.raises(CorruptSourceError, match=words):
            check_segments(layout(), offsets, counts, 100)


def test_tables_of_strips() -> None:
    strips: Any = {"is_tiled": False, "rowsperstrip": 20}
    for offsets, counts, good in (
        ([10, 10], [5, 5], True), ([0, 10], [0, 5], True), ([10, 10], [0, 5], False),
    ):  # fmt: skip
        if good:
            check_segments(layout(**strips), offsets, counts, 100)
        else:
            with pytest.raises(CorruptSourceError, match="no bytes"):
                check_segments(layout(**strips), offsets, counts, 100)
    wide: Any = strips | {"imagewidth": 1 << 20}  # rows of 3 MiB
    check_segments(layout(**wide), [0, 10], [0, 3 << 20], 100)
    with pytest.raises(CorruptSourceError, match=f"where a row of pixels has {3 << 20}"):
        check_segments(layout(**wide), [10, 10], [(3 << 20) - 1, 5], 100)
    check_segments(layout(**wide, compression=8), [10, 10], [5, 5], 100)
    check_segments(layout(**wide, planarconfig=2), [10] * 6, [1 << 20] * 6, 100)
