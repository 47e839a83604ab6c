"""What a hierarchy holds beside the image that is read, and tells of it that has no place here."""

from collections.abc import Collection, Mapping
from typing import Any

from ziggurat.readers.errors import SourceError
from ziggurat.readers.formats.zarr.tree import Node, read_node, series_paths
from ziggurat.readers.io.keys import KeyStore
from ziggurat.readers.ngff.parse import ome_attributes

_MOST_NAMES = 20  # listed in a sentence


def losses_beside(store: KeyStore, node: Node, taken: Collection[str]) -> tuple[str, ...]:
    """Return a sentence for each thing that a conversion of this image leaves behind.

    Parameters
    ----------
    node
        The image's group or array.
    taken
        Paths of nodes that are part of the image: its levels, its associated images.
    """
    ome = ome_attributes(node.attributes)
    found = [*_groups(store, node, taken), *_series(store, node, taken)]
    multiscales = ome.get("multiscales")
    if isinstance(multiscales, list) and multiscales:
        found.extend(_more_multiscales(multiscales))
        if isinstance(multiscales[0], Mapping) and _translated(multiscales[0]):
            found.append("the translation of the image: where its first pixel lies")
    label = ome.get("image-label")
    if isinstance(label, Mapping) and label.get("source") not in (None, {"image": "../../"}):
        found.append(f"the source of the label image: {str(label['source'])[:200]}")
    return tuple(found)


def listed(names: Collection[str]) -> str:
    """Return names as a text of bounded length."""
    shown = ", ".join(list(names)[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"


def _groups(store: KeyStore, node: Node, taken: Collection[str]) -> list[str]:
    """Return what is told of the groups ``labels`` and ``tables`` of an image."""
    if node.array is not None:
        return []
    base = f"{node.path}/" if node.path else ""
    found = []
    for name in ("labels", "tables"):
        group = _node(store, base + name)
        if group is None or group.array is not None:
            continue
        told = ome_attributes(group.attributes).get(name)
        names = [str(n) for n in told] if isinstance(told, list) else _below(store, group.path)
        names = [n for n in names if not any(t.startswith(f"{base}{name}/{n}/") for t in taken)]
        if names:
            found.append(
                f"{name} of the image ({listed(names)}): each opens as {name}/NAME below it"
            )
    return found


def _below(store: KeyStore, path: str) -> list[str]:
    return [n for n in store.children(path) if not n.startswith(".") and n != "zarr.json"]


def _series(store: KeyStore, node: Node, taken: Collection[str]) -> list[str]:
    """Return what is told of a bioformats2raw layout: its other images, and its OME-XML."""
    parent = node.path.rpartition("/")[0]
    group = _node(store, parent) if node.path else None
    if group is None or "bioformats2raw.layout" not in ome_attributes(group.attributes):
        return []
    base = f"{parent}/" if parent else ""
    others = [p for p in series_paths(store, group) if base + p not in (node.path, *taken)]
    found = []
    if others:
        found.append(
            f"further series of the file ({listed(others)}): each opens as a path below it"
        )
    if store.get_range(f"{base}OME/METADATA.ome.xml", 0, 1) is not None:
        found.append("the OME-XML beside the image (OME/METADATA.ome.xml)")
    return found


def _more_multiscales(multiscales: list[Any]) -> list[str]:
    paths = []
    for further in multiscales[1:]:
        try:
            paths.append(str(further["datasets"][0]["path"]))
        except (LookupError, TypeError):
            paths.append("?")
    return [f"further multiscales of the group ({listed(paths)})"] if paths else []


def _translated(multiscale: Mapping[str, Any]) -> bool:
    """Return True where the full resolution doesn't begin at the origin."""
    datasets = multiscale.get("datasets")
    first = datasets[0] if isinstance(datasets, list) and datasets else {}
    for holder in (first, multiscale):
        transforms = holder.get("coordinateTransformations") if isinstance(holder, Mapping) else ()
        for transform in transforms or ():
            if isinstance(transform, Mapping) and transform.get("type") == "translation":
                values = transform.get("translation")
                if not isinstance(values, list) or any(value != 0 for value in values):
                    return True
    return False


def _node(store: KeyStore, path: str) -> Node | None:
    try:
        return read_node(store, path)
    except SourceError:
        return None
