"""Every reducer against the plainest numpy that says the same."""

import dataclasses
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Interpretation
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.model.options import reducer_named
from ziggurat.writers.model.reducers import Reducer
from ziggurat.writers.resample.filters import HALO, taps
from ziggurat.writers.resample.halve import Shrinker, shrinker

INTEGERS = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64]
FLOATS = [np.float16, np.float32, np.float64]
SIZES = [(8, 10), (7, 9), (1, 1), (1, 6), (5, 1)]


def blocks(pixels: np.ndarray) -> Iterator[Any]:
    """Yield (row, column, band, values of the 2 x 2 block that exist) as Python numbers."""
    height, width, bands = pixels.shape
    for y in range(0, height, 2):
        for x in range(0, width, 2):
            for band in range(bands):
                block = pixels[y : y + 2, x : x + 2, band].ravel().tolist()
                yield y // 2, x // 2, band, block


def plain(pixels: np.ndarray, combine: Any) -> Any:
    height, width, bands = pixels.shape
    out = np.zeros((math.ceil(height / 2), math.ceil(width / 2), bands), pixels.dtype)
    for y, x, band, values in blocks(pixels):
        out[y, x, band] = combine(values)
    return out


def round_half_up(total: Any, count: int) -> Any:
    return (2 * total + count) // (2 * count)


def noise(rng: np.random.Generator, dtype: Any, shape: Any) -> Any:
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind == "f":
        return (rng.random(shape) * 2 - 1).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


