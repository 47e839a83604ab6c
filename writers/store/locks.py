"""The locks of a store: one for its structure (shared by tiles), one a file, one a chunk.

All of them die with their process, whatever kills it, and none is inherited over a fork.
"""

import fcntl
import os
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from ziggurat.readers.formats.sink_store.layout import Header, Name, Word, own
from ziggurat.readers.io.lock_files import close_lock_file, forks, open_lock_file, renewed

STRIPES = 4096
_FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux: type, whence, start, len, pid


class FileMutex:
    """One holder at a time among all threads of all processes that use the file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self.forks = forks()
        self.renew()

    def renew(self) -> None:
        """Begin anew in a forked child."""
        self._threads = threading.Lock()

    def __enter__(self) -> None:
        renewed(self)
        self._threads.acquire()
        try:
            self._descriptor = open_lock_file(self._path, os.O_RDWR | os.O_CREAT)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except BaseException:  # an interrupt while waiting must not leave the thread lock held
            self._threads.release()
            raise

    def __exit__(self, *_: object) -> None:
        close_lock_file(self._descriptor)
        self._threads.release()


class StructureLock:
    """Shared for the length of one tile, exclusive while the structure changes.

    A shared ``flock`` would starve whoever wants it exclusively while tiles keep coming, so the
    one who wants it says so in the header (``Word.CHANGE``) behind a gate; newcomers that
    see it wait at the gate. A change that its process did not live to finish is carried
    to its end by the next one who comes: ``recover`` is called under the exclusive lock.
    """

    def __init__(self, root: str, header: Header, recover: Callable[[], None]) -> None:
        self._path = own(root, Name.STRUCTURE_LOCK)
        self._words = header.words
        self._recover = recover
        self._gate = FileMutex(own(root, "gate.lock"))
        self.forks = forks()
        self.renew()

    def renew(self) -> None:
        """Begin anew in a forked child."""
        self._condition = threading.Condition()
        self._sharers = 0
        self._wanted = 0
        self._descriptor = open_lock_file(self._path, os.O_RDWR | os.O_CREAT)

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the structure still; waits while it changes."""
        self.acquire_shared()
        try:
            yield
        finally:
            self.release_shared()

    def acquire_shared(self) -> None:
        """Begin to hold the structure still."""
        renewed(self)
        while True:
            with self._condition:
                while self._wanted:
                    self._condition.wait()
                if not self._sharers:
                    fcntl.flock(self._descriptor, fcntl.LOCK_SH)
                self._sharers += 1
            if not self._words[Word.CHANGE]:
                return
            self.release_shared()
            with self._gate:
                if self._words[Word.CHANGE]:  # its process died
                    self._change(lambda: None)

    def release_shared(self) -> None:
        """Stop holding it."""
        with self._condition:
            self._sharers -= 1
            if not self._sharers:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
                self._condition.notify_all()

    def exclusive(self, change: Callable[[], None]) -> None:
        """Run a change of the structure while nobody lays tiles."""
        renewed(self)
        with self._gate:
            self._change(change)

    def _change(self, change: Callable[[], None]) -> None:
        with self._condition:
            self._wanted += 1
            try:
                abandoned = self._words[Word.CHANGE]
                self._words[Word.CHANGE] = 1
                while self._sharers:
                    self._condition.wait()
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
                try:
                    if abandoned:
                        self._recover()
                    change()
                    self._words[Word.CHANGE] = 0
                finally:
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            finally:
                self._wanted -= 1
                self._condition.notify_all()

    def close(self) -> None:
        """Close the lock file."""
        if self.forks == forks():
            close_lock_file(self._descriptor)


class ChunkLocks:
    """One lock a chunk (4096 stripes) for the modes that read before they write.

    A stripe's word in a mapped table names who is changing the chunks under it; whoever finds
    it set after taking the lock knows that its holder died in the middle.
    """

    def __init__(self, root: str) -> None:
        self._path = own(root, "chunks.lock")
        self.forks = forks()
        self.renew()

    def renew(self) -> None:
        """Begin anew in a forked child."""
        self._threads = [threading.Lock() for _ in range(STRIPES)]
        self._descriptor = open_lock_file(self._path, os.O_RDWR | os.O_CREAT)

    @contextmanager
    def hold(self, stripes: Iterable[int]) -> Iterator[None]:
        """Hold some stripes, taken one after the other in ascending order (so: no deadlock)."""
        renewed(self)
        held: list[int] = []
        try:
            for stripe in sorted(set(stripes)):
                self._take(stripe)
                held.append(stripe)
            yield
        finally:
            for stripe in reversed(held):
                lock_byte(self._descriptor, stripe, fcntl.F_UNLCK)
                self._threads[stripe].release()

    def _take(self, stripe: int) -> None:
        self._threads[stripe].acquire()
        try:
            lock_byte(self._descriptor, stripe, fcntl.F_WRLCK)
        except BaseException:  # an interrupt while waiting must not leave the thread lock held
            self._threads[stripe].release()
            raise

    def close(self) -> None:
        """Close the lock file."""
        if self.forks == forks():
            close_lock_file(self._descriptor)


def lock_byte(descriptor: int, offset: int, kind: int, *, wait: bool = True) -> None:
    """Lock or unlock one byte of a file for this open file description (F_OFD_SETLK(W)).

    Raises
    ------
    BlockingIOError
        Somebody else has it, and ``wait`` is False.
    """
    command = fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK
    fcntl.fcntl(descriptor, command, _FLOCK.pack(kind, os.SEEK_SET, offset, 1, 0))
