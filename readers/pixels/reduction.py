"""Area averages of rectangles of any size, strip by strip, in the memory of the result.

Columns are averaged by OpenCV, rows by weights: each source row counts for an output row with
the part of it that lies inside, so that where strips end doesn't show.
"""

import math
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ziggurat.readers.io.system import core_count
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.model.samples import Nodata, cast_rounded, mixed, weighted
from ziggurat.readers.pixels.resample import Resample, resize
from ziggurat.readers.pixels.threads import run_all

_LARGEST_STRIP = 64 << 20  # pixels; where a single row of tiles has more, it is read in parts
_LARGEST_WEIGHTED = 4 << 20  # samples


def reduced(
    read: Callable[[Rect], Pixels],
    rect: Rect,
    size: tuple[int, int],
    tile_height: int,
    *,
    alpha: bool,
    nodata: Nodata | None = None,
) -> Pixels:
    """Return a rectangle reduced to ``size`` (width, height), no larger than the rectangle.

    Parameters
    ----------
    read
        Gives the pixels of a part; called from several threads.
    rect
        What to reduce.
    tile_height
        Strips end where stored tiles do, so that no tile is decoded twice.
    alpha
        The last band is alpha: colours count by it.
    nodata
        Samples of these values are left out; where there is nothing else, they stay.
    """
    if nodata is not None:
        return _reduced_valid(read, rect, size, tile_height, nodata, alpha=alpha)
    width, height = size
    scale = rect.height / height
    step = tile_height
    if step * rect.width > _LARGEST_STRIP:
        step = max(1, _LARGEST_STRIP // rect.width)
    tops = [rect.y, *range((rect.y // step + 1) * step, rect.bottom, step), rect.bottom]
    sums = _Sums(height, alpha)

    def work(worker: int) -> None:
        for index in range(worker, len(tops) - 1, core_count()):
            top, end = tops[index], tops[index + 1]
            pixels = read(Rect(rect.x, top, rect.width, end - top))
            narrow = resize(pixels, width, end - top, Resample.AREA, alpha=alpha)
            sums.add(narrow, *row_weights(top - rect.y, end - top, scale, height))

    workers = min(core_count(), len(tops) - 1)
    run_all([partial(work, worker) for worker in range(workers)])
    return sums.result()


def _reduced_valid(
    read: Callable[[Rect], Pixels],
    rect: Rect,
    size: tuple[int, int],
    tile_height: int,
    nodata: Nodata,
    *,
    alpha: bool,
) -> Pixels:
    dtypes: list[np.dtype] = []

    def read_weighted(part: Rect) -> Pixels:
        pixels = read(part)
        dtypes.append(pixels.dtype)
        return weighted(pixels, nodata, alpha=alpha)

    # weighted samples take many times the room of stored ones: strips are as much lower
    tall = max(1, _LARGEST_WEIGHTED // (rect.width * len(nodata)))
    sums = reduced(read_weighted, rect, size, min(tile_height, tall), alpha=False)
    return mixed(sums, dtypes[0], nodata)


def row_weights(
    top: int, rows: int, scale: float, height: int
) -> tuple[int, np.ndarray[Any, np.dtype[np.float64]]]:
    """Return the first output row that source rows count for, and by how much each does.

    The weights have the shape (output rows, source rows); those of an output row sum to 1 once
    all of its source rows were there.
    """
    first = min(int(top / scale), height - 1)
    last = min(max(math.ceil((top + rows) / scale), first + 1), height)
    sources = top + np.arange(rows)[None, :]
    outputs = np.arange(first, last)[:, None]
    overlap = np.minimum(sources + 1, (outputs + 1) * scale) - np.maximum(sources, outputs * scale)
    return first, np.clip(overlap, 0, 1) / scale


class _Sums:
    """Weighted sums of rows that several threads add to."""

    def __init__(self, height: int, alpha: bool) -> None:
        self._height = height
        self._alpha = alpha
        self._lock = threading.Lock()
        self._total: Any = None
        self._bad: Any = None  # where something that is no number came in
        self._dtype: np.dtype = np.dtype(np.uint8)

    def add(self, pixels: Pixels, first: int, weights: np.ndarray[Any, Any]) -> None:
        exact = np.float64 if pixels.dtype.itemsize > 2 else np.float32
        values: Pixels = pixels.astype(exact)
        if self._alpha:
            values[..., :-1] = values[..., :-1] * values[..., -1:]
        rows, columns, bands = values.shape
        lost: Pixels | None = None
        if pixels.dtype.kind == "f":
            broken = ~np.isfinite(values)
            if broken.any():
                values[broken] = 0
                touched = (weights > 0).astype(np.float32)
                lost = touched @ broken.reshape(rows, -1).astype(np.float32)
        share: Pixels = weights.astype(exact)
        part = (share @ values.reshape(rows, -1)).reshape(-1, columns, bands)
        place = slice(first, first + len(part))
        with self._lock:
            if self._total is None:
                self._total = np.zeros((self._height, columns, bands), exact)
                self._bad = np.zeros((self._height, columns, bands), bool)
                self._dtype = pixels.dtype
            self._total[place] += part
            if lost is not None:
                self._bad[place] |= lost.reshape(part.shape) > 0

    def result(self) -> Pixels:
        total = self._total
        if self._alpha:
            opacity = total[..., -1:]
            total[..., :-1] /= np.where(opacity > 0, opacity, 1)
        if self._bad.any():
            total[self._bad] = np.nan
        return cast_rounded(total, self._dtype)
