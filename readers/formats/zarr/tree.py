"""Finding the image in a zarr hierarchy: nodes, their attributes, and which of them is meant."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.zarr.metadata import DOCUMENTS, ArrayMetadata, parse_v2, parse_v3
from ziggurat.readers.io.keys import KeyStore, checked_key
from ziggurat.readers.ngff.parse import ome_attributes

_MOST_METADATA = 64 << 20
_MOST_NODES = 2000  # looked at in a hierarchy that doesn't say where its image is


@dataclass(frozen=True)
class Node:
    """A group, or an array where ``array`` is there, with its attributes."""

    path: str
    attributes: Mapping[str, Any]
    array: ArrayMetadata | None = None


def read_node(store: KeyStore, path: str) -> Node | None:
    """Return the group or array at a path, zarr v3 or v2; None where there is none.

    Raises
    ------
    CorruptSourceError
        Its metadata can't be parsed.
    """
    path = checked_key(path)
    facts = _json(store, path, "zarr.json")
    if facts is not None:
        kind = facts.get("node_type")
        if kind not in ("array", "group"):
            raise CorruptSourceError(f"{store.url}: {path!r} is neither array nor group: {kind!r}")
        array = parse_v3(facts) if kind == "array" else None
        return Node(path, _mapping(facts.get("attributes")), array)
    return _read_node_v2(store, path)


def _read_node_v2(store: KeyStore, path: str) -> Node | None:
    array = _json(store, path, ".zarray")
    attributes = _json(store, path, ".zattrs")
    if array is not None:
        return Node(path, attributes or {}, parse_v2(array, attributes))
    if attributes is None and _json(store, path, ".zgroup") is None:
        return None
    return Node(path, attributes or {})


def read_array(store: KeyStore, path: str) -> Node:
    """Return the array at a path.

    Raises
    ------
    CorruptSourceError
        There is none, or its metadata make no sense.
    """
    node = read_node(store, path)
    if node is None or node.array is None:
        raise CorruptSourceError(f"{store.url}: there is no array at {path!r}")
    return node


def _json(store: KeyStore, path: str, name: str) -> dict[str, object] | None:
    key = f"{path}/{name}" if path else name
    data = store.get_range(key, 0, _MOST_METADATA)
    if data is None:
        return None
    try:
        return _mapping(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise CorruptSourceError(f"{store.url}: {key} is no JSON: {error}") from error


def _mapping(value: object) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise CorruptSourceError(f"zarr metadata are objects, not {type(value).__name__}")
    return value


def is_hierarchy(store: KeyStore) -> bool:
    """Return True where the root has zarr metadata of any kind."""
    return any(store.get_range(mark, 0, 1) is not None for mark in DOCUMENTS)


def find_root(store: KeyStore) -> str:
    """Return where the hierarchy begins: at the root, or in the only folder of a zip.

    Raises
    ------
    UnsupportedFormatError
        It isn't zarr.
    """
    if is_hierarchy(store):
        return ""
    names = store.children("")
    for name in names if len(names) <= 8 else ():
        if any(store.get_range(f"{name}/{mark}", 0, 1) is not None for mark in DOCUMENTS):
            return name
    raise UnsupportedFormatError(f"{store.url} holds no zarr metadata")


def find_image(store: KeyStore, path: str = "") -> Node:
    """Return the node that is the image: a plate's first field, a layout's largest series.

    Raises
    ------
    UnsupportedFormatError
        There is no image below the path.
    """
    node = read_node(store, path)
    for _ in range(8):  # plate → well → field; more steps would be a circle
        if node is None:
            raise UnsupportedFormatError(f"{store.url} holds no zarr metadata at {path!r}")
        if node.array is not None or "multiscales" in ome_attributes(node.attributes):
            return node
        below = _first_below(store, node)
        if below is None:
            break
        path = f"{node.path}/{below}" if node.path else below
        node = read_node(store, path)
    found = _search(store, node.path if node else path)
    if found is None:
        raise UnsupportedFormatError(f"{store.url} is a zarr hierarchy without an image")
    return found


def _first_below(store: KeyStore, node: Node) -> str | None:
    """Return the path, from a group, of the image that its metadata name first."""
    ome = ome_attributes(node.attributes)
    try:
        for holder, list_name in (("plate", "wells"), ("well", "images")):
            if holder in ome:
                return str(ome[holder][list_name][0]["path"])
        if isinstance(ome.get("labels"), list):
            return str(ome["labels"][0])
    except (KeyError, IndexError, TypeError) as error:
        raise CorruptSourceError(f"{store.url}: the plate or well names no image") from error
    if "bioformats2raw.layout" in ome:
        paths = series_paths(store, node)
        return max(paths, key=lambda path: _pixels(store, node.path, path)) if paths else None
    return None


def series_paths(store: KeyStore, node: Node) -> list[str]:
    """Return the images of a bioformats2raw layout, in order."""
    below = f"{node.path}/" if node.path else ""
    listed = read_node(store, f"{below}OME")
    named = ome_attributes(listed.attributes).get("series") if listed else None
    if isinstance(named, list):
        return [str(path) for path in named[:_MOST_NODES]]
    paths: list[str] = []
    while len(paths) < _MOST_NODES and read_node(store, f"{below}{len(paths)}") is not None:
        paths.append(str(len(paths)))
    return paths


def _pixels(store: KeyStore, base: str, path: str) -> int:
    """Return how large the first array of an image is; 0 where it can't be told."""
    whole = f"{base}/{path}" if base else path
    try:
        node = read_node(store, whole)
        multiscales = ome_attributes(node.attributes)["multiscales"] if node else []
        first = read_array(store, f"{whole}/{multiscales[0]['datasets'][0]['path']}")
    except (SourceError, KeyError, IndexError, TypeError):
        return 0
    assert first.array is not None
    width, height = first.array.shape[-1:], first.array.shape[-2:-1]
    return width[0] * height[0] if width and height else 0


def _search(store: KeyStore, path: str) -> Node | None:
    """Look through a hierarchy that names no image: for a multiscale, else the largest array."""
    best, size = None, 0
    for node in _walk(store, path):
        if "multiscales" in ome_attributes(node.attributes):
            return node
        shape = node.array.shape if node.array else ()
        pixels = 1
        for number in shape:
            pixels *= number
        if len(shape) >= 2 and pixels > size:
            best, size = node, pixels
    return best


def _walk(store: KeyStore, path: str) -> Iterator[Node]:
    """Yield the nodes below a path, nearest first; damaged ones are passed over."""
    queue, seen = [path], 0
    while queue and seen < _MOST_NODES:
        place = queue.pop(0)
        for name in store.children(place):
            seen += 1
            if name.startswith(".") or name == "zarr.json":
                continue
            below = f"{place}/{name}" if place else name
            try:
                node = read_node(store, below)
            except SourceError:
                continue
            if node is None:
                continue
            yield node
            if node.array is None:
                queue.append(below)
