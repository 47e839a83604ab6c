"""The kinds of store, by name: which module makes one, and which attaches to one."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ziggurat.readers.formats.sink_store.layout import Structure
from ziggurat.writers.store.interface import TileStore
from ziggurat.writers.store.mapped.store import Store, create_store


@dataclass(frozen=True, slots=True)
class StoreKind:
    """One kind: ``create`` makes the files of an empty store in a folder, ``attach`` joins it."""

    name: str
    create: Callable[[str, Structure, Sequence[int]], None]
    attach: Callable[[str | os.PathLike[str]], TileStore]


MAPPED = StoreKind("mapped", create_store, Store)


def attach(root: str | os.PathLike[str]) -> TileStore:
    """Attach to a store, of whatever kind it is.

    Raises
    ------
    UnsupportedFormatError, CorruptSourceError
        There is no store, or a damaged one.
    SinkError
        It may not be written to, or not from here.
    """
    return MAPPED.attach(root)
