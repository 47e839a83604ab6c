"""What a caller hands to ``addTile``, checked and brought into one shape."""

import io
import math
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from ziggurat.readers.errors import SinkInputError
from ziggurat.readers.formats.sink_store.keys import key_text
from ziggurat.readers.formats.sink_store.layout import MAX_AXES
from ziggurat.readers.formats.sink_store.tile import Array, TileInput
from ziggurat.readers.model.checks import whole_number

NOTHING: Mapping[str, Any] = MappingProxyType({})
RESERVED = {"x", "y", "s", "tile", "mask", "weight", "axes", "level", "frame", "key"}
LARGEST = 2**31 - 1  # the largest coordinate; the journal and TIFF go no further


def tile_input(
    tile: object,
    x: float,
    y: float,
    mask: object = None,
    axes: str | Sequence[str] | None = None,
    weight: str | object | None = None,
    keywords: Mapping[str, object] = NOTHING,
    key: object = None,
) -> TileInput:
    """Check the arguments of ``addTile``.

    Raises
    ------
    SinkInputError
        Something that can't be meant, with what was found.
    """
    given = _pixels(tile)
    placed: tuple[str, ...] = ()
    if axes is not None:
        axes, placed = _without_placed(axes, given.ndim, keywords)
    pixels, names = _named(given, axes)
    start, values = NOTHING, NOTHING
    if keywords or names:
        start, values = _positions(keywords, placed, names)
    height, width, bands = pixels.shape[-3:]
    counts = dict(zip(names, pixels.shape[:-3], strict=True)) if names else NOTHING
    left, top = _corner("x", x, width), _corner("y", y, height)
    for name, first in start.items():
        _corner(name, first, counts.get(name, 1))
    if mask is not None:
        mask = _mask(mask, given, axes, pixels.shape)
    if weight is not None:
        weight = _weight(weight, axes, (height, width))
    return TileInput(
        pixels,
        left,
        top,
        names,
        start,
        counts,
        values,
        mask,
        weight,
        None if key is None else key_text(key),
        height,
        width,
        bands,
        height == 1 == width and mask is None and not pixels.any(),
    )


def _corner(name: str, value: object, span: int) -> int:
    number = value if type(value) is int and value >= 0 else coordinate(name, value)
    if number + span > LARGEST:
        raise SinkInputError(f"{name}={number} and {span} more is past the limit of {LARGEST}")
    return number


def _pixels(tile: object) -> Array:
    pixels = tile if type(tile) is np.ndarray else _array(tile)
    if pixels.dtype.kind not in "biuf" or pixels.dtype.itemsize > 8:
        raise SinkInputError(f"a tile of dtype {pixels.dtype} can't be stored; use numbers")
    if not pixels.dtype.isnative:
        pixels = pixels.astype(pixels.dtype.newbyteorder("="))
    if not pixels.size:
        raise SinkInputError(f"a tile of shape {pixels.shape} has no pixels")
    return pixels


def _array(tile: Any) -> Array:
    """Return the pixels of what is no plain array."""
    # NumPy imports numpy.ma late. A thread that did so here would hold the import's lock, and a
    # worker forked meanwhile wait for it; where nobody has imported it no tile is of that kind.
    masked = getattr(sys.modules.get("numpy.ma"), "MaskedArray", None)
    if masked is not None and isinstance(tile, masked):
        raise SinkInputError("a masked array is unsupported: give tile.data, and mask=~tile.mask")
    encoded = isinstance(tile, bytes | bytearray)
    if isinstance(tile, memoryview):  # of bytes in a row, it is those of an encoded image
        encoded = tile.ndim == 1 and tile.itemsize == 1
    if encoded:
        tile = _decoded(bytes(tile))
    try:
        mode = getattr(tile, "mode", None)
        if isinstance(mode, str) and hasattr(tile, "convert"):  # a PIL image
            if mode in ("P", "PA"):
                tile = tile.convert(
                    "RGBA" if mode == "PA" or "transparency" in tile.info else "RGB"
                )
            elif mode not in ("1", "L", "LA", "RGB", "RGBA", "F") and not mode.startswith("I"):
                tile = tile.convert({"La": "LA", "RGBa": "RGBA"}.get(mode, "RGB"))
        return np.asarray(tile)
    except Exception as error:  # whatever a library's __array__ raises: a tensor with a gradient
        raise SinkInputError(f"a tile of {type(tile).__name__} is no array: {error}") from error


