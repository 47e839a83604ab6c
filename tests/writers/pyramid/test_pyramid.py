"""The engine: every level right, in order, whatever the threads, and nothing left behind."""

import dataclasses
import os
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from tests.hooked import HookedArray
from ziggurat.readers.errors import CancelledError, CorruptSourceError, OptionError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect, grid_shape, level_sizes
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.model.levels import Cascade, Copy, LevelPlan, Scaled, Stored
from ziggurat.writers.model.progress import Cancellation
from ziggurat.writers.model.reducers import Reducer
from ziggurat.writers.pyramid import strips
from ziggurat.writers.pyramid.budget import Budget
from ziggurat.writers.pyramid.engine import build
from ziggurat.writers.resample.halve import Shrinker

BUDGET = Budget(threads=3, window=12, task_bytes=4096)
MEAN = Shrinker(Reducer.MEAN)


def raw(tile: Any) -> Any:
    return np.ascontiguousarray(tile).tobytes()


def plans(info: Any, tile: Any, first: Any = None) -> Any:
    sizes = level_sizes(info.width, info.height, tile)
    return [
        LevelPlan(w, h, tile, tile, Cascade() if i else (first or Stored(0)), raw)
        for i, (w, h) in enumerate(sizes)
    ]


def assembled(tiles: Any, levels: Any, info: Any) -> Any:
    """Put raw tiles together again: {(frame, level): pixels}; every tile exactly once."""
    images: dict[Any, Any] = {}
    seen: set[Any] = set()
    for tile in tiles:
        plan = levels[tile.level]
        key = (tile.frame, tile.level)
        columns, rows = plan.grid
        canvas = images.setdefault(
            key,
            np.zeros((rows * plan.tile_height, columns * plan.tile_width, info.bands), info.dtype),
        )
        assert (*key, tile.column, tile.row) not in seen
        seen.add((*key, tile.column, tile.row))
        y, x = tile.row * plan.tile_height, tile.column * plan.tile_width
        if tile.data is not None:
            canvas[y : y + plan.tile_height, x : x + plan.tile_width] = np.frombuffer(
                tile.data, info.dtype
            ).reshape(plan.tile_height, plan.tile_width, info.bands)
    counted = sum(p.grid[0] * p.grid[1] for p in levels) * info.frames
    assert len(seen) == counted
    return {k: v[: levels[k[1]].height, : levels[k[1]].width] for k, v in images.items()}


def halves(pixels: np.ndarray, shrink: Any, count: int) -> Any:
    out = [pixels]
    while len(out) < count:
        out.append(shrink(out[-1]))
    return out


@pytest.mark.parametrize("reducer", list(Reducer))
@pytest.mark.parametrize(("height", "width", "tile"), [(300, 517, 64), (65, 64, 16), (10, 7, 16)])
def test_each_level_is_the_reducer_applied_to_the_one_above(
    rng: np.random.Generator, reducer: str, height: int, width: int, tile: Any
) -> None:
    pixels = rng.integers(0, 255, (height, width, 3), np.uint8)
    shrink = Shrinker(reducer)
    reader = array_reader(pixels)
    levels = plans(reader.info, tile)
    images = assembled(build(reader, levels, shrink, BUDGET), levels, reader.info)
    for index, wanted in enumerate(halves(pixels, shrink, len(levels))):
        np.testing.assert_array_equal(images[0, index], wanted)


def test_levels_may_have_tiles_of_different_sizes(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 2**16, (500, 700, 1), np.uint16)
    reader = array_reader(pixels)
    sizes, tiles = level_sizes(700, 500, 100), [(48, 80), (64, 64), (34, 16), (256, 256)]
    levels = [
        LevelPlan(w, h, tw, th, Cascade() if i else Stored(0), raw)
        for i, ((w, h), (tw, th)) in enumerate(zip(sizes, tiles, strict=True))
    ]
    images = assembled(build(reader, levels, MEAN, BUDGET), levels, reader.info)
    for index, wanted in enumerate(halves(pixels, MEAN, 4)):
        np.testing.assert_array_equal(images[0, index], wanted)


