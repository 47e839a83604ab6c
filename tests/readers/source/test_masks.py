"""Loops over tiles skip what a mask leaves out, and know tissue from glass."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.readers.errors import OptionError

PINK, GLASS = (200, 80, 160), (240, 240, 242)


@pytest.fixture
def slide(tmp_path: Path) -> Iterator[ziggurat.Source]:
    """Glass of 640 x 480 pixels with noise, dust, and a piece of tissue at 100..300, 200..400."""
    rng = np.random.default_rng(0)
    pixels = np.full((480, 640, 3), GLASS, np.int16) + rng.integers(-4, 4, (480, 640, 3))
    pixels[200:400, 100:300] = PINK + rng.integers(-20, 20, (200, 200, 3))
    pixels[50:52, 600:602] = (30, 200, 30)  # dust
    path = tmp_path / "slide.tif"
    tifffile.imwrite(path, pixels.astype(np.uint8), tile=(64, 64), photometric="rgb")
    with ziggurat.open(path) as source:
        yield source


def places(tiles: Any) -> list[tuple[int, int]]:
    return [(tile["x"], tile["y"]) for tile in tiles]


def shares(source: Any, mask: np.ndarray, **grid: Any) -> list[float]:
    """Return the share of each tile in a full-resolution mask, counted pixel by pixel."""
    found = []
    for tile in source.tileIterator(**grid):
        x, y = round(tile["gx"]), round(tile["gy"])
        part = mask[y : y + round(tile["gheight"]), x : x + round(tile["gwidth"])]
        found.append(float(part.mean()))
    return found


@pytest.mark.parametrize(
    "grid",
    [
        {"tile_size": {"width": 100}},
        {"tile_size": {"width": 90, "height": 70}, "tile_overlap": {"x": 20, "y": 10}},
        {"tile_size": {"width": 64}, "region": {"left": 130, "top": 70, "width": 301}},
    ],
)
@pytest.mark.parametrize("least", [0.0, 0.1, 0.5, 1.0])
def test_tiles_come_where_enough_of_them_is_in_the_mask(
    slide: ziggurat.Source, rng: np.random.Generator, grid: dict[str, Any], least: float
) -> None:
    mask = np.zeros((480, 640), bool)
    mask[190:380, 77:333] = True
    mask[rng.integers(0, 480, 30), rng.integers(0, 640, 30)] = True
    due = [share >= least if least else share > 0 for share in shares(slide, mask, **grid)]
    every = places(slide.tileIterator(**grid))
    tiles = slide.tileIterator(**grid, mask=mask, min_coverage=least)
    assert len(tiles) == sum(due) == tiles.info["tile_count"]
    assert places(tiles) == [place for place, wanted in zip(every, due, strict=True) if wanted]


def test_a_small_mask_covers_the_image_too(slide: ziggurat.Source) -> None:
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = True
    tiles = slide.tileIterator(tile_size={"width": 80}, mask=mask.astype(float), min_coverage=0.99)
    assert places(tiles) == [(320, 160), (400, 160), (320, 240), (400, 240)]


def test_a_function_makes_the_mask_of_a_thumbnail(slide: ziggurat.Source) -> None:
    seen = []

    def dark(pixels: np.ndarray) -> np.ndarray:
        seen.append((pixels.shape, pixels.dtype))
        return pixels[..., 1] < 150

    grid: dict[str, Any] = {"tile_size": {"width": 100}, "min_coverage": 0.2}
    tiles = slide.tileIterator(**grid, mask=dark, prefetch=2)
    due = [(x, y) for y in (200, 300) for x in (100, 200)]
    assert places(tiles) == due
    assert seen == [((480, 640, 3), np.uint8)]
    assert places(slide.tileIterator(**grid, mask="tissue")) == due


def test_tissue_is_what_is_stained(slide: ziggurat.Source) -> None:
    due = np.zeros((480, 640), bool)
    due[200:400, 100:300] = True
    found = slide.tissue_mask()
    assert (found.dtype, found.shape) == (np.bool_, (480, 640))
    assert (found != due).sum() < 50
    assert not found[40:60, 590:610].any()
    assert slide.tissue_mask(side=64).shape == (48, 64)


def test_glass_alone_has_no_tissue(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    pixels = (np.full((200, 300, 3), GLASS) + rng.integers(-4, 4, (200, 300, 3))).astype(np.uint8)
    pixels[:, :20] = 3  # the edge of a scan
    pixels[::7, :20, 0] = 6
    tifffile.imwrite(tmp_path / "glass.tif", pixels, photometric="rgb")
    with ziggurat.open(tmp_path / "glass.tif") as source:
        assert not source.tissue_mask().any()
        assert list(source.tileIterator(mask="tissue")) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"mask": np.ones((640, 480))}, "isn't one of the whole image"),
        ({"mask": np.ones((4, 4, 3))}, "must be an array"),
        ({"mask": np.array([["a"]])}, "must be an array"),
        ({"mask": "tisue"}, "'tissue', not 'tisue'"),
        ({"mask": np.ones((48, 64)), "min_coverage": 1.5}, "from 0 to 1"),
        ({"mask": np.ones((48, 64)), "min_coverage": "half"}, "from 0 to 1"),
    ],
)
def test_masks_that_can_not_be_meant_are_refused(
    slide: ziggurat.Source, words: dict[str, Any], said: str
) -> None:
    with pytest.raises(OptionError, match=said):
        slide.tileIterator(**words)


def test_grey_images_need_a_mask_of_their_own(made_source: Callable[..., Any]) -> None:
    with pytest.raises(OptionError, match="no colours"):
        made_source(np.zeros((20, 20, 1), np.uint8)).tissue_mask()


def test_levels_with_frame_axes_for_viewers(made_source: Callable[..., Any]) -> None:
    pixels = np.arange(2 * 3 * 70 * 90, dtype=np.uint16).reshape(2, 3, 70, 90, 1)
    source = made_source(pixels, "tcyxs")
    (whole,) = source.multiscale()
    assert whole.shape == (2, 3, 70, 90, 1)
    np.testing.assert_array_equal(whole[1, :, 10:30].compute(), pixels[1, :, 10:30])
    assert [level.shape for level in source.multiscale(frame=2)] == [(70, 90, 1)]
    np.testing.assert_array_equal(source.multiscale(4)[0].compute(), pixels[1, 1])
