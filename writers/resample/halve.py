"""Halving pixels: every reducer for every dtype, exact, and the same whatever the cut.

One output pixel stands for the 2 x 2 block at twice its position. Where the image ends in
the middle of a block, the block is what there is of it (which is what repeating the last
row or column gives). Integer means round half up: ``floor((sum + n / 2) / n)``.
"""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from ziggurat.readers.errors import OptionError, WriteError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.reader import Pixels
from ziggurat.writers.model.reducers import Reducer
from ziggurat.writers.resample.filters import HALO, filtered
from ziggurat.writers.resample.masked import Mask, masked

_CV_BANDS = (1, 3, 4)  # OpenCV rounds half up for these; for others it truncates in places
_CV_DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.int16))
_FEW = 8  # one block in so many lies on an edge: more are compared all at once
_WIDE = {1: np.uint16, 2: np.uint32}


@dataclass(frozen=True, slots=True)
class Shrinker:
    """A reducer with the facts of an image that it depends on.

    ``nodata`` has one value or None per band. ``halo`` is how many pixels around a
    rectangle it looks at: the same result comes out of any cut only where they are given.
    """

    reducer: Reducer
    alpha: bool = False
    nodata: tuple[float | None, ...] | None = None

    @property
    def halo(self) -> int:
        """Pixels needed around a rectangle, an even number."""
        return HALO.get(self.reducer, 0)

    def __call__(
        self, pixels: Pixels, core: Rect | None = None, out: Pixels | None = None
    ) -> Pixels:
        """Return half of a rectangle.

        Parameters
        ----------
        pixels
            Shape (y, x, band).
        core
            The rectangle to halve; the rest of ``pixels`` is its halo. ``x`` and ``y`` are even
            in the image, and odd sizes are only met at its right and bottom edge.
        out
            Where the result may be put. It is returned where it was, which not all reducers do.

        Returns
        -------
        array of the same dtype and half the size of ``core``, odd sizes rounded up
        """
        rect = core or Rect(0, 0, pixels.shape[1], pixels.shape[0])
        block = pixels[rect.y : rect.bottom, rect.x : rect.right]
        if self.reducer is Reducer.NEAREST:
            return block[::2, ::2]
        if self.reducer is Reducer.MODE:
            return _mode(_padded(block))
        if self._plain_alpha(pixels):
            return _mean_by_alpha(_padded(block))
        mask = Mask.of(block, self.alpha, self.nodata)
        if self.reducer in HALO:
            whole = Mask.of(pixels, self.alpha, self.nodata)
            fallback = None if whole is None else self._blocks(block, mask, Reducer.MEAN)
            return filtered(pixels, rect, self.reducer, whole, fallback)
        if mask is None and self.reducer is Reducer.MEAN:
            return _mean(block, out)
        return self._blocks(block, mask, self.reducer)

    def _plain_alpha(self, pixels: Pixels) -> bool:
        """Return True where alpha alone decides how much colours count, the usual case."""
        small = pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2
        wanted = self.alpha and self.nodata is None and self.reducer is Reducer.MEAN
        return wanted and small and pixels.shape[2] > 1

    def _blocks(self, block: Pixels, mask: Mask | None, reducer: Reducer) -> Pixels:
        if mask is not None:
            return masked(_quarters(block), _quarters(mask.weights), mask, reducer)
        if reducer is Reducer.MEAN:
            return _mean(block)
        a, b, c, d = _quarters(block)
        if reducer is Reducer.MAX:
            most: Pixels = np.maximum(np.maximum(a, b), np.maximum(c, d))
            return most
        if reducer is Reducer.MIN:
            least: Pixels = np.minimum(np.minimum(a, b), np.minimum(c, d))
            return least
        if reducer is not Reducer.MEDIAN:
            raise ValueError(f"four pixels can't be joined by {reducer.value}")
        return _median(a, b, c, d)


