"""How chunks of zarr arrays are encoded: a small table, the same for zarr v2 and v3.

A tile (y, x, band) becomes a chunk (band, y, x), as OME-NGFF orders it. The codecs are lossless
and those that every zarr library has; but for JPEG and JPEG 2000, whose chunks are pictures
(y, x, band), by imagecodecs' names.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import imagecodecs
import numcodecs.blosc
import numpy as np
from isal import igzip

from ziggurat.readers.errors import OptionError, WriteError
from ziggurat.readers.model.codec import (
    CHUNK_CODECS,
    PICTURE_CHUNKS,
    Codec,
    check_effort,
    function_at,
    names_of,
)
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.ngff.version import OmeVersion, picture_chunk_refusal
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

    ``v3`` follows the ``bytes`` codec; ``v2`` is the compressor. None where there is none. That
    of a ``picture`` stands instead of ``bytes``, and takes (y, x, band).
    """

    v3: Json | None
    v2: Json | None
    compress: Compressor
    picture: bool = False

    def encode(self, tile: Pixels) -> bytes:
        """Return the chunk of a tile, shape (y, x, band). Threads may call it side by side."""
        return self.compress(tile if self.picture else planes(tile))


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
        able = names_of((*CHUNK_CODECS, *PICTURE_CHUNKS))
        raise OptionError(f"{compression.value} is not for OME-Zarr, which takes {able}")
    if info.dtype.kind not in "biuf" or info.dtype.itemsize > 8:
        raise OptionError(f"samples of {info.dtype} can't be written to OME-Zarr")
    check_effort(compression, options.level)
    codec: ChunkCodec = function_at(make)(info, options)
    return codec


def none(info: ImageInfo, options: WriteOptions) -> ChunkCodec:
    """Return no codec: plain bytes."""
    del info, options
    return ChunkCodec(None, None, lambda data: data.tobytes())


def blosc(info: ImageInfo, options: WriteOptions) -> ChunkCodec:
    """Return blosc with LZ4."""
    chosen = _BLOSC_LEVEL if options.level is None else options.level
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


def zstd(info: ImageInfo, options: WriteOptions) -> ChunkCodec:
    """Return Zstandard."""
    del info
    chosen = _ZSTD_LEVEL if options.level is None else options.level
    return ChunkCodec(
        {"name": "zstd", "configuration": {"level": chosen, "checksum": False}},
        {"id": "zstd", "level": chosen},
        lambda data: bytes(imagecodecs.zstd_encode(data, level=chosen)),
    )


def gzip(info: ImageInfo, options: WriteOptions) -> ChunkCodec:
    """Return gzip."""
    del info
    chosen = _GZIP_LEVEL if options.level is None else options.level

    def compress(data: Any) -> bytes:
        if chosen <= 3:  # ISA-L's; its 1 is the size of zlib's 6
            return bytes(igzip.compress(data.reshape(-1).view(np.uint8), chosen, mtime=0))
        return bytes(imagecodecs.gzip_encode(data, level=chosen))

    return ChunkCodec(
        {"name": "gzip", "configuration": {"level": chosen}},
        {"id": "gzip", "level": chosen},
        compress,
    )


def jpeg(info: ImageInfo, options: WriteOptions) -> ChunkCodec:
    """Return JPEG, of which each chunk is a stream of its own."""
    return _picture(info, options, Codec.JPEG)


def jpeg2000(info: ImageInfo, options: WriteOptions) -> ChunkCodec:
    """Return JPEG 2000."""
    return _picture(info, options, Codec.JPEG2000)


def _picture(info: ImageInfo, options: WriteOptions, codec: Codec) -> ChunkCodec:
    from ziggurat.writers.codecs.tiles import tile_codec, whole_jpeg  # few want pictures

    made = tile_codec(info, replace(options, compression=codec))
    encode = whole_jpeg(info.bands, options) if codec is Codec.JPEG else made.encode
    return picture_codec(replace(made.format, tables=None), options.ome_version, encode)


def picture_codec(form: TileFormat, version: OmeVersion, encode: Compressor) -> ChunkCodec:
    """Return the codec of chunks that are tiles of a format.

    Raises
    ------
    OptionError
        zarr v2 can't put the bands last, as pictures have them.
    """
    name = form.codec.row.zarr
    refusal = picture_chunk_refusal(version, form.codec.value, form.bands)
    if refusal is not None:
        raise OptionError(f"{refusal}; choose OME-Zarr 0.5 or another compression")
    facts: Json = {}
    if form.codec is Codec.JPEG and form.bands == 3:
        spaces = {Photometric.YCBCR: "YCBCR", Photometric.RGB: "RGB"}
        facts = {"colorspace_data": "RGB", "colorspace_jpeg": spaces[form.photometric]}
    if form.tables:
        facts["tables"] = base64.b64encode(form.tables).decode()
    return ChunkCodec({"name": name, "configuration": facts}, {"id": name, **facts}, encode, True)
