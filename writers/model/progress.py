"""What long work tells whoever wants to know, and how it is stopped."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ziggurat.readers.errors import CancelledError


@dataclass(frozen=True, slots=True)
class Progress:
    """One progress event: how far the work is.

    Attributes
    ----------
    done, total
        Tiles of all levels and frames: those that are made, and those to make.
    bytes_written
        So far.
    level
        The level that is being made, 0 is full resolution; None where that has no meaning.
    """

    done: int
    total: int
    bytes_written: int
    level: int | None = None


ProgressCallback = Callable[[Progress], None]


class Cancellation:
    """One token shared by every stage of a pipeline: the first error wins and wakes them all."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._error: BaseException | None = None

    def cancel(self, error: BaseException | None = None) -> None:
        """Stop everything; the first call's error is the one that is raised."""
        with self._lock:
            if self._error is None:
                self._error = error or CancelledError("the work was cancelled")
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """True once somebody has cancelled."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise the first error where the work has been cancelled."""
        if self._error is not None:
            raise self._error


class Meter:
    """Adds up what the engine makes and what is moved beside it, and tells whoever wants to know.

    ``total`` counts the tiles of all levels and frames.
    """

    def __init__(self, total: int, callback: ProgressCallback | None) -> None:
        self._total, self._callback = total, callback
        self._made, self._moved, self._moving = (0, 0), (0, 0), (0, 0)

    def made(self, progress: Progress) -> None:
        """Take the engine's own progress."""
        self._made = progress.done, progress.bytes_written
        self._tell(progress.level)

    def moved(self, level: int, tiles: int, size: int) -> None:
        """Note how many tiles and bytes of the level that is being moved are done."""
        self._moving = tiles, size
        self._tell(level)

    def end_level(self, tiles: int) -> None:
        """Note that all tiles of that level are done."""
        self._moved = self._moved[0] + tiles, self._moved[1] + self._moving[1]
        self._moving = 0, 0

    def _tell(self, level: int | None) -> None:
        if self._callback is not None:
            parts = zip(self._made, self._moved, self._moving, strict=True)
            done, size = (sum(part) for part in parts)
            self._callback(Progress(done, self._total, size, level))
