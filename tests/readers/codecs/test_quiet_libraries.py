"""Each call into a library that decodes is replaced by one that fails without a word."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numcodecs.blosc
import numpy as np
import pytest
import pyvips
import simplejpeg
import zarr
from PIL import Image
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

import ziggurat
from ziggurat.errors import ZigguratError
from ziggurat.readers.codecs.decode import decode_tile, decode_tile_reduced
from ziggurat.readers.codecs.filled import _MARKS, checked_fill
from ziggurat.readers.formats.dicom.syntaxes import decode_frame, syntax_of
from ziggurat.readers.formats.zarr import chunks
from ziggurat.readers.formats.zarr.reader import interleaved
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.pixels.resample import Resample, resize
from ziggurat.writers.codecs.chunks import planes
from ziggurat.writers.model.reducers import Reducer
from ziggurat.writers.resample.halve import Shrinker

RGB = TileFormat(Codec.JPEG2000, Photometric.RGB, 3, 8, "uint8")
SHAPE = (64, 80)
PICTURE = np.random.default_rng(5).integers(0, 255, (64, 80, 3), np.uint8)
PICTURE[16:] = (200, 90, 30)


def nothing(*args: object, **options: object) -> None:
    return None


def too_small(*args: object, **options: object) -> np.ndarray:
    return np.zeros((3, 5, 3), np.uint8)


def no_array(*args: object, **options: object) -> np.ndarray:
    return np.array(None)


def untouched(*args: Any, **options: Any) -> object:
    """Return the place that was given, with another slide's pixels in it."""
    places = [place for place in (*args, *options.values()) if isinstance(place, np.ndarray)]
    return places[-1] if places else None


def tile(codec: Codec, reduction: int = 1, **facts: Any) -> Callable[[Path], object]:
    encoders: dict[Codec, Callable[..., bytes]] = {
        Codec.JPEG: imagecodecs.jpeg8_encode,
        Codec.JPEG2000: imagecodecs.jpeg2k_encode,
        Codec.WEBP: imagecodecs.webp_encode,
    }
    space = Photometric.YCBCR if codec is Codec.JPEG else Photometric.RGB
    form = dataclasses.replace(RGB, codec=codec, **{"photometric": space, **facts})
    data = bytes(encoders[codec](PICTURE))

    def run(folder: Path) -> object:
        if reduction > 1:
            return decode_tile_reduced(data, form, reduction, SHAPE)
        return decode_tile(data, form, SHAPE)

    return run


def deflated(predictor: int) -> Callable[[Path], object]:
    samples = PICTURE
    if predictor == 2:
        samples = imagecodecs.delta_encode(PICTURE, axis=-2)
    form = dataclasses.replace(RGB, codec=Codec.DEFLATE, predictor=predictor)
    data = bytes(imagecodecs.zlib_encode(samples.tobytes()))
    return lambda _: decode_tile(data, form, SHAPE)


def dicom(uid: str, encode: Callable[..., bytes]) -> Callable[[Path], object]:
    data, syntax = bytes(encode(PICTURE)), syntax_of(uid)
    return lambda _: decode_frame(data, syntax, (64, 80, 3), np.dtype(np.uint8))


def picture(name: str, save: Callable[[Path], None]) -> Callable[[Path], object]:
    def run(folder: Path) -> object:
        if not (folder / name).exists():
            save(folder / name)
        with ziggurat.open(folder / name, noCache=True) as source:
            return source.getRegion(format="numpy")[0]

    return run


def by_pillow(**options: Any) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        image = Image.fromarray(PICTURE).convert(options.pop("mode", "RGB"))
        kind = {".jpg": "JPEG"}.get(path.suffix)
        place = io.BytesIO()
        image.save(place, kind or path.suffix[1:].replace("tif", "tiff").upper(), **options)
        path.write_bytes(place.getvalue())

    return save


