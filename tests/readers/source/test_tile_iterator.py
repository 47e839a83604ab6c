"""tileIterator on made-up images: facts of its tiles, order, reading ahead."""

import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import OptionError
from ziggurat.readers.pixels.cache import tile_cache
from ziggurat.readers.source.iterator import LazyTileDict

KEYS = {
    *("x", "y", "width", "height", "level", "level_x", "level_y", "magnification", "mm_x", "mm_y"),
    *("tile_position", "iterator_range", "tile_overlap", "tile", "format"),
    *("gx", "gy", "gwidth", "gheight"),
}


def test_tiles_have_all_their_facts(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient, mm_x=0.001, mm_y=0.002, magnification=10.0)
    region = {"left": 100, "top": 50, "width": 150, "height": 120}
    tiles = list(source.tileIterator(region=region, tile_size={"width": 64}))
    assert set(tiles[0]) == KEYS
    first, last = tiles[0], tiles[-1]
    assert (first["x"], first["y"], first["width"], first["height"]) == (100, 50, 28, 14)
    assert first["tile_position"] == {
        "level_x": 1,
        "level_y": 0,
        "region_x": 0,
        "region_y": 0,
        "position": 0,
    }
    assert last["iterator_range"] == {
        "level_x_min": 1,
        "level_y_min": 0,
        "level_x_max": 4,
        "level_y_max": 3,
        "region_x_max": 3,
        "region_y_max": 3,
        "position": 9,
    }
    assert (last["gx"], last["gy"], last["gwidth"], last["gheight"]) == (192.0, 128.0, 58.0, 42.0)
    assert (last["magnification"], last["mm_x"], last["mm_y"]) == (10.0, 0.001, 0.002)
    assert last["format"] == "numpy"
    np.testing.assert_array_equal(last["tile"], gradient[128:170, 192:250])


def test_scaled_tiles_say_how_they_were_scaled(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient, mm_x=0.001, mm_y=0.001, magnification=10.0)
    tiles = list(source.tileIterator(scale={"magnification": 4}, tile_size={"width": 50}))
    assert set(tiles[0]) == KEYS | {
        *("scaled", "tile_x", "tile_y", "tile_width", "tile_height"),
        *("tile_magnification", "tile_mm_x", "tile_mm_y"),
    }
    first, last = tiles[0], tiles[-1]
    assert (first["width"], first["height"], first["tile_width"]) == (50, 50, 125)
    assert first["tile"].shape == (50, 50, 3)
    assert first["scaled"] == pytest.approx(0.4, rel=1e-4)
    assert first["magnification"] == pytest.approx(4, rel=1e-4)
    assert first["tile_magnification"] == 10
    assert isinstance(last["x"], float)
    assert (last["x"], last["y"], last["gx"], last["gwidth"]) == (250.0, 125.0, 250.0, 50.0)
    plain = next(source.tileIterator(scale={"magnification": 4}, resample=False))
    assert "scaled" not in plain
    assert (plain["magnification"], plain["level"]) == (10.0, source.levels - 1)


def test_stored_levels_are_iterated_without_scaling(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient, levels=2, mm_x=0.001, mm_y=0.001)
    tile = next(source.tileIterator(scale={"mm_x": 0.002}, tile_size={"width": 1000}))
    assert "scaled" not in tile
    assert (tile["level"], tile["x"], tile["width"], tile["gwidth"]) == (
        source.levels - 2,
        0,
        150,
        300.0,
    )
    np.testing.assert_array_equal(tile["tile"], source.reader._levels[1][0])


def test_pixels_are_read_when_they_are_looked_at(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient)
    tile = next(source.tileIterator())
    assert (tile["width"], len(source.reader.reads)) == (64, 0)
    assert tile.get("missing", 7) == 7
    assert "LazyTileDict" in repr(tile)
    assert tile["tile"].shape == (48, 64, 3)
    assert tile["format"] == "numpy"
    assert len(source.reader.reads) == 1
    tile.release()
    assert tile["tile"].shape == (48, 64, 3)
    assert len(source.reader.reads) == 2
    assert dict(tile)["tile"] is tile["tile"]
    assert {**tile}["tile"] is tile["tile"]
    assert dict(tile.items())["format"] == "numpy"


