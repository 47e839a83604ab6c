"""The journal: one record of fixed size a finished tile, appended in one piece by one write.

It says which tiles are in, survives any process, and is the point at which a blended
tile counts as added. Records are 128 bytes, so none ever lies on two pages: a killed writer
leaves a whole record or none. A key goes before its tile in records of its own. What a full disk
or a file-size limit cut short is skipped: the next whole record is found by its check.
"""

import errno
import os
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from ziggurat.readers.errors import ScratchFullError
from ziggurat.readers.formats.sink_store.layout import MAX_AXES, StoreFile, store_file
from ziggurat.readers.io.lock_files import forks, opened, renewed
from ziggurat.writers.files.small import NO_ROOM

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
        ("key", "<u8"),  # hash of the key; 0: it has none
    ]
)
SIZE = RECORD.itemsize
assert SIZE == 128
_BODY = struct.Struct("<Iii Q 4q 8i 8i Q")  # the same without the check, for packing fast
_TEXT = struct.Struct("<IHH108sQ")  # flags, number and bytes of a part of a key, its hash
_TEXT_BYTES = 108
MASKED = 1  # a mask kept some of the tile's pixels out
KEY_PART = 2  # no tile: a part of the key of the tile that follows
_PIECE = 4096  # records looked at together

Records = np.ndarray


class Journal:
    """Appends records and reads them back."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._path = store_file(root, StoreFile.JOURNAL)
        self._file = opened(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        self.forks = forks()
        self.renew()

    def renew(self) -> None:
        """Begin anew in a forked child."""
        self._guard = threading.RLock()
        self._records: Records = np.empty(0, RECORD)
        self._read = 0
        self._keys: set[int] = set()
        self._keys_read = 0

    def append(self, record: bytes) -> None:
        """Append the records of one tile; when it returns, the tile is in.

        Raises
        ------
        ScratchFullError
            There is no room for it.
        """
        try:
            written = os.write(self._file.fileno(), record)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            written = 0
        if written == len(record):
            return
        if written % SIZE:
            self._fill_up(written)
        raise ScratchFullError(
            errno.ENOSPC, "no room for the sink's journal; the tile is not in", str(self._path)
        )

    def _fill_up(self, written: int) -> None:
        """Make what was cut short as long as a record, where there is room for that by now."""
        try:
            os.write(self._file.fileno(), bytes(-written % SIZE))
        except OSError:
            return  # who reads finds the next whole record all the same

    @property
    def empty(self) -> bool:
        """True while no tile is in."""
        return self.size == 0

    @property
    def size(self) -> int:
        """Bytes so far: what is appended later lies behind them."""
        return os.fstat(self._file.fileno()).st_size

    def pieces(self, position: int = 0) -> Iterator[tuple[Records, int]]:
        """Yield whole records from a position in the file on, some at a time, oldest first.

        With each piece comes the position behind it. Memory does not grow with the journal.
        """
        while True:
            data = os.pread(self._file.fileno(), _PIECE * SIZE, position)
            if len(data) < SIZE:
                return
            good, step = _whole(data)
            if not step:
                return
            position += step
            yield good, position

    def records(self) -> Records:
        """Return the records of all tiles so far, oldest first; they stay in memory."""
        renewed(self)
        with self._guard:
            fresh = [self._records]
            for piece, position in self.pieces(self._read):
                fresh.append(piece[piece["flags"] & KEY_PART == 0])
                self._read = position
            if len(fresh) > 1:
                self._records = np.concatenate(fresh)
            return self._records

    def of_frame(self, position: Sequence[int]) -> Records:
        """Return the records of tiles that touch one frame; axes in the order they came."""
        records = self.records()
        keep = np.ones(len(records), bool)
        for axis, index in enumerate(position):
            start, count = records["start"][:, axis], records["count"][:, axis]
            keep &= (start <= index) & (index < start + count)
        return records[keep]

    def has(self, slot: int, sequence: int) -> bool:
        """Return True where the tile with this redo log is in."""
        return any(
            bool(((piece["slot"] == slot) & (piece["sequence"] == sequence)).any())
            for piece, _ in self.pieces()
        )

    def has_key(self, key: int) -> bool:
        """Return True where a tile of this key (its hash) is in."""
        renewed(self)
        with self._guard:
            for piece, position in self.pieces(self._keys_read):
                keys = piece["key"][(piece["key"] != 0) & (piece["flags"] & KEY_PART == 0)]
                self._keys.update(keys.tolist())
                self._keys_read = position
            return key in self._keys

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _whole(data: bytes) -> tuple[Records, int]:
    """Return the whole records of some bytes, and how many bytes are done with."""
    end = len(data) // SIZE * SIZE
    view, crc = memoryview(data), zlib.crc32
    checks = np.frombuffer(data, "<u4", end // 4)[:: SIZE // 4].tolist()
    sums = [crc(view[start + 4 : start + SIZE]) for start in range(0, end, SIZE)]
    if sums == checks:
        return np.frombuffer(data, RECORD, end // SIZE), end
    good = next(n for n, pair in enumerate(zip(sums, checks, strict=True)) if pair[0] != pair[1])
    if good:
        return np.frombuffer(data, RECORD, good), good * SIZE
    for start in range(1, len(data) - SIZE + 1):  # something was cut short here
        body = view[start + 4 : start + SIZE]
        if crc(body) == int.from_bytes(view[start : start + 4], "little"):
            return np.empty(0, RECORD), start
    return np.empty(0, RECORD), len(data) - SIZE  # its end may be the beginning of a whole one


def pack_record(
    rectangle: tuple[int, int, int, int],
    start: Sequence[int],
    count: Sequence[int],
    *,
    masked: bool,
    slot: int = -1,
    sequence: int = 0,
    key: int = 0,
) -> bytes:
    """Return the record of a tile: (x, y, width, height) and where it is on the frame axes."""
    zeros = (0,) * (MAX_AXES - len(start))
    ones = (1,) * (MAX_AXES - len(count))
    flags = MASKED if masked else 0
    body = _BODY.pack(
        flags, slot, os.getpid(), sequence, *rectangle, *start, *zeros, *count, *ones, key
    )
    return zlib.crc32(body).to_bytes(4, "little") + body


def pack_key(text: bytes, key: int) -> bytes:
    """Return the records of a key's text, which go before that of its tile."""
    records = []
    for number, begin in enumerate(range(0, len(text), _TEXT_BYTES)):
        part = text[begin : begin + _TEXT_BYTES]
        body = _TEXT.pack(KEY_PART, number, len(part), part, key)
        records.append(zlib.crc32(body).to_bytes(4, "little") + body)
    return b"".join(records)


class KeyTexts:
    """Puts together the texts of keys as their parts come by."""

    def __init__(self) -> None:
        self._parts: dict[int, bytes] = {}

    def add(self, record: bytes) -> None:
        """Take a record that is a part of a key."""
        _, number, length, part, key = _TEXT.unpack(record[4:])
        before = self._parts.get(key, b"") if number else b""
        self._parts[key] = before + part[:length]

    def take(self, key: int) -> bytes:
        """Return the text of the key of a tile that comes by; empty where it is lost."""
        return self._parts.pop(key, b"")
