"""Redo logs: what makes a blended tile all or nothing, whoever dies in the middle of it.

A tile that must be read, changed and written back first writes the changed pixels into its own
log, then appends its record to the journal (from here on it is in), then copies the
pixels into the chunks. Copying may be repeated: whoever finds a chunk marked, though nobody holds
its lock, does it again where the journal has the tile, and forgets it where not.
"""

import errno
import io
import json
import math
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from ziggurat.readers.errors import ScratchFullError, SinkError
from ziggurat.readers.formats.sink_store.layout import store_file
from ziggurat.writers.files.small import NO_ROOM
from ziggurat.writers.store.mapped.chunks import Array, Place
from ziggurat.writers.store.mapped.locks import SLOTS, acquired_at_once, slot_lock

_HEAD = struct.Struct("<QI")  # sequence number, bytes of the JSON table that follows


@dataclass(frozen=True, slots=True)
class Part:
    """New pixels for a rectangle of one chunk of one of the store's arrays."""

    array: int
    frame: tuple[int, ...]
    row: int
    column: int
    inside: Place
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
            place = (part.frame, part.row, part.column)
            inside = [(side.start, side.stop) for side in part.inside]
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
    dtype: np.dtype = np.dtype(name)
    data = file.read(math.prod(shape) * dtype.itemsize)
    pixels = np.frombuffer(data, dtype).reshape(shape)
    rows, columns = (slice(*side) for side in inside)
    return Part(array, tuple(frame), line, column, (rows, columns), pixels)


class Slots:
    """The redo logs of a store: each claimed by a lock for the length of one tile, used again.

    A word a log says whether chunks are marked with it: then whoever claims it next, or looks for
    what was left half done, finishes that first.
    """

    def __init__(self, root: str, busy: Array) -> None:
        self._root, self.busy = root, busy

    def claim(self, file: io.FileIO) -> Slot:
        """Return a free log, locked through ``file``.

        Raises
        ------
        SinkError
            More tiles are being blended at this moment than there can be logs.
        """
        for number in range(SLOTS):
            if acquired_at_once(file, slot_lock(number)):
                return self.slot(number)
        raise SinkError(f"more than {SLOTS} tiles are being blended at this moment; try again")

    def abandoned(self, file: io.FileIO) -> Iterator[Slot]:
        """Claim and yield all logs that somebody left half done."""
        seen = self.busy.copy()  # numpy fails where others change what it counts
        for number in np.flatnonzero(seen).tolist():
            if acquired_at_once(file, slot_lock(number)):
                yield self.slot(number)

    def slot(self, number: int) -> Slot:
        """Return a log, whoever has it."""
        return Slot(number, str(store_file(self._root, f"redo-{number}")))
