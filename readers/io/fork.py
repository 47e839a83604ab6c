"""Things that don't survive a fork: threads, event loops, connections, locks that are held."""

import os
import threading
from collections.abc import Callable


class PerProcess[T]:
    """A thing that is made when it is first asked for, and anew in each forked child.

    Threads that ask for it at once, for the first time, get the same one.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: tuple[int, T] | None = None
        # One a process: that of the parent may be held, at the fork, by a thread that isn't here.
        self._locks: dict[int, threading.Lock] = {}

    def __call__(self) -> T:
        """Return the thing of this process."""
        made = self._made
        if made is None or made[0] != os.getpid():
            made = self._first(os.getpid())
        return made[1]

    def present(self) -> T | None:
        """Return the thing of this process if it was made, else None."""
        made = self._made
        return made[1] if made is not None and made[0] == os.getpid() else None

    def _first(self, process: int) -> tuple[int, T]:
        with self._locks.setdefault(process, threading.Lock()):
            made = self._made
            if made is None or made[0] != process:
                made = self._made = (process, self._make())
            return made
