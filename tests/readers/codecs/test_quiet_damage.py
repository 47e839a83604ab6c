"""Damage that libraries decode without an error: made-up pixels never pass, sound ones do."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

import ziggurat
from tests.each import each
from ziggurat.readers.codecs import jpeg_decode
from ziggurat.readers.codecs.decode import decode_tile, decode_tile_reduced
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat

YCBCR = TileFormat(Codec.JPEG, Photometric.YCBCR, 3, 8, "uint8")
RGB = dataclasses.replace(YCBCR, photometric=Photometric.RGB)
GRAY = dataclasses.replace(YCBCR, photometric=Photometric.GRAY, bands=1)
PLANAR = dataclasses.replace(RGB, planar=True)
FORMS = {"ycbcr": YCBCR, "rgb in jfif": RGB, "gray": GRAY, "planar": PLANAR}
SHAPE = (240, 256)


def stream(tissue: np.ndarray, form: TileFormat, **options: object) -> bytes:
    pixels = tissue[:240, :256]
    if form.bands == 1 or form.planar:
        return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels[..., 1]), 85))
    return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels), 85, **options))


def lost(data: bytes) -> bytes:
    """Leave some bytes out of the middle; the end marker stays."""
    return data[: within(data, len(data) // 2)] + data[within(data, len(data) // 2 + 300) :]


def repeated(data: bytes) -> bytes:
    """Repeat some bytes of the middle: the last blocks come when libjpeg has all it wants."""
    return data[: within(data, len(data) // 2 + 300)] + data[within(data, len(data) // 2) :]


def within(data: bytes, place: int) -> int:
    """Return a place that is not within what looks like a marker."""
    return place + (data[place - 1] == 0xFF)


DAMAGES = [lost, repeated]


def padded(data: bytes) -> bytes:
    """Put padding behind the last block, as scanners do: libjpeg warns, the pixels are sound."""
    return data[:-2] + b"\0" * 9 + data[-2:]


def without_end(data: bytes) -> bytes:
    return data[:-2]


def odd_jfif(data: bytes) -> bytes:
    return data.replace(b"JFIF\0\1", b"JFIF\0\7", 1)


@each("damaged", DAMAGES)
@each("kind", FORMS)
def test_a_jpeg_tile_that_is_damaged_in_the_middle_is_an_error(
    tissue: np.ndarray, kind: str, damaged: Callable[[bytes], bytes]
) -> None:
    form = FORMS[kind]
    data = damaged(stream(tissue, form))
    imagecodecs.jpeg8_decode(data)  # nobody would say a word
    with pytest.raises(CorruptSourceError, match="libjpeg makes up"):
        decode_tile(data, form, SHAPE)
    if not form.planar:
        with pytest.raises(CorruptSourceError, match="libjpeg makes up"):
            decode_tile_reduced(data, form, 2, SHAPE)


@each("flaw", [padded, without_end, odd_jfif])
@each("kind", FORMS)
def test_what_libjpeg_only_warns_of_is_read(
    tissue: np.ndarray, kind: str, flaw: Callable[[bytes], bytes]
) -> None:
    form = FORMS[kind]
    data = stream(tissue, form)
    np.testing.assert_array_equal(
        decode_tile(flaw(data), form, SHAPE), decode_tile(data, form, SHAPE)
    )
    if not form.planar:
        np.testing.assert_array_equal(
            decode_tile_reduced(flaw(data), form, 4, SHAPE),
            decode_tile_reduced(data, form, 4, SHAPE),
        )


def test_lost_blocks_before_a_restart_marker_are_no_padding(tissue: np.ndarray) -> None:
    whole = io.BytesIO()
    Image.fromarray(tissue[:240, :256]).save(whole, "JPEG", quality=85, restart_marker_rows=1)
    data = whole.getvalue()
    at = data.index(b"\xff\xd4")
    with pytest.raises(CorruptSourceError, match="libjpeg makes up"):
        decode_tile(data[:at] + b"\x12\x34\x56\x78" * 3 + data[at:], YCBCR, SHAPE)
    assert decode_tile(data, YCBCR, SHAPE).shape == (240, 256, 3)


@pytest.mark.parametrize("reduction", [2, 8])
def test_what_simplejpeg_does_not_take_is_decoded_by_others(
    tissue: np.ndarray, monkeypatch: pytest.MonkeyPatch, reduction: int
) -> None:
    data = stream(tissue, YCBCR)
    due = decode_tile(data, YCBCR, SHAPE)

    def refuse(*args: object, **options: object) -> None:
        raise ValueError("Could not determine subsampling type")

    monkeypatch.setattr(jpeg_decode.simplejpeg, "decode_jpeg", refuse)
    np.testing.assert_array_equal(decode_tile(data, YCBCR, SHAPE), due)
    small = decode_tile_reduced(data, YCBCR, reduction, SHAPE)
    assert small.shape == (240 // reduction, 256 // reduction, 3)
    assert abs(float(small.mean()) - float(due.mean())) < 1
    with pytest.raises(CorruptSourceError, match="no end marker"):
        decode_tile(data[: len(data) // 2], YCBCR, SHAPE)


def test_a_jpeg_xr_tile_that_is_cut_short_is_an_error(tissue: np.ndarray) -> None:
    form = dataclasses.replace(RGB, codec=Codec.JPEGXR)
    data = bytes(imagecodecs.jpegxr_encode(np.ascontiguousarray(tissue[:240, :256])))
    assert decode_tile(data, form, SHAPE).shape == (240, 256, 3)
    for end in (len(data) // 3, len(data) - 20):
        with pytest.raises(CorruptSourceError, match="too early"):
            decode_tile(data[:end], form, SHAPE)


@pytest.mark.parametrize("flaw", [padded, without_end])
def test_a_flawed_jpeg_picture_is_read_and_a_damaged_one_is_not(
    tissue: np.ndarray, tmp_path: Path, flaw: Callable[[bytes], bytes]
) -> None:
    data = stream(tissue, YCBCR)
    (tmp_path / "sound.jpg").write_bytes(data)
    (tmp_path / "flawed.jpg").write_bytes(flaw(data))
    (tmp_path / "lost.jpg").write_bytes(lost(data))
    (tmp_path / "repeated.jpg").write_bytes(repeated(data))
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    with ziggurat.open(tmp_path / "sound.jpg") as source:
        due = source.getRegion(format="numpy")[0]
    with ziggurat.open(tmp_path / "flawed.jpg") as source:
        np.testing.assert_array_equal(source.getRegion(format="numpy")[0], due)
    for name in ("lost.jpg", "repeated.jpg", "cut.jpg"):
        with (
            pytest.raises(CorruptSourceError, match="JPEG"),
            ziggurat.open(tmp_path / name) as source,
        ):
            source.getRegion(format="numpy")


def test_a_lossless_jpeg_picture_that_is_damaged_is_an_error(
    tissue: np.ndarray, tmp_path: Path
) -> None:
    data = bytes(imagecodecs.ljpeg_encode(np.ascontiguousarray(tissue[:240, :256, 0])))
    cut = data[: len(data) // 2] + b"\xff\xd9"
    (tmp_path / "cut.jpg").write_bytes(cut)
    with (
        pytest.raises(CorruptSourceError, match="libjpeg makes up"),
        ziggurat.open(tmp_path / "cut.jpg") as source,
    ):
        source.getRegion(format="numpy")


def test_a_cmyk_jpeg_in_a_tiff_that_is_damaged_is_an_error(
    tissue: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "cmyk.tif"
    Image.fromarray(tissue[:240, :256]).convert("CMYK").save(path, compression="jpeg")
    with ziggurat.open(path) as source:
        source.getRegion(format="numpy")
    data = path.read_bytes()
    at = data.index(b"\xff\xda") + 2000
    path.write_bytes(data[:at] + b"\0" * 400 + data[at + 400 :])
    with (
        pytest.raises(CorruptSourceError, match="libjpeg makes up"),
        ziggurat.open(path) as source,
    ):
        source.getRegion(format="numpy")
