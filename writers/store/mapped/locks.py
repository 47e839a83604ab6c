"""The locks of a store: byte ranges of one file, for structure, sizes, keys, redo logs and chunks.

Every holder has an open file of its own, a thread like a process: so the kernel alone knows who
holds what, locks die with their process, whatever kills it, and none is inherited over a
fork. How they survive interrupts: :mod:`ziggurat.readers.io.lock_files`.
"""

import fcntl
import io
import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from ziggurat.readers.formats.sink_store.layout import (
    Header,
    HeaderWord,
    LockByte,
    StoreFile,
    store_file,
)
from ziggurat.readers.io.lock_files import (
    RELEASE,
    SET,
    SET_WAIT,
    open_lock_file,
    request,
)
from ziggurat.writers.store.mapped.waiting import watch

STRIPES = 4096  # chunks, and keys, that share a lock are rare
SLOTS = 1024  # redo logs: blended tiles under way at the same moment

SHARED = request(fcntl.F_RDLCK, LockByte.STRUCTURE)
EXCLUSIVE = request(fcntl.F_WRLCK, LockByte.STRUCTURE)
GATE = request(fcntl.F_WRLCK, LockByte.GATE)
EXTENTS = request(fcntl.F_WRLCK, LockByte.EXTENTS)
ATTRIBUTES = request(fcntl.F_WRLCK, LockByte.ATTRIBUTES)
NO_STRUCTURE = request(fcntl.F_UNLCK, LockByte.STRUCTURE)
NO_CHUNKS = request(fcntl.F_UNLCK, LockByte.CHUNKS, STRIPES)


def chunk_lock(stripe: int) -> bytes:
    """Return the request for the lock of some chunks."""
    return request(fcntl.F_WRLCK, LockByte.CHUNKS + stripe)


def key_lock(number: int) -> bytes:
    """Return the request for the lock of some keys of tiles."""
    return request(fcntl.F_WRLCK, LockByte.KEYS + number % STRIPES)


def slot_lock(number: int) -> bytes:
    """Return the request for the lock of one redo log."""
    return request(fcntl.F_WRLCK, LockByte.SLOTS + number)


def acquire(file: io.FileIO, wanted: bytes) -> None:
    """Take a lock; who waits long learns for whom: see `waiting`."""
    try:
        fcntl.fcntl(file, SET, wanted)
        return
    except (BlockingIOError, PermissionError):  # POSIX leaves the choice
        pass
    wait = object()
    try:
        watch.begin(wait, file)
        fcntl.fcntl(file, SET_WAIT, wanted)
    finally:
        watch.waits.pop(wait, None)


def acquired_at_once(file: io.FileIO, wanted: bytes) -> bool:
    """Take a lock if it is free; False where somebody has it."""
    try:
        fcntl.fcntl(file, SET, wanted)
    except (BlockingIOError, PermissionError):
        return False
    return True


class Locks:
    """The locks of one store, in the hands of one process."""

    def __init__(self, root: str) -> None:
        self._path = store_file(root, StoreFile.LOCKS)
        self.free: deque[io.FileIO] = deque()

    def take(self) -> io.FileIO:
        """Return an open lock file that nobody else uses; put it back into ``free``."""
        while self.free:
            with suppress(IndexError):  # another thread was faster
                file = self.free.pop()
                if not file.closed:  # as those of its parent are in a forked child
                    return file
        return open_lock_file(self._path, os.O_RDWR | os.O_CREAT)

    def held[T](self, wanted: Sequence[bytes], action: Callable[[io.FileIO], T]) -> T:
        """Take locks one after the other, do something, and give them back."""
        file = self.take()
        try:
            for one in wanted:
                acquire(file, one)
            return action(file)
        finally:
            fcntl.fcntl(file, SET, RELEASE)
            self.free.append(file)

    def close(self) -> None:
        """Close the files that nobody uses."""
        while self.free:
            self.free.pop().close()


class StructureLock:
    """Shared for the length of one tile, exclusive while the structure changes.

    A shared lock would starve whoever wants it exclusively while tiles keep coming, so the
    one who wants it says so in the header (``HeaderWord.CHANGE``) behind a gate; newcomers that
    see it wait at the gate. A change that its process did not live to finish is carried
    to its end by the next one who comes: ``recover`` is called under the exclusive lock.
    """

    def __init__(self, locks: Locks, header: Header, recover: Callable[[], None]) -> None:
        self._locks = locks
        self._words = header.words
        self._recover = recover

    def share(self, file: io.FileIO) -> None:
        """Hold the structure still through a file of the caller's; waits while it changes."""
        acquire(file, SHARED)
        while self._words[HeaderWord.CHANGE]:
            fcntl.fcntl(file, SET, RELEASE)
            self._locks.held([GATE], self._finish)
            acquire(file, SHARED)

    def shared[T](self, action: Callable[[], T]) -> T:
        """Do something while the structure holds still."""

        def still(file: io.FileIO) -> T:
            self.share(file)
            return action()

        return self._locks.held([], still)

    def exclusive(self, change: Callable[[], None]) -> None:
        """Run a change of the structure while nobody lays tiles."""
        self._locks.held([GATE], lambda file: self._change(file, change))

    def prepared(
        self, begin: Callable[[], None], meanwhile: Callable[[], None], change: Callable[[], None]
    ) -> None:
        """Run a change of the structure of which the long part goes on beside tiles.

        ``begin`` runs when all tiles under way are in and no other is; ``meanwhile`` beside
        tiles, but no other change; ``change`` while nobody lays any.
        """

        def turn(file: io.FileIO) -> None:
            self._change(file, begin)
            fcntl.fcntl(file, SET, NO_STRUCTURE)
            meanwhile()
            self._change(file, change)

        self._locks.held([GATE], turn)

    def _finish(self, file: io.FileIO) -> None:
        if self._words[HeaderWord.CHANGE]:  # its process died
            self._change(file, lambda: None)

    def _change(self, file: io.FileIO, change: Callable[[], None]) -> None:
        abandoned = self._words[HeaderWord.CHANGE]
        self._words[HeaderWord.CHANGE] = 1
        acquire(file, EXCLUSIVE)
        if abandoned:
            self._recover()
        change()
        self._words[HeaderWord.CHANGE] = 0
