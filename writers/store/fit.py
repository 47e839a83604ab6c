"""How a tile fits an image, and what the image must become so that it does. Pure functions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ziggurat.readers.errors import SinkInputError
from ziggurat.readers.formats.sink_store.layout import MAX_AXES, Blend, Structure
from ziggurat.writers.store.tile_input import Array, TileInput

COLOR_TYPES = ("uint8", "uint16")  # gray, gray+alpha, RGB and RGBA go into one another


def grown(structure: Structure, tile: TileInput) -> Structure:
    """Return the structure that takes the tile: the same where it fits as it is.

    New axes come in front of the others; bands grow to the most seen; the dtype grows by NumPy's
    promotion, unless the caller gave it. A single blank pixel reserves room and leaves the dtype
    open.

    Raises
    ------
    SinkInputError
        The tile can't be taken without losing something.
    """
    dtype = _grown_dtype(structure, tile)
    bands = max(structure.bands, tile.bands)
    if tile.bands < bands and not tile.reserves and not adaptable(tile.bands, bands, dtype):
        raise SinkInputError(
            f"a tile of {tile.bands} bands doesn't fit an image of {bands} bands of {dtype}"
        )
    fresh = tuple(name for name in tile.start if name not in structure.axes)
    if len(structure.axes) + len(fresh) > MAX_AXES:
        raise SinkInputError(f"a sink takes {MAX_AXES} frame axes at most; {fresh} is too much")
    return replace(
        structure,
        axes=(*fresh, *structure.axes),
        born=(*structure.born, *fresh),
        bands=bands,
        dtype=dtype.name,
        settled=structure.settled or not tile.reserves,
    )


def with_axes(structure: Structure, names: Sequence[str]) -> Structure:
    """Return the structure with frame axes of these names, in this order.

    Raises
    ------
    SinkInputError
        The present ones are not the last of them.
    """
    fresh = tuple(name for name in names if name not in structure.axes)
    axes = (*fresh, *structure.axes)
    if axes != tuple(names) or len(axes) > MAX_AXES:
        raise SinkInputError(
            f"the sink's axes {list(structure.axes)} can't become {list(names)}: new ones (up to "
            f"{MAX_AXES} in all) come in front, and the order of the others stays"
        )
    return replace(structure, axes=axes, born=(*structure.born, *fresh))


def _grown_dtype(structure: Structure, tile: TileInput) -> np.dtype[Any]:
    mine, theirs = structure.dtype, tile.pixels.dtype
    if structure.fixed:
        if not tile.reserves:
            _refuse_loss(tile, structure.numpy_dtype)
        return structure.numpy_dtype
    if tile.reserves and mine:
        return structure.numpy_dtype
    dtype = np.result_type(mine, theirs) if mine and structure.settled else theirs
    if structure.blend is Blend.SUM:  # as numpy.sum does
        narrow = dtype.kind in "bi" or (dtype.kind == "u" and dtype.itemsize < 8)
        dtype = np.dtype(np.int64) if narrow else dtype
        dtype = np.result_type(dtype, np.float32) if dtype.kind == "f" else dtype
    return dtype


def _refuse_loss(tile: TileInput, dtype: np.dtype[Any]) -> None:
    """Refuse values that the given dtype can't hold; floats may be rounded to narrower floats."""
    pixels = tile.pixels
    rounds = dtype.kind == "f" and pixels.dtype.kind in "iu" and pixels.dtype.itemsize == 8
    if np.can_cast(pixels.dtype, dtype, "safe") and not rounds:  # NumPy calls that one safe
        return
    if tile.mask is not None:
        pixels = pixels[..., tile.mask, :]
    with np.errstate(invalid="ignore", over="ignore"):
        cast = pixels.astype(dtype)
    if dtype.kind == pixels.dtype.kind == "f":
        fits = bool((np.isfinite(cast) == np.isfinite(pixels)).all())
    else:
        # there and back: in a comparison NumPy would round wide integers to floats, both sides
        with np.errstate(invalid="ignore", over="ignore"):
            fits = np.array_equal(cast, pixels) and np.array_equal(
                cast.astype(pixels.dtype), pixels
            )
    if not fits:
        raise SinkInputError(
            f"a tile of {tile.pixels.dtype} has values that the sink's {dtype} can't hold; "
            "convert it, or make the sink with another dtype"
        )


def adaptable(bands: int, wanted: int, dtype: np.dtype[Any]) -> bool:
    """Return True where pixels of fewer bands have one meaning in an image of more."""
    return dtype.name in COLOR_TYPES and (bands, wanted) in ((1, 2), (1, 3), (1, 4), (2, 4), (3, 4))


def adapt_bands(pixels: Array, wanted: int) -> Array:
    """Return pixels (…, bands) with more bands: gray into all colours, and opaque alpha."""
    bands = pixels.shape[-1]
    shape = (*pixels.shape[:-1], wanted)
    adapted = np.empty(shape, pixels.dtype)
    if wanted in (2, 4):
        opaque = np.iinfo(pixels.dtype).max
        adapted[..., -1] = pixels[..., -1] if bands == 2 else opaque
    colors = 1 if wanted == 2 else 3
    adapted[..., :colors] = pixels[..., :1] if bands < 3 else pixels[..., :3]
    return adapted


def fitted(structure: Structure, tile: TileInput) -> Array:
    """Return the tile's pixels in the dtype and with the bands of an image that takes it."""
    pixels = tile.pixels
    if pixels.dtype != structure.numpy_dtype:
        # A mask may keep values out that the dtype can't hold; they are not laid.
        with np.errstate(invalid="ignore", over="ignore"):
            pixels = pixels.astype(structure.numpy_dtype)
    if pixels.shape[-1] == structure.bands:
        return pixels
    if tile.reserves:
        return np.zeros((*pixels.shape[:-1], structure.bands), pixels.dtype)
    return adapt_bands(pixels, structure.bands)
