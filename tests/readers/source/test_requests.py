"""The work of a public method is a function of an image: it needs no source."""

import dataclasses

import numpy as np
import pytest

from ziggurat.readers.grid.tiles import GridRequest
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.iterator import iterate, planned, read_single
from ziggurat.readers.source.mosaic import MosaicLayout, read_mosaic
from ziggurat.readers.source.one_tile import TileRequest, read_tile
from ziggurat.readers.source.regions import read_region
from ziggurat.readers.source.request import Delivery, IterationRequest, RegionRequest
from ziggurat.readers.views.array import array_reader

ARRAY = Delivery("numpy")
PLACE = {"left": 10, "top": 20, "width": 30, "height": 40}


@pytest.fixture
def pixels(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 255, (2, 100, 120, 3), np.uint8)


@pytest.fixture
def image(pixels: np.ndarray) -> Image:
    return Image(array_reader(pixels, "zyxs"))


def test_a_region_is_read_from_an_image(image: Image, pixels: np.ndarray) -> None:
    data, kind = read_region(image, RegionRequest(PLACE, frame=1), ARRAY)
    assert kind == "numpy"
    assert np.array_equal(data, pixels[1, 20:60, 10:40])


def test_tiles_are_iterated_over_from_an_image(image: Image, pixels: np.ndarray) -> None:
    request = IterationRequest(
        RegionRequest(PLACE), GridRequest({"width": 16}, tile_offset={"auto": True})
    )
    plan = planned(image, request)
    assert plan is not None
    tiles = list(iterate(lambda: image, request, ARRAY))
    assert len(tiles) == plan.grid.count == 6
    for tile in tiles:
        x, y = int(tile["gx"]), int(tile["gy"])
        part = pixels[0, y : y + tile["height"], x : x + tile["width"]]
        assert np.array_equal(tile["tile"], part)
    last = read_single(lambda: image, dataclasses.replace(request, position=5), ARRAY)
    assert last is not None
    assert np.array_equal(last["tile"], tiles[5]["tile"])


def test_a_tile_and_a_mosaic_are_read_from_an_image(image: Image, pixels: np.ndarray) -> None:
    tile = read_tile(image, TileRequest(0, 0, 0, frame=1, crop=True), ARRAY)
    assert np.array_equal(tile, pixels[1])
    both, _ = read_mosaic(image, RegionRequest(PLACE), MosaicLayout(None, 2, 1), ARRAY)
    assert np.array_equal(both, np.concatenate(list(pixels[:, 20:60, 10:40]), axis=1))


def test_the_levels_of_an_opening_are_found_once(image: Image) -> None:
    assert image.pyramid.stored is image.pyramid.stored
    assert image.keeping(False).pyramid is image.pyramid
    assert image.keeping(True) is image
