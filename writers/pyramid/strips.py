"""Where halved pixels gather until they are a whole row of tiles of the next level."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ziggurat.readers.model.geometry import Rect, ceil_div
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels
from ziggurat.writers.model.levels import LevelPlan
from ziggurat.writers.pyramid.check import Blanks


class Buffers:
    """Strips that were used and may be used again: fresh memory costs more than copying into it."""

    def __init__(self, info: ImageInfo) -> None:
        self._info = info
        self._lock = threading.Lock()
        self._free: dict[tuple[int, int], list[Pixels]] = {}

    def take(self, rect: Rect) -> Pixels:
        """Return pixels of a rectangle's size, whatever they hold."""
        with self._lock:
            free = self._free.get((rect.width, rect.height))
            if free:
                return free.pop()
        return np.empty((rect.height, rect.width, self._info.bands), self._info.dtype)

    def give_back(self, pixels: Pixels) -> None:
        """Take a buffer back; nobody may use it any more."""
        key = pixels.shape[1], pixels.shape[0]
        with self._lock:
            self._free.setdefault(key, []).append(pixels)


@dataclass
class _Strip:
    """One row of tiles while it fills; ``rect`` has the halo of rows above and below.

    Columns of tiles are painted blank one by one, before something is first put there, or when
    they are read: of a sparse image most never are.
    """

    rect: Rect
    touched: list[bool]  # per tile column: something other than blank was put there
    painted: list[bool]  # per tile column: what nobody puts there is blank
    pixels: Pixels | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Strips:
    """The strips of one cascade level of one frame; threads put into them side by side."""

    def __init__(self, plan: LevelPlan, halo: int, buffers: Buffers, blanks: Blanks) -> None:
        self._plan, self._halo = plan, halo
        self._buffers, self._blanks = buffers, blanks
        self._strips: dict[int, _Strip] = {}
        self._lock = threading.Lock()

    def put(self, x: int, y: int, pixels: Pixels) -> None:
        """Write halved pixels into every strip that wants them."""
        rect = Rect(x, y, pixels.shape[1], pixels.shape[0])
        for strip in self._wanting(rect):
            part = rect.intersect(strip.rect)
            self._begin(strip, part)
            self._inside(strip, part)[...] = pixels[part.y - y : part.bottom - y]

    def room(self, rect: Rect) -> Pixels | None:
        """Return the pixels of a rectangle to write into; None where several strips want them."""
        wanting = self._wanting(rect)
        if len(wanting) > 1:
            return None
        strip = wanting[0]
        self._begin(strip, rect)
        return self._inside(strip, rect)

    def put_blank(self, rect: Rect) -> None:
        """Note that a rectangle is blank; costs nothing where its strip is blank there anyway."""
        for strip in self._wanting(rect):
            part = rect.intersect(strip.rect)
            with strip.lock:  # columns that nobody has touched are painted when somebody does
                columns = self._columns(part)
                bare = [c for c in columns if strip.touched[c] and not strip.painted[c]]
            for column in bare:
                paint(
                    self._inside(strip, part.intersect(self._column(strip, column))),
                    self._blanks.fill,
                )

    def touched(self, row: int) -> Sequence[bool] | None:
        """Return for each tile of a row if anything but blank has come to it; None: to none."""
        strip = self._strips.get(row)
        return None if strip is None else strip.touched

    def read(self, row: int, rect: Rect) -> Pixels:
        """Return the pixels of a rectangle inside one strip, which is full (a view)."""
        strip = self._strips[row]
        with strip.lock:
            self._paint(strip, [c for c in self._columns(rect) if not strip.touched[c]])
        return self._inside(strip, rect)

    def drop(self, row: int) -> None:
        """Forget a strip whose tasks are done."""
        strip = self._strips.pop(row, None)
        if strip is not None and strip.pixels is not None:
            self._buffers.give_back(strip.pixels)

    def _wanting(self, rect: Rect) -> list[_Strip]:
        plan, halo = self._plan, self._halo
        first = max(0, rect.y - halo) // plan.tile_height
        last = min(plan.grid[1] - 1, (rect.bottom - 1 + halo) // plan.tile_height)
        with self._lock:
            for row in range(first, last + 1):
                if row not in self._strips:
                    self._strips[row] = self._new(row)
            return [self._strips[row] for row in range(first, last + 1)]

    def _new(self, row: int) -> _Strip:
        plan = self._plan
        top = max(0, row * plan.tile_height - self._halo)
        bottom = min(plan.height, (row + 1) * plan.tile_height + self._halo)
        return _Strip(
            Rect(0, top, plan.width, bottom - top), [False] * plan.grid[0], [False] * plan.grid[0]
        )

    def _begin(self, strip: _Strip, part: Rect) -> None:
        """Make room for pixels that are about to be put into a part of a strip."""
        with strip.lock:
            if strip.pixels is None:
                strip.pixels = self._buffers.take(strip.rect)
            columns = self._columns(part)
            if self._blanks.known:  # else every pixel of them is going to be put
                self._paint(strip, [c for c in columns if not strip.touched[c]])
            for column in columns:
                strip.touched[column] = True

    def _paint(self, strip: _Strip, columns: Sequence[int]) -> None:
        for column in columns:
            if not strip.painted[column]:
                paint(self._inside(strip, self._column(strip, column)), self._blanks.fill)
                strip.painted[column] = True

    def _columns(self, part: Rect) -> range:
        width = self._plan.tile_width
        return range(part.x // width, ceil_div(part.right, width))

    def _column(self, strip: _Strip, column: int) -> Rect:
        """Return the pixels of one tile column of a strip."""
        width = self._plan.tile_width
        whole = Rect(column * width, strip.rect.y, width, strip.rect.height)
        return whole.intersect(strip.rect)

    @staticmethod
    def _inside(strip: _Strip, rect: Rect) -> Pixels:
        assert strip.pixels is not None
        top = rect.y - strip.rect.y
        return strip.pixels[top : top + rect.height, rect.x : rect.right]


def paint(pixels: Pixels, fill: Pixels) -> None:
    """Give all pixels (y, x, band) the value ``fill`` (band,).

    NumPy repeats a few bands pixel by pixel, at a hundredth of the speed of one value or of rows.
    """
    if (fill == fill[0]).all():
        pixels.fill(fill[0])
    elif pixels.size:
        pixels[0] = fill
        pixels[1:] = pixels[0]
