"""How large a picture an encoded tile says it is: asked before a decoder allocates for it.

Sources: ITU-T T.81 B.2.2 (JPEG frame header), T.800 A.5.1 (JPEG 2000 image size), RFC 9649
(WebP container), W3C PNG 11.2.2, ISO/IEC 23008-12 6.5.3 (AVIF and HEIC), ISO/IEC 18181-1 D.2 and
18181-2 (size and boxes of JPEG XL).
"""

import math
import re
import struct

from ziggurat.readers.model.codec import Codec

_JPEG2000_START = b"\xff\x4f\xff\x51"  # start of code stream, size marker
_JPEG2000_BOXES = 4096  # a JP2's code stream begins after a few small boxes
# Of JPEG XL, by which a width is told of a height.
_RATIOS = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_JPEG_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # F7: of JPEG-LS


def _jpeg(data: bytes) -> tuple[int, int] | None:
    position, end = 2, len(data) - 9
    while position < end:
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        if marker == 0xDA:
            return None
        position += 2 + struct.unpack_from(">H", data, position + 2)[0] if marker != 0xFF else 1
    return None


def _jpeg2000(data: bytes) -> tuple[int, int] | None:
    at = data.find(_JPEG2000_START, 0, _JPEG2000_BOXES)
    if at < 0 or len(data) < at + 24:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", data, at + 8)
    return max(0, right - left), max(0, bottom - top)


def _webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if len(data) < 30 or data[:4] != b"RIFF":
        return None
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        return width, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _jpegxl(data: bytes) -> tuple[int, int] | None:
    start = 0
    if data[4:8] == b"JXL ":  # in boxes: the code stream, or the first part of it
        found = re.search(b"jxlc|jxlp....", data[:_JPEG2000_BOXES], re.DOTALL)
        start = found.end() if found else len(data)
    if data[start : start + 2] != b"\xff\x0a":
        return None
    bits = int.from_bytes(data[start + 2 : start + 14], "little")

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & ((1 << count) - 1), bits >> count
        return value

    def side() -> int:
        return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1

    small = take(1)
    height = side()
    ratio = take(3)
    return (side() if not ratio else height * _RATIOS[ratio][0] // _RATIOS[ratio][1]), height


_SIZES = {
    Codec.JPEG: _jpeg,
    Codec.JPEG2000: _jpeg2000,
    Codec.WEBP: _webp,
    Codec.JPEGXL: _jpegxl,
}


def stream_size(codec: Codec, data: bytes) -> tuple[int, int] | None:
    """Return (width, height) as the stream says, None where that can't be told."""
    reader = _SIZES.get(codec)
    return None if reader is None else reader(data)


def claimed_size(data: bytes) -> tuple[int, int] | None:
    """Return (width, height) that bytes of an unknown codec tell if they are a picture.

    None where they are none, or none of those that tell it at their beginning.
    """
    if data[:2] == b"\xff\xd8":
        return _jpeg(data)
    if data[12:16] == b"IHDR":
        width, height = struct.unpack_from(">II", data.ljust(24, b"\0"), 16)
        return width, height
    if data[4:8] == b"ftyp":  # AVIF and HEIC: the largest picture that is in it
        spans = [data[at.end() + 4 : at.end() + 12] for at in re.finditer(b"ispe", data)]
        sizes = [struct.unpack(">II", span) for span in spans if len(span) == 8]
        return max(sizes, key=math.prod, default=None)
    return _webp(data) or _jpeg2000(data) or _jpegxl(data)


def has_shifted_tiles(data: bytes) -> bool:
    """Return True for a JPEG 2000 stream whose tiles don't begin where its image does."""
    at = data.find(_JPEG2000_START, 0, _JPEG2000_BOXES)
    if at < 0 or len(data) < at + 40:
        return False
    return data[at + 16 : at + 24] != data[at + 32 : at + 40]


def has_subsampled_chroma(data: bytes) -> bool:
    """Return True for a JPEG 2000 stream whose second component is coarser than its first."""
    at = data.find(_JPEG2000_START, 0, _JPEG2000_BOXES)
    if at < 0 or len(data) < at + 51 or data[at + 40 : at + 42] != b"\0\3":
        return False
    return data[at + 46 : at + 48] != data[at + 43 : at + 45]


def has_component_transform(data: bytes) -> bool | None:
    """Return whether a JPEG 2000 stream says its colours were transformed (T.800, A.6.1).

    None where there is no such word at the beginning.
    """
    start = data.find(_JPEG2000_START, 0, _JPEG2000_BOXES)
    at = data.find(b"\xff\x52", start) if start >= 0 else -1
    return bool(data[at + 8]) if 0 <= at < len(data) - 8 else None


def jpegxr_end(data: bytes) -> int:
    """Return where the pixels of a JPEG XR picture end, as its directory says; 0 if it doesn't.

    Source: ITU-T T.832, annex A; offsets and sizes of the image and of its alpha plane.
    """
    if data[:3] != b"II\xbc" or len(data) < 8:
        return 0
    at = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[at : at + 2], "little")
    ends = [0]
    for place in range(at + 2, min(at + 2 + 12 * count, len(data) - 11), 12):
        tag, _, _, value = struct.unpack_from("<HHII", data, place)
        if tag in (0xBCC0, 0xBCC2):  # where a plane begins; its size comes next
            ends.append(int(value) + int.from_bytes(data[place + 20 : place + 24], "little"))
    return max(ends)