@each("dtype", INTEGERS)
@each("bands", [1, 2, 3, 4, 5])
def test_mean_of_integers_rounds_half_up_exactly(
    rng: np.random.Generator, dtype: Any, bands: int
) -> None:
    for height, width in SIZES:
        pixels = noise(rng, dtype, (height, width, bands))
        wanted = plain(pixels, lambda v: round_half_up(sum(v), len(v)))
        got = Shrinker(Reducer.MEAN)(pixels)
        assert got.dtype == pixels.dtype
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("bands", [1, 3, 4])
def test_mean_is_exact_at_the_sizes_where_opencv_vectorises(
    rng: np.random.Generator, bands: int
) -> None:
    pixels = noise(rng, np.uint8, (256, 1024, bands))
    total = pixels.reshape(128, 2, 512, 2, bands).sum(axis=(1, 3), dtype=np.int64)
    np.testing.assert_array_equal(Shrinker(Reducer.MEAN)(pixels), (total + 2) // 4)


@pytest.mark.parametrize("dtype", FLOATS)
def test_mean_of_floats(rng: np.random.Generator, dtype: Any) -> None:
    pixels = noise(rng, dtype, (9, 7, 2))
    wanted = plain(pixels.astype(np.float64), lambda v: sum(v) / len(v))
    got = Shrinker(Reducer.MEAN)(pixels)
    assert got.dtype == dtype
    np.testing.assert_allclose(
        got, wanted, rtol=4 * np.finfo(dtype).eps, atol=1e-3 if dtype == np.float16 else 1e-6
    )


def test_mean_of_bool_is_the_majority_and_half_counts_as_true() -> None:
    pixels = np.array([[1, 0, 0, 0], [1, 0, 0, 1]], bool)[..., np.newaxis]
    assert Shrinker(Reducer.MEAN)(pixels)[..., 0].tolist() == [[True, False]]
    two = np.concatenate([pixels, ~pixels], axis=2)
    assert Shrinker(Reducer.MEAN)(two)[0].tolist() == [[True, True], [False, True]]


@each("dtype", [*INTEGERS, *FLOATS, bool])
@each("reducer, combine", [(Reducer.MAX, max), (Reducer.MIN, min)])
def test_max_and_min(rng: np.random.Generator, dtype: Any, reducer: str, combine: Any) -> None:
    pixels = noise(rng, dtype, (7, 9, 2))
    np.testing.assert_array_equal(Shrinker(reducer)(pixels), plain(pixels, combine))


@each("dtype", INTEGERS)
def test_median_is_the_mean_of_the_middle_two(rng: np.random.Generator, dtype: Any) -> None:
    def middle(values: Any) -> Any:
        four = sorted(values * (4 // len(values)))
        return round_half_up(four[1] + four[2], 2)

    pixels = noise(rng, dtype, (7, 10, 2))
    np.testing.assert_array_equal(Shrinker(Reducer.MEDIAN)(pixels), plain(pixels, middle))


def test_nearest_is_the_top_left_pixel(rng: np.random.Generator) -> None:
    pixels = noise(rng, np.uint32, (7, 9, 3))
    np.testing.assert_array_equal(Shrinker(Reducer.NEAREST)(pixels), pixels[::2, ::2])


def most_frequent(values: Any) -> Any:
    repeated = values * (4 // len(values))
    return max(repeated, key=lambda v: (repeated.count(v), -repeated.index(v)))


def names(rng: np.random.Generator, dtype: Any, height: int, width: int, side: int) -> Any:
    """Return a label map of squares, drawn from a few values that fill the type's bytes."""
    few = np.array([1, 3, 60, 90], np.uint8).repeat(np.dtype(dtype).itemsize).view(dtype)
    few = np.array([0, 1], bool) if dtype is bool else few
    coarse = rng.choice(few, (height // side + 1, width // side + 1))
    return coarse.repeat(side, axis=0).repeat(side, axis=1)[:height, :width, np.newaxis]


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS, bool, ">u2"])
@pytest.mark.parametrize("side", [1, 3, 13])
def test_mode_is_the_most_frequent_pixel_and_the_first_of_equals(
    rng: np.random.Generator, dtype: Any, side: int
) -> None:
    for height, width in ((64, 80), (41, 37)):
        pixels = names(rng, dtype, height, width, side)
        wanted = plain(pixels, most_frequent)
        for cut in (pixels, np.pad(pixels, ((0, 0), (2, 4), (0, 0)))[:, 2:-4]):
            small = Shrinker(Reducer.MODE)(cut)
            assert small.dtype == pixels.dtype
            np.testing.assert_array_equal(small, wanted)
        columns = np.asfortranarray(pixels)  # neighbours of a row don't lie side by side
        np.testing.assert_array_equal(Shrinker(Reducer.MODE)(columns), wanted)


def test_mode_does_not_write_into_what_it_reads(rng: np.random.Generator) -> None:
    pixels = names(rng, np.uint8, 64, 64, 5)
    before = pixels.copy()
    small = Shrinker(Reducer.MODE)(pixels)
    small[...] = 200
    np.testing.assert_array_equal(pixels, before)


def test_mode_never_mixes_the_bands_of_different_pixels(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 2, (32, 32, 3)).astype(np.uint8)
    small = Shrinker(Reducer.MODE)(pixels)
    for y in range(16):
        for x in range(16):
            block = pixels[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].reshape(4, 3).tolist()
            assert small[y, x].tolist() in block


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colour_under_transparency_does_not_count(rng: np.random.Generator, dtype: Any) -> None:
    pixels = noise(rng, dtype, (9, 9, 4))
    pixels[:4, :, 3] = 0
    small = Shrinker(Reducer.MEAN, alpha=True)(pixels)
    padded = np.pad(pixels, ((0, 1), (0, 1), (0, 0)), mode="edge").astype(object)
    for y in range(5):
        for x in range(5):
            block = padded[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].reshape(4, 4)
            weights = block[:, 3]
            if sum(weights) == 0:
                weights = np.array([1, 1, 1, 1], object)  # nothing visible: the plain mean
            for band in range(3):
                wanted = round_half_up(sum(weights * block[:, band]), sum(weights))
                assert small[y, x, band] == wanted
            assert small[y, x, 3] == round_half_up(sum(block[:, 3]), 4)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64, np.int64])
def test_nodata_is_left_out_of_the_mean(rng: np.random.Generator, dtype: Any) -> None:
    pixels = noise(rng, dtype, (11, 9, 2))
    pixels[rng.random(pixels.shape) < 0.6] = 7
    small = Shrinker(Reducer.MEAN, nodata=(7, None))(pixels)

    def without_seven(values: Any) -> Any:
        kept = [v for v in values if v != 7]
        return round_half_up(sum(kept), len(kept)) if kept else 7

    np.testing.assert_array_equal(small[..., :1], plain(pixels[..., :1], without_seven))
    every = plain(pixels[..., 1:], lambda v: round_half_up(sum(v), len(v)))
    np.testing.assert_array_equal(small[..., 1:], every)


@pytest.mark.parametrize(
    ("reducer", "combine"),
    [
        (Reducer.MEAN, lambda v: sum(v) / len(v)),
        (Reducer.MAX, max),
        (Reducer.MIN, min),
        (Reducer.MEDIAN, lambda v: float(np.median(v))),
    ],
)
def test_nan_is_left_out(rng: np.random.Generator, reducer: str, combine: Any) -> None:
    pixels = noise(rng, np.float32, (10, 10, 1))
    pixels[rng.random(pixels.shape) < 0.5] = np.nan
    pixels[4:8, 4:8] = np.nan

    def without_nan(values: Any) -> Any:
        kept = [v for v in values if v == v]
        return combine(kept) if kept else math.nan

    wanted = plain(pixels, without_nan)
    np.testing.assert_allclose(Shrinker(reducer)(pixels), wanted, rtol=1e-6)
    assert np.isnan(wanted).any()


@each("reducer", [Reducer.LANCZOS3, Reducer.CUBIC])
@each("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.uint32])
def test_filters_equal_the_sum_over_their_taps(
    rng: np.random.Generator, reducer: str, dtype: Any
) -> None:
    pixels = noise(rng, dtype, (13, 18, 2))
    reach, kernel = HALO[reducer], np.array(taps(reducer), dtype=float)
    wide = np.pad(
        pixels.astype(np.float64), ((reach, reach + 1), (reach, reach + 1), (0, 0)), mode="edge"
    )
    out = np.zeros((7, 9, 2))
    for y in range(7):
        for x in range(9):
            window = wide[2 * y + 1 : 2 * y + 1 + 2 * reach, 2 * x + 1 : 2 * x + 1 + 2 * reach]
            out[y, x] = np.einsum("yxb,y,x->b", window, kernel, kernel)
    small = Shrinker(reducer)(pixels)
    if np.dtype(dtype).kind in "ui":
        limits = np.iinfo(dtype)
        wanted = np.clip(np.floor(out + 0.5), limits.min, limits.max)
        assert np.abs(small.astype(np.float64) - wanted).max() <= 1
        assert (small == wanted).mean() > 0.97
    else:
        np.testing.assert_allclose(small, out, atol=1e-5)


@each("reducer", list(Reducer))
def test_any_cut_with_its_halo_gives_the_same_pixels(
    rng: np.random.Generator, reducer: str
) -> None:
    pixels = noise(rng, np.uint8, (64, 80, 3))
    shrink = Shrinker(reducer)
    whole, halo = shrink(pixels), shrink.halo
    core = Rect(32, 16, 24, 20)
    cut = pixels[16 - halo : 36 + halo, 32 - halo : 56 + halo]
    part = shrink(cut, Rect(halo, halo, 24, 20))
    np.testing.assert_array_equal(part, whole[8:18, 16:28])
    assert core.width % 2 == 0


def test_a_filter_next_to_nodata_falls_back_to_the_mean_of_what_counts() -> None:
    pixels = np.full((32, 32, 1), 100, np.uint8)
    pixels[:, 16:] = 0
    small = Shrinker(Reducer.LANCZOS3, nodata=(0,))(pixels)
    assert set(np.unique(small)) == {0, 100}


def test_defaults_follow_the_interpretation() -> None:
    picture = array_reader(np.zeros((4, 4, 3), np.uint8)).info
    labels = array_reader(np.zeros((4, 4, 1), np.uint16), interpretation=Interpretation.LABELS).info
    assert shrinker(picture, None).reducer is Reducer.MEAN
    assert shrinker(labels, None).reducer is Reducer.MODE


@pytest.mark.parametrize(
    ("dtype", "reducer", "words"),
    [
        (np.complex64, None, "complex64 have no pyramid"),
        (np.uint64, Reducer.LANCZOS3, "lanczos3 would round 64-bit integers"),
        (np.int64, Reducer.LANCZOS3, "lanczos3 would round 64-bit integers"),
        (np.int64, Reducer.CUBIC, "cubic would round 64-bit integers"),
        (bool, Reducer.CUBIC, "cubic is not for bool"),
    ],
)
def test_what_can_not_be_is_refused(dtype: Any, reducer: str, words: Any) -> None:
    info = array_reader(np.zeros((4, 4, 1), dtype)).info
    with pytest.raises(OptionError, match=words):
        shrinker(info, reducer)


@pytest.mark.parametrize(
    ("name", "reducer"),
    [
        ("NP_MODE", Reducer.MODE),
        ("mean", Reducer.MEAN),
        ("PIL_LANCZOS", Reducer.LANCZOS3),
        (None, None),
    ],
)
def test_reducers_are_known_by_the_references_names_too(name: str, reducer: str) -> None:
    assert reducer_named(name) is reducer


def test_an_unknown_reducer_is_refused_with_the_known_ones() -> None:
    with pytest.raises(OptionError, match=r"mean, nearest.*not 'best'"):
        reducer_named("best")


def test_nodata_of_a_band_stays_where_other_bands_have_values() -> None:
    pixels = np.full((2, 4, 2), 100, np.uint8)
    pixels[:, :2, 1] = 9  # nothing in the second band of the first block
    pixels[:, 2:, 0] = 7  # nor in the first band of the second
    small = Shrinker(Reducer.MEAN, nodata=(7, 9))(pixels)
    assert small.tolist() == [[[100, 9], [7, 100]]]


@pytest.mark.parametrize("nodata", [None, (9, None)])
def test_gray_under_transparency_does_not_count(nodata: tuple[int, None] | None) -> None:
    pixels = np.full((2, 2, 2), 200, np.uint8)
    pixels[0, 0] = 0, 0  # black, and not to be seen
    small = Shrinker(Reducer.MEAN, alpha=True, nodata=nodata)(pixels)
    assert small.tolist() == [[[200, 150]]]


@pytest.mark.parametrize("kind", [Interpretation.LABELS, Interpretation.PALETTE])
def test_what_only_names_something_is_chosen_not_averaged(kind: Interpretation) -> None:
    pixels = np.array([[[1], [9]], [[9], [1]]], np.uint8)
    info = array_reader(pixels, interpretation=kind).info
    assert shrinker(info, None)(pixels).tolist() in ([[[1]]], [[[9]]])
    assert shrinker(info, Reducer.MEAN)(pixels).tolist() == [[[5]]], "where it is asked for"


def test_halves_of_large_float16_are_finite() -> None:
    pixels = np.full((4, 4, 1), 60_000, np.float16)
    assert (Shrinker(Reducer.MEAN)(pixels) == np.float16(60_000)).all()
    assert (Shrinker(Reducer.MEDIAN)(pixels) == np.float16(60_000)).all()


@pytest.mark.parametrize("bands", [1, 3, 5])
def test_one_nodata_value_is_that_of_every_band(bands: int) -> None:
    pixels = np.full((2, 2, bands), 10, np.uint16)
    pixels[0, 0] = 7
    reader = array_reader(pixels, interpretation=Interpretation.MULTIBAND)
    info = dataclasses.replace(reader.info, nodata=7)
    assert shrinker(info, None)(pixels).tolist() == [[[10] * bands]]


@pytest.mark.parametrize("reducer", list(HALO))
def test_a_filter_leaves_colours_alone_where_alpha_varies(reducer: Reducer) -> None:
    """Also where nothing is wholly transparent: of two opacities neither rings into the other."""
    pixels = np.full((40, 40, 2), 200, np.uint8)
    pixels[:, 20:, 0], pixels[:, 20:, 1] = 100, 50
    small = Shrinker(reducer, alpha=True)(pixels)
    expected = Shrinker(Reducer.MEAN, alpha=True)(pixels)
    assert np.array_equal(small[..., 0], expected[..., 0])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
def test_half_a_value_is_rounded_up_by_filters_too(dtype: Any) -> None:
    """As by means; a cubic's weights are whole parts of 256, so that halves are met exactly."""
    row = np.random.default_rng(2).integers(0, 90, 3000).astype(dtype)
    weights = [Fraction(w).limit_denominator(1 << 20) for w in taps(Reducer.CUBIC)]
    assert sum(weights) == 1
    padded = [int(v) for v in np.pad(row, 4, mode="edge")]
    exact = [
        sum(w * v for w, v in zip(weights, padded[n + 1 : n + 9], strict=True))
        for n in range(0, len(row), 2)
    ]
    low = np.iinfo(dtype).min
    expected = [max(low, math.floor(value + Fraction(1, 2))) for value in exact]
    assert sum(value.denominator == 2 for value in exact) > 1
    small = Shrinker(Reducer.CUBIC)(np.repeat(row[np.newaxis, :, np.newaxis], 20, axis=0))
    assert small[5, :, 0].tolist() == expected


@each("dtype", [np.uint8, np.uint16])
@each("alphas", [(0, 1), (1, 2), (0, 3), (254, 255), (0, 255)])
def test_colours_are_weighed_by_alphas_however_near(dtype: Any, alphas: tuple[int, int]) -> None:
    rng = np.random.default_rng(6)
    pixels = rng.integers(0, 255, (20, 30, 4)).astype(dtype)
    pixels[..., 3] = rng.choice(alphas, (20, 30))
    small = Shrinker(Reducer.MEAN, alpha=True)(pixels)
    for y, x, band in np.ndindex(10, 15, 3):
        block = pixels[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].reshape(4, 4).astype(int)
        weights = block[:, 3] if block[:, 3].any() else np.ones(4, int)
        total = int(weights.sum())
        summed = int((block[:, band] * weights).sum())
        assert small[y, x, band] == (2 * summed + total) // (2 * total)
