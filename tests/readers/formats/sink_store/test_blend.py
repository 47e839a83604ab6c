"""Blended values and what pixels they are, against sums done in Python's own numbers."""

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.errors import SinkInputError
from ziggurat.readers.formats.sink_store.blend import (
    STEPS,
    WINDOWS,
    blended,
    check_weight,
    resolve,
    tile_weight,
    window,
)
from ziggurat.readers.formats.sink_store.layout import Blend, StoreLayout

FILL = 7


def laid(mode: Blend, dtype: str, tiles: Any, weights: Any) -> np.ndarray:
    """Blend tiles (y, x, band) in, as the arrays of a store keep them; return the pixels."""
    layout = StoreLayout(16, 16, mode, FILL, bands=tiles[0].shape[2], dtype=dtype)
    kinds = [array.dtype for array in layout.arrays]
    shape = tiles[0].shape
    state = np.zeros(shape, kinds[0]), np.zeros(shape[:2], kinds[1])
    for tile, weight in zip(tiles, weights, strict=True):
        state = blended(mode, state, np.asarray(tile, dtype), weight)
        assert [part.dtype for part in state] == [*kinds[:1], state[1].dtype]
        state = state[0], state[1].astype(kinds[1])
    return resolve(layout, *state)


def due(mode: Blend, dtype: str, values: list[tuple[float, float]]) -> float:
    """Return one pixel out of (value, weight) of each tile, exactly."""
    told = [(Fraction(v), Fraction(w)) for v, w in values if w > 0]
    if not told:
        return 1 if dtype == "?" else FILL
    if mode is Blend.MAX:
        return float(max(v for v, _ in told))
    if mode is Blend.MIN:
        return float(min(v for v, _ in told))
    total = sum(v * (w if mode is Blend.WEIGHTED else 1) for v, w in told)
    if mode in (Blend.MEAN, Blend.WEIGHTED):
        total /= sum(w if mode is Blend.WEIGHTED else 1 for _, w in told)
    if np.dtype(dtype).kind == "f":
        return float(total)
    limits = (0, 1) if dtype == "?" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return min(max(round(total), int(limits[0])), int(limits[1]))  # halves to the even one


@each("mode", [mode for mode in Blend if mode is not Blend.OVER])
@each("dtype", ["?", "u1", "i1", "u2", "i2", "f4", "u8", "i8"])
def test_each_mode_of_each_type(mode: Blend, dtype: str) -> None:
    rng = np.random.default_rng(5)
    low, high = {"?": (0, 2), "i1": (-128, 128), "i2": (-99, 300), "i8": (-9, 9)}.get(
        dtype, (0, 200)
    )
    tiles = rng.integers(low, high, (3, 6, 9, 2))
    masks = (rng.random((3, 6, 9)) < 0.6).astype(np.float64)
    if mode is Blend.WEIGHTED:
        masks *= rng.choice([0.25, 0.5, 1.0, 3.0], masks.shape)
    found = laid(mode, dtype, tiles, masks)
    assert found.dtype == np.dtype(dtype)
    for y, x, band in np.ndindex(6, 9, 2):
        values = [(float(tiles[n, y, x, band]), float(masks[n, y, x])) for n in range(3)]
        wanted = due(mode, dtype, values)
        if np.dtype(dtype).kind == "f":
            assert found[y, x, band] == pytest.approx(wanted), (y, x, band)
        else:
            assert int(found[y, x, band]) == wanted, (y, x, band, values)


@each("kind", WINDOWS)
@each("height, width", [(1, 1), (5, 8), (16, 3)])
def test_windows_are_one_in_the_middle_and_above_zero_everywhere(
    kind: str, height: int, width: int
) -> None:
    found = window(kind, height, width)
    assert found.shape == (height, width)
    assert found.min() > 0
    assert found.max() <= 1
    np.testing.assert_array_equal(found, found[::-1, ::-1])
    np.testing.assert_array_equal(found * STEPS, np.rint(found * STEPS))
    if height % 2 and width % 2:
        assert found[height // 2, width // 2] == 1
    assert (np.diff(found[: (height + 1) // 2], axis=0) >= 0).all()
    assert (np.diff(found[:, : (width + 1) // 2], axis=1) >= 0).all()


@pytest.mark.parametrize(
    ("kind", "side"),
    [("hann", (0.5, 1, 0.5)), ("linear", (0.5, 1, 0.5)), ("gaussian", (np.exp(-2), 1, np.exp(-2)))],
)
def test_windows_end_just_beyond_the_first_and_the_last_pixel(kind: str, side: Any) -> None:
    found = window(kind, 3, 1)[:, 0]
    assert found.tolist() == pytest.approx(side, abs=1 / STEPS)
    assert window(kind, 1, 3)[0].tolist() == found.tolist()


def given(**facts: Any) -> Any:
    return SimpleNamespace(**({"weight": None, "mask": None, "height": 4, "width": 6} | facts))


def test_a_tile_weighs_where_its_mask_lets_it() -> None:
    mask = np.zeros((1, 4, 6, 3), bool)
    mask[0, 1:3, 2:] = True
    plain = np.linspace(0.1, 1, 24).reshape(4, 6)
    steps = np.rint(plain * STEPS) / STEPS
    assert tile_weight(given()) is None
    for told, due in (
        (given(mask=mask), mask[..., 0].astype(float)), (given(weight=plain), steps[np.newaxis]),
        (given(mask=mask, weight=plain), steps * mask[..., 0]),
        (given(weight="hann"), window("hann", 4, 6)[np.newaxis]),
        (given(mask=mask, weight="linear"), window("linear", 4, 6) * mask[..., 0]),
    ):  # fmt: skip
        np.testing.assert_array_equal(tile_weight(told), due)
    least = tile_weight(given(weight=np.full((4, 6), 1e-9)))
    assert least is not None
    assert (least == 1 / STEPS).all()  # what is above zero stays so
    mask[0, 0, 0, 1] = True
    with pytest.raises(SinkInputError, match="same for all bands"):
        tile_weight(given(mask=mask))


@each("mode, weight, words", [
        (Blend.MEAN, "hann", "takes no weight"), (Blend.SUM, np.ones((4, 6)), "takes no weight"),
        (Blend.WEIGHTED, "hamming", "one of hann, gaussian, linear"),
        (Blend.WEIGHTED, np.full((4, 6), 1025.0), "near 1"),
        (Blend.WEIGHTED, np.full((4, 6), 2**-11), "near 1"),
        (Blend.WEIGHTED, np.full((4, 6), 1024.0), None),
        (Blend.WEIGHTED, np.full((4, 6), 2**-10), None), (Blend.WEIGHTED, np.zeros((4, 6)), None),
        (Blend.WEIGHTED, "gaussian", None), (Blend.MAX, None, None),
    ])  # fmt: skip
def test_weights_that_a_sink_has_no_use_for(mode: Blend, weight: Any, words: str | None) -> None:
    layout = StoreLayout(16, 16, mode)
    if words is None:
        check_weight(layout, given(weight=weight))
    else:
        with pytest.raises(SinkInputError, match=words):
            check_weight(layout, given(weight=weight))
