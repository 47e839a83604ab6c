"""Takes free text out of code streams, without touching a coefficient.

Sources: ITU-T T.81 (JPEG's APPn and COM segments), ITU-T T.800 annex A (JPEG 2000's COM).
"""

import re

from ziggurat.readers.errors import CorruptSourceError

_SOS, _APP0, _APP2, _APP14, _APP15, _COM = 0xDA, 0xE0, 0xE2, 0xEE, 0xEF, 0xFE
_EOI = b"\xff\xd9"
_TEXT = re.compile(rb"\xff[\xe0-\xef\xfe]")
_J2K_START, _J2K_COMMENT, _J2K_TILE = b"\xff\x4f", 0xFF64, 0xFF90


def scrub_jpeg(data: bytes) -> bytes:
    """Return a JPEG stream without comments, Exif, XMP and vendor segments, nor what follows it.

    What decoders need stays: JFIF's and Adobe's markers, ICC profiles. Tables-only streams
    are taken too.
    """
    if data[:2] != b"\xff\xd8":
        raise CorruptSourceError(f"not a JPEG stream: it begins with {data[:4].hex()}")
    parts = [data[:2]]
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4])
        if marker == _SOS or data[position : position + 2] == _EOI:
            break
        segment = data[position:end]
        if _needed(marker, segment[4:]):
            parts.append(segment)
        position = end
    last = data.rfind(_EOI)
    rest = data[position : last + 2] if last >= position else data[position:]
    return b"".join([*parts, _without_later_text(rest)])


def _without_later_text(scans: bytes) -> bytes:
    """Drop segments of text between the scans of a progressive stream.

    In entropy-coded data 0xFF is followed by 0 or a restart number, so such a marker is one.
    """
    while (match := _TEXT.search(scans)) is not None:
        start = match.start()
        end = start + 2 + int.from_bytes(scans[start + 2 : start + 4])
        scans = scans[:start] + scans[end:]
    return scans


def _needed(marker: int, content: bytes) -> bool:
    if marker == _APP0:
        return content.startswith(b"JFIF")
    if marker == _APP2:
        return content.startswith(b"ICC_PROFILE")
    if marker == _APP14:
        return content.startswith(b"Adobe")
    return marker != _COM and not _APP0 <= marker <= _APP15


def is_codestream(data: bytes) -> bool:
    """Return True for a raw JPEG 2000 code stream, False for boxes (JP2), which may hold text."""
    return data[:2] == _J2K_START


def scrub_jpeg2000(data: bytes) -> bytes:
    """Return a raw JPEG 2000 code stream without comments in its main header."""
    if not is_codestream(data):
        raise CorruptSourceError("not a raw JPEG 2000 code stream")
    parts = [data[:2]]
    position = 2
    while position + 4 <= len(data):
        marker = int.from_bytes(data[position : position + 2])
        if marker == _J2K_TILE:
            break
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4])
        if marker != _J2K_COMMENT:
            parts.append(data[position:end])
        position = end
    return b"".join([*parts, data[position:]])
