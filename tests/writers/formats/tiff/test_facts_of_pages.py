"""What each page of a TIFF says of itself: other programs measure and colour by it."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import simplejpeg
import tifffile

from tests.each import each
from ziggurat.readers.errors import OptionError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedImage, EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.image import GeoReference, Interpretation
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.views.array import ArrayReader, array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.formats.tiff import associated, tags, tiff
from ziggurat.writers.formats.tiff.tags import common_byteorder, compression_tag
from ziggurat.writers.model.levels import Copy, LevelPlan, Stored
from ziggurat.writers.model.options import PyramidStyle, WriteOptions

EXACT = WriteOptions(lossy=False, overwrite=True, tile_size=64)


def edited(pixels: np.ndarray, names: str = "yxs", **facts: Any) -> ArrayReader:
    frames = pixels if names.endswith("s") else pixels[..., np.newaxis]
    return ArrayReader(frames, dataclasses.replace(array_reader(pixels, names).info, **facts))


@contextlib.contextmanager
def levels(path: Path) -> Iterator[list[tifffile.TiffPage]]:
    with tifffile.TiffFile(path) as tif:
        first = tif.pages[0]
        below = first.pages or tif.pages[1:]
        yield [first, *(page for page in below if page.is_reduced)]


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("a.tif", PyramidStyle.PAGES),
        ("a.tif", PyramidStyle.SUBIFD),
        ("a.ome.tif", PyramidStyle.SUBIFD),
    ],
)
def test_each_level_says_its_own_size_of_pixels(
    name: str, style: PyramidStyle, tmp_path: Path, tissue: np.ndarray
) -> None:
    profile = b"\0\0\0\x10" + b"p" * 124
    reader = edited(tissue[:300, :200], mm_x=0.00025, mm_y=0.001, icc_profile=profile)
    write(reader, tmp_path / name, dataclasses.replace(EXACT, pyramid=style))
    with levels(tmp_path / name) as pages:
        assert [page.shape[:2] for page in pages] == [(300, 200), (150, 100), (75, 50), (38, 25)]
        for number, page in enumerate(pages):
            across, down = 200 / page.imagewidth, 300 / page.imagelength
            (x, over), (y, under) = page.tags["XResolution"].value, page.tags["YResolution"].value
            assert x / over == pytest.approx(10 / (0.00025 * across), rel=1e-6)
            assert y / under == pytest.approx(10 / (0.001 * down), rel=1e-6)
            assert page.tags["ResolutionUnit"].value == 3
            assert page.iccprofile == profile
            assert page.is_reduced is (number > 0)
            assert (page.tilewidth, page.tilelength) == (64, 64)
            assert "ExtraSamples" not in page.tags


@pytest.mark.parametrize(
    ("bands", "alpha", "extra"),
    [(2, False, (0,)), (2, True, (2,)), (4, False, (0,)), (4, True, (2,)), (5, True, (0, 2)),
     (5, False, (0, 0))],
)  # fmt: skip
def test_samples_beyond_the_colour_are_said_to_be_what_they_are(
    bands: int, alpha: bool, extra: tuple[int, ...], tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 255, (70, 80, bands), np.uint8)
    kind = Interpretation.GRAY if bands == 2 else Interpretation.RGB
    write(edited(pixels, interpretation=kind, alpha=alpha), tmp_path / "a.tif", EXACT)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        page = tif.pages[0]
        assert page.extrasamples == extra
        assert page.photometric.name == ("MINISBLACK" if bands == 2 else "RGB")
        np.testing.assert_array_equal(page.asarray(), pixels)


@pytest.mark.parametrize("value", [-3.4028234663852886e38, 0.1, -9999.0, float("nan"), 123456789.0])
def test_nodata_keeps_all_its_digits(value: float, tmp_path: Path) -> None:
    pixels = np.zeros((70, 80, 1), np.float64)
    write(edited(pixels, nodata=value), tmp_path / "a.tif", EXACT)
    with levels(tmp_path / "a.tif") as pages:
        np.testing.assert_equal([float(p.tags["GDAL_NODATA"].value) for p in pages], [value] * 2)
    with open_reader(tmp_path / "a.tif") as ours:
        np.testing.assert_equal(ours.info.nodata, value)


def test_a_palette_has_all_its_entries_and_no_others(tmp_path: Path) -> None:
    palette = ((255, 0, 1, 255), (2, 254, 3, 255), (4, 5, 253, 255))
    pixels = np.tile(np.arange(3, dtype=np.uint8), (64, 30))[..., np.newaxis]
    reader = edited(pixels, interpretation=Interpretation.PALETTE, palette=palette)
    write(reader, tmp_path / "a.tif", EXACT)
    with levels(tmp_path / "a.tif") as pages:
        colors = pages[0].colormap.T
    assert colors[:3].tolist() == [[v * 257 for v in entry[:3]] for entry in palette]
    assert not colors[3:].any()
    with open_reader(tmp_path / "a.tif") as ours:
        assert ours.info.palette is not None
        assert ours.info.palette[:3] == palette


class Pictured(ArrayReader):
    """An image with one associated picture."""

    def associated(self, name: str) -> Any:
        del name
        return Still(np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8))


class Still:
    def __init__(self, pixels: np.ndarray) -> None:
        self._pixels = pixels

    def read(self) -> np.ndarray:
        return self._pixels

    def encoded(self) -> None:
        return None

    def stored(self) -> None:
        return None


def test_associated_images_and_profiles_count_for_what_fits_into_32_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tissue: np.ndarray
) -> None:
    pixels = tissue[:100, :100]
    plain = array_reader(pixels)
    pictured = Pictured(pixels, dataclasses.replace(plain.info, associated=("label",)))
    profiled = edited(pixels, icc_profile=bytes(100_000))
    # what the image alone may need fits, with little to spare
    monkeypatch.setattr(tags, "_CLASSIC_LIMIT", 2**20 + 150_000)

    def big(reader: Reader) -> bool:
        write(reader, tmp_path / "a.tif", EXACT)
        with tifffile.TiffFile(tmp_path / "a.tif") as tif:
            return bool(tif.is_bigtiff)

    assert [big(one) for one in (plain, pictured, profiled)] == [False, True, True]
    monkeypatch.setattr(tags, "_CLASSIC_LIMIT", 2**20 + 600_000)
    stack = np.stack([pixels] * 3)
    assert not big(edited(stack, "zyxs"))
    assert not big(edited(pixels, icc_profile=bytes(80_000)))  # once for each of its two levels
    assert big(edited(stack, "zyxs", icc_profile=bytes(80_000)))  # and for those of each frame


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (None, "no tiles to copy"),
        ({"codec": Codec.OTHER}, "can't be copied into a TIFF"),
        ({"planar": True}, "can't be copied into a TIFF"),
        ({}, None),
    ],
)
def test_levels_that_can_not_be_copied_are_refused(
    facts: dict[str, Any] | None, words: str | None
) -> None:
    form = dataclasses.replace(
        TileFormat(Codec.LZW, Photometric.RGB, 3, 8, "uint8"), **(facts or {})
    )
    tiles = EncodedLevel(form, 9, 9, 16, 16, 1, 1, lambda *_: b"")
    plane = SimpleNamespace(encoded=lambda: None if facts is None else tiles)
    reader: Any = SimpleNamespace(plane=lambda *_: plane)
    plan = LevelPlan(9, 9, 16, 16, Copy(0), None)
    if words is None:
        assert tiff.level_format(reader, plan, 0) is form
        return
    with pytest.raises(OptionError, match=words):
        tiff.level_format(reader, plan, 0)


def test_an_encoded_level_says_what_it_is_or_is_refused() -> None:
    form = TileFormat(Codec.LZW, Photometric.RGB, 3, 8, "uint8")
    reader: Any = None
    plan = LevelPlan(9, 9, 16, 16, Stored(0), None, form)
    assert tiff.level_format(reader, plan, 0) is form
    with pytest.raises(OptionError, match="needs the format"):
        tiff.level_format(reader, dataclasses.replace(plan, format=None), 0)


@pytest.mark.parametrize("label", [
    {"colors": [{"label-value": 1, "rgba": [1, 2, 3, 255]}]},
    {"properties": [{"label-value": 1, "name": "cell"}]},
    {},
])  # fmt: skip
def test_what_labels_are_called_and_how_they_are_shown_is_lost_in_a_tiff(
    label: dict[str, Any],
) -> None:
    attributes = {"ome": {"version": "0.5", "image-label": label}}
    info = edited(np.zeros((9, 9), np.uint8), "yx", internal={"zarr": {"base": attributes}}).info
    lost = [loss for loss in tiff.expected_losses(info) if "colours and properties" in loss]
    assert len(lost) == bool(label)


def test_a_copied_tile_keeps_its_number_and_what_tiff_lacks_is_refused() -> None:
    form = TileFormat(Codec.JPEG2000, Photometric.RGB, 3, 8, "uint8", tiff_compression=33005)
    assert compression_tag(form) == 33005
    assert compression_tag(dataclasses.replace(form, tiff_compression=None)) in (33005, 34712)
    with pytest.raises(OptionError, match="no compression called"):
        compression_tag(TileFormat(Codec.OTHER, Photometric.RGB, 3, 8, "uint8"))


def test_raw_samples_of_two_byte_orders_are_not_put_together() -> None:
    forms = [
        TileFormat(Codec.NONE, Photometric.GRAY, 1, 16, "uint16", byteorder=order) for order in "<>"
    ]
    with pytest.raises(OptionError, match="both byte orders"):
        common_byteorder(forms)
    assert common_byteorder(forms[1:]) == ">"
    bytes_only = [dataclasses.replace(form, bits=8, dtype="uint8") for form in forms]
    assert common_byteorder(bytes_only) == "<"


@pytest.mark.parametrize(
    ("facts", "side", "words"),
    [
        ({}, 64, None),
        ({"planar": True}, 64, "bands are stored apart"),
        ({"planar": True, "bands": 1}, 64, None),
        ({"codec": Codec.OTHER}, 64, "not one of TIFF"),
        ({}, 72, "no multiples of 16"),
    ],
)
def test_tiles_that_a_tiff_cannot_take_as_they_are(
    facts: dict[str, Any], side: int, words: str | None
) -> None:
    form = dataclasses.replace(TileFormat(Codec.LZW, Photometric.RGB, 3, 8, "uint8"), **facts)
    tiles = EncodedLevel(form, 100, 100, side, side, 2, 2, lambda *_: b"")
    refusal = tiff.copy_refusal(tiles, array_reader(np.zeros((100, 100, 3), np.uint8)).info)
    assert refusal is None if words is None else words in str(refusal)


def test_of_nodata_that_differs_by_band_the_first_is_said(tmp_path: Path) -> None:
    write(edited(np.zeros((70, 80, 2), np.float32), nodata=(7.0, None)), tmp_path / "a.tif", EXACT)
    with levels(tmp_path / "a.tif") as pages:
        assert {float(page.tags["GDAL_NODATA"].value) for page in pages} == {7.0}


@pytest.mark.parametrize(("chroma", "factors"), [("444", (1, 1)), ("422", (2, 1)), ("420", (2, 2))])
def test_an_associated_jpeg_says_how_its_colours_are_sampled(
    chroma: str, factors: tuple[int, int]
) -> None:
    data = simplejpeg.encode_jpeg(np.zeros((32, 48, 3), np.uint8), 90, "RGB", chroma)
    arguments = associated._jpeg_arguments(EncodedImage(Codec.JPEG, 48, 32, data))
    assert arguments["subsampling"] == factors
    assert (arguments["shape"], arguments["photometric"]) == ((32, 48, 3), "ycbcr")


@each(
    "side, frames, big",
    [(1 << 15, 1, False), (60_000, 1, False), (65_400, 1, True), (1 << 16, 1, True),
     (1 << 13, 60, False), (1 << 13, 64, True)])  # fmt: skip
def test_what_is_past_32_bits_is_a_bigtiff(side: int, frames: int, big: bool) -> None:
    plan = LevelPlan(side, side, 512, 512, Stored(0), None)
    form = TileFormat(Codec.NONE, Photometric.GRAY, 1, 8, "uint8")
    assert tags.needs_bigtiff([(plan, form)], frames, 0) is big


def test_a_map_of_several_frames_keeps_its_place_and_its_value_for_nothing(tmp_path: Path) -> None:
    place = GeoReference("EPSG:32633", (500_000.0, 10.0, 0.0, 5_000_000.0, 0.0, -10.0))
    pixels = np.full((2, 40, 50), 9, np.uint8)
    write(edited(pixels, "zyx", geo=place, nodata=7.0), tmp_path / "a.tiff", EXACT)
    with tifffile.TiffFile(tmp_path / "a.tiff") as tif:
        told = tif.pages[0].tags
        assert float(told[42113].value) == 7
        assert {33550, 33922, 34735} <= set(told.keys())
