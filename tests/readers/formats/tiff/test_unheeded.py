"""What a TIFF says of its samples, and neither we nor others heed: it is told, never dropped."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from osgeo import gdal

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.registry import open_reader

SIDES = (40, 50)


def write(path: Path, *pages: tuple[np.ndarray, dict[str, Any]]) -> Path:
    with tifffile.TiffWriter(path) as writer:
        for pixels, options in pages:
            writer.write(
                pixels, **{"photometric": "minisblack", "metadata": None, "software": ""} | options
            )
    return path


def seen(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    with open_reader(path) as reader:
        return reader.plane(0, 0).read(reader.info.levels[0].rect), reader.info.losses


@pytest.mark.parametrize("dtype", ["i1", "i2", "f4"])
def test_samples_with_a_sign_stay_and_it_is_told(
    dtype: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = rng.integers(-99, 99, SIDES).astype(dtype)
    found, losses = seen(write(tmp_path / "a.tif", (pixels, {"photometric": "miniswhite"})))
    np.testing.assert_array_equal(found[..., 0], pixels)
    assert "zero is white" in losses[0]


UNKNOWN: dict[str, tuple[str, int, dict[str, Any]]] = {
    "CMYK as float": ("f4", 4, {"photometric": "separated"}),
    "other inks": ("u1", 4, {"photometric": "separated", "extratags": [(332, "H", 1, 2, True)]}),
    "raw": ("u2", 1, {"photometric": "cfa"}),
    "linear": ("u2", 3, {"photometric": 34892}),
    "Lab of a fax": ("u1", 3, {"photometric": 10}),
    "depths": ("u2", 1, {"photometric": 51177}),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_samples_of_a_meaning_that_nobody_heeds(
    name: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    """The samples are those that GDAL gives; what they mean is a loss."""
    dtype, bands, options = UNKNOWN[name]
    pixels = rng.integers(0, 255, (*SIDES, bands)).astype(dtype)
    planar = {} if bands == 1 else {"planarconfig": "contig"}
    path = write(tmp_path / "a.tif", (np.squeeze(pixels), {**options, **planar}))
    found, losses = seen(path)
    oracle = gdal.Open(str(path)).ReadAsArray().reshape(-1, *SIDES)
    np.testing.assert_array_equal(found, np.moveaxis(oracle, 0, -1))
    np.testing.assert_array_equal(found, pixels)
    assert "meaning of its samples" in losses[0]


@pytest.mark.parametrize("extra", [["assocalpha", "unspecified"], ["unspecified", "assocalpha"]])
def test_colours_are_divided_by_their_alpha_wherever_it_is(
    extra: list[str], tmp_path: Path, rng: np.random.Generator
) -> None:
    colors = rng.integers(0, 256, (*SIDES, 3)).astype(np.float64)
    alpha = rng.integers(128, 256, (*SIDES, 1)).astype(np.float64)
    other = np.full((*SIDES, 1), 77.0)
    extras = (alpha, other) if extra[0] == "assocalpha" else (other, alpha)
    stored = np.rint(colors * alpha / 255)
    pixels = np.concatenate((stored, *extras), axis=2).astype(np.uint8)
    options = {"photometric": "rgb", "extrasamples": extra}
    found, _ = seen(write(tmp_path / "a.tif", (pixels, options)))
    assert np.abs(found[..., :3] - colors).max() <= 1
    np.testing.assert_array_equal(found[..., 3:], pixels[..., 3:])


def tag(code: int, *values: int) -> dict[str, Any]:
    return {"extratags": [(code, "H", len(values), values if len(values) > 1 else values[0], True)]}


MIXED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "orientation": (tag(274, 6), tag(274, 3)),
    "palette": (
        {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)},
        {"photometric": "palette", "colormap": np.ones((3, 256), np.uint16)},
    ),
    "resolution": (
        {"resolution": (20000, 20000), "resolutionunit": 3},
        {"resolution": (40000, 40000), "resolutionunit": 3},
    ),
    "colour profile": ({"iccprofile": b"a" * 200}, {}),
}


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("alike", [False, True])
def test_what_pages_say_otherwise_than_the_first(name: str, alike: bool, tmp_path: Path) -> None:
    first, second = MIXED[name]
    gray = np.arange(2000, dtype=np.uint16).reshape(SIDES).astype(np.uint8)
    path = write(tmp_path / "a.tif", (gray, first), (gray, first if alike else second))
    with open_reader(path) as reader:
        assert reader.info.frames == 2
        told = [loss for loss in reader.info.losses if f"the {name} of 1 of its pages" in loss]
        assert bool(told) is not alike
        assert bool(reader.info.losses) is not alike


def test_a_transparency_mask_is_told(tmp_path: Path) -> None:
    picture = np.zeros((*SIDES, 3), np.uint8)
    mask = np.ones(SIDES, bool)
    options = {"photometric": "mask", "subfiletype": 4}
    path = write(tmp_path / "a.tif", (picture, {"photometric": "rgb"}), (mask, options))
    assert "transparency mask" in seen(path)[1][0]


def test_strips_of_no_bytes_are_not_blank(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", (np.ones(SIDES, np.uint8), {"rowsperstrip": 10}))
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["StripByteCounts"].overwrite((0, 0, 0, 0))
    with pytest.raises(CorruptSourceError, match="no bytes"):
        seen(path)


def test_inks_of_odd_depths_are_no_colours(tmp_path: Path) -> None:
    """Of 12 bits in 16 nearly black came out; one bit was a foreign error, found by fuzzing."""
    pixels = np.full((*SIDES, 4), 4095, np.uint16)
    options = {"photometric": "separated", "planarconfig": "contig"}
    path = write(tmp_path / "a.tif", (pixels, {**options, "bitspersample": 12}))
    found, losses = seen(path)
    np.testing.assert_array_equal(found, pixels)
    assert "meaning of its samples" in losses[0]
    path = write(tmp_path / "b.tif", (pixels > 0, options))
    with pytest.raises(UnsupportedFormatError, match="4 samples of 1 bit") as refused:
        seen(path)
    assert "shows sample type uint8 of one bit, black or white" in str(refused.value)


@pytest.mark.parametrize("pairs", [((16, 235),), ((16, 235), (0, 200), (235, 16), (5, 250))])
def test_the_range_of_dots_is_heeded(tmp_path: Path, pairs: tuple[tuple[int, int], ...]) -> None:
    """What is stored for no cover is white, and for full cover the ink."""
    chance = np.random.default_rng(1)
    covers = chance.choice(np.array([0.0, 0.25, 0.5, 1.0]), (*SIDES, 4))
    ends = np.array(pairs * 4 if len(pairs) == 1 else pairs)
    stored = np.rint(ends[:, 0] + covers * (ends[:, 1] - ends[:, 0])).astype(np.uint8)
    stored[0], stored[1] = 0, 255  # beyond the ends
    covers = ((stored - ends[:, 0]) / (ends[:, 1] - ends[:, 0])).clip(0, 1)
    options = {"photometric": "separated", "planarconfig": "contig"}
    tag = (336, "H", ends[: len(pairs)].size, ends[: len(pairs)].ravel().tolist(), True)
    path = write(tmp_path / "a.tif", (stored, {**options, "extratags": [tag]}))
    plain = write(tmp_path / "b.tif", (np.rint(covers * 255).astype(np.uint8), options))
    found, expected = seen(path)[0].astype(int), seen(plain)[0].astype(int)
    assert np.abs(found - expected).max() <= 2
    assert len(np.unique(found)) > 10


@pytest.mark.parametrize("said", [(5, 5), (1,), (0, 255, 1, 255)])
def test_a_range_of_dots_that_can_not_be(tmp_path: Path, said: tuple[int, ...]) -> None:
    tags = [(336, "H", len(said), said if len(said) > 1 else said[0], True)]
    options = {"photometric": "separated", "planarconfig": "contig", "extratags": tags}
    path = write(tmp_path / "a.tif", (np.zeros((*SIDES, 4), np.uint8), options))
    with pytest.raises(CorruptSourceError, match="dot range"):
        seen(path)


@pytest.mark.parametrize("formats", [(1, 1, 2), (1, 3, 3)])
def test_bands_of_several_kinds_are_not_called_damage(
    tmp_path: Path, formats: tuple[int, ...]
) -> None:
    path, code = tmp_path / "a.tif", 65000  # a stand-in: tifffile writes no such tag
    tags = [(code, "H", 3, formats, True)]
    pixels = np.zeros((*SIDES, 3), np.uint8)
    tifffile.imwrite(path, pixels, photometric="rgb", metadata=None, extratags=tags)
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<HHI", code, 3, 3), struct.pack("<HHI", 339, 3, 3)))
    words = f"several kinds of samples .TIFF sample formats {', '.join(map(str, formats))}"
    with pytest.raises(UnsupportedFormatError, match=words):
        open_reader(path)


def test_a_later_page_whose_tags_make_no_sense_is_an_error_of_ours(tmp_path: Path) -> None:
    page = (np.zeros((*SIDES, 3), np.uint8), {"photometric": "rgb", "planarconfig": "contig"})
    path = write(tmp_path / "a.tif", page, page, page)
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[1].aspage().tags["PlanarConfiguration"].offset
    with path.open("r+b") as file:
        file.seek(offset + 4)
        file.write(struct.pack("<I", 2))  # values, where one is due
    with open_reader(path) as reader, pytest.raises(CorruptSourceError, match="make no sense"):
        reader.plane(0, 1)
