"""A file whose bytes are on their way to the disk while more of them are made.

Outputs are flushed before they appear. Left to itself, the kernel begins with that only when it
is asked to, and everybody waits for the whole file then.
"""

import ctypes
import io
import os
from collections.abc import Buffer

_STEP = 8 << 20  # bytes between two hints
_BUFFER = 1 << 20  # tiles are small; the kernel takes a hundred at once more cheaply
_SYNC_FILE_RANGE_WRITE = 2  # linux/fs.h: start writing what is dirty, wait for nothing

# Only Linux has it; it is a hint, and without it the flush at the end does all the work.
_sync_file_range = getattr(ctypes.CDLL(None), "sync_file_range", None)


class _Hinting(io.FileIO):
    """A raw file that tells the kernel now and then to start writing."""

    _unsaid = 0

    def write(self, data: Buffer, /) -> int:
        written = super().write(data) or 0
        self._unsaid += written
        if self._unsaid >= _STEP:
            self._unsaid = 0
            start_writing(self.fileno())
        return written


def start_writing(descriptor: int) -> None:
    """Tell the kernel to start writing what is dirty of a file, and wait for nothing."""
    if _sync_file_range is not None:
        zero = ctypes.c_int64(0)  # offset and length: the whole file
        _sync_file_range(descriptor, zero, zero, _SYNC_FILE_RANGE_WRITE)


def open_write_behind(path: str | os.PathLike[str]) -> io.BufferedRandom:
    """Make a new file to write to, to read in and to seek in; it is closed by whoever asked."""
    return io.BufferedRandom(_Hinting(path, "w+"), _BUFFER)
