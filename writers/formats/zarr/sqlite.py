"""A hierarchy into one SQLite file: the table ``zarrs (k, v)`` that zarr 2's SQLiteStore opens."""

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self

from ziggurat.readers.errors import WriteError

_BEGIN = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "BEGIN",
    "CREATE TABLE zarrs (k TEXT PRIMARY KEY, v BLOB)",
)


class SqliteWriter:
    """Writes a new database in one transaction. Use it as a context manager.

    Nothing of it is safe before the end, and needs not be: whoever calls it puts the file in
    place when it is whole.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = sqlite3.connect(path, isolation_level=None)
        try:
            for statement in _BEGIN:
                self._run(statement)
        except BaseException:
            self._connection.close()
            raise

    def _run(self, statement: str, *values: str | bytes) -> None:
        try:
            self._connection.execute(statement, values)
        except sqlite3.IntegrityError as error:
            raise WriteError(f"{values[:1]} is in the database already") from error
        except (sqlite3.Error, OverflowError) as error:  # no room; a value of more than 1 GB
            raise WriteError(f"{self._path} can't be written as SQLite: {error}") from error

    def write(self, key: str, *parts: bytes) -> None:
        """Write one key."""
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._run("INSERT INTO zarrs VALUES (?, ?)", key, data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._run("COMMIT")
        finally:
            self._connection.close()
