"""One set of words for all calls, numbers as JSON and command lines bring them, typos told."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import TestCase

import numpy as np
import PIL.Image
import pytest
import tifffile

import ziggurat
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.keywords import tolerate


@pytest.fixture
def source(tmp_path: Path) -> Iterator[ziggurat.Source]:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    path = tmp_path / "s.tif"
    tifffile.imwrite(
        path, pixels, tile=(64, 64), photometric="rgb", resolution=(20000, 20000),
        resolutionunit="CENTIMETER",
    )  # fmt: skip
    with ziggurat.open(path) as made:
        yield made


REGION = {"width": 100, "height": 100}
ANOTHER = {"sourceScale": {"magnification": 5}, "targetScale": {"magnification": 5}}
CALLS: dict[str, Callable[[Any], object]] = {
    "open, encoding second": lambda s: ziggurat.open(s.largeImagePath, "PNG").getTile(0, 0, 0),
    "open": lambda s: ziggurat.open(s.largeImagePath, maxSize=10**9),
    "canRead": lambda s: ziggurat.canRead(s.largeImagePath, mimeType="image/tiff"),
    "getTile": lambda s: s.getTile(0, 0, 0, edge="crop", mayRedirect=True),
    "getThumbnail": lambda s: s.getThumbnail(scale={"magnification": 5}, tile_size={"width": 9}),
    "getRegion": lambda s: s.getRegion(tile_overlap={"x": 3}, tile_position=2, max_workers=2),
    "tileIterator": lambda s: list(s.tileIterator(fill="none", edge=True)),
    "getTileCount": lambda s: s.getTileCount(fill="none", max_workers=3),
    "histogram": lambda s: s.histogram(format="numpy", edge=True, tile_overlap={"x": 1}),
    "region at another scale": lambda s: s.getRegionAtAnotherScale(
        REGION, **ANOTHER, fill="none", jpegQuality=80, tile_size={"width": 64}, edge=True
    ),
    "tiles at another scale": lambda s: list(
        s.tileIteratorAtAnotherScale(REGION, **ANOTHER, edge=1, fill="none", jpegQuality="80")
    ),
    "tile at another scale": lambda s: s.getSingleTileAtAnotherScale(
        REGION, **ANOTHER, output=None, fill="none", format="numpy"
    ),
    "tileFrames": lambda s: s.tileFrames(edge=True, tile_size={"width": 64}),
    "getPixel": lambda s: s.getPixel(x=3, y=4, format="numpy"),
    "getBounds": lambda s: s.getBounds(frame=0),
    "getCenter": lambda s: s.getCenter(frame=0),
    "getInternalMetadata": lambda s: s.getInternalMetadata(frame=0),
    "getBandInformation": lambda s: s.getBandInformation(frame=0),
    "getAssociatedImage": lambda s: s.getAssociatedImage("label", frame=0),
    "getLevelForMagnification": lambda s: s.getLevelForMagnification(5, frame=0),
    "a float tile": lambda s: list(s.tileIterator(tile_size={"width": 128.0})),
    "a float overlap": lambda s: next(
        s.tileIterator(tile_size={"width": 128}, tile_overlap={"x": np.float64(84), "y": 84.0})
    ),
    "a float size": lambda s: s.getRegion(output={"maxWidth": 50.0}),
    "a frame as text": lambda s: s.getRegion(frame="0"),
    "a float frame": lambda s: s.getTile(0, 0, 0, frame=0.0),
    "a quality as text": lambda s: s.getRegion(jpegQuality="95"),
    "a float position": lambda s: s.getSingleTile(tile_position=1.0),
}


@pytest.mark.parametrize("name", CALLS)
def test_words_and_numbers_of_scripts_are_taken(source: ziggurat.Source, name: str) -> None:
    CALLS[name](source)


def test_the_encoding_of_a_tile_is_what_was_asked(source: ziggurat.Source) -> None:
    assert source.getTile(0, 0, 0, encoding="PNG")[:4] == b"\x89PNG"
    assert source.getTile(0, 0, 0)[:2] == b"\xff\xd8"
    with ziggurat.open(source.largeImagePath, "PNG") as other:
        assert other.getTileMimeType() == "image/png"


def test_a_thumbnail_of_a_region_is_of_that(source: ziggurat.Source) -> None:
    part = source.getThumbnail(region=REGION, width=50, height=50, format="numpy")[0]
    due = source.getRegion(region=REGION, output={"maxWidth": 50, "maxHeight": 50}, format="numpy")
    np.testing.assert_array_equal(part, due[0])


@pytest.mark.parametrize(("typo", "meant"), [("regoin", "region"), ("tile_sise", "tile_size")])
@pytest.mark.parametrize("tolerant", [False, True])
def test_a_typo_is_an_error_that_names_what_is_meant(
    source: ziggurat.Source, typo: str, meant: str, tolerant: bool
) -> None:
    tolerate(tolerant)
    try:
        with pytest.raises(TypeError, match=f"argument '{typo}'; did you mean '{meant}'"):
            source.getRegion(**{typo: {}})
        with pytest.raises(TypeError, match=meant):
            source.getRegionAtAnotherScale(REGION, **{typo: {}})
    finally:
        tolerate(False)


def test_other_words_are_ignored_only_where_that_was_asked_for(
    source: ziggurat.Source,
) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'quux'"):
        source.getTile(0, 0, 0, quux=1)
    tolerate()
    try:
        with TestCase().assertLogs("ziggurat", "DEBUG") as told:
            source.getTile(0, 0, 0, quux=1)
        assert "getTile() has no use for quux=" in "".join(told.output)
    finally:
        tolerate(False)


@pytest.mark.parametrize("value", ["0.5", 0.5, True, "first"])
def test_numbers_that_are_not_whole_stay_errors(source: ziggurat.Source, value: Any) -> None:
    with pytest.raises(ziggurat.errors.TileRangeError, match="whole number"):
        source.getRegion(frame=value)
    with pytest.raises(OptionError, match="jpegQuality must be a whole number"):
        source.getRegion(jpegQuality=value)


def test_an_empty_region_comes_in_the_format_asked_for(source: ziggurat.Source) -> None:
    outside = {"left": 1000}
    data, kind = source.getRegion(region=outside)
    assert (data, kind) == (b"", "image/jpeg")
    assert source.getRegion(region=outside, encoding="PNG") == (b"", "image/png")
    picture, kind = source.getRegion(region=outside, format="PIL")
    assert (picture.size, kind) == ((0, 0), "PIL")
    pixels, kind = source.getRegion(region=outside, format="numpy")
    assert (pixels.shape, kind) == ((0, 0, 3), "numpy")


@pytest.mark.parametrize("fill", ["pink", "corner:pink"])
def test_fill_holds_for_tiled_regions(source: ziggurat.Source, tmp_path: Path, fill: str) -> None:
    asked = {"maxWidth": 500, "maxHeight": 600}
    due = source.getRegion(format="numpy", output=asked, fill=fill)[0]
    assert due.shape == (600, 500, 3)
    path = tmp_path / "new.tiff"
    source.getRegion(encoding="TILED", output={**asked, "path": path}, fill=fill)
    found = tifffile.imread(path)
    pink = tuple(PIL.Image.new("RGB", (1, 1), "pink").getpixel((0, 0)))
    assert tuple(found[-1, -1]) == tuple(due[-1, -1]) == pink
    assert found.shape == due.shape
    np.testing.assert_array_equal((found == pink).all(2), (due == pink).all(2))


def test_a_border_that_is_no_part_of_any_strip_of_the_picture(
    source: ziggurat.Source, tmp_path: Path
) -> None:
    asked = {"maxWidth": 100, "maxHeight": 1600, "path": tmp_path / "tall.tiff"}
    source.getRegion(encoding="TILED", output=asked, fill="#102030", compression="deflate")
    with tifffile.TiffFile(tmp_path / "tall.tiff") as tif:
        assert tif.pages.first.compression == 8
        found = tif.asarray()
    due = source.getRegion(format="numpy", output={"maxWidth": 100})[0]
    top = (1600 - due.shape[0]) // 2
    assert np.abs(found[top : top + due.shape[0]].astype(int) - due).mean() < 3
    assert (found[:top] == (16, 32, 48)).all()
    assert (found[top + due.shape[0] :] == (16, 32, 48)).all()


def test_frames_are_filled_each(source: ziggurat.Source) -> None:
    asked = {"maxWidth": 100, "maxHeight": 100}
    found = source.tileFrames(format="numpy", fill="#fff", output=asked)[0]
    assert found.shape == (100, 100, 3)
    assert (found[0] == 255).all()


def test_bitmaps_of_one_bit(source: ziggurat.Source) -> None:
    data, kind = source.getRegion(encoding="XBM", output={"maxWidth": 40})
    assert kind == "image/x-xbitmap"
    assert PIL.Image.open(io.BytesIO(data)).size == (40, 30)
