"""The reference's names for the cache: ``ziggurat.cache_util``."""

import hashlib

from ziggurat.readers.pixels.cache import cachesClear, cachesInfo, setCacheSize


def isTileCacheSetup() -> bool:
    """Return True: there is one cache of tiles, and it is made when it is needed."""
    return True


def strhash(*parts: object, **named: object) -> str:
    """Return a text that stands for its arguments: equal texts of arguments give equal ones."""
    text = repr((parts, sorted(named.items())))
    return hashlib.sha3_512(text.encode()).hexdigest()


__all__ = ["cachesClear", "cachesInfo", "isTileCacheSetup", "setCacheSize", "strhash"]
