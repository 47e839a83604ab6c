"""Which tiles each output takes as they are: every single thing that stands in the way, alone."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.image import Interpretation
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import output_named

FORM = TileFormat(Codec.JPEG, Photometric.RGB, 3, 8, "uint8", (1, 1))
INFO = array_reader(np.zeros((100, 100, 3), np.uint8)).info
TIFFS = ("tiff", "ome-tiff", "svs")
SIDES = "sides of its tiles"
CASES: list[tuple[tuple[str, ...], dict[str, Any], tuple[int, int], str | None]] = [
    ((*TIFFS, "dzi", "ome-zarr"), {}, (64, 64), None),
    ((*TIFFS, "ome-zarr"), {}, (64, 48), None),
    ((*TIFFS, "ome-zarr"), {}, (48, 64), None),
    (TIFFS, {}, (64, 72), SIDES),
    (TIFFS, {}, (72, 64), SIDES),
    (TIFFS, {}, (64, 65), SIDES),
    (TIFFS, {"codec": Codec.OTHER}, (64, 64), "not one of TIFF"),
    ((*TIFFS, "ome-zarr"), {"planar": True}, (64, 64), "stored apart"),
    (TIFFS, {"planar": True, "bands": 1}, (64, 64), None),
    (("ome-zarr",), {"photometric": Photometric.PALETTE}, (64, 64), "not the image's samples"),
    (("ome-zarr",), {"dtype": "uint16"}, (64, 64), "not the image's samples"),
    (("ome-zarr",), {"lossless": True}, (64, 64), "says nothing of its colours"),
    (
        ("ome-zarr",),
        {"lossless": True, "bands": 1, "photometric": Photometric.GRAY},
        (64, 64),
        None,
    ),
    (("ome-zarr",), {"codec": Codec.DEFLATE}, (64, 64), "no chunks of a zarr array"),
    (("ome-zarr",), {"codec": Codec.DEFLATE, "zarr": "{}"}, (64, 64), None),
    (("dzi",), {"codec": Codec.JPEG2000}, (64, 64), "JPEG of 8 bits"),
    (("dzi",), {"lossless": True}, (64, 64), "JPEG of 8 bits"),
    (("dzi",), {"bits": 12}, (64, 64), "JPEG of 8 bits"),
    (("dzi",), {"planar": True}, (64, 64), "JPEG of 8 bits"),
    (("dzi",), {"photometric": Photometric.PALETTE}, (64, 64), "gray or in colours"),
    (("dzi",), {}, (64, 48), "squares of even size"),
    (("dzi",), {}, (48, 64), "squares of even size"),
    (("dzi",), {}, (65, 65), "squares of even size"),
    (("dzi",), {}, (18, 18), None),
    (("cog",), {}, (64, 64), "GDAL writes all tiles"),
]


@each(
    "output, facts, size, words",
    [(output, *rest) for outputs, *rest in CASES for output in outputs],
)
def test_what_stands_in_the_way_of_a_copy(
    output: str, facts: dict[str, Any], size: tuple[int, int], words: str | None
) -> None:
    form = dataclasses.replace(FORM, **facts)
    tiles = EncodedLevel(form, 100, 100, *size, 2, 2, lambda *_: b"")
    refusal = output_named(output).load().copy_refusal(tiles, INFO)
    assert refusal is None if words is None else words in str(refusal)


@pytest.mark.parametrize(
    ("output", "facts", "words"),
    [
        ("ome-tiff", {"band_names": ("DAPI", "FITC", "Cy5")}, "bands have names"),
        ("tiff", {"band_names": ("DAPI", "FITC", "Cy5")}, None),
        ("ome-tiff", {"band_names": ("red", "green", "blue")}, None),
        ("dzi", {"interpretation": Interpretation.MULTIBAND}, "gray or in colours"),
        ("dzi", {"interpretation": Interpretation.LABELS}, "gray or in colours"),
    ],
)
def test_what_of_the_image_stands_in_the_way(
    output: str, facts: dict[str, Any], words: str | None
) -> None:
    facts = {"interpretation": Interpretation.MULTIBAND, **facts}
    tiles = EncodedLevel(FORM, 100, 100, 64, 64, 2, 2, lambda *_: b"")
    refusal = output_named(output).load().copy_refusal(tiles, dataclasses.replace(INFO, **facts))
    assert refusal is None if words is None else words in str(refusal)
