"""Every call that gives pixels, on a small image of odd sides, against numpy on the whole of it.

No two levels, frames or bands of it have anything in common, its tiles are no squares, its pixels
neither: what is read at the wrong place, or of the wrong part, is something else.
"""

import dataclasses
import math
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.readers.conftest import LevelsReader, Made
from ziggurat.readers.errors import OptionError, TileRangeError
from ziggurat.readers.io.lru import Lru
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation, Level
from ziggurat.readers.source.options import OpenOptions

WIDTH, HEIGHT, BANDS, FRAMES = 75, 53, 2, 6
TILE = (16, 24)
SIZES = [(WIDTH, HEIGHT), (38, 27), (19, 14)]
INFO = ImageInfo(
    "made", tuple(Level(*size, *TILE) for size in SIZES), BANDS, np.dtype(np.uint16),
    Interpretation.MULTIBAND, axes=(Axis("t", 2), Axis("c", 3)),
    channels=(Channel("a"), Channel("b"), Channel("c")), mm_x=0.001, mm_y=0.002,
    magnification=20.0, background=(7.0, 9.0),
)  # fmt: skip


def _levels(dtype: str = "u2") -> list[np.ndarray]:
    rng = np.random.default_rng(26)
    return [rng.integers(1, 60_000, (FRAMES, h, w, BANDS)).astype(dtype) for w, h in SIZES]


LEVELS = _levels()


def opened(**options: Any) -> Made:
    return Made(LevelsReader(LEVELS, INFO), OpenOptions(**options), object())


@pytest.fixture(params=[False, True], ids=["cached", "plain"])
def source(request: pytest.FixtureRequest) -> Made:
    return opened(noCache=request.param)


