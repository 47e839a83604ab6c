"""A hierarchy in one SQLite file: the table ``zarrs (k, v)`` of zarr 2's SQLiteStore."""

import sqlite3
import threading
from dataclasses import dataclass, field
from pathlib import Path

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.io.fork import PerProcess
from ziggurat.readers.io.keys import checked_key, key_tree

MAGIC = b"SQLite format 3\0"
_BUSY_SECONDS = 5.0


@dataclass(frozen=True)
class _Opened:
    """A connection of one process, whose threads take turns at it."""

    connection: sqlite3.Connection
    lock: threading.Lock = field(default_factory=threading.Lock)


class SqliteStore:
    """Keys and bytes of the table. One connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.url = str(path)
        self._uri = f"{path.resolve().as_uri()}?mode=ro"
        self._opened = PerProcess(self._open)  # no connection survives a fork
        self._tree: dict[str, set[str]] | None = None
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    def _check(self) -> None:
        query = "SELECT 1 FROM sqlite_master WHERE type='table' AND name='zarrs'"
        if not self._rows(query, ()):
            raise UnsupportedFormatError("it is an SQLite database without a table 'zarrs'")

    def _open(self) -> "_Opened":
        return _Opened(
            sqlite3.connect(self._uri, uri=True, timeout=_BUSY_SECONDS, check_same_thread=False)
        )

    def _rows(self, query: str, values: tuple[str | int, ...]) -> list[tuple[object, ...]]:
        try:
            opened = self._opened()
            with opened.lock:
                return opened.connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise CorruptSourceError(f"{self.url} can't be read as SQLite: {error}") from error

    def _value(self, what: str, key: str, *more: int) -> bytes | None:
        rows = self._rows(f"SELECT {what} FROM zarrs WHERE k = ?", (*more, checked_key(key)))
        if not rows:
            return None
        value = rows[0][0]
        if isinstance(value, str):
            return value.encode()
        if not isinstance(value, bytes):
            raise CorruptSourceError(f"{self.url}: the value of {key!r} is no bytes")
        return value

    def get(self, key: str) -> bytes | None:
        """Return the bytes of a key."""
        return self._value("v", key)

    def get_range(self, key: str, offset: int, length: int) -> bytes | None:
        """Return a part of a key's bytes."""
        if offset >= 0:
            return self._value("substr(v, ?, ?)", key, offset + 1, length)
        data = self._value("v", key)
        return None if data is None else data[offset:][:length]

    def children(self, prefix: str) -> list[str]:
        """Return the names just below a prefix."""
        if self._tree is None:
            self._tree = key_tree([str(row[0]) for row in self._rows("SELECT k FROM zarrs", ())])
        return sorted(self._tree.get(checked_key(prefix), ()))

    def close(self) -> None:
        """Close the file."""
        opened, self._opened = self._opened.present(), PerProcess(self._open)
        if opened is not None:
            with opened.lock:
                opened.connection.close()
