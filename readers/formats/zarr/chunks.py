"""One chunk's bytes into its samples: the common codecs, decoded into a space of known size.

The result's size is known from the metadata, so a stream that claims another one is refused
before anything is allocated for it.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import google_crc32c
import imagecodecs
import numcodecs.blosc
import numpy as np

from ziggurat.readers.codecs.filled import checked_fill
from ziggurat.readers.codecs.tile_memory import tile_memory
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.zarr.metadata import ArrayMetadata
from ziggurat.readers.formats.zarr.pictures import decode_picture
from ziggurat.readers.model.reader import Pixels

numcodecs.blosc.use_threads = False  # its own pool has one lock; chunks are decoded side by side

Bytes = bytes | np.ndarray[Any, np.dtype[np.uint8]]

_DECODERS: dict[str, Callable[..., Any]] = {
    "zstd": imagecodecs.zstd_decode,
    "gzip": imagecodecs.gzip_decode,
    "zlib": imagecodecs.zlib_decode,
}
_FAILURES = (RuntimeError, ValueError, TypeError, MemoryError, OverflowError)


def decode_chunk(data: bytes, array: ArrayMetadata) -> np.ndarray:
    """Return a chunk's samples, in its shape and native byte order; maybe not writable.

    Raises
    ------
    CorruptSourceError
        The bytes are not such a chunk.
    """
    assert array.codecs is not None
    if array.picture is not None:
        return decode_picture(data, array.picture, array.chunk_shape)
    size = array.chunk_bytes
    stored: Bytes = data
    for codec in reversed(array.codecs):
        stored = _decode(codec, bytes(stored), size)
    if len(stored) != size:
        raise CorruptSourceError(f"a chunk of {size} bytes holds {len(stored)}")
    samples = np.frombuffer(stored, array.dtype)
    if array.order == "F":
        return _native(samples.reshape(array.chunk_shape[::-1]).T)
    return _native(samples.reshape(array.chunk_shape))


def _native(samples: np.ndarray) -> np.ndarray:
    return samples.astype(samples.dtype.newbyteorder("="), copy=False)


def _decode(codec: str, data: bytes, size: int) -> Bytes:
    if codec == "crc32c":
        return checked_crc32c(data)
    try:
        return _decompress(codec, data, size)
    except _FAILURES as error:
        raise CorruptSourceError(f"a {codec} chunk can't be decoded: {error}") from error


def _decompress(codec: str, data: bytes, size: int) -> Bytes:
    if codec == "blosc":
        if len(data) < 16 or struct.unpack_from("<I", data, 4)[0] != size:
            raise ValueError(f"its header doesn't tell {size} bytes")
        if struct.unpack_from("<I", data, 12)[0] != len(data):
            raise ValueError("it is cut off")
    elif codec == "zstd":
        if _zstd_size(data) not in (size, None):
            raise ValueError(f"its header doesn't tell {size} bytes")
    elif codec == "gzip" and (
        len(data) < 18 or int.from_bytes(data[-4:], "little") != size % (1 << 32)
    ):
        raise ValueError(f"its trailer doesn't tell {size} bytes")
    place = tile_memory(1, 1, size).reshape(size)
    if codec == "blosc":
        checked_fill(place, lambda: _unblosc(data, place))
        return place
    found = checked_fill(place, lambda: _DECODERS[codec](data, out=place))
    return np.asarray(found).reshape(-1)  # what is no array is too short


def _unblosc(data: bytes, place: Pixels) -> None:
    numcodecs.blosc.decompress(data, place)


def _zstd_size(data: bytes) -> int | None:
    """Return the content size that a zstd frame's header tells (RFC 8878, 3.1.1.1)."""
    if not data.startswith(b"\x28\xb5\x2f\xfd") or len(data) < 5:
        raise ValueError("it is no zstd frame")
    descriptor = data[4]
    single = descriptor >> 5 & 1
    kind = descriptor >> 6
    length = (single, 2, 4, 8)[kind]
    start = 5 + (1 - single) + (0, 1, 2, 4)[descriptor & 3]
    if length == 0:
        return None
    told = int.from_bytes(data[start : start + length], "little")
    return told + 256 if length == 2 else told


def checked_crc32c(data: bytes) -> bytes:
    """Return bytes without the checksum behind them.

    Raises
    ------
    CorruptSourceError
        It is not their checksum.
    """
    body, told = data[:-4], data[-4:]
    if len(data) < 4 or google_crc32c.value(body) != int.from_bytes(told, "little"):
        raise CorruptSourceError("a checksum is wrong: the data were damaged")
    return body


def shard_index(data: bytes, array: ArrayMetadata) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Return a shard's index: (offset, length) for each chunk, all ones where there is none."""
    assert array.sharding is not None
    if array.sharding.index_checksum:
        data = checked_crc32c(data)
    return np.frombuffer(data, "<u8").reshape(-1, 2).astype(np.uint64, copy=False)


def flat_index(position: Sequence[int], grid: Sequence[int]) -> int:
    """Return the C-order number of a place in a grid."""
    number = 0
    for place, size in zip(position, grid, strict=True):
        number = number * size + place
    return number
