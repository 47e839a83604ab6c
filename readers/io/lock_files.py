"""Lock files that never outlive their process, and never leak into a forked child.

Locks belong to an open file description; a fork shares it, and a child that kept it open would
hold a dead parent's lock. So every file opened here is closed in children.

The holder of a lock is the kernel's record alone: no counter, no flag in this process says so too.
An exception may be raised between any two lines (Ctrl-C, an alarm, a test's time-out), so a lock is
taken inside the ``try`` whose ``finally`` gives it back, and giving back is one call of C, which
nothing can cut in half and which does no harm where nothing was taken yet.
"""

import fcntl
import io
import os
import struct
import threading
import weakref
from contextlib import suppress
from typing import Protocol

_FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux: type, whence, start, len, pid
SET, SET_WAIT = fcntl.F_OFD_SETLK, fcntl.F_OFD_SETLKW

# Re-entrant, both: a signal handler may come to them in the thread that is in here.
_guard = threading.RLock()
_renewing = threading.RLock()
_files: "weakref.WeakSet[io.FileIO]" = weakref.WeakSet()
_forks = 0  # how many forks lie between the first process and this one


class Renewable(Protocol):
    """What has locks or lock files, which a forked child can't use as it inherits them."""

    forks: int

    def renew(self) -> None:
        """Begin anew: with free thread locks and lock files of this process."""


def opened(path: str | os.PathLike[str], flags: int, mode: int = 0o666) -> io.FileIO:
    """Open a file so that no interrupt loses its descriptor, which ``os.open`` returns bare.

    ``map`` hands it from one call of C to the next: Python looks for signals after both.
    """
    kind = "rb" if flags & (os.O_RDWR | os.O_WRONLY) == os.O_RDONLY else "rb+"
    descriptors = map(os.open, (path,), (flags | os.O_CLOEXEC,), (mode,))
    return next(map(io.FileIO, descriptors, (kind,)))


def open_lock_file(path: str | os.PathLike[str], flags: int = os.O_RDONLY) -> io.FileIO:
    """Open a lock file; closing it gives up every lock held through it."""
    with _guard:  # no fork meanwhile: its child would keep what it doesn't know of
        file = opened(path, flags)
        _files.add(file)
    return file


def request(kind: int, start: int, length: int = 1) -> bytes:
    """Return what ``fcntl`` takes to lock or unlock some bytes for an open file description."""
    return _FLOCK.pack(kind, os.SEEK_SET, start, length, 0)


RELEASE = request(fcntl.F_UNLCK, 0, 0)  # to the end of the file: all that is held through it


def forks() -> int:
    """Return a number that differs between a process and its forked children."""
    return _forks


def renewed(owner: Renewable) -> None:
    """Let an object begin anew when a forked child first uses it.

    Another thread of the parent may have held its locks at that moment, and would hold them for
    ever in the child. Threads of the child that come at the same time wait for the first one.
    """
    if owner.forks != _forks:
        with _renewing:
            if owner.forks != _forks:
                owner.renew()
                owner.forks = _forks


def _release_in_parent() -> None:
    with suppress(RuntimeError):  # this module was imported while the fork was under way
        _guard.release()


def _close_all_in_child() -> None:
    global _guard, _renewing, _forks, _files
    _guard, _renewing = threading.RLock(), threading.RLock()  # a thread may have held the latter
    _forks += 1
    inherited, _files = list(_files), weakref.WeakSet()
    for file in inherited:
        file.close()


os.register_at_fork(
    before=lambda: _guard.acquire(),
    after_in_parent=_release_in_parent,
    after_in_child=_close_all_in_child,
)
