"""One frame on its way through the pyramid engine: strips that fill, tasks that they become."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel
from ziggurat.readers.model.geometry import Rect, ceil_div
from ziggurat.readers.model.reader import Pixels, Plane, Reader
from ziggurat.writers.model.levels import Cascade, Copy, EncodedTile, LevelPlan, Scaled, Stored
from ziggurat.writers.pyramid.budget import Budget
from ziggurat.writers.pyramid.check import Blanks, full_tile
from ziggurat.writers.pyramid.scaled import read_scaled
from ziggurat.writers.pyramid.strips import Buffers, Strips
from ziggurat.writers.resample.halve import Shrinker

_COPY_BATCH = 64  # copied tiles need no pool; a batch is for progress and cancelling
_TALLEST_FEED = 4  # source tiles up to so many times as high as ours are decoded row by row


@dataclass
class _Stage:
    """One level of one frame at work."""

    index: int
    plan: LevelPlan
    plane: Plane | None = None  # of the source, unless it is made from the level above
    encoded: EncodedLevel | None = None
    below: "_Stage | None" = None
    strips: Strips | None = None  # where its pixels come from, unless it reads them itself
    feeds: bool = False  # it makes no tiles, but fills the strips of its own level below it
    filled: int = 0  # rows of pixels that are complete, from the top
    next_row: int = 0  # the next tile row to become tasks

    def row_rect(self, row: int) -> Rect:
        """Return the pixels of one tile row, clipped to the level."""
        p = self.plan
        top = row * p.tile_height
        return Rect(0, top, p.width, min(p.tile_height, p.height - top))


@dataclass(frozen=True)
class Task:
    """A few neighbouring tiles of one row of one level."""

    work: "FrameWork"
    stage: _Stage
    row: int
    first: int
    last: int  # exclusive
    pooled: bool

    @property
    def level(self) -> int:
        """Index of the wanted level."""
        return self.stage.index

    @property
    def ends_row(self) -> bool:
        """True for the last task of a row of tiles."""
        return self.last == self.stage.plan.grid[0]

    def run(self, check: Callable[[], None]) -> list[bytes | None]:
        """Do it; called on a pool thread. ``check`` raises where nobody wants it any more."""
        return self.work.run(self, check)

    def tiles(self, results: list[bytes | None]) -> Iterator[EncodedTile]:
        """Yield the tiles with their places."""
        for offset, data in enumerate(results):
            yield EncodedTile(self.work.index, self.level, self.first + offset, self.row, data)


class FrameWork:
    """The levels of one frame: gives tasks, runs them, and turns full strips into more of them."""

    def __init__(
        self,
        reader: Reader,
        plans: Sequence[LevelPlan],
        shrink: Shrinker,
        budget: Budget,
        blanks: Blanks,
        buffers: Buffers,
        index: int,
        frame: int,
    ) -> None:
        self.index, self._frame = index, frame
        self._reader, self._shrink, self._blanks = reader, shrink, blanks
        self._budget = budget
        self._pixel_bytes = reader.info.bands * reader.info.dtype.itemsize
        self._stages = [self._stage(i, plan) for i, plan in enumerate(plans)]
        for above, stage in zip(self._stages, self._stages[1:], strict=False):
            if isinstance(stage.plan.origin, Cascade):
                above.below = stage
        feeds = [self._feed(stage) for stage in self._stages]
        for stage, feed in zip(self._stages, feeds, strict=True):
            if feed is not None or isinstance(stage.plan.origin, Cascade):
                stage.strips = Strips(stage.plan, self._halo(stage), buffers, blanks)
        own = [stage for stage in self._stages if _begins(stage)]
        self._heads = self._head_tasks([feeds[stage.index] or stage for stage in own])

    def _stage(self, index: int, plan: LevelPlan) -> _Stage:
        origin = plan.origin
        if isinstance(origin, Cascade):
            return _Stage(index, plan)
        plane = self._reader.plane(origin.level, self._frame)
        wants_bytes = isinstance(origin, Copy | Scaled)
        return _Stage(index, plan, plane, plane.encoded() if wants_bytes else None)

    def _feed(self, stage: _Stage) -> _Stage | None:
        """Return a stage that reads whole rows of source tiles, where ours would cut them.

        Else tiles at the cuts would be decoded twice. Without an encoded level it isn't
        known that a cut costs anything.
        """
        plan = stage.plan
        if not isinstance(plan.origin, Stored) or stage.plane is None:
            return None
        source = stage.plane.encoded()
        if source is None or source.format.codec is Codec.NONE:
            return None
        whole = plan.tile_height % source.tile_height == 0 == plan.tile_width % source.tile_width
        if whole or source.tile_height > _TALLEST_FEED * plan.tile_height:
            return None
        grid = replace(plan, tile_width=source.tile_width, tile_height=source.tile_height)
        return _Stage(stage.index, grid, stage.plane, below=stage, feeds=True)

    def next_head(self) -> Task | None:
        """Return the next task that depends on no other, or None when all are given out."""
        return next(self._heads, None)

    def _head_tasks(self, stages: Sequence[_Stage]) -> Iterator[Task]:
        for stage in stages:
            for row in range(stage.plan.grid[1]):
                yield from self._row_tasks(stage, row)

    def _row_tasks(self, stage: _Stage, row: int) -> Iterator[Task]:
        plan, columns = stage.plan, stage.plan.grid[0]
        pooled = plan.encode is not None or stage.below is not None
        step = _COPY_BATCH
        if pooled:
            tile_bytes = plan.tile_width * plan.tile_height * self._pixel_bytes
            step = max(1, self._budget.task_bytes // tile_bytes)
            step += plan.tile_width * step % 2  # halves begin at even columns
        for first in range(0, columns, step):
            yield Task(self, stage, row, first, min(first + step, columns), pooled)

    def finished(self, task: Task) -> list[Task]:
        """Note that a task's result was taken; return the tasks that became possible by it."""
        stage = task.stage
        if not task.ends_row:
            return []
        self._release(stage, task.row)
        below = stage.below
        if below is None:
            return []
        bottom = stage.row_rect(task.row).bottom
        below.filled = bottom if stage.feeds else ceil_div(bottom, 2)
        ready: list[Task] = []
        while below.next_row < below.plan.grid[1]:
            needed = below.row_rect(below.next_row).bottom + self._halo(below)
            if min(needed, below.plan.height) > below.filled:
                break
            ready.extend(self._row_tasks(below, below.next_row))
            below.next_row += 1
        return ready

    def _release(self, stage: _Stage, row: int) -> None:
        """Let go of the pixels of a row whose tasks are done."""
        if stage.strips is not None:
            stage.strips.drop(row)
        elif stage.plane is not None and not isinstance(stage.plan.origin, Scaled):
            rect, halo = stage.row_rect(row), self._halo(stage)
            top = max(0, rect.y - halo)  # the next row looks at the last lines of this one
            done = Rect(0, top, rect.width, max(0, rect.bottom - halo - top))
            stage.plane.release(done)

    def _halo(self, stage: _Stage) -> int:
        """Return how far around a tile is read: what a filter sees of it, or the tile holds."""
        if stage.feeds:
            return 0
        overlap = stage.plan.overlap
        return max(overlap + overlap % 2, self._filter_halo(stage))  # even: halves begin so

    def _filter_halo(self, stage: _Stage) -> int:
        return self._shrink.halo if stage.below is not None and not stage.feeds else 0

    def run(self, task: Task, check: Callable[[], None]) -> list[bytes | None]:
        """Read, halve and encode the tiles of one task; ``check`` is called before each tile."""
        stage, plan, row = task.stage, task.stage.plan, task.row
        first, last = task.first, task.last
        if not task.pooled:
            return self._copied(task)
        rect = self._rect(stage, row, first, last)
        cells = [self._rect(stage, row, column, column + 1) for column in range(first, last)]
        blank = self._blank_cells(stage, row, first, rect, cells)
        if all(blank):
            return self._blank_tiles(task, rect, cells)
        outer = self._with_halo(stage, rect)
        pixels = np.asarray(self._pixels(stage, row, outer))  # memmap slices cost far more
        if stage.below is not None:
            self._hand_down(stage, rect, pixels, rect.shift(-outer.x, -outer.y))
        if stage.feeds:
            return []
        if plan.encode is None:
            return self._copied(task)
        return [
            self._blank_data(stage, cell)
            if empty
            else self._encoded(plan, pixels, _held(plan, cell).shift(-outer.x, -outer.y), check)
            for cell, empty in zip(cells, blank, strict=True)
        ]

    def _hand_down(self, stage: _Stage, rect: Rect, pixels: Pixels, core: Rect) -> None:
        """Put what was read (``core`` of the pixels is it) into the strips of the stage below."""
        assert stage.below is not None
        below = stage.below.strips
        assert below is not None
        if stage.feeds:
            below.put(rect.x, rect.y, pixels)
            return
        half = _half(rect)
        room = below.room(half)
        small = self._shrink(pixels, core, room)
        if small is not room:
            below.put(half.x, half.y, small)

    def _blank_tiles(self, task: Task, rect: Rect, cells: Sequence[Rect]) -> list[bytes | None]:
        stage = task.stage
        if stage.below is not None and stage.below.strips is not None:
            stage.below.strips.put_blank(rect if stage.feeds else _half(rect))
        if stage.feeds:
            return []
        if stage.plan.encode is None:
            return self._copied(task)
        return [self._blank_data(stage, cell) for cell in cells]

    def _blank_data(self, stage: _Stage, cell: Rect) -> bytes | None:
        plan = stage.plan
        held = _held(plan, cell)
        size = (held.width, held.height) if plan.clipped else (plan.tile_width, plan.tile_height)
        return self._blanks.data(stage.index, *size)

    def _encoded(
        self, plan: LevelPlan, pixels: Pixels, held: Rect, check: Callable[[], None]
    ) -> bytes | None:
        check()
        assert plan.encode is not None
        part = pixels[held.y : held.bottom, held.x : held.right]
        tile = part if plan.clipped else full_tile(part, plan.tile_width, plan.tile_height)
        return None if self._blanks.droppable(tile) else plan.encode(tile)

    def _copied(self, task: Task) -> list[bytes | None]:
        if task.stage.plan.moved:
            return []
        encoded = task.stage.encoded
        assert encoded is not None
        return [encoded.tile(column, task.row) for column in range(task.first, task.last)]

    @staticmethod
    def _rect(stage: _Stage, row: int, first: int, last: int) -> Rect:
        """Return the pixels of some tiles of a row, clipped to the level."""
        plan, band = stage.plan, stage.row_rect(row)
        left = first * plan.tile_width
        return Rect(left, band.y, min(last * plan.tile_width, plan.width) - left, band.height)

    def _with_halo(self, stage: _Stage, rect: Rect) -> Rect:
        return _grown(stage.plan, rect, self._halo(stage))

    def _blank_cells(
        self, stage: _Stage, row: int, first: int, rect: Rect, cells: Sequence[Rect]
    ) -> list[bool]:
        if stage.strips is None:
            if self._is_blank(stage, row, first, rect):
                return [True] * len(cells)
            if len(cells) == 1:
                return [False]
        return [self._is_blank(stage, row, first + i, c) for i, c in enumerate(cells)]

    def _is_blank(self, stage: _Stage, row: int, column: int, cell: Rect) -> bool:
        if self._filter_halo(stage):
            return False  # a wide filter rings into blank neighbours
        if stage.strips is not None:
            beside = int(stage.plan.overlap > 0)
            held = range(max(0, column - beside), min(column + beside + 1, stage.plan.grid[0]))
            return self._blanks.known and all(stage.strips.blank(row, c) for c in held)
        plane = stage.plane
        if plane is None or isinstance(stage.plan.origin, Scaled):
            return False
        if not plane.is_blank(self._with_halo(stage, cell)):
            return False
        if not self._blanks.known:
            self._blanks.learn(plane.read(Rect(cell.x, cell.y, 1, 1)))
        return True

    def _pixels(self, stage: _Stage, row: int, rect: Rect) -> Pixels:
        if stage.strips is not None:
            return stage.strips.read(row, rect)
        origin = stage.plan.origin
        if isinstance(origin, Scaled):
            assert stage.encoded is not None
            return read_scaled(stage.encoded, origin.reduction, rect, self._blanks.fill)
        assert stage.plane is not None
        return stage.plane.read(rect)


def _begins(stage: _Stage) -> bool:
    """Return True for a stage whose tasks wait for no other, and that somebody wants."""
    wanted = not stage.plan.moved or stage.below is not None
    return wanted and not isinstance(stage.plan.origin, Cascade)


def _half(rect: Rect) -> Rect:
    """Return where a rectangle lies in the next level."""
    x, y = rect.x // 2, rect.y // 2
    return Rect(x, y, ceil_div(rect.right, 2) - x, ceil_div(rect.bottom, 2) - y)


def _held(plan: LevelPlan, cell: Rect) -> Rect:
    """Return the pixels that a tile holds: its cell, and what it overlaps of its neighbours."""
    return _grown(plan, cell, plan.overlap) if plan.overlap else cell


def _grown(plan: LevelPlan, rect: Rect, more: int) -> Rect:
    """Return a rectangle with so many pixels more on each side, where the level has them."""
    grown = Rect(
        max(0, rect.x - more),
        max(0, rect.y - more),
        rect.width + more + min(more, rect.x),
        rect.height + more + min(more, rect.y),
    )
    return grown.intersect(Rect(0, 0, plan.width, plan.height))
