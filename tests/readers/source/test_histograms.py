"""Histograms, against NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ziggurat.readers.errors import OptionError


def test_histograms_agree_with_numpy(
    made_source: Callable[..., Any], rng: np.random.Generator
) -> None:
    pixels = (rng.normal(1000, 200, (120, 130, 2))).clip(0).astype(np.uint16)
    found = made_source(pixels).histogram(bins=50)
    for band, facts in enumerate(found["histogram"]):
        values = pixels[..., band]
        assert (facts["min"], facts["max"]) == (values.min(), values.max())
        assert facts["mean"] == pytest.approx(values.mean())
        assert facts["stdev"] == pytest.approx(values.std())
        expected, edges = np.histogram(values, 50, facts["range"])
        np.testing.assert_array_equal(facts["hist"], expected)
        np.testing.assert_allclose(facts["bin_edges"], edges)
        assert facts["samples"] == values.size
    assert set(made_source(pixels).histogram(onlyMinMax=True)) == {"min", "max", "mean", "stdev"}
    dense = made_source(pixels).histogram(bins=20, density=True)["histogram"][0]
    assert np.sum(dense["hist"]) == pytest.approx(1)


def test_whole_edges_of_a_histogram(made_source: Callable[..., Any]) -> None:
    pixels = np.arange(10, 110, dtype=np.uint8).reshape(10, 10, 1)

    def facts(**arguments: Any) -> Any:
        [found] = made_source(pixels).histogram(**arguments)["histogram"]
        assert found["hist"].sum() == 100
        return found["range"], found["bins"]

    assert facts() == ((10, 110), 256)
    assert facts(bins=30) == ((10, 110), 30)
    assert facts(bins=30, range="round") == ((10, 110), 25)  # of four values each
    assert facts(bins=12, range="round") == ((10, 118), 12)  # of nine
    assert facts(bins=9, range="round") == ((10, 110), 9)  # so few that edges don't matter
    [found] = made_source(pixels > 50).histogram(bins=2)["histogram"]
    np.testing.assert_array_equal(found["hist"], [41, 59])


def test_nodata_is_what_is_stored_not_what_it_is_cast_to(made_source: Callable[..., Any]) -> None:
    pixels = np.array([[1, 44], [300, 3]], np.uint16)[..., None]
    found = made_source(pixels, nodata=300.0).histogram(dtype="uint8", bins=3)
    assert (found["min"][0], found["max"][0]) == (1, 44)
    assert found["histogram"][0]["samples"] == 3
    assert made_source(pixels, nodata=44.0).histogram(dtype="uint8")["max"][0] == 44  # of 300


def test_nan_does_not_count(made_source: Callable[..., Any]) -> None:
    pixels = np.array([[1.0, np.nan], [3.0, np.inf]], np.float32)[..., None]
    found = made_source(pixels).histogram(bins=2, range=(0, 4))
    assert found["mean"][0] == 2
    np.testing.assert_array_equal(found["histogram"][0]["hist"], [1, 1])


@pytest.mark.parametrize("limits", [(5, 1), (1,), 3, ("a", "b"), (0, float("nan")), "whole"])
def test_a_histogram_of_no_range_is_refused(
    made_source: Callable[..., Any], gradient: np.ndarray, limits: Any
) -> None:
    with pytest.raises(OptionError, match="range"):
        made_source(gradient).histogram(range=limits)


@pytest.mark.parametrize("dtype", ["nonsense", "U5", 7])
def test_a_histogram_of_no_dtype_is_refused(
    made_source: Callable[..., Any], gradient: np.ndarray, dtype: Any
) -> None:
    with pytest.raises(OptionError, match="dtype"):
        made_source(gradient).histogram(dtype=dtype)


@pytest.mark.parametrize("value", [2.5, np.nan])
def test_the_histogram_of_one_value_or_none_has_edges(
    made_source: Callable[..., Any], value: Any
) -> None:
    pixels = np.full((40, 50, 1), value, np.float32)
    [found] = made_source(pixels).histogram(bins=4, density=True)["histogram"]
    assert (np.diff(found["bin_edges"]) > 0).all()
    counted = 0 if np.isnan(value) else 1
    assert found["hist"].sum() == pytest.approx(counted)
