"""How a tile fits an image, and what the image must become so that it does. Pure functions."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ziggurat.readers.errors import SinkInputError
from ziggurat.readers.formats.sink_store.layout import MAX_AXES, Blend, StoreLayout
from ziggurat.readers.formats.sink_store.tile import Array, TileInput

COLOR_TYPES = ("uint8", "uint16")  # gray, gray+alpha, RGB and RGBA go into one another


def grow_layout(structure: StoreLayout, tile: TileInput, *, only_room: bool = False) -> StoreLayout:
    """Return the structure that takes the tile: the same where it fits as it is.

    New axes come in front of the others; bands grow to the most seen; the dtype grows by NumPy's
    promotion, unless the caller gave it. ``only_room``: the tile reserves room, and leaves the
    dtype open.

    Raises
    ------
    SinkInputError
        The tile can't be taken without losing something.
    """
    dtype = _grown_dtype(structure, tile, only_room)
    bands = max(structure.bands, tile.bands)
    if tile.bands < bands and not only_room and not adaptable(tile.bands, bands, dtype):
        raise SinkInputError(
            f"a tile of {tile.bands} bands doesn't fit an image of {bands} bands of {dtype}"
        )
    if not only_room:
        refuse_inexact(structure, tile)
    return replace(
        with_axes_of(structure, tile),
        bands=bands,
        dtype=dtype.name,
        settled=structure.settled or not only_room,
    )


def reserves(structure: StoreLayout, tile: TileInput) -> bool:
    """Return True for a single blank pixel that only asks for room, as the first of an image.

    Once dtype and bands are known it is a tile like any other: a heat map has one pixel a patch.
    """
    return tile.blank_pixel and not (structure.dtype and structure.bands)


def with_axes_of(structure: StoreLayout, tile: TileInput) -> StoreLayout:
    """Return the structure with the frame axes that the tile has; new ones come in front.

    Raises
    ------
    SinkInputError
        They are too many.
    """
    fresh = tuple(name for name in tile.start if name not in structure.axes)
    if len(structure.axes) + len(fresh) > MAX_AXES:
        raise SinkInputError(f"a sink takes {MAX_AXES} frame axes at most; {fresh} is too much")
    return replace(structure, axes=(*fresh, *structure.axes), born=(*structure.born, *fresh))


def with_axes(structure: StoreLayout, names: Sequence[str]) -> StoreLayout:
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


def _grown_dtype(structure: StoreLayout, tile: TileInput, only_room: bool) -> np.dtype:
    mine, theirs = structure.dtype, tile.pixels.dtype
    if structure.fixed:
        if not only_room:
            _refuse_loss(tile, structure.numpy_dtype)
        return structure.numpy_dtype
    if mine and (only_room or (tile.blank_pixel and structure.settled)):
        return structure.numpy_dtype  # which holds a zero, whatever it is
    dtype = theirs
    if mine and structure.settled:
        dtype = np.result_type(mine, theirs)
        _refuse_inexact_promotion(np.dtype(mine), theirs, dtype)
    if structure.blend is Blend.SUM:  # as numpy.sum does
        narrow = dtype.kind in "bi" or (dtype.kind == "u" and dtype.itemsize < 8)
        dtype = np.dtype(np.int64) if narrow else dtype
        dtype = np.result_type(dtype, np.float32) if dtype.kind == "f" else dtype
    return dtype


def _refuse_inexact_promotion(mine: np.dtype, theirs: np.dtype, both: np.dtype) -> None:
    """Refuse what NumPy promotes to a float that does not hold all of a 64-bit integer."""
    if both.kind == "f" and any(one.kind in "iu" and one.itemsize == 8 for one in (mine, theirs)):
        raise SinkInputError(
            f"a tile of {theirs} in an image of {mine} would make it {both}, which changes "
            "integers beyond 2^53; convert the tiles to one dtype, or make the sink with dtype=…"
        )


# Up to here sums of values times weights, as doubles, give a single tile's values back.
_EXACT = {Blend.MEAN: 2**53, Blend.WEIGHTED: 2**50}


def may_be_inexact(structure: StoreLayout, tile: TileInput) -> bool:
    """Return True for a tile whose values may be too large for sums in doubles."""
    wide = tile.pixels.dtype.itemsize == 8 and tile.pixels.dtype.kind in "iu"
    return wide and structure.blend in _EXACT


def refuse_inexact(structure: StoreLayout, tile: TileInput) -> None:
    """Refuse 64-bit integers that a mean can't hold.

    Raises
    ------
    SinkInputError
        A value is too large for sums in doubles.
    """
    if not may_be_inexact(structure, tile):
        return
    limit, pixels = _EXACT[structure.blend], tile.pixels
    if int(pixels.max()) > limit or int(pixels.min()) < -limit:
        raise SinkInputError(
            f"a sink with blend={structure.blend.value!r} holds integers exactly up to "
            f"{limit}, and a tile has values from {pixels.min()} to {pixels.max()}; numbers that "
            "name things need blend='over', 'max' or 'min'"
        )


def _refuse_loss(tile: TileInput, dtype: np.dtype) -> None:
    """Refuse values that the given dtype can't hold; floats may be rounded to narrower floats."""
    pixels = tile.pixels
    rounds = dtype.kind == "f" and pixels.dtype.kind in "iu" and pixels.dtype.itemsize == 8
    if np.can_cast(pixels.dtype, dtype, "safe") and not rounds:  # NumPy calls that one safe
        return
    if tile.mask is not None:
        shown = np.broadcast_to(tile.mask, pixels.reshape(-1, *pixels.shape[-3:]).shape)
        pixels = pixels.reshape(shown.shape)[shown]
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


