"""Each word of ``open`` and of each call arrives where it is meant, and no other one changes."""

import dataclasses
import inspect
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from tests.each import each
from ziggurat.readers.formats.table import FORMATS
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.source.options import OpenOptions
from ziggurat.readers.source.output.encode import Encoding
from ziggurat.readers.source.request import (
    CountWords,
    EncodingWords,
    GridWords,
    RegionWords,
    delivery_of,
    iteration_request,
    region_request,
)
from ziggurat.readers.style.access import effective_style

OPENED: dict[str, Any] = {
    "encoding": "PNG", "jpegQuality": 61, "jpegSubsampling": 2, "tiffCompression": "lzw",
    "edge": "#010203", "style": {"band": 2}, "projection": "EPSG:3857", "unitsPerPixel": 7.0,
    "warp": "cubic", "noCache": True,
}  # fmt: skip
ENCODED: dict[str, tuple[str, Any]] = {
    "encoding": ("name", "TIFF"), "jpegQuality": ("jpeg_quality", 17),
    "jpegSubsampling": ("jpeg_subsampling", 1), "tiffCompression": ("tiff_compression", "zstd"),
}  # fmt: skip
PLACED: dict[str, Any] = {
    "region": {"left": 3}, "scale": {"magnification": 5}, "output": {"maxWidth": 9}, "frame": 2,
    "style": {"band": 3},
}  # fmt: skip
GRID: dict[str, Any] = {
    "tile_size": {"width": 5}, "tile_overlap": {"x": 1}, "tile_offset": {"left": 4},
    "tile_position": 6,
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "a.tif"
    pixels = np.random.default_rng(3).integers(0, 255, (90, 130, 3), np.uint8)
    tifffile.imwrite(made, pixels, tile=(48, 64), photometric="rgb")
    return made


@pytest.mark.parametrize("word", OPENED)
def test_each_word_of_open(word: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[OpenOptions] = []

    def record(path: object, options: OpenOptions) -> None:
        seen.append(options)

    monkeypatch.setattr("ziggurat.readers.source.open.Source", record)
    ziggurat.open(path, **{word: OPENED[word]})
    assert seen == [OpenOptions(**{word: OPENED[word]})]
    assert seen != [OpenOptions()]


def test_the_words_of_open_are_all_looked_at() -> None:
    words = set(inspect.signature(ziggurat.open).parameters) - {"path"}
    assert words == set(OPENED) == {field.name for field in dataclasses.fields(OpenOptions)}
    assert set(EncodingWords.__annotations__) == set(ENCODED)
    taken = set(RegionWords.__annotations__) | set(GridWords.__annotations__)
    known = {*ENCODED, *PLACED, *GRID, "fill", "resample", "compression"}
    assert taken == known >= set(CountWords.__annotations__) - {"format"}


def test_nothing_is_kept_of_what_is_opened_without_cache(path: Path) -> None:
    ziggurat.cachesClear()
    for kept in (False, True):
        with ziggurat.open(path, noCache=not kept) as source:
            source.getRegion(format="numpy")
            source.getTile(0, 0, source.levels - 1)
            list(source.tileIterator(format="numpy"))
            assert bool(ziggurat.cachesInfo()["tileCache"]["items"]) is kept


@pytest.mark.parametrize("word", [None, *ENCODED])
def test_each_word_of_an_encoding(word: str | None) -> None:
    options = OpenOptions(encoding="PNG", jpegQuality=61, jpegSubsampling=2, tiffCompression="lzw")
    due = Encoding("PNG", 61, 2, "lzw")
    words: Any = {}
    if word is not None:
        field, value = ENCODED[word]
        words, due = {word: value}, dataclasses.replace(due, **{field: value})
    assert delivery_of(options, words).encoding == due
    assert delivery_of(options, words, ["PIL", "image"]).format == "PIL"


@each("word", [None, *PLACED])
def test_each_word_of_a_place(word: str | None) -> None:
    options = OpenOptions(style={"band": 1})
    words: Any = {} if word is None else {word: PLACED[word]}
    due: dict[str, Any] = dict.fromkeys(PLACED) | words
    for made in (
        region_request(options, words, "box", "#010203"),
        iteration_request(options, words, "box").pixels,
    ):
        assert {name: getattr(made, name) for name in due if name != "style"} == {
            name: value for name, value in due.items() if name != "style"
        }
        assert made.style == effective_style(due["style"] or options.style)
        assert made.resample == "box"
    assert region_request(options, words, "box", "#010203").fill == "#010203"


@pytest.mark.parametrize("word", [None, *GRID])
def test_each_word_of_a_grid(word: str | None) -> None:
    words: Any = {} if word is None else {word: GRID[word]}
    made = iteration_request(OpenOptions(), words)
    found = {name: getattr(made.grid, name) for name in GRID if name != "tile_position"}
    assert found | {"tile_position": made.position} == dict.fromkeys(GRID) | words


def compressions(source: Any, words: Any) -> dict[str, bytes]:
    """Return a picture by each call that gives one."""
    tile = next(iter(source.tileIterator(format="image", **words)))
    single = source.getSingleTile(format="image", **words)
    return {
        "getRegion": source.getRegion(format="image", **words)[0],
        "getThumbnail": source.getThumbnail(format="image", **words)[0],
        "tileFrames": source.tileFrames(format="image", **words)[0],
        "tileIterator": tile["tile"],
        "getSingleTile": single["tile"],
        "another scale": source.getRegionAtAnotherScale(
            {"left": 0}, targetScale={"magnification": 1}, format="image", **words
        )[0],
        "single at another scale": source.getSingleTileAtAnotherScale(
            {"left": 0}, targetScale={"magnification": 1}, format="image", **words
        )["tile"],
    }


@pytest.mark.parametrize("where", ["call", "open"])
def test_each_call_packs_tiff_as_it_is_told(where: str, path: Path) -> None:
    words = {"encoding": "TIFF", "tiffCompression": "lzw"}
    opened, called = (words, {}) if where == "open" else ({}, words)
    with ziggurat.open(path, **opened) as source:
        found = compressions(source, called)
    for call, data in found.items():
        with tifffile.TiffFile(io.BytesIO(data)) as tif:
            assert tif.pages.first.compression == 5, call


def tables(data: bytes) -> Pixels:
    """Return the first quantisation table of a JPEG."""
    at = data.index(b"\xff\xdb")
    return np.frombuffer(data[at + 5 : at + 69], np.uint8)


def test_each_call_packs_jpeg_as_it_is_told(path: Path) -> None:
    fine: Any = {"encoding": "JPEG", "jpegQuality": 95}
    coarse: Any = {"encoding": "JPEG", "jpegQuality": 20, "jpegSubsampling": 2}
    with ziggurat.open(path) as source:
        plain, told = compressions(source, fine), compressions(source, coarse)
    for call, data in told.items():
        assert tables(data).mean() > 4 * tables(plain[call]).mean(), call
        frame = data.index(b"\xff\xc0")
        assert data[frame + 11] == 0x22, call  # luma sampled twice both ways


@pytest.mark.parametrize(
    ("said", "projection"),
    [("EPSG:3857", True), ("+proj=merc", True), ("PROJCS[]", True), ("GEOGCS[]", True),
     ("urn:ogc:def:crs:EPSG::3857", True), ("PNG", False), ("JPEG", False), (None, False)],
)  # fmt: skip
def test_a_second_word_that_names_a_system_on_earth(
    said: str | None, projection: bool, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[OpenOptions] = []
    monkeypatch.setattr(
        "ziggurat.readers.source.open.Source", lambda _, options: seen.append(options)
    )
    ziggurat.open(path, said)
    due = {"projection": said} if projection else {} if said is None else {"encoding": said}
    assert seen == [OpenOptions(**due)]
    if projection:  # both at once: then it is no encoding
        with pytest.raises(ziggurat.errors.OptionError, match="encoding"):
            ziggurat.open(path, said, projection="EPSG:4326")
    with pytest.raises(ziggurat.errors.OptionError, match="encoding 'foo' is unsupported"):
        ziggurat.open(path, "foo")


def test_formats_are_listed_in_the_order_in_which_they_are_tried(path: Path) -> None:
    names = [row.name for row in FORMATS]
    found = ziggurat.canReadList(path)
    assert [name for name, _ in found] == names
    assert ("tiff", True) in found
    assert ("czi", False) in found
    asked = ["tiff", "czi"]
    some = ziggurat.canReadList(path, availableSources=asked)
    assert some == [one for one in found if one[0] in asked]
    listed = ziggurat.listSources()
    assert [one["priority"] for one in listed["sources"].values()] == list(range(len(names)))
    assert list(listed["sources"]) == names
    for row in FORMATS:
        one = listed["sources"][row.name]
        assert one["module"] == row.module
        assert one["extensions"] == [name.lstrip(".") for name in row.endings()]
        assert set(one["extensions"]) <= set(listed["extensions"])
    assert listed["extensions"] == ziggurat.listExtensions() == sorted(set(listed["extensions"]))
    assert listed["mimeTypes"] == ziggurat.listMimeTypes() == sorted(set(listed["mimeTypes"]))
