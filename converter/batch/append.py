"""Lines at the end of a file, each of them whole: what a full disk or a kill tore does no harm."""

import contextlib
import os
from pathlib import Path


def append_line(path: Path, line: str) -> None:
    """Append a line, in one write as a rule; behind a torn one it begins on a line of its own.

    Raises
    ------
    OSError
        It can't be; of what was written of it nothing is left.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        rest = memoryview((b"\n" if torn else b"") + line.encode() + b"\n")
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
