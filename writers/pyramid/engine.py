"""The pyramid engine: every level of every frame in one pass over the full resolution.

Work is cut into tasks of some neighbouring tiles. A task reads its pixels, writes its
half-size copy into the strip of the level below and encodes its tiles; a strip that is full
becomes tasks itself. So a pixel is read once, in rows as long as the budget allows (memory
gives those fastest), and what is held is one row of tiles a level whatever the height. Results
are taken in the order the tasks were made, which depends on sizes alone: the same input gives
the same output, byte for byte, on any number of threads.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Protocol

from ziggurat.readers.io.crew import Crew, Job
from ziggurat.readers.model.reader import Reader
from ziggurat.writers.model.levels import EncodedTile, LevelPlan
from ziggurat.writers.model.progress import Cancellation, Progress, ProgressCallback
from ziggurat.writers.pyramid.budget import Budget
from ziggurat.writers.pyramid.check import Blanks, checked
from ziggurat.writers.pyramid.frame import FrameWork, Task
from ziggurat.writers.pyramid.strips import Buffers
from ziggurat.writers.resample.halve import Shrinker


class Builder(Protocol):
    """What gives an output its tiles: :func:`build`, or what has them already."""

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
        """Yield the tiles of a pyramid, see :func:`build`."""


_Queue = deque[tuple[Task, Job[list[bytes | None]] | None]]


def build(
    reader: Reader,
    levels: Sequence[LevelPlan],
    shrink: Shrinker,
    budget: Budget,
    *,
    frames: Sequence[int] | None = None,
    sparse: float | None = None,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
) -> Generator[EncodedTile, None, None]:
    """Make a pyramid, tile by tile.

    Parameters
    ----------
    reader
        The image. It is read from several threads.
    levels
        What is wanted, largest first.
    shrink
        How a cascade level comes from the one above it.
    frames
        Frame numbers of the reader; None is all.
    sparse
        Tiles that hold nothing but this value get ``data=None``; None: no tile does, unless
        a copied level has none there.
    cancel
        Stops the work from outside, and is cancelled with the first error.

    Yields
    ------
    EncodedTile
        Frames in order; within a frame each level row by row, the lower ones
        in between as they get ready.

    Raises
    ------
    OptionError
        The plan contradicts itself (before the first tile).
    SourceError, CancelledError, …
        The first thing that went wrong. No thread is left behind; closing the generator early
        stops the work too.
    """
    plans = checked(reader, levels)
    token = cancel or Cancellation()
    numbers = range(reader.info.frames) if frames is None else frames
    blanks = Blanks(plans, reader.info, sparse)
    buffers = Buffers(reader.info)
    work = (
        FrameWork(reader, plans, shrink, budget, blanks, buffers, index, frame)
        for index, frame in enumerate(numbers)
    )
    counter = _Counter(
        len(numbers) * sum(p.grid[0] * p.grid[1] for p in plans if not p.moved), on_progress
    )
    crew = Crew(budget.threads)
    stop = Cancellation()  # of this pass alone: closing early is nobody's error

    def check() -> None:
        stop.check()
        token.check()

    try:
        for task, results in _Schedule(work, crew, budget.window, check):
            check()
            counter.count(task.level, results)  # first: who takes the last tile may not come back
            yield from task.tiles(results)
    except Exception as error:
        token.cancel(error)
        raise
    finally:
        stop.cancel()
        crew.end()  # what nobody has begun ends with its first check


class _Schedule:
    """The tasks under way; what comes next is the oldest task of the oldest frame."""

    def __init__(
        self,
        work: Iterator[FrameWork],
        crew: Crew,
        window: int,
        check: Callable[[], None],
    ) -> None:
        self._work, self._crew, self._window, self._check = work, crew, window, check
        self._frames: deque[tuple[FrameWork, _Queue]] = deque()

    def __iter__(self) -> Iterator[tuple[Task, list[bytes | None]]]:
        while True:
            self._fill()
            while self._frames and not self._frames[0][1]:
                self._frames.popleft()  # all its tasks are taken; the next frame is under way
            if not self._frames:
                return
            frame, queue = self._frames[0]
            task, job = queue.popleft()
            results = self._run(task) if job is None else job.result()
            for below in frame.finished(task):
                self._submit(queue, below)
            yield task, results

    def _fill(self) -> None:
        """Give out tasks until the window is full, of the next frame when one has no more."""
        while sum(len(queue) for _, queue in self._frames) < self._window:
            head = self._frames[-1][0].next_head() if self._frames else None
            if head is not None:
                self._submit(self._frames[-1][1], head)
                continue
            job = next(self._work, None)
            if job is None:
                return
            self._frames.append((job, deque()))

    def _submit(self, queue: _Queue, task: Task) -> None:
        job = self._crew.submit(partial(self._run, task)) if task.pooled else None
        queue.append((task, job))

    def _run(self, task: Task) -> list[bytes | None]:
        self._check()
        return task.run(self._check)


class _Counter:
    """Adds up what is done and tells whoever wants to know."""

    def __init__(self, total: int, callback: ProgressCallback | None) -> None:
        self._total, self._callback = total, callback
        self._done = self._bytes = 0

    def count(self, level: int, results: list[bytes | None]) -> None:
        """Add one task's tiles."""
        self._done += len(results)
        self._bytes += sum(map(len, filter(None, results)))
        if self._callback is not None:
            self._callback(Progress(self._done, self._total, self._bytes, level))
