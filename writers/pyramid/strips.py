"""Where halved pixels gather until they are a whole row of tiles of the next level."""

import threading
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
    """One row of tiles while it fills; ``rect`` has the halo of rows above and below."""

    rect: Rect
    touched: list[bool]  # per tile column: something other than blank was put there
    pixels: Pixels | None = None
    painted: bool = False  # it began blank, all of it
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
            self._begin(strip)
            self._write(strip, part, pixels[part.y - y : part.bottom - y])
            self._touch(strip, part)

    def room(self, rect: Rect) -> Pixels | None:
        """Return the pixels of a rectangle to write into; None where several strips want them."""
        wanting = self._wanting(rect)
        if len(wanting) > 1:
            return None
        strip = wanting[0]
        self._begin(strip)
        self._touch(strip, rect)
        return self._inside(strip, rect)

    def put_blank(self, rect: Rect) -> None:
        """Note that a rectangle is blank; costs nothing where its strip is blank there anyway."""
        for strip in self._wanting(rect):
            with strip.lock:  # a strip that is made later begins blank
                begun = strip.pixels is not None
            if begun and not strip.painted:
                paint(self._inside(strip, rect.intersect(strip.rect)), self._blanks.fill)

    def blank(self, row: int, column: int) -> bool:
        """Return True where nothing but blank has come to a tile."""
        strip = self._strips.get(row)
        return strip is None or not strip.touched[column]

    def read(self, row: int, rect: Rect) -> Pixels:
        """Return the pixels of a rectangle inside one strip (a view)."""
        return self._inside(self._strips[row], rect)

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
        return _Strip(Rect(0, top, plan.width, bottom - top), [False] * plan.grid[0])

    def _begin(self, strip: _Strip) -> None:
        with strip.lock:
            if strip.pixels is None:
                pixels = self._buffers.take(strip.rect)
                if self._blanks.known:  # else every pixel of it is going to be put
                    paint(pixels, self._blanks.fill)
                    strip.painted = True
                strip.pixels = pixels

    @staticmethod
    def _inside(strip: _Strip, rect: Rect) -> Pixels:
        assert strip.pixels is not None
        top = rect.y - strip.rect.y
        return strip.pixels[top : top + rect.height, rect.x : rect.right]

    def _write(self, strip: _Strip, part: Rect, pixels: Pixels) -> None:
        self._inside(strip, part)[...] = pixels

    def _touch(self, strip: _Strip, part: Rect) -> None:
        width = self._plan.tile_width
        for column in range(part.x // width, ceil_div(part.right, width)):
            strip.touched[column] = True


def paint(pixels: Pixels, fill: Pixels) -> None:
    """Give all pixels (y, x, band) the value ``fill`` (band,).

    NumPy repeats a few bands pixel by pixel, at a hundredth of the speed of one value or of rows.
    """
    if (fill == fill[0]).all():
        pixels.fill(fill[0])
    elif pixels.size:
        pixels[0] = fill
        pixels[1:] = pixels[0]
