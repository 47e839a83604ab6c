"""Where the keys of a new output go: files of a folder, objects, or entries of one archive."""

import os
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from ziggurat.readers.io.objects import Objects


class Keys(Protocol):
    """Takes each key once, its bytes in one or several parts."""

    def write(self, key: str, *parts: bytes) -> None:
        """Write one key."""


class KeyWriter(Keys, Protocol):
    """Keys of an output that is closed at the end."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class FolderWriter:
    """A key is a file below a folder that exists."""

    def __init__(self, path: Path) -> None:
        self._root = os.fspath(path)
        self._made = {""}

    def write(self, key: str, *parts: bytes) -> None:
        """Write one file, making folders on its way."""
        parent = key.rpartition("/")[0]
        if parent not in self._made:
            os.makedirs(f"{self._root}/{parent}", exist_ok=True)
            self._made.add(parent)
        with open(f"{self._root}/{key}", "xb", buffering=0) as file:
            for part in parts:
                view = memoryview(part)
                while view:
                    view = view[file.write(view) :]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""


class ObjectsWriter:
    """Puts objects, each in the place of one of its name: the same, of another try."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.written = 0

    def write(self, key: str, *parts: bytes) -> None:
        """Put one object."""
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._objects.replace(key, data)
        self.written += len(data)
