"""Which strips and tiles of a picture beside an image are copied, and what is said of them then."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import simplejpeg

from tests.each import each
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedImage, Photometric, StoredPage, TileFormat
from ziggurat.writers.formats.tiff.associated import _fits, _jpeg_arguments, _page_arguments

RAW = TileFormat(Codec.NONE, Photometric.RGB, 3, 8, "uint8", tiff_compression=1)
LZW = dataclasses.replace(RAW, codec=Codec.LZW, tiff_compression=5)
JPEG = TileFormat(Codec.JPEG, Photometric.YCBCR, 3, 8, "uint8", (2, 2), b"T", tiff_compression=7)
GRAY = dataclasses.replace(RAW, photometric=Photometric.GRAY, bands=1)


def strips(form: TileFormat, rows: int = 16, height: int = 40, **facts: Any) -> StoredPage:
    """Return a page of 24 x ``height`` pixels in strips of some rows, the last one short."""
    size = 24 * form.bands * np.dtype(form.dtype).itemsize
    heights = [min(rows, height - first) for first in range(0, height, rows)]
    segments = tuple(bytes(size * each) for each in heights)
    page = StoredPage(form, 24, height, 24, rows, False, False, (), segments)
    return dataclasses.replace(page, **facts)


def tiles(form: TileFormat, width: int, height: int, **facts: Any) -> StoredPage:
    """Return a page of 24 x 40 pixels in tiles, all of full size."""
    size = width * height * form.bands * np.dtype(form.dtype).itemsize
    count = -(-24 // width) * -(-40 // height)
    page = StoredPage(form, 24, 40, width, height, True, False, (), (bytes(size),) * count)
    return dataclasses.replace(page, **facts)


def like(form: TileFormat, **facts: Any) -> TileFormat:
    return dataclasses.replace(form, **facts)


WIDE = {"dtype": "uint16", "bits": 16}
PAGES: dict[str, tuple[StoredPage, bool]] = {
    "raw": (strips(RAW), True),
    "raw, one strip": (strips(RAW, 40), True),
    "raw, the last strip as long as the others": (
        strips(RAW, segments=(bytes(24 * 3 * 16),) * 3), False,
    ),
    "raw, a strip too many": (strips(RAW, segments=(*strips(RAW).segments, b"")), False),
    "raw, a strip too few": (strips(RAW, segments=strips(RAW).segments[:2]), False),
    "raw tiles": (tiles(RAW, 16, 32), True),
    "raw tiles that are short": (tiles(RAW, 16, 32, segments=(b"1",) * 4), False),
    "raw, 16 bits": (strips(like(GRAY, **WIDE)), True),
    "raw, 16 bits of the other order": (strips(like(GRAY, **WIDE, byteorder=">")), False),
    "raw, bytes of the other order": (strips(like(RAW, byteorder=">")), True),
    "packed, 16 bits of the other order": (strips(like(LZW, **WIDE, byteorder=">")), False),
    "packed strips of any length": (strips(LZW, segments=(b"1", b"22", b"333")), True),
    "packed tiles": (tiles(LZW, 16, 32), True),
    "tiles too narrow": (tiles(LZW, 24, 32), False),
    "tiles too low": (tiles(LZW, 16, 40), False),
    "no TIFF": (strips(like(LZW, tiff_compression=None)), False),
    "JPEG 2000": (strips(like(LZW, codec=Codec.JPEG2000)), False),
    "WebP": (strips(like(LZW, codec=Codec.WEBP)), False),
    "zero is white": (strips(GRAY, inverted=True), True),
    "JPEG": (strips(JPEG), True),
    "JPEG, gray": (strips(like(JPEG, bands=1, photometric=Photometric.GRAY)), True),
    "JPEG, one strip of any height": (strips(JPEG, 40), True),
    "JPEG, one strip that is higher": (strips(JPEG, 40, 37, segment_height=37), True),
    "JPEG, strips of half a block": (strips(JPEG, 8), False),
    "JPEG, strips of a block": (strips(like(JPEG, subsampling=(1, 1)), 8), True),
    "JPEG, strips of no blocks": (strips(like(JPEG, subsampling=(1, 1)), 12), False),
    "JPEG, strips of a wide block": (strips(like(JPEG, subsampling=(4, 1)), 16), False),
    "JPEG of which zero is white": (
        strips(like(JPEG, bands=1, photometric=Photometric.GRAY), inverted=True), False,
    ),
    "JPEG with a predictor": (strips(like(JPEG, predictor=2)), False),
    "JPEG of two bands": (strips(like(JPEG, bands=2)), False),
    "JPEG of four bands": (strips(like(JPEG, bands=4)), False),
}  # fmt: skip


@each("name", PAGES)
def test_what_is_copied(name: str) -> None:
    page, copied = PAGES[name]
    assert _fits(page, "<", tiled=True) is copied
    assert _fits(page, "<", tiled=False) is (copied and not page.tiled)


STRIP = {"rowsperstrip": 16, "shape": (40, 24, 3), "dtype": "uint8", "planarconfig": "contig",
         "extrasamples": None, "photometric": "rgb"}  # fmt: skip
FLAT = {"rowsperstrip": 16, "shape": (40, 24), "dtype": "uint8", "photometric": "minisblack"}
JPEGS = {**STRIP, "compression": 7, "jpegtables": b"T"}


@each("page, wanted", [
        (strips(RAW), {**STRIP, "compression": 1}),
        (strips(LZW), {**STRIP, "compression": 5}),
        (strips(LZW, 7), {**STRIP, "compression": 5, "rowsperstrip": 7}),
        (strips(like(LZW, predictor=2)), {**STRIP, "compression": 5, "predictor": 2}),
        (strips(GRAY), {**FLAT, "compression": 1}),
        (strips(GRAY, inverted=True), {**FLAT, "compression": 1, "photometric": "miniswhite"}),
        (strips(like(GRAY, **WIDE)), {**FLAT, "compression": 1, "dtype": "uint16"}),
        (
            strips(like(LZW, bands=5), extra_samples=(1, 0)),
            {**STRIP, "compression": 5, "shape": (40, 24, 5), "extrasamples": (1, 0)},
        ),
        (
            tiles(LZW, 16, 32),
            {**{k: v for k, v in STRIP.items() if k != "rowsperstrip"}, "tile": (32, 16),
             "compression": 5},
        ),
        (strips(JPEG), {**JPEGS, "photometric": "ycbcr", "subsampling": (2, 2)}),
        (
            strips(like(JPEG, subsampling=(2, 1))),
            {**JPEGS, "photometric": "ycbcr", "subsampling": (2, 1)},
        ),
        (
            strips(like(JPEG, photometric=Photometric.RGB, subsampling=(1, 1), tables=None)),
            {**JPEGS, "jpegtables": None, "subsampling": (1, 1),
             "compressionargs": {"outcolorspace": "rgb"}},
        ),
        (
            strips(like(JPEG, bands=1, photometric=Photometric.GRAY)),
            {**FLAT, "compression": 7, "jpegtables": b"T"},
        ),
    ])  # fmt: skip
def test_what_is_said_of_what_is_copied(page: StoredPage, wanted: dict[str, Any]) -> None:
    assert _page_arguments(page) == wanted


@pytest.mark.parametrize(
    ("space", "subsampling", "wanted"),
    [
        ("rgb", "444", {"photometric": "rgb", "subsampling": (1, 1), "planarconfig": "contig",
                        "compressionargs": {"outcolorspace": "rgb"}, "shape": (21, 34, 3)}),
        ("ycbcr", "420", {"photometric": "ycbcr", "subsampling": (2, 2), "planarconfig": "contig",
                          "shape": (21, 34, 3)}),
        ("ycbcr", "444", {"photometric": "ycbcr", "subsampling": (1, 1), "planarconfig": "contig",
                          "shape": (21, 34, 3)}),
        ("gray", "gray", {"photometric": "minisblack", "shape": (21, 34)}),
    ],
)  # fmt: skip
def test_what_is_said_of_a_whole_jpeg(space: str, subsampling: str, wanted: dict[str, Any]) -> None:
    import imagecodecs

    pixels = np.zeros((21, 34, 3), np.uint8)
    if space == "gray":
        data = simplejpeg.encode_jpeg(np.zeros((21, 34, 1), np.uint8), 90, "GRAY", "Gray")
    else:
        data = bytes(
            imagecodecs.jpeg8_encode(
                pixels, colorspace="rgb", outcolorspace=space, subsampling=subsampling
            )
        )
    found = _jpeg_arguments(EncodedImage(Codec.JPEG, 34, 21, data))
    assert found == {"dtype": "uint8", "compression": 7, "rowsperstrip": 21, **wanted}
