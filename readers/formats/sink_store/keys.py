"""Keys of tiles: what makes a tile that is laid again by a retry count once.

A key is kept as JSON in the journal, just before the record of its tile, which has its hash.
"""

import hashlib
import json
import operator
from typing import Any

from ziggurat.readers.errors import SinkInputError

Key = str | int | tuple["Key", ...]

LONGEST = 1000  # bytes of its JSON


def key_text(key: object) -> bytes:
    """Return a key as it is kept.

    Raises
    ------
    SinkInputError
        It is no text, whole number or tuple of such, or it is too long.
    """
    text = json.dumps(_plain(key), ensure_ascii=True, separators=(",", ":")).encode()
    if len(text) > LONGEST:
        raise SinkInputError(f"a tile's key must have up to {LONGEST} bytes, not {len(text)}")
    return text


def _plain(key: object) -> object:
    if isinstance(key, str):
        return key
    if isinstance(key, tuple | list):
        return [_plain(part) for part in key]
    try:
        if not isinstance(key, bool):
            return operator.index(key)  # type: ignore[arg-type]
    except TypeError:
        pass
    raise SinkInputError(
        f"a tile's key must be a text, a whole number or a tuple of these, not {key!r}"
    )


def key_hash(text: bytes) -> int:
    """Return the 64 bits by which a key is known, never 0: two of a million are equal by 1e-8."""
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1


def key_of(text: bytes) -> Key | None:
    """Return the key that was kept; None where its text was lost."""
    try:
        return _tuples(json.loads(text))
    except ValueError:
        return None


def _tuples(value: object) -> Key:
    if isinstance(value, list):
        return tuple(_tuples(part) for part in value)
    if isinstance(value, str | int):
        return value
    raise ValueError(value)


def key_order(text: bytes) -> Any:
    """Return what keys are sorted by: numbers by size, then texts, then tuples part by part."""
    return _order(key_of(text))


def _order(key: Key | None) -> object:
    if isinstance(key, tuple):
        return (2, tuple(_order(part) for part in key))
    if isinstance(key, str):
        return (1, key)
    return (0, key or 0)