def _decoded(data: bytes) -> Any:
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except Exception as error:  # decoders raise ValueError, SyntaxError and others
        raise SinkInputError(f"the tile's {len(data)} bytes are no image: {error}") from error
    return image


def _without_placed(
    axes: str | Sequence[str] | None, dimensions: int, keywords: Mapping[str, object]
) -> tuple[str | Sequence[str] | None, tuple[str, ...]]:
    """Return the axes of a tile's dimensions, and those before them that keywords place.

    ``axes='zcyxs', z=1, c=2`` of a tile (y, x, s) says in which order z and c are kept.
    """
    if axes is None or len(axes) <= dimensions:
        return axes, ()
    names = [axis_name(name) for name in axes]
    known = {name.lower() for name in keywords}
    first = next((at for at, name in enumerate(names) if name not in known), len(names))
    rest = names[first:]
    if len(rest) == dimensions or (len(rest) == dimensions - 1 and "s" not in rest):
        return rest, tuple(names[:first])
    # some of the placed ones may be dimensions of the tile, too
    spare = len(names) - dimensions
    return (names[spare:], tuple(names[:spare])) if spare <= first else (axes, ())


def _named(pixels: Array, axes: str | Sequence[str] | None) -> tuple[Array, tuple[str, ...]]:
    """Bring a tile into the order (frame axes …, y, x, s)."""
    if axes is None:
        if pixels.ndim not in (2, 3):
            raise SinkInputError(
                f"a tile of {pixels.ndim} dimensions needs axes='…' to name them; "
                "without, it is (y, x) or (y, x, bands)"
            )
        return (pixels if pixels.ndim == 3 else pixels[..., np.newaxis]), ()
    names = [axis_name(name) for name in axes]
    if len(set(names)) != len(names):
        raise SinkInputError(f"an axis is named twice in {axes!r}")
    if len(names) == pixels.ndim - 1 and "s" not in names:
        names.append("s")
    if len(names) != pixels.ndim or not {"x", "y"} <= set(names):
        raise SinkInputError(
            f"axes {axes!r} don't name the {pixels.ndim} dimensions of the tile, x and y among "
            "them; others may come before these where a keyword places them (z=1)"
        )
    if "s" not in names:
        pixels, names = pixels[..., np.newaxis], [*names, "s"]
    frames = tuple(name for name in names if name not in ("y", "x", "s"))
    refuse_reserved(frames)
    return pixels.transpose([names.index(name) for name in (*frames, "y", "x", "s")]), frames


def axis_name(name: object) -> str:
    """Return an axis's name in lower case; SinkInputError where it can't be one."""
    if not isinstance(name, str) or not name.isidentifier():
        raise SinkInputError(f"the name of an axis must be a plain word, not {name!r}")
    return name.lower()


def refuse_reserved(names: Sequence[str]) -> None:
    """Refuse names that mean something else."""
    for name in names:
        if name in RESERVED:
            raise SinkInputError(f"{name!r} can't be the name of a frame axis")


