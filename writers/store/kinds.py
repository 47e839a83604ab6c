"""The kinds of store, by name: which module makes one, and which attaches to one."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ziggurat.readers.errors import SinkInputError
from ziggurat.readers.formats.sink_store.layout import StoreLayout, is_segment_store, is_store
from ziggurat.readers.io.objects import is_cloud
from ziggurat.readers.model.checks import one_text
from ziggurat.writers.store.interface import TileStore
from ziggurat.writers.store.log.store import LogStore, create_log
from ziggurat.writers.store.mapped.create import create_store
from ziggurat.writers.store.mapped.store import Store


@dataclass(frozen=True, slots=True)
class StoreKind:
    """One kind: ``create`` makes the files of an empty store in a folder, ``attach`` joins it."""

    name: str
    create: Callable[[str, StoreLayout, Sequence[int]], None]
    attach: Callable[[str | os.PathLike[str]], TileStore]


MAPPED = StoreKind("mapped", create_store, Store)
LOG = StoreKind("log", create_log, LogStore)
KINDS = {kind.name: kind for kind in (MAPPED, LOG)}


def kind_for(name: str | None, path: object) -> StoreKind:
    """Return the kind that was asked for; None: the one that suits the place.

    Raises
    ------
    SinkInputError
        There is none of that name, or it can't be there.
    """
    cloud = is_cloud(path) if isinstance(path, str) else False
    if name is None:
        return LOG if cloud else MAPPED
    one_text("store", name, KINDS, SinkInputError)
    if cloud and KINDS[name] is not LOG:
        raise SinkInputError(f"a store on object storage must be 'log', not {name!r}")
    return KINDS[name]


def refuse_other_kind(kind: StoreKind, place: Path) -> None:
    """Refuse to join a store of another kind than was asked for.

    Raises
    ------
    SinkInputError
        It is of another kind.
    """
    if is_store(place) and is_segment_store(place) != (kind is LOG):
        raise SinkInputError(f"the store {place} is not of the kind {kind.name!r}")


def attach(root: str | os.PathLike[str]) -> TileStore:
    """Attach to a store, of whatever kind it is.

    Raises
    ------
    UnsupportedFormatError, CorruptSourceError
        There is no store, or a damaged one.
    SinkError
        It may not be written to, or not from here.
    """
    kind = LOG if is_cloud(root) or is_segment_store(root) else MAPPED
    return kind.attach(root)
