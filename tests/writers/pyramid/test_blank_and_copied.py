"""The engine on sources that know what is blank, or hold tiles that can be copied."""

from typing import Any

import imagecodecs
import numpy as np
import pytest

from tests.hooked import HookedArray
from tests.writers.pyramid.plans import BUDGET, MEAN, assembled, halves, plans, raw
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect, grid_shape
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.model.levels import Cascade, Copy, LevelPlan, Scaled, Stored
from ziggurat.writers.model.reducers import Reducer
from ziggurat.writers.pyramid import strips
from ziggurat.writers.pyramid.engine import build
from ziggurat.writers.resample.halve import Shrinker


class BlankReader(HookedArray):
    """Knows that everything outside one rectangle was never written, and counts what is read."""

    def __init__(self, pixels: np.ndarray, info: Any, known: Any) -> None:
        super().__init__(pixels, info)
        self.known, self.read_pixels = known, 0

    def read(self, level: int, frame: int, rect: Any) -> Any:
        self.read_pixels += rect.width * rect.height
        return super().read(level, frame, rect)

    def is_blank(self, level: int, frame: int, rect: Any) -> Any:
        del level, frame
        return rect.intersect(self.known).empty


@pytest.mark.parametrize("fill", [0, 200])
@pytest.mark.parametrize("reducer", [Reducer.MEAN, Reducer.LANCZOS3, Reducer.MODE])
def test_what_is_known_to_be_blank_is_neither_read_nor_painted_but_comes_out_right(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, fill: Any, reducer: str
) -> None:
    painted = 0

    def paint(area: np.ndarray, value: Any) -> None:
        nonlocal painted
        painted += area.size
        area[...] = value

    def used(buffers: strips.Buffers, rect: Rect) -> np.ndarray:
        del buffers
        return np.full((rect.height, rect.width, 1), 77, np.uint8)

    monkeypatch.setattr(strips, "paint", paint)
    monkeypatch.setattr(strips.Buffers, "take", used)
    pixels = np.full((320, 2560, 1), fill, np.uint8)
    known = Rect(200, 130, 100, 40)
    pixels[130:170, 200:300] = rng.integers(0, 255, (40, 100, 1), np.uint8)
    shrink = Shrinker(reducer)
    reader = BlankReader(pixels, array_reader(pixels).info, known)
    levels = plans(reader.info, 32)
    images = assembled(build(reader, levels, shrink, BUDGET), levels, reader.info)
    for index, wanted in enumerate(halves(pixels, shrink, len(levels))):
        np.testing.assert_array_equal(images[0, index], wanted)
    if not shrink.halo:
        assert reader.read_pixels < pixels.size / 8
        assert painted < pixels.size / 32


def test_a_sparse_target_gets_no_data_for_blank_tiles(rng: np.random.Generator) -> None:
    pixels = np.zeros((256, 256, 1), np.uint8)
    pixels[:16, :16] = 9
    reader = array_reader(pixels)
    levels = plans(reader.info, 32)
    tiles = list(build(reader, levels, MEAN, BUDGET, sparse=0))
    assert [(t.level, t.column, t.row) for t in tiles if t.data is not None] == [
        (level, 0, 0) for level in range(len(levels))
    ]
    assembled(tiles, levels, reader.info)


class TiledReader(HookedArray):
    """An array with level 0 as JPEG tiles that can be copied; one of them is missing."""

    missing = (1, 0)

    def __init__(self, pixels: np.ndarray, tile: Any) -> None:
        super().__init__(pixels, array_reader(pixels).info)
        self.tile_size, self.decoded = tile, 0

    def read(self, level: int, frame: int, rect: Any) -> Any:
        self.decoded += 1
        return super().read(level, frame, rect)

    def encoded(self, level: int, frame: int) -> Any:
        del level, frame
        info, side = self.info, self.tile_size
        form = TileFormat(Codec.JPEG, Photometric.YCBCR, 3, 8, "uint8", (2, 2))
        columns, rows = grid_shape(info.width, info.height, side, side)
        return EncodedLevel(form, info.width, info.height, side, side, columns, rows, self.stored)

    def stored(self, column: int, row: int) -> Any:
        if (column, row) == self.missing:
            return None
        side = self.tile_size
        part = self._frames[0, row * side :, column * side :][:side, :side]
        pad = ((0, side - part.shape[0]), (0, side - part.shape[1]), (0, 0))
        return bytes(imagecodecs.jpeg8_encode(np.pad(part, pad, mode="edge"), level=95))


