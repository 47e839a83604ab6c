"""Tiles are views of larger arrays that lie in memory in any order: every encoder heeds it."""

from typing import Any

import imagecodecs
import numcodecs
import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.codecs.jpeg_stream import merge_tables
from ziggurat.readers.model.codec import CHUNK_CODECS, PICTURE_CHUNKS, TILE_CODECS, Codec
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.codecs.chunks import chunk_codec
from ziggurat.writers.codecs.jpeg_tables import abbreviated
from ziggurat.writers.codecs.tiles import takes, tile_codec, whole_jpeg
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


@pytest.mark.parametrize(
    ("bands", "dtype", "order"),
    [(bands, "uint8", order) for bands in (1, 3) for order in ORDERS]
    + [(2, "uint16", "rows backwards"), (2, "uint16", "bands apart"), (4, "uint8", "part")]
    + [(4, "uint8", "columns backwards"), (3, "float32", "by columns")],
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


@each("dtype", ["bool", "uint8", "int16", "uint32", "float64"])
@each("level", [None, 9])
def test_chunks_of_blosc_are_those_of_numcodecs(dtype: str, level: int | None) -> None:
    pixels = (np.arange(64 * 48).reshape(64, 48, 1) // 7).astype(dtype)
    info = array_reader(pixels).info
    codec = chunk_codec(info, WriteOptions(compression=Codec.BLOSC, level=level))
    assert codec.v3 is not None
    facts = codec.v3["configuration"]
    assert (facts["typesize"], facts["clevel"]) == (pixels.itemsize, level or 5)
    shuffle = {"shuffle": numcodecs.Blosc.SHUFFLE, "noshuffle": numcodecs.Blosc.NOSHUFFLE}
    other = numcodecs.Blosc("lz4", facts["clevel"], shuffle[facts["shuffle"]])
    assert codec.encode(pixels) == other.encode(pixels)


@pytest.mark.parametrize("bands", [1, 3])
def test_a_jpeg_of_other_tables_keeps_them(bands: int) -> None:
    """Tables stand in a TIFF once for all tiles; a stream that has others is not cut short."""
    pixels = np.random.default_rng(1).integers(0, 255, (32, 32, bands), np.uint8)
    usual, other = (whole_jpeg(bands, WriteOptions(quality=q)) for q in (80, 30))
    tables, shorten = abbreviated(usual(pixels))
    assert len(shorten(usual(pixels))) < len(usual(pixels))
    for stream in (other(pixels), usual(pixels), other(pixels)):
        whole = merge_tables(shorten(stream), tables)
        assert np.array_equal(imagecodecs.jpeg8_decode(whole), imagecodecs.jpeg8_decode(stream))
    assert shorten(other(pixels)) == other(pixels)
