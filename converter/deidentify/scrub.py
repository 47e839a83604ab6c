"""Takes free text out of code streams, without touching a coefficient.

Only what a decoder reads is written again: known segments, each as long as its contents say, up
to the first end marker. Sources: ITU-T T.81 (JPEG's segments), ITU-T T.800 annex A (JPEG 2000's).
"""

import re

from ziggurat.converter.deidentify.icc import scrub_icc
from ziggurat.readers.errors import CorruptSourceError

_SOI, _EOI, _SOS, _DQT, _DHT, _DAC, _DRI = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xCC, 0xDD
_JPG = 0xC8  # reserved: no frame begins with it
_FRAMES = frozenset(range(0xC0, 0xD0)) - {_DHT, _DAC, _JPG}
_APP0, _APP2, _APP14 = 0xE0, 0xE2, 0xEE
_JFIF_BYTES, _ADOBE_BYTES = 14, 12
_ICC = b"ICC_PROFILE\0"
_ICC_HEAD = len(_ICC) + 2  # number and count of the chunk
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # in coded data, 0xFF is stuffed or a restart

_J2K_START, _J2K_END = b"\xff\x4f", b"\xff\xd9"
_J2K_COMMENT, _J2K_TILE, _J2K_DATA, _J2K_LENGTHS = 0xFF64, 0xFF90, 0xFF93, 0xFF55


def scrub_jpeg(data: bytes) -> bytes:
    """Return a JPEG stream without any text: comments, Exif, XMP, vendor segments, spare bytes.

    What decoders need stays: tables, frames and scans, JFIF's and Adobe's facts, and ICC
    profiles without their texts. What follows the first end marker goes. Tables-only streams
    are taken too.

    Raises
    ------
    CorruptSourceError
        It doesn't begin as a JPEG stream.
    """
    if data[:2] != bytes((0xFF, _SOI)):
        raise CorruptSourceError(f"not a JPEG stream: it begins with {data[:4].hex()}")
    parts: list[bytes] = [data[:2]]
    profile: list[tuple[int, bytes]] = []  # place among the parts, chunk
    position = 2
    while (found := _MARKER.search(data, position)) is not None:
        marker, start = data[found.end() - 1], found.end()
        if marker == _EOI:
            parts.append(data[start - 2 : start])
            break
        end = start + int.from_bytes(data[start : start + 2])
        content = data[start + 2 : end]
        position = max(end, start)
        if marker == _APP2 and content.startswith(_ICC):
            profile.append((len(parts), content))
            parts.append(b"")
        kept = _kept(marker, content)
        if kept is not None:
            parts.append(_segment(marker, kept))
        if marker == _SOS:
            after = _MARKER.search(data, position)
            stop = len(data) if after is None else after.start()
            parts.append(data[position:stop])
            position = stop
    for (place, _), chunk in zip(profile, _clean_profile(profile), strict=True):
        parts[place] = chunk
    return b"".join(parts)


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2) + content


def _kept(marker: int, content: bytes) -> bytes | None:
    """Return the part of a segment that means something to a decoder; None where none does."""
    if marker == _APP0 and content.startswith(b"JFIF\0"):
        # without a thumbnail, whose sizes are the last two bytes
        return content[: _JFIF_BYTES - 2] + b"\0\0" if len(content) >= _JFIF_BYTES else None
    if marker == _APP14 and content.startswith(b"Adobe"):
        return content[:_ADOBE_BYTES]
    if marker in (_DQT, _DHT):
        return content[: _tables_length(marker, content)]
    if marker == _DRI:
        return content[:2]
    if marker in _FRAMES:
        return content[: 6 + 3 * content[5]] if len(content) > 5 else None
    if marker == _SOS:
        return content[: 4 + 2 * content[0]] if content else None
    return content if marker == _DAC else None


def _tables_length(marker: int, content: bytes) -> int:
    """Return how many bytes whole quantization or Huffman tables take up."""
    position = 0
    while position < len(content):
        if marker == _DQT:
            size = 65 + 64 * (content[position] >> 4)
        else:
            size = 17 + sum(content[position + 1 : position + 17])
        if content[position] & 0x0F > 3 or position + size > len(content):
            break
        position += size
    return position


def _clean_profile(chunks: list[tuple[int, bytes]]) -> list[bytes]:
    """Return the segments of an ICC profile without its texts, or empty ones."""
    profile = b"".join(content[_ICC_HEAD:] for _, content in chunks)
    clean = scrub_icc(profile)
    if clean is None:
        return [b""] * len(chunks)
    segments, start = [], 0
    for _, content in chunks:
        size = len(content) - _ICC_HEAD
        segments.append(_segment(_APP2, content[:_ICC_HEAD] + clean[start : start + size]))
        start += size
    return segments


def is_codestream(data: bytes) -> bool:
    """Return True for a raw JPEG 2000 code stream, False for boxes (JP2), which may hold text."""
    return data[:2] == _J2K_START


def scrub_jpeg2000(data: bytes) -> bytes:
    """Return a raw JPEG 2000 code stream without comments, and nothing behind its end.

    Raises
    ------
    CorruptSourceError
        It isn't one.
    """
    if not is_codestream(data):
        raise CorruptSourceError("not a raw JPEG 2000 code stream")
    head, position = _without_comments(data, 2, _J2K_TILE)
    parts = [data[:2], head]
    while data[position : position + 2] == _J2K_TILE.to_bytes(2):
        part, position = _tile_part(data, position)
        parts.append(part)
    return b"".join([*parts, _J2K_END])


def _without_comments(data: bytes, position: int, stop: int) -> tuple[bytes, int]:
    """Return the segments up to a marker without comments (and tile lengths, which change)."""
    parts = []
    while position + 4 <= len(data):
        marker = int.from_bytes(data[position : position + 2])
        if marker == stop or marker < 0xFF01:
            break
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4])
        if marker not in (_J2K_COMMENT, _J2K_LENGTHS):
            parts.append(data[position:end])
        position = max(end, position + 2)
    return b"".join(parts), position


def _tile_part(data: bytes, start: int) -> tuple[bytes, int]:
    """Return one tile-part, its length put right, and where it ends.

    A length of zero (A.4.2) says that it goes on to the end of the code stream; no marker of
    the kind of the end one can be in packets.
    """
    length = int.from_bytes(data[start + 6 : start + 10])
    header, body = _without_comments(data, start + 12, _J2K_DATA)
    end = start + length
    if length == 0 or end > len(data):
        found = data.find(_J2K_END, body)
        end = len(data) if found < 0 else found
    packets = data[body:end]
    size = 0 if length == 0 else 12 + len(header) + len(packets)
    changed = data[start : start + 6] + size.to_bytes(4) + data[start + 10 : start + 12]
    return b"".join([changed, header, packets]), end
