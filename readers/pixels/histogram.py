"""Statistics and histograms of the bands of an image, tile by tile."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.reader import Pixels

Tiles = Callable[[], Iterable[Pixels]]


@dataclass(frozen=True)
class BandStatistics:
    """Per band: minimum, maximum, mean and standard deviation (of the population), and how many.

    ``minimum`` and ``maximum`` have the dtype of the pixels. NaN does not count.
    """

    minimum: np.ndarray
    maximum: np.ndarray
    mean: np.ndarray[Any, np.dtype[np.float64]]
    stdev: np.ndarray[Any, np.dtype[np.float64]]
    samples: int

    def as_dict(self) -> dict[str, Any]:
        """Return the public keys."""
        return {
            "min": self.minimum,
            "max": self.maximum,
            "mean": self.mean,
            "stdev": self.stdev,
        }


Invalid = Callable[[Pixels], Pixels | None]  # where samples of a tile don't count


def statistics(tiles: Iterable[Pixels], invalid: Invalid | None = None) -> BandStatistics | None:
    """Return the statistics of all pixels of some tiles of shape (y, x, band); None without any.

    What ``invalid`` marks doesn't count; a band of which nothing counts has NaN for all numbers.
    """
    return _statistics(_judged(tiles, invalid, lambda tile: tile))


def _judged(
    tiles: Iterable[Pixels], invalid: Invalid | None, cast: Callable[[Pixels], Pixels]
) -> Iterator[tuple[Pixels, Pixels | None]]:
    """Yield each tile as it is looked at, and what of it, as it was stored, doesn't count."""
    for tile in tiles:
        yield cast(tile), None if invalid is None else invalid(tile)


def _statistics(tiles: Iterable[tuple[Pixels, Pixels | None]]) -> BandStatistics | None:
    """Return the statistics of tiles and, of each, what doesn't count.

    Merged tile by tile after Chan, Golub and LeVeque (1983), so that large images keep precision.
    """
    low: Any = None
    high: Any = None
    count: Any = 0
    mean: Any = 0.0
    squares: Any = 0.0
    samples = 0
    left_out = False
    for tile, hidden in tiles:
        flat = tile.reshape(-1, tile.shape[2])
        if not len(flat):
            continue
        samples += len(flat)
        with np.errstate(invalid="ignore"):  # signalling NaNs
            values = flat.astype(np.float64)
        valid = np.isfinite(values)
        if hidden is not None:
            valid &= ~hidden.reshape(flat.shape)
            left_out = True
        number = valid.sum(axis=0)
        safe = np.where(valid, values, 0.0)
        tile_mean = safe.sum(axis=0) / np.maximum(number, 1)
        tile_squares = (np.where(valid, values - tile_mean, 0.0) ** 2).sum(axis=0)
        tile_low, tile_high = _extremes(flat, None if hidden is None else valid)
        low = tile_low if low is None else np.fmin(low, tile_low)
        high = tile_high if high is None else np.fmax(high, tile_high)
        total = count + number
        shift = tile_mean - mean
        share = number / np.maximum(total, 1)
        squares = squares + tile_squares + shift**2 * count * share
        mean = mean + shift * share
        count = total
    if low is None:
        return None
    stdev = np.sqrt(squares / np.maximum(count, 1))
    if left_out and not np.all(count):
        nothing = count == 0
        low, high, mean, stdev = (np.where(nothing, np.nan, x) for x in (low, high, mean, stdev))
    return BandStatistics(low, high, mean, stdev, samples)


def _extremes(flat: Pixels, valid: Pixels | None) -> tuple[Pixels, Pixels]:
    """Return the least and the greatest of each band; where nothing counts, the other way round."""
    if valid is not None:
        least, most = _range(flat.dtype)
        low: Pixels = flat.min(axis=0, initial=most, where=valid)
        high: Pixels = flat.max(axis=0, initial=least, where=valid)
        return low, high
    if flat.dtype.kind != "f":
        return flat.min(axis=0), flat.max(axis=0)
    return np.fmin.reduce(flat, axis=0), np.fmax.reduce(flat, axis=0)


def _range(dtype: np.dtype) -> tuple[Any, Any]:
    if dtype.kind == "f":
        return -np.inf, np.inf
    if dtype.kind == "b":
        return False, True
    return np.iinfo(dtype).min, np.iinfo(dtype).max


