"""What the names of the reference's configuration and caches give: rows of test_each_name."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ziggurat
from ziggurat.converter.compat import cache_util, config
from ziggurat.readers.pixels.cache import tile_cache

Row = tuple[Callable[[Path], Any], Any]  # what is asked of an image's path, and what it has to give


def minimized(mode: str | None) -> tuple[object, bool]:
    """Return the limit of sources, and whether that of tiles has changed, after a call."""
    config.ConfigValues["cache_tilesource_maximum"] = 0
    config.setConfig("cache_python_memory_portion", 32)
    before = tile_cache().info().limit
    config.minimizeCaching(mode)
    after = tile_cache().info().limit
    return config.getConfig("cache_tilesource_maximum"), after == before // 8


def counted(wrap: Callable[[Callable[..., int]], Callable[..., int]]) -> list[int]:
    seen: list[int] = []

    def add(one: int, other: int = 10) -> int:
        seen.append(one)
        return one + other

    call = wrap(add)
    return [call(1), call(1), call(2), call(1, other=3), len(seen)]


class Held:
    """What a method's cache is asked of."""

    def __init__(self, **words: Any) -> None:
        self.calls = 0
        self.__dict__.update(words)

    @cache_util.methodcache(key=lambda n: n % 10)
    def tens(self, n: int) -> int:
        self.calls += 1
        return n


def held(**words: Any) -> list[int]:
    one = Held(**words)
    return [one.tens(4), one.tens(14), one.tens(5), one.calls]


def told(seconds: float) -> int:
    """Return how many of two messages of one kind are let through so far apart."""
    cache, heard = cache_util.BaseCache(9), list[str]()
    cache.throttleErrors = 4.0
    moments = iter([100.0, 100.0 + seconds])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache_util.time, "monotonic", lambda: next(moments))
        for _ in range(2):
            cache.logError("gone", heard.append, "x")
    return len(heard)


CONFIG: dict[str, Row] = {
    "ConfigValues": (
        lambda _: {k: v for k, v in config.ConfigValues.items() if not k.startswith("log")},
        {"cache_backend": "python", "cache_python_memory_portion": 32,
         "cache_tilesource_memory_portion": 8, "cache_tilesource_maximum": 0,
         "cache_sources": True, "max_small_image_size": 4096, "icc_correction": False},
    ),
    "cpu_count": (
        lambda _: (config.cpu_count() >= config.cpu_count(logical=False) >= 1), True
    ),
    "getConfig": (
        lambda _: (config.getConfig("max_small_image_size"), config.getConfig("x"),
                   config.getConfig("x", 5), config.getConfig() is config.ConfigValues),
        (4096, None, 5, True),
    ),
    "getLogger": (
        lambda _: (config.getLogger().name, config.getLogger("x").name,
                   config.getLogger("x", logging.getLogger("mine")).name,
                   config.getLogger("cache_backend").name, config.getLogger("logprint").name),
        ("ziggurat", "ziggurat", "mine", "ziggurat", "ziggurat"),
    ),
    "minimizeCaching": (
        lambda _: [minimized(mode) for mode in (None, "tile", "Source")],
        [(1, True), (0, True), (1, False)],
    ),
    "setConfig": (
        lambda _: (config.setConfig("a", 1), config.getConfig("a"),
                   config.setConfig("cache_python_memory_portion", "4"),
                   tile_cache().info().limit == config.total_memory() // 4),
        (None, 1, None, True),
    ),
    "total_memory": (lambda _: config.total_memory() > 1 << 28, True),
}  # fmt: skip

CACHE: dict[str, Row] = {
    "BaseCache": (lambda _: (told(3.9), told(4.0), len(cache_util.BaseCache(9))), (1, 2, 0)),
    "Cache": (
        lambda _: [
            (list(cache.items()), cache.currsize, cache.maxsize)
            for cache in (cache_util.Cache(2), cache_util.Cache(0))
            for _n in [cache.update({}) or [cache.__setitem__(n, n * 2) for n in (1, 2, 1, 3)]]
        ],
        [([(1, 2), (3, 6)], 2, 2), ([(3, 6)], 1, 0)],
    ),
    "CacheFactory": (
        lambda _: [
            (cache.maxsize, type(lock) is type(threading.Lock()))
            for cache, lock in (cache_util.CacheFactory().getCache(7),
                                cache_util.CacheFactory().getCache(cacheName="x"))
        ],
        [(7, True), (1024, True)],
    ),
    "LruCacheMetaclass": (
        lambda _: isinstance(cache_util.LruCacheMetaclass("A", (), {}), type), True
    ),
    "cached": (
        lambda _: [counted(cache_util.cached({}, key, lock)) for key, lock in (
            (None, None), (lambda one, **_: one, threading.Lock()))],
        [[11, 11, 12, 4, 3], [11, 11, 12, 11, 2]],
    ),
    "cachesClear": (
        lambda path: (ziggurat.open(path).getRegion(format="numpy")[1], cache_util.cachesClear(),
                      tile_cache().info().used),
        ("numpy", None, 0),
    ),
    "cachesClearExceptTile": (lambda _: cache_util.cachesClearExceptTile(), None),
    "cachesInfo": (lambda _: isinstance(cache_util.cachesInfo(), dict), True),
    "getTileCache": (
        lambda _: (cache_util.getTileCache()[0].maxsize,
                   cache_util.getTileCache()[0] is cache_util.getTileCache()[0]),
        (1024, True),
    ),
    "isTileCacheSetup": (lambda _: cache_util.isTileCacheSetup(), True),
    "methodcache": (
        lambda _: [held(cache={}), held(cache={}, cache_lock=threading.Lock()), held(cache=None)],
        [[4, 4, 5, 2], [4, 4, 5, 2], [4, 14, 5, 3]],
    ),
    "setCacheSize": (
        lambda _: (cache_util.setCacheSize(12345), tile_cache().info().limit), (None, 12345)
    ),
    "strhash": (
        lambda _: (len({cache_util.strhash(*a, **k) for a, k in (
            ((1, 2), {}), ((2, 1), {}), ((1,), {"b": 2}), ((1,), {"c": 2}), (("1", 2), {}))}),
            cache_util.strhash(1, a=1, b=2) == cache_util.strhash(1, b=2, a=1)),
        (5, True),
    ),
}  # fmt: skip
