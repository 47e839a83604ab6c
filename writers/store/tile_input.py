"""What a caller hands to ``addTile``, checked and brought into one shape."""

import io
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ziggurat.readers.errors import SinkInputError
from ziggurat.readers.formats.sink_store.layout import MAX_AXES

Array = np.ndarray[Any, np.dtype[Any]]

RESERVED = {"x", "y", "s", "tile", "mask", "weight", "axes", "level", "frame"}
LARGEST = 2**31 - 1  # the largest coordinate; the journal and TIFF go no further


@dataclass(frozen=True, slots=True)
class TileInput:
    """One tile, ready to be laid.

    ``pixels`` has shape (one dimension for each of ``axes`` …, height, width, bands); ``start``
    maps every frame axis that the caller named to the tile's first position on it.
    """

    pixels: Array
    x: int
    y: int
    axes: tuple[str, ...] = ()
    start: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    mask: Array | None = None
    weight: str | Array | None = None

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[-3])

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[-2])

    @property
    def bands(self) -> int:
        """Samples of a pixel."""
        return int(self.pixels.shape[-1])

    @property
    def reserves(self) -> bool:
        """True for a single blank pixel: it asks for room, and says nothing about the dtype."""
        return self.height == self.width == 1 and self.mask is None and not self.pixels.any()

    def count(self, axis: str) -> int:
        """Return how many positions of an axis the tile spans."""
        return self.pixels.shape[self.axes.index(axis)] if axis in self.axes else 1


def tile_input(
    tile: Any,
    x: float,
    y: float,
    mask: Any = None,
    axes: str | Sequence[str] | None = None,
    weight: str | Any | None = None,
    keywords: Mapping[str, Any] | None = None,
) -> TileInput:
    """Check the arguments of ``addTile``.

    Raises
    ------
    SinkInputError
        Something that can't be meant, with what was found.
    """
    pixels, names = _named(_pixels(tile), axes)
    start, values = _positions(keywords or {}, names)
    if len(start) > MAX_AXES:
        raise SinkInputError(f"a sink takes {MAX_AXES} frame axes at most, not {list(start)}")
    where = {"x": x, "y": y}
    left, top = (coordinate(name, value) for name, value in where.items())
    result = TileInput(pixels, left, top, names, start, values, None, None)
    for name, first in {"x": left, "y": top, **start}.items():
        span = {"x": result.width, "y": result.height}.get(name) or result.count(name)
        if first + span > LARGEST:
            raise SinkInputError(f"{name}={first} and {span} more is past the limit of {LARGEST}")
    if mask is None and weight is None:
        return result
    size = (result.height, result.width)
    return TileInput(
        pixels, left, top, names, start, values, _mask(mask, size), _weight(weight, size)
    )


def _pixels(tile: Any) -> Array:
    if np.ma.isMaskedArray(tile):
        raise SinkInputError("of a masked array give tile.data, and mask=~tile.mask")
    if isinstance(tile, bytes | bytearray | memoryview):
        tile = _decoded(bytes(tile))
    mode = getattr(tile, "mode", None)
    if isinstance(mode, str) and hasattr(tile, "convert"):  # a PIL image
        if mode in ("P", "PA"):
            tile = tile.convert("RGBA" if mode == "PA" or "transparency" in tile.info else "RGB")
        elif mode not in ("1", "L", "LA", "RGB", "RGBA", "F") and not mode.startswith("I"):
            tile = tile.convert({"La": "LA", "RGBa": "RGBA"}.get(mode, "RGB"))
    try:
        pixels = np.asarray(tile)
    except (ValueError, TypeError) as error:
        raise SinkInputError(f"a tile of {type(tile).__name__} is no array: {error}") from error
    if pixels.dtype.kind not in "biuf" or pixels.dtype.itemsize > 8:
        raise SinkInputError(f"a tile of dtype {pixels.dtype} can't be stored; use numbers")
    if not pixels.dtype.isnative:
        pixels = pixels.astype(pixels.dtype.newbyteorder("="))
    if not pixels.size:
        raise SinkInputError(f"a tile of shape {pixels.shape} has no pixels")
    return pixels


def _decoded(data: bytes) -> Any:
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except (UnidentifiedImageError, OSError) as error:
        raise SinkInputError(f"the tile's {len(data)} bytes are no image: {error}") from error
    return image


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
            f"axes {axes!r} don't name the {pixels.ndim} dimensions of the tile, x and y among them"
        )
    if "s" not in names:
        pixels, names = pixels[..., np.newaxis], [*names, "s"]
    frames = tuple(name for name in names if name not in ("y", "x", "s"))
    refuse_reserved(frames)
    return pixels.transpose([names.index(name) for name in (*frames, "y", "x", "s")]), frames


def axis_name(name: Any) -> str:
    """Return an axis's name in lower case; SinkInputError where it can't be one."""
    if not isinstance(name, str) or not name.isidentifier():
        raise SinkInputError(f"an axis needs a plain word as its name, not {name!r}")
    return name.lower()


def refuse_reserved(names: Sequence[str]) -> None:
    """Refuse names that mean something else."""
    for name in names:
        if name in RESERVED:
            raise SinkInputError(f"{name!r} can't be the name of a frame axis")


def _positions(
    keywords: Mapping[str, Any], tile_axes: Sequence[str]
) -> tuple[dict[str, int], dict[str, Any]]:
    start: dict[str, int] = {}
    values: dict[str, Any] = {}
    for keyword, value in keywords.items():
        name = axis_name(keyword)
        if name.endswith("_value"):
            values[name.removesuffix("_value")] = _plain(keyword, value)
        elif name in start:
            raise SinkInputError(f"axis {name!r} is named twice")
        else:
            start[name] = coordinate(name, value)
    for name in values:
        start.setdefault(name, 0)
    # New axes come in this order: those of the call, then the tile's own, as it has them.
    own = {name: start.pop(name, 0) for name in tile_axes}
    start |= own
    refuse_reserved(list(start))
    return start, values


def coordinate(name: str, value: Any) -> int:
    """Return a whole number of zero or more; SinkInputError where it is none."""
    try:
        number = operator.index(value)
    except TypeError:
        if not isinstance(value, float | np.floating) or not float(value).is_integer():
            raise SinkInputError(f"{name} must be a whole number, not {value!r}") from None
        number = int(value)
    if number < 0:
        raise SinkInputError(f"{name} must be zero or more, not {number}")
    return number


def _plain(keyword: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, str | int | float | bool):
        raise SinkInputError(f"{keyword} must be a number or a text, not {value!r}")
    return value


def _mask(mask: Any, size: tuple[int, int]) -> Array | None:
    if mask is None:
        return None
    array = np.asarray(mask)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.shape != size:
        raise SinkInputError(f"a mask of shape {array.shape} doesn't fit a tile of {size}")
    if array.dtype.kind not in "biu":
        raise SinkInputError(f"a mask is boolean, not {array.dtype}")
    return array.astype(bool, copy=False)


def _weight(weight: str | Any | None, size: tuple[int, int]) -> str | Array | None:
    if weight is None or isinstance(weight, str):
        return weight
    array = np.asarray(weight)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.shape != size or array.dtype.kind not in "biuf":
        raise SinkInputError(
            f"a weight of shape {array.shape}, {array.dtype} doesn't fit a tile of {size}"
        )
    if not (np.isfinite(array).all() and (array >= 0).all()):
        raise SinkInputError("weights are finite and zero or more")
    return array
