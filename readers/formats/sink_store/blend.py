"""Blending: modes in which a tile is laid over others by arithmetic, whatever order they come in.

Sums of integers are kept in 64 bits and weighted sums in doubles. Weights are taken
in steps of 2^-20, so that sums over tiles of up to 16 bits are exact, and with them independent of
the order of the tiles; wider samples are summed to within the rounding of a double.
"""

from functools import lru_cache

import numpy as np

from ziggurat.readers.errors import SinkInputError
from ziggurat.readers.formats.sink_store.layout import Blend, StoreLayout
from ziggurat.readers.formats.sink_store.tile import Array, TileInput

STEPS = 1 << 20  # weights are multiples of one over this
WINDOWS = ("hann", "gaussian", "linear")


def blended(
    mode: Blend, old: tuple[Array, Array], pixels: Array, weight: Array | None
) -> tuple[Array, Array]:
    """Return values and weights of a rectangle with a tile blended in.

    Parameters
    ----------
    old
        Values (y, x, band) and weights (y, x) so far.
    pixels
        Of the tile, (y, x, band).
    weight
        (y, x); where it is zero the tile has no say. None: one everywhere.
    """
    values, weights = old
    share = np.ones(weights.shape, np.float64) if weight is None else weight
    taken = (share > 0)[..., np.newaxis]
    fresh = pixels.astype(values.dtype, copy=False)
    if mode in (Blend.MAX, Blend.MIN):
        pick = np.maximum if mode is Blend.MAX else np.minimum
        met = np.where((weights > 0)[..., np.newaxis], pick(values, fresh), fresh)
        return np.where(taken, met, values), np.where(taken[..., 0], 1, weights).astype("u1")
    if mode is Blend.SUM:
        total = values + np.where(taken, fresh, 0).astype(values.dtype, copy=False)
        if values.dtype.kind in "iu" and pixels.dtype.itemsize == 8:
            _refuse_overflow(values, fresh, total, taken)
        return total, np.where(taken[..., 0], 1, weights).astype("u1")
    with np.errstate(invalid="ignore"):  # infinity times zero, where the tile has no say
        total = values + np.where(taken, fresh * share[..., np.newaxis], 0)
    return total, weights + share


def _refuse_overflow(values: Array, fresh: Array, total: Array, taken: Array) -> None:
    """Refuse a sum that 64 bits don't hold: NumPy goes on at the other end."""
    if values.dtype.kind == "u":
        past = (total < values) & taken
    else:
        past = ((values < 0) == (fresh < 0)) & ((total < 0) != (values < 0)) & taken
    if past.any():
        raise SinkInputError(f"the sum with this tile is past what {values.dtype} holds")


def check_weight(structure: StoreLayout, tile: TileInput) -> None:
    """Refuse weights that the sink has no use for.

    Raises
    ------
    SinkInputError
        A weight outside `weighted` mode, or one that can't be meant.
    """
    weight = tile.weight
    if weight is None:
        return
    if structure.blend is not Blend.WEIGHTED:
        raise SinkInputError(
            f"this sink blends by {structure.blend.value!r} and takes no weight; "
            "make it with blend='weighted'"
        )
    if isinstance(weight, str):
        if weight not in WINDOWS:
            raise SinkInputError(
                f"weight must be one of {', '.join(WINDOWS)} or an array: {weight!r}"
            )
    elif weight.any() and not 2**-10 <= float(weight.max()) <= 2**10:
        raise SinkInputError(
            f"weights are taken in steps of 2^-20: the largest must be near 1, not {weight.max()}"
        )


def tile_weight(tile: TileInput) -> Array | None:
    """Return what a tile weighs, (frames or 1, y, x): its weight where its mask lets it.

    Raises
    ------
    SinkInputError
        Its mask differs from band to band, and a pixel has one weight.
    """
    weight, mask = tile.weight, None
    if tile.mask is not None:
        mask = tile.mask[..., 0]
        if (tile.mask != mask[..., np.newaxis]).any():
            raise SinkInputError(
                "in blending modes a mask must be the same for all bands, of shape (y, x)"
            )
    if weight is None:
        return None if mask is None else mask.astype(np.float64)
    if isinstance(weight, str):
        weight = window(weight, tile.height, tile.width)
    else:
        weight = _in_steps(weight.astype(np.float64))
    return weight[np.newaxis] if mask is None else weight * mask


@lru_cache(maxsize=16)
def window(kind: str, height: int, width: int) -> Array:
    """Return a window of shape (height, width), one in the middle and above zero everywhere.

    ``hann`` is the raised cosine, ``linear`` the tent, ``gaussian`` has a standard deviation of an
    eighth of the side.
    """
    weight = _in_steps(np.outer(_side(kind, height), _side(kind, width)))
    weight.flags.writeable = False
    return weight


def _side(kind: str, length: int) -> Array:
    # From -1 to 1, both just beyond the first and the last pixel.
    place = (2 * np.arange(length) + 1 - length) / (length + 1)
    if kind == "hann":
        return np.cos(place * np.pi / 2) ** 2
    if kind == "linear":
        return 1 - np.abs(place)
    return np.exp(-0.5 * (place / 0.25) ** 2)


def _in_steps(weight: Array) -> Array:
    """Round to whole steps; what is above zero stays above zero."""
    steps = np.rint(weight * STEPS)
    return np.where((weight > 0) & (steps < 1), 1, steps) / STEPS


def resolve(structure: StoreLayout, values: Array, weights: Array) -> Array:
    """Turn values (y, x, band) and weights (y, x) into pixels of the image's dtype."""
    dtype = structure.numpy_dtype
    written = (weights > 0)[..., np.newaxis]
    if structure.blend in (Blend.MEAN, Blend.WEIGHTED):
        values = values / np.where(written, weights[..., np.newaxis], 1)
    if dtype.kind in "biu" and values.dtype != dtype:
        limits = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        if dtype.itemsize == 8:  # a mean, as a float, may lie just past the largest integer
            past = values >= float(limits[1])
            whole = np.rint(np.where(past, 0, values)).astype(dtype)
            values = np.where(past, dtype.type(limits[1]), whole)
        else:
            values = np.clip(np.rint(values) if values.dtype.kind == "f" else values, *limits)
    return np.where(written, values, structure.fill_value).astype(dtype, copy=False)
