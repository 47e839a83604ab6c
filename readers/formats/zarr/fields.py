"""A plate or a well of high-content screening: all its fields as frames on an axis ``xy``."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.zarr.beside import listed
from ziggurat.readers.formats.zarr.tree import Node, read_node
from ziggurat.readers.io.keys import KeyStore
from ziggurat.readers.model.image import Axis, ImageInfo
from ziggurat.readers.model.reader import Plane, Reader
from ziggurat.readers.ngff.parse import MOST_FRAMES, ome_attributes

AXIS = "xy"
_MOST_FIELDS = 20_000
_THREADS = 8  # that open fields: a plate under a URL has thousands


class FieldsReader(Reader):
    """Images of one size, one after the other; they are opened by whoever makes this."""

    def __init__(
        self, store: KeyStore, node: Node, fields: Mapping[str, Reader], losses: tuple[str, ...]
    ) -> None:
        self._store = store
        self._fields = tuple(fields.values())
        first = self._fields[0].info
        told = dict.fromkeys(loss for field in self._fields for loss in field.info.losses)
        self._each = first.frames
        self.info = dataclasses.replace(
            first,
            axes=(Axis(AXIS, len(fields), tuple(fields)), *first.axes),
            losses=(*losses, *told),
            internal={"zarr": {"base": dict(node.attributes), "path": node.path}},
        )

    def plane(self, level: int, frame: int) -> Plane:
        """Return the plane of a frame's field."""
        field, frame = divmod(frame, self._each)
        return self._fields[field].plane(level, frame)

    def close(self) -> None:
        """Close all fields, and the store."""
        for field in self._fields:
            field.close()
        self._store.close()


def open_fields(store: KeyStore, node: Node, open_field: Callable[[str], Reader]) -> Reader | None:
    """Open a plate or well; None where the node is neither. One field alone is an image.

    Raises
    ------
    CorruptSourceError
        Its metadata make no sense, or name no field that can be opened.
    """
    ome = ome_attributes(node.attributes)
    if "plate" not in ome and "well" not in ome:
        return None
    try:
        paths = list(dict.fromkeys(_field_paths(store, node, ome)))
    except (LookupError, TypeError, AttributeError) as error:
        raise CorruptSourceError(
            f"{store.url}: the plate or well is invalid: it names no images ({error!r})"
        ) from error
    if not paths:
        raise UnsupportedFormatError(f"{store.url} is a plate or well without an image")
    return _together(store, node, paths, open_field)


def _field_paths(store: KeyStore, node: Node, ome: Mapping[str, Any]) -> Iterator[str]:
    """Yield the path of each field below a node, in the order of the metadata."""
    if "plate" not in ome:
        for image in ome["well"]["images"]:
            yield str(image["path"])
        return
    base = f"{node.path}/" if node.path else ""
    for well in ome["plate"]["wells"]:
        path = str(well["path"])
        found = read_node(store, base + path)
        images = ome_attributes(found.attributes).get("well") if found else None
        for image in images["images"] if images else ():
            yield f"{path}/{image['path']}"


def _together(
    store: KeyStore, node: Node, paths: list[str], open_field: Callable[[str], Reader]
) -> Reader:
    if len(paths) > _MOST_FIELDS:
        raise CorruptSourceError(f"{store.url}: {len(paths)} fields of a plate must be invalid")
    base = f"{node.path}/" if node.path else ""

    def opened(path: str) -> Reader | SourceError:
        try:
            return open_field(base + path)
        except SourceError as error:
            return error

    with ThreadPoolExecutor(_THREADS) as pool:
        found = dict(zip(paths, pool.map(opened, paths), strict=True))
    fields = {path: field for path, field in found.items() if isinstance(field, Reader)}
    if len(paths) == len(fields) == 1:
        return fields[paths[0]]
    if not fields:
        raise next(error for error in found.values() if isinstance(error, SourceError))
    first = next(iter(fields.values())).info
    same = {path: field for path, field in fields.items() if _alike(field.info, first)}
    if len(same) * first.frames > MOST_FRAMES:
        raise CorruptSourceError(f"{store.url}: a plate of {len(same)} fields is too large")
    losses = []
    if bad := [path for path in paths if path not in fields]:
        losses.append(f"fields that can't be read ({listed(bad)})")
    if others := [path for path in fields if path not in same]:
        said = f"fields of another size or sample type ({listed(others)})"
        losses.append(f"{said}: each opens as a path below the plate")
    if "plate" in ome_attributes(node.attributes):
        losses.append("the rows, columns and acquisitions of the plate: its fields become frames")
    return FieldsReader(store, node, same, tuple(losses))


def _alike(one: ImageInfo, other: ImageInfo) -> bool:
    facts = [
        (
            [(level.width, level.height) for level in info.levels],
            [(axis.name, axis.size) for axis in info.axes],
            info.dtype,
            info.bands,
            info.interpretation,
        )
        for info in (one, other)
    ]
    return facts[0] == facts[1]
