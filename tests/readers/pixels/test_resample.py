"""A filter that is asked for by name is that filter: models were trained on its pixels."""

from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tests.each import each
from ziggurat.readers.errors import OptionError
from ziggurat.readers.pixels import window
from ziggurat.readers.pixels.resample import Resample, resize

NAMES = ["LANCZOS", "BICUBIC", "BILINEAR", "BOX", "HAMMING"]


def region(source: Any, width: int, method: Any) -> np.ndarray:
    pixels: np.ndarray = source.getRegion(
        format="numpy", output={"maxWidth": width}, resample=method
    )[0]
    return pixels


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [100, 77, 300])
def test_named_filters_are_pillows(
    made_source: Callable[..., Any], rng: np.random.Generator, name: str, width: int
) -> None:
    pixels = rng.integers(0, 256, (200, 200, 3), np.uint8)
    kind = PIL.Image.Resampling[name]
    due = np.asarray(PIL.Image.fromarray(pixels).resize((width, width), kind))
    for asked in (kind, kind.value, name, name.lower()):
        np.testing.assert_array_equal(region(made_source(pixels), width, asked), due)


@pytest.mark.parametrize("name", NAMES)
def test_other_types_are_filtered_without_a_detour_by_8_bits(
    made_source: Callable[..., Any], rng: np.random.Generator, name: str
) -> None:
    pixels = rng.integers(0, 60_000, (200, 200, 1), np.uint16)
    image = PIL.Image.fromarray(pixels[..., 0].astype(np.float32))
    due = np.asarray(image.resize((90, 90), PIL.Image.Resampling[name]))
    found = region(made_source(pixels), 90, name)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[..., 0], np.clip(np.rint(due), 0, 65535))


def test_the_default_is_the_mean_of_areas(
    made_source: Callable[..., Any], rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 256, (200, 200, 1), np.uint8)
    mean = pixels.reshape(100, 2, 100, 2).mean((1, 3))
    for asked in (True, None, False):
        assert np.abs(region(made_source(pixels), 100, asked)[..., 0] - mean).max() <= 0.5


def test_large_reductions_are_filtered_in_bounded_memory(
    made_source: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "_STRIP_PIXELS", 1000)
    y, x = np.mgrid[:400, :400]
    smooth = (100 + 60 * np.sin(x / 40) * np.cos(y / 50)).astype(np.uint8)[..., np.newaxis]
    image = PIL.Image.fromarray(smooth[..., 0])
    due = np.asarray(image.resize((40, 40), PIL.Image.Resampling.LANCZOS)).astype(int)
    found = region(made_source(smooth), 40, "LANCZOS")[..., 0]
    assert np.abs(found - due).max() <= 2


@pytest.mark.parametrize("method", ["sharpest", -1, 6, [], 1.5j])
def test_unknown_filters_are_refused(made_source: Callable[..., Any], method: Any) -> None:
    with pytest.raises(OptionError, match="resample must be True, None or one of"):
        region(made_source(np.zeros((20, 20, 1), np.uint8)), 10, method)


@pytest.mark.parametrize("dtype", ["int8", "int32", "float32", "float64", "uint16"])
def test_enlarged_alpha_is_never_below_transparent_nor_above_opaque(dtype: str) -> None:
    opaque = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    pixels = np.zeros((20, 20, 2), dtype)
    pixels[5:15, 5:15] = 5, opaque
    for least in (0, np.dtype(dtype).type(opaque / 4)):
        pixels[..., 1] = np.maximum(pixels[..., 1], least)
        for method in (Resample.LANCZOS, Resample.BICUBIC, Resample.BILINEAR):
            large = resize(pixels, 87, 63, method, alpha=True)
            assert large[..., 1].min() == pytest.approx(float(least), rel=1e-6)
            assert large[..., 1].max() == opaque


@each("name", ["i1", "u1", "i2", "u2", "i4", "u4", "f2", "f4", "f8", "?"])
@each("method", [Resample.AREA, Resample.BILINEAR])
def test_the_ends_of_each_type_stay_what_they_are(name: str, method: Resample) -> None:
    limits = {"?": (False, True), "f": (-60000.0, 60000.0)}.get(name[0])
    for value in limits or (np.iinfo(name).min, np.iinfo(name).max):
        flat = np.full((9, 12, 1), value, name)
        for size in ((4, 3), (30, 20)):
            found = resize(flat, *size, method)
            assert found.dtype == flat.dtype
            np.testing.assert_allclose(found.astype(float), float(value), rtol=1e-6)
