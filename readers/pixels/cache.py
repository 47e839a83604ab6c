"""The process-wide tile cache: least recently used out first, bounded in bytes.

Keys begin with the identity of the file (path, inode, size, time of change), so a file that
was overwritten is a different one.
"""

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ziggurat.readers.errors import OptionError
from ziggurat.readers.io.system import available_memory

_SHARE = 1 / 16  # of the memory that is free when the cache is first used
_SMALLEST, _LARGEST = 64 << 20, 2 << 30
ENVIRONMENT = "ZIGGURAT_CACHE_BYTES"


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What a cache holds and how it has done."""

    items: int
    used: int
    limit: int
    hits: int
    misses: int

    @property
    def hit_rate(self) -> float:
        """Hits over look-ups, 0 before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


class ByteCache:
    """Arrays and bytes under hashable keys; every method may be called from several threads."""

    def __init__(self, limit: int) -> None:
        self._lock = threading.Lock()
        self._items: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._limit = limit
        self._used = self._hits = self._misses = 0
        self._forgotten: deque[Hashable] = deque()

    def takes(self, size: int) -> bool:
        """Return True where a value of so many bytes is stored by :meth:`put`."""
        return size <= self._limit // 8

    def get(self, key: Hashable) -> Any:
        """Return what is stored under a key, or None."""
        with self._lock:
            entry = self._items.get(key)
            if entry is None:
                self._misses += 1
                return None
            self._hits += 1
            self._items.move_to_end(key)
            return entry[0]

    def get_all(self, keys: Sequence[Hashable]) -> list[Any]:
        """Return what is stored under each of some keys, or None."""
        with self._lock:
            items = self._items
            entries = [items.get(key) for key in keys]
            missing = entries.count(None)
            self._misses += missing
            self._hits += len(entries) - missing
            for key, entry in zip(keys, entries, strict=True):
                if entry is not None:
                    items.move_to_end(key)
        return [None if entry is None else entry[0] for entry in entries]

    def peek(self, key: Hashable) -> Any:
        """Return the same as :meth:`get`, for who has asked before: it counts for nothing."""
        return self.peek_all((key,))[0]

    def peek_all(self, keys: Sequence[Hashable]) -> list[Any]:
        """Return the same as :meth:`get_all`, for who has asked before."""
        with self._lock:
            entries = [self._items.get(key) for key in keys]
        return [None if entry is None else entry[0] for entry in entries]

    def put(self, key: Hashable, value: object, size: int) -> None:
        """Store a value of so many bytes; what is larger than an eighth of the cache is not."""
        self.put_all(((key, value, size),))

    def put_all(self, entries: Sequence[tuple[Hashable, object, int]]) -> None:
        """Store many (key, value, bytes) as by :meth:`put`."""
        most = self._limit // 8
        with self._lock:
            self._drop_forgotten()
            for key, value, size in entries:
                if size <= most:
                    old = self._items.pop(key, None)
                    if old is not None:
                        self._used -= old[1]
                    self._items[key] = (value, size)
                    self._used += size
            self._shrink()

    def forget(self, identity: Hashable) -> None:
        """Let go of all keys that begin so: nobody will ask for them again.

        They go with the next ``put`` or ``info``: this may be called while garbage is collected,
        in a thread that has the lock.
        """
        self._forgotten.append(identity)

    def _drop_forgotten(self) -> None:
        if not self._forgotten:
            return
        gone = {self._forgotten.popleft() for _ in range(len(self._forgotten))}
        for key in [key for key in self._items if isinstance(key, tuple) and key[0] in gone]:
            self._used -= self._items.pop(key)[1]

    def resize(self, limit: int) -> None:
        """Change the limit; what no longer fits is dropped."""
        if limit < 0:
            raise OptionError(f"a cache must hold zero bytes or more, not {limit}")
        with self._lock:
            self._limit = limit
            self._shrink()

    def clear(self) -> None:
        """Drop everything and count from zero."""
        with self._lock:
            self._items.clear()
            self._used = self._hits = self._misses = 0

    def info(self) -> CacheInfo:
        """Return size, limit and counts."""
        with self._lock:
            self._drop_forgotten()
            return CacheInfo(len(self._items), self._used, self._limit, self._hits, self._misses)

    def _shrink(self) -> None:
        while self._used > self._limit:
            _, (_, size) = self._items.popitem(last=False)
            self._used -= size


def default_limit() -> int:
    """Return the limit: ``ZIGGURAT_CACHE_BYTES``, or a sixteenth of the memory that is free."""
    told = os.environ.get(ENVIRONMENT)
    if told is not None:
        if not told.isdecimal():
            raise OptionError(f"{ENVIRONMENT} must be a number of bytes, not {told!r}")
        return int(told)
    share = int(available_memory() * _SHARE)
    return min(max(share, _SMALLEST), _LARGEST)


_made_lock = threading.Lock()
_cache: ByteCache | None = None


def tile_cache() -> ByteCache:
    """Return the cache that all sources of this process share."""
    global _cache
    if _cache is None:
        with _made_lock:
            if _cache is None:
                _cache = ByteCache(default_limit())
    return _cache


def forget(identity: Hashable) -> None:
    """Let the cache go of all of an image, where there is a cache."""
    if _cache is not None:
        _cache.forget(identity)


def cachesClear() -> None:
    """Empty the tile cache."""
    tile_cache().clear()


def cachesInfo() -> dict[str, dict[str, float]]:
    """Return use and hit rate of the tile cache (sizes in bytes)."""
    info = tile_cache().info()
    return {
        "tileCache": {
            "items": info.items,
            "used": info.used,
            "maximum": info.limit,
            "hits": info.hits,
            "misses": info.misses,
            "hitRate": info.hit_rate,
        }
    }


def setCacheSize(limit: int) -> None:
    """Let the tile cache hold at most so many bytes; 0 switches it off."""
    tile_cache().resize(limit)


def file_identity(path: Path | None, url: str) -> Hashable:
    """Return what tells one state of a file from another; None for what can't be told (URLs)."""
    if path is None:
        return None
    try:
        facts = path.stat()
    except (OSError, ValueError):  # gone since it was opened, or no path that can be
        return None
    return (url, facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)


def _after_fork() -> None:
    # the lock may have been held by a thread of the parent; the pixels are as good as new
    global _cache, _made_lock
    _made_lock = threading.Lock()
    _cache = None


os.register_at_fork(after_in_child=_after_fork)
