"""Blending (comes next)."""

from ziggurat.writers.chunks import ChunkFiles
from ziggurat.writers.journal import Journal


class Blender:
    """Blends tiles into chunks."""

    def __init__(self, root: str, chunks: ChunkFiles, journal: Journal) -> None:
        self._root, self._chunks, self._journal = root, chunks, journal

    def close(self) -> None:
        """Close."""
