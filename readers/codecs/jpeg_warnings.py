"""What libjpeg warns of though no pixel is touched: a stream without it, to hear what comes next.

libjpeg tells its first warning alone through the calls that decode here, so a stream with a
harmless one is put right and decoded again, lest it hide that of damage behind it. Source: ITU-T
T.81 (markers, scans), Adobe technical note 5116, and libjpeg's warnings (jerror.h, JWRN_*).
"""

import re
from collections.abc import Iterator

from ziggurat.readers.codecs.jpeg_stream import EOI, SOS

_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
_MARKER = re.compile(rb"(?s)\xff([^\x00\xff\xd0-\xd7])")
_REVISION = re.compile(rb"(?s)JFIF\0.")
_TRANSFORM = re.compile(rb"(?s)(\xff\xee\0.Adobe.{6}).")
_FRAMES = range(0xC0, 0xC4)
_WHOLE_BLOCK = b"\0\x3f\0"  # coefficients 0 to 63, all bits: what a sequential scan has
_FEW = 4  # bytes that no padding need be


def mended(stream: bytes, said: str) -> bytes | None:
    """Return a stream that gives the same pixels without a warning; None where none is known.

    Parameters
    ----------
    stream
        A whole JPEG stream.
    said
        libjpeg's warning.
    """
    better = stream
    if "JFIF revision" in said:
        better = _REVISION.sub(b"JFIF\0\1", stream, 1)
    elif "Unknown Adobe color transform" in said:
        better = _known_transform(stream)
    elif "Invalid SOS parameters" in said:  # libjpeg decodes as if they were these
        better = _whole_blocks(stream)
    elif found := _EXTRANEOUS.search(said):
        better = _unpadded(stream, int(found[1]), int(found[2], 16))
    return None if better == stream else better


def is_end_padding(said: str, stream: bytes) -> bool:
    """Return True where what libjpeg has left over lies before the end and holds no pixels.

    Bytes of a damaged stream are blocks that came too late: any bytes, as a rule dozens.
    """
    found = _EXTRANEOUS.search(said)
    if not found or int(found[2], 16) != EOI:
        return False
    count, marker = int(found[1]), bytes((0xFF, EOI))
    if count <= _FEW:
        return True
    at = stream.find(marker, count)
    while at >= 0:
        if stream[at - count : at] == stream[at - 1 : at] * count:
            return True
        at = stream.find(marker, at + 2)
    return False


def count_scans(stream: bytes) -> int:
    """Return the number of scans up to the end marker; previews and what follows hold others."""
    return sum(marker == SOS for marker, _, _ in _segments(stream))


def _segments(stream: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, its offset, end of its segment) through all scans, up to and with the end."""
    at = 2
    while found := _MARKER.search(stream, at):
        marker = found[1][0]
        at = found.end() + max(2, int.from_bytes(stream[found.end() : found.end() + 2]))
        yield marker, found.start(), at
        if marker == EOI:
            return


def _known_transform(stream: bytes) -> bytes:
    """Name the transform that libjpeg takes for an unknown one: YCbCr, of four colours YCCK."""
    frames = [at for marker, at, _ in _segments(stream) if marker in _FRAMES]
    colors = stream[frames[0] + 9 :][:1] if frames else b""
    known = b"\2" if colors == b"\4" else b"\1"
    return _TRANSFORM.sub(lambda found: found[1] + known, stream)


def _whole_blocks(stream: bytes) -> bytes:
    changed = bytearray(stream)
    for marker, _, end in _segments(stream):
        if marker == SOS:
            changed[end - len(_WHOLE_BLOCK) : end] = _WHOLE_BLOCK
    return bytes(changed)


def _unpadded(stream: bytes, count: int, before: int) -> bytes:
    """Take padding out that lies before a marker between two scans: so many bytes, all alike.

    Before a restart marker it would be pixels; before the end nothing is behind it.
    """
    after_scan = False
    for marker, at, _ in _segments(stream):
        padding = stream[at - count : at]
        alike = padding == padding[:1] * count
        if after_scan and marker == before and marker != EOI and alike:
            return stream[: at - count] + stream[at:]
        after_scan = after_scan or marker == SOS
    return stream
