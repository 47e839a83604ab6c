"""JPEG 2000 pictures that GDAL refuses, such as those of subsampled components: by imagecodecs.

OpenJPEG brings all components to one size. The head (ITU-T T.800, A.5.1) says which.
"""

import struct

import imagecodecs
import numpy as np

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.pictures.base import DecodedReader
from ziggurat.readers.formats.pictures.whole import whole_reader
from ziggurat.readers.io.location import Location

_STREAM = b"\xff\x4f\xff\x51"
_BOXES = b"\0\0\0\x0cjP  "
_HEAD_BYTES = 1 << 20  # profiles and palettes lie before the code stream
_PACKS = 50_000  # decoded bytes a stored one; OpenJPEG works in four bytes a sample


def open_reader(location: Location) -> DecodedReader:
    """Open a picture; it is decoded on the first read.

    Raises
    ------
    UnsupportedFormatError
        Not a JPEG 2000 picture, or one whose components differ in type.
    CorruptSourceError
        It has no code stream, or claims more pixels than its bytes can hold.
    """
    if location.is_directory or not location.head.startswith((_STREAM, _BOXES)):
        raise UnsupportedFormatError("not a JPEG 2000 picture")
    head = location.open_bytes().read(0, _HEAD_BYTES)
    at = head.find(_STREAM)
    if at < 0 or len(head) < at + 42:
        raise CorruptSourceError(f"{location.url} has no JPEG 2000 code stream")
    right, bottom, left, top = struct.unpack_from(">IIII", head, at + 8)
    (count,) = struct.unpack_from(">H", head, at + 40)
    parts = [head[at + 42 + 3 * i : at + 45 + 3 * i] for i in range(count)]
    if not parts or len(parts[-1]) < 3:
        raise CorruptSourceError(f"{location.url} ends in its header")
    if len({part[0] for part in parts}) > 1:
        raise UnsupportedFormatError("JPEG 2000 components of several types are not supported")
    bits = (parts[0][0] & 127) + 1
    if bits > 32:
        raise UnsupportedFormatError(f"JPEG 2000 samples of {bits} bits are not supported")
    size = 1 if bits <= 8 else 2 if bits <= 16 else 4
    dtype: np.dtype = np.dtype(f"{'i' if parts[0][0] & 128 else 'u'}{size}")
    across, down = (min(part[k] for part in parts) or 1 for k in (1, 2))
    width = -(-right // across) - -(-left // across)
    height = -(-bottom // down) - -(-top // down)
    alpha = count in (2, 4) and b"cdef" in head[:at]
    shape = height, width, count
    return whole_reader(
        location, "jpeg2000", shape, dtype, imagecodecs.jpeg2k_decode, packs=_PACKS, alpha=alpha
    )