def shrinker(info: ImageInfo, reducer: Reducer | None) -> Shrinker:
    """Return how the levels of an image are made; None is what suits its interpretation.

    Raises
    ------
    OptionError
        The samples are complex, or of 64-bit integers where the filter would round them.
    """
    if info.dtype.kind not in "buif":
        raise OptionError(
            f"pixels of type {info.dtype} have no pyramid; write the real and the imaginary "
            "part, or magnitude and phase, as bands"
        )
    names = info.interpretation in (Interpretation.LABELS, Interpretation.PALETTE)
    chosen = reducer or (Reducer.MODE if names else Reducer.MEAN)
    if chosen in HALO and info.dtype.kind in "ui" and info.dtype.itemsize == 8:
        raise OptionError(f"{chosen.value} would round 64-bit integers; choose mean, mode, ...")
    if chosen in HALO and info.dtype.kind == "b":
        raise OptionError(f"{chosen.value} is not for bool; choose mode, nearest, max, min or mean")
    nodata = info.nodata
    if nodata is not None and not isinstance(nodata, tuple):
        nodata = (nodata,) * info.bands
    return Shrinker(chosen, info.alpha, nodata)


def _quarters(block: Pixels) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    """Return the top-left, top-right, bottom-left and bottom-right pixel of every block."""
    even = _padded(block)
    return even[::2, ::2], even[::2, 1::2], even[1::2, ::2], even[1::2, 1::2]


def _padded(block: Pixels) -> Pixels:
    """Return a block of even size, its last row and column repeated where they are odd."""
    height, width = block.shape[:2]
    if not height % 2 and not width % 2:
        return block
    return np.pad(block, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _mean(block: Pixels, out: Pixels | None = None) -> Pixels:
    dtype = block.dtype
    even = _padded(block)
    height, width, bands = even.shape
    if dtype in _CV_DTYPES and bands in _CV_BANDS:
        import cv2  # here and in the filters: pyramids that are copied have no need of it

        size = width // 2, height // 2
        small = cv2.resize(even, size, dst=out, interpolation=cv2.INTER_AREA)
        last = (int(even[-2:, -2:, -1].sum(dtype=np.int64)) + 2) >> 2
        if np.size(small) != even.size // 4 or np.ravel(small)[-1] != last:
            raise WriteError(f"OpenCV did not halve a block of {even.shape}")
        if out is not None and small is out:
            return out
        return np.asarray(small, dtype).reshape(height // 2, width // 2, bands)
    if dtype.kind == "f":
        return _mean_float(even)
    if dtype.kind == "b":
        return _mean(even.view(np.uint8)).astype(bool) if bands in _CV_BANDS else _mean_bool(even)
    if dtype.itemsize in _WIDE and dtype.kind == "u":
        wide: Any = _WIDE[dtype.itemsize]
        rows = even[::2].astype(wide) + even[1::2]
        return np.asarray((rows[:, ::2] + rows[:, 1::2] + wide(2)) >> wide(2)).astype(dtype)
    return _mean_without_overflow(*_quarters(even))


def _mean_by_alpha(even: Pixels) -> Pixels:
    """Weigh colours by alpha, exactly: the sums fit the floats, and ties divide without error."""
    out = _mean(even)
    if np.ptp(even[..., -1]) == 0:
        return out
    wide: Any = np.float32 if even.dtype.itemsize == 1 else np.float64
    alpha = even[..., -1:].astype(wide)
    shaded = even[..., :-1] * alpha
    colors, weights = (x[:, ::2] + x[:, 1::2] for x in (y[::2] + y[1::2] for y in (shaded, alpha)))
    seen = weights > 0
    mean = np.floor(colors / np.where(seen, weights, 1) + wide(0.5))
    out[..., :-1] = np.where(seen, mean, out[..., :-1])  # nothing visible: the plain mean
    return out


def _mean_bool(even: Pixels) -> Pixels:
    a, b, c, d = (q.view(np.uint8) for q in _quarters(even))
    return np.asarray(a + b + c + d >= 2)


def _mean_float(even: Pixels) -> Pixels:
    wide: Any = np.float32 if even.dtype.itemsize == 2 else even.dtype.type
    with np.errstate(over="ignore", invalid="ignore"):
        rows = even[::2].astype(wide) + even[1::2]
        return np.asarray((rows[:, ::2] + rows[:, 1::2]) * wide(0.25), even.dtype)


def _mean_without_overflow(a: Pixels, b: Pixels, c: Pixels, d: Pixels) -> Pixels:
    """Add quarters and their remainders apart, so that 64-bit integers stay exact."""
    two, three = a.dtype.type(2), a.dtype.type(3)
    rest = (a & three) + (b & three) + (c & three) + (d & three) + two
    whole = (a >> two) + (b >> two) + (c >> two) + (d >> two)
    return np.asarray(whole + (rest >> two))


def _median(a: Pixels, b: Pixels, c: Pixels, d: Pixels) -> Pixels:
    """Return the mean of the middle two, rounded half up."""
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))
    if a.dtype.kind == "f":
        return np.asarray((low.astype(np.float64) + high) / 2, a.dtype)
    if a.dtype.kind == "b":
        either: Pixels = low | high
        return either
    one = a.dtype.type(1)
    return np.asarray((low | high) - ((low ^ high) >> one))  # (low + high + 1) / 2 in its own bits


