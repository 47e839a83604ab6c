"""Every grid of tiles over a small image of odd sides, and masks over it, against numpy."""

import math
import pickle
from typing import Any

import numpy as np
import pytest

from tests.each import each
from tests.readers.source.odd_image import BANDS, HEIGHT, LEVELS, WIDTH, opened
from ziggurat.readers.errors import OptionError

GRIDS: list[dict[str, Any]] = [
    {},
    {"tile_size": {"width": 20, "height": 11}},
    {"tile_size": {"width": 20, "height": 11}, "tile_overlap": {"x": 3, "y": 4}},
    {"tile_size": {"width": 9, "height": 14}, "tile_overlap": {"x": 3, "y": 4, "edges": True}},
    {"tile_size": {"width": 20}, "tile_offset": {"left": 5, "top": 3}},
    {"tile_size": {"width": 20, "height": 12}, "tile_offset": {"auto": True}},
]


@each("level, prefetch", [(0, 0), (1, 2), (2, 0)])
@each("grid", GRIDS)
def test_iterators(grid: dict[str, Any], level: int, prefetch: int) -> None:
    source, factor = opened(), 2**level
    region = {"left": 4, "top": 8, "right": 73, "bottom": 53}
    left, top, right, bottom = (place // factor for place in region.values())
    words = {"region": region, "scale": {"magnification": 20 / factor}, "frame": 5, **grid}
    seen = np.zeros((bottom, right), int)
    tiles = list(source.tileIterator(prefetch=prefetch, **words))
    assert len(tiles) == source.getTileCount(**words)
    for number, tile in enumerate(tiles):
        x, y, width, height = (tile[key] for key in ("x", "y", "width", "height"))
        assert left <= x < x + width <= right
        assert top <= y < y + height <= bottom
        expected = LEVELS[level][5, y : y + height, x : x + width]
        np.testing.assert_array_equal(tile["tile"], expected, str((number, x, y)))
        assert (tile["gx"], tile["gy"]) == (x * factor, y * factor)
        assert (tile["gwidth"], tile["gheight"]) == (width * factor, height * factor)
        assert tile["mm_x"] == 0.001 * factor
        assert tile["mm_y"] == 0.002 * factor
        more = tile["tile_overlap"]
        core = np.s_[y + more["top"] : y + height - more["bottom"],
                     x + more["left"] : x + width - more["right"]]  # fmt: skip
        seen[core] += 1
        place = tile["tile_position"]
        if number % 4 and number + 1 < len(tiles):
            continue
        for position in (
            number,
            {"position": number},
            {"region_x": place["region_x"], "region_y": place["region_y"]},
            {"level_x": place["level_x"], "level_y": place["level_y"]},
        ):
            single = source.getSingleTile(**words, tile_position=position)
            assert single is not None
            assert (single["x"], single["y"]) == (x, y)
    assert (seen[top:, left:] == 1).all()
    offset = grid.get("tile_offset", {"left": 0, "top": 0})
    start = (left, top) if "auto" in offset else (offset["left"], offset["top"])
    for tile in tiles if "tile_overlap" not in grid else ():
        place, sizes = tile["tile_position"], grid.get("tile_size", {})
        wide = sizes.get("width", source.tileWidth)
        tall = sizes.get("height", wide if sizes else source.tileHeight)
        assert tile["x"] == max(left, start[0] + place["level_x"] * wide)
        assert tile["y"] == max(top, start[1] + place["level_y"] * tall)
    ranges = tiles[-1]["iterator_range"]
    last = tiles[-1]["tile_position"]
    assert last["level_x"] == ranges["level_x_max"] - 1
    assert last["level_y"] == ranges["level_y_max"] - 1
    assert last["region_x"] == ranges["region_x_max"] - 1
    assert last["region_y"] == ranges["region_y_max"] - 1
    assert last["position"] == ranges["position"] - 1 == len(tiles) - 1


@pytest.mark.parametrize("factor", [1.25, 1.5, 3])
def test_iterators_that_scale(factor: float) -> None:
    """Tiles come out at their size, cover the region, and are what a region of them is."""
    source = opened()
    scale = {"magnification": 20 / factor}
    grid = {"tile_size": {"width": 10, "height": 8}, "tile_overlap": {"x": 2, "y": 4}}
    tiles = list(source.tileIterator(scale=scale, frame=2, **grid))
    for tile in tiles:
        assert tile["tile"].shape == (tile["height"], tile["width"], BANDS)
        assert tile["tile"].shape[0] <= 8
        assert tile["tile"].shape[1] <= 10
        place = tile["tile_position"]
        right = place["region_x"] == tile["iterator_range"]["region_x_max"] - 1
        low = place["region_y"] == tile["iterator_range"]["region_y_max"] - 1
        if not right and not low:
            assert (10 - tile["width"], 8 - tile["height"]) in ((0, 0), (1, 1))
            overlap = tile["tile_overlap"]
            assert overlap["right"] == pytest.approx(1, abs=1)
            assert overlap["bottom"] == pytest.approx(2, abs=1)
        assert tile["mm_y"] == pytest.approx(2 * tile["mm_x"])
        assert tile["mm_x"] == pytest.approx(0.001 * factor, rel=1e-4)
        assert tile["tile_mm_y"] == pytest.approx(2 * tile["tile_mm_x"])
        assert tile["magnification"] == pytest.approx(20 / factor, rel=1e-4)
        read = {
            "left": tile["gx"], "top": tile["gy"],
            "right": math.ceil(tile["gx"] + tile["gwidth"]),
            "bottom": math.ceil(tile["gy"] + tile["gheight"]),
        }  # fmt: skip
        region, _ = source.getRegion("numpy", region=read, frame=2, output={
            "maxWidth": tile["width"], "maxHeight": 1000})  # fmt: skip
        if region.shape == tile["tile"].shape:
            np.testing.assert_allclose(tile["tile"].astype(float), region, atol=1)
    assert {tile["gx"] for tile in tiles} > {0.0}


def test_tiles_are_let_go_and_read_again() -> None:
    source = opened(noCache=True)
    tile = next(source.tileIterator(frame=1))
    first = tile["tile"]
    reads = len(source.reader.reads)
    assert tile["tile"] is first
    assert len(source.reader.reads) == reads
    tile.release()
    again = tile["tile"]
    assert again is not first
    np.testing.assert_array_equal(again, first)
    assert len(source.reader.reads) > reads


def share(mask: np.ndarray, tile: Any) -> float:
    """Return the share of a tile that is in a mask, by looking at fine points of it."""
    steps = 60
    x = (tile["gx"] + (np.arange(steps) + 0.5) / steps * tile["gwidth"]) / WIDTH * mask.shape[1]
    y = (tile["gy"] + (np.arange(steps) + 0.5) / steps * tile["gheight"]) / HEIGHT * mask.shape[0]
    return float((mask != 0)[np.ix_(y.astype(int), x.astype(int))].mean())


@pytest.mark.parametrize("size", [(53, 75), (106, 150), (7, 10)])
@pytest.mark.parametrize("least", [0, 0.3, 1.0])
def test_masks_of_any_size(size: tuple[int, int], least: float) -> None:
    rows, columns = np.mgrid[: size[0], : size[1]]
    mask = (rows / size[0] > 0.35) & (columns / size[1] < 0.8)
    source = opened()
    grid = {"tile_size": {"width": 17, "height": 9}}
    every = list(source.tileIterator(**grid))
    found = list(source.tileIterator(mask=mask, min_coverage=least, **grid))
    numbers = [tile["tile_position"]["position"] for tile in found]
    assert numbers == sorted(set(numbers))
    for number, tile in enumerate(every):
        inside = share(mask, tile)
        if abs(inside - least) > 0.04 or inside in (0, 1):
            wanted = inside >= least and inside > 0
            assert (number in numbers) is wanted, (number, inside)
    again = list(source.tileIteratorAtAnotherScale({}, mask=mask, min_coverage=least, **grid))
    assert [tile["tile_position"]["position"] for tile in again] == numbers


@pytest.mark.parametrize("size", [(75, 53), (53, 53), (20, 75), (53, 20)])
def test_masks_of_other_shapes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(OptionError, match="isn't one of the whole image"):
        opened().tileIterator(mask=np.ones(size, bool))


def test_a_function_makes_the_mask_of_its_own_frame() -> None:
    seen = []

    def made(picture: np.ndarray) -> np.ndarray:
        seen.append(picture)
        return np.ones(picture.shape[:2], bool)

    list(opened().tileIterator(mask=made, frame=3))
    np.testing.assert_array_equal(seen[0], (LEVELS[0][3] >> 8).astype(np.uint8))


def test_tiles_keep_their_pixels_when_pickled() -> None:
    from ziggurat.readers.source.iterator import LazyTileDict, _Load

    tile = next(opened().tileIterator(frame=1))
    loaded = tile["tile"]
    assert isinstance(tile._load, _Load)
    copy = LazyTileDict({"x": 1}, _count)
    assert copy["tile"] == "loaded 1"
    again = pickle.loads(pickle.dumps(copy))
    assert again["tile"] == "loaded 1", "its pixels came along: they aren't read anew"
    again.release()
    assert again["tile"] == "loaded 2"
    assert loaded.shape


_counted = [0]


def _count() -> tuple[object, str]:
    _counted[0] += 1
    return f"loaded {_counted[0]}", "text"