def adaptable(bands: int, wanted: int, dtype: np.dtype) -> bool:
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


def fit_tile(structure: StoreLayout, tile: TileInput) -> Array:
    """Return the tile's pixels in the dtype and with the bands of an image that takes it."""
    return fit_pixels(structure, tile.pixels)


def fit_pixels(structure: StoreLayout, pixels: Array) -> Array:
    """Return pixels (…, band) in the dtype and with the bands of an image that takes them."""
    if pixels.dtype != structure.numpy_dtype:
        # A mask may keep values out that the dtype can't hold; they are not laid.
        with np.errstate(invalid="ignore", over="ignore"):
            pixels = pixels.astype(structure.numpy_dtype)
    if pixels.shape[-1] == structure.bands:
        return pixels
    return adapt_bands(pixels, structure.bands)


def fit_stages(stages: Sequence[StoreLayout], pixels: Array) -> Array:
    """Return pixels (…, band) as they are after an image that took them has become all of these.

    New bands of pixels that are no colours are blank, as in an image that grows under its tiles.
    """
    for stage in stages:
        dtype, bands = stage.numpy_dtype, pixels.shape[-1]
        if bands == stage.bands or adaptable(bands, stage.bands, dtype):
            pixels = fit_pixels(stage, pixels)
            continue
        blank = 0 if stage.arrays[0].folder else stage.fill
        with np.errstate(invalid="ignore", over="ignore"):  # as in fit_pixels
            pixels = with_blank_bands(pixels.astype(dtype), stage.bands, blank)
    return pixels


def with_blank_bands(pixels: Array, bands: int, blank: float) -> Array:
    """Return pixels (…, band) of more bands, of which the further ones are blank."""
    more = np.full((*pixels.shape[:-1], bands), blank, pixels.dtype)
    more[..., : pixels.shape[-1]] = pixels
    return more


def fit_mask(mask: Array, bands: int) -> Array:
    """Return a mask (y, x, 1 or bands) for an image of ``bands``: new bands go where any goes."""
    if mask.shape[-1] in (1, bands):
        return mask
    more = mask.any(axis=-1, keepdims=True)
    if mask.shape[-1] == 2:  # gray and alpha, of which gray becomes all colours
        return np.concatenate(
            [np.repeat(mask[..., :1], bands - 1, axis=-1), mask[..., 1:]], axis=-1
        )
    return np.concatenate([mask, np.repeat(more, bands - mask.shape[-1], axis=-1)], axis=-1)
