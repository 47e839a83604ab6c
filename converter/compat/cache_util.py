"""The reference's names for the cache: ``ziggurat.cache_util``."""

import hashlib
import logging
import time
from collections.abc import Callable, Hashable
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
    "cachesClear",
    "cachesClearExceptTile",
    "cachesInfo",
    "isTileCacheSetup",
    "setCacheSize",
    "strhash",
]
