"""DICOM slides as others lay them out: rare codecs, samples, facts and damage."""

import contextlib
import os
import resource
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import (
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.readers.formats.dicom.slides import Make, opened, raw, split, whole
from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.geometry import Rect


def rle(tile: np.ndarray) -> bytes:
    facts = {
        "rows": tile.shape[0],
        "columns": tile.shape[1],
        "samples_per_pixel": 3 if tile.ndim == 3 else 1,
        "number_of_frames": 1,
        "bits_allocated": 8 * tile.itemsize,
        "bits_stored": 8 * tile.itemsize,
        "pixel_representation": 0,
        "photometric_interpretation": "RGB" if tile.ndim == 3 else "MONOCHROME2",
        "planar_configuration": 0,
    }
    return RLELosslessEncoder.encode(tile.tobytes(), **facts)


CODECS: dict[str, tuple[Callable[[np.ndarray], bytes], str]] = {
    "JPEG-LS": (imagecodecs.jpegls_encode, JPEGLSLossless),
    "RLE": (rle, RLELossless),
    "HTJ2K": (imagecodecs.htj2k_encode, HTJ2KLossless),
    "lossless JPEG": (imagecodecs.ljpeg_encode, JPEGLosslessSV1),
}


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("codec", CODECS)
def test_codecs_that_only_dicom_has(
    codec: str, bits: int, picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    encode, syntax = CODECS[codec]
    pixels = picture
    facts: dict[str, object] = {}
    if bits == 16 or codec == "lossless JPEG":
        pixels = picture[..., 0].astype(f"u{bits // 8}") * (bits // 8) ** 7
        facts = {"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}
        facts |= {"BitsAllocated": bits, "BitsStored": bits}
    frames = [encode(tile) for tile in split(pixels)]
    path = make_instance(tmp_path / "a.dcm", frames, syntax=syntax, **facts)
    reader = opened(path)
    np.testing.assert_array_equal(whole(reader), pixels.reshape(200, 300, -1))
    assert reader.plane(0, 0).encoded() is None  # no target takes them as they are
    frames[3] = frames[3][: len(frames[3]) // 2]
    make_instance(path, frames, syntax=syntax, **facts)
    with pytest.raises(CorruptSourceError, match=r"a\.dcm.*frame 3"):
        whole(opened(path))


@pytest.mark.parametrize("codec", ["JPEG-LS", "HTJ2K"])
def test_a_frame_of_another_size_is_not_decoded(
    codec: str, tmp_path: Path, make_instance: Make
) -> None:
    encode, syntax = CODECS[codec]
    frames = [encode(np.zeros((96, 128, 3), np.uint8))]
    path = make_instance(tmp_path / "a.dcm", frames, (64, 48), syntax=syntax)
    with pytest.raises(CorruptSourceError, match=r"where .* are due"):
        whole(opened(path))


def test_bands_one_after_another(picture: np.ndarray, tmp_path: Path, make_instance: Make) -> None:
    frames = [np.moveaxis(tile, -1, 0).tobytes() for tile in split(picture)]
    make_instance(tmp_path / "a.dcm", frames, PlanarConfiguration=1)
    reader = opened(tmp_path)
    np.testing.assert_array_equal(whole(reader), picture)
    assert reader.plane(0, 0).encoded() is None


@pytest.mark.parametrize(("kind", "stored"), [("u1", 8), ("u2", 12), ("i2", 16)])
def test_white_is_low(
    kind: str, stored: int, picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    pixels = picture[..., 0].astype(kind)
    make_instance(
        tmp_path / "a.dcm",
        raw(pixels),
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME1",
        BitsAllocated=8 * pixels.itemsize,
        BitsStored=stored,
        PixelRepresentation=int(kind[0] == "i"),
    )
    reader = opened(tmp_path)
    full = -1 if kind[0] == "i" else (1 << stored) - 1
    np.testing.assert_array_equal(whole(reader)[..., 0].astype(int), full - pixels.astype(int))
    assert reader.plane(0, 0).encoded() is None


def ycbcr(picture: np.ndarray) -> np.ndarray:
    weights = [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    turned = picture @ np.array(weights).T + [0, 128, 128]
    return np.clip(np.rint(turned), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("codec", ["native", "RLE", "JPEG 2000"])
def test_samples_stored_as_ycbcr(
    codec: str, picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    tiles = split(ycbcr(picture))
    facts: dict[str, object] = {"PhotometricInterpretation": "YBR_FULL"}
    frames = [tile.tobytes() for tile in tiles]
    if codec == "RLE":
        frames, facts["syntax"] = [rle(tile) for tile in tiles], RLELossless
    elif codec == "JPEG 2000":
        options = {"level": 0, "reversible": True, "mct": False, "codecformat": "j2k"}
        frames = [imagecodecs.jpeg2k_encode(tile, **options) for tile in tiles]
        facts["syntax"] = JPEG2000Lossless
    make_instance(tmp_path / "a.dcm", frames, **facts)
    assert np.abs(whole(opened(tmp_path)).astype(int) - picture).max() <= 2


def test_rows_and_columns_of_their_own_spacing(
    picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    """DICOM names the distance between rows first: that is y."""
    info = opened(make_instance(tmp_path / "a.dcm", raw(picture))).info
    assert (info.mm_x, info.mm_y) == (0.00025, 0.0005)


def test_what_is_not_supported_is_named(
    picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    path = make_instance(tmp_path / "a.dcm", raw(picture), syntax="1.2.840.10008.1.2.4.102")
    with pytest.raises(UnsupportedFormatError, match=r"MPEG-4.*not supported"):
        opened(path)
    with pytest.raises(UnsupportedFormatError, match="MPEG-4"):
        open_reader(path)


def test_names_that_are_identifiers(
    picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    """Numbers and dots: the last of them is no suffix."""
    make_instance(tmp_path / "1.2.826.1", raw(picture))
    make_instance(tmp_path / "1.2.826.2", raw(np.ascontiguousarray(picture[::2, ::2])), (150, 100))
    assert len(opened(tmp_path / "1.2.826.1").info.levels) == 2


def test_a_tiff_header_in_the_preamble(
    picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    preamble = b"II*\0" + (530_004).to_bytes(4, "little") + bytes(120)
    path = make_instance(tmp_path / "a.dcm", raw(picture))
    path.write_bytes(preamble + path.read_bytes()[128:])
    with open_reader(path) as reader:
        np.testing.assert_array_equal(reader.plane(0, 0).read(Rect(0, 0, 300, 200)), picture)
    make_instance(path, raw(picture), SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    path.write_bytes(preamble + path.read_bytes()[128:])
    with pytest.raises(UnsupportedFormatError, match="CT Image Storage"):
        open_reader(path)


def test_a_damaged_neighbour_is_told(
    picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    path = make_instance(tmp_path / "a.dcm", raw(picture))
    make_instance(tmp_path / "b.dcm", raw(picture), (0, 200))
    reader = opened(path)
    assert "b.dcm" in reader.info.internal["dicom"]["left out"][0]


def test_out_of_descriptors_is_said_to_be_that(
    picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    """Not a damaged slide, and not one of fewer levels."""
    for number, side in enumerate((200, 100, 50)):
        pixels = np.ascontiguousarray(picture[:side, :side])
        make_instance(tmp_path / f"{number}.dcm", raw(pixels), (side, side))
    path = tmp_path / "0.dcm"
    opened(path).close()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        for spare in range(8):
            os.close(taken.pop())
            try:
                with open_reader(path) as reader:
                    assert len(reader.info.levels) == 3, f"{spare + 1} descriptors"
            except CorruptSourceError as error:
                pytest.fail(f"called damaged: {error}")
            except SourceError as error:
                assert "oo many open files" in str(error)  # noqa: PT017
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


GRAY = {
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsAllocated": 16,
    "BitsStored": 12,
}


@pytest.mark.parametrize("kind", ["MONOCHROME2", "MONOCHROME1", "signed"])
def test_bits_that_are_not_the_samples_own(
    kind: str, tmp_path: Path, make_instance: Make, rng: np.random.Generator
) -> None:
    """Overlays of old lie above them, or nothing where a sign should be spread."""
    signed = kind == "signed"
    pixels = rng.integers(0, 4096, (200, 300)).astype(np.uint16)
    above = 0 if signed else rng.integers(0, 16, pixels.shape).astype(np.uint16) << 12
    facts = GRAY | ({"PixelRepresentation": 1} if signed else {"PhotometricInterpretation": kind})
    make_instance(tmp_path / "a.dcm", raw(pixels | above), **facts)
    due = pixels.astype(int) if kind != "MONOCHROME1" else 4095 - pixels.astype(int)
    if signed:
        due = np.where(due >= 2048, due - 4096, due)
    reader = opened(tmp_path)
    np.testing.assert_array_equal(whole(reader)[..., 0], due)
    assert reader.plane(0, 0).encoded() is None


def test_samples_whose_bits_lie_high_are_refused(
    tmp_path: Path, make_instance: Make, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 4096, (200, 300)).astype(np.uint16) << 4
    make_instance(tmp_path / "a.dcm", raw(pixels), **GRAY, HighBit=15)
    with pytest.raises(UnsupportedFormatError, match="whose highest is 15"):
        opened(tmp_path)


@pytest.mark.parametrize("whole_matrix", [False, True])
def test_frames_that_lie_nowhere_are_told(
    whole_matrix: bool, picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    """As in a film, of which each frame is a picture of its own; also one frame too many."""
    frames = raw(picture)
    size = (300, 200) if whole_matrix else (64, 48)
    make_instance(tmp_path / "a.dcm", [*frames, frames[0]], size)
    left = 1 if whole_matrix else len(frames)
    assert f"{left} of {len(frames) + 1} frames of a.dcm" in opened(tmp_path).info.losses[0]
    make_instance(tmp_path / "a.dcm", frames[: len(frames) if whole_matrix else 1], size)
    assert not opened(tmp_path).info.losses


def test_overlay_planes_and_rescaling_are_told(
    picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    path = make_instance(tmp_path / "a.dcm", raw(picture), RescaleSlope=2, RescaleIntercept=-1)
    data = pydicom.dcmread(path)
    data.add_new(0x60000010, "US", 200)
    data.add_new(0x60003000, "OW", bytes(7500))
    data.save_as(path)
    told = " ".join(opened(tmp_path).info.losses)
    assert "overlay planes" in told
    assert "rescaling (x 2" in told
