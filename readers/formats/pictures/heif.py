"""HEIC pictures through libheif, as pillow-heif brings it; libvips' wheels decode AVIF only."""

from typing import Any

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.pictures.base import (
    DecodedReader,
    Room,
    check_at_once,
    check_proportion,
)
from ziggurat.readers.io.bytes import ByteFile
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels

_TILE = 256
_PACKS = 200_000  # decoded bytes a stored one
_MOST_BYTES = 256 * 1024 * 1024
_BRANDS = frozenset((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"))


def _is_heic(head: bytes) -> bool:
    """Return True where one of the brands of a file (ISO/IEC 14496-12, box ftyp) is HEIC's."""
    if head[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(head[:4]), len(head))
    brands = {head[place : place + 4] for place in (8, *range(16, end, 4))}
    return bool(brands & _BRANDS)


# What pillow-heif raises where a file is damaged.
_ERRORS = (ValueError, EOFError, RuntimeError, SyntaxError, IndexError, KeyError, MemoryError)


def _open(location: Location) -> Any:
    try:
        import pillow_heif
    except ImportError as error:
        raise UnsupportedFormatError(
            "HEIC pictures need a package that is not installed: pip install 'ziggurat[heif]'"
        ) from error
    source = location.open_bytes()
    if source.size > _MOST_BYTES:
        raise SourceError(f"{location.url}: {source.size} bytes are too many for one picture")
    try:
        # 10 and 12 bits come as 16, never through 8
        return pillow_heif.open_heif(ByteFile(source), convert_hdr_to_8bit=False)
    except _ERRORS as error:
        raise CorruptSourceError(f"{location.url} is damaged: {error}") from error


def _pixels(location: Location, picture: object) -> Pixels:
    try:
        return np.asarray(picture)
    except _ERRORS as error:
        raise CorruptSourceError(f"{location.url} can't be decoded: {error}") from error


def open_reader(location: Location) -> DecodedReader:
    """Open the main picture of a file, turned as it is meant to be seen; decoded on first read.

    Raises
    ------
    UnsupportedFormatError
        Not a HEIC picture, or pillow-heif is not installed.
    CorruptSourceError
        Its head is damaged, or claims more pixels than its bytes can hold.
    """
    if location.is_directory or not _is_heic(location.head):
        raise UnsupportedFormatError("not a HEIC picture")
    picture = _open(location)
    try:
        width, height = picture.size
    except _ERRORS as error:
        raise CorruptSourceError(f"{location.url} holds no picture: {error}") from error
    if min(width, height) < 1:
        raise CorruptSourceError(f"{location.url} claims {width} x {height} pixels")
    bands = len(picture.mode.split(";")[0])
    dtype = np.dtype(np.uint16 if ";16" in picture.mode else np.uint8)
    size = location.open_bytes().size
    claimed = width * height * bands * dtype.itemsize
    check_proportion(location.name, claimed, size, _PACKS)
    check_at_once(location.name, claimed, size)
    info = ImageInfo(
        format="heif",
        levels=(Level(width, height, min(width, _TILE), min(height, _TILE)),),
        bands=bands,
        dtype=dtype,
        interpretation=Interpretation.GRAY if bands < 3 else Interpretation.RGB,
        alpha=bool(picture.has_alpha),
        icc_profile=picture.info.get("icc_profile") or None,
        internal={"heif": {"mode": picture.mode, "pictures": len(picture)}},
    )

    def decode(room: Room) -> Pixels:
        pixels = _pixels(location, _open(location))  # opened anew: libheif keeps what it decodes
        out = room()
        if pixels.shape[:2] != out.shape[1:3]:
            raise CorruptSourceError(f"{location.url} decodes to {pixels.shape[:2]}")
        out[0] = pixels.reshape(out.shape[1:])
        return out

    return DecodedReader(info, decode)
