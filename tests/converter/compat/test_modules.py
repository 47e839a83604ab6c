"""The names that scripts of the reference touch are where they look for them."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

import ziggurat
from tests.each import each
from ziggurat.converter.compat import cache_util
from ziggurat.converter.compat import config as configuration
from ziggurat.readers.pixels.cache import tile_cache


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.tif"
    tifffile.imwrite(path, np.arange(64 * 64, dtype=np.uint16).reshape(64, 64), tile=(32, 32))
    return path


def limit() -> int:
    return tile_cache().info().limit


@pytest.fixture
def kept() -> Iterator[None]:
    values, size = dict(configuration.ConfigValues), limit()
    yield
    configuration.ConfigValues.clear()
    configuration.ConfigValues.update(values)
    tile_cache().resize(size)


def test_tilesource_is_the_same_library(picture: Path) -> None:
    tilesource = ziggurat.tilesource
    assert tilesource.TILE_FORMAT_NUMPY == ziggurat.constants.TILE_FORMAT_NUMPY == "numpy"
    assert tilesource.TileSource is tilesource.FileTileSource is ziggurat.Source
    assert tilesource.getTileSource is ziggurat.getTileSource
    assert issubclass(ziggurat.errors.OptionError, tilesource.TileSourceError)
    assert not tilesource.isGeospatial(picture)
    assert tilesource.loadTileSources() is None


@pytest.mark.parametrize("name", ["tiff", "openslide", "gdal", "vips"])
def test_sources_by_name_open_files_with_options(picture: Path, name: str) -> None:
    assert name in ziggurat.tilesource.AvailableTileSources
    source = ziggurat.tilesource.AvailableTileSources[name](picture, encoding="PNG")
    assert isinstance(source, ziggurat.tilesource.FileTileSource)
    assert source.getTileMimeType() == "image/png"
    assert ziggurat.tilesource.TileSource(picture, "PNG").getTileMimeType() == "image/png"
    with pytest.raises(KeyError, match="nothing like it"):
        ziggurat.tilesource.AvailableTileSources["nothing like it"]


@each(
    "one, other, near",
    [(4, 1, True), (100, 51, True), (100, 60, False), (1, 3.99, True), (0, 1, False), (7, 7, True)],
)
def test_near_powers_of_two(one: float, other: float, near: bool) -> None:
    assert ziggurat.tilesource.nearPowerOfTwo(one, other, 0.03) is near


def test_xml_comes_back_from_a_dictionary() -> None:
    text = '<a xmlns="urn:x" id="1"><b n="2">two</b><c>3</c><c>4</c><d/></a>'
    known = ziggurat.tilesource.etreeToDict(ElementTree.fromstring(text))
    assert known == {"a": {"id": "1", "b": {"n": "2", "text": "two"}, "c": ["3", "4"], "d": ""}}
    again = ziggurat.tilesource.dictToEtree(known)
    assert again.attrib["id"] == "1"
    assert again.find("b").text == "two"
    assert [child.text for child in again.findall("c")] == ["3", "4"]


def test_the_configuration_keeps_what_it_is_told(kept: None) -> None:
    config = ziggurat.config
    config.setConfig("cache_backend", "memcached")
    assert config.getConfig("cache_backend") == "memcached"
    assert config.getConfig("never set", 7) == 7
    assert config.getConfig() is configuration.ConfigValues
    assert config.cpu_count(False) >= 1
    own = logging.getLogger("a program's own")
    config.setConfig("logger", own)
    assert config.getLogger() is config.getLogger("logger") is own


def test_minimal_caching_shrinks_the_cache(kept: None) -> None:
    ziggurat.config.setConfig("cache_python_memory_portion", 16)
    large = limit()
    ziggurat.config.minimizeCaching()
    assert limit() == large // 16


def test_the_cache_is_cleared_by_its_old_name(picture: Path) -> None:
    ziggurat.open(picture).getRegion(format="numpy")
    ziggurat.cache_util.cachesClear()
    assert ziggurat.cache_util.isTileCacheSetup()
    assert ziggurat.cache_util.strhash("a", b=1) != ziggurat.cache_util.strhash("a", b=2)


def test_constants_are_complete() -> None:
    constants = ziggurat.constants
    assert constants.SourcePriority.NAMED < constants.SourcePriority.MANUAL
    for dtype in (np.uint8, np.int16, np.float32, np.float64):
        name = constants.dtypeToGValue[np.dtype(dtype).char]
        assert constants.GValueToDtype[name] == np.dtype(dtype).char
    assert constants.TileOutputPILFormat["JFIF"] == "JPEG"
    assert constants.NEW_IMAGE_PATH_FLAG
    assert constants.ExtraExtensionsToMimetypes


def test_a_cache_of_a_program_is_made_from_the_base(monkeypatch: pytest.MonkeyPatch) -> None:
    class Kept(cache_util.BaseCache):
        """A cache as web programs bring it."""

        def __init__(self) -> None:
            super().__init__(0, getsizeof=len)

        def __getitem__(self, key: Any) -> Any:
            return super().__getitem__(self._hashKey(key))

        def __setitem__(self, key: Any, value: Any) -> None:
            super().__setitem__(self._hashKey(key), value)

    kept = Kept()
    kept["a"] = 1
    assert kept["a"] == 1
    with pytest.raises(KeyError):
        kept["b"]
    moments = iter([100.0, 105.0, 111.0])
    monkeypatch.setattr(cache_util.time, "monotonic", lambda: next(moments))
    told: list[str] = []
    for text in ("first", "within ten seconds", "later"):
        kept.logError("gone", told.append, text)
    assert told == ["first", "later"]


def test_remote_files_are_named_by_their_urls(picture: Path) -> None:
    url = picture.as_uri()
    named = ziggurat.tilesource.make_vsi(url, use_head="no")
    with ziggurat.open(named) as source:
        assert source.sizeX == 64


def test_there_is_no_cache_of_sources_to_clear(picture: Path) -> None:
    with ziggurat.open(picture) as source:
        source.getRegion(format="numpy")
        held = tile_cache().info().used
        ziggurat.cache_util.cachesClearExceptTile()
        assert tile_cache().info().used == held > 0


def test_the_default_encoding_is_that_of_the_configuration(picture: Path, kept: None) -> None:
    configuration.setConfig("default_encoding", "PNG")
    try:
        assert ziggurat.open(picture).encoding == "PNG"
        assert ziggurat.Source(picture).getTile(0, 0, 0)[:4] == b"\x89PNG"
        assert ziggurat.open(picture, "TIFF").encoding == "TIFF"
    finally:
        configuration.setConfig("default_encoding", None)
    assert ziggurat.open(picture).encoding == "JPEG"


class Sums:
    """An object whose method is cached."""

    def __init__(self) -> None:
        self.cache, self.calls = cache_util.Cache(2), 0

    @cache_util.methodcache()
    def add(self, one: int, other: int = 2) -> int:
        """Count the calls."""
        self.calls += 1
        return one + other


def test_methods_and_functions_are_cached_as_programs_ask() -> None:
    sums = Sums()
    assert [sums.add(1), sums.add(1), sums.add(one=1), sums.add(2, other=3)] == [3, 3, 3, 5]
    assert sums.calls == 3
    assert sums.cache.currsize == 2
    seen: list[int] = []
    double = cache_util.cached(cache_util.Cache(9), cache_util.strhash)(
        lambda n: seen.append(n) or 2 * n
    )
    assert [double(4), double(4), seen] == [8, 8, [4]]


def test_programs_share_one_cache_for_tiles_of_their_own() -> None:
    cache, lock = cache_util.getTileCache()
    with lock:
        cache["mine"] = 7
    assert cache_util.getTileCache()[0]["mine"] == 7
    other, _ = cache_util.CacheFactory().getCache(2)
    for number in range(3):
        other[number] = number
    assert list(other) == [1, 2]
