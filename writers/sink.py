"""Sinks: images that grow out of tiles, laid by any number of threads, processes and programs."""

import os
import weakref
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from ziggurat.readers.hooks import SourceHooks
from ziggurat.readers.options import OpenOptions
from ziggurat.readers.reader import Reader
from ziggurat.readers.store import StoreReader
from ziggurat.writers import scratch
from ziggurat.writers.attributes import AttributeFile, SinkAttributes, ValueFile
from ziggurat.writers.preallocation import Preallocation
from ziggurat.writers.store import Store, create_store
from ziggurat.writers.tileinput import tile_input


class Mode(Enum):
    """What :func:`new` does with a path."""

    CREATE = "create"  # a store must not be there
    JOIN = "join"  # it must be there: another program's, or one whose processes died
    RESUME = "resume"  # join it where it is there, create it where it isn't


class Sink(SinkAttributes, SourceHooks):
    """An image that grows out of tiles. Made by :func:`new`; pickles to its path."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._store = Store(path)
        self._attributes = AttributeFile(self._store.root)
        self._values = ValueFile(self._store.root)
        self._options = OpenOptions(noCache=True)

    def __reduce__(self) -> tuple[type["Sink"], tuple[str]]:
        return Sink, (self._store.root,)

    @property
    def path(self) -> str:
        """The folder of the store: open it from any program, with any Zarr library."""
        return self._store.root

    def addTile(
        self,
        tile: Any,
        x: int = 0,
        y: int = 0,
        mask: Any = None,
        axes: str | Sequence[str] | None = None,
        weight: Any = None,
        **positions: Any,
    ) -> None:
        """Lay a tile."""
        given = tile_input(tile, x, y, mask, axes, weight, positions)
        self._store.add(given)
        if given.values:
            self._values.add(given.start, given.values)

    def _reader(self) -> Reader:
        return StoreReader(self._store.root)

    def flush(self) -> None:
        """Bring zarr.json up to date."""
        self._store.publish()


def new(
    path: str | os.PathLike[str] | None = None,
    mode: Mode | str = Mode.CREATE,
    *,
    sizeX: int | None = None,
    sizeY: int | None = None,
    bands: int | None = None,
    dtype: Any = None,
    axes: Mapping[str, int] | None = None,
    tileSize: int | tuple[int, int] = 512,
    blend: str = "over",
    fill: float = 0,
    expectedCoverage: float = 1.0,
) -> Sink:
    """Make a sink, or join one."""
    wanted = Preallocation(sizeX, sizeY, bands, dtype, axes, tileSize, blend, fill)
    structure = wanted.structure()
    home = scratch.temporary_folder() if path is None else Path(path).absolute().parent
    scratch.check_room(home, wanted.bytes * expectedCoverage)
    folder = scratch.making_folder(home)
    create_store(str(folder), structure, wanted.sizes)
    if path is None:
        scratch.sweep(home)
        target = home / folder.name.replace(scratch.MAKING, scratch.PREFIX)
        descriptor = scratch.claim(folder)
        folder.rename(target)
        sink = Sink(target)
        weakref.finalize(sink, scratch.release, str(target), descriptor, os.getpid())
        return sink
    folder.rename(path)
    return Sink(path)
