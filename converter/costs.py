"""Rough costs of a conversion: bytes, seconds and memory, for telling people what to expect."""

import os
from dataclasses import dataclass

from ziggurat.readers.image import ImageInfo

OVERHEAD_BYTES = 1 << 16  # headers, tags and tile tables of an ordinary output

# Bytes of a tile for each byte of its pixels, as seen on stained tissue at default settings.
_RATIO = {
    "none": 1.0,
    "jpeg": 0.10,
    "jpeg2000": 0.12,
    "jpegxl": 0.08,
    "webp": 0.06,
}
_LOSSLESS_RATIO = 0.6

# Samples (bytes) encoded in a second by one core, decoding and shrinking included.
_SPEED = {
    "none": 600e6,
    "jpeg": 120e6,
    "jpeg2000": 12e6,
    "jpegxl": 15e6,
    "webp": 15e6,
    "lzw": 50e6,
    "blosc": 400e6,
    "lzma": 3e6,
}
_OTHER_SPEED = 80e6
_COPY_SPEED = 400e6  # bytes in a second, read and written


@dataclass(frozen=True, slots=True)
class Work:
    """What one level asks for. ``pixels`` are those of all frames."""

    action: str
    pixels: int
    bands: int
    codec: str
    copied_bytes: int


def thread_count(threads: int | None) -> int:
    """Return how many threads will work."""
    return threads or os.cpu_count() or 1


def encoded_bytes(width: int, height: int, info: ImageInfo, codec: str) -> int:
    """Return about how large an encoded level of one frame will be."""
    raw = width * height * info.bands * info.dtype.itemsize
    return round(raw * _RATIO.get(codec, _LOSSLESS_RATIO))


def seconds(work: Work, threads: int) -> float:
    """Return about how long one level takes."""
    if work.action == "copy":
        return work.copied_bytes / _COPY_SPEED
    decoded = 4 if work.action == "scale" else 1  # a reduced decode still reads all coefficients
    samples = work.pixels * work.bands * decoded
    return samples / _SPEED.get(work.codec, _OTHER_SPEED) / threads


def memory(info: ImageInfo, tile_height: int, threads: int) -> int:
    """Return about how many bytes the working set takes: some rows of tiles, all levels."""
    row = info.width * tile_height * info.bands * info.dtype.itemsize
    return 150_000_000 + 4 * row + threads * 8_000_000
