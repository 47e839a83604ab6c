"""JPEG XL pictures through libjxl, as imagecodecs brings it; the wheels of libvips lack it.

The size is read from the head of the code stream (ISO/IEC 18181-1, annex D) before anything is
decoded, since libjxl makes room for what a file claims.
"""

from pathlib import Path

import imagecodecs
import numpy as np

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.pictures.base import (
    DecodedReader,
    Room,
    check_at_once,
    check_proportion,
)
from ziggurat.readers.formats.pictures.whole import whole_bytes
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.image import Axis, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels

_TILE = 256
_PACKS = 200_000  # decoded bytes a stored one; even surfaces take next to nothing
_WORKING_BYTES = 16  # libjxl holds four floats a pixel while it decodes
_MOST_BANDS = 4
_STREAM = b"\xff\x0a"
_BOXES = b"\0\0\0\x0cJXL "
_DTYPES = (np.uint8, np.uint16, np.float16, np.float32)
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


class _Bits:
    """The bits of a head, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """Return the next bits as a number."""
        if count > self._left:
            raise CorruptSourceError("a JPEG XL picture that ends in its head")
        number = self._value & ((1 << count) - 1)
        self._value >>= count
        self._left -= count
        return number

    def side(self, small: bool) -> int:
        """Return a side of the picture: in eights up to 256, or in one of four widths."""
        if small:
            return 8 * (self.take(5) + 1)
        return self.take((9, 13, 18, 30)[self.take(2)]) + 1


def picture_size(data: bytes) -> tuple[int, int]:
    """Return (width, height) as the code stream states them, before any orientation.

    Raises
    ------
    CorruptSourceError
        It has no code stream, or ends in its head.
    """
    bits = _Bits(_code_stream(data)[2:16])
    small = bool(bits.take(1))
    height = bits.side(small)
    ratio = bits.take(3)
    if ratio:
        over, under = _RATIOS[ratio - 1]
        return height * over // under, height
    return bits.side(small), height


def _code_stream(data: bytes) -> bytes:
    """Return the beginning of the code stream, which may lie in a box of a container."""
    place = 0
    while data.startswith(_BOXES) and place + 16 <= len(data):
        size, kind = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8]
        start = place + 8
        if size == 1:
            size, start = int.from_bytes(data[start : start + 8]), start + 8
        if kind in (b"jxlc", b"jxlp"):
            data = data[start + 4 * (kind == b"jxlp") :][:64]
            break
        if size < 8:  # 0: up to the end; no code stream follows
            break
        place += size
    if not data.startswith(_STREAM):
        raise CorruptSourceError("a JPEG XL picture without a code stream")
    return data


def _decoded(location: Location, data: bytes) -> Pixels:
    """Return (frame, y, x, band)."""
    try:
        width, height = picture_size(data)
        check_proportion(location.name, width * height * _WORKING_BYTES, len(data), _PACKS)
        check_at_once(location.name, width * height * _MOST_BANDS, len(data))
        pixels = np.asarray(imagecodecs.jpegxl_decode(data))
    except (imagecodecs.JpegxlError, RuntimeError, ValueError, MemoryError) as error:
        raise CorruptSourceError(f"{location.url} can't be decoded: {error}") from error
    sides = {(height, width), (width, height)}
    if pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[:2] not in sides):
        pixels = pixels[..., np.newaxis]
    if pixels.ndim == 3:
        pixels = pixels[np.newaxis]
    if pixels.ndim != 4 or pixels.shape[1:3] not in sides or pixels.dtype not in _DTYPES:
        raise CorruptSourceError(f"{location.url} decodes to pixels of {pixels.shape}")
    return pixels


def open_reader(location: Location) -> DecodedReader:
    """Open a picture or an animation, and decode it.

    Raises
    ------
    UnsupportedFormatError
        Not a JPEG XL picture.
    CorruptSourceError
        Damaged, or more pixels than its bytes can hold.
    SourceError
        Too large to be decoded at once.
    """
    if location.is_directory or not location.head.startswith((_STREAM, _BOXES)):
        raise UnsupportedFormatError("not a JPEG XL picture")
    pixels = _decoded(location, whole_bytes(location))
    frames, height, width, bands = pixels.shape
    colors = {1: Interpretation.GRAY, 2: Interpretation.GRAY}
    colors |= {3: Interpretation.RGB, 4: Interpretation.RGB}
    info = ImageInfo(
        format="jpegxl",
        levels=(Level(width, height, min(width, _TILE), min(height, _TILE)),),
        bands=bands,
        dtype=pixels.dtype,
        interpretation=colors.get(bands, Interpretation.MULTIBAND),
        alpha=bands in (2, 4),
        axes=(Axis("t", frames),) if frames > 1 else (),
        internal={"jpegxl": {"name": Path(location.name).name, "frames": frames}},
    )

    def decode(room: Room) -> Pixels:
        del room  # the pixels are there already
        return pixels

    return DecodedReader(info, decode)
