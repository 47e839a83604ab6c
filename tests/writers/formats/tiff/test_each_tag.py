"""Each thing that a page of tiles says, and each that makes a TIFF too large for 32 bits."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.tiff import tags
from ziggurat.writers.model.levels import LevelPlan, Stored


@each(
    "sizes, tile, bands, dtype, extra, big",
    [
        ([(30_000, 30_000)], (512, 512), 1, "uint8", 0, False),
        ([(30_000, 30_000)], (512, 512), 4, "uint8", 0, False),
        ([(30_000, 30_000)], (512, 512), 5, "uint8", 0, True),
        ([(30_000, 30_000)], (512, 512), 2, "uint16", 0, False),
        ([(30_000, 30_000)], (512, 512), 3, "uint16", 0, True),
        ([(30_000, 30_000)], (512, 512), 1, "float32", 0, False),
        ([(30_000, 30_000)], (512, 512), 1, "float64", 0, True),
        ([(30_000, 30_000)], (512, 512), 1, "uint8", 3 * 10**9, False),
        ([(30_000, 30_000)], (512, 512), 1, "uint8", 34 * 10**8, True),
        ([(60_000, 60_000)], (512, 512), 1, "uint8", 0, False),
        ([(60_000, 60_000), (30_000, 30_000)], (512, 512), 1, "uint8", 0, True),
        ([(10**6, 100)], (512, 512), 1, "uint8", 0, False),
        ([(10**6, 100)], (512, 8192), 1, "uint8", 0, True),  # tiles are whole
        ([(100, 10**6)], (8192, 512), 1, "uint8", 0, True),
        ([(100, 10**6)], (512, 512), 1, "uint8", 0, False),
        ([(30_000, 30_000)], (16, 16), 1, "uint8", 0, False),
        ([(40_000, 40_000)], (16, 16), 1, "uint8", 0, True),  # each has an offset and a length
    ],
)
def test_what_counts_for_32_bits(
    sizes: list[tuple[int, int]], tile: tuple[int, int], bands: int, dtype: str, extra: int,
    big: bool,
) -> None:  # fmt: skip
    form = TileFormat(Codec.NONE, Photometric.GRAY, bands, 8, dtype)
    pages = [(LevelPlan(*size, *tile, Stored(0), None), form) for size in sizes]
    assert tags.needs_bigtiff(pages, 1, extra) is big


LZW_PAGE = {
    "shape": (100, 200, 3), "dtype": "uint8", "tile": (32, 64), "compression": 5,
    "photometric": "rgb", "metadata": None, "planarconfig": "contig", "extrasamples": None,
}  # fmt: skip
JPEG_PAGE = {**LZW_PAGE, "compression": 7, "jpegtables": None, "bitspersample": 8}
GRAY_PAGE = {k: v for k, v in LZW_PAGE.items() if k not in ("planarconfig", "extrasamples")} | {
    "shape": (100, 200), "photometric": "minisblack",
}  # fmt: skip


@each("facts, wanted", [
        ({}, LZW_PAGE),
        ({"predictor": 2}, {**LZW_PAGE, "predictor": 2}),
        ({"predictor": 3, "dtype": "float32"}, {**LZW_PAGE, "predictor": 3, "dtype": "float32"}),
        ({"bands": 1, "photometric": Photometric.GRAY}, GRAY_PAGE),
        ({"bands": 4}, {**LZW_PAGE, "shape": (100, 200, 4), "extrasamples": (0,)}),
        ({"tiff_compression": 50001}, {**LZW_PAGE, "compression": 50001}),
        (
            {"codec": Codec.JPEG, "photometric": Photometric.YCBCR, "subsampling": (2, 1),
             "tables": b"T", "bits": 12, "dtype": "uint16"},
            {**JPEG_PAGE, "photometric": "ycbcr", "subsampling": (2, 1), "jpegtables": b"T",
             "bitspersample": 12, "dtype": "uint16"},
        ),
        (
            {"codec": Codec.JPEG, "photometric": Photometric.YCBCR},
            {**JPEG_PAGE, "photometric": "ycbcr", "subsampling": (2, 2)},
        ),
        (
            {"codec": Codec.JPEG, "tables": b"T"},
            {**JPEG_PAGE, "subsampling": (1, 1), "jpegtables": b"T",
             "compressionargs": {"outcolorspace": "rgb"}},
        ),
        (
            {"codec": Codec.JPEG, "photometric": Photometric.GRAY, "bands": 1, "bits": 12},
            {**GRAY_PAGE, "compression": 7, "jpegtables": None, "bitspersample": 12},
        ),
    ])  # fmt: skip
def test_each_thing_that_a_page_says_of_its_tiles(
    facts: dict[str, Any], wanted: dict[str, Any]
) -> None:
    form = dataclasses.replace(TileFormat(Codec.LZW, Photometric.RGB, 3, 8, "uint8"), **facts)
    info = array_reader(np.zeros((100, 200, 3), np.uint8)).info
    assert tags.layout_tags(LevelPlan(200, 100, 64, 32, Stored(0), None), form, info) == wanted


@pytest.mark.parametrize("bits", [1, 4, 8, 16])
def test_a_palette_has_an_entry_for_each_value_of_a_sample(bits: int) -> None:
    palette = ((1, 2, 3, 255), (4, 5, 255, 0))
    info = dataclasses.replace(
        array_reader(np.zeros((100, 200, 1), np.uint8)).info, palette=palette
    )
    form = TileFormat(Codec.LZW, Photometric.PALETTE, 1, bits, "uint8")
    told: Any = tags.layout_tags(LevelPlan(200, 100, 64, 32, Stored(0), None), form, info)
    assert told["photometric"] == "palette"
    assert told["colormap"].shape == (3, 2**bits)
    assert told["colormap"][:, :2].T.tolist() == [[257, 514, 771], [1028, 1285, 65535]]
    assert not told["colormap"][:, 2:].any()
