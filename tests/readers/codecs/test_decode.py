"""Tiles decoded by their format alone."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.codecs.decode import (
    can_decode,
    can_reduce,
    decode_tile,
    decode_tile_reduced,
    fit_tile,
)
from ziggurat.readers.codecs.stream_size import claimed_size, has_subsampled_chroma, stream_size
from ziggurat.readers.errors import CorruptSourceError, OptionError
from ziggurat.readers.formats.tiff.reader import open_reader
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat

JPEG = TileFormat(Codec.JPEG, Photometric.YCBCR, 3, 8, "uint8", subsampling=(2, 2))
RAW = TileFormat(Codec.DEFLATE, Photometric.RGB, 3, 8, "uint8")


def picture(tissue: np.ndarray, codec: Codec) -> bytes:
    pixels = np.ascontiguousarray(tissue[:240, :256])
    encoders: dict[Codec, Callable[[np.ndarray], bytes]] = {
        Codec.JPEG: lambda p: imagecodecs.jpeg8_encode(p, 92, subsampling="420"),
        Codec.JPEG2000: lambda p: imagecodecs.jpeg2k_encode(p, level=0),
        Codec.WEBP: lambda p: imagecodecs.webp_encode(p, lossless=True),
        Codec.JPEGXL: lambda p: imagecodecs.jpegxl_encode(p, lossless=True),
    }
    return bytes(encoders[codec](pixels))


def form(codec: Codec) -> TileFormat:
    space = Photometric.YCBCR if codec is Codec.JPEG else Photometric.RGB
    return dataclasses.replace(JPEG, codec=codec, photometric=space, subsampling=None)


@pytest.mark.parametrize("codec", [Codec.JPEG2000, Codec.WEBP, Codec.JPEGXL])
def test_lossless_pictures(tissue: np.ndarray, codec: Codec) -> None:
    found = decode_tile(picture(tissue, codec), form(codec))
    np.testing.assert_array_equal(found, tissue[:240, :256])


@pytest.mark.parametrize("codec", [Codec.JPEG, Codec.JPEG2000, Codec.WEBP])
def test_sizes_are_told_by_the_stream(tissue: np.ndarray, codec: Codec) -> None:
    data = picture(tissue, codec)
    assert stream_size(codec, data) == (256, 240)
    for end in range(0, 60, 7):
        stream_size(codec, data[:end])  # never raises


@each(
    "width, height",
    [(1, 1), (8, 8), (256, 256), (256, 240), (77, 100), (100, 77), (9, 600), (9000, 3), (320, 180)],
)
@each("boxes", [False, True])
def test_jpegxl_sizes_of_all_kinds(width: int, height: int, boxes: bool) -> None:
    """Sides in eights, in more bits, and widths that are told as a share of the height."""
    pixels = np.zeros((height, width, 3), np.uint8)
    data = bytes(imagecodecs.jpegxl_encode(pixels, effort=1, usecontainer=boxes))
    assert stream_size(Codec.JPEGXL, data) == claimed_size(data) == (width, height)
    for end in range(len(data)):
        stream_size(Codec.JPEGXL, data[:end])  # never raises


def test_webp_sizes_of_all_kinds(tissue: np.ndarray) -> None:
    pixels = np.ascontiguousarray(tissue[:100, :77])
    alpha = np.dstack([pixels, pixels[..., 0]])
    for data in (
        imagecodecs.webp_encode(pixels, level=80),
        imagecodecs.webp_encode(pixels, lossless=True),
        imagecodecs.webp_encode(np.ascontiguousarray(alpha), level=80),
    ):
        assert stream_size(Codec.WEBP, bytes(data)) == (77, 100)


@pytest.mark.parametrize("codec", [Codec.JPEG, Codec.JPEG2000, Codec.WEBP])
def test_streams_larger_than_their_tile_are_refused(tissue: np.ndarray, codec: Codec) -> None:
    with pytest.raises(CorruptSourceError, match="256 x 240"):
        decode_tile(picture(tissue, codec), form(codec), (64, 64))


@pytest.mark.parametrize("codec", [Codec.JPEG, Codec.JPEG2000, Codec.WEBP, Codec.JPEGXL])
def test_damage_is_an_error_of_ours(tissue: np.ndarray, codec: Codec) -> None:
    with pytest.raises(CorruptSourceError, match="can't be decoded"):
        decode_tile(b"\0" * 1000, form(codec))
    with pytest.raises(CorruptSourceError):
        decode_tile(picture(tissue, codec)[:100], form(codec))


def test_raw_samples_need_a_shape() -> None:
    with pytest.raises(OptionError, match="pass shape"):
        decode_tile(b"", RAW)


def test_raw_samples_of_both_byte_orders() -> None:
    tile = np.arange(12, dtype=np.uint16).reshape(3, 2, 2)
    for order in "<>":
        data = tile.astype(f"{order}u2").tobytes()
        raw = TileFormat(Codec.NONE, Photometric.GRAY, 2, 16, "uint16", byteorder=order)
        np.testing.assert_array_equal(decode_tile(data, raw, (3, 2)), tile)


def test_too_few_samples() -> None:
    data = imagecodecs.deflate_encode(b"\0" * 100)
    with pytest.raises(CorruptSourceError):
        decode_tile(data, RAW, (10, 10))


def test_a_forged_size_is_seen_before_memory_is_asked_for() -> None:
    data = imagecodecs.deflate_encode(b"\0" * 100)
    with pytest.raises(CorruptSourceError, match="can't be a tile of"):
        decode_tile(data, RAW, (60_000, 60_000))


def test_jpeg2000_of_ycbcr_samples_becomes_rgb(tissue: np.ndarray) -> None:
    import cv2

    pixels = np.ascontiguousarray(tissue[:128, :128])
    y, cr, cb = cv2.split(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb))
    data = imagecodecs.jpeg2k_encode(np.dstack([y, cb, cr]), level=0, mct=False)
    ycbcr = dataclasses.replace(form(Codec.JPEG2000), photometric=Photometric.YCBCR)
    found = decode_tile(bytes(data), ycbcr)
    assert np.abs(found.astype(int) - pixels).max() <= 2


def test_jpeg2000_of_subsampled_ycbcr_is_converted_once(tissue: np.ndarray, tmp_path: Path) -> None:
    from osgeo import gdal

    gdal.UseExceptions()
    pixels = tissue[:128, :128]
    raster = gdal.GetDriverByName("MEM").Create("", 128, 128, 3)
    for band, meaning in enumerate((gdal.GCI_RedBand, gdal.GCI_GreenBand, gdal.GCI_BlueBand)):
        raster.GetRasterBand(band + 1).WriteArray(pixels[..., band])
        raster.GetRasterBand(band + 1).SetColorInterpretation(meaning)
    path = tmp_path / "a.jp2"
    options = ["YCBCR420=YES", "QUALITY=100", "REVERSIBLE=NO"]
    gdal.GetDriverByName("JP2OpenJPEG").CreateCopy(path, raster, options=options)
    data = path.read_bytes()
    stream = data[data.index(b"\xff\x4f\xff\x51") :]
    assert has_subsampled_chroma(stream)
    ycbcr = dataclasses.replace(form(Codec.JPEG2000), photometric=Photometric.YCBCR)
    found = decode_tile(stream, ycbcr)
    assert np.abs(found.astype(int) - pixels).mean() < 4


@each("reduction", [2, 4, 8])
@each("space", [Photometric.YCBCR, Photometric.RGB, Photometric.GRAY])
def test_reduced_jpeg_is_the_mean_of_blocks(
    tissue: np.ndarray, reduction: int, space: Photometric
) -> None:
    import cv2

    pixels = np.ascontiguousarray(tissue[:240, :256])
    if space is Photometric.GRAY:
        pixels = pixels[..., :1]
        data = imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels[..., 0]), 95)
    else:
        data = imagecodecs.jpeg8_encode(
            pixels, 95, colorspace="RGB", outcolorspace=space.value.upper(), subsampling="444"
        )
    kind = dataclasses.replace(JPEG, photometric=space, bands=pixels.shape[2])
    small = decode_tile_reduced(bytes(data), kind, reduction)
    assert small.shape == (240 // reduction, 256 // reduction, pixels.shape[2])
    size = (256 // reduction, 240 // reduction)
    full = decode_tile(bytes(data), kind)
    means = cv2.resize(full, size, interpolation=cv2.INTER_AREA).reshape(small.shape)
    assert np.abs(small.astype(int) - means).mean() < 1


@pytest.mark.parametrize("reduction", [2, 4, 8])
def test_reduced_jpeg2000(tissue: np.ndarray, reduction: int) -> None:
    data = picture(tissue, Codec.JPEG2000)
    small = decode_tile_reduced(data, form(Codec.JPEG2000), reduction, (240, 256))
    assert small.shape == (240 // reduction, 256 // reduction, 3)
    assert np.abs(small.mean((0, 1)) - tissue[:240, :256].mean((0, 1))).max() < 3


def test_reduced_jpeg2000_of_too_few_levels(tissue: np.ndarray) -> None:
    pixels = np.ascontiguousarray(tissue[:240, :256])
    data = bytes(imagecodecs.jpeg2k_encode(pixels, level=0, resolutions=2))
    small = decode_tile_reduced(data, form(Codec.JPEG2000), 8)
    assert small.shape == (30, 32, 3)


def test_reduced_tiles_fill_their_place(tissue: np.ndarray) -> None:
    data = picture(tissue, Codec.JPEG)  # of 240 x 256 in a tile of 256 x 256
    assert decode_tile_reduced(data, JPEG, 2, (256, 256)).shape == (128, 128, 3)


@pytest.mark.parametrize(("codec", "reduction"), [(Codec.DEFLATE, 2), (Codec.JPEG, 3)])
def test_what_can_not_be_reduced(codec: Codec, reduction: int) -> None:
    with pytest.raises(OptionError, match="can't be decoded at"):
        decode_tile_reduced(b"", form(codec), reduction)


def test_reduced_damage(tissue: np.ndarray) -> None:
    for codec in (Codec.JPEG, Codec.JPEG2000):
        with pytest.raises(CorruptSourceError):
            decode_tile_reduced(b"\xff\xd8" + b"\0" * 500, form(codec), 2)


def test_real_tiles_reduce(data_file: Callable[[str], Path]) -> None:
    import cv2

    with open_reader(locate(data_file("aperio-svs/CMU-1-Small-Region.svs"))) as reader:
        level = reader.plane(0, 0).encoded()
        assert level is not None
        data = level.tile(4, 5)
        assert data is not None
        full = decode_tile(data, level.format)
        small = decode_tile_reduced(data, level.format, 2, (240, 240))
        means = cv2.resize(full, (120, 120), interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - means).mean() < 0.5


def test_what_can_be_decoded() -> None:
    assert can_decode(JPEG)
    assert can_reduce(JPEG)
    assert not can_decode(dataclasses.replace(JPEG, bits=12))
    assert not can_decode(dataclasses.replace(JPEG, bands=4))
    assert not can_decode(dataclasses.replace(RAW, bits=12, dtype="uint16"))
    assert not can_decode(dataclasses.replace(RAW, codec=Codec.OTHER))
    assert not can_reduce(RAW)


def test_tiles_are_cropped_and_padded() -> None:
    tile = np.ones((4, 5, 3), np.uint8)
    assert fit_tile(tile, (4, 5, 3)) is tile
    assert fit_tile(tile, (3, 2, 3)).shape == (3, 2, 3)
    padded = fit_tile(tile, (6, 6, 3), fill=9)
    assert padded[5, 5, 0] == 9
    assert padded[3, 4, 0] == 1
    with pytest.raises(CorruptSourceError, match="bands"):
        fit_tile(tile, (4, 5, 4))


@each("space", [Photometric.YCBCR, Photometric.RGB])
@each("marker", ["JFIF", "Adobe", None])
@each("split", [False, True])
def test_jpeg_colours_follow_the_format(
    tissue: np.ndarray, space: Photometric, marker: str | None, split: bool
) -> None:
    number = {Photometric.RGB: 2, Photometric.YCBCR: 3}[space]
    pixels = np.ascontiguousarray(tissue[:64, :80])
    data = imagecodecs.jpeg8_encode(
        pixels, 92, colorspace=2, outcolorspace=number, subsampling="444"
    )
    tables, data = abbreviated(data, marker, split)
    expected = imagecodecs.jpeg8_decode(data, tables=tables, colorspace=number, outcolorspace=2)
    found = decode_tile(data, dataclasses.replace(JPEG, photometric=space, tables=tables))
    np.testing.assert_array_equal(found, expected)
    assert np.abs(found.astype(int) - pixels).mean() < 6


def abbreviated(data: bytes, marker: str | None, split: bool) -> tuple[bytes | None, bytes]:
    """Return (tables, stream) with the colour marker that is asked for, if any."""
    markers = {
        "JFIF": b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0",
        "Adobe": data[2:18] if data[2:4] == b"\xff\xee" else b"\xff\xee\0\x0eAdobe\0d\0\0\0\0\1",
    }
    start = min(data.index(b"\xff\xdb"), data.index(b"\xff\xc0"))
    head = markers.get(marker or "", b"")
    frame = data.index(b"\xff\xc0")
    if not split:
        return None, b"\xff\xd8" + head + data[start:]
    assert start < frame  # quantisation tables come first
    return b"\xff\xd8" + data[start:frame] + b"\xff\xd9", b"\xff\xd8" + head + data[frame:]


@pytest.mark.parametrize("bands", [1, 3])
def test_a_jpeg_that_ends_early_is_an_error(tissue: np.ndarray, bands: int) -> None:
    """Libjpeg would make up the rest; a stream that lacks its end marker only is sound."""
    tile = np.ascontiguousarray(tissue[:240, :256] if bands == 3 else tissue[:240, :256, 0])
    data = imagecodecs.jpeg8_encode(tile, level=90)
    kind = dataclasses.replace(JPEG, bands=bands)
    if bands == 1:
        kind = dataclasses.replace(kind, photometric=Photometric.GRAY, subsampling=None)
    whole = decode_tile(data, kind, (240, 256))
    np.testing.assert_array_equal(decode_tile(data[:-2], kind, (240, 256)), whole)
    for end in (len(data) // 2, len(data) - 100):
        with pytest.raises(CorruptSourceError, match="can't be decoded: libjpeg makes up"):
            decode_tile(data[:end], kind, (240, 256))
        with pytest.raises(CorruptSourceError, match="can't be decoded: libjpeg makes up"):
            decode_tile_reduced(data[:end], kind, 2, (240, 256))
