"""The plain chain of pages: frames, levels, what is beside the image; chains that break off."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.reader import Pixels

PLAIN: dict[str, Any] = {"photometric": "minisblack", "metadata": None}


@pytest.fixture
def gray(tissue: Pixels) -> Pixels:
    return np.ascontiguousarray(tissue[:200, :240, 0])


def frame(path: Path, number: int) -> Pixels:
    with open_reader(path) as reader:
        return reader.plane(0, number).read(reader.info.levels[0].rect)[..., 0]


def test_pages_that_differ_in_compression_are_frames(gray: Pixels, tmp_path: Path) -> None:
    path, codecs = tmp_path / "a.tif", [None, "zlib", "zlib", "lzw", "packbits"]
    with tifffile.TiffWriter(path) as tif:
        for number, codec in enumerate(codecs):
            options = PLAIN | ({"tile": (64, 64)} if number == 2 else {})
            tif.write(gray - number, compression=codec, **options)
    with open_reader(path) as reader:
        assert (reader.info.frames, reader.info.associated, reader.info.losses) == (5, (), ())
    for number in range(len(codecs)):
        np.testing.assert_array_equal(frame(path, number), gray - number)


def test_pages_of_one_bit_in_several_codings_are_frames(gray: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        for codec, photometric in ((None, "miniswhite"), ("packbits", "minisblack")):
            tif.write(
                gray > 128,
                compression=codec,
                photometric=photometric,
                bitspersample=1,
                metadata=None,
            )
    with open_reader(path) as reader:
        assert reader.info.frames == 2
    np.testing.assert_array_equal(frame(path, 1), np.where(gray > 128, 255, 0))
    np.testing.assert_array_equal(frame(path, 0), np.where(gray > 128, 0, 255))


def test_pages_of_other_sizes_are_beside_the_image(gray: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        for page in (gray, gray[:77, :100], gray, gray.astype(np.uint16)):
            tif.write(page, **PLAIN)
    with open_reader(path) as reader:
        assert reader.info.frames == 2
        assert len(reader.info.associated) == 2


@pytest.mark.parametrize("tile", [(64, 64), None])
def test_another_picture_of_half_size_is_no_level(
    tile: tuple[int, int] | None, gray: Pixels, tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        tif.write(gray, tile=tile, **PLAIN)
        tif.write(255 - gray[::2, ::2], tile=tile, **PLAIN)
    with open_reader(path) as reader:
        assert len(reader.info.levels) == 1
        assert len(reader.info.associated) == 1
        found = reader.associated(reader.info.associated[0]).read()
    np.testing.assert_array_equal(found[..., 0], 255 - gray[::2, ::2])


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("mean", [False, True])
def test_unmarked_levels_are_levels_where_they_show_the_image(
    mean: bool, noisy: bool, gray: Pixels, rng: np.random.Generator, tmp_path: Path
) -> None:
    path, page = tmp_path / "a.tif", gray
    if noisy:
        page = rng.integers(0, 255, (800, 960), dtype=np.uint8)
    with tifffile.TiffWriter(path) as tif:
        while page.shape[0] > 40:
            tif.write(page, tile=(64, 64), **PLAIN)
            rows, columns = page.shape[0] // 2, page.shape[1] // 2
            means = page.reshape(rows, 2, columns, 2).mean((1, 3)).astype(np.uint8)
            page = means if mean else page[::2, ::2]
    with tifffile.TiffFile(path) as tif:
        count = len(tif.pages)
    with open_reader(path) as reader:
        assert len(reader.info.levels) == count


def test_a_chain_that_leads_nowhere_is_told(gray: Pixels, tmp_path: Path) -> None:
    path, cut = tmp_path / "a.tif", tmp_path / "cut.tif"
    with tifffile.TiffWriter(path) as tif:
        for number in range(3):
            tif.write(gray - number, compression="zlib", **PLAIN)
    with tifffile.TiffFile(path) as tif:
        end = tif.pages[2].offset
    cut.write_bytes(path.read_bytes()[:end])
    with open_reader(cut) as reader:
        assert reader.info.frames == 2
        assert "cut short" in reader.info.losses[0]
    report = ziggurat.convert(cut, tmp_path / "out.tif")
    assert any("further pages" in loss for loss in report.losses)
    with pytest.raises(ziggurat.errors.ConversionError, match="further pages"):
        ziggurat.convert(cut, tmp_path / "strict.tif", ziggurat.ConvertOptions(strict=True))
    with open_reader(path) as reader:
        assert reader.info.losses == ()


def test_a_larger_page_below_is_not_the_image(gray: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        tif.write(gray[:1, :1], subifds=1, **PLAIN)
        tif.write(gray, **PLAIN)
    with open_reader(path) as reader:
        assert (reader.info.width, reader.info.height) == (1, 1)
        assert len(reader.info.associated) == 1


def test_pages_below_are_not_mixed_with_the_frames(gray: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        for number in range(3):
            tif.write(gray - number, subifds=1, **PLAIN)
            tif.write(gray - 100 - number, **PLAIN)
    with open_reader(path) as reader:
        assert reader.info.frames == 3
    np.testing.assert_array_equal(frame(path, 2), gray - 2)


def test_a_raw_picture_hangs_below_its_preview(gray: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        tif.write(gray[::4, ::4], subifds=1, subfiletype=1, **PLAIN)
        tif.write(gray, **PLAIN)
    with open_reader(path) as reader:
        assert (reader.info.width, reader.info.height) == (240, 200)


@pytest.mark.parametrize("turned", [False, True])
def test_levels_of_a_long_image_are_rounded_on_its_short_side(turned: bool, tmp_path: Path) -> None:
    sizes = [(3000, 99), (1500, 49), (750, 24), (375, 12), (187, 6), (93, 3)]
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        for number, size in enumerate(sizes):
            shape = size if turned else size[::-1]
            tif.write(np.full(shape, number, np.uint8), subfiletype=int(number > 0), **PLAIN)
    with open_reader(path) as reader:
        assert len(reader.info.levels) == len(sizes)
        assert not reader.info.associated