def by_bytes(encode: Callable[..., bytes]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(bytes(encode(PICTURE)))


Row = tuple[Any, str, Callable[[Path], object]]
CALLS: dict[str, Row] = {
    "simplejpeg": (simplejpeg, "decode_jpeg", tile(Codec.JPEG)),
    "simplejpeg, reduced": (simplejpeg, "decode_jpeg", tile(Codec.JPEG, 2)),
    "simplejpeg, a picture": (simplejpeg, "decode_jpeg", picture("a.jpg", by_pillow())),
    "jpeg8": (imagecodecs, "jpeg8_decode", tile(Codec.JPEG, photometric=Photometric.RGB)),
    "jpeg2k": (imagecodecs, "jpeg2k_decode", tile(Codec.JPEG2000)),
    "jpeg2k, reduced": (imagecodecs, "jpeg2k_decode", tile(Codec.JPEG2000, 4)),
    "webp": (imagecodecs, "webp_decode", tile(Codec.WEBP)),
    "delta": (imagecodecs, "delta_decode", deflated(2)),
    "jpegls": (
        imagecodecs,
        "jpegls_decode",
        dicom("1.2.840.10008.1.2.4.80", imagecodecs.jpegls_encode),
    ),
    "jpegls, a picture": (
        imagecodecs,
        "jpegls_decode",
        picture("a.jls", by_bytes(imagecodecs.jpegls_encode)),
    ),
    "jpegxl, a picture": (
        imagecodecs,
        "jpegxl_decode",
        picture("a.jxl", by_bytes(imagecodecs.jpegxl_encode)),
    ),
    "Pillow": (Image.Image, "convert", picture("a.bmp", by_pillow())),
    "libvips": (pyvips.Region, "fetch", picture("a.png", by_pillow())),
}


def array(**options: Any) -> Callable[[Path], object]:
    """Return what reads a zarr array whose chunks are of a codec."""

    def run(folder: Path) -> object:
        path = folder / "a.zarr"
        if not path.exists():
            zarr.create_array(path, data=PICTURE, chunks=(64, 80, 3), **options)
        with ziggurat.open(path, noCache=True) as source:
            return source.getRegion(format="numpy")[0]

    return run


def bands_joined(_: Path) -> object:
    """Join others before: what lies in memory then is not what is due."""
    interleaved(np.ascontiguousarray(255 - PICTURE.transpose(2, 0, 1)))
    return interleaved(np.ascontiguousarray(PICTURE.transpose(2, 0, 1)))


def bands_apart(_: Path) -> object:
    planes(255 - PICTURE)
    return planes(PICTURE)


def zarr_codec(name: str) -> Row:
    return chunks._DECODERS, name, array(compressors=[ZARR_CODECS[name]])


ZARR_CODECS = {"gzip": GzipCodec(), "zstd": ZstdCodec()}
INTO_MEMORY: dict[str, Row] = {
    "simplejpeg": CALLS["simplejpeg"],
    "simplejpeg, a picture": CALLS["simplejpeg, a picture"],
    "delta": CALLS["delta"],
    "zarr's gzip": zarr_codec("gzip"),
    "zarr's zstd": zarr_codec("zstd"),
    "zarr's blosc": (numcodecs.blosc, "decompress", array(compressors=[BloscCodec()])),
    "bands put together": (cv2, "merge", bands_joined),
    "bands taken apart": (cv2, "split", bands_apart),
    "halves": (
        cv2,
        "resize",
        lambda _: Shrinker(Reducer.MEAN)(PICTURE, out=np.full((32, 40, 3), 77, np.uint8)),
    ),
    "scaled": (cv2, "resize", lambda _: resize(PICTURE, 20, 16, Resample.AREA)),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("quiet", [nothing, too_small, no_array, untouched])
@pytest.mark.parametrize("name", INTO_MEMORY)
def test_memory_that_a_library_leaves_as_it_was_never_passes_as_pixels(
    name: str,
    quiet: Callable[..., object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library, call, run = INTO_MEMORY[name]
    due = np.asarray(run(tmp_path), float)
    if isinstance(library, dict):
        monkeypatch.setitem(library, call, quiet)
    else:
        monkeypatch.setattr(library, call, quiet)
    try:
        found = np.asarray(run(tmp_path), float)
    except ZigguratError:
        return
    np.testing.assert_array_equal(found, due)  # another library has stepped in, or nothing passed


def test_a_mark_that_is_what_is_due_is_no_failure() -> None:
    for mark in _MARKS:
        place = np.zeros(20, np.uint8)
        due = np.frombuffer(b"x" * 12 + mark, np.uint8)
        checked_fill(place, lambda place=place, due=due: place.__setitem__(slice(None), due))
        np.testing.assert_array_equal(place, due)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("quiet", [nothing, too_small, no_array])
@pytest.mark.parametrize("name", CALLS)
def test_a_quiet_failure_never_passes_as_pixels(
    name: str,
    quiet: Callable[..., object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library, call, run = CALLS[name]
    due = np.asarray(run(tmp_path), float)
    monkeypatch.setattr(library, call, quiet)
    try:
        found = np.asarray(run(tmp_path), float)
    except ZigguratError:
        return
    # another library has stepped in
    assert found.shape == due.shape
    assert np.abs(found - due).mean() < 5
