"""One frame on its way through the pyramid engine: strips that fill, tasks that they become."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.geometry import Rect, ceil_div
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.writers.model.levels import Cascade, Copy, EncodedTile, LevelPlan, Scaled, Stored
from ziggurat.writers.pyramid.budget import Budget
from ziggurat.writers.pyramid.check import Blanks, full_tile
from ziggurat.writers.pyramid.runs import Run, runs
from ziggurat.writers.pyramid.scaled import read_scaled
from ziggurat.writers.pyramid.stage import Stage, grown_rect, half_rect, held_columns, held_rect
from ziggurat.writers.pyramid.strips import Buffers, Strips
from ziggurat.writers.resample.halve import Shrinker

_COPY_BATCH = 64  # copied tiles need no pool; a batch is for progress and cancelling
_TASK_SECONDS = 0.03  # of encoding: beside that, giving out a task is nothing
_TALLEST_FEED = 4  # source tiles up to so many times as high as ours are decoded row by row


@dataclass(frozen=True)
class Task:
    """A few neighbouring tiles of one row of one level."""

    work: "FrameWork"
    stage: Stage
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

    def _stage(self, index: int, plan: LevelPlan) -> Stage:
        origin = plan.origin
        if isinstance(origin, Cascade):
            return Stage(index, plan)
        plane = self._reader.plane(origin.level, self._frame)
        wants_bytes = isinstance(origin, Copy | Scaled)
        return Stage(index, plan, plane, plane.encoded() if wants_bytes else None)

    def _feed(self, stage: Stage) -> Stage | None:
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
        return Stage(stage.index, grid, stage.plane, below=stage, feeds=True)

    def next_head(self) -> Task | None:
        """Return the next task that depends on no other, or None when all are given out."""
        return next(self._heads, None)

    def _head_tasks(self, stages: Sequence[Stage]) -> Iterator[Task]:
        for stage in stages:
            for row in range(stage.plan.grid[1]):
                yield from self._row_tasks(stage, row)

    def _row_tasks(self, stage: Stage, row: int) -> Iterator[Task]:
        plan, columns = stage.plan, stage.plan.grid[0]
        pooled = plan.encode is not None or stage.below is not None
        step = _COPY_BATCH
        if pooled:
            step = self._together(stage)
            step += plan.tile_width * step % 2  # halves begin at even columns
        for first in range(0, columns, step):
            yield Task(self, stage, row, first, min(first + step, columns), pooled)

    def _together(self, stage: Stage) -> int:
        """Return how many neighbours are one task.

        Long rows are read fastest. Few are enough where a codec takes far longer than reading, so
        that a small image, too, keeps all threads at work to its end; but they are as wide as a
        tile of the source, which each task would decode for itself.
        """
        plan, origin = stage.plan, stage.plan.origin
        tile_bytes = plan.tile_width * plan.tile_height * self._pixel_bytes
        most = max(1, self._budget.task_bytes // tile_bytes)
        if plan.format is None or stage.feeds:
            return most
        few = max(1, int(plan.format.codec.row.encode_rate * _TASK_SECONDS) // tile_bytes)
        if stage.strips is None and not isinstance(origin, Cascade):
            source = self._reader.info.levels[origin.level]
            few = max(few, ceil_div(source.tile_width, plan.tile_width))
        if few >= most:
            return most
        columns = plan.grid[0]
        return ceil_div(columns, ceil_div(columns, few))  # all tasks of a row alike

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

    def _release(self, stage: Stage, row: int) -> None:
        """Let go of the pixels of a row whose tasks are done."""
        if stage.strips is not None:
            stage.strips.drop(row)
        elif stage.plane is not None and not isinstance(stage.plan.origin, Scaled):
            rect, halo = stage.row_rect(row), self._halo(stage)
            top = max(0, rect.y - halo)  # the next row looks at the last lines of this one
            done = Rect(0, top, rect.width, max(0, rect.bottom - halo - top))
            stage.plane.release(done)

    def _halo(self, stage: Stage) -> int:
        """Return how far around a tile is read: what a filter sees of it, or the tile holds."""
        if stage.feeds:
            return 0
        overlap = stage.plan.overlap
        return max(overlap + overlap % 2, self._filter_halo(stage))  # even: halves begin so

    def _filter_halo(self, stage: Stage) -> int:
        return self._shrink.halo if stage.below is not None and not stage.feeds else 0

    def run(self, task: Task, check: Callable[[], None]) -> list[bytes | None]:
        """Read, halve and encode the tiles of one task; ``check`` is called before each tile.

        Only neighbours that hold something are read and handed down: one that was touched does
        not make its whole row cost like a full one.
        """
        if not task.pooled:
            return self._copied(task)
        stage, plan = task.stage, task.stage.plan
        made: list[bytes | None] = []
        for run in runs(self._blank_cells(task), task.first, 1 + plan.tile_width % 2):
            rect = stage.rect(task.row, run.first, run.last)
            if run.empty:
                self._hand_blank_down(stage, rect)
                made += self._blank_tiles(stage, task.row, run)
            else:
                made += self._made(stage, task.row, rect, run, check)
        if stage.feeds:
            return []
        return made if plan.encode is not None else self._copied(task)

    def _made(
        self, stage: Stage, row: int, rect: Rect, run: Run, check: Callable[[], None]
    ) -> list[bytes | None]:
        """Read neighbouring cells (``rect``), hand them down and return their tiles."""
        plan = stage.plan
        outer = self._with_halo(stage, rect)
        pixels = np.asarray(self._pixels(stage, row, outer))  # memmap slices cost far more
        if stage.below is not None:
            self._hand_down(stage, rect, pixels, rect.shift(-outer.x, -outer.y))
        if stage.feeds or plan.encode is None:
            return []
        held = held_rect(plan, rect)
        rows = pixels[held.y - outer.y : held.bottom - outer.y]
        return [
            self._blank_data(stage, stage.rect(row, column, column + 1))
            if empty
            else self._encoded(plan, rows[:, held_columns(plan, column, outer.x)], check)
            for column, empty in zip(run.columns, run.blank, strict=True)
        ]

    def _hand_down(self, stage: Stage, rect: Rect, pixels: Pixels, core: Rect) -> None:
        """Put what was read (``core`` of the pixels is it) into the strips of the stage below."""
        assert stage.below is not None
        below = stage.below.strips
        assert below is not None
        if stage.feeds:
            below.put(rect.x, rect.y, pixels)
            return
        half = half_rect(rect)
        room = below.room(half)
        small = self._shrink(pixels, core, room)
        if small is not room:
            below.put(half.x, half.y, small)

    def _hand_blank_down(self, stage: Stage, rect: Rect) -> None:
        if stage.below is not None and stage.below.strips is not None:
            stage.below.strips.put_blank(rect if stage.feeds else half_rect(rect))

    def _blank_tiles(self, stage: Stage, row: int, run: Run) -> list[bytes | None]:
        plan = stage.plan
        if stage.feeds or plan.encode is None:
            return []
        if not plan.clipped:  # all of one size
            return [self._blanks.data(stage.index, plan.tile_width, plan.tile_height)] * len(
                run.columns
            )
        cells = (stage.rect(row, column, column + 1) for column in run.columns)
        return [self._blank_data(stage, cell) for cell in cells]

    def _blank_data(self, stage: Stage, cell: Rect) -> bytes | None:
        plan = stage.plan
        held = held_rect(plan, cell)
        size = (held.width, held.height) if plan.clipped else (plan.tile_width, plan.tile_height)
        return self._blanks.data(stage.index, *size)

    def _encoded(self, plan: LevelPlan, part: Pixels, check: Callable[[], None]) -> bytes | None:
        check()
        assert plan.encode is not None
        tile = part if plan.clipped else full_tile(part, plan.tile_width, plan.tile_height)
        return None if self._blanks.droppable(tile) else plan.encode(tile)

    def _copied(self, task: Task) -> list[bytes | None]:
        if task.stage.plan.moved:
            return []
        encoded = task.stage.encoded
        assert encoded is not None
        return [encoded.tile(column, task.row) for column in range(task.first, task.last)]

    def _with_halo(self, stage: Stage, rect: Rect) -> Rect:
        return grown_rect(stage.plan, rect, self._halo(stage))

    def _blank_cells(self, task: Task) -> list[bool]:
        """Return for each tile of a task if nothing lies in it, nor as near as it looks."""
        stage, count = task.stage, task.last - task.first
        if stage.strips is not None:
            return self._blank_columns(stage, task)
        plane = stage.plane
        if plane is None or isinstance(stage.plan.origin, Scaled):
            return [False] * count
        whole = stage.rect(task.row, task.first, task.last)
        if plane.is_blank(self._with_halo(stage, whole)):
            blank = [True] * count
        elif count == 1:
            return [False]
        else:
            columns = range(task.first, task.last)
            cells = [stage.rect(task.row, column, column + 1) for column in columns]
            blank = plane.blanks([self._with_halo(stage, cell) for cell in cells])
        if any(blank) and not self._blanks.known:
            first = stage.rect(task.row, task.first + blank.index(True), task.last)
            pixel = Rect(first.x, first.y, 1, 1)
            seen = plane.read(pixel)
            if not plane.is_blank(pixel):  # a worker has laid a tile meanwhile
                return [False] * count
            self._blanks.learn(seen)
        return blank if self._blank_stays(stage) else [False] * count

    def _blank_columns(self, stage: Stage, task: Task) -> list[bool]:
        """Return for each tile of a task if nothing but blank has come into its strip there."""
        assert stage.strips is not None
        columns, touched = range(task.first, task.last), stage.strips.touched(task.row)
        if not self._blanks.known or not self._blank_stays(stage):
            return [False] * len(columns)
        if touched is None:
            return [True] * len(columns)
        reach = ceil_div(self._halo(stage), stage.plan.tile_width)
        if reach == 0:
            return [not one for one in touched[task.first : task.last]]
        return [not any(touched[max(0, c - reach) : c + reach + 1]) for c in columns]

    def _blank_stays(self, stage: Stage) -> bool:
        """Return True where half of blank is blank; a wide filter may round it to another value."""
        return not self._filter_halo(stage) or self._blanks.stays(self._shrink)

    def _pixels(self, stage: Stage, row: int, rect: Rect) -> Pixels:
        if stage.strips is not None:
            return stage.strips.read(row, rect)
        origin = stage.plan.origin
        if isinstance(origin, Scaled):
            assert stage.encoded is not None
            return read_scaled(stage.encoded, origin.reduction, rect, self._blanks.fill)
        assert stage.plane is not None
        return stage.plane.read(rect)


def _begins(stage: Stage) -> bool:
    """Return True for a stage whose tasks wait for no other, and that somebody wants."""
    wanted = not stage.plan.moved or stage.below is not None
    return wanted and not isinstance(stage.plan.origin, Cascade)
