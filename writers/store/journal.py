"""The journal: one record of fixed size a finished tile, appended in one piece by one write.

It says which tiles are in, survives any process, and is the point at which a blended
tile counts as added. Records are 128 bytes, so none ever lies on two pages: a killed writer
leaves a whole record or none.
"""

import errno
import os
import struct
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ziggurat.readers.errors import ScratchFullError
from ziggurat.readers.formats.sink_store.layout import MAX_AXES, Name, own
from ziggurat.readers.io.lock_files import forks, renewed

RECORD = np.dtype(
    [
        ("check", "<u4"),  # CRC-32 of the rest; a record that fails it is not a record
        ("flags", "<u4"),
        ("slot", "<i4"),  # whose redo log, in blending modes; -1 otherwise
        ("pid", "<i4"),
        ("sequence", "<u8"),  # of that redo log
        ("x", "<i8"),
        ("y", "<i8"),
        ("width", "<i8"),
        ("height", "<i8"),
        ("start", "<i4", (MAX_AXES,)),  # on the frame axes, in the order in which they came
        ("count", "<i4", (MAX_AXES,)),
        ("spare", "<u8"),
    ]
)
assert RECORD.itemsize == 128
_BODY = struct.Struct("<Iii Q 4q 8i 8i Q")  # the same without the check, for packing fast
MASKED = 1  # a mask kept some of the tile's pixels out


@dataclass(frozen=True, slots=True)
class TileRecord:
    """A tile that is in: position and size in pixels, and where it lies on the frame axes.

    ``frame`` maps an axis to its first position, ``frames`` to how many positions the tile
    spans (more than one for tiles of more than three dimensions).
    """

    x: int
    y: int
    width: int
    height: int
    frame: Mapping[str, int]
    frames: Mapping[str, int]
    masked: bool


class Journal:
    """Appends records and reads them back, each byte once."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._path = own(root, Name.JOURNAL)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
        self.forks = forks()
        self.renew()

    def renew(self) -> None:
        """Begin anew in a forked child."""
        self._guard = threading.Lock()
        self._records = np.empty(0, RECORD)
        self._read = 0

    def append(self, record: bytes) -> None:
        """Append one record; when it returns, the tile is in.

        Raises
        ------
        ScratchFullError
            There is no room for it.
        """
        try:
            written = os.write(self._descriptor, record)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            written = 0
        if written != RECORD.itemsize:
            raise ScratchFullError(
                errno.ENOSPC, "no room for the sink's journal; the tile is not in", str(self._path)
            )

    @property
    def empty(self) -> bool:
        """True while no tile is in."""
        return os.fstat(self._descriptor).st_size == 0

    def records(self) -> np.ndarray[Any, np.dtype[Any]]:
        """Return all whole records so far, oldest first."""
        renewed(self)
        with self._guard:
            size = os.fstat(self._descriptor).st_size
            wanted = (size - self._read) // RECORD.itemsize * RECORD.itemsize
            if wanted:
                data = os.pread(self._descriptor, wanted, self._read)
                fresh = np.frombuffer(data[: len(data) // 128 * 128], RECORD)
                whole = [zlib.crc32(r.tobytes()[4:]) == r["check"] for r in fresh]
                self._records = np.concatenate([self._records, fresh[whole]])
                self._read += fresh.nbytes
            return self._records

    def of_frame(self, position: Sequence[int]) -> np.ndarray[Any, np.dtype[Any]]:
        """Return the records of tiles that touch one frame; axes in the order they came."""
        records = self.records()
        keep = np.ones(len(records), bool)
        for axis, index in enumerate(position):
            start, count = records["start"][:, axis], records["count"][:, axis]
            keep &= (start <= index) & (index < start + count)
        return records[keep]

    def has(self, slot: int, sequence: int) -> bool:
        """Return True where the tile with this redo log is in."""
        records = self.records()
        return bool(((records["slot"] == slot) & (records["sequence"] == sequence)).any())

    def sync(self) -> None:
        """Ask the disk to keep it over a power cut."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def pack_record(
    rectangle: tuple[int, int, int, int],
    start: Sequence[int],
    count: Sequence[int],
    *,
    masked: bool,
    slot: int = -1,
    sequence: int = 0,
) -> bytes:
    """Return the record of a tile: (x, y, width, height) and where it is on the frame axes."""
    zeros = (0,) * (MAX_AXES - len(start))
    ones = (1,) * (MAX_AXES - len(count))
    flags = MASKED if masked else 0
    body = _BODY.pack(
        flags, slot, os.getpid(), sequence, *rectangle, *start, *zeros, *count, *ones, 0
    )
    return zlib.crc32(body).to_bytes(4, "little") + body
