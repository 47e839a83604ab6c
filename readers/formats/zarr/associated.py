"""Label, macro and other images beside the main one of a zarr hierarchy."""

from collections.abc import Mapping

from ziggurat.readers.errors import SourceError
from ziggurat.readers.formats.zarr.tree import Node, read_node, series_paths
from ziggurat.readers.io.keys import KeyStore
from ziggurat.readers.ngff.parse import OWN_KEY, ome_attributes

_MOST_PIXELS = 8192  # along a side; larger ones are images of their own
_NOT_IMAGES = ("labels", "tables", "OME")


def find_associated(store: KeyStore, main: Node) -> dict[str, str]:
    """Return the path of each associated image's node by name.

    They are listed by what this program wrote, are the other series of a bioformats2raw
    layout, or, as large_image writes them, arrays named ``image`` in groups of their own.
    """
    own = main.attributes.get(OWN_KEY)
    told = own.get("associated") if isinstance(own, Mapping) else None
    if told and isinstance(told, Mapping):
        base = f"{main.path}/" if main.path else ""
        return {str(name): f"{base}{path}" for name, path in told.items()}
    if main.path:
        return _other_series(store, main)
    found = {}
    for name in store.children("")[:256]:
        if name not in _NOT_IMAGES and not name.startswith(".") and name != "zarr.json":
            node = _node(store, f"{name}/image")
            if node is not None and node.array is not None:
                found[name] = node.path
    return found


def _other_series(store: KeyStore, main: Node) -> dict[str, str]:
    parent = main.path.rpartition("/")[0]
    group = _node(store, parent)
    if group is None or "bioformats2raw.layout" not in ome_attributes(group.attributes):
        return {}
    found = {}
    for series in series_paths(store, group):
        path = f"{parent}/{series}" if parent else series
        node = _node(store, path)
        if path != main.path and node is not None and _small(store, node):
            name = _name(node) or series
            found[name if name not in found else f"{name} {series}"] = path
    return found


def _name(node: Node) -> str | None:
    """Return Bio-Formats's name of a series, "macro image" and "label image" shortened."""
    try:
        name = ome_attributes(node.attributes)["multiscales"][0].get("name")
    except (KeyError, IndexError, TypeError, AttributeError):
        return None
    return str(name).removesuffix(" image") if name else None


def _small(store: KeyStore, node: Node) -> bool:
    """Return True for one picture of a size that may be shown whole."""
    try:
        path = ome_attributes(node.attributes)["multiscales"][0]["datasets"][0]["path"]
    except (KeyError, IndexError, TypeError):
        return False
    first = _node(store, f"{node.path}/{path}")
    if first is None or first.array is None or len(first.array.shape) < 2:
        return False
    shape = first.array.shape
    frames = [size for size in shape[:-2] if size > 1]
    return max(shape[-2:]) <= _MOST_PIXELS and (not frames or frames in ([3], [4]))


def _node(store: KeyStore, path: str) -> Node | None:
    try:
        return read_node(store, path)
    except SourceError:
        return None
