"""Tiles are views of larger arrays that lie in memory in any order: every encoder heeds it."""

from typing import Any

import numpy as np
import pytest

from ziggurat.readers.model.codec import CHUNK_CODECS, PICTURE_CHUNKS, TILE_CODECS, Codec
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.codecs.chunks import chunk_codec
from ziggurat.writers.codecs.tiles import takes, tile_codec
from ziggurat.writers.model.options import WriteOptions


def laid(pixels: Any, order: str) -> Any:
    """Return the same pixels in another order in memory."""
    h, w, bands = pixels.shape
    if order == "rows backwards":
        return pixels[::-1].copy()[::-1]
    if order == "columns backwards":
        return pixels[:, ::-1].copy()[:, ::-1]
    if order == "bands backwards":
        return pixels[..., ::-1].copy()[..., ::-1]
    if order == "by columns":
        return np.asfortranarray(pixels)
    if order == "bands apart":
        return np.ascontiguousarray(pixels.transpose(2, 0, 1)).transpose(1, 2, 0)
    if order == "part":
        whole = np.full((h + 5, w + 7, bands), 99, pixels.dtype)
        whole[2 : h + 2, 3 : w + 3] = pixels
        return whole[2 : h + 2, 3 : w + 3]
    if order == "every second":
        return np.repeat(np.repeat(pixels, 2, 0), 2, 1)[::2, ::2]
    if order == "one row":  # shown many times
        return np.broadcast_to(pixels[:1], pixels.shape)
    return pixels[..., 0][..., np.newaxis] if bands == 1 else pixels.copy()  # as of (y, x)


ORDERS = ["rows backwards", "columns backwards", "bands backwards", "by columns", "bands apart",
          "part", "every second", "one row", "plain"]  # fmt: skip


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("bands", "dtype"), [(1, "uint8"), (3, "uint8"), (2, "uint16"), (4, "uint8"), (3, "float32")]
)
def test_bytes_are_those_of_pixels_in_a_row(
    bands: int, dtype: str, order: str, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 255, (32, 48, bands)).astype(dtype)
    tile = laid(pixels, order)
    plain = tile.copy(order="C")
    info = array_reader(plain).info
    for codec in TILE_CODECS:
        if codec is Codec.LZMA or not takes(codec, info):  # slow to begin, and packed as others
            continue
        encode = tile_codec(info, WriteOptions(compression=codec)).encode
        assert encode(tile) == encode(plain), codec
    for codec in (*CHUNK_CODECS, *PICTURE_CHUNKS):
        if codec in PICTURE_CHUNKS and not (takes(codec, info) and bands in (1, 3)):
            continue
        chunk = chunk_codec(info, WriteOptions(compression=codec)).encode
        assert chunk(tile) == chunk(plain), codec
