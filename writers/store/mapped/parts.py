"""What growth needs to know of a store."""

from typing import Protocol

from ziggurat.readers.formats.sink_store.layout import Header, StoreLayout
from ziggurat.writers.store.mapped.chunks import ChunkFiles
from ziggurat.writers.store.mapped.journal import Journal
from ziggurat.writers.store.mapped.locks import StructureLock


class StoreParts(Protocol):
    """The parts of the ``Store`` that a structural change works with."""

    root: str
    header: Header
    lock: StructureLock
    chunks: ChunkFiles
    journal: Journal

    @property
    def structure(self) -> StoreLayout:
        """The structure as it is now."""

    def settle_blends(self) -> None:
        """Finish blended tiles whose processes died in the middle."""
