"""getRegion at other scales than the stored ones: means, types, labels, alpha."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.each import each
from tests.readers.source.asking import numpy_region
from ziggurat.readers.model.image import Interpretation


def test_reductions_average_areas(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient)
    found = numpy_region(source, region={"width": 256, "height": 192}, output={"maxWidth": 64})
    means = gradient[:192, :256].reshape(48, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.abs(found.astype(float) - means).max() <= 0.51


def test_fine_patterns_do_not_alias(made_source: Callable[..., Any]) -> None:
    checks = ((np.add.outer(np.arange(512), np.arange(512)) % 2) * 255).astype(np.uint8)
    for shrink in (3.3, 5, 7.7):
        found = numpy_region(made_source(checks[..., None]), output={"maxWidth": int(512 / shrink)})
        assert abs(float(found.mean()) - 127.5) < 1
        assert found.std() < 30


def test_16_bits_stay_16_bits_through_any_scaling(
    made_source: Callable[..., Any], rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 65536, (128, 160, 3)).astype(np.uint16)
    source = made_source(pixels)
    for width in (100, 77, 333):
        found = numpy_region(source, output={"maxWidth": width})
        assert found.dtype == np.uint16
        assert (found % 257 != 0).mean() > 0.9  # not by way of 8 bits


def test_scaling_keeps_the_shape_and_the_values_of_floats(
    made_source: Callable[..., Any], rng: np.random.Generator
) -> None:
    pixels = (rng.random((90, 160, 2)) * 1000 - 500).astype(np.float32)
    found = numpy_region(made_source(pixels), output={"maxWidth": 80, "maxHeight": 60})
    assert found.shape == (45, 80, 2)
    expected = pixels.reshape(45, 2, 80, 2, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


@each("dtype", [np.int64, np.uint64, np.int8, bool, np.float16, ">u2"])
def test_uncommon_dtypes_are_scaled_too(
    made_source: Callable[..., Any], rng: np.random.Generator, dtype: Any
) -> None:
    pixels = np.repeat(np.repeat(rng.integers(0, 2, (8, 9, 1)), 4, axis=0), 4, axis=1)
    found = numpy_region(made_source(pixels.astype(dtype)), output={"maxWidth": 9})
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(found.astype(int), pixels[::4, ::4])


def test_labels_are_never_mixed(made_source: Callable[..., Any], rng: np.random.Generator) -> None:
    labels = rng.choice([7, 1000, 65535], (300, 400, 1)).astype(np.uint16)
    source = made_source(labels, interpretation=Interpretation.LABELS)
    for width in (33, 150, 900):
        found = numpy_region(source, output={"maxWidth": width})
        assert set(np.unique(found)) <= {7, 1000, 65535}
    assert source.getTile(0, 0, 0, numpyAllowed=True).dtype == np.uint16
    tiles = np.unique(source.getTile(0, 0, 0, numpyAllowed=True))
    assert set(tiles) <= {0, 7, 1000, 65535}


def test_what_is_transparent_does_not_bleed(made_source: Callable[..., Any]) -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[..., 0] = 255  # green is only where it is opaque, red where it is not
    pixels[:, :33] = (0, 200, 0, 255)
    found = numpy_region(made_source(pixels), output={"maxWidth": 16})
    seen = found[..., 3] > 0
    assert found[seen][:, 0].max() == 0
    assert found[seen][:, 1].min() == 200


def test_huge_reductions_go_strip_by_strip_and_give_the_same(
    made_source: Callable[..., Any], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ziggurat.readers.pixels import window as path

    picture = rng.integers(0, 255, (600, 501, 3)).astype(np.uint8)
    expected = numpy_region(made_source(picture), output={"maxWidth": 25})
    monkeypatch.setattr(path, "_STRIP_PIXELS", 20_000)
    source = made_source(picture)
    found = numpy_region(source, output={"maxWidth": 25})
    reads = [rect for _, _, rect in source.reader.reads]
    assert sorted((rect.y, rect.bottom) for rect in reads)[:2] == [(0, 48), (48, 96)]
    assert sum(rect.height for rect in reads) == 600
    assert np.abs(found.astype(int) - expected).max() <= 1
    nearest = numpy_region(made_source(picture), output={"maxWidth": 25}, resample=0)
    assert {tuple(p) for p in nearest.reshape(-1, 3)} <= {tuple(p) for p in picture.reshape(-1, 3)}
