"""Transfer syntaxes: how frames are encoded, and decoders for those that only DICOM has.

Sources: DICOM PS3.5, A.4 and annex G (RLE), PS3.6, table A-1 (names).
"""

from collections.abc import Buffer, Callable
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from pydicom.uid import UID

from ziggurat.readers.codecs.jpeg_decode import check_jpeg
from ziggurat.readers.codecs.stream_size import stream_size
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.reader import Pixels

Shape = tuple[int, int, int]
_RLE_RATIO = 128  # decoded bytes a stored one, at most
_END_BYTES = 64


def _jpeg_ls(data: bytes, shape: Shape, dtype: np.dtype) -> object:
    del dtype
    at = data.find(b"\xff\xf7", 0, _END_BYTES)
    size = int.from_bytes(data[at + 5 : at + 7]), int.from_bytes(data[at + 7 : at + 9])
    if at < 0 or size != shape[:2]:
        raise ValueError(f"a JPEG-LS stream of {size} pixels where {shape[:2]} are due")
    if b"\xff\xd9" not in data[-_END_BYTES:]:  # what is cut short keeps CharLS busy for seconds
        raise ValueError("a JPEG-LS stream that ends before its end marker")
    return imagecodecs.jpegls_decode(data)


def _jpeg_2000(data: bytes, shape: Shape, dtype: np.dtype) -> object:
    del dtype
    size = stream_size(Codec.JPEG2000, data)
    if size != (shape[1], shape[0]):
        raise ValueError(f"a JPEG 2000 stream of {size} pixels where {shape[:2]} are due")
    return imagecodecs.jpeg2k_decode(data)


def _jpeg_lossless(data: bytes, shape: Shape, dtype: np.dtype) -> object:
    del dtype
    size = stream_size(Codec.JPEG, data)
    if size != (shape[1], shape[0]):
        raise ValueError(f"a JPEG stream of {size} pixels where {shape[:2]} are due")
    check_jpeg(data)
    if shape[2] == 3:  # no transform: what the samples mean is said by the header
        return imagecodecs.jpeg8_decode(data, colorspace=2, outcolorspace=2)
    return imagecodecs.jpeg8_decode(data)


def _rle(data: bytes, shape: Shape, dtype: np.dtype) -> object:
    """Return (y, x, band); RLE keeps bands, and the bytes of samples, one plane after another."""
    size = shape[0] * shape[1] * shape[2] * dtype.itemsize
    if size > _RLE_RATIO * len(data):
        raise ValueError(f"{len(data)} bytes can't be a frame of {size}")
    return _planes(imagecodecs.dicomrle_decode(data, dtype), shape, dtype)


def _planes(data: Buffer, shape: Shape, dtype: np.dtype) -> Pixels:
    """Return (y, x, band) of samples that lie band after band."""
    height, width, bands = shape
    planes = np.frombuffer(data, dtype)
    if planes.size != height * width * bands:
        raise ValueError(f"{planes.size} samples where {height * width * bands} are due")
    return np.moveaxis(planes.reshape(bands, height, width), 0, -1)


@dataclass(frozen=True, slots=True)
class Syntax:
    """How frames are encoded: a codec of ours, or ``decode`` for those that are never copied."""

    codec: Codec
    lossless: bool
    native: bool = False  # plain samples, not encapsulated
    decode: Callable[[bytes, Shape, np.dtype], Any] | None = None


_PLAIN = Syntax(Codec.NONE, True, native=True)
_PLANAR = Syntax(Codec.OTHER, True, native=True, decode=_planes)  # plain samples, band after band
_SYNTAXES: dict[str, Syntax] = {
    "1.2.840.10008.1.2": _PLAIN,
    "1.2.840.10008.1.2.1": _PLAIN,
    "1.2.840.10008.1.2.1.98": Syntax(Codec.NONE, True),
    "1.2.840.10008.1.2.4.50": Syntax(Codec.JPEG, False),
    "1.2.840.10008.1.2.4.51": Syntax(Codec.JPEG, False),
    "1.2.840.10008.1.2.4.57": Syntax(Codec.OTHER, True, decode=_jpeg_lossless),
    "1.2.840.10008.1.2.4.70": Syntax(Codec.OTHER, True, decode=_jpeg_lossless),
    "1.2.840.10008.1.2.4.80": Syntax(Codec.OTHER, True, decode=_jpeg_ls),
    "1.2.840.10008.1.2.4.81": Syntax(Codec.OTHER, False, decode=_jpeg_ls),
    "1.2.840.10008.1.2.4.90": Syntax(Codec.JPEG2000, True),
    "1.2.840.10008.1.2.4.91": Syntax(Codec.JPEG2000, False),
    "1.2.840.10008.1.2.4.110": Syntax(Codec.JPEGXL, True),
    "1.2.840.10008.1.2.4.112": Syntax(Codec.JPEGXL, False),
    "1.2.840.10008.1.2.4.201": Syntax(Codec.OTHER, True, decode=_jpeg_2000),
    "1.2.840.10008.1.2.4.202": Syntax(Codec.OTHER, True, decode=_jpeg_2000),
    "1.2.840.10008.1.2.4.203": Syntax(Codec.OTHER, False, decode=_jpeg_2000),
    "1.2.840.10008.1.2.5": Syntax(Codec.OTHER, True, decode=_rle),
}


def syntax_of(uid: str, planar: bool = False) -> Syntax:
    """Return how frames of a transfer syntax are encoded.

    Raises
    ------
    UnsupportedFormatError
        Nobody here decodes it; it is named.
    """
    if uid not in _SYNTAXES:
        name = UID(uid).name
        raise UnsupportedFormatError(
            f"DICOM frames of transfer syntax {name}{f' ({uid})' if name != uid else ''} "
            "are not supported"
        )
    found = _SYNTAXES[uid]
    return _PLANAR if planar and found == _PLAIN else found


def decode_frame(data: bytes, syntax: Syntax, shape: Shape, dtype: np.dtype) -> Pixels:
    """Return a frame of a syntax that has its own ``decode``, as (y, x, band).

    Raises
    ------
    CorruptSourceError
        It can't be decoded.
    """
    assert syntax.decode is not None
    try:
        tile = np.asarray(syntax.decode(data, shape, dtype))
    except Exception as error:  # every codec has error classes of its own
        raise CorruptSourceError(f"a frame can't be decoded: {error}") from error
    if tile.ndim not in (2, 3) or tile.shape[:2] != shape[:2]:
        raise CorruptSourceError(f"a frame decodes to {tile.shape} where {shape} are due")
    return tile if tile.ndim == 3 else tile[..., np.newaxis]
