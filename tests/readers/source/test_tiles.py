"""getTile and tileIterator on made-up images, and stored JPEG tiles byte for byte."""

import io
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

import ziggurat
from ziggurat.readers.errors import OptionError, TileRangeError
from ziggurat.readers.pixels.cache import ByteCache, tile_cache
from ziggurat.readers.source.iterator import LazyTileDict
from ziggurat.readers.source.options import OpenOptions


@pytest.fixture
def jpeg_pyramid(tmp_path: Path, tissue: np.ndarray) -> Any:
    """A tiled JPEG TIFF with shared tables, 600 x 500 out of real tissue, and one ÷2 level."""
    path = tmp_path / "jpeg.tif"
    full = np.concatenate([tissue, tissue[:, :88]], axis=1)[:500]
    half = full.reshape(250, 2, 300, 2, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    options = {"tile": (128, 128), "compression": "jpeg", "photometric": "ycbcr", "metadata": None}
    with tifffile.TiffWriter(path) as writer:
        writer.write(full, subifds=1, **options)
        writer.write(half, subfiletype=1, **options)
    return path


def stored_tile(path: Path, level: int, index: Any) -> Any:
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first if not level else tiff.pages.first.pages[level - 1]
        tiff.filehandle.seek(page.dataoffsets[index])
        return tiff.filehandle.read(page.databytecounts[index]), page.jpegtables


def entropy_coded(stream: Any) -> Any:
    """Everything from the start-of-scan marker on."""
    return stream[stream.index(b"\xff\xda") :]


def test_stored_jpeg_tiles_are_handed_out_byte_for_byte(jpeg_pyramid: Any) -> None:
    with ziggurat.open(jpeg_pyramid) as source:
        assert (source.levels, source.tileWidth) == (4, 128)
        for level, z, columns in ((0, 3, 5), (1, 2, 3)):
            for x, y in ((0, 0), (1, 1), (columns - 1, 0)):
                stored, _ = stored_tile(jpeg_pyramid, level, y * columns + x)
                served = source.getTile(x, y, z)
                assert entropy_coded(served) == entropy_coded(stored)
                with PIL.Image.open(io.BytesIO(served)) as image:
                    shown = np.asarray(image.convert("RGB"))
                pixels = source.getTile(x, y, z, numpyAllowed=True)
                inside = (slice(0, 500 // 2**level - 128 * y), slice(0, 600 // 2**level - 128 * x))
                # decoders may differ by a little in how they widen the chroma
                assert np.abs(shown[inside].astype(int) - pixels[inside]).mean() < 3


def test_other_encodings_styles_and_edges_are_made_anew(jpeg_pyramid: Any) -> None:
    stored = entropy_coded(stored_tile(jpeg_pyramid, 0, 0)[0])
    corner = entropy_coded(stored_tile(jpeg_pyramid, 0, 19)[0])
    with ziggurat.open(jpeg_pyramid, encoding="JFIF") as source:
        assert entropy_coded(source.getTile(0, 0, 3)) != stored
    with ziggurat.open(jpeg_pyramid, style={"min": 0, "max": 100}) as source:
        assert entropy_coded(source.getTile(0, 0, 3)) != stored
    with ziggurat.open(jpeg_pyramid, edge="crop") as source:
        assert entropy_coded(source.getTile(0, 0, 3)) == stored
        with PIL.Image.open(io.BytesIO(source.getTile(4, 3, 3))) as image:
            assert image.size == (88, 116)
    with ziggurat.open(jpeg_pyramid, edge="#ff0000") as source:
        assert entropy_coded(source.getTile(0, 0, 3)) == stored
        assert entropy_coded(source.getTile(4, 3, 3)) != corner
        tile = source.getTile(4, 3, 3, numpyAllowed=True)
        assert (tile[:, 88:] == (255, 0, 0)).all()
        assert (tile[116:] == (255, 0, 0)).all()


def test_real_slides_serve_their_own_jpeg(data_file: Callable[[str], Path]) -> None:
    path = data_file("aperio-svs/CMU-1-Small-Region.svs")
    with ziggurat.open(path) as source:
        columns = -(-source.sizeX // source.tileWidth)
        stored, _ = stored_tile(path, 0, 3 * columns + 4)
        served = source.getTile(4, 3, source.levels - 1)
        assert entropy_coded(served) == entropy_coded(stored)
        with PIL.Image.open(io.BytesIO(served)) as image:
            shown = np.asarray(image.convert("RGB")).astype(int)
        assert np.abs(shown - source.getTile(4, 3, 4, numpyAllowed=True)).max() <= 2


def test_levels_that_are_not_stored_are_made_by_averaging(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    for identity in (None, "synthesised"):
        source = made_source(gradient, tile=32, identity=identity)
        assert source.levels == 5
        top = source.getTile(0, 0, 0, numpyAllowed=True)
        assert top.shape == (32, 32, 3)
        assert (top[13:] == 0).all()
        assert (top[:, 19:] == 0).all()
        exact = gradient[:192, :288].reshape(12, 16, 18, 16, 3).mean(axis=(1, 3))
        assert np.abs(top[:12, :18].astype(float) - exact).max() <= 2
        tile = source.getTile(1, 1, 4, numpyAllowed=True)
        np.testing.assert_array_equal(tile, gradient[32:64, 32:64])
        np.testing.assert_array_equal(source.getTile(1, 1, 4, numpyAllowed="always"), tile)
        tile[:] = 0  # the caller's own
        np.testing.assert_array_equal(source.getTile(0, 0, 0, numpyAllowed=True), top)


def test_every_tile_of_every_level_is_there_and_no_other(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient, tile=64, levels=1)
    for z in range(source.levels):
        step = 64 * 2 ** (source.levels - 1 - z)
        columns, rows = -(-300 // step), -(-200 // step)
        for x, y in ((0, 0), (columns - 1, rows - 1)):
            image = source.getTile(x, y, z, pilImageAllowed=True)
            assert image.size == (64, 64)
        for x, y in ((columns, 0), (0, rows), (-1, 0), (0, -1)):
            with pytest.raises(TileRangeError, match=f"level {z} has {columns} x {rows} tiles"):
                source.getTile(x, y, z)
    for z in (-1, source.levels):
        with pytest.raises(ziggurat.exceptions.TileSourceXYZRangeError, match="there are levels"):
            source.getTile(0, 0, z)
    with pytest.raises(TileRangeError, match="there are 1 frames"):
        source.getTile(0, 0, 0, frame=1)


def test_padding_is_the_background_where_one_is_told(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient, tile=64, background=(255.0, 254.0, 253.0))
    tile = source.getTile(4, 3, source.levels - 1, numpyAllowed=True)
    assert (tile[:, 44:] == (255, 254, 253)).all()
    assert (tile[8:] == (255, 254, 253)).all()


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
    assert tile["tile"].shape == (64, 64, 3)
    assert tile["format"] == "numpy"
    assert len(source.reader.reads) == 1
    tile.release()
    assert tile["tile"].shape == (64, 64, 3)
    assert len(source.reader.reads) == 2
    assert dict(tile)["tile"] is tile["tile"]
    assert {**tile}["tile"] is tile["tile"]
    assert dict(tile.items())["format"] == "numpy"


def test_one_tile_by_any_of_its_names(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient)
    whole = list(source.tileIterator(region={"left": 70}))
    assert (
        source.getTileCount(region={"left": 70})
        == len(whole)
        == len(source.tileIterator(region={"left": 70}))
        == source.getTileCount(region={"left": 70}, format="PIL", frame=0, tile_position=1)
    )
    for position in (
        5,
        {"position": 5},
        {"region_x": 1, "region_y": 1},
        {"level_x": 2, "level_y": 1},
    ):
        tile = source.getSingleTile(region={"left": 70}, tile_position=position)
        assert tile["tile_position"] == whole[5]["tile_position"]
        np.testing.assert_array_equal(tile["tile"], whole[5]["tile"])
    for position in (1000, -1, {"level_x": 0, "level_y": 0}):
        assert source.getSingleTile(region={"left": 70}, tile_position=position) is None
    with pytest.raises(OptionError, match="tile_position has no 'x'"):
        source.getSingleTile(tile_position={"x": 1})


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
    assert (tile["format"], tile["tile"].size) == ("PIL", (64, 64))
    tile = next(source.tileIterator(format="image", encoding="PNG"))
    assert (tile["format"], tile["tile"][:4]) == ("image", b"\x89PNG")


def test_a_tile_changes_its_format(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient)
    tile = source.getSingleTile(format="PIL")
    assert tile["tile"].size == (64, 64)
    tile.setFormat(("numpy",))
    assert np.array_equal(tile["tile"][..., 0], gradient[:64, :64].reshape(64, 64, -1)[..., 0])
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


def test_the_cache_counts_bytes() -> None:
    cache = ByteCache(1000)
    for number in range(30):
        cache.put(number, bytes(100), 100)
    info = cache.info()
    assert (info.items, info.used, info.limit) == (10, 1000, 1000)
    assert cache.get(0) is None
    assert cache.get(29) == bytes(100)
    assert (cache.info().hits, cache.info().misses, cache.info().hit_rate) == (1, 1, 0.5)
    cache.put("large", bytes(500), 500)
    assert cache.get("large") is None
    cache.get(20)  # used again, so it stays longer than 21
    cache.put("x", b"", 100)
    assert cache.get(20) is not None
    assert cache.get(21) is None
    cache.resize(100)
    assert cache.info().items == 1
    cache.clear()
    assert cache.info().used == 0


def test_a_file_that_changed_is_another_one(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "changing.tif"
    for size in (40, 60):
        pixels = rng.integers(0, 255, (size, size, 3)).astype(np.uint8)
        tifffile.imwrite(path, pixels, photometric="rgb")
        with ziggurat.open(path) as source:
            assert source.getMetadata()["sizeX"] == size
            np.testing.assert_array_equal(source.getRegion(format="numpy")[0], pixels)
    same_size = rng.integers(0, 255, (60, 60, 3)).astype(np.uint8)
    tifffile.imwrite(path, same_size, photometric="rgb")
    with ziggurat.open(path) as source:
        np.testing.assert_array_equal(source.getRegion(format="numpy")[0], same_size)


def test_cached_tiles_are_not_read_again_and_no_cache_means_none(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    tile_cache().clear()
    source = made_source(gradient, identity="cached")
    for _ in range(4):
        source.getRegion(format="numpy")
    assert len(source.reader.reads) == 2  # blocks of 256 x 256
    assert ziggurat.cachesInfo()["tileCache"]["hits"] == 6
    assert ziggurat.cachesInfo()["tileCache"]["items"] == 2
    ziggurat.cachesClear()
    assert ziggurat.cachesInfo()["tileCache"]["used"] == 0
    source = made_source(gradient, identity="cached", options=OpenOptions(noCache=True))
    for _ in range(3):
        source.getRegion(format="numpy")
    assert len(source.reader.reads) == 3
    assert ziggurat.cachesInfo()["tileCache"]["items"] == 0