def test_padding_repeats_the_last_row_and_column(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (20, 20, 1), np.uint8)
    reader = array_reader(pixels)
    levels = plans(reader.info, 16)
    tiles = {(t.level, t.column, t.row): t.data for t in build(reader, levels, MEAN, BUDGET)}
    corner = np.frombuffer(tiles[0, 1, 1], np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(corner[:4, :4], pixels[16:, 16:, 0])
    assert (corner[4:] == corner[3]).all()
    assert (corner[:, 4:] == corner[:, 3:4]).all()


def test_frames_come_in_order_and_are_not_mixed(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (5, 40, 50, 1), np.uint8)
    reader = array_reader(pixels, "tyxs")
    levels = plans(reader.info, 16)
    tiles = list(build(reader, levels, MEAN, BUDGET))
    assert [t.frame for t in tiles] == sorted(t.frame for t in tiles)
    images = assembled(tiles, levels, reader.info)
    for frame in range(5):
        for index, wanted in enumerate(halves(pixels[frame], MEAN, len(levels))):
            np.testing.assert_array_equal(images[frame, index], wanted)


def test_chosen_frames_only(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (5, 20, 20, 1), np.uint8)
    reader = array_reader(pixels, "tyxs")
    levels = plans(reader.info, 32)
    tiles = list(build(reader, levels, MEAN, BUDGET, frames=[3, 1]))
    assert [t.frame for t in tiles] == [0, 1]
    assert tiles[0].data[:20] == pixels[3, 0, :, 0].tobytes()


def test_the_order_of_tiles_depends_on_nothing_but_sizes(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (200, 300, 3), np.uint8)
    reader = array_reader(pixels)
    levels = plans(reader.info, 32)
    one, many = (list(build(reader, levels, MEAN, Budget(threads, 12, 8192))) for threads in (1, 7))
    assert one == many
    for index in range(len(levels)):
        places = [(t.row, t.column) for t in one if t.level == index]
        assert places == sorted(places)


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


def threads_of_the_engine() -> Any:
    return [t for t in threading.enumerate() if t.name.startswith("ziggurat-encode")]


class BrokenReader(HookedArray):
    def read(self, level: int, frame: int, rect: Any) -> Any:
        if rect.y >= 128:
            raise CorruptSourceError(f"no pixels at {rect}")
        return super().read(level, frame, rect)


def test_the_first_error_is_raised_and_no_thread_is_left(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (512, 512, 1), np.uint8)
    reader = BrokenReader(pixels, array_reader(pixels).info)
    cancel = Cancellation()
    with pytest.raises(CorruptSourceError, match="no pixels at Rect"):
        list(build(reader, plans(reader.info, 64), MEAN, BUDGET, cancel=cancel))
    assert threads_of_the_engine() == []
    with pytest.raises(CorruptSourceError):
        cancel.check()


def test_an_encoder_that_fails_stops_everything(rng: np.random.Generator) -> None:
    reader = array_reader(rng.integers(0, 255, (512, 512, 1), np.uint8))

    def fail(tile: Any) -> None:
        raise MemoryError("no room for a tile")

    levels = [LevelPlan(512, 512, 64, 64, Stored(0), fail)]
    with pytest.raises(MemoryError, match="no room"):
        list(build(reader, levels, MEAN, BUDGET))
    assert threads_of_the_engine() == []


def test_closing_early_stops_the_threads_and_is_nobodys_error(rng: np.random.Generator) -> None:
    reader = array_reader(rng.integers(0, 255, (512, 512, 1), np.uint8))
    cancel = Cancellation()
    tiles = build(reader, plans(reader.info, 32), MEAN, BUDGET, cancel=cancel)
    next(tiles)
    tiles.close()
    assert threads_of_the_engine() == []
    assert not cancel.cancelled


def test_cancelling_from_outside_raises_what_it_was_cancelled_with(
    rng: np.random.Generator,
) -> None:
    reader = array_reader(rng.integers(0, 255, (512, 512, 1), np.uint8))
    cancel = Cancellation()
    tiles = build(reader, plans(reader.info, 32), MEAN, BUDGET, cancel=cancel)
    next(tiles)
    cancel.cancel()
    with pytest.raises(CancelledError, match="was cancelled"):
        list(tiles)
    assert threads_of_the_engine() == []


def test_progress_counts_every_tile_and_byte(rng: np.random.Generator) -> None:
    reader = array_reader(rng.integers(0, 255, (100, 100, 1), np.uint8))
    levels = plans(reader.info, 32)
    events: list[Any] = []
    tiles = list(build(reader, levels, MEAN, BUDGET, on_progress=events.append))
    assert events[-1].done == events[-1].total == len(tiles)
    assert events[-1].bytes_written == sum(len(t.data) for t in tiles)
    assert [e.done for e in events] == sorted({e.done for e in events})


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ([], "begins with a level"),
        ([LevelPlan(50, 50, 16, 16, Cascade(), raw)], "begins with a level"),
        ([LevelPlan(99, 100, 16, 16, Stored(0), raw)], "can't be the stored one"),
        ([LevelPlan(100, 100, 16, 16, Stored(0), None)], "have no encoder"),
        ([LevelPlan(100, 100, 16, 16, Copy(0), raw)], "have no encoder"),
        ([LevelPlan(100, 100, 16, 16, Copy(0), None)], "no tiles to take"),
        (
            [
                LevelPlan(100, 100, 16, 16, Stored(0), raw),
                LevelPlan(51, 50, 16, 16, Cascade(), raw),
            ],
            "not half of",
        ),
        (
            [
                LevelPlan(100, 100, 17, 17, Stored(0), raw),
                LevelPlan(50, 50, 16, 16, Cascade(), raw),
            ],
            "17 high can't be halved",
        ),
    ],
)
def test_impossible_plans_are_refused_before_anything_is_read(levels: Any, words: Any) -> None:
    reader = array_reader(np.zeros((100, 100, 1), np.uint8))
    with pytest.raises(OptionError, match=words):
        next(build(reader, levels, MEAN, BUDGET))


