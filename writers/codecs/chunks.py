"""How chunks of zarr arrays are encoded: a small table, the same for zarr v2 and v3.

A tile (y, x, band) becomes a chunk (band, y, x), as OME-NGFF orders it. All codecs are lossless
and those that every zarr library has.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import imagecodecs
import numcodecs.blosc
import numpy as np
from isal import igzip

from ziggurat.readers.errors import OptionError, WriteError
from ziggurat.readers.model.codec import CHUNK_CODECS, Codec, function_at, names_of
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels
from ziggurat.writers.model.options import WriteOptions

numcodecs.blosc.use_threads = False  # chunks are encoded side by side, each by one thread

_LZ4, _NO_SHUFFLE, _SHUFFLE = "lz4", 0, 1
_ZSTD_LEVEL = 1  # twice the speed of 3 for 1 % of size on tissue
_GZIP_LEVEL = 1
_BLOSC_LEVEL = 5
_BLOSC_BLOCK = 0  # blosc's own choice

Json = dict[str, Any]
Compressor = Callable[[Any], bytes]


@dataclass(frozen=True, slots=True)
class ChunkCodec:
    """One way to encode chunks: as both zarr formats name it, and the function that does it.

    ``v3`` follows the ``bytes`` codec; ``v2`` is the compressor. None where there is none.
    """

    v3: Json | None
    v2: Json | None
    compress: Compressor

    def encode(self, tile: Pixels) -> bytes:
        """Return the chunk of a tile, shape (y, x, band). Threads may call it side by side."""
        return self.compress(planes(tile))


def planes(tile: Pixels) -> np.ndarray:
    """Return a tile's samples as contiguous little-endian (band, y, x)."""
    height, width, bands = tile.shape
    size = tile.dtype.itemsize
    if bands == 1:
        return np.ascontiguousarray(tile.reshape(1, height, width), tile.dtype.newbyteorder("<"))
    if size <= 2 and bands <= 4 and tile.dtype.isnative:
        kind = np.uint8 if size == 1 else np.uint16  # the bits are only moved
        out = np.empty((bands, height, width), kind)
        cv2.split(np.ascontiguousarray(tile).view(kind), list(out))
        if not np.array_equal(out[:, -1, -1], tile[-1, -1].view(kind)):
            raise WriteError(f"OpenCV did not take {bands} bands apart")
        return out
    return np.ascontiguousarray(tile.transpose(2, 0, 1), tile.dtype.newbyteorder("<"))


def chunk_codec(info: ImageInfo, options: WriteOptions) -> ChunkCodec:
    """Return how the chunks of an image are encoded: blosc with LZ4 by default.

    Raises
    ------
    OptionError
        The chosen compression is not one of zarr's, or its level is out of range.
    """
    compression = options.compression or Codec.BLOSC
    make = compression.row.chunk
    if make is None:
        able = names_of(CHUNK_CODECS)
        raise OptionError(f"{compression.value} is not for OME-Zarr, which takes {able}")
    if info.dtype.kind not in "biuf" or info.dtype.itemsize > 8:
        raise OptionError(f"samples of {info.dtype} can't be written to OME-Zarr")
    codec: ChunkCodec = function_at(make)(info, options.level)
    return codec


def _checked(level: int | None, default: int, least: int, most: int, name: str) -> int:
    chosen = default if level is None else level
    if not least <= chosen <= most:
        raise OptionError(f"levels of {name} are {least} to {most}, not {chosen}")
    return chosen


def none(info: ImageInfo, level: int | None) -> ChunkCodec:
    """Return no codec: plain bytes."""
    del info, level
    return ChunkCodec(None, None, lambda data: data.tobytes())


def blosc(info: ImageInfo, level: int | None) -> ChunkCodec:
    """Return blosc with LZ4."""
    chosen = _checked(level, _BLOSC_LEVEL, 0, 9, "blosc")
    size = info.dtype.itemsize
    shuffle = _SHUFFLE if size > 1 else _NO_SHUFFLE

    def compress(data: Any) -> bytes:
        return bytes(
            numcodecs.blosc.compress(
                data.reshape(-1).view(np.uint8), b"lz4", chosen, shuffle, _BLOSC_BLOCK,
                typesize=size,
            )
        )  # fmt: skip

    common: Json = {"cname": _LZ4, "clevel": chosen, "blocksize": _BLOSC_BLOCK}
    names = {_SHUFFLE: "shuffle", _NO_SHUFFLE: "noshuffle"}
    v3 = common | {"shuffle": names[shuffle], "typesize": size}
    return ChunkCodec(
        {"name": "blosc", "configuration": v3},
        {"id": "blosc", "shuffle": shuffle} | common,
        compress,
    )


def zstd(info: ImageInfo, level: int | None) -> ChunkCodec:
    """Return Zstandard."""
    del info
    chosen = _checked(level, _ZSTD_LEVEL, 1, 22, "zstd")
    return ChunkCodec(
        {"name": "zstd", "configuration": {"level": chosen, "checksum": False}},
        {"id": "zstd", "level": chosen},
        lambda data: bytes(imagecodecs.zstd_encode(data, level=chosen)),
    )


def gzip(info: ImageInfo, level: int | None) -> ChunkCodec:
    """Return gzip."""
    del info
    chosen = _checked(level, _GZIP_LEVEL, 1, 9, "gzip")

    def compress(data: Any) -> bytes:
        if chosen <= 3:  # ISA-L's; its 1 is the size of zlib's 6
            return bytes(igzip.compress(data.reshape(-1).view(np.uint8), chosen, mtime=0))
        return bytes(imagecodecs.gzip_encode(data, level=chosen))

    return ChunkCodec(
        {"name": "gzip", "configuration": {"level": chosen}},
        {"id": "gzip", "level": chosen},
        compress,
    )
