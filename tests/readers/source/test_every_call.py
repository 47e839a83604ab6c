"""Every call that gives pixels, on a small image of odd sides, against numpy on the whole of it.

Its tiles are no squares, its pixels neither: what is read at the wrong place, or of the wrong part,
is something else.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.each import each
from tests.readers.conftest import LevelsReader, Made
from tests.readers.source.odd_image import (
    BANDS,
    FRAMES,
    HEIGHT,
    INFO,
    LEVELS,
    SIZES,
    TILE,
    WIDTH,
    opened,
)
from ziggurat.readers.errors import TileRangeError
from ziggurat.readers.model.image import Axis, Level
from ziggurat.readers.source.options import OpenOptions


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


@pytest.mark.parametrize("level", [1, 2])
def test_the_nearest_pixels_of_a_level_whatever_the_corner(level: int) -> None:
    """Where a region begins between two pixels of a level; at the edge, within it."""
    source, factor = opened(), 2**level
    columns, rows = SIZES[level]
    for left, top, width, height in itertools.product(
        (0, 1, 3, 26, 37), (0, 1, 2, 3, 17), (16, 23, 38), (8, 21, 36)
    ):
        region = {"left": left, "top": top, "width": width, "height": height}
        scale = {"magnification": 20 / factor}
        w, h = width // factor, height // factor
        x, y = min(round(left / factor), columns - w), min(round(top / factor), rows - h)
        pixels, _ = source.getRegion("numpy", region=region, scale=scale, frame=1)
        np.testing.assert_array_equal(pixels, LEVELS[level][1, y : y + h, x : x + w], str(region))


@pytest.mark.parametrize("ends", [{"right": 0}, {"bottom": 0}, {"left": WIDTH}, {"top": HEIGHT}])
def test_regions_of_nothing(ends: dict[str, int]) -> None:
    assert opened().getRegion("numpy", region=ends)[0].shape == (0, 0, BANDS)


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


@each(
    "frames, across, shape",
    [(None, None, (2, 3)), ([5, 0, 3, 3, 1], None, (2, 3)), ([1, 2, 4, 5, 0], 2, (3, 2)),
     ([4], 3, (1, 1)), ([5, 4], 5, (1, 2)), ([], 4, (2, 4))])  # fmt: skip
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


def test_every_band_has_its_facts() -> None:
    made = np.arange(6 * 7 * 6, dtype=np.uint8).reshape(1, 6, 7, 6)
    info = dataclasses.replace(
        INFO, levels=(Level(7, 6, 7, 6),), bands=6, dtype=made.dtype, axes=(), channels=(),
        background=None,
    )  # fmt: skip
    source = Made(LevelsReader([made], info), OpenOptions(), object())
    assert list(source.getBandInformation()) == [1, 2, 3, 4, 5, 6]
    for band, facts in source.getBandInformation(statistics=True).items():
        assert facts["mean"] == pytest.approx(made[..., band - 1].mean())
        assert source.getOneBandInformation(band)["max"] == made[..., band - 1].max()


@pytest.mark.parametrize(
    ("by_frame", "uniform"), [((5, 5, 5, 9, 9, 9), True), ((5, 6, 5, 9, 9, 9), False)]
)
def test_values_that_differ_by_frame(by_frame: tuple[int, ...], uniform: bool) -> None:
    axes = (Axis("t", 2, (5, 9), by_frame=by_frame), Axis("c", 3))
    source = Made(LevelsReader(LEVELS, dataclasses.replace(INFO, axes=axes)), OpenOptions(), None)
    facts: Any = source.getMetadata()
    assert facts["ValueT"]["uniform"] is uniform
    assert [entry["ValueT"] for entry in facts["frames"]] == list(by_frame)


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
