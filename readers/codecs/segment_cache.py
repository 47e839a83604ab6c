"""Decoded strips and large tiles, kept while neighbours are read: bounded in bytes.

Tiles of ordinary size are the tile cache's business; a strip or a tile of megapixels would be
decoded again for each small region in it.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Hashable

from ziggurat.readers.model.reader import Pixels

CACHE_BYTES = 64 * 1024 * 1024


class SegmentCache:
    """The least recently used arrays go first. Threads share it; a forked child begins empty."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit = limit
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()  # anew: the parent's may be held by a thread that is gone
        self._arrays: OrderedDict[Hashable, Pixels] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable) -> Pixels | None:
        """Return a kept array, which nobody may write into."""
        if self._pid != os.getpid():
            self._reset()
        with self._lock:
            array = self._arrays.get(key)
            if array is not None:
                self._arrays.move_to_end(key)
            return array

    def put(self, key: Hashable, array: Pixels) -> None:
        """Keep an array, where it is not too large to be worth it."""
        if array.nbytes > self._limit:
            return
        with self._lock:
            old = self._arrays.pop(key, None)
            self._arrays[key] = array
            self._bytes += array.nbytes - (0 if old is None else old.nbytes)
            while self._bytes > self._limit:
                _, dropped = self._arrays.popitem(last=False)
                self._bytes -= dropped.nbytes


SHARED = SegmentCache()  # one for all files of the process, so that the bound holds
