"""Facts of made sources for tests of the plan: tiles of JPEG, tiles of 16 bits, none."""

import dataclasses
from typing import Any

import numpy as np

from ziggurat.converter.plan.encoding import SourceFacts, StoredTiles
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.writers.formats.registry import output_named

TIFF, SVS, COG, ZARR, DZI, JPG = (
    output_named(name) for name in ("tiff", "svs", "cog", "ome-zarr", "dzi", "jpeg")
)
FORM = TileFormat(
    Codec.JPEG, Photometric.RGB, 3, 8, "uint8", lossless=False, tiff_compression=7
)  # fmt: skip
RAW = dataclasses.replace(
    FORM, codec=Codec.DEFLATE, lossless=True, tiff_compression=8, bits=16, dtype="uint16"
)
INFO = ImageInfo(
    "x", (Level(2000, 1500, 240, 240),), 3, np.dtype(np.uint8), Interpretation.RGB
)  # fmt: skip
DEEP: dict[str, Any] = {"dtype": np.dtype(np.uint16)}


def level(form: TileFormat, width: int, height: int, tile: tuple[int, int]) -> EncodedLevel:
    return EncodedLevel(
        form, width, height, *tile, -(-width // tile[0]), -(-height // tile[1]), lambda *_: b"x"
    )


def facts(
    form: TileFormat | None = FORM,
    tile: tuple[int, int] = (240, 240),
    quality: int | None = None,
    sizes: tuple[tuple[int, int], ...] = ((2000, 1500),),
    **info: Any,
) -> SourceFacts:
    levels = tuple(Level(*size, *tile) for size in sizes)
    found = dataclasses.replace(INFO, **{"levels": levels, **info})
    stored = tuple(
        None if form is None else StoredTiles(level(form, *size, tile), 1000.0) for size in sizes
    )
    return SourceFacts("in.svs", found, stored, quality)


def options(**given: Any) -> ConvertOptions:
    return ConvertOptions(**given)
