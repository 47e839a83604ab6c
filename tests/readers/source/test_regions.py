"""getRegion on made-up images: stored pixels, levels, frames, fill."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.each import each
from tests.readers.source.asking import numpy_region, numpy_size
from ziggurat.readers.errors import OptionError, RegionError, TileRangeError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Interpretation
from ziggurat.readers.source.options import OpenOptions


def test_native_pixels_are_the_stored_ones(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient)
    region = {"left": 10, "top": 20, "right": 150, "bottom": 90}
    found = numpy_region(source, region=region)
    np.testing.assert_array_equal(found, gradient[20:90, 10:150])
    found[:] = 0  # the caller's own
    np.testing.assert_array_equal(numpy_region(source, region=region), gradient[20:90, 10:150])


@each("identity", [None, "a file"])
@each("dtype", [np.uint8, np.int16, np.uint32, np.float32, np.float64, bool])
def test_every_dtype_and_band_count_comes_as_it_is(
    made_source: Callable[..., Any], rng: np.random.Generator, identity: Any, dtype: Any
) -> None:
    for bands in (1, 2, 5):
        pixels = (rng.random((70, 90, bands)) * 200).astype(dtype)
        source = made_source(pixels, identity=identity and (identity, bands, str(dtype)))
        for _ in range(2):
            found = numpy_region(source, region={"left": 3, "top": 5})
            assert found.dtype == dtype
            np.testing.assert_array_equal(found, pixels[5:, 3:])


EDGES = (-310, -200, -1, 0, 1, 37, 199, 200, 299, 300, 400)


def test_regions_of_whole_numbers_are_those_of_any_numbers(
    made_source: Callable[..., Any], rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 255, (200, 300, 3)).astype(np.uint8)
    source = made_source(pixels, levels=1, identity="whole and other numbers")
    for left, top, width, height in rng.choice(EDGES, (150, 4)).tolist():
        region = {"left": left, "top": top, "width": width, "height": height}
        found, _ = source.getRegion(format="numpy", region=region)
        due, _ = source.getRegion(format="numpy", region={k: float(v) for k, v in region.items()})
        np.testing.assert_array_equal(found, due)
        smaller, _ = source.getRegion(format="numpy", region=region, output={"maxWidth": 20})
        assert smaller.shape[1] <= 20
    for width, columns in ((True, 1), (np.int64(7), 7), ("7", 7), (None, 295)):
        region = {"left": 5, "top": 5, "width": width, "height": 7}
        found, _ = source.getRegion(format="numpy", region=region)
        np.testing.assert_array_equal(found, pixels[5:12, 5 : 5 + columns])
    region = {"left": 5, "top": 5, "width": 9, "height": 9}
    mistakes: list[dict[str, Any]] = [{"frame": 1}, {"output": []}, {"scale": {"mm": 1}}]
    for wrong in (*mistakes, {"jpegQuality": "?"}):
        with pytest.raises((OptionError, TileRangeError)):
            source.getRegion(format="numpy", region=region, **wrong)
    assert source.getRegion(region=region)[1] == "image/jpeg"
    assert source.getRegion(region=region, format="PIL")[1] == "PIL"


def test_a_region_without_pixels_is_empty(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient)
    for region in ({"left": 400}, {"left": 30, "right": 20}, {"left": 10, "width": -5}):
        pixels, kind = source.getRegion(region=region, format="numpy")
        assert pixels.shape == (0, 0, 3)
        assert kind == "numpy"


def test_the_best_stored_level_is_read_and_no_more_of_it_than_needed(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient, levels=2)
    found = numpy_region(
        source, region={"left": 40, "top": 40, "width": 80, "height": 80}, output={"maxWidth": 15}
    )
    assert found.shape == (15, 15, 3)
    (level, frame, rect), *others = source.reader.reads
    assert (level, frame, rect, others) == (2, 0, Rect(10, 10, 20, 20), [])


def test_a_stored_level_comes_untouched_at_its_own_scale(
    made_source: Callable[..., Any], rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 255, (203, 301, 3)).astype(np.uint8)
    source = made_source(pixels, levels=2, mm_x=0.001, mm_y=0.001)
    for level in (1, 2):
        stored = source.reader._levels[level][0]
        found = numpy_region(source, scale={"mm_x": 0.001 * 2**level})
        np.testing.assert_array_equal(found, stored[: found.shape[0], : found.shape[1]])
        assert found.shape[:2] == (203 // 2**level, 301 // 2**level)


def test_large_native_regions_are_read_by_several_threads(
    made_source: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ziggurat.readers.pixels import threads
    from ziggurat.readers.pixels import window as path

    monkeypatch.setattr(path, "core_count", lambda: 2)
    monkeypatch.setattr(threads, "core_count", lambda: 2)
    picture = np.arange(1500 * 1400, dtype=np.uint32).reshape(1500, 1400, 1)
    source = made_source(picture)
    np.testing.assert_array_equal(numpy_region(source), picture)
    assert all(rect.y % 64 == 0 for _, _, rect in source.reader.reads)
    assert len(source.reader.reads) > 1


def test_palettes_are_shown_in_their_colours_but_read_as_indices(
    made_source: Callable[..., Any],
) -> None:
    indices = np.array([[0, 1], [2, 9]], np.uint8)[..., None]
    palette = ((255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 0))
    source = made_source(indices, interpretation=Interpretation.PALETTE, palette=palette)
    np.testing.assert_array_equal(numpy_region(source), indices)
    shown = np.asarray(source.getRegion(format="PIL")[0])
    assert shown.tolist() == [[list(palette[0]), list(palette[1])], [list(palette[2]), [0] * 4]]


@pytest.mark.parametrize(
    ("fill", "where"), [("red", (0, 40)), ("corner:#f00", (0, 0)), ("none", None), (None, None)]
)
def test_filling_up(made_source: Callable[..., Any], fill: Any, where: Any) -> None:
    source = made_source(np.full((50, 100, 3), 7, np.uint8))
    found = numpy_region(source, output={"maxWidth": 120, "maxHeight": 140}, fill=fill)
    if where is None:
        assert found.shape == (60, 120, 3)
        return
    assert found.shape == (140, 120, 3)
    inside = found[where[1] : where[1] + 60, where[0] : where[0] + 120]
    assert (inside == 7).all()
    assert (found == (255, 0, 0)).all(axis=2).sum() == 80 * 120


def test_an_unknown_colour_is_an_error(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    with pytest.raises(OptionError, match=r"a colour must be a CSS name.*'reddish'"):
        made_source(gradient).getRegion(output={"maxWidth": 9, "maxHeight": 9}, fill="reddish")


def test_frames_are_told_apart(made_source: Callable[..., Any], rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (2, 3, 40, 50)).astype(np.uint8)
    source = made_source(pixels, "tcyx", identity="frames")
    for frame in range(6):
        found = numpy_region(source, frame=frame)
        np.testing.assert_array_equal(found[..., 0], pixels[divmod(frame, 3)])
    for frame in (6, -1, 1.5):
        with pytest.raises(TileRangeError, match=r"there are 6 frames|whole number"):
            source.getRegion(frame=frame)


def test_a_style_may_be_set_changed_and_taken_away(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient, identity="styled")
    plain = numpy_region(source)
    source.style = {"min": 0, "max": 100, "band": 1}
    styled = numpy_region(source)
    assert styled.shape[:2] == plain.shape[:2]
    assert not np.array_equal(styled[..., 0], plain[..., 0])
    with pytest.raises(OptionError, match="nonsense"):
        source.style = {"nonsense": 1}
    source.style = None
    np.testing.assert_array_equal(numpy_region(source), plain)
    per_call = numpy_region(source, style={"min": 0, "max": 100, "band": 1})
    np.testing.assert_array_equal(per_call, styled)


def test_frames_side_by_side(made_source: Callable[..., Any], rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (5, 20, 30)).astype(np.uint8)
    source = made_source(pixels, "cyx")
    found, kind = source.tileFrames(format="numpy")
    assert (found.shape, kind) == ((40, 90, 1), "numpy")
    np.testing.assert_array_equal(found[20:, 30:60, 0], pixels[4])
    assert (found[20:, 60:] == 0).all()
    found = source.tileFrames("numpy", [3, 1], framesAcross=7, region={"left": 5})[0]
    np.testing.assert_array_equal(found[..., 0], np.hstack([pixels[3, :, 5:], pixels[1, :, 5:]]))
    assert source.tileFrames()[1] == "image/jpeg"
    with pytest.raises(TileRangeError, match="there are 5 frames"):
        source.tileFrames(frameList=[5])
    with pytest.raises(OptionError, match="framesAcross"):
        source.tileFrames(framesAcross=0)


def test_thumbnails(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient)
    assert numpy_size(source.getThumbnail(format="numpy")) == (170, 256)
    assert numpy_size(source.getThumbnail(width=100, format="numpy")) == (66, 100)
    assert numpy_size(source.getThumbnail(width=100, height=30, format="numpy")) == (30, 45)
    assert source.getThumbnail()[1] == "image/jpeg"
    for bad in (0, 1, 1.5, -1, "a"):
        with pytest.raises(OptionError, match="width must be a whole number of 2 or more"):
            source.getThumbnail(width=bad)


def test_open_options_are_the_defaults_of_calls(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient, options=OpenOptions(encoding="PNG"))
    assert source.getRegion()[1] == "image/png"
    assert source.getTile(0, 0, 0)[:4] == b"\x89PNG"
    assert source.getTileMimeType() == "image/png"


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    left=st.integers(0, 299),
    top=st.integers(0, 199),
    width=st.integers(1, 300),
    height=st.integers(1, 200),
    tile=st.integers(1, 130),
    overlap=st.integers(0, 40),
    edges=st.booleans(),
)
def test_a_region_is_its_tiles_put_together(
    made_source: Callable[..., Any],
    gradient: np.ndarray,
    left: int,
    top: int,
    width: int,
    height: int,
    tile: Any,
    overlap: Any,
    edges: Any,
) -> None:
    source = made_source(gradient, identity="stitched")
    region = {"left": left, "top": top, "width": width, "height": height}
    overlap = min(overlap, tile - 1)
    whole = numpy_region(source, region=region)
    stitched = np.zeros_like(whole)
    counted = np.zeros(whole.shape[:2], int)
    tiles = source.tileIterator(
        region=region,
        tile_size={"width": max(tile, 30)},
        tile_overlap={"x": overlap % 30, "y": overlap // 2, "edges": edges},
    )
    for found in tiles:
        x, y = found["x"] - left, found["y"] - top
        shared = found["tile_overlap"]
        rows = slice(shared["top"], found["height"] - shared["bottom"])
        columns = slice(shared["left"], found["width"] - shared["right"])
        place = (
            slice(y + rows.start, y + rows.stop),
            slice(x + columns.start, x + columns.stop),
        )
        stitched[place] = found["tile"][rows, columns]
        counted[place] += 1
    assert (counted == 1).all()
    np.testing.assert_array_equal(stitched, whole)


@pytest.mark.parametrize("arguments", [{"format": 5}, {"fill": 5}, {"resample": float("inf")}])
def test_what_can_not_be_meant_is_an_option_error(
    made_source: Callable[..., Any], gradient: np.ndarray, arguments: Any
) -> None:
    with pytest.raises(OptionError):
        made_source(gradient).getRegion(output={"maxWidth": 9, "maxHeight": 9}, **arguments)


def test_frames_side_by_side_take_the_workers_of_the_reference(
    made_source: Callable[..., Any], rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 255, (3, 40, 50)).astype(np.uint8)
    source = made_source(pixels, "cyx")
    expected = source.tileFrames("numpy")[0]
    for workers in (-4, 1, 0):
        found = source.tileFrames("numpy", max_workers=workers)[0]
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(OptionError, match="max_workers must be a whole number"):
        source.tileFrames("numpy", max_workers="all")


@pytest.mark.parametrize(
    ("dtype", "full"), [("int8", 127), ("uint8", 255), ("int16", 32767), ("uint16", 65535)]
)
def test_the_colour_of_a_fill_is_in_the_range_of_the_pixels(
    made_source: Callable[..., Any], dtype: Any, full: Any
) -> None:
    source = made_source(np.zeros((20, 40, 3), dtype))
    limits = {"maxWidth": 40, "maxHeight": 40}
    found = numpy_region(source, output=limits, fill="corner:#ff0080")
    assert found[-1, 0].tolist() == [full, 0, 128 * full // 255]


def test_more_pixels_than_memory_are_refused(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient, mm_x=0.001, mm_y=0.001)
    for arguments in ({"scale": {"mm_x": 1e-9}}, {"output": {"maxWidth": 10_000_000}}):
        with pytest.raises(RegionError, match=r"of memory; ask for less.*TILED"):
            source.getRegion(format="numpy", **arguments)