Limits = tuple[float, float, int]  # from, to, and how many bins


def value_limits(wanted: Any, dtype: np.dtype, low: float, high: float, bins: int) -> Limits:
    """Return the range of a histogram and its number of bins.

    The range is (a, b) as asked, or the data's; of integers, up to one more than the largest.
    ``'round'`` makes the edges of integers whole numbers, where a bin is less than ten of them
    wide; there may be fewer bins then.
    """
    if wanted is not None and not (isinstance(wanted, str) and wanted == "round"):
        try:
            first, last = (float(value) for value in wanted)
        except (TypeError, ValueError) as error:
            raise OptionError(
                f"range must be None, 'round' or two numbers, not {wanted!r}"
            ) from error
        if not -math.inf < first < last < math.inf:
            raise OptionError(f"range must go from a number to a larger one, not {wanted!r}")
        return first, last, bins
    if not low <= high:  # no value at all: NaN
        return 0.0, 1.0, bins
    if not math.isfinite(high - low):
        raise OptionError(
            f"values go from {low} to {high}: range must be given for a histogram of them"
        )
    if dtype.kind not in "iu":  # the ends of one value are those that numpy takes
        return (low - 0.5, high + 0.5, bins) if low == high else (low, high, bins)
    if wanted is None or high + 1 - low >= 10 * bins:
        return low, high + 1, bins
    step = math.ceil((high + 1 - low) / bins)
    whole = math.ceil((high + 1 - low) / step)
    return low, low + step * whole, whole


def histogram(
    tiles: Tiles,
    bins: int = 256,
    *,
    density: bool = False,
    limits: Any = None,
    only_min_max: bool = False,
    dtype: Any = None,
    invalid: Invalid | None = None,
) -> dict[str, Any]:
    """Return statistics and, per band, a histogram.

    Parameters
    ----------
    tiles
        Gives the tiles, as often as it is called: once for the statistics, once to count.
    bins
        How many.
    density
        Counts become shares of all that were counted; their sum is 1.
    limits
        See :func:`value_limits`.
    only_min_max
        Leave out the histograms.
    dtype
        Cast the pixels first.
    invalid
        Marks the samples of a tile, as it is read, that don't count.
    """
    try:
        wanted = None if dtype is None else np.dtype(dtype)
    except TypeError as error:
        raise OptionError(f"dtype must be a numpy dtype, not {dtype!r}") from error
    if wanted is not None and wanted.kind not in "biuf":
        raise OptionError(f"dtype must be a kind of real numbers, not {dtype!r}")

    def cast(tile: Pixels) -> Pixels:
        return tile if wanted is None else tile.astype(wanted)

    facts = _statistics(_judged(tiles(), invalid, cast))
    if facts is None:
        return {}
    result = facts.as_dict()
    if only_min_max:
        return result
    bands = len(facts.minimum)
    ranges = [
        value_limits(limits, facts.minimum.dtype, float(low), float(high), bins)
        for low, high in zip(facts.minimum, facts.maximum, strict=True)
    ]
    counts = [np.zeros(number, np.int64) for *_, number in ranges]
    for tile, hidden in _judged(tiles(), invalid, cast):
        for band in range(bands):
            values = tile[..., band].ravel()
            if hidden is not None:
                values = values[~hidden[..., band].ravel()]
            first, last, number = ranges[band]
            if values.dtype.kind == "f":
                values = values[np.isfinite(values)]
            if values.dtype.kind == "b":  # numpy counts them too, but warns
                values = values.view(np.uint8)
            counts[band] += np.histogram(values, number, (first, last))[0]
    result["histogram"] = [
        _band_histogram(facts, band, counts[band], ranges[band][:2], density)
        for band in range(bands)
    ]
    return result


def _band_histogram(
    facts: BandStatistics,
    band: int,
    counts: np.ndarray[Any, np.dtype[np.int64]],
    limits: tuple[float, float],
    density: bool,
) -> dict[str, object]:
    edges = np.linspace(*limits, len(counts) + 1)
    total = int(counts.sum())
    shares = counts / max(total, 1) if density else counts
    return {
        "min": float(facts.minimum[band]),
        "max": float(facts.maximum[band]),
        "mean": float(facts.mean[band]),
        "stdev": float(facts.stdev[band]),
        "range": limits,
        "hist": shares,
        "bin_edges": edges,
        "bins": len(counts),
        "density": density,
        "samples": total,
    }
