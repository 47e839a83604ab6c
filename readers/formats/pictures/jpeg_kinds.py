"""JPEG pictures of the kinds that libvips leaves alone: lossless, 12 and 16 bits, JPEG-LS.

By imagecodecs, whole. The kind is the frame header's marker (ITU-T T.81, table B.1; T.87, C.1.1).
"""

from typing import Any

import imagecodecs
import numpy as np

from ziggurat.readers.codecs.jpeg_decode import check_jpeg
from ziggurat.readers.codecs.jpeg_stream import JpegHeader, parse_header
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.pictures.base import DecodedReader
from ziggurat.readers.formats.pictures.whole import whole_reader
from ziggurat.readers.io.location import Location

_HEAD_BYTES = 1 << 20  # Exif, profiles and previews lie before the frame header
_JPEG = b"\xff\xd8\xff"
_JPEG_LS = b"\xff\xd8\xff\xf7"
_HIERARCHICAL = (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF)
_END_BYTES = 64
_RGB = 2  # libjpeg's number
_PACKS = 1_100  # decoded bytes a stored one
_PACKS_JPEG_LS = 200_000  # whole runs of lines in a bit or two


def _decode(data: bytes) -> Any:
    header = parse_header(data)
    check_jpeg(data)
    if header.lossless and header.components == 3:  # no transform: the samples are the colours
        return imagecodecs.jpeg8_decode(data, colorspace=_RGB, outcolorspace=_RGB)
    return imagecodecs.jpeg8_decode(data)


def _decode_jpeg_ls(data: bytes) -> object:
    if b"\xff\xd9" not in data[-_END_BYTES:]:  # what is cut short keeps CharLS busy for seconds
        raise ValueError("a JPEG-LS stream that ends before its end marker")
    return imagecodecs.jpegls_decode(data)


def _dtype(bits: int) -> "np.dtype":
    return np.dtype(np.uint8 if bits <= 8 else np.uint16)


def _header(location: Location) -> JpegHeader:
    """Return the header of a JPEG that is ours."""
    try:
        header = parse_header(location.open_bytes().read(0, _HEAD_BYTES))
    except CorruptSourceError as error:  # libvips will say what is wrong
        raise UnsupportedFormatError("no header of a JPEG picture can be found") from error
    if header.sof in _HIERARCHICAL:
        raise UnsupportedFormatError("hierarchical JPEG is not supported by any decoder here")
    if header.bits == 8 and not header.lossless:
        raise UnsupportedFormatError("an ordinary JPEG picture: left to libvips")
    return header


def open_reader(location: Location) -> DecodedReader:
    """Open a picture; it is decoded on the first read.

    Raises
    ------
    UnsupportedFormatError
        No JPEG picture, an ordinary one, or a hierarchical one.
    CorruptSourceError
        It claims more pixels than its bytes can hold.
    """
    if location.is_directory or not location.head.startswith(_JPEG):
        raise UnsupportedFormatError("not a JPEG picture")
    if location.head.startswith(_JPEG_LS):
        return _open_jpeg_ls(location)
    header = _header(location)
    shape = header.height, header.width, header.components
    return whole_reader(location, "jpeg", shape, _dtype(header.bits), _decode, packs=_PACKS)


def _open_jpeg_ls(location: Location) -> DecodedReader:
    """Open a JPEG-LS picture, whose frame header comes first."""
    head = location.head[4:12]
    if len(head) < 8:
        raise CorruptSourceError(f"{location.url} ends in its header")
    shape = int.from_bytes(head[3:5]), int.from_bytes(head[5:7]), head[7]
    return whole_reader(
        location, "jpeg-ls", shape, _dtype(head[2]), _decode_jpeg_ls, packs=_PACKS_JPEG_LS
    )
