"""What growth needs to know of a store."""

from typing import Protocol

from ziggurat.readers.store_layout import Header, Structure
from ziggurat.writers.chunks import ChunkFiles
from ziggurat.writers.journal import Journal
from ziggurat.writers.locks import StructureLock


class StoreParts(Protocol):
    """The parts of :class:`ziggurat.writers.store.Store` that a structural change works with."""

    root: str
    header: Header
    lock: StructureLock
    chunks: ChunkFiles
    journal: Journal

    @property
    def structure(self) -> Structure:
        """The structure as it is now."""

    def settle_blends(self) -> None:
        """Finish blended tiles whose processes died in the middle."""
