"""Damage in any one place of an image is found: each level, frame, cell, picture and table."""

import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.converter.verify.compare import compare_level
from ziggurat.converter.verify.structure import (
    _table_problems,
    decoding_problems,
    ome_problems,
    structure_problems,
    zip_problems,
)
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import (
    AssociatedImage,
    DecodedImage,
    DecodedPlane,
    Pixels,
    Reader,
)

FRAMES, BANDS, TILE = 12, 4, 16
LEVELS = (Level(50, 34, TILE, TILE), Level(25, 17, TILE, TILE))
Place = tuple[int, int, int, int]  # level, frame, column, row
CELLS = [
    (level, frame, column, row)
    for level, size in enumerate(LEVELS)
    for frame in (0, 1, FRAMES - 2, FRAMES - 1)
    for column in range(-(-size.width // TILE))
    for row in range(-(-size.height // TILE))
]


class _Plane(DecodedPlane):
    def __init__(self, reader: "_Image", level: int, frame: int) -> None:
        self._reader, self._level, self._frame = reader, level, frame

    def read(self, rect: Rect) -> Pixels:
        place = self._reader.bad
        pixels = np.zeros((rect.height, rect.width, BANDS), np.uint8)
        if place is not None and place[:2] == (self._level, self._frame):
            size = LEVELS[self._level]
            cell = Rect(place[2] * TILE, place[3] * TILE, TILE, TILE).intersect(size.rect)
            if not cell.intersect(rect).empty:
                if self._reader.band is None:
                    raise CorruptSourceError("that tile is gone")
                at = cell.shift(-rect.x, -rect.y)  # its last pixel alone
                pixels[at.bottom - 1, at.right - 1, self._reader.band] = 9
        return pixels


class _Image(Reader):
    """An image of zeros in which one cell can't be read, or has a pixel that is another."""

    def __init__(self, bad: Place | None = None, band: int | None = None) -> None:
        self.bad, self.band = bad, band
        self.gone: str | None = None
        self.info = ImageInfo(
            "made", LEVELS, BANDS, np.dtype(np.uint8), Interpretation.MULTIBAND,
            axes=(Axis("z", FRAMES),), associated=("label", "macro", "thumbnail"),
        )  # fmt: skip

    def plane(self, level: int, frame: int) -> _Plane:
        return _Plane(self, level, frame)

    def associated(self, name: str) -> AssociatedImage:
        def read() -> Pixels:
            if name == self.gone:
                raise CorruptSourceError("that picture is gone")
            return np.zeros((2, 2, 3), np.uint8)

        return DecodedImage(read)


def test_a_cell_that_cannot_be_read() -> None:
    for place in CELLS:
        (problem,) = decoding_problems(_Image(place))
        assert problem == "level {}, frame {} can't be read: that tile is gone".format(*place[:2])


def test_a_whole_image_has_no_problem(tmp_path: Path) -> None:
    assert list(decoding_problems(_Image())) == []
    assert structure_problems(tmp_path / "none", _Image(), full=True) == []


@pytest.mark.parametrize("place", [
    (level, frame, *corner)
    for level, last in enumerate([(3, 2), (1, 1)])
    for frame in (0, FRAMES - 1)
    for corner in ((0, 0), last)
])  # fmt: skip
def test_a_corner_that_cannot_be_read(tmp_path: Path, place: Place) -> None:
    level, frame, *_ = place
    (problem,) = structure_problems(tmp_path / "none", _Image(place), full=False)
    assert problem == f"level {level}, frame {frame} can't be read: that tile is gone"


@pytest.mark.parametrize("name", ["label", "macro", "thumbnail"])
def test_a_picture_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    image = _Image()
    image.gone = name
    (problem,) = structure_problems(tmp_path / "none", image, full=False)
    assert problem == f"the associated image {name!r} can't be read: that picture is gone"


@pytest.mark.parametrize("level", [0, 1])
def test_a_pixel_that_is_another(level: int) -> None:
    every = [cell for cell in CELLS if cell[0] == level]
    total = len(every) // 4 * FRAMES
    for number, cell in enumerate([*every[::7], every[-1]]):
        found = compare_level(_Image(cell, number % BANDS), _Image(), level, full=True)
        assert (found.checked, found.total, found.different) == (total, total, 1), cell
        assert found.max_error == 9


def _page(offsets: list[int], counts: list[int], chunked: tuple[int, ...] = (1, 2, 2)) -> Any:
    return SimpleNamespace(dataoffsets=offsets, databytecounts=counts, chunked=chunked)


@each(
    "offsets, counts, words",
    [
        ([8, 18, 28, 38], [10, 10, 10, 10], None),
        ([8, 18, 28, 90], [10, 10, 10, 10], None),
        ([8, 18, 28, 91], [10, 10, 10, 10], "1 tiles outside"),
        ([91, 91, 28, 38], [10, 10, 10, 10], "2 tiles outside"),
        ([8, 18, 28], [10, 10, 10], "has 3 tiles in its table, not 4"),
        ([8, 18, 28, 38], [10, 10, 10], "tiles in its table, not 4"),
        ([8, 18, 28, 38, 48], [10] * 5, "has 5 tiles in its table, not 4"),
    ],
)
def test_tables_of_tiles(offsets: list[int], counts: list[int], words: str | None) -> None:
    problems = list(_table_problems(_page(offsets, counts), "page 0", 100))
    assert len(problems) == (words is not None), problems
    assert words is None or words in problems[0]


PIXELS = (
    '<Pixels SizeX="9" SizeY="9" SizeZ="{z}" SizeC="1" SizeT="1"><TiffData IFD="{ifd}"/></Pixels>'
)


@each("number", [0, 1, 2])
@each(
    "facts, words", [({"z": 0}, "image {} has sizes"), ({"ifd": 4}, "image {} names page 4 of 4")]
)
def test_any_image_of_ome_xml(number: int, facts: dict[str, int], words: str) -> None:
    good = {"z": 1, "ifd": 3}
    every = [good] * number + [good | facts] + [good] * (2 - number)
    images = "".join(f"<Image>{PIXELS.format(**one)}</Image>" for one in every)
    problems = ome_problems(f"<OME>{images}</OME>", [(9, 9)] * 4)
    assert problems[0].startswith(f"OME {words.format(number)}")


@pytest.mark.parametrize(
    ("name", "first", "right"),
    [
        ("a.szi", "a/a.dzi", True), ("a.szi", "zarr.json", False), ("a.szi", ".zattrs", False),
        ("a.zarr.zip", "zarr.json", True), ("a.zip", ".zattrs", True), ("a.zip", ".zgroup", True),
        ("a.zarr.zip", "a/a.dzi", False), ("a.zip", "0/c/0", False),
    ],
)  # fmt: skip
def test_what_a_zip_begins_with(tmp_path: Path, name: str, first: str, right: bool) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr(first, b"{}")
        archive.writestr("another", b"{}")
    assert (zip_problems(tmp_path / name, full=True) == []) is right


@pytest.mark.parametrize("entry", [0, 1, 2])
def test_any_entry_of_a_zip(tmp_path: Path, entry: int) -> None:
    path = tmp_path / "a.zarr.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(("zarr.json", "0", "1")):
            archive.writestr(name, b"content of %d" % number)
    path.write_bytes(path.read_bytes().replace(b"content of %d" % entry, b"contenT of %d" % entry))
    assert zip_problems(path, full=False) == []
    (problem,) = zip_problems(path, full=True)
    assert f"entry {('zarr.json', '0', '1')[entry]} of the zip is damaged" in problem
