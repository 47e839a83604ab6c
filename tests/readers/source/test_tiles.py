"""getTile on made-up images, and stored JPEG tiles byte for byte."""

import io
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
from ziggurat.readers.source.options import OpenOptions


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


@pytest.mark.parametrize("size", [(61, 45), (49, 33), (63, 47), (50, 50)])
def test_the_last_row_and_column_go_on_where_a_level_is_made(
    made_source: Callable[..., Any], rng: np.random.Generator, size: tuple[int, int]
) -> None:
    pixels = rng.integers(0, 255, (*size[::-1], 1)).astype(np.float32)
    source = made_source(pixels, tile=16)
    wide, high = -size[0] % 4, -size[1] % 4
    whole = np.pad(pixels[..., 0], ((0, high), (0, wide)), "edge")
    due = whole.reshape(whole.shape[0] // 4, 4, whole.shape[1] // 4, 4).mean(axis=(1, 3))
    tile = source.getTile(0, 0, 0, numpyAllowed="always")[..., 0]
    np.testing.assert_allclose(tile[: due.shape[0], : due.shape[1]], due, rtol=1e-5)


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


def test_the_cache_counts_bytes() -> None:
    cache = ByteCache(1000)
    for number in range(30):
        cache.put(number, bytes(100), 100)
    info = cache.info()
    assert (info.items, info.used, info.limit) == (10, 1000, 1000)
    assert info.hit_rate == 0
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