def rects(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield left, top, width, height of corners, edges and middles; across tiles, and within."""
    yield 0, 0, width, height
    for w, h in ((1, 1), (16, 24), (17, 25), (15, 30)):
        w, h = min(w, width), min(h, height)
        for left in (0, 3, width - w):
            for top in (0, 5, height - h):
                yield min(left, width - w), min(top, height - h), w, h


def test_regions(source: Made) -> None:
    for frame in (0, 4, FRAMES - 1):
        whole = LEVELS[0][frame]
        for left, top, width, height in rects(WIDTH, HEIGHT):
            region = {"left": left, "top": top, "width": width, "height": height}
            pixels, _ = source.getRegion("numpy", region=region, frame=frame)
            expected = whole[top : top + height, left : left + width]
            np.testing.assert_array_equal(pixels, expected, str((frame, region)))
            far = {"right": left + width - WIDTH or WIDTH, "bottom": top + height}
            again, _ = source.getRegion("numpy", region=region | far, frame=frame)
            np.testing.assert_array_equal(again, expected)
            assert pixels.flags.writeable


@pytest.mark.parametrize("level", [1, 2])
def test_regions_of_stored_levels_are_untouched(source: Made, level: int) -> None:
    factor = 2**level
    for left, top, width, height in rects(WIDTH // factor, HEIGHT // factor):
        region = {
            "left": left * factor, "top": top * factor,
            "width": width * factor, "height": height * factor,
        }  # fmt: skip
        scale = {"magnification": 20 / factor}
        pixels, _ = source.getRegion("numpy", region=region, scale=scale, frame=3)
        expected = LEVELS[level][3, top : top + height, left : left + width]
        np.testing.assert_array_equal(pixels, expected, str(region))


UNITS = [
    ("base_pixels", 1, 1), ("fraction", 1 / WIDTH, 1 / HEIGHT), ("mm", 0.001, 0.002),
    ("um", 1, 2),
]  # fmt: skip


@pytest.mark.parametrize(("units", "x", "y"), UNITS)
def test_regions_in_units(units: str, x: float, y: float) -> None:
    source = opened()
    left, top, right, bottom = 10, 6, 41, 44
    expected = LEVELS[0][0, top:bottom, left:right]
    region = {"left": left * x, "top": top * y, "right": right * x, "bottom": bottom * y}
    pixels, _ = source.getRegion("numpy", region=region | {"units": units})
    np.testing.assert_array_equal(pixels, expected)
    sized = {"left": left * x, "top": top * y, "width": 31, "height": 38}
    mixed = sized | {"units": units, "unitsWH": "base_pixels"}
    np.testing.assert_array_equal(source.getRegion("numpy", region=mixed)[0], expected)
    ends = {"right": (right - WIDTH) * x, "bottom": (bottom - HEIGHT) * y, "units": units,
            "width": 31 * x, "height": 38 * y}  # fmt: skip
    np.testing.assert_array_equal(source.getRegion("numpy", region=ends)[0], expected)
    moved = source.convertRegionScale(region | {"units": units}, targetUnits="base_pixels")
    if units != "base_pixels":
        assert moved == {
            "left": left, "top": top, "right": right, "bottom": bottom, "units": "base_pixels",
        }  # fmt: skip
        back = source.convertRegionScale(moved, targetUnits=units)
        assert back == pytest.approx(region | {"units": units})
        point = source.getPointAtAnotherScale((left, top), None, "base_pixels", None, units)
        assert point == pytest.approx((left * x, top * y))


def test_tiles(source: Made) -> None:
    assert (source.levels, source.tileWidth, source.tileHeight) == (4, *TILE)
    for level, z in ((0, 3), (1, 2), (2, 1)):
        width, height = SIZES[level]
        for frame in (0, FRAMES - 1):
            for x in range(-(-width // TILE[0])):
                for y in range(-(-height // TILE[1])):
                    tile = source.getTile(x, y, z, numpyAllowed=True, frame=frame)
                    part = LEVELS[level][
                        frame, y * TILE[1] : (y + 1) * TILE[1], x * TILE[0] : (x + 1) * TILE[0]
                    ]
                    expected = np.empty((TILE[1], TILE[0], BANDS), np.uint16)
                    expected[:] = (7, 9)
                    expected[: part.shape[0], : part.shape[1]] = part
                    np.testing.assert_array_equal(tile, expected, str((z, x, y)))
                    assert tile.flags.writeable
        for x, y in ((-(-width // TILE[0]), 0), (0, -(-height // TILE[1])), (-1, 0), (0, -1)):
            with pytest.raises(TileRangeError):
                source.getTile(x, y, z, numpyAllowed=True)


@pytest.mark.parametrize("frame", [-1, FRAMES, 99])
def test_frames_that_are_not_there(frame: int) -> None:
    source = opened()
    calls: list[Any] = [
        lambda: source.getRegion("numpy", frame=frame),
        lambda: source.getTile(0, 0, 0, frame=frame),
        lambda: source.tileIterator(frame=frame),
        lambda: source.tileFrames("numpy", frameList=[0, frame]),
        lambda: source.frameToAxes(frame),
        lambda: source.level_arrays(frame=frame),
        lambda: next(source.patches([(0, 0)], 4, frame=frame)),
    ]
    for call in calls:
        with pytest.raises(TileRangeError):
            call()


def test_frames_by_their_axes() -> None:
    source = opened()
    for frame in range(FRAMES):
        t, c = divmod(frame, 3)
        assert source.frameToAxes(frame) == {"t": t, "c": c}
        assert source.axesToFrame(t=t, C=c) == frame
        (pixel,) = source.getRegion(
            "numpy", region={"left": 4, "top": 9, "width": 1, "height": 1}, frame=frame
        )[0][0]
        np.testing.assert_array_equal(pixel, LEVELS[0][frame, 9, 4])
        told = source.getPixel(region={"left": 4, "top": 9}, frame=frame)
        assert told["value"] == LEVELS[0][frame, 9, 4].tolist()
    facts: Any = source.getMetadata()
    assert facts["IndexStride"] == {"IndexT": 3, "IndexC": 1}
    for frame, entry in enumerate(facts["frames"]):
        t, c = divmod(frame, 3)
        assert (entry["IndexT"], entry["IndexC"], entry["Index"]) == (t, c, t)
        assert entry["Channel"] == "abc"[c]


GRIDS: list[dict[str, Any]] = [
    {},
    {"tile_size": {"width": 20, "height": 11}},
    {"tile_size": {"width": 20, "height": 11}, "tile_overlap": {"x": 3, "y": 4}},
    {"tile_size": {"width": 9, "height": 14}, "tile_overlap": {"x": 3, "y": 4, "edges": True}},
    {"tile_size": {"width": 20}, "tile_offset": {"left": 5, "top": 3}},
    {"tile_size": {"width": 20, "height": 12}, "tile_offset": {"auto": True}},
]


@pytest.mark.parametrize(("level", "prefetch"), [(0, 0), (1, 2), (2, 0)])
@pytest.mark.parametrize("grid", GRIDS)
def test_iterators(grid: dict[str, Any], level: int, prefetch: int) -> None:
    source, factor = opened(), 2**level
    region = {"left": 4, "top": 8, "right": 72, "bottom": 52}
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


@pytest.mark.parametrize(
    ("frames", "across", "shape"),
    [(None, None, (2, 3)), ([5, 0, 3, 3, 1], None, (2, 3)), ([1, 2, 4, 5, 0], 2, (3, 2)),
     ([4], 3, (1, 1)), ([5, 4], 5, (1, 2)), ([], 4, (2, 4))],
)  # fmt: skip
def test_frames_side_by_side(
    frames: list[int] | None, across: int | None, shape: tuple[int, int]
) -> None:
    source = opened()
    region = {"left": 40, "top": 20, "width": 11, "height": 7}
    pixels, _ = source.tileFrames("numpy", frames, across, region=region)
    expected = np.zeros((shape[0] * 7, shape[1] * 11, BANDS), np.uint16)
    for number, frame in enumerate(frames or range(FRAMES)):
        row, column = divmod(number, shape[1])
        part = LEVELS[0][frame, 20:27, 40:51]
        expected[row * 7 : row * 7 + 7, column * 11 : column * 11 + 11] = part
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("level", [0, 1])
def test_patches_of_any_place(level: int) -> None:
    source, factor = opened(), 2**level
    places = [(0, 0), (WIDTH - 13 * factor, 0), (0, HEIGHT - 9 * factor), (20, 10), (36, 4)]
    places = [(x // factor * factor, y // factor * factor) for x, y in places]
    scale: Any = {"magnification": 20 / factor}
    found = np.concatenate(list(source.patches(places, (13, 9), scale, batch=2, frame=4)))
    for patch, (x, y) in zip(found, places, strict=True):
        x, y = x // factor, y // factor
        np.testing.assert_array_equal(patch, LEVELS[level][4, y : y + 9, x : x + 13])
    inside = places[:4]
    style = {"bands": [{"band": 2, "min": 0, "max": 65535, "palette": ["#000", "#fff"]}]}
    shown = np.concatenate(list(source.patches(inside, (13, 9), scale, frame=4, style=style)))
    for patch, (x, y) in zip(shown, inside, strict=True):
        x, y = x // factor, y // factor
        band = LEVELS[level][4, y : y + 9, x : x + 13, 1]
        np.testing.assert_allclose(patch[..., 0], band / 257, atol=0.01)


@pytest.mark.parametrize("level", range(3))
def test_levels_as_arrays(level: int) -> None:
    source = opened()
    for frame in (0, FRAMES - 1):
        array, whole = source.level_arrays(frame=frame)[level], LEVELS[level][frame]
        assert array.shape == whole.shape
        for part in (
            np.s_[:], np.s_[3], np.s_[-1], np.s_[2:9, 3:14], np.s_[::3, ::-2], np.s_[..., 1],
            np.s_[-5:, -4:], np.s_[5:5], np.s_[4:12, 7, 0], np.s_[:, -3],
        ):  # fmt: skip
            np.testing.assert_array_equal(array[part], whole[part], str(part))


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


def test_what_was_used_last_stays() -> None:
    kept: Lru[str, int] = Lru(10, lambda value: value)
    kept.put("a", 4)
    kept.put("b", 4)
    assert kept.get("a") == 4
    kept.put("c", 4)
    assert (kept.get("b"), kept.get("a"), kept.get("c"), kept.used) == (None, 4, 4, 8)
    kept.put("a", 6)
    assert (len(kept), kept.used) == (2, 10)
    kept.put("a", 2)
    assert (len(kept), kept.used) == (2, 6)
    kept.put("d", 99)
    assert (kept.get("d"), len(kept)) == (99, 1)


def test_pixels_of_one_image_are_not_anothers() -> None:
    """Two images of one shape in one cache."""
    other = [level + 1 for level in LEVELS]
    first, second = (Made(LevelsReader(levels, INFO), OpenOptions(), object()) for levels in
                     (LEVELS, other))  # fmt: skip
    for frame in (0, 1):
        one, two = (made.getRegion("numpy", frame=frame)[0] for made in (first, second))
        np.testing.assert_array_equal(one + 1, two)
        one, two = (made.getTile(0, 0, 0, numpyAllowed=True, frame=frame) for made in
                    (first, second))  # fmt: skip
        assert not np.array_equal(one, two)
    assert dataclasses.replace(INFO) == INFO
