"""What comes into a sink while somebody looks: its journal, read from where it was left."""

import os
import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np

from ziggurat.converter.viewer.overview import Overview
from ziggurat.converter.viewer.pixels import fitted, read_region, shrunk
from ziggurat.readers.formats.sink_store.layout import StoreFile, store_file
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.source.source import Source
from ziggurat.writers.store.mapped.journal import Journal, Records

MOST_TILES = 2000  # of one message; past that a page is told to look at everything anew
_FRAMES = 8  # overviews that are kept
_MOMENTS = 20  # over which tiles a second are taken


@dataclass(frozen=True, slots=True)
class News:
    """What came in since a moment: rectangles of all frames, or ``everything``."""

    upto: int
    tiles: tuple[Rect, ...]
    everything: bool
    rate: float


class Growth:
    """The journal of a sink's store, and small pictures of its frames."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._journal = Journal(path)
        self._file = store_file(path, StoreFile.JOURNAL)
        self._inode = os.stat(self._file).st_ino
        self._lock = threading.Lock()
        self._overviews: dict[tuple[int, int, int], tuple[Overview, int]] = {}
        self._moments: deque[tuple[float, int]] = deque(maxlen=_MOMENTS)
        self._reach: tuple[int, ...] = ()
        self._looked_at = 0  # how many records _reach is of

    @property
    def gone(self) -> bool:
        """True where the store was removed, or another has taken its place."""
        try:
            return os.stat(self._file).st_ino != self._inode
        except FileNotFoundError:
            return True

    def close(self) -> None:
        """Release the journal."""
        self._journal.close()

    def count(self) -> int:
        """Return how many tiles are in."""
        return len(self._journal.records())

    def structure(self) -> int:
        """Return a number that changes when the image's size, axes, bands or type may have.

        Every tile may have made the image larger: so it is the tile count while it is small.
        """
        records = self._journal.records()
        if not len(records):
            return 0
        stamp = os.stat(os.path.join(self._path, "zarr.json")).st_mtime_ns
        return hash((*self._farthest(records), stamp))

    def _farthest(self, records: Records) -> tuple[int, ...]:
        """Return how far tiles reach, across, down and on each axis; only new ones are looked at.

        A tile of the page asks for this, and a journal may hold millions of records.
        """
        with self._lock:
            fresh = records[self._looked_at :]
            if len(fresh):
                right, bottom = fresh["x"] + fresh["width"], fresh["y"] + fresh["height"]
                along = (fresh["start"] + fresh["count"]).max(axis=0)
                ends = (int(right.max()), int(bottom.max()), *map(int, along))
                known = self._reach or ends
                self._reach = tuple(map(max, known, ends))
                self._looked_at = len(records)
            return self._reach

    def since(self, seen: int) -> News:
        """Return what came in after the first ``seen`` tiles."""
        records = self._journal.records()
        fresh = records[seen:]
        self._moments.append((time.monotonic(), len(records)))
        begin, end = self._moments[0], self._moments[-1]
        rate = (end[1] - begin[1]) / (end[0] - begin[0]) if end[0] > begin[0] else 0.0
        everything = seen > len(records) or len(fresh) > MOST_TILES
        tiles = () if everything else tuple(_rects(fresh))
        return News(len(records), tiles, everything, rate)

    def covered(self, width: int, height: int, side: int = 128) -> float:
        """Return about which share of the image's area tiles cover, 0 to 1, all frames in one."""
        scale = min(1.0, side / max(width, height, 1))
        grid = np.zeros((max(1, round(height * scale)), max(1, round(width * scale))), bool)
        for tile in _rects(self._journal.records()):
            rows = slice(round(tile.y * scale), max(round(tile.bottom * scale), 1))
            grid[rows, round(tile.x * scale) : max(round(tile.right * scale), 1)] = True
        return float(grid.mean())

    def read(
        self,
        source: Source,
        info: ImageInfo,
        rect: Rect,
        size: tuple[int, int],
        frame: int,
        factor: int,
    ) -> tuple[Pixels, bool]:
        """Return stored values at 1/``factor`` in about a size, and whether all are of now.

        Far out, the values come from a small picture that is kept: a sink has no lower levels.
        """
        nearest = info.interpretation is Interpretation.LABELS
        overview = self._overview(source, info, frame)
        if factor < overview.factor or overview.factor == 1:
            return read_region(source, rect, size, frame, nearest=nearest), True
        step = overview.factor
        small = Rect(rect.x // step, rect.y // step, 0, 0)
        small = Rect(
            small.x,
            small.y,
            -(-rect.right // step) - small.x,
            -(-rect.bottom // step) - small.y,
        )

        def read(part: Rect, wanted: tuple[int, int]) -> Pixels:
            found = read_region(source, part, wanted, frame, nearest=nearest)
            return fitted(found, wanted)

        pixels, fresh = overview.look(small, read)
        return shrunk(pixels, factor // step, nearest=nearest), fresh

    def _overview(self, source: Source, info: ImageInfo, frame: int) -> Overview:
        key = (frame, source.sizeX, source.sizeY)
        records = self._journal.records()
        with self._lock:
            overview, seen = self._overviews.pop(key, (None, 0))
            if overview is None:
                overview = Overview(source.sizeX, source.sizeY, info.bands, info.dtype)
            overview.mark(_rects(records[seen:]))
            self._overviews[key] = (overview, len(records))
            while len(self._overviews) > _FRAMES:
                del self._overviews[next(iter(self._overviews))]
            return overview


def _rects(records: np.ndarray) -> list[Rect]:
    columns = [records[name].tolist() for name in ("x", "y", "width", "height")]
    return [Rect(*numbers) for numbers in zip(*columns, strict=True)]
