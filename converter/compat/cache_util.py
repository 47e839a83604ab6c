"""The reference's names for the cache: ``ziggurat.cache_util``."""

import contextlib
import functools
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Hashable, MutableMapping
from typing import Any

from ziggurat.readers.pixels.cache import cachesClear, cachesInfo, setCacheSize


class BaseCache(dict[Hashable, Any]):
    """What caches that programs bring are made from; ziggurat keeps tiles in its own.

    Programs define the methods that hold values; this has what theirs call.
    """

    def __init__(self, maxsize: float, getsizeof: Any = None, **options: Any) -> None:
        """Take what the reference's class takes; nothing of it has an effect here."""
        super().__init__()
        del maxsize, getsizeof, options
        self.lastError: dict[Hashable, float] = {}
        self.throttleErrors = 10.0  # seconds between messages of one kind

    def logError(self, err: Hashable, func: Callable[[str], object], msg: str) -> None:
        """Log a message of a kind, at most once in :attr:`throttleErrors` seconds."""
        now = time.monotonic()
        if now - self.lastError.get((err, func), -self.throttleErrors) >= self.throttleErrors:
            self.lastError[err, func] = now
            func(msg)

    def _hashKey(self, key: str) -> str:
        return hashlib.sha256(key.encode()).hexdigest()

    def __missing__(self, key: Hashable) -> Any:
        raise KeyError(key)


class Cache(dict[Hashable, Any]):
    """Values under keys, at most ``maxsize``; those that came first go."""

    def __init__(self, maxsize: float, getsizeof: object = None) -> None:
        super().__init__()
        del getsizeof
        self.maxsize = maxsize
        self._guard = threading.RLock()

    def __setitem__(self, key: Hashable, value: object) -> None:
        with self._guard:
            self.pop(key, None)
            super().__setitem__(key, value)
            while len(self) > max(1, self.maxsize):
                del self[next(iter(self))]

    @property
    def currsize(self) -> int:
        """How many values there are."""
        return len(self)


_VALUES = 1024  # of a cache that is asked for without a number


class LruCacheMetaclass(type):
    """What classes of the reference's sources are made by; nothing is cached here."""


def cached(
    cache: MutableMapping[Any, Any], key: Callable[..., Hashable] | None = None, lock: Any = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Keep what a function returns in a cache, under what ``key`` makes of its arguments."""
    named = key or strhash

    def decorated(call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def kept(*arguments: Any, **words: Any) -> Any:
            return _kept(cache, lock, named(*arguments, **words), lambda: call(*arguments, **words))

        return kept

    return decorated


def methodcache(
    key: Callable[..., Hashable] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Keep what a method returns in its object's ``cache``, under ``cache_lock`` if it has one."""
    named = key or strhash

    def decorated(call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def kept(self: Any, *arguments: Any, **words: Any) -> Any:
            cache = getattr(self, "cache", None)
            if cache is None:
                return call(self, *arguments, **words)
            name = named(*arguments, **words)
            lock = getattr(self, "cache_lock", None)
            return _kept(cache, lock, name, lambda: call(self, *arguments, **words))

        return kept

    return decorated


def _kept(
    cache: MutableMapping[Any, Any], lock: Any, name: Hashable, make: Callable[[], Any]
) -> Any:
    with lock or contextlib.nullcontext(), contextlib.suppress(KeyError):
        return cache[name]
    value = make()
    with lock or contextlib.nullcontext(), contextlib.suppress(KeyError, ValueError):
        cache[name] = value  # a cache that threads share without a lock may refuse
    return value


class CacheFactory:
    """Gives caches to programs; each has its own, and none holds ziggurat's tiles."""

    def getCache(
        self, numItems: int | None = None, cacheName: str | None = None, inProcess: bool = False
    ) -> tuple[Cache, threading.Lock]:
        """Return a cache of so many values, and the lock that its users take."""
        del cacheName, inProcess  # it is in this process, whatever is asked for
        return Cache(_VALUES if numItems is None else numItems), threading.Lock()


@functools.cache
def getTileCache() -> tuple[Cache, threading.Lock]:
    """Return the cache that programs share for tiles of their own, and its lock."""
    return CacheFactory().getCache()


def cachesClearExceptTile() -> None:
    """Do nothing but say so at debug level: sources are not cached."""
    logging.getLogger("ziggurat").debug("there is no cache of sources to clear")


def isTileCacheSetup() -> bool:
    """Return True: there is one cache of tiles, and it is made when it is needed."""
    return True


def strhash(*parts: Any, **named: Any) -> str:
    """Return a text that stands for its arguments: equal texts of arguments give equal ones."""
    text = repr((parts, sorted(named.items())))
    return hashlib.sha3_512(text.encode()).hexdigest()


__all__ = [
    "BaseCache",
    "Cache",
    "CacheFactory",
    "LruCacheMetaclass",
    "cached",
    "cachesClear",
    "cachesClearExceptTile",
    "cachesInfo",
    "getTileCache",
    "isTileCacheSetup",
    "methodcache",
    "setCacheSize",
    "strhash",
]
