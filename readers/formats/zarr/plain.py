"""Zarr arrays without OME metadata as images: which dimensions are y, x, bands and frames."""

from collections.abc import Sequence

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.zarr.tree import Node, read_node
from ziggurat.readers.io.keys import KeyStore
from ziggurat.readers.ngff.parse import Multiscale, NgffAxis

_BANDS = (3, 4)


def plain_multiscale(store: KeyStore, node: Node) -> tuple[Multiscale, list[Node]]:
    """Return an array, and smaller pictures of the same beside it, as levels of an image.

    Raises
    ------
    UnsupportedFormatError
        The array can't be an image.
    """
    assert node.array is not None
    if len(node.array.shape) < 2:
        raise UnsupportedFormatError(f"{store.url}: {node.array.shape} is not an image's shape")
    names = plain_axes(node.array.shape, node.array.names)
    nodes = [node, *_smaller(store, node, names)]
    paths = tuple(item.path for item in nodes)
    axes = tuple(NgffAxis(name) for name in names)
    return Multiscale(paths, (None,) * len(paths), axes=axes), nodes


def plain_axes(shape: Sequence[int], names: Sequence[str | None] | None = None) -> list[str]:
    """Name the dimensions of an array that says nothing, or only their names.

    The two largest dimensions are y and x, one of three or four samples beside them is bands,
    one more is ``f``; of several, the last are named as NGFF orders them: t, c, z.
    """
    told = [str(name).lower() for name in names or () if name]
    if len(told) == len(shape) and {"x", "y"} <= set(told) and len(set(told)) == len(told):
        return told
    largest = sorted(range(len(shape)), key=lambda i: (-shape[i], i))[:2]
    y, x = sorted(largest)
    found: dict[int, str] = {y: "y", x: "x"}
    bands = [i for i, size in enumerate(shape) if i not in found and size in _BANDS]
    if bands and (len(shape) == 3 or bands[-1] == len(shape) - 1):
        found[bands[-1]] = "s"
    rest = [i for i in range(len(shape)) if i not in found]
    usual = ["f"] if len(rest) == 1 else ["t", "c", "z"][-len(rest) :]
    spare = [f"axis{n}" for n in range(len(rest) - len(usual))]
    return [(found | dict(zip(rest, spare + usual, strict=False)))[i] for i in range(len(shape))]


def _smaller(store: KeyStore, node: Node, names: Sequence[str]) -> list[Node]:
    """Return arrays in the same group that are the same picture, smaller, largest first."""
    assert node.array is not None
    parent, _, own = node.path.rpartition("/")
    if not node.path:
        return []
    found = []
    for name in store.children(parent)[:64]:
        if name == own or name.startswith(".") or name == "zarr.json":
            continue
        try:
            other = read_node(store, f"{parent}/{name}" if parent else name)
        except (CorruptSourceError, UnsupportedFormatError):
            continue
        if other and other.array and _is_smaller(node.array.shape, other.array.shape, names):
            found.append(other)
    x = list(names).index("x")
    return sorted(found, key=lambda n: -n.array.shape[x] if n.array else 0)


def _is_smaller(full: Sequence[int], small: Sequence[int], names: Sequence[str]) -> bool:
    """Return True for a picture halved any number of times, rounded either way."""
    if len(full) != len(small) or 0 in small:
        return False
    sides = [(f, s) for f, s, n in zip(full, small, names, strict=True) if n in ("x", "y")]
    rest = [(f, s) for f, s, n in zip(full, small, names, strict=True) if n not in ("x", "y")]
    if any(f != s for f, s in rest) or any(s >= f for f, s in sides):
        return False
    return any(all(abs(s - f / 2**n) <= 1 for f, s in sides) for n in range(1, 32))
