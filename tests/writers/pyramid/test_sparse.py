"""Images of which little was written: made by what is in them, with the pixels of the long way."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from tests.hooked import HookedArray
from ziggurat.readers.formats.sink_store.reader import StoreReader
from ziggurat.readers.model.geometry import Rect, level_sizes
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.model.levels import Cascade, EncodedTile, LevelPlan, Stored
from ziggurat.writers.model.reducers import Reducer
from ziggurat.writers.pyramid.budget import Budget
from ziggurat.writers.pyramid.engine import build
from ziggurat.writers.resample.halve import Shrinker

WIDE = [Reducer.LANCZOS3, Reducer.CUBIC]


class ChunkReader(HookedArray):
    """Knows which chunks of a grid hold something, as a store does, and counts what it is asked."""

    def __init__(self, pixels: Pixels, info: ImageInfo, chunk: int, held: set[tuple[int, int]]):
        super().__init__(pixels, info)
        self.chunk, self.held = chunk, held
        self.reads, self.read_pixels, self.asked = 0, 0, 0

    def read(self, level: int, frame: int, rect: Rect) -> Pixels:
        self.reads += 1
        self.read_pixels += rect.width * rect.height
        pixels: Pixels = super().read(level, frame, rect)
        return pixels

    def is_blank(self, level: int, frame: int, rect: Rect) -> bool:
        del level, frame
        self.asked += 1
        columns = range(rect.x // self.chunk, -(-rect.right // self.chunk))
        rows = range(rect.y // self.chunk, -(-rect.bottom // self.chunk))
        return not any((c, r) in self.held for c in columns for r in rows)


def raw(tile: Pixels) -> bytes:
    return np.ascontiguousarray(tile).tobytes()


def sparse(
    rng: np.random.Generator, size: tuple[int, int], dtype: str, bands: int, fill: float
) -> tuple[Pixels, int, set[tuple[int, int]]]:
    """Return pixels of which a few chunks hold noise, the side of a chunk, and which they are."""
    width, height = size
    chunk = int(rng.integers(8, 40))
    pixels = np.full((height, width, bands), fill, dtype)
    grid = -(-width // chunk), -(-height // chunk)
    held = {tuple(map(int, rng.integers(0, grid))) for _ in range(int(rng.integers(0, 9)))}
    for column, row in held:
        part = pixels[row * chunk :, column * chunk :][:chunk, :chunk]
        part[...] = rng.integers(0, 120, part.shape)
    return pixels, chunk, {(c, r) for c, r in held}


def knows_of_none(reader: StoreReader, frame: int, rects: Sequence[Rect]) -> list[bool]:
    del reader, frame
    return [False] * len(rects)


def tiles_of(
    reader: HookedArray, levels: Sequence[LevelPlan], shrink: Shrinker, task_bytes: int, fill: float
) -> list[EncodedTile]:
    budget = Budget(threads=2, window=8, task_bytes=task_bytes)
    return list(build(reader, levels, shrink, budget, sparse=fill))


@pytest.mark.parametrize("reducer", list(Reducer))
@pytest.mark.parametrize("count", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_tiles_of_a_sparse_image_are_those_of_a_full_one(reducer: Reducer, count: int) -> None:
    rng = np.random.default_rng([0, list(Reducer).index(reducer)])
    for _ in range(count):
        size = int(rng.integers(20, 700)), int(rng.integers(20, 300))
        dtype, fill = str(rng.choice(["uint8", "uint16", "float32", "int32"])), rng.choice([0, 77])
        bands = int(rng.choice([1, 3, 5]))
        pixels, chunk, held = sparse(rng, size, dtype, bands, fill)
        tile = int(rng.choice([16, 24, 33, 47])), 2 * int(rng.integers(8, 20))  # width, height
        overlap = int(rng.choice([0, 0, 1, 3]))
        levels = [
            LevelPlan(
                *wanted, *tile, Cascade() if i else Stored(0), raw,
                clipped=overlap > 0, overlap=overlap,
            )
            for i, wanted in enumerate(level_sizes(*size, 20))
        ]  # fmt: skip
        info = array_reader(pixels).info
        if rng.random() < 0.3:
            info = dataclasses.replace(info, nodata=float(fill))
        shrink = Shrinker(reducer, nodata=(fill,) * bands if info.nodata is not None else None)
        task_bytes = int(rng.integers(1, 60_000))
        full = tiles_of(HookedArray(pixels, info), levels, shrink, task_bytes, fill)
        reader = ChunkReader(pixels, info, chunk, held)
        assert tiles_of(reader, levels, shrink, task_bytes, fill) == full


@pytest.mark.parametrize("reducer", [Reducer.MEAN, Reducer.MODE, Reducer.LANCZOS3])
@pytest.mark.parametrize("blank", [(240, 230, 250), (0, 0, 255), (7, 7, 9, 0)])
def test_blank_may_be_a_colour(reducer: Reducer, blank: tuple[int, ...]) -> None:
    """As the light of a scanner between what it scanned is, and alpha beside colours."""
    pixels = np.full((150, 260, len(blank)), blank, np.uint8)
    pixels[64:96, 32:64] = np.random.default_rng(1).integers(0, 99, (32, 32, len(blank)))
    levels = [
        LevelPlan(*size, 32, 32, Cascade() if i else Stored(0), raw)
        for i, size in enumerate(level_sizes(260, 150, 32))
    ]
    info, shrink = array_reader(pixels).info, Shrinker(reducer)
    full = tiles_of(HookedArray(pixels, info), levels, shrink, 32 * 64, 0)
    reader = ChunkReader(pixels, info, 32, {(1, 2)})
    assert tiles_of(reader, levels, shrink, 32 * 64, 0) == full
    assert reader.read_pixels < pixels[..., 0].size // 2


class LateReader(ChunkReader):
    """A worker lays a tile at the moment at which one pixel is read to know what blank is."""

    def read(self, level: int, frame: int, rect: Rect) -> Pixels:
        if (rect.width, rect.height) == (1, 1):
            self.held.add((0, 0))
        return super().read(level, frame, rect)


def test_a_tile_laid_while_blank_is_looked_for_is_not_taken_for_blank() -> None:
    pixels = np.full((128, 512, 1), 7, np.uint8)
    pixels[:64, :64] = 200
    levels = [
        LevelPlan(*size, 32, 32, Cascade() if i else Stored(0), raw)
        for i, size in enumerate(level_sizes(512, 128, 32))
    ]
    info, shrink = array_reader(pixels).info, Shrinker(Reducer.MEAN)
    reader = LateReader(pixels, info, 64, set())
    full = tiles_of(HookedArray(pixels, info), levels, shrink, 32 * 64, 0)
    assert tiles_of(reader, levels, shrink, 32 * 64, 0) == full
    assert reader.held


@pytest.mark.parametrize("reducer", [Reducer.MEAN, *WIDE])
def test_one_chunk_costs_its_own_tiles_at_every_level(reducer: Reducer) -> None:
    """Whole tasks were read and encoded, at each level some twenty tiles for one."""
    pixels = np.full((640, 6400, 1), 9, np.uint8)
    pixels[64:128, 640:704] = 200
    encoded = 0

    def counted(tile: Pixels) -> bytes:
        nonlocal encoded
        encoded += 1
        return raw(tile)

    info = array_reader(pixels).info
    reader = ChunkReader(pixels, info, 64, {(10, 1)})
    levels = [
        LevelPlan(*size, 32, 32, Cascade() if i else Stored(0), counted)
        for i, size in enumerate(level_sizes(6400, 640, 32))
    ]
    tiles_of(reader, levels, Shrinker(reducer), 32 * 32 * 64, 0)
    wide = reducer in WIDE
    blank = len(levels)  # one blank tile a level is encoded, for all
    assert encoded - blank <= (4 + 3 * len(levels) if not wide else 16 + 16 * len(levels))
    assert reader.read_pixels <= (4 if not wide else 36) * 32 * 32 + 1


def test_a_full_image_is_read_in_as_few_pieces_as_before(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (256, 2048, 1), np.uint8)
    reader = ChunkReader(
        pixels, array_reader(pixels).info, 64, {(c, r) for c in range(32) for r in range(4)}
    )
    levels = [
        LevelPlan(*size, 32, 32, Cascade() if i else Stored(0), raw)
        for i, size in enumerate(level_sizes(2048, 256, 32))
    ]
    tiles_of(reader, levels, Shrinker(Reducer.MEAN), 32 * 32 * 16, 0)
    assert reader.reads == 8 * 4  # rows of tiles, tasks in each
    assert reader.read_pixels == pixels.size
    assert reader.asked == reader.reads * (1 + 16)


@pytest.mark.parametrize(
    ("output", "fill", "blend"),
    [
        pytest.param(output, *case, marks=() if (n + m) % 3 < 1 else pytest.mark.slow)
        for n, output in enumerate(["out.tiff", "out.zarr", "out.dzi"])
        for m, case in enumerate([(0, "over"), (200, "over"), (0, "mean")])
    ],
)
def test_a_sparse_sink_is_written_as_one_that_knows_of_no_blanks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, fill: int, blend: str
) -> None:
    rng = np.random.default_rng([fill, len(output)])
    frames = 1 if output.endswith("dzi") else 2
    sink = ziggurat.new(
        sizeX=1200, sizeY=350, bands=3, dtype="uint8", fill=fill, blend=blend, tileSize=32
    )
    with sink:
        for number in range(8):
            tile = rng.integers(0, 255, (75, 45, 3), np.uint8)
            x, y = int(rng.integers(0, 1150)), int(rng.integers(0, 270))
            at = {"t": number % frames} if frames > 1 else {}
            sink.addTile(tile, x=x, y=y, mask=rng.random((75, 45)) < 0.5, **at)
        sink.write(tmp_path / output, tileSize=128)
        monkeypatch.setattr(StoreReader, "blanks", knows_of_none)
        (tmp_path / "dense").mkdir()
        sink.write(tmp_path / "dense" / output, tileSize=128)
    with ziggurat.open(tmp_path / output) as one, ziggurat.open(tmp_path / "dense" / output) as two:
        assert one.levels == two.levels > 3
        for frame in range(frames):
            for level in range(one.levels):
                output_size = {"maxWidth": 1200 >> level}
                whole = [
                    source.getRegion(output=output_size, frame=frame, format="numpy")[0]
                    for source in (one, two)
                ]
                np.testing.assert_array_equal(*whole)


@pytest.mark.parametrize("value", [(0, 0, 9), (0, 9, 0), (9, 0, 0)])
def test_what_is_zero_in_some_bands_is_something(value: tuple[int, ...]) -> None:
    levels = [LevelPlan(64, 64, 32, 32, Stored(0), raw)]
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[32:, 32:] = value
    tiles = tiles_of(array_reader(pixels), levels, Shrinker(Reducer.MEAN), 32 * 64, 0)
    assert [tile.data is None for tile in tiles] == [True, True, True, False]
