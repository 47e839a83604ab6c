"""What only Linux has, with a plain way beside it: chosen here, and nowhere else."""

import os
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform == "linux":
    NAMELESS = os.O_TMPFILE  # flag of a file without a name
else:
    NAMELESS = 0  # there is no such thing
_PIECE = 1 << 20


def core_count() -> int:
    """Return how many cores this process may use."""
    if sys.platform == "linux":
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return count


def available_memory() -> int:
    """Return the bytes of the machine's memory that programs may still take without swapping."""
    if sys.platform == "linux":  # a file of a page: psutil, which reads it too, takes 10 ms to load
        with suppress(OSError, ValueError):
            for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) << 10
    import psutil

    return int(psutil.virtual_memory().available)


def copy_range(source: int, target: int, length: int, offset: int, position: int) -> int:
    """Copy bytes from one descriptor to another without taking them into the process.

    Returns
    -------
    How many were copied; 0 where the system can't, or not between these two.
    """
    count = 0
    if sys.platform == "linux":
        # across file systems, or one that can't: whoever reads instead says what is wrong
        with suppress(OSError):
            count = os.copy_file_range(source, target, length, offset, position)
    return count


def reserve(descriptor: int, size: int) -> None:
    """Make a file at least so large, with its blocks: a full disk is an error now.

    Where the system knows no call for that, what is beyond the file's end is written as zeros.

    Raises
    ------
    OSError
        There is no room.
    """
    if sys.platform == "linux":
        os.posix_fallocate(descriptor, 0, size)
    else:
        end = os.fstat(descriptor).st_size
        while end < size:
            end += os.pwrite(descriptor, bytes(min(_PIECE, size - end)), end)
