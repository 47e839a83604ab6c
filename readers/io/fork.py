"""Things that don't survive a fork: threads, event loops, connections."""

import os
from collections.abc import Callable


class PerProcess[T]:
    """A thing that is made when it is first asked for, and anew in each forked child.

    Two threads that ask for it at once, for the first time, may each make one; the last one stays.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: tuple[int, T] | None = None

    def __call__(self) -> T:
        """Return the thing of this process."""
        made = self._made
        if made is None or made[0] != os.getpid():
            made = self._made = (os.getpid(), self._make())
        return made[1]
