"""Decoded strips and large tiles, kept while neighbours are read: bounded in bytes.

Tiles of ordinary size are the tile cache's business; a strip or a tile of megapixels would be
decoded again for each small region in it.
"""

from collections.abc import Hashable

from ziggurat.readers.io.lru import Lru
from ziggurat.readers.model.reader import Pixels

CACHE_BYTES = 64 * 1024 * 1024


class SegmentCache:
    """Arrays that nobody may write into; threads share them, a forked child begins empty."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit = limit
        self._arrays: Lru[Hashable, Pixels] = Lru(limit, lambda array: array.nbytes)

    def get(self, key: Hashable) -> Pixels | None:
        """Return a kept array, which nobody may write into."""
        return self._arrays.get(key)

    def put(self, key: Hashable, array: Pixels) -> None:
        """Keep an array, where it is not too large to be worth it."""
        if array.nbytes <= self._limit:
            self._arrays.put(key, array)


SHARED = SegmentCache()  # one for all files of the process, so that the bound holds
