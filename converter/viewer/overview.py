"""A small picture of a growing sink, kept up to date piece by piece as tiles come in."""

import threading
import time
from collections.abc import Callable, Iterable

import numpy as np

from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels

LARGEST = 4096  # longer side of the picture
_CELL = 16  # pixels of the picture that are read at once at least
_PATIENCE = 0.5  # seconds a look may take; what is not done by then stays marked

Read = Callable[[Rect, tuple[int, int]], Pixels]


class Overview:
    """One frame of a sink at 1/``factor``, read from the sink only where tiles came in.

    A tile marks the cells it touches; whoever looks at a part reads its marked cells first. So a
    look costs by what was written since the last one, not by the size of the image.
    """

    def __init__(self, width: int, height: int, bands: int, dtype: np.dtype[np.generic]) -> None:
        self.factor = 1
        while max(width, height) > LARGEST * self.factor:
            self.factor *= 2
        self._size = (width, height)
        shape = (-(-height // self.factor), -(-width // self.factor), bands)
        self._pixels: Pixels = np.zeros(shape, dtype)
        self._marked = np.zeros((-(-shape[0] // _CELL), -(-shape[1] // _CELL)), bool)
        self._lock = threading.Lock()

    def mark(self, tiles: Iterable[Rect]) -> None:
        """Hear of rectangles, in pixels of the image, that were written."""
        step = self.factor * _CELL
        with self._lock:
            for tile in tiles:
                rows = slice(tile.y // step, -(-tile.bottom // step))
                self._marked[rows, tile.x // step : -(-tile.right // step)] = True

    def look(self, rect: Rect, read: Read) -> tuple[Pixels, bool]:
        """Return a part of the picture, and whether all of it is up to date.

        Parameters
        ----------
        rect
            In pixels of the picture, inside of it.
        read
            Gives pixels of a rectangle of the image, in a size (width, height).

        Returns
        -------
        array of shape (rect.height, rect.width, band), and a flag
        """
        deadline = time.monotonic() + _PATIENCE
        with self._lock:
            top, bottom = rect.y // _CELL, -(-rect.bottom // _CELL)
            left, right = rect.x // _CELL, -(-rect.right // _CELL)
            part = self._marked[top:bottom, left:right]
            for row in np.flatnonzero(part.any(axis=1)):
                if time.monotonic() > deadline:
                    return self._cut(rect), False
                for begin, end in _runs(part[row]):
                    self._refresh(top + int(row), left + begin, left + end, read)
                part[row] = False
            return self._cut(rect), True

    def _cut(self, rect: Rect) -> Pixels:
        return self._pixels[rect.y : rect.bottom, rect.x : rect.right].copy()

    def _refresh(self, row: int, first: int, last: int, read: Read) -> None:
        height, width = self._pixels.shape[:2]
        y, bottom = row * _CELL, min((row + 1) * _CELL, height)
        x, right = first * _CELL, min(last * _CELL, width)
        source = Rect(
            x * self.factor,
            y * self.factor,
            min(right * self.factor, self._size[0]) - x * self.factor,
            min(bottom * self.factor, self._size[1]) - y * self.factor,
        )
        self._pixels[y:bottom, x:right] = read(source, (right - x, bottom - y))


def _runs(marks: Pixels) -> list[tuple[int, int]]:
    """Return where runs of True begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marks.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
