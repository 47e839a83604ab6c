"""The tiles of a write whose parts are done: what they left, and the levels made from it."""

import threading
from collections import OrderedDict
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from ziggurat.readers.errors import SourceError
from ziggurat.readers.model.geometry import Rect, cell_rect, grid_cells
from ziggurat.readers.model.image import ImageInfo, Level
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Plane, Reader
from ziggurat.writers.model.levels import Copy, EncodedTile, LevelPlan, Stored
from ziggurat.writers.model.progress import Cancellation, Progress, ProgressCallback
from ziggurat.writers.pyramid.budget import Budget
from ziggurat.writers.pyramid.engine import build
from ziggurat.writers.resample.halve import Shrinker
from ziggurat.writers.tasks.cut import Run, Size
from ziggurat.writers.tasks.parcel import Parcels, unpacked_pixels

_KEPT_BYTES = 256 << 20  # of pixels: a row of cells, which several rows of tiles may look at


class MadeTiles:
    """Gives an output its tiles, in the engine's place: called as the engine is.

    Parameters
    ----------
    runs, parcels
        How the write was cut, and what its parts left.
    tops
        Only the levels that no part made: the others are in the output already.
    """

    def __init__(self, runs: Sequence[Run], parcels: Parcels, *, tops: bool = False) -> None:
        self._runs, self._parcels, self._tops = runs, parcels, tops

    def __call__(
        self,
        reader: Reader,
        levels: Sequence[LevelPlan],
        shrink: Shrinker,
        budget: Budget,
        *,
        sparse: float | None = None,
        on_progress: ProgressCallback | None = None,
        cancel: Cancellation | None = None,
    ) -> Generator[EncodedTile, None, None]:
        """Yield the tiles of all levels, frame by frame, see :func:`pyramid.engine.build`."""
        done = size = 0
        total = reader.info.frames * sum(p.grid[0] * p.grid[1] for p in levels if not p.moved)
        for frame in range(reader.info.frames):
            for tile in self._frame(reader, levels, frame, shrink, budget, sparse):
                if cancel is not None:
                    cancel.check()
                done, size = done + 1, size + len(tile.data or b"")
                if on_progress is not None and tile.column == 0:
                    on_progress(Progress(done, total, size, tile.level))
                yield tile
        if on_progress is not None:
            on_progress(Progress(done, total, size))

    def _frame(
        self,
        reader: Reader,
        levels: Sequence[LevelPlan],
        frame: int,
        shrink: Shrinker,
        budget: Budget,
        sparse: float | None,
    ) -> Generator[EncodedTile, None, None]:
        for run in self._runs:
            if not self._tops:
                for level in range(run.first, run.first + run.inside):
                    yield from self._left(reader, levels[level], level, frame)
            if run.top is None:
                continue
            first = replace(levels[run.top], origin=Stored(0))
            cells = _Cells(self._parcels, frame, run.top, run.top_cell(levels))
            top = TopReader(reader.info, first, cells, sparse)
            plans = [first, *levels[run.top + 1 : run.end]]
            tiles = build(top, plans, shrink, budget, frames=[0], sparse=sparse)
            with closing(tiles):
                for tile in tiles:
                    yield tile._replace(frame=frame, level=tile.level + run.top)

    def _left(
        self, reader: Reader, plan: LevelPlan, level: int, frame: int
    ) -> Generator[EncodedTile, None, None]:
        """Yield the tiles of a level that parts made, or of one that is copied from the source."""
        if plan.moved:
            return
        encoded = None
        if isinstance(plan.origin, Copy):
            encoded = reader.plane(plan.origin.level, frame).encoded()
        columns, rows = plan.grid
        for row in range(rows):
            for column in range(columns):
                if encoded is not None:
                    data = encoded.tile(column, row)
                else:
                    data = self._parcels.read(self._parcels.tiles[level, frame, column, row])
                yield EncodedTile(frame, level, column, row, data)


class _Cells:
    """Pixels that parts left of one level and frame, the last few decoded."""

    def __init__(self, parcels: Parcels, frame: int, level: int, cell: Size) -> None:
        self._parcels, self._frame, self._level = parcels, frame, level
        self.size = cell
        self._kept: OrderedDict[Size, Pixels | None] = OrderedDict()
        self._bytes = 0
        self._guard = threading.Lock()

    def blank(self, column: int, row: int) -> bool:
        """Return True where there was nothing but the blank value."""
        return self._parcels.tops[self._level, self._frame, column, row].blank

    def get(self, column: int, row: int, info: ImageInfo) -> Pixels | None:
        """Return the pixels of a cell; None: the value that is not stored."""
        with self._guard:
            if (column, row) in self._kept:
                self._kept.move_to_end((column, row))
                return self._kept[column, row]
        place = self._parcels.tops[self._level, self._frame, column, row]
        data = self._parcels.read(place)
        pixels = None if data is None else unpacked_pixels(data, info.bands, info.dtype)
        with self._guard:
            if (column, row) not in self._kept:
                self._kept[column, row] = pixels
                self._bytes += 0 if pixels is None else pixels.nbytes
            while self._bytes > _KEPT_BYTES and len(self._kept) > 1:
                old = self._kept.popitem(last=False)[1]
                self._bytes -= 0 if old is None else old.nbytes
        return pixels


class TopReader(Reader):
    """One frame of the level that parts left pixels of."""

    def __init__(
        self, info: ImageInfo, plan: LevelPlan, cells: _Cells, sparse: float | None
    ) -> None:
        width, height = cells.size
        level = Level(plan.width, plan.height, width, height)
        self.info = replace(info, levels=(level,), axes=(), channels=(), associated=(), geo=None)
        self._plane = _TopPlane(self.info, cells, sparse)

    def plane(self, level: int, frame: int) -> Plane:
        """Return the frame; there is only one, of one level."""
        if level or frame:
            raise SourceError(f"there is level 0 and frame 0 only, not {level} and {frame}")
        return self._plane


class _TopPlane(DecodedPlane):
    __slots__ = ("_cells", "_info", "_sparse")

    def __init__(self, info: ImageInfo, cells: _Cells, sparse: float | None) -> None:
        self._info, self._cells, self._sparse = info, cells, sparse

    def read(self, rect: Rect) -> Pixels:
        width, height = self._cells.size
        out = np.empty((rect.height, rect.width, self._info.bands), self._info.dtype)
        for column, row in grid_cells(rect, width, height):
            part = cell_rect(column, row, width, height).intersect(rect)
            place = part.shift(-rect.x, -rect.y)
            target = out[place.y : place.bottom, place.x : place.right]
            pixels = self._cells.get(column, row, self._info)
            if pixels is None:
                target[...] = self._sparse
                continue
            inside = part.shift(-column * width, -row * height)
            target[...] = pixels[inside.y : inside.bottom, inside.x : inside.right]
        return out

    def is_blank(self, rect: Rect) -> bool:
        return all(self._cells.blank(*cell) for cell in grid_cells(rect, *self._cells.size))
