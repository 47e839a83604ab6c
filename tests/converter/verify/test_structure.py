"""What is checked of an output in itself."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.converter.verify.structure import ome_problems, structure_problems, tiff_problems
from ziggurat.converter.verify.verify import verify
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Reader


@pytest.fixture
def ome(tmp_path: Path) -> Path:
    path = tmp_path / "a.ome.tiff"
    with ziggurat.new() as sink:
        sink.addTile(np.zeros((64, 64), np.uint8), c=1, z=1)
        sink.channelNames = ["DAPI", "<FITC & more>"]
        sink.write(path)
    return path


def test_our_own_ome_xml_is_valid(ome: Path) -> None:
    assert tiff_problems(ome) == []


def test_ome_xml_that_breaks_its_schema_is_a_problem(ome: Path) -> None:
    with tifffile.TiffFile(ome) as tif:
        xml, shapes = tif.ome_metadata, [(64, 64)] * 4
    assert ome_problems(xml, shapes) == []
    broken = re.sub('DimensionOrder="[A-Z]+"', 'DimensionOrder="XY"', xml)
    assert broken != xml
    (problem,) = ome_problems(broken, shapes)
    assert "not valid" in problem
    (problem,) = ome_problems(xml[:-9], shapes)
    assert "not XML" in problem


def test_older_words_of_ome_are_translated_before_they_are_judged() -> None:
    older = "http://www.openmicroscopy.org/Schemas/OME/2015-01"
    head = f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{older}">'
    sizes = 'SizeX="64" SizeY="64" SizeZ="1" SizeC="1" SizeT="1"'
    for order, wrong in (("XYZCT", 0), ("XY", 1)):
        xml = (
            f'{head}<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="{order}" '
            f'Type="uint8" {sizes}><TiffData/></Pixels></Image></OME>'
        )
        assert len(ome_problems(xml, [(64, 64)])) == wrong


def _written(path: Path, *, associated: bool = False) -> Path:
    y, x = np.mgrid[:500, :600]
    with ziggurat.new() as sink:
        sink.addTile(((x * y) % 251).astype(np.uint8))
        if associated:
            sink.addAssociatedImage(np.full((40, 50, 3), 9, np.uint8), "label")
        sink.write(path, lossy=False)
    return path


def _patched(path: Path, page: int, tag: int, values: list[int]) -> None:
    """Overwrite the first values of an array that a tag points to."""
    with tifffile.TiffFile(path) as tif:
        found = tif.pages[page].aspage().tags[tag]
        at, size = found.valueoffset, tifffile.TIFF.DATA_FORMATS[found.dtype][-1]
        size = {"H": 2, "I": 4, "Q": 8}[size]
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"".join(value.to_bytes(size, "little") for value in values))


def test_a_tile_table_that_points_outside_is_a_problem(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.tiff")
    assert verify(path).ok
    _patched(path, 0, 325, [1 << 30])
    (problem,) = tiff_problems(path)
    assert "page 0 has 1 tiles outside of the file" in problem
    with pytest.raises(CorruptSourceError, match="truncated"):
        verify(path)


def test_an_associated_image_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.tiff", associated=True)
    assert verify(path).ok
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[-1].aspage()
        at, count = page.dataoffsets[0], page.databytecounts[0]
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * count)
    (problem,) = verify(path).problems
    assert "the associated image 'label' can't be read" in problem


class _Zeros(DecodedPlane):
    def __init__(self, level: int) -> None:
        self._level = level

    def read(self, rect: Rect) -> Pixels:
        if self._level and rect.x:
            raise CorruptSourceError("that tile is gone")
        return np.zeros((rect.height, rect.width, 1), np.uint8)


class _Pyramid(Reader):
    """Two levels as they are said."""

    def __init__(self, *sizes: tuple[int, int]) -> None:
        levels = tuple(Level(*size, 64, 64) for size in sizes)
        self.info = ImageInfo("made", levels, 1, np.dtype(np.uint8), Interpretation.GRAY)

    def plane(self, level: int, frame: int) -> _Zeros:
        del frame
        return _Zeros(level)


def test_levels_that_grow_and_corners_that_are_gone_are_problems(tmp_path: Path) -> None:
    path = tmp_path / "none"
    assert structure_problems(path, _Pyramid((64, 64)), full=False) == []
    (problem,) = structure_problems(path, _Pyramid((64, 64), (1, 65)), full=False)
    assert problem == "level 1 is larger than the level above it"
    (problem,) = structure_problems(path, _Pyramid((64, 64), (32, 32)), full=False)
    assert "level 1, frame 0 can't be read: that tile is gone" in problem


def test_a_zip_that_others_cannot_stream_or_trust_is_a_problem(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.zarr.zip")
    assert verify(path, full=True).ok
    with zipfile.ZipFile(path) as archive:
        entries = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]

    def rewrite(entries: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> None:
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, data in entries:
                archive.writestr(name, data)

    rewrite(entries, zipfile.ZIP_DEFLATED)
    assert any("entries of the zip are deflated" in problem for problem in verify(path).problems)
    rewrite(entries[::-1])
    assert any("doesn't begin with zarr.json" in problem for problem in verify(path).problems)
    rewrite(entries)
    data = bytearray(path.read_bytes())
    data[data.index(entries[-1][1][-200:]) + 100] ^= 0xFF
    path.write_bytes(data)
    assert any("of the zip is damaged" in problem for problem in verify(path, full=True).problems)


def test_a_page_that_ome_xml_names_must_be_there(ome: Path) -> None:
    with tifffile.TiffFile(ome) as tif:
        xml = tif.ome_metadata
    assert xml is not None
    named = re.sub(r"<TiffData[^>/]*", '<TiffData IFD="4"', xml, count=1)
    (problem,) = ome_problems(named, [(64, 64)] * 4)
    assert "names page 4 of 4" in problem


def test_every_tile_is_decoded_when_all_is_wanted(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.tiff")
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0]
        at, count = page.dataoffsets[1], page.databytecounts[1]
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * count)
    assert verify(path).ok
    assert any(
        "level 0, frame 0 can't be read" in problem for problem in verify(path, full=True).problems
    )


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        (b'SizeZ="2"', b'SizeZ="0"', "has sizes"),
        (b'<TiffData IFD="0"', b'<TiffData IFD="9"', "names page 9"),
    ],
)
def test_ome_xml_that_contradicts_the_pages_is_found_in_a_file(
    ome: Path, right: bytes, wrong: bytes, words: str
) -> None:
    data = ome.read_bytes()
    assert data.count(right) == 1
    ome.write_bytes(data.replace(right, wrong))
    assert any(words in problem for problem in verify(ome).problems)
