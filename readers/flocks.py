"""Lock files that never outlive their process, and never leak into a forked child.

``flock`` locks belong to an open file description; a fork shares it, and a child that kept it
open would hold a dead parent's lock. So every descriptor opened here is closed in children.
"""

import os
import threading

_descriptors: set[int] = set()
_guard = threading.Lock()
_forks = 0  # how many forks lie between the first process and this one


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


def _close_all_in_child() -> None:
    global _guard, _forks
    _guard = threading.Lock()  # another thread of the parent may have held it
    _forks += 1
    for descriptor in _descriptors:
        os.close(descriptor)
    _descriptors.clear()


os.register_at_fork(
    before=lambda: _guard.acquire(),
    after_in_parent=lambda: _guard.release(),
    after_in_child=_close_all_in_child,
)
