"""Which samples count, and what a type can hold: the rules for whoever mixes pixels.

An average of valid pixels leaves out nodata, and counts colours by their alpha. Mixing is linear,
so that it is done with weighted samples: :func:`weighted` puts the weights behind the values as
bands of their own, anything linear is done to all of them, and :func:`mixed` divides.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels

Nodata = tuple[float | None, ...]  # per band; None: the band has none
_LEAST = 1e-6  # of a weight: below, nothing but rounding is left


def nodata_by_band(info: ImageInfo) -> Nodata | None:
    """Return the nodata value of every band, or None where no band has one; alpha has none."""
    if info.nodata is None or info.dtype.kind == "c":
        return None
    values = info.nodata if isinstance(info.nodata, tuple) else (info.nodata,) * info.bands
    if info.alpha:
        values = (*values[: info.bands - 1], None)
    return values if any(value is not None for value in values) else None


def invalid_samples(
    pixels: Pixels, nodata: Nodata | None, *, by_alpha: bool = False
) -> Pixels | None:
    """Return where samples are nodata, bool of the pixels' shape; None where none is.

    ``by_alpha``: neither count those whose last band, alpha, is 0.
    """
    if nodata is None and not by_alpha:
        return None
    invalid = np.zeros(pixels.shape, bool)
    if by_alpha:
        invalid[..., :-1] = pixels[..., -1:] == 0
    for band, value in enumerate(nodata or ()):
        if value is None:
            continue
        values = pixels[..., band]
        if value != value:
            if pixels.dtype.kind == "f":
                np.isnan(values, out=invalid[..., band])
        elif _holds(pixels.dtype, value):
            np.equal(values, _as_stored(pixels.dtype, value), out=invalid[..., band])
    return invalid if invalid.any() else None


def uncounted(info: ImageInfo) -> Callable[[Pixels], Pixels | None] | None:
    """Return what marks the samples that statistics leave out, None where all of them count.

    Of maps, what is transparent is left out as well: there alpha says where there is data.
    """
    nodata, by_alpha = nodata_by_band(info), info.alpha and info.geo is not None
    if nodata is None and not by_alpha:
        return None
    return partial(invalid_samples, nodata=nodata, by_alpha=by_alpha)


def _holds(dtype: np.dtype, value: float) -> bool:
    if dtype.kind == "f":
        return True
    if value != value:
        return False
    if dtype.kind == "b":
        return value in (0, 1)
    limits = np.iinfo(dtype)
    return float(value).is_integer() and limits.min <= int(value) <= limits.max


def _as_stored(dtype: np.dtype, value: float) -> Any:
    with np.errstate(over="ignore"):  # the largest float64 stands for float32's infinity
        return dtype.type(value)


def weighted(pixels: Pixels, nodata: Nodata | None, *, alpha: bool) -> Pixels:
    """Return values times weights, then the weights: float of shape (y, x, 2 · bands)."""
    exact = np.float64 if pixels.dtype.itemsize > 2 else np.float32
    bands = pixels.shape[2]
    sums = np.empty((*pixels.shape[:2], 2 * bands), exact)
    values, weights = sums[..., :bands], sums[..., bands:]
    weights[:] = 1
    if alpha and bands > 1:
        weights[..., :-1] = pixels[..., -1:] / _opaque(pixels.dtype)
    values[:] = pixels
    invalid = invalid_samples(pixels, nodata)
    if invalid is not None:
        weights[invalid] = 0
        values[invalid] = 0
    values *= weights
    return sums


def stay_valid(pixels: Pixels, nodata: Nodata | None) -> Pixels:
    """Return means of valid samples alone, those that happen to be nodata as its neighbours."""
    met = invalid_samples(pixels, nodata)
    if met is None or nodata is None:
        return pixels
    for band, value in enumerate(nodata):
        if value is not None and value == value:
            pixels[..., band][met[..., band]] = _neighbour(pixels.dtype, value)
    return pixels


def _opaque(dtype: np.dtype) -> float:
    return float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0


def mixed(sums: Pixels, dtype: np.dtype, nodata: Nodata | None, *, least: float = _LEAST) -> Pixels:
    """Return the pixels of weighted samples that were mixed.

    Parameters
    ----------
    sums
        As :func:`weighted` gives them, mixed in any linear way.
    dtype
        Of the result; integers are rounded.
    nodata
        What a sample becomes that nothing valid is in. A mean of valid samples that happens to
        be this very number becomes its neighbour.
    least
        The share of valid samples from which on a sample is valid.
    """
    bands = sums.shape[2] // 2
    values, weights = sums[..., :bands], sums[..., bands:]
    empty = weights < least
    with np.errstate(invalid="ignore"):
        pixels = cast_rounded(values / np.where(empty, 1, weights), dtype)
    for band, value in enumerate(nodata or (None,) * bands):
        nothing = empty[..., band]
        if value is None:
            pixels[..., band][nothing] = 0
            continue
        if not _holds(dtype, value):
            continue  # no sample is nodata then
        stored = _as_stored(dtype, value)
        met = pixels[..., band] == stored
        pixels[..., band][met & ~nothing] = _neighbour(dtype, value)
        pixels[..., band][nothing] = stored
    return pixels


def _neighbour(dtype: np.dtype, value: float) -> object:
    if dtype.kind == "f":
        return np.nextafter(dtype.type(value), dtype.type(np.inf))
    if dtype.kind == "b":
        return not value
    return int(value) + 1 if int(value) < np.iinfo(dtype).max else int(value) - 1


def cast_rounded(pixels: Pixels, dtype: np.dtype) -> Pixels:
    """Return float pixels in a dtype: integers rounded and clipped to their range."""
    if dtype == np.bool_:
        return pixels >= 0.5
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        rounded = np.rint(pixels)
        # float64 can't hold the ends of 64-bit ranges: clip, then cast what is surely inside
        low, high = float(limits.min), float(limits.max)
        result = np.clip(rounded, low, np.nextafter(high, 0) if high > 2**53 else high)
        result = result.astype(dtype)
        return np.where(rounded >= high, dtype.type(limits.max), result)
    return pixels.astype(dtype)
