"""Halving where some samples don't count: nodata, NaN, and colour under transparency."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ziggurat.readers.model.reader import Pixels
from ziggurat.writers.model.reducers import Reducer

_Four = tuple[Pixels, Pixels, Pixels, Pixels]


@dataclass(frozen=True)
class Mask:
    """How much each sample counts.

    ``weights`` has the shape of the pixels: 0 where a sample is nodata or NaN, else 1 or,
    of the colours of an image with alpha, the alpha. ``empty`` is, per band, what a block
    becomes that has nothing that counts; None leaves it to the plain reducer.
    """

    weights: Pixels
    empty: tuple[float | None, ...]
    alpha: bool

    @classmethod
    def of(
        cls, pixels: Pixels, alpha: bool, nodata: tuple[float | None, ...] | None
    ) -> Self | None:
        """Return the mask of some pixels, or None where every sample counts alike."""
        bands = pixels.shape[2]
        invalid = _invalid(pixels, nodata)
        shaded = alpha and bands > 1 and np.ptp(pixels[..., -1]) != 0
        if invalid is None and not shaded:
            return None
        weights = np.ones(pixels.shape, np.float64)
        if shaded:
            weights[..., :-1] = pixels[..., -1:]
        if invalid is not None:
            weights[invalid] = 0
        values = nodata or (None,) * bands
        floating = pixels.dtype.kind == "f"
        empty = tuple(np.nan if v is None and floating else v for v in values)
        return cls(weights, empty if invalid is not None else (None,) * bands, shaded)


def _invalid(pixels: Pixels, nodata: tuple[float | None, ...] | None) -> Any:
    invalid = np.isnan(pixels) if pixels.dtype.kind == "f" else None
    for band, value in enumerate(nodata or ()):
        if value is None or value != value:
            continue
        if pixels.dtype.kind in "ui" and (value != int(value)):
            continue  # such a value can't be met
        if invalid is None:
            invalid = np.zeros(pixels.shape, bool)
        invalid[..., band] |= pixels[..., band] == value
    return invalid if invalid is not None and invalid.any() else None


def masked(values: _Four, weights: _Four, mask: Mask, reducer: Reducer) -> Pixels:
    """Reduce the four pixels of each block, leaving out what has no weight.

    Parameters
    ----------
    values, weights
        Top-left, top-right, bottom-left, bottom-right; each (y, x, band).
    reducer
        MEAN, MEDIAN, MAX or MIN.
    """
    stack, shares = np.stack(values), np.stack(weights)
    valid = shares > 0
    count = valid.sum(axis=0)
    if reducer is Reducer.MEAN:
        out = _weighted_mean(stack, shares, valid, count, mask.alpha)
    else:
        out = _ordered(stack, valid, count, reducer)
    for band, value in enumerate(mask.empty):
        if value is not None:
            out[..., band][count[..., band] == 0] = value
    return out


def _weighted_mean(
    stack: Pixels, shares: Pixels, valid: Pixels, count: Pixels, alpha: bool
) -> Pixels:
    if stack.dtype.kind == "f" or (alpha and stack.dtype.itemsize > 2):
        return _mean_as_floats(stack, shares, valid, count)
    return _mean_by_alpha(stack, shares) if alpha else _mean_of_valid(stack, valid, count)


def _mean_as_floats(stack: Pixels, shares: Pixels, valid: Pixels, count: Pixels) -> Pixels:
    total = np.where(count > 0, shares.sum(axis=0), 1)
    with np.errstate(invalid="ignore", over="ignore"):
        mean = np.where(valid, stack * shares, 0).sum(axis=0) / total
        plain = stack.astype(np.float64).mean(axis=0)
    mean = np.where(count > 0, mean, plain)
    exact = stack.dtype.kind == "f"
    return np.asarray(mean if exact else np.floor(mean + 0.5)).astype(stack.dtype)


def _mean_by_alpha(stack: Pixels, shares: Pixels) -> Pixels:
    visible = shares.sum(axis=0) > 0
    weights = np.where(visible, shares, 1).astype(np.int64)  # nothing visible: the plain mean
    total = weights.sum(axis=0)
    mean = ((stack.astype(np.int64) * weights).sum(axis=0) * 2 + total) // (2 * total)
    return np.asarray(mean.astype(stack.dtype))


def _mean_of_valid(stack: Pixels, valid: Pixels, count: Pixels) -> Pixels:
    """Add quotients and remainders apart, so that 64-bit integers stay exact."""
    dtype = stack.dtype
    some = np.maximum(count, 1)
    divisor = some.astype(dtype)
    kept = np.where(valid, stack, 0).astype(dtype)
    whole = (kept // divisor).sum(axis=0, dtype=dtype)
    rest = (kept % divisor).sum(axis=0, dtype=np.int64)
    return np.asarray(whole + ((2 * rest + some) // (2 * some)).astype(dtype))


def _ordered(stack: Pixels, valid: Pixels, count: Pixels, reducer: Reducer) -> Pixels:
    """Sort what counts to the front and pick the first, the last or the middle of it."""
    dtype = stack.dtype
    last: Any = (
        np.nan if dtype.kind == "f" else (True if dtype.kind == "b" else np.iinfo(dtype).max)
    )
    ranked = np.sort(np.where(valid, stack, np.asarray(last, dtype)), axis=0)
    some = np.maximum(count, 1)[np.newaxis]

    def pick(index: Pixels) -> Pixels:
        return np.asarray(np.take_along_axis(ranked, index, axis=0)[0])

    if reducer is Reducer.MIN:
        return pick(np.zeros_like(some))
    if reducer is Reducer.MAX:
        return pick(some - 1)
    low, high = pick((some - 1) // 2), pick(some // 2)
    if dtype.kind == "f":
        return np.asarray((low.astype(np.float64) + high) / 2, dtype)
    if dtype.kind == "b":
        either: Pixels = low | high
        return either
    return np.asarray((low | high) - ((low ^ high) >> dtype.type(1)))
