"""Redo logs: what makes a blended tile all or nothing, whoever dies in the middle of it.

A tile that must be read, changed and written back first writes the changed pixels into its own
log, then appends its record to the journal (from here on it is in), then copies the
pixels into the chunks. Copying may be repeated: whoever finds a chunk marked by a dead
process does it again where the journal has the tile, and forgets it where not.
"""

import errno
import fcntl
import json
import math
import os
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from ziggurat.readers.errors import ScratchFullError
from ziggurat.readers.formats.sink_store.layout import own
from ziggurat.readers.io.lock_files import close_lock_file, forks, open_lock_file, renewed
from ziggurat.readers.model.geometry import Rect
from ziggurat.writers.files.small import NO_ROOM
from ziggurat.writers.store.chunks import Array
from ziggurat.writers.store.locks import lock_byte

_HEAD = struct.Struct("<QI")  # sequence number, bytes of the JSON table that follows


@dataclass(frozen=True, slots=True)
class Part:
    """New pixels for a rectangle of one chunk of one of the store's arrays."""

    array: int
    frame: tuple[int, ...]
    row: int
    column: int
    inside: Rect
    pixels: Array


@dataclass(slots=True)
class Slot:
    """One redo log, in the hands of one tile at a time."""

    number: int
    path: str
    sequence: int = 0

    def write(self, parts: Sequence[Part]) -> None:
        """Write new pixels into the log, under a new sequence number.

        Raises
        ------
        ScratchFullError
            There is no room for them; nothing was changed.
        """
        self.sequence = max(time.time_ns(), self.sequence + 1)
        rows = []
        for part in parts:
            rect = part.inside
            place = (part.frame, part.row, part.column)
            inside = (rect.x, rect.y, rect.width, rect.height)
            rows.append((part.array, place, inside, part.pixels.shape, part.pixels.dtype.str))
        table = json.dumps(rows).encode()
        try:
            with open(self.path, "wb") as file:
                file.write(_HEAD.pack(self.sequence, len(table)) + table)
                for part in parts:
                    file.write(np.ascontiguousarray(part.pixels).data)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise ScratchFullError(
                errno.ENOSPC, "no room to blend a tile into the sink; it is not in", self.path
            ) from error

    def read(self) -> list[Part]:
        """Return what was written last, and learn its sequence number; nothing where torn."""
        try:
            with open(self.path, "rb") as file:
                self.sequence, length = _HEAD.unpack(file.read(_HEAD.size))
                rows = json.loads(file.read(length))
                return [_read_part(row, file) for row in rows]
        except (FileNotFoundError, ValueError, struct.error):
            return []  # killed while writing it: then no chunk was marked


def _read_part(row: Sequence[Any], file: BinaryIO) -> Part:
    array, (frame, line, column), inside, shape, name = row
    dtype: np.dtype[Any] = np.dtype(name)
    data = file.read(math.prod(shape) * dtype.itemsize)
    pixels = np.frombuffer(data, dtype).reshape(shape)
    return Part(array, tuple(frame), line, column, Rect(*inside), pixels)


class Slots:
    """The redo logs of one process: claimed by a lock that ends with it, used again and again."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._path = own(root, "slots.lock")
        self.forks = forks()
        self.renew()

    def renew(self) -> None:
        """Begin anew in a forked child, which has no part in the logs of its parent."""
        self._guard = threading.Lock()
        self._free: list[Slot] = []
        self._claimed: set[int] = set()
        self._descriptor = open_lock_file(self._path, os.O_RDWR | os.O_CREAT)

    def take(self) -> tuple[Slot, bool]:
        """Return a slot for one tile, and whether another process may have left it unfinished."""
        renewed(self)
        with self._guard:
            if self._free:
                return self._free.pop(), False
            number = 0
            while not self._claim(number):
                number += 1
            return self._slot(number), True

    def give_back(self, slot: Slot) -> None:
        """Return a slot whose tile is wholly applied, or was never marked."""
        with self._guard:
            self._free.append(slot)

    def abandoned(self) -> list[Slot]:
        """Claim and return all logs whose processes are gone."""
        renewed(self)
        found = []
        with self._guard:
            for path in own(self._root, "").glob("redo-*"):
                number = int(path.name.removeprefix("redo-"))
                if self._claim(number):
                    found.append(self._slot(number))
        return found

    def read(self, number: int) -> tuple[Slot, list[Part]]:
        """Return any slot with what is in it, to finish the work of its dead process."""
        slot = self._slot(number)
        return slot, slot.read()

    def close(self) -> None:
        """Let go of all slots."""
        if self.forks == forks():
            close_lock_file(self._descriptor)

    def _slot(self, number: int) -> Slot:
        return Slot(number, str(own(self._root, f"redo-{number}")))

    def _claim(self, number: int) -> bool:
        if number in self._claimed:
            return False
        try:
            lock_byte(self._descriptor, number, fcntl.F_WRLCK, wait=False)
        except BlockingIOError:
            return False
        self._claimed.add(number)
        return True
