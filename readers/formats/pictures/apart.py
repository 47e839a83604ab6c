"""Drawings, drawn in a process of their own, which has so much time and memory and no more.

An SVG is a program: a filter, a mask or a picture within it takes what it likes of a few bytes,
and librsvg can't be told to stop.
"""

import contextlib
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.pictures.base import Room
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.reader import Pixels

SECONDS = 10  # of processor time, for each strip
MEMORY_BYTES = 1 << 30
_STRIP_BYTES = 16 * 1024 * 1024  # all of a drawing is gone through for each
_DRAWER = "ziggurat.readers.formats.pictures.drawer"
_LENGTH = struct.Struct("<q")  # of a strip; below zero, of what is wrong


def draw(location: Location, data: bytes | None, room: Room) -> Pixels:
    """Return the pixels (frame, y, x, band) of a drawing, filled as far down as is asked.

    Raises
    ------
    CorruptSourceError
        It is damaged, or takes more time or memory than it may.
    """
    out = room()
    rows = out.reshape(-1, *out.shape[2:])
    step = max(1, _STRIP_BYTES // room.row_bytes)
    strips = [(top, min(step, room.rows - top)) for top in range(0, room.rows, step)]
    place = b"" if location.path is None else os.fsencode(str(location.path))
    with _drawing(place, strips) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # its end says why
            process.stdin.write(data or b"")
            process.stdin.close()
        for top, count in strips:
            size = _length(process.stdout)
            if size is None:
                raise CorruptSourceError(f"{location.url} can't be drawn: {_end(process)}")
            if size < 0:
                said = process.stdout.read(-size).decode(errors="replace")
                raise CorruptSourceError(f"{location.url} can't be drawn: {said}")
            strip = np.frombuffer(process.stdout.read(size), out.dtype)
            if strip.size != rows[top : top + count].size:
                raise CorruptSourceError(f"{location.url} can't be drawn: {_end(process)}")
            rows[top : top + count] = strip.reshape(rows[top : top + count].shape)
            room.settle()
    return out


@contextlib.contextmanager
def _drawing(place: bytes, strips: Sequence[tuple[int, int]]) -> Iterator[subprocess.Popen[bytes]]:
    limits = [str(number) for number in (SECONDS, MEMORY_BYTES)]
    wanted = [f"{top}:{count}" for top, count in strips]
    process = subprocess.Popen(
        [sys.executable, "-m", _DRAWER, place, *limits, *wanted],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for us
    )
    with process:
        try:
            yield process
        finally:
            process.kill()  # it has nothing to lose


def _length(line: IO[bytes]) -> int | None:
    """Return what comes next, None where nothing comes any more."""
    head = line.read(_LENGTH.size)
    return int(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else None


def _end(process: subprocess.Popen[bytes]) -> str:
    """Say how a process ended that was to go on."""
    code = process.wait()
    if code == -signal.SIGXCPU:
        return f"it takes more than {SECONDS} s of processor time: damaged or hostile"
    if code < 0:
        return (
            f"its process was ended by {signal.Signals(-code).name}, as where it takes more than "
            f"{MEMORY_BYTES >> 20} MB: damaged or hostile"
        )
    return f"its process ended with code {code}"
