"""Every part of an image is looked at: the last frame, the fourth band, the levels below a page."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from ziggurat.converter.verify.structure import structure_problems, tiff_problems
from ziggurat.converter.verify.verify import verify_pair
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Reader
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions

_TILE_OFFSETS = 324


class _Frame(DecodedPlane):
    def __init__(self, frame: int) -> None:
        self._frame = frame

    def read(self, rect: Rect) -> Pixels:
        if self._frame == 2:
            raise CorruptSourceError("that frame is gone")
        return np.zeros((rect.height, rect.width, 1), np.uint8)


class _Frames(Reader):
    """Three frames, the last of which is gone."""

    def __init__(self) -> None:
        self.info = ImageInfo(
            "made", (Level(64, 64, 64, 64),), 1, np.dtype(np.uint8), Interpretation.GRAY,
            axes=(Axis("z", 3),),
        )  # fmt: skip

    def plane(self, level: int, frame: int) -> _Frame:
        del level
        return _Frame(frame)


def test_the_last_frame_is_looked_at(tmp_path: Path) -> None:
    (problem,) = structure_problems(tmp_path / "none", _Frames(), full=False)
    assert problem == "level 0, frame 2 can't be read: that frame is gone"


def test_tables_of_the_levels_below_a_page_are_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tiff"
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 1), np.uint8)
    write(array_reader(noise), path, WriteOptions(tile_size=64, lossy=False))
    assert tiff_problems(path) == []
    with tifffile.TiffFile(path, mode="r+b") as tif:
        below = tif.pages.first.pages[0]
        offsets = list(below.dataoffsets)
        below.tags[_TILE_OFFSETS].overwrite([*offsets[:-1], 1 << 30])
    (problem,) = tiff_problems(path)
    assert problem == "page 0 has 1 tiles outside of the file"


@pytest.mark.parametrize("band", range(5))
def test_one_step_in_one_band_is_a_difference(tmp_path: Path, band: int) -> None:
    pixels = np.random.default_rng(2).integers(0, 255, (90, 90, 5), np.uint8)
    source, output = tmp_path / "s.tiff", tmp_path / "o.tiff"
    write(array_reader(pixels), source, WriteOptions(tile_size=64, lossy=False))
    pixels[70, 80, band] += 1
    write(array_reader(pixels), output, WriteOptions(tile_size=64, lossy=False))
    (check, *_) = verify_pair(source, output).levels
    assert (check.different, check.max_error) == (1, 1.0)
    assert not verify_pair(source, output).ok


@pytest.mark.parametrize("corner", [(0, 0), (159, 159)])
def test_a_sample_has_the_first_tile_and_the_last(tmp_path: Path, corner: tuple[int, int]) -> None:
    pixels = np.random.default_rng(3).integers(0, 255, (160, 160, 1), np.uint8)
    for name in ("s.tiff", "o.tiff"):
        write(array_reader(pixels), tmp_path / name, WriteOptions(tile_size=16, lossy=False))
        pixels[corner] += 1
    (check, *_) = verify_pair(tmp_path / "s.tiff", tmp_path / "o.tiff").levels
    assert check.checked < check.total == 100
    assert check.different == 1
