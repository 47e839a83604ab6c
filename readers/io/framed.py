r"""An index and then bytes, in one object: what is in it is known from its first part alone.

::

    8 bytes of magic, length of the index, its CRC-32 (little-endian 64-bit words)
    the index, JSON
    bytes, as the index says
"""

import json
import struct
import zlib
from collections.abc import Sequence
from typing import Any

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.io.objects import Objects

_HEAD = struct.Struct("<8sQQ")
_FIRST_READ = 64 * 1024  # most indexes come with the head, by one request


def framed(magic: bytes, index: object, blobs: Sequence[bytes]) -> bytes:
    """Return head, index and bytes in a row; ``magic`` has 8 bytes."""
    text = json.dumps(index, separators=(",", ":")).encode()
    return b"".join([_HEAD.pack(magic, len(text), zlib.crc32(text)), text, *blobs])


def read_framed(objects: Objects, name: str, magic: bytes, what: str) -> tuple[Any, int]:
    """Return the index of an object, and where its bytes begin; ``what`` it is, for messages.

    Raises
    ------
    CorruptSourceError
        It is no such object, or damaged.
    """
    data = objects.read(name, 0, _FIRST_READ)
    missing = _end(data, name, magic, what) - len(data)
    if missing > 0:
        data += objects.read(name, len(data), missing)
    return parse_framed(data, name, magic, what)


def parse_framed(data: bytes, name: str, magic: bytes, what: str) -> tuple[Any, int]:
    """Return the index of an object that was read, and where its bytes begin, as `read_framed`."""
    end = _end(data, name, magic, what)
    text = data[_HEAD.size : end]
    if len(data) < end or zlib.crc32(text) != _HEAD.unpack_from(data)[2]:
        raise CorruptSourceError(f"the index of the {what} {name} is damaged")
    return json.loads(text), end


def _end(data: bytes, name: str, magic: bytes, what: str) -> int:
    if len(data) < _HEAD.size or data[: len(magic)] != magic:
        raise CorruptSourceError(f"{name} is no {what}")
    return _HEAD.size + int(_HEAD.unpack_from(data)[1])
