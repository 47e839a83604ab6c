"""How rows are cut into tasks: small images of slow codecs keep all threads at work."""

import threading
from typing import Any

import numpy as np

from tests.each import each
from tests.hooked import HookedArray
from tests.writers.pyramid.plans import MEAN, assembled, raw
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.model.levels import Cascade, LevelPlan, Stored, TileEncoder
from ziggurat.writers.pyramid.budget import Budget
from ziggurat.writers.pyramid.engine import build

WIDTH, HEIGHT, TILE, THREADS = 512, 128, 128, 4


def levels(codec: Codec, encode: TileEncoder, count: int = 1) -> list[LevelPlan]:
    form = TileFormat(codec=codec, photometric=Photometric.RGB, bands=3, bits=8, dtype="uint8")
    return [
        LevelPlan(
            WIDTH >> n, HEIGHT >> n, TILE >> n, TILE >> n, Cascade() if n else Stored(0), encode,
            form,
        )
        for n in range(count)
    ]  # fmt: skip


class Recorded(HookedArray):
    def __init__(self, pixels: Pixels, tile: int) -> None:
        super().__init__(pixels, array_reader(pixels, tile=tile).info)
        self.widths: list[int] = []

    def read(self, level: int, frame: int, rect: Rect) -> Pixels:
        self.widths.append(rect.width)
        return super().read(level, frame, rect)


def test_all_threads_encode_one_row_of_a_slow_codec(rng: np.random.Generator) -> None:
    together = threading.Barrier(THREADS)

    def encode(tile: Any) -> Any:
        together.wait(timeout=20)  # of one thread alone it breaks
        return raw(tile)

    pixels = rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    reader, plans = array_reader(pixels, tile=TILE), levels(Codec.LZMA, encode)
    budget = Budget(THREADS, 3 * THREADS, 1 << 20)
    images = assembled(build(reader, plans, MEAN, budget), plans, reader.info)
    np.testing.assert_array_equal(images[0, 0], pixels)


@each(
    "codec, tile, widths",
    [
        (Codec.LZMA, TILE, [128] * 4),
        (Codec.LZMA, 256, [256] * 2),  # a tile of the source is decoded by one task
        (Codec.LZMA, 200, [256] * 2),
        (Codec.LZMA, 2 * WIDTH, [WIDTH]),
        (Codec.JPEGXL, TILE, [WIDTH]),  # nine of these are no more than enough
        (Codec.JPEG, TILE, [WIDTH]),
    ],
)
def test_tasks_are_as_wide_as_encoding_is_quick_and_tiles_of_the_source_are(
    rng: np.random.Generator, codec: Codec, tile: int, widths: list[int]
) -> None:
    pixels = rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    reader, plans = Recorded(pixels, tile), levels(codec, raw, 2)
    images = assembled(build(reader, plans, MEAN, Budget(2, 6, 1 << 20)), plans, reader.info)
    assert reader.widths == widths
    np.testing.assert_array_equal(images[0, 1], MEAN(pixels))