class Endless(HookedArray):
    """As high as wanted, without holding it: rows repeat."""

    def __init__(self, height: int) -> None:
        pixels = np.arange(64 * 1024, dtype=np.uint16).reshape(64, 1024, 1)
        super().__init__(pixels, array_reader(pixels).info)
        level = dataclasses.replace(self.info.levels[0], height=height)
        self.info = dataclasses.replace(self.info, levels=(level,))

    def read(self, level: int, frame: int, rect: Any) -> Any:
        del level, frame
        rows = np.arange(rect.y, rect.bottom) % 64
        return self._frames[0][rows, rect.x : rect.right]


def test_memory_does_not_grow_with_the_height() -> None:
    peaks = []
    for height in (4096, 32768):  # the smaller long enough to meet its own peak
        reader = Endless(height)
        levels = plans(reader.info, 128)
        tracemalloc.start()
        for _ in build(reader, levels, MEAN, Budget(2, 12, 1 << 17)):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def resident(mapping: Any) -> Any:
    """Return how many bytes of a mapped array this process holds, as the kernel counts them."""
    address = f"{np.asarray(mapping).__array_interface__['data'][0]:x}-"
    with open("/proc/self/smaps", encoding="ascii") as lines:
        for line in lines:
            if line.startswith(address):
                break
        return next(int(line.split()[1]) for line in lines if line.startswith("Rss:")) << 10


def mapped(path: Path, shape: Any, mode: Any) -> Any:
    pixels = np.memmap(path, np.uint8, "w+", shape=shape)
    pixels[...] = np.random.default_rng(1).integers(0, 255, shape[1:], np.uint8)
    pixels.flush()
    return np.memmap(path, np.uint8, mode, shape=shape)


@pytest.mark.parametrize("mode", ["r", "r+"])
@pytest.mark.parametrize("reducer", [Reducer.MEAN, Reducer.CUBIC])
def test_pages_of_a_mapped_input_are_given_back_behind_the_engine(
    tmp_path: Path, mode: Any, reducer: str
) -> None:
    pixels = mapped(tmp_path / "raw", (8192, 1024, 3), mode)
    reader = array_reader(pixels)
    levels = plans(reader.info, 256)
    most = 0
    for tile in build(reader, levels, Shrinker(reducer), Budget(2, 6, 1 << 19)):
        if tile.level == 0 and tile.column == 0:
            most = max(most, resident(pixels))
    row = 256 * 1024 * 3
    assert row < most < 6 * row  # of 32
    assert resident(pixels) <= row


def test_giving_back_loses_nothing_that_was_not_yet_on_disk(tmp_path: Path) -> None:
    pixels = mapped(tmp_path / "raw", (1024, 512, 1), "r+")
    pixels[...] = np.arange(512, dtype=np.uint16).astype(np.uint8)[:, np.newaxis]
    wanted = np.array(pixels)
    reader = array_reader(pixels)
    images = assembled(
        build(reader, plans(reader.info, 64), MEAN, BUDGET), plans(reader.info, 64), reader.info
    )
    np.testing.assert_array_equal(images[0, 0], wanted)
    np.testing.assert_array_equal(pixels, wanted)


def test_private_changes_of_a_mapping_are_kept(tmp_path: Path) -> None:
    pixels = mapped(tmp_path / "raw", (1024, 512, 1), "c")
    pixels[...] = 7  # nowhere but in this process
    reader = array_reader(pixels)
    for _ in build(reader, plans(reader.info, 64), MEAN, BUDGET):
        pass
    assert (pixels == 7).all()


@pytest.mark.parametrize("axes", ["tyxs", "syx"])
def test_only_the_rows_that_are_done_are_given_back(tmp_path: Path, axes: Any) -> None:
    pixels = mapped(tmp_path / "raw", (2, 1024, 512, 2), "r")
    wanted = np.array(pixels)
    if axes == "syx":  # planes of bands, seen as bands of pixels
        array = np.moveaxis(pixels[:, :, :, 0], 0, -1)
        reader = array_reader(array)
    else:
        reader = array_reader(pixels, axes)
    before = resident(pixels)
    reader.plane(0, 0).release(Rect(0, 0, 512, 256))
    step = 512 * 2 * 256 * (2 if axes == "syx" else 1)
    slack = 4 * os.sysconf("SC_PAGESIZE")
    assert before - resident(pixels) == pytest.approx(step, abs=slack)
    np.testing.assert_array_equal(pixels, wanted)
