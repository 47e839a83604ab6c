"""Flat pictures: what each format keeps, and what it refuses."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

import ziggurat
from ziggurat.readers.errors import OptionError, TargetExistsError
from ziggurat.readers.model.image import Interpretation
from ziggurat.readers.views.array import ArrayReader, array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions

EXACT = WriteOptions(lossy=False)


@pytest.mark.parametrize(
    ("name", "bands", "dtype"),
    [
        ("a.png", 1, np.uint8),
        ("a.png", 2, np.uint8),
        ("a.png", 3, np.uint8),
        ("a.png", 4, np.uint8),
        ("a.png", 1, np.uint16),
        ("a.png", 3, np.uint16),
        ("a.webp", 3, np.uint8),
    ],
)
def test_lossless_formats_keep_every_value(
    tmp_path: Path, rng: np.random.Generator, name: str, bands: int, dtype: Any
) -> None:
    import pyvips

    pixels = rng.integers(0, np.iinfo(dtype).max, (33, 47, bands), dtype)
    report = write(array_reader(pixels), tmp_path / name, EXACT)
    assert report.bytes == (tmp_path / name).stat().st_size
    seen = pyvips.Image.new_from_file(str(tmp_path / name), revalidate=True).numpy()
    np.testing.assert_array_equal(seen.reshape(pixels.shape), pixels)


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.webp"])
def test_lossy_formats_are_close_and_are_what_their_name_says(
    tmp_path: Path, tissue: np.ndarray, name: str
) -> None:
    write(array_reader(tissue), tmp_path / name)
    with Image.open(tmp_path / name) as picture:
        assert picture.format == ("WEBP" if name.endswith("webp") else "JPEG")
        seen = np.asarray(picture).astype(int)
    assert np.abs(seen - tissue).mean() < 4


def test_scale_and_colour_profile_go_along(tmp_path: Path, tissue: np.ndarray) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    info = dataclasses.replace(
        array_reader(tissue).info, mm_x=0.1, mm_y=0.1, icc_profile=profile, description="text"
    )
    report = write(ArrayReader(tissue, info), tmp_path / "a.png", EXACT)
    assert report.lost == ("the description",)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.info["icc_profile"] == profile
        assert picture.info["dpi"] == pytest.approx((254, 254), abs=0.1)


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "options", "words"),
    [
        ("a.jpg", (9, 9, 3), np.uint8, EXACT, "can't keep every value"),
        ("a.jpg", (9, 9, 4), np.uint8, WriteOptions(), "JPEG holds 1/3 bands"),
        ("a.png", (9, 9, 1), np.float32, EXACT, "PNG holds .* not 1 of float32"),
        ("a.webp", (9, 20_000, 3), np.uint8, EXACT, "goes to 16383 pixels"),
        ("a.png", (600, 800, 3), np.uint8, WriteOptions(max_memory=1 << 20), "made in memory"),
    ],
)
def test_what_a_format_can_not_hold_is_refused(
    tmp_path: Path, name: str, shape: Any, dtype: Any, options: Any, words: Any
) -> None:
    with pytest.raises(OptionError, match=words):
        write(array_reader(np.zeros(shape, dtype)), tmp_path / name, options)
    assert list(tmp_path.iterdir()) == []


def test_labels_are_not_for_jpeg(tmp_path: Path) -> None:
    labels = array_reader(np.zeros((9, 9, 1), np.uint8), interpretation=Interpretation.LABELS)
    with pytest.raises(OptionError, match="can't keep every value"):
        write(labels, tmp_path / "a.jpg")


@pytest.mark.parametrize("frames", [2, 3])
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_several_frames_are_refused(tmp_path: Path, name: str, frames: int) -> None:
    with pytest.raises(OptionError, match=f"one frame, not {frames}"):
        write(array_reader(np.zeros((frames, 9, 9), np.uint8), "tyx"), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_an_existing_picture_stays(tmp_path: Path, tissue: np.ndarray) -> None:
    (tmp_path / "a.png").write_text("mine")
    with pytest.raises(TargetExistsError, match="say overwrite"):
        write(array_reader(tissue), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_text() == "mine"


def test_pixels_that_are_not_square_keep_both_their_sizes(tmp_path: Path) -> None:
    ziggurat.write(np.zeros((20, 30, 3), np.uint8), tmp_path / "a.png", mm_x=0.1, mm_y=0.25)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.info["dpi"] == pytest.approx((254, 101.6), abs=0.5)


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_colours_below_a_transparent_pixel_are_values(
    tmp_path: Path, rng: np.random.Generator, name: str
) -> None:
    pixels = rng.integers(0, 255, (24, 20, 4), np.uint8)
    pixels[:12, :, 3] = 0
    write(array_reader(pixels), tmp_path / name, EXACT)
    assert np.array_equal(np.asarray(Image.open(tmp_path / name)), pixels)


def test_labels_in_several_bands_are_kept_in_a_format_that_can_lose(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 255, (24, 20, 3), np.uint8)
    options = WriteOptions(quality=50)
    ziggurat.write(pixels, tmp_path / "a.webp", interpretation="labels", options=options)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.webp")), pixels)
