"""Puts the engine's tiles into the order of a file: level after level, frame after frame."""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from ziggurat.readers.errors import WriteError
from ziggurat.writers.model.levels import BlankTile, EncodedTile

IN_MEMORY = 16 << 20  # bytes of tiles that wait: those of an image of 8,192 x 8,192 as JPEG


class TileSorter:
    """Takes tiles as they get ready and gives each (frame, level) as one run.

    Tiles of the level that is asked for pass straight through; others wait in memory, and when
    they are too many for it in one file beside the target, which is reused from its beginning when
    nothing waits any more. Blank tiles, a hundred thousand of a sparse image, are one object.
    """

    def __init__(self, tiles: Iterator[EncodedTile], folder: Path) -> None:
        self._tiles = tiles
        self._path = folder / ".spool"
        self._descriptor = -1
        self._end = self._held = 0
        self._waiting: dict[tuple[int, int], deque[tuple[int, int] | bytes | None]] = {}

    def level(self, frame: int, level: int, count: int) -> Iterator[bytes]:
        """Yield the ``count`` tiles of one level, row by row; b"" where nothing is stored."""
        waiting = self._waiting.pop((frame, level), deque())
        for place in waiting:
            if isinstance(place, tuple):
                yield self._read(*place)
            else:
                yield b"" if place is None else place
        if not self._waiting:
            self._end = self._held = 0
        left = count - len(waiting)
        if not left:
            return
        for tile in self._tiles:
            if tile.frame != frame or tile.level != level:
                self._keep(tile)
                continue
            yield b"" if tile.data is None else tile.data
            left -= 1
            if not left:
                return
        raise WriteError(f"frame {frame}, level {level} ended before its last tile")

    def _keep(self, tile: EncodedTile) -> None:
        data = tile.data
        place: tuple[int, int] | bytes | None = data
        if data is not None and not isinstance(data, BlankTile):
            self._held += len(data)
            if self._held > IN_MEMORY:
                place = self._write(data)
        self._waiting.setdefault((tile.frame, tile.level), deque()).append(place)

    def _write(self, data: bytes) -> tuple[int, int]:
        if self._descriptor < 0:
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
        place = self._end, len(data)
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, self._end)
            self._end += written
            view = view[written:]
        return place

    def _read(self, offset: int, length: int) -> bytes:
        data = os.pread(self._descriptor, length, offset)
        if len(data) != length:
            raise WriteError(f"{self._path} lost {length - len(data)} bytes")
        return data

    def close(self) -> None:
        """Stop the engine and remove the file."""
        if hasattr(self._tiles, "close"):
            self._tiles.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._path.unlink(missing_ok=True)