def test_nothing_to_iterate_over(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient)
    tiles = source.tileIterator(region={"left": 900})
    assert (len(tiles), list(tiles), tiles.info) == (0, [], None)
    assert source.getTileCount(region={"left": 900}) == 0
    with pytest.raises(OptionError, match="a tile needs one pixel more than its overlap"):
        source.tileIterator(tile_size={"width": 8}, tile_overlap={"x": 8})


def test_reading_ahead_gives_the_same_tiles_in_order(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient, tile=32, identity="ahead")
    plain = [(tile["x"], tile["y"], tile["tile"]) for tile in source.tileIterator()]
    source.reader.threads.clear()
    tile_cache().clear()
    tiles = source.tileIterator(prefetch=3)
    assert len(tiles) == len(plain)
    for found, (x, y, pixels) in zip(tiles, plain, strict=True):
        assert (found["x"], found["y"]) == (x, y)
        np.testing.assert_array_equal(found["tile"], pixels)
    assert threading.get_ident() not in source.reader.threads


def test_an_iterator_that_is_left_early_leaves_no_threads(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient, tile=16)
    tiles = source.tileIterator(prefetch=4)
    next(tiles)
    del tiles
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith("ziggurat-prefetch")]
    with pytest.raises(OptionError, match="prefetch must be a whole number"):
        source.tileIterator(prefetch=-1)


def test_errors_of_threads_that_read_ahead_reach_the_caller(
    made_source: Callable[..., Any], gradient: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = made_source(gradient, tile=32)
    tiles = source.tileIterator(prefetch=2)

    def fail(*_: Any) -> None:
        raise ziggurat.errors.CorruptSourceError("a damaged tile")

    monkeypatch.setattr(source.reader, "plane", fail)
    with pytest.raises(ziggurat.errors.CorruptSourceError, match="a damaged tile"):
        list(tiles)


def test_tiles_in_other_formats(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient)
    tile = next(source.tileIterator(format="PIL"))
    assert (tile["format"], tile["tile"].size) == ("PIL", (64, 48))
    tile = next(source.tileIterator(format="image", encoding="PNG"))
    assert (tile["format"], tile["tile"][:4]) == ("image", b"\x89PNG")


def test_a_tile_changes_its_format(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient)
    tile = source.getSingleTile(format="PIL")
    assert tile["tile"].size == (64, 48)
    tile.setFormat(("numpy",))
    assert np.array_equal(tile["tile"][..., 0], gradient[:48, :64, 0])
    tile.setFormat("image", imageKwargs={"encoding": "JPEG", "jpegQuality": 10})
    small = tile["tile"]
    tile.setFormat(None, imageKwargs={"jpegQuality": 95})
    assert small[:3] == tile["tile"][:3] == b"\xff\xd8\xff"
    assert len(small) < len(tile["tile"])
    tile.setFormat("numpy", resample=True)  # it has the scale that was asked for
    with pytest.raises(OptionError, match="imageKwargs are"):
        tile.setFormat("image", imageKwargs={"jpegquality": 3})
    coarse = source.getSingleTile(output={"maxWidth": 100}, resample=False)
    coarse.setFormat("numpy", resample=None)
    with pytest.raises(OptionError, match="give resample= to it"):
        coarse.setFormat("numpy", resample=True)
    with pytest.raises(OptionError, match="tiles of an iteration"):
        LazyTileDict({}, lambda: (None, "numpy")).setFormat("PIL")


def test_tiles_pickle_as_their_source_does(jpeg_pyramid: Any) -> None:
    with ziggurat.open(jpeg_pyramid) as source:
        tile = source.getSingleTile(tile_position=3)
        fresh = pickle.loads(pickle.dumps(tile))
        assert len(pickle.dumps(tile)) < 3000
        np.testing.assert_array_equal(fresh["tile"], tile["tile"])
        again = pickle.loads(pickle.dumps(tile))  # loaded: pixels go along
        np.testing.assert_array_equal(again["tile"], tile["tile"])
