"""Means, statistics, samples and the cache, against plain loops over all of what they are of."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from tests.each import each
from tests.readers.conftest import LevelsReader
from ziggurat.readers.grid.regions import Window
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.pixels import band_values, window
from ziggurat.readers.pixels.histogram import histogram, statistics
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.pixels.reduction import reduced
from ziggurat.readers.pixels.resample import Resample, nearest, resize

SHAPE = (23, 37, 3)
Nodata = tuple[float | None, ...]


def pixels(dtype: str = "u1", shape: tuple[int, int, int] = SHAPE, seed: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random(shape) * 250).astype(dtype)


def covered(size: int, parts: int) -> np.ndarray:
    """Return how much of each pixel of ``size`` each of ``parts`` covers: (part, pixel)."""
    step = size / parts
    low, high = np.arange(parts)[:, np.newaxis] * step, np.arange(size)
    return np.clip(np.minimum(low + step, high + 1) - np.maximum(low, high), 0, 1)


def area_mean(
    values: np.ndarray, width: int, height: int, *, alpha: bool, nodata: Nodata | None
) -> np.ndarray:
    """Return the weighted mean of what each result covers; NaN where nothing counts."""
    weights = np.ones(values.shape)
    full = np.iinfo(values.dtype).max if values.dtype.kind in "iu" else 1
    if alpha:
        weights[..., :-1] = values[..., -1:] / full
    for band, value in enumerate(nodata or ()):
        if value is not None:
            weights[..., band][values[..., band] == value] = 0
    down, across = covered(values.shape[0], height), covered(values.shape[1], width)
    clean = np.where(weights > 0, values, 0).astype(float)
    sums, total = (
        np.einsum("ay,yxb,cx->acb", down, one, across) for one in (clean * weights, weights)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(total > 1e-9, sums / total, np.nan))


KINDS: list[dict[str, Any]] = [
    {"alpha": False, "nodata": None},
    {"alpha": True, "nodata": None},
    {"alpha": False, "nodata": (7.0, None, 9.0)},
    {"alpha": True, "nodata": (7.0, 8.0, None)},
]


def planted(dtype: str, kind: dict[str, Any]) -> np.ndarray:
    made = pixels(dtype)
    made[:9, :8] = 7, 8, 9
    made[12:, 30:] = 7, 200, 9
    if kind["alpha"]:
        full = np.iinfo(made.dtype).max if made.dtype.kind in "iu" else 1
        made[..., -1] = full
        made[:6, 20:, -1] = 0
        made[15:, :10, -1] = full // 2 or 0.5
    return made


def assert_means(
    found: np.ndarray, expected: np.ndarray, kind: dict[str, Any], rounded: int = 1
) -> None:
    known = np.isfinite(expected)
    spare = 0.5 * rounded + 0.01 if found.dtype.kind in "iu" else 1e-3
    off = np.abs(np.where(known, found - expected, 0))
    nodata = kind["nodata"] or ()
    for band, value in enumerate(nodata):
        if value is not None:  # a mean that is the value that stands for nothing is its neighbour
            near = known[..., band] & (np.abs(expected[..., band] - value) < 1)
            off[..., band][near] = np.maximum(0, off[..., band][near] - 1)
            np.testing.assert_array_equal(found[..., band][~known[..., band]], value)
    assert off.max() <= spare, np.unravel_index(off.argmax(), off.shape)


@pytest.mark.parametrize("dtype", ["u1", "f4"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(37, 23), (12, 8), (5, 11), (1, 1), (36, 1)])
def test_reductions_are_means_of_areas(
    size: tuple[int, int], kind: dict[str, Any], dtype: str
) -> None:
    made = planted(dtype, kind)
    expected = area_mean(made, *size, **kind)
    if size != (37, 23):
        assert_means(resize(made, *size, Resample.AREA, **kind), expected, kind)
    around = np.pad(made, ((2, 3), (4, 5), (0, 0)))
    rect = Rect(4, 2, 37, 23)

    def read(part: Rect) -> np.ndarray:
        assert part == part.intersect(rect)
        return around[part.y : part.bottom, part.x : part.right].copy()

    for tall in (4, 7, 64):
        assert_means(reduced(read, rect, size, tall, **kind), expected, kind, rounded=2)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_mean_of_no_number_is_none(value: float) -> None:
    """One bad row of many, in any strip, is in the rows that it touches and in no other."""
    made = pixels("f4", (20, 6, 2))
    made[13, 4, 1] = value
    found = reduced(
        lambda part: made[part.y : part.bottom, part.x : part.right].copy(), Rect(0, 0, 6, 20),
        (3, 5), 3, alpha=False,
    )  # fmt: skip
    bad = ~np.isfinite(found)
    assert np.argwhere(bad).tolist() == [[3, 2, 1]]


def test_transparent_colours_are_means_where_nothing_is_opaque() -> None:
    made = pixels("u1", (8, 8, 4))
    made[..., 3] = 255
    made[:4, :4, 3] = 0
    found = resize(made, 2, 2, Resample.AREA, alpha=True)
    np.testing.assert_allclose(found[0, 0, :3], made[:4, :4, :3].mean(axis=(0, 1)), atol=0.51)
    assert found[0, 0, 3] == 0
    assert (found[1, 1, 3], found[0, 1, 3]) == (255, 255)


@each("size", [(1, 1), (2, 3), (10, 7), (37, 23), (50, 40), (80, 5)])
def test_the_nearest_is_the_pixel_at_the_centre(size: tuple[int, int]) -> None:
    made = pixels("u2")
    found = nearest(made, *size)
    for y in range(size[1]):
        for x in range(size[0]):
            at = int((y + 0.5) * 23 / size[1]), int((x + 0.5) * 37 / size[0])
            assert (found[y, x] == made[at]).all()
    np.testing.assert_array_equal(resize(made, *size, Resample.NEAREST), found)


@each("method", [Resample.LANCZOS, Resample.BILINEAR, Resample.AREA])
@each("size", [(20, 30), (60, 10), (60, 46)])
def test_each_band_is_scaled_by_itself(method: Resample, size: tuple[int, int]) -> None:
    """However many there are: libraries take four at a time."""
    made = pixels("f4", (23, 37, 7))
    found = resize(made, *size, method)
    for band in range(7):
        one = resize(made[..., band : band + 1], *size, method)
        np.testing.assert_allclose(found[..., band : band + 1], one, rtol=1e-5, atol=1e-3)


def test_one_side_shrinks_by_areas_while_the_other_grows() -> None:
    made = np.repeat(pixels("f4", (1, 40, 1)), 6, axis=0)
    found = resize(made, 10, 12, Resample.AREA)
    np.testing.assert_allclose(found[3, :, 0], made[0, :, 0].reshape(10, 4).mean(axis=1), rtol=1e-4)
    turned = resize(made.transpose(1, 0, 2), 12, 10, Resample.AREA)
    np.testing.assert_allclose(turned[:, 3, 0], found[3, :, 0], rtol=1e-4)


def test_what_is_enlarged_is_nodata_where_less_than_half_is_valid() -> None:
    made = np.full((4, 8, 1), 9, np.float32)
    made[:, :4] = 100
    found = resize(made, 32, 16, Resample.AREA, nodata=(9.0,))
    assert (found[:, :15] != 9).all()
    assert (found[:, 17:] == 9).all()
    np.testing.assert_allclose(found[:, :15], 100, rtol=1e-3)


FULL = np.random.default_rng(8).integers(0, 60_000, (1, 90, 70, 2)).astype(np.uint16)
INFO = ImageInfo(
    "made", (Level(70, 90, 16, 8),), 2, np.dtype(np.uint16), Interpretation.MULTIBAND
)  # fmt: skip


@pytest.mark.parametrize("rect", [Rect(0, 0, 70, 90), Rect(13, 21, 50, 60), Rect(69, 89, 1, 1)])
@pytest.mark.parametrize("limit", ["_STRIP_PIXELS", "_WIDEST_ROW"])
def test_pixels_that_are_picked_are_those_at_the_centres(
    monkeypatch: pytest.MonkeyPatch, limit: str, rect: Rect
) -> None:
    image = Image(LevelsReader([FULL], INFO))
    monkeypatch.setattr(window, limit, 200 if limit == "_STRIP_PIXELS" else 10)
    size = max(1, rect.width // 7), max(1, rect.height // 5)
    found = window.read_window(
        image, 0, Window(rect, *size, rect.width / size[0]), Resample.NEAREST
    )
    part = FULL[0, rect.y : rect.bottom, rect.x : rect.right]
    np.testing.assert_array_equal(found, nearest(part, *size))


@pytest.mark.parametrize("cores", [1, 2, 5, 16])
@pytest.mark.parametrize("rect", [Rect(0, 0, 70, 90), Rect(3, 5, 41, 77), Rect(0, 7, 70, 2)])
def test_strips_of_any_number_of_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, rect: Rect
) -> None:
    monkeypatch.setattr(window, "PARALLEL_PIXELS", 10)
    monkeypatch.setattr(window, "core_count", lambda: cores)
    reader = LevelsReader([FULL], INFO)
    found = window.read_level(Image(reader), 0, 0, rect)
    np.testing.assert_array_equal(found, FULL[0, rect.y : rect.bottom, rect.x : rect.right])
    read = sum(part.width * part.height for _, _, part in reader.reads)
    assert read == rect.width * rect.height, "nothing is read twice"


@each("dtype", ["u1", "i2", "u4", "f4", "?"])
@each("hide", [False, True])
def test_statistics_of_tiles_are_those_of_all(dtype: str, hide: bool) -> None:
    made = pixels(dtype) if dtype != "?" else pixels("f4") > 120
    if dtype == "f4":
        made[3, 4, 1] = np.nan
    parts = [made[:9, :30], made[:9, 30:], made[9:]]

    def invalid(tile: np.ndarray) -> np.ndarray:
        hidden = np.zeros(tile.shape, bool)
        hidden[..., 1] = tile[..., 0] > tile[..., 2]
        hidden[..., 2] = tile[..., 1] == tile[0, 0, 1]
        return hidden

    keep = [~invalid(part) if hide else np.ones(part.shape, bool) for part in parts]
    found = statistics(parts, invalid if hide else None)
    counted = histogram(lambda: parts, 20, invalid=invalid if hide else None)
    assert found is not None
    for band in range(3):
        values = np.concatenate(
            [part[..., band][kept[..., band]] for part, kept in zip(parts, keep, strict=True)]
        )
        values = values[np.isfinite(values)]
        assert found.minimum[band] == values.min()
        assert found.maximum[band] == values.max()
        assert found.mean[band] == pytest.approx(values.mean())
        assert found.stdev[band] == pytest.approx(values.astype(float).std())
        facts = counted["histogram"][band]
        due = np.histogram(values.astype(float), 20, facts["range"])[0]
        np.testing.assert_array_equal(facts["hist"], due)
        assert facts["samples"] == values.size
        if dtype in ("u1", "i2", "u4"):
            assert facts["range"] == (values.min(), int(values.max()) + 1)


def test_what_a_file_tells_of_a_band_is_of_that_band() -> None:
    def told(low: float, **more: float) -> dict[str, str]:
        facts = {"MINIMUM": low, "MAXIMUM": low + 9, "MEAN": low + 4, "STDDEV": 2.0} | more
        return {f"STATISTICS_{name}": str(value) for name, value in facts.items()}

    bands = [{"metadata": told(10)}, {}, {"metadata": told(30)}, {"metadata": told(40, MAXIMUM=1)},
             {"metadata": told(50, MEAN=math.nan)}]  # fmt: skip
    made = pixels("u1", (20, 20, 6))
    info = dataclasses.replace(
        INFO, levels=(Level(20, 20, 8, 8),), bands=6, dtype=np.dtype(np.uint8),
        internal={"gdal": {"bands": bands}},
    )  # fmt: skip
    found = band_values.band_values(Image(LevelsReader([made[np.newaxis]], info)))
    assert [facts["min"] for facts in found[::2]] == [10, 30, made[..., 4].min()]
    for band in (1, 3, 4, 5):
        assert found[band]["max"] == made[..., band].max()
        assert found[band]["mean"] == pytest.approx(made[..., band].mean())
    assert found[0] == {"min": 10, "max": 19, "mean": 14, "stdev": 2}


@pytest.mark.parametrize(("width", "height"), [(5000, 3000), (3000, 5000), (100, 4000), (50, 60)])
def test_blocks_lie_all_over_an_image_and_within_it(width: int, height: int) -> None:
    level = Level(width, height, 512, 128)
    rects = band_values._spread(dataclasses.replace(INFO, levels=(level,)))
    for rect in rects:
        assert rect == rect.intersect(level.rect)
        assert (rect.width, rect.height) == (min(256, width), min(256, height))
    lefts, tops = {rect.x for rect in rects}, {rect.y for rect in rects}
    assert len(rects) == len(lefts) * len(tops) == len(set(rects))
    if width > 2000:
        assert max(lefts) > width * 0.7
    if height > 2000:
        assert len(tops) == 5
        assert max(tops) > height * 0.7


def test_valid_samples_of_a_huge_part_are_averaged_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "_STRIP_PIXELS", 100)
    kind = KINDS[2]
    made = planted("u1", kind)
    info = dataclasses.replace(
        INFO, levels=(Level(37, 23, 8, 8),), bands=3, dtype=made.dtype, nodata=kind["nodata"]
    )
    image = Image(LevelsReader([made[np.newaxis]], info))
    found = window.read_window(image, 0, Window(Rect(0, 0, 37, 23), 5, 4, 7.4), Resample.AREA)
    assert_means(found, area_mean(made, 5, 4, **kind), kind, rounded=2)
