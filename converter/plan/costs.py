"""Rough costs of a conversion: bytes, seconds and memory, for telling people what to expect."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.image import ImageInfo

OVERHEAD_BYTES = 1 << 16  # headers, tags and tile tables of an ordinary output

# Bytes of pixels that one core decodes in a second. Of a picture that is put together from
# overlapping tiles, the last.
_ZARR_DECODING, _OTHER_DECODING = 1000e6, 400e6
_COMPOSING = 60e6
_HALF_DECODING = 900e6  # a reduced decode still reads all coefficients
_COPYING = 900e6  # bytes in a second, read and flushed to a disk that keeps up
_STARTING = 0.03  # seconds: a source is opened, an output published

_PROCESS = 50_000_000  # bytes: the interpreter and what it loads
_THREAD = 12_000_000
_ROWS = 5  # of tiles of the largest level that is encoded, in all their states


@dataclass(frozen=True, slots=True)
class Work:
    """What one level asks for.

    ``pixel_bytes`` are those of all frames, ``codec`` is what is made; ``source`` is what is
    decoded for it: a codec's name, ``composed`` for overlapping tiles, None for pixels that
    pass by.
    """

    action: str
    pixel_bytes: int
    codec: str
    source: str | None
    copied_bytes: int


def thread_count(threads: int | None) -> int:
    """Return how many threads will work."""
    return threads or os.cpu_count() or 1


def encoded_bytes(width: int, height: int, info: ImageInfo, codec: str) -> int:
    """Return about how large an encoded level of one frame will be."""
    raw = width * height * info.bands * info.dtype.itemsize
    return round(raw * Codec.named(codec).row.ratio)


def seconds(works: Sequence[Work], threads: int) -> float:
    """Return about how long all levels take together, loading the program not included."""
    return _STARTING + sum(_level_seconds(work, threads) for work in works)


def _level_seconds(work: Work, threads: int) -> float:
    if work.action == "copy":
        return work.copied_bytes / _COPYING
    speed = Codec.named(work.codec).row.encode_rate
    if work.action == "scale":
        decoding = 4 * work.pixel_bytes / _HALF_DECODING
    elif work.source is None:
        decoding = 0.0
    elif work.source == "composed":
        decoding = work.pixel_bytes / _COMPOSING
    else:
        decoding = work.pixel_bytes / _decode_rate(work.source)
    return (decoding + work.pixel_bytes / speed) / threads


def _decode_rate(source: str) -> float:
    if source == "zarr":
        return _ZARR_DECODING
    return _OTHER_DECODING if source == "other" else Codec.named(source).row.decode_rate


def memory(row_bytes: int | None, threads: int) -> int:
    """Return about how many bytes the process takes at most.

    ``row_bytes`` are those of one row of tiles of the largest level that is encoded; None where
    all is copied.
    """
    if row_bytes is None:
        return _PROCESS
    return _PROCESS + threads * _THREAD + _ROWS * row_bytes
