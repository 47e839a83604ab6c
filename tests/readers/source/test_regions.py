"""getRegion on made-up images: pixels, levels, scaling, formats, fill."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ziggurat
from ziggurat.readers.constants import TileOutputMimeTypes
from ziggurat.readers.errors import OptionError, RegionError, SourceError, TileRangeError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Interpretation
from ziggurat.readers.source.options import OpenOptions
from ziggurat.readers.source.output.encode import ImageBytes


def numpy_region(source: Any, **arguments: Any) -> Any:
    pixels, kind = source.getRegion(format="numpy", **arguments)
    assert kind == "numpy"
    return pixels


def test_native_pixels_are_the_stored_ones(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient)
    region = {"left": 10, "top": 20, "right": 150, "bottom": 90}
    found = numpy_region(source, region=region)
    np.testing.assert_array_equal(found, gradient[20:90, 10:150])
    found[:] = 0  # the caller's own
    np.testing.assert_array_equal(numpy_region(source, region=region), gradient[20:90, 10:150])


@pytest.mark.parametrize("identity", [None, "a file"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.float32, np.float64, bool])
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


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.int8, bool, np.float16, ">u2"])
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
    assert sorted((rect.y, rect.bottom) for rect in reads)[:2] == [(0, 64), (64, 128)]
    assert sum(rect.height for rect in reads) == 600
    assert np.abs(found.astype(int) - expected).max() <= 1
    nearest = numpy_region(made_source(picture), output={"maxWidth": 25}, resample=0)
    assert {tuple(p) for p in nearest.reshape(-1, 3)} <= {tuple(p) for p in picture.reshape(-1, 3)}


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


def test_encoded_pictures_decode_to_the_same(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient)
    for encoding, kind in (
        ("PNG", "image/png"),
        ("TIFF", "image/tiff"),
        ("BMP", "image/bmp"),
        ("JPEG2000", "image/jp2"),
        ("GIF", "image/gif"),
        ("PPM", "image/x-portable-anymap"),
        ("TGA", "image/x-tga"),
        ("JPEG", "image/jpeg"),
        ("JFIF", "image/jpeg"),
        ("WEBP", "image/webp"),
        ("AVIF", "image/avif"),
        ("DIB", "image/bmp"),
        ("MPO", "image/mpo"),
        ("PCX", "image/x-pcx"),
        ("SGI", "image/sgi"),
    ):
        data, mime = source.getRegion(encoding=encoding)
        assert isinstance(data, ImageBytes)
        assert mime == kind == data.mimetype
        with PIL.Image.open(io.BytesIO(data)) as image:
            found = np.asarray(image.convert("RGB")).astype(int)
        limit = 0 if encoding in ("PNG", "TIFF", "BMP", "PPM", "TGA") else 40
        assert np.abs(found - gradient).mean() <= limit, encoding


def test_tiff_keeps_16_bits_and_all_bands(
    made_source: Callable[..., Any], rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 65536, (50, 60, 5)).astype(np.uint16)
    for compression in ("raw", "lzw", "deflate", "zstd"):
        data, _ = made_source(pixels).getRegion(encoding="TIFF", tiffCompression=compression)
        np.testing.assert_array_equal(tifffile.imread(io.BytesIO(data)), pixels)


def test_jpeg_quality_and_subsampling_are_heeded(
    made_source: Callable[..., Any], tissue: np.ndarray
) -> None:
    source = made_source(tissue)
    sizes = [len(source.getRegion(jpegQuality=quality)[0]) for quality in (10, 60, 95)]
    assert sizes == sorted(sizes)
    full, half = (source.getRegion(jpegSubsampling=value)[0] for value in (0, 2))
    assert len(half) < len(full)
    with pytest.raises(
        OptionError, match="jpegQuality must be a whole number from 0 to 100, not 101"
    ):
        source.getRegion(jpegQuality=101)
    with pytest.raises(OptionError, match="jpegSubsampling must be 0"):
        source.getRegion(jpegSubsampling=3)


def test_pil_images_have_the_mode_of_the_bands(
    made_source: Callable[..., Any], rng: np.random.Generator
) -> None:
    for bands, mode in ((1, "L"), (2, "L"), (3, "RGB"), (4, "RGBA"), (6, "RGB")):
        pixels = rng.integers(0, 255, (20, 30, bands)).astype(np.uint8)
        image, kind = made_source(pixels).getRegion(format="PIL")
        assert kind == "PIL"
        assert (image.mode, image.size) == (mode, (30, 20))
    high = (rng.integers(0, 256, (20, 30, 1)) * 256 + 99).astype(np.uint16)
    image, _ = made_source(high).getRegion(format="PIL")
    np.testing.assert_array_equal(np.asarray(image), (high >> 8)[..., 0])


@pytest.mark.parametrize(
    ("dtype", "stored", "shown"),
    [
        (np.uint16, [0, 255, 256, 65535], [0, 0, 1, 255]),
        (np.uint32, [0, 1 << 24, 1 << 31, (1 << 32) - 1], [0, 1, 128, 255]),
        (np.int16, [-32768, -1, 0, 32767], [0, 127, 128, 255]),
        (np.int8, [-128, -1, 0, 127], [0, 127, 128, 255]),
        (np.float32, [-5.0, 0.9, 127.6, 9000.0], [0, 0, 127, 255]),
        (np.float64, [np.nan, np.inf, 255.0, -np.inf], [0, 255, 255, 0]),
        (bool, [False, True, False, True], [0, 255, 0, 255]),
    ],
)
def test_what_8_bits_show_of_other_types(
    made_source: Callable[..., Any], dtype: Any, stored: Any, shown: Any
) -> None:
    pixels = np.array(stored, dtype).reshape(2, 2, 1)
    image, _ = made_source(pixels).getRegion(format="PIL")
    assert np.asarray(image).ravel().tolist() == shown


def test_the_first_format_that_will_do_is_given(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient)
    assert source.getRegion(format=("image", "numpy"))[1] == "numpy"
    assert source.getRegion(format=("image", "PIL"))[1] == "PIL"
    assert source.getRegion(format="image")[1] == "image/jpeg"
    with pytest.raises(OptionError, match="format is one or more of"):
        source.getRegion(format="xx")
    with pytest.raises(OptionError, match="no encoding 'foo'; there are JPEG"):
        source.getRegion(encoding="foo")


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
    with pytest.raises(OptionError, match="no colour 'reddish'"):
        made_source(gradient).getRegion(output={"maxWidth": 9, "maxHeight": 9}, fill="reddish")


def test_a_tiled_export_is_a_tiled_tiff_with_all_pixels(
    made_source: Callable[..., Any], rng: np.random.Generator, tmp_path: Path
) -> None:
    pixels = rng.integers(0, 65536, (700, 530, 3)).astype(np.uint16)
    source = made_source(pixels, mm_x=0.001, mm_y=0.001)
    target = tmp_path / "out.tiff"
    path, mime = source.getRegion(
        encoding="TILED", region={"left": 11, "top": 13}, output={"path": str(target)}
    )
    assert (path, mime) == (target, "image/tiff")
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        assert page.is_tiled
        assert page.tags["XResolution"].value[0] / page.tags["XResolution"].value[1] == 10000
        np.testing.assert_array_equal(page.asarray(), pixels[13:, 11:])
    made = source.getRegion(encoding="TILED", output={"maxWidth": 100})[0]
    try:
        assert isinstance(made, Path)
        assert tifffile.imread(made).shape == (132, 100, 3)
    finally:
        made.unlink()


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


def numpy_size(answer: Any) -> Any:
    return answer[0].shape[:2]


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


def test_a_tiled_export_appears_whole_or_not_at_all(
    made_source: Callable[..., Any], gradient: np.ndarray, tmp_path: Path
) -> None:
    source = made_source(gradient)
    target = tmp_path / "out.tiff"
    target.write_bytes(b"as before")
    with pytest.raises(OptionError, match="holds one or three bands of uint8"):
        made_source(gradient.astype(np.float32)).getRegion(
            encoding="TILED", tiffCompression="jpeg", output={"path": target}
        )
    with pytest.raises(SourceError, match="can't be written"):
        source.getRegion(encoding="TILED", output={"path": tmp_path / "no" / "out.tiff"})
    with pytest.raises(SourceError, match="can't be written"):
        source.getRegion(encoding="TILED", output={"path": tmp_path})
    assert target.read_bytes() == b"as before"
    assert list(tmp_path.iterdir()) == [target]
    source.getRegion(encoding="TILED", output={"path": target})
    np.testing.assert_array_equal(tifffile.imread(target), gradient)
    assert list(tmp_path.iterdir()) == [target]


def test_a_tiled_export_onto_its_own_source_is_refused(
    gradient: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "source.tiff"
    tifffile.imwrite(path, gradient)
    stored = path.read_bytes()
    with ziggurat.open(path) as source, pytest.raises(OptionError, match="is the image that"):
        source.getRegion(encoding="TILED", output={"path": tmp_path / "." / path.name})
    assert path.read_bytes() == stored


def test_the_jpeg_quality_of_tiffs_is_the_one_asked_for(
    made_source: Callable[..., Any], gradient: np.ndarray, tmp_path: Path
) -> None:
    source = made_source(gradient)
    for encoding, output in (("TIFF", {}), ("TILED", {"path": tmp_path / "out.tiff"})):
        sizes = []
        for quality in (10, 95):
            data, _ = source.getRegion(
                encoding=encoding, tiffCompression="jpeg", jpegQuality=quality, output=output
            )
            sizes.append(data.stat().st_size if isinstance(data, Path) else len(data))
        assert sizes[0] < 0.8 * sizes[1]


@pytest.mark.parametrize("bands", [1, 3])
def test_jpeg_in_tiff_takes_8_bits_only(
    made_source: Callable[..., Any], rng: np.random.Generator, bands: int
) -> None:
    pixels = rng.integers(0, 65536, (40, 50, bands)).astype(np.uint16)
    with pytest.raises(OptionError, match="holds one or three bands of uint8"):
        made_source(pixels).getRegion(encoding="TIFF", tiffCompression="jpeg")


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


@pytest.mark.parametrize("encoding", sorted(set(TileOutputMimeTypes) - {"TILED"}))
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_every_encoding_takes_gray_colour_and_alpha(
    made_source: Callable[..., Any], rng: np.random.Generator, encoding: Any, bands: int
) -> None:
    pixels = rng.integers(0, 255, (20, 30, bands)).astype(np.uint8)
    source = made_source(pixels, alpha=bands in (2, 4))
    data, mime = source.getRegion(encoding=encoding)
    assert mime == TileOutputMimeTypes[encoding]
    if encoding != "EPS":  # showing it takes another program
        assert PIL.Image.open(io.BytesIO(data)).size == (30, 20)
