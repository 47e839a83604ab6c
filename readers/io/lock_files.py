"""Lock files that never outlive their process, and never leak into a forked child.

``flock`` locks belong to an open file description; a fork shares it, and a child that kept it
open would hold a dead parent's lock. So every descriptor opened here is closed in children.
"""

import os
import threading
from typing import Protocol

# Re-entrant, both: the garbage collector may close a store of the thread that is in here.
_descriptors: set[int] = set()
_guard = threading.RLock()
_renewing = threading.RLock()
_forks = 0  # how many forks lie between the first process and this one


class Renewable(Protocol):
    """What has locks or lock files, which a forked child can't use as it inherits them."""

    forks: int

    def renew(self) -> None:
        """Begin anew: with free thread locks and lock files of this process."""


def open_lock_file(path: str | os.PathLike[str], flags: int = os.O_RDONLY) -> int:
    """Open a lock file and return its descriptor; close it with :func:`close_lock_file`."""
    with _guard:
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o666)
        _descriptors.add(descriptor)
    return descriptor


def close_lock_file(descriptor: int) -> None:
    """Close a descriptor, which gives up every lock held through it."""
    with _guard:
        if descriptor in _descriptors:
            _descriptors.discard(descriptor)
            os.close(descriptor)


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


def _close_all_in_child() -> None:
    global _guard, _renewing, _forks, _descriptors
    _guard, _renewing = threading.RLock(), threading.RLock()  # a thread may have held the latter
    _forks += 1
    # Taken away first: a store that the garbage collector closes meanwhile finds nothing to close.
    inherited, _descriptors = _descriptors, set()
    for descriptor in inherited:
        os.close(descriptor)


os.register_at_fork(
    before=lambda: _guard.acquire(),
    after_in_parent=lambda: _guard.release(),
    after_in_child=_close_all_in_child,
)
