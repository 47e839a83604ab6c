"""What long work tells whoever wants to know, and how it is stopped."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ziggurat.readers.errors import CancelledError


@dataclass(frozen=True, slots=True)
class Progress:
    """One progress event: tiles of all levels done and to do, and bytes written so far."""

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
