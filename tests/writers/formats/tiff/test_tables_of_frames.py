"""Frames whose tiles were compressed apart: each page keeps the tables that its tiles need."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from ziggurat.converter.convert import convert
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import PyramidStyle, WriteOptions

QUALITY = (95, 30, 70)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """Return a TIFF of three pages of one size, as tiles of JPEG at three qualities."""
    rng = np.random.default_rng(7)
    with tifffile.TiffWriter(tmp_path / "stack.tiff") as made:
        for number, quality in enumerate(QUALITY):
            image = np.kron(rng.integers(0, 255, (10, 8, 1), np.uint8), np.ones((16, 16, 1)))
            page = tmp_path / f"{number}.tiff"
            options = WriteOptions(quality=quality, tile_size=64, pyramid=PyramidStyle.NONE)
            write(array_reader(image.astype(np.uint8)), page, options)
            with tifffile.TiffFile(page) as tif, page.open("rb") as file:
                one = tif.pages[0]
                tiles = []
                for offset, size in zip(one.dataoffsets, one.databytecounts, strict=True):
                    file.seek(offset)
                    tiles.append(file.read(size))
                made.write(
                    iter(tiles), shape=(160, 128), dtype="uint8", tile=(64, 64), compression=7,
                    photometric="minisblack", jpegtables=one.jpegtables, metadata=None,
                )  # fmt: skip
    return tmp_path / "stack.tiff"


@pytest.mark.parametrize("name", ["a.tiff", "a.ome.tiff", "a.svs"])
def test_copied_tiles_of_each_frame_have_their_own_tables(stack: Path, name: str) -> None:
    output = stack.with_name(name)
    report = convert(stack, output)
    assert report.tiles_copied >= 18
    with open_reader(stack) as theirs, open_reader(output) as ours:
        assert ours.info.frames == theirs.info.frames == 3
        rect = theirs.info.levels[0].rect
        for frame in range(3):
            one, two = (reader.plane(0, frame).read(rect) for reader in (theirs, ours))
            assert np.array_equal(one, two)
