"""Calls of Linux that Python has no name for: renames with a condition, flushing a file system."""

import ctypes
import errno
import os
from pathlib import Path

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1  # linux/fs.h
_RENAME_EXCHANGE = 2
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)

_libc = ctypes.CDLL(None, use_errno=True)


def rename_new(source: Path, target: Path) -> bool:
    """Rename where nothing is (renameat2(2)); of two writers at once only one can win.

    Returns
    -------
    bool
        False where this file system or kernel can't do it; nothing was renamed then.

    Raises
    ------
    FileExistsError
        The target is there.
    OSError
        The system could not do it.
    """
    return _renameat2(source, target, _RENAME_NOREPLACE)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step (renameat2(2)); False where that can't be done.

    Raises
    ------
    OSError
        The system could not do it.
    """
    return _renameat2(one, other, _RENAME_EXCHANGE)


def _renameat2(source: Path, target: Path, flags: int) -> bool:
    done = _libc.renameat2(
        _AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), ctypes.c_uint(flags)
    )
    if done == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(target))


def sync_file_system(descriptor: int) -> None:
    """Write all dirty pages of the file system of an open file to its disk (syncfs(2)).

    ``os.sync`` waits for every disk of the machine and tells of no error. One call flushes
    thousands of files, which would need one each.

    Raises
    ------
    OSError
        The system could not do it.
    """
    if _libc.syncfs(descriptor):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def sync_file_system_of(folder: str | os.PathLike[str]) -> None:
    """Flush the file system that a folder is on, as :func:`sync_file_system`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync_file_system(descriptor)
    finally:
        os.close(descriptor)
