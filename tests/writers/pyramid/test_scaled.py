"""Levels at a half of what is stored: the same with the native kernel and without it."""

from collections.abc import Callable
from unittest import mock

import numpy as np
import pytest
import simplejpeg

from ziggurat.readers.codecs.native import kernel
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels
from ziggurat.writers.pyramid.scaled import read_scaled

TILE, COLUMNS, ROWS = 64, 5, 4
FORM = TileFormat(Codec.JPEG, Photometric.YCBCR, 3, 8, "uint8")
FILL = np.array([9, 8, 7], np.uint8)
Change = Callable[[bytes], bytes]


def lost(data: bytes) -> bytes:
    return data[: len(data) // 2] + data[len(data) // 2 + 200 :]


def padded(data: bytes) -> bytes:
    return data[:-2] + bytes(9) + data[-2:]


def level(tissue: np.ndarray, odd: dict[tuple[int, int], Change | None]) -> EncodedLevel:
    def tile(column: int, row: int) -> bytes | None:
        y, x = row * TILE, column * TILE
        data = simplejpeg.encode_jpeg(np.ascontiguousarray(tissue[y : y + TILE, x : x + TILE]), 85)
        change = odd.get((column, row), bytes)
        return None if change is None else change(data)

    size = COLUMNS * TILE, ROWS * TILE
    return EncodedLevel(FORM, *size, TILE, TILE, COLUMNS, ROWS, tile)


def both(encoded: EncodedLevel, reduction: int, rect: Rect) -> tuple[Pixels, Pixels]:
    found = read_scaled(encoded, reduction, rect, FILL)
    with mock.patch.object(kernel, "decoder", return_value=None):
        return found, read_scaled(encoded, reduction, rect, FILL)


@pytest.mark.parametrize(
    "odd",
    [{}, {(0, 0): padded}, {(2, 1): padded}, {(1, 1): None}],
    ids=lambda odd: "-".join(map(str, odd)) or "none",
)
@pytest.mark.parametrize("reduction", [2, 4, 8])
def test_any_part_is_the_same(
    tissue: np.ndarray,
    rng: np.random.Generator,
    reduction: int,
    odd: dict[tuple[int, int], Change | None],
) -> None:
    encoded = level(tissue, odd)
    width, height = COLUMNS * TILE // reduction, ROWS * TILE // reduction
    for _ in range(8):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        size = int(rng.integers(width - x)) + 1, int(rng.integers(height - y)) + 1
        found, due = both(encoded, reduction, Rect(x, y, *size))
        np.testing.assert_array_equal(found, due)
    found, _ = both(encoded, reduction, Rect(0, 0, width, height))
    step = TILE // reduction
    missing = found[step : 2 * step, step : 2 * step]
    assert (missing == FILL).all() == ((1, 1) in odd)


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("place", [(0, 0), (2, 1)])
def test_a_damaged_tile_is_an_error(
    tissue: np.ndarray, place: tuple[int, int], native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not native:
        monkeypatch.setattr(kernel, "decoder", lambda: None)
    encoded = level(tissue, {place: lost})
    with pytest.raises(CorruptSourceError, match="libjpeg makes up"):
        read_scaled(encoded, 2, Rect(0, 0, COLUMNS * TILE // 2, ROWS * TILE // 2), FILL)
