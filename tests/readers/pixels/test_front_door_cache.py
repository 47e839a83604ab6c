"""The tile cache from the front door: its size can be set, and how it does can be seen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.readers.pixels.cache import ByteCache, default_limit


@pytest.fixture
def cache_size() -> Iterator[Any]:
    size = ziggurat.cachesInfo()["tileCache"]["maximum"]
    yield size
    ziggurat.setCacheSize(size)


def test_the_cache_is_bounded_by_what_is_set(tmp_path: Path, cache_size: Any) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.zeros((2048, 2048), np.uint8), tile=(256, 256))
    region = {"left": 0, "top": 0, "width": 1024, "height": 1024}
    ziggurat.cachesClear()
    with ziggurat.open(path) as source:
        for _ in range(2):
            source.getRegion(region=region, format="numpy")
        info = ziggurat.cachesInfo()["tileCache"]
        assert info["used"] >= 1024 * 1024
        assert (info["hits"], info["misses"], info["hitRate"]) == (16, 16, 0.5)
        ziggurat.setCacheSize(600_000)
        assert ziggurat.cachesInfo()["tileCache"]["used"] <= 600_000
        ziggurat.setCacheSize(0)
        source.getRegion(region=region, format="numpy")
        assert ziggurat.cachesInfo()["tileCache"]["items"] == 0
    with pytest.raises(ziggurat.errors.OptionError, match="zero bytes or more"):
        ziggurat.setCacheSize(-1)


def test_the_default_is_a_share_of_memory(cache_size: Any) -> None:
    assert 64 << 20 <= cache_size <= 2 << 30


def test_the_environment_says_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZIGGURAT_CACHE_BYTES", "12345678")
    assert default_limit() == 12345678
    monkeypatch.setenv("ZIGGURAT_CACHE_BYTES", "0")
    assert default_limit() == 0
    for wrong in ("2GB", "-1", ""):
        monkeypatch.setenv("ZIGGURAT_CACHE_BYTES", wrong)
        with pytest.raises(ziggurat.errors.OptionError, match="ZIGGURAT_CACHE_BYTES"):
            default_limit()


def test_what_was_used_longest_ago_goes_first_and_sizes_are_counted_once() -> None:
    cache = ByteCache(800)
    for key in "abcdefgh":
        cache.put(("file", key), key, 100)
    cache.put(("file", "a"), "again", 50)  # instead of the old one: 750 are used
    assert cache.info().used == 750
    assert cache.get(("file", "b")) == "b"
    cache.put(("other", "i"), "i", 100)  # 850: c goes, as a and b have been in use since
    assert cache.info().used == 750
    assert cache.get(("file", "c")) is None
    assert cache.get(("file", "a")) == "again"
    assert cache.get(("file", "b")) == "b"
    cache.put(("file", "large"), "large", 101)  # more than an eighth
    assert cache.get(("file", "large")) is None
    cache.forget("file")
    info = cache.info()
    assert (info.items, info.used) == (1, 100)
