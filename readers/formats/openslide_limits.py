"""Sizes that OpenSlide would die of: it asks for what a TIFF claims, and aborts if refused.

Only the structure of the file is read here (TIFF 6.0, section 2; BigTIFF).
"""

import struct

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.io.bytes import ByteSource

_LARGEST_TILE = 1 << 26  # pixels, of four bytes each
_MOST_DIRECTORIES = 10_000
_MOST_TAGS = 4096
_TILE_TAGS = (322, 323)
_FORMS = {1: "B", 3: "H", 4: "I", 16: "Q"}


def check_tiles(source: ByteSource) -> None:
    """Refuse a TIFF with a tile that is larger than any scanner's.

    Raises
    ------
    CorruptSourceError
        A tile of absurd size, or directories without end.
    """
    head = source.read(0, 16).ljust(16, b"\0")
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", head, 2)[0] == 43
    (offset,) = struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)
    seen: set[int] = set()
    while offset and offset not in seen:
        seen.add(offset)
        if len(seen) > _MOST_DIRECTORIES:
            raise CorruptSourceError(f"{source.url} has more than {_MOST_DIRECTORIES} directories")
        tags, offset = _directory(source, offset, order, big)
        width, height = (tags.get(tag, 0) for tag in _TILE_TAGS)
        if width * height > _LARGEST_TILE:
            raise CorruptSourceError(
                f"{source.url} claims a tile of {width} x {height} pixels: damaged or hostile"
            )


def _directory(
    source: ByteSource, offset: int, order: str, big: bool
) -> tuple[dict[int, int], int]:
    """Return the sizes in a directory, and where the next one is; 0 where there is none."""
    form, entry, where = ("Q", 20, 12) if big else ("H", 12, 8)
    size = struct.calcsize("=" + form)
    start = source.read(offset, size)
    if len(start) < size:
        return {}, 0
    (count,) = struct.unpack(order + form, start)
    data = source.read(offset + size, min(count, _MOST_TAGS) * entry)
    tags = {}
    for at in range(0, len(data) - entry + 1, entry):
        tag, kind = struct.unpack_from(order + "HH", data, at)
        if tag in _TILE_TAGS and kind in _FORMS:
            tags[tag] = struct.unpack_from(order + _FORMS[kind], data, at + where)[0]
    link = source.read(offset + size + count * entry, 8 if big else 4)
    if len(link) < (8 if big else 4):
        return tags, 0
    return tags, struct.unpack(order + ("Q" if big else "I"), link)[0]