def test_copied_tiles_are_the_sources_bytes_and_nothing_is_decoded(tissue: np.ndarray) -> None:
    reader = TiledReader(tissue, 240)
    levels = [LevelPlan(512, 512, 240, 240, Copy(0), None)]
    tiles = list(build(reader, levels, MEAN, BUDGET))
    assert [(t.column, t.row) for t in tiles] == [(c, r) for r in range(3) for c in range(3)]
    assert all(t.data == reader.stored(t.column, t.row) for t in tiles)
    assert reader.decoded == 0


def test_a_cascade_below_a_copy_comes_from_the_decoded_pixels(tissue: np.ndarray) -> None:
    reader = TiledReader(tissue, 240)
    levels = [
        LevelPlan(512, 512, 240, 240, Copy(0), None),
        LevelPlan(256, 256, 64, 64, Cascade(), raw),
        LevelPlan(128, 128, 64, 64, Cascade(), raw),
    ]
    tiles = list(build(reader, levels, MEAN, BUDGET))
    copied = [t for t in tiles if t.level == 0]
    assert all(t.data == reader.stored(t.column, t.row) for t in copied)
    below = [LevelPlan(256, 256, 64, 64, Stored(0), raw), *levels[1:]]
    images = assembled(
        [t for t in tiles if t.level > 0] + _fake_level(below[0]), below, reader.info
    )
    for index, wanted in enumerate(halves(tissue, MEAN, 3)[1:], 1):
        np.testing.assert_array_equal(images[0, index], wanted)


def _fake_level(plan: Any) -> Any:
    from ziggurat.writers.model.levels import EncodedTile

    columns, rows = plan.grid
    return [EncodedTile(0, 0, c, r, None) for r in range(rows) for c in range(columns)]


@pytest.mark.parametrize("reduction", [2, 4, 8])
def test_scaled_levels_are_decoded_at_their_size(tissue: np.ndarray, reduction: Any) -> None:
    reader = TiledReader(tissue, 128)
    reader.missing = None
    side = 512 // reduction
    levels = [LevelPlan(side, side, 48, 48, Scaled(0, reduction), raw)]
    image = assembled(build(reader, levels, MEAN, BUDGET), levels, reader.info)[0, 0]
    wanted = tissue.reshape(side, reduction, side, reduction, 3).mean(axis=(1, 3))
    assert np.abs(image - wanted).mean() < 4
    assert reader.decoded == 0


@pytest.mark.parametrize("reducer", [Reducer.MEAN, Reducer.CUBIC])
@pytest.mark.parametrize("tile", [64, 256, 80])
def test_tiles_of_another_grid_are_read_row_by_row_and_each_once(
    tissue: np.ndarray, tile: Any, reducer: str
) -> None:
    class Counting(TiledReader):
        def read(self, level: int, frame: int, rect: Any) -> Any:
            self.touched += [
                (x, y)
                for x in range(rect.x // 96, -(-rect.right // 96))
                for y in range(rect.y // 96, -(-rect.bottom // 96))
            ]
            return super().read(level, frame, rect)

    reader = Counting(tissue[:500, :333], 96)
    reader.touched = []
    levels = plans(reader.info, tile)
    shrink = Shrinker(reducer)
    images = assembled(build(reader, levels, shrink, BUDGET), levels, reader.info)
    for index, wanted in enumerate(halves(tissue[:500, :333], shrink, len(levels))):
        np.testing.assert_array_equal(images[0, index], wanted)
    assert len(reader.touched) == len(set(reader.touched)) == 4 * 6
