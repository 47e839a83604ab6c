"""A zip written as a stream: entries stored as they are, each known whole when it is written.

Source: PKWARE APPNOTE 6.3.10. Only what outputs need of it: no compression, no data
descriptors, zip64 where sizes or counts need it. The checksum is ISA-L's CRC-32, ten times
zlib's speed: over stored entries it would else be most of the work.
"""

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from isal import isal_zlib

from ziggurat.readers.errors import WriteError

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR64 = struct.Struct("<4sIQI")
_MOST_32 = 0xFFFFFFFF
_MOST_16 = 0xFFFF
_DATE, _TIME = 0x21, 0  # 1 January 1980: the same input gives the same file
_UTF8 = 0x800
_PLAIN, _ZIP64 = 20, 45  # the version that is needed to extract
_UNIX_FILE = 0o100644 << 16
_MOST_PARTS = 512  # of one writev; Linux takes 1024


class ZipWriter:
    """Writes a new zip. Use it as a context manager; without its end a zip is unreadable.

    Parameters
    ----------
    path
        The file to make; it must not exist.
    comment
        Goes to the end of the zip.
    """

    def __init__(self, path: Path, comment: bytes = b"") -> None:
        if len(comment) > _MOST_16:
            raise WriteError(f"a zip's comment has 65535 bytes at most, not {len(comment)}")
        self._comment = comment
        self._offset = 0
        self._entries: dict[bytes, tuple[int, int, int]] = {}  # crc, size, offset
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o666)

    def write(self, key: str, *parts: bytes) -> None:
        """Write one entry, its bytes in one or several parts."""
        name = key.encode("utf-8")
        if name in self._entries:
            raise WriteError(f"{key} is in the zip already")
        size = sum(len(part) for part in parts)
        checksum = 0
        for part in parts:
            checksum = isal_zlib.crc32(part, checksum)
        extra = struct.pack("<2H2Q", 1, 16, size, size) if size >= _MOST_32 else b""
        shown = _MOST_32 if extra else size
        version = _ZIP64 if extra else _PLAIN
        head = _LOCAL.pack(
            b"PK\3\4", version, _UTF8, 0, _TIME, _DATE, checksum, shown, shown, len(name),
            len(extra),
        )  # fmt: skip
        self._entries[name] = checksum, size, self._offset
        self._append((head, name, extra, *parts))

    def _append(self, parts: Sequence[bytes]) -> None:
        for first in range(0, len(parts), _MOST_PARTS):
            views = [memoryview(part) for part in parts[first : first + _MOST_PARTS] if part]
            while views:
                done = os.writev(self._descriptor, views)
                self._offset += done
                while views and done >= len(views[0]):
                    done -= len(views.pop(0))
                if done:
                    views[0] = views[0][done:]

    def close(self) -> None:
        """Write the directory, and close the file."""
        if self._descriptor < 0:
            return
        try:
            start = self._offset
            for name, facts in self._entries.items():
                self._append(_central(name, *facts))
            self._append(_end(len(self._entries), start, self._offset - start, self._comment))
        finally:
            self.abort()

    def abort(self) -> None:
        """Close the file as it is."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


def _central(name: bytes, checksum: int, size: int, offset: int) -> tuple[bytes, bytes, bytes]:
    """Return one record of the directory; what is too large for 32 bits goes to its extra field."""
    wide = b""
    if size >= _MOST_32:
        wide += struct.pack("<2Q", size, size)
    if offset >= _MOST_32:
        wide += struct.pack("<Q", offset)
    extra = struct.pack("<2H", 1, len(wide)) + wide if wide else b""
    shown = min(size, _MOST_32)
    version = _ZIP64 if wide else _PLAIN
    record = _CENTRAL.pack(
        b"PK\1\2", 3 << 8 | version, version, _UTF8, 0, _TIME, _DATE, checksum, shown, shown,
        len(name), len(extra), 0, 0, 0, _UNIX_FILE, min(offset, _MOST_32),
    )  # fmt: skip
    return record, name, extra


def _end(count: int, start: int, length: int, comment: bytes) -> tuple[bytes, ...]:
    """Return the end of the directory, with its zip64 form where numbers are too large."""
    wide: tuple[bytes, ...] = ()
    if count >= _MOST_16 or start >= _MOST_32 or length >= _MOST_32:
        wide = (
            _END64.pack(b"PK\6\6", 44, 3 << 8 | _ZIP64, _ZIP64, 0, 0, count, count, length, start),
            _LOCATOR64.pack(b"PK\6\7", 0, start + length, 1),
        )
    few, small, begin = min(count, _MOST_16), min(length, _MOST_32), min(start, _MOST_32)
    last = _END.pack(b"PK\5\6", 0, 0, few, few, small, begin, len(comment))
    return (*wide, last, comment)
