"""What was used last, kept within a bound: for all that does not live in the tile cache."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable


class Lru[K: Hashable, V]:
    """Values under keys; those that were not asked for the longest go. The last one always stays.

    Threads share it; a forked child begins empty, as the lock may be held by a thread that is gone.

    Parameters
    ----------
    limit
        The most that all values together may count; it may be changed at any time.
    size_of
        What a value counts, such as its bytes; by default 1.
    """

    def __init__(self, limit: int, size_of: Callable[[V], int] = lambda _: 1) -> None:
        self.limit = limit
        self._size_of = size_of
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._items: OrderedDict[K, V] = OrderedDict()
        self._used = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def used(self) -> int:
        """What all values together count."""
        return self._used

    def get(self, key: K) -> V | None:
        """Return a value, or None."""
        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            value = self._items.get(key)
            if value is not None:
                self._items.move_to_end(key)
            return value

    def put(self, key: K, value: V) -> None:
        """Keep a value, in place of the one of that key."""
        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            old = self._items.pop(key, None)
            self._items[key] = value
            self._used += self._size_of(value) - (0 if old is None else self._size_of(old))
            while self._used > self.limit and len(self._items) > 1:
                self._used -= self._size_of(self._items.popitem(last=False)[1])

    def values(self) -> list[V]:
        """Return what is kept, for whoever has to close it."""
        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            return list(self._items.values())

    def clear(self) -> None:
        """Let go of everything."""
        self._begin()
