"""getRegion as an encoded picture, a PIL image and a tiled export."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

import ziggurat
from tests.each import each
from ziggurat.readers.constants import TileOutputMimeTypes
from ziggurat.readers.errors import OptionError, SourceError
from ziggurat.readers.source.output.encode import ImageBytes


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


@pytest.mark.parametrize("style", [{"min": 0, "max": 60000}, {"dtype": "uint16"}])
def test_tiff_keeps_what_a_style_makes(
    made_source: Callable[..., Any], rng: np.random.Generator, style: Any
) -> None:
    source = made_source(rng.integers(0, 65536, (50, 60, 1)).astype(np.uint16))
    data, _ = source.getRegion(encoding="TIFF", style=style)
    found, due = tifffile.imread(io.BytesIO(data)), source.getRegion("numpy", style=style)[0]
    assert found.dtype == due.dtype
    np.testing.assert_array_equal(found, due[..., 0])


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


@each(
    "dtype, stored, shown",
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
    with pytest.raises(OptionError, match="format must be one or more of"):
        source.getRegion(format="xx")
    with pytest.raises(OptionError, match="encoding 'foo' is unsupported; there are JPEG"):
        source.getRegion(encoding="foo")


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


@each("encoding", sorted(set(TileOutputMimeTypes) - {"TILED"}))
@each("bands", [1, 2, 3, 4])
def test_every_encoding_takes_gray_colour_and_alpha(
    made_source: Callable[..., Any], rng: np.random.Generator, encoding: Any, bands: int
) -> None:
    pixels = rng.integers(0, 255, (20, 30, bands)).astype(np.uint8)
    source = made_source(pixels, alpha=bands in (2, 4))
    data, mime = source.getRegion(encoding=encoding)
    assert mime == TileOutputMimeTypes[encoding]
    if encoding == "TIFF":  # Pillow reads gray with alpha from 13 on
        np.testing.assert_array_equal(
            tifffile.imread(io.BytesIO(data)).reshape(pixels.shape), pixels
        )
    elif encoding != "EPS":  # showing it takes another program
        assert PIL.Image.open(io.BytesIO(data)).size == (30, 20)
