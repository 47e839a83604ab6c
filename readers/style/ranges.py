"""Which stored values are shown darkest and brightest: ranges from a small overview's histogram."""

import weakref
from collections.abc import Callable

import numpy as np

from ziggurat.readers.io.lru import Lru
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.style.parse import BandStyle, RangeEnd, RangeKind

_BINS = 256


_MOST_CACHED = 1024
_Limits = tuple[float, float]
Invalid = Callable[[Pixels], Pixels | None]
_cache: Lru[tuple[object, ...], tuple[weakref.ref[Pixels], _Limits]] = Lru(_MOST_CACHED)


def value_range(
    style: BandStyle, index: int, look: Callable[[], Pixels], invalid: Invalid | None = None
) -> _Limits:
    """Return the stored values shown as the first and the last colour.

    Parameters
    ----------
    style
        Its ``low`` and ``high`` say how.
    index
        The 0-based band.
    look
        Gives the whole image small, shape (y, x, band); not called where the style says numbers.
        The answer is remembered for as long as that very array is kept, so that serving tiles
        makes one histogram an image.
    invalid
        Marks the samples of the small image that are no values, such as nodata.
    """
    if style.low.kind is style.high.kind is RangeKind.NUMBER:
        return style.low.value, style.high.value
    overview = look()
    key = (id(overview), index, style.low, style.high, style.nodata)
    known = _cache.get(key)
    if known is not None and known[0]() is overview:
        return known[1]
    hidden = None if invalid is None else invalid(overview)
    valid = _valid(overview, index, style.nodata, hidden)
    limits = _end(style.low, valid, lower=True), _end(style.high, valid, lower=False)
    _cache.put(key, (weakref.ref(overview), limits))
    return limits


def _valid(overview: Pixels, index: int, nodata: float | None, hidden: Pixels | None) -> Pixels:
    values = overview[..., index]
    keep = np.isfinite(values)
    if hidden is not None:
        keep &= ~hidden[..., index]
    if nodata is not None:
        keep &= values != nodata
    return values[keep]


def _end(end: RangeEnd, values: Pixels, *, lower: bool) -> float:
    if end.kind is RangeKind.NUMBER:
        return end.value
    if end.kind is RangeKind.FULL or values.size == 0:
        return 0.0 if lower else _full(values.dtype)
    if end.kind is RangeKind.AUTO and _looks_like_bytes(values):
        return 0.0 if lower else 255.0
    if end.threshold:
        return _percentile(values, end.threshold, lower=lower)
    return float(values.min() if lower else values.max())


def _full(dtype: np.dtype) -> float:
    """Return the end of a type's usual range: 65535 of uint16, 255 of other integers, else 1."""
    if dtype.kind in "fb":
        return 1.0
    return 65535.0 if dtype == np.uint16 else 255.0


def _looks_like_bytes(values: Pixels) -> bool:
    """Return True where values of any type fill a good part of 0 to 255 and nothing beyond."""
    if values.dtype == np.uint8:
        return True
    return bool(values.min() >= 0 and 1 < values.max() <= 255)


def _percentile(values: Pixels, share: float, *, lower: bool) -> float:
    """Return the edge of the histogram's bin outside of which less than ``share`` of values lie.

    The histogram has 256 bins over the whole numbers that enclose the values, so that the answer
    does not depend on a single outlier's exact value.
    """
    low, high = float(np.floor(values.min())), float(np.floor(values.max())) + 1
    counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
    cumulative = np.cumsum(counts if lower else counts[::-1])
    left_out = int(np.searchsorted(cumulative, share * values.size, side="right"))
    return float(edges[left_out] if lower else edges[len(edges) - 1 - left_out])