def _mode(even: Pixels) -> Pixels:
    """Return the most frequent whole pixel; among equals the first in reading order.

    The inside of labels is found as pairs of neighbours, numbers of twice the size: what makes
    the pixels unequal is left to the few blocks on their edges.
    """
    pairs = _as_pairs(even)
    if pairs is None:
        return _mode_of_blocks(*_quarters(even))
    top, bottom = pairs[::2], pairs[1::2]
    half = pairs.dtype.itemsize // 2
    first = top.astype(f"<u{half}")
    edges = first != top >> pairs.dtype.type(8 * half)
    edges |= top != bottom
    places = np.flatnonzero(edges)
    if places.size * _FEW > edges.size:
        return _mode_of_blocks(*_quarters(even))
    out = first.view(even.dtype)[..., np.newaxis]
    if places.size:
        y, x = np.divmod(places, edges.shape[1])
        out[y, x] = _mode_of_blocks(*(q[y, x][np.newaxis] for q in _quarters(even)))[0]
    return out


def _as_pairs(even: Pixels) -> Pixels | None:
    """Return neighbours of a row as one number (the left is its low half); None where it can't be.

    Not floats: their zeros are equal, their NaNs are not.
    """
    size = even.dtype.itemsize
    if even.shape[2] > 1 or size > 4 or even.dtype.kind not in "bui" or not even.dtype.isnative:
        return None
    if sys.byteorder == "big" or even.strides[1] != size:
        return None
    return even[..., 0].view(f"<u{2 * size}")


def _mode_of_blocks(a: Pixels, b: Pixels, c: Pixels, d: Pixels) -> Pixels:
    def same(p: Pixels, q: Pixels) -> Any:
        equal = p == q
        return equal[..., 0] if equal.shape[2] == 1 else equal.all(axis=2)

    out = np.ascontiguousarray(a)
    b, c, d = (np.ascontiguousarray(q) for q in (b, c, d))
    others = ~(same(out, b) | same(out, c) | same(out, d))
    if not others.any():
        return out
    first, p, q, r = (x[others][:, np.newaxis] for x in (out, b, c, d))
    winner = np.where(same(q, r)[..., np.newaxis], q, first)
    winner = np.where((same(p, q) | same(p, r))[..., np.newaxis], p, winner)
    out = out.copy() if out.base is not None else out
    out[others] = winner[:, 0]
    return out
