"""What of an array is really stored: how its chunks are named, and how many there are."""

import dataclasses
import itertools
import math
import re
from collections.abc import Iterator

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.zarr.metadata import ArrayMetadata
from ziggurat.readers.formats.zarr.tree import Node
from ziggurat.readers.io.keys import KeyStore
from ziggurat.readers.ngff.layout import ArrayLayout

_PLACE = re.compile(r"\d+")
_MUCH_BYTES = 8 << 30  # of one frame that is read whole for a thumbnail
_MANY_CHUNKS = 1 << 22
_LEAST_STORED = 1e-5  # of a claim that is larger than these


def with_stored_separator(store: KeyStore, node: Node) -> Node:
    """Return an array as its chunks are named: some writers don't declare the separator.

    Where not one chunk is found under the declared names, but some are under the others, those
    are meant.
    """
    array = node.array
    assert array is not None
    if len(array.shape) < 2 or _has_first(store, node.path, array):
        return node
    other = dataclasses.replace(array, separator="." if array.separator == "/" else "/")
    if _has_first(store, node.path, other):
        return dataclasses.replace(node, array=other)
    if next(_chunks(store, node.path, array), None) is not None:
        return node
    if next(_chunks(store, node.path, other), None) is not None:
        return dataclasses.replace(node, array=other)
    return node


def is_empty(store: KeyStore, node: Node) -> bool:
    """Return True where a store that tells its names has not one chunk of an array."""
    array = node.array
    assert array is not None
    if _has_first(store, node.path, array) or not store.children(node.path):
        return False
    return next(_chunks(store, node.path, array), None) is None


def check_claim(store: KeyStore, node: Node, layout: ArrayLayout) -> None:
    """Refuse an array that claims a picture which nobody can look at, and holds next to nothing.

    Raises
    ------
    CorruptSourceError
        It claims gigabytes a frame, or millions of chunks, and a hundred-thousandth is not stored.
    """
    array = node.array
    assert array is not None
    sizes = [-(-s // c) for s, c in zip(array.shape, array.chunk_shape, strict=True)]
    sides = [i for i in (layout.index("y"), layout.index("x")) if i is not None]
    claimed = math.prod(array.shape[i] for i in sides) * layout.bands * array.dtype.itemsize
    chunks = math.prod(sizes[i] for i in sides)
    if (claimed <= _MUCH_BYTES and chunks <= _MANY_CHUNKS) or not store.children(node.path):
        return
    held = math.prod(array.sharding.grid) if array.sharding else 1
    least = math.ceil(chunks * _LEAST_STORED / held)
    stored = sum(1 for _ in itertools.islice(_chunks(store, node.path, array), least))
    if stored < least:
        raise CorruptSourceError(
            f"{store.url}: {node.path or 'the array'} claims {claimed} bytes a frame in {chunks} "
            f"chunks, and only {stored * held} are stored: truncated, damaged or hostile"
        )


def _has_first(store: KeyStore, path: str, array: ArrayMetadata) -> bool:
    key = array.key([0] * len(array.shape))
    return store.get_range(f"{path}/{key}" if path else key, 0, 1) is not None


def _chunks(store: KeyStore, path: str, array: ArrayMetadata) -> Iterator[str]:
    """Yield the chunks (or shards) that are stored, as far as the store tells names."""
    if array.separator == ".":
        start = [array.prefix] if array.prefix else []
        for name in store.children(path):
            parts = name.split(".")
            places = parts[len(start) :]
            numbers = len(places) == len(array.shape) and all(map(_PLACE.fullmatch, places))
            if parts[: len(start)] == start and numbers:
                yield name
        return
    folder = "/".join(part for part in (path, array.prefix) if part)
    yield from _below(store, folder, len(array.shape))


def _below(store: KeyStore, folder: str, depth: int) -> Iterator[str]:
    for name in store.children(folder):
        if _PLACE.fullmatch(name):
            place = f"{folder}/{name}" if folder else name
            if depth == 1:
                yield place
            else:
                yield from _below(store, place, depth - 1)