def _positions(
    keywords: Mapping[str, object], placed: Sequence[str], tile_axes: Sequence[str]
) -> tuple[dict[str, int], dict[str, object]]:
    start: dict[str, int] = {}
    values: dict[str, Any] = {}
    for keyword, value in keywords.items():
        name = axis_name(keyword)
        if name.endswith("_value") and value is None:
            continue  # nobody knows what the position stands for
        if name.endswith("_value"):
            values[name.removesuffix("_value")] = _plain(keyword, value)
        elif name in start:
            raise SinkInputError(f"axis {name!r} is named twice")
        else:
            start[name] = coordinate(name, value)
    for name in values:
        start.setdefault(name, 0)
    # New axes come in this order, slowest first: those of the call, the last one named the slowest;
    # then those that ``axes`` names, as it has them.
    named = {name: start.pop(name, 0) for name in (*placed, *tile_axes)}
    start = dict(reversed(start.items())) | named
    refuse_reserved(list(start))
    if len(start) > MAX_AXES:
        raise SinkInputError(f"a sink takes {MAX_AXES} frame axes at most, not {list(start)}")
    return start, values


def coordinate(name: str, value: Any) -> int:
    """Return a whole number of zero or more; SinkInputError where it is none."""
    if isinstance(value, str):  # a label of an axis, not a place on it
        raise SinkInputError(f"{name} must be a whole number, not {value!r}")
    return whole_number(name, value, 0, SinkInputError)


def _plain(keyword: str, value: object) -> object:
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, str | int | float | bool):
        raise SinkInputError(f"{keyword} must be a number or a text, not {value!r}")
    return value


def _mask(
    mask: object, tile: Array, axes: str | Sequence[str] | None, shape: tuple[int, ...]
) -> Array:
    """Return a mask as (frames or 1, height, width, bands or 1).

    It has the order of the tile: its x and y alone, or all of its dimensions.
    """
    array = _other_array("mask", mask)
    if array.dtype.kind not in "biuf":
        raise SinkInputError(f"a mask must be boolean, not {array.dtype}")
    if array.dtype.kind == "f" and not np.isin(array, (0, 1)).all():
        raise SinkInputError(
            "a mask of floats must hold nothing but 0 and 1; what counts in part is a weight"
        )
    array = array.astype(bool, copy=False)
    frames = math.prod(shape[:-3])
    height, width, bands = shape[-3:]
    if array.ndim == 2:
        whole = _turned(array, axes)[np.newaxis, ..., np.newaxis]
    elif array.ndim == 3 and array.shape[2] == 1 and array.shape != tile.shape:
        whole = _turned(array[..., 0], axes)[np.newaxis, ..., np.newaxis]
    elif array.shape == tile.shape:
        whole = _named(array, axes)[0].reshape(frames, height, width, bands)
    else:
        whole = array
    if whole.shape[-3:-1] != (height, width) or whole.ndim != 4:
        raise SinkInputError(
            f"a mask of shape {array.shape} doesn't fit a tile of shape {tile.shape}: it must have "
            "its height and width, or its whole shape"
        )
    return whole


def _turned(array: Array, axes: str | Sequence[str] | None) -> Array:
    """Return an array of two dimensions, in the tile's own order, as (y, x)."""
    names = [axis_name(name) for name in axes or ("y", "x")]
    return array.T if names.index("x") < names.index("y") else array


def _other_array(what: str, value: object) -> Array:
    try:
        return np.asarray(value)
    except Exception as error:  # whatever a library's __array__ raises
        raise SinkInputError(f"a {what} of {type(value).__name__} is no array: {error}") from error


def _weight(
    weight: str | object, axes: str | Sequence[str] | None, size: tuple[int, int]
) -> str | Array:
    if isinstance(weight, str):
        return weight
    array = _other_array("weight", weight)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim == 2:
        array = _turned(array, axes)
    if array.shape != size or array.dtype.kind not in "biuf":
        raise SinkInputError(
            f"a weight of shape {array.shape}, {array.dtype} doesn't fit a tile of {size}"
        )
    if not (np.isfinite(array).all() and (array >= 0).all()):
        raise SinkInputError("weights must be finite and zero or more")
    return array
