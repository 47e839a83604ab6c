"""Each field of an instance's header, each number of a frame, and what is refused of them."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items

from tests.each import each
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.dicom.instance import (
    FullGrid,
    _full_grids,
    _instance,
    _sparse_grids,
)

RAW = "1.2.840.10008.1.2.1"


def item(**facts: Any) -> Dataset:
    data = Dataset()
    for keyword, value in facts.items():
        setattr(data, keyword, value)
    return data


def header(**facts: Any) -> Dataset:
    """Return the header of a slide of 70 x 50 pixels in tiles of 32 x 16."""
    told: dict[str, Any] = {
        "Columns": 32, "Rows": 16, "TotalPixelMatrixColumns": 70, "TotalPixelMatrixRows": 50,
        "NumberOfFrames": 12, "ImageType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "BitsAllocated": 8,
        "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0, "PlanarConfiguration": 0,
        "DimensionOrganizationType": "TILED_FULL",
    }  # fmt: skip
    made = item(**{name: value for name, value in (told | facts).items() if value is not None})
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = RAW
    return made


@pytest.fixture
def read(tmp_path: Path) -> Any:
    path = tmp_path / "a.dcm"
    path.write_bytes(bytes(100))
    return lambda **facts: _instance(path, header(**facts), 77)


def test_a_plain_header(read: Any) -> None:
    found = read(
        SeriesInstanceUID="1.2.3", SOPInstanceUID="1.2.4", ConcatenationUID="1.2.5",
        InstanceNumber=9, BitsAllocated=16, BitsStored=12, HighBit=11, PixelRepresentation=1,
        PlanarConfiguration=1, TotalPixelMatrixFocalPlanes=1,
    )  # fmt: skip
    told = {
        "kind": "VOLUME", "series": "1.2.3", "uid": "1.2.4", "concatenation": "1.2.5", "number": 9,
        "width": 70, "height": 50, "tile_width": 32, "tile_height": 16, "frames": 12,
        "syntax": RAW, "photometric": "RGB", "bands": 3, "bits": 16, "bits_stored": 12,
        "high_bit": 11, "signed": True, "planar": True, "paths": ("0",), "names": {}, "planes": 1,
        "depths": (), "grids": {("0", 0): FullGrid(3, 4, 0, 12)}, "pixel_offset": 77,
        "extended": None, "unplaced": 0, "spare_bits": 4, "size": (70, 50),
    }  # fmt: skip
    assert {name: getattr(found, name) for name in told} == told


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"BitsStored": None, "HighBit": None},
         {"bits_stored": 8, "high_bit": 7, "spare_bits": 0}),
        ({"BitsAllocated": 16, "BitsStored": 10, "HighBit": None},
         {"high_bit": 9, "spare_bits": 6}),
        ({"BitsAllocated": 16, "BitsStored": 10, "HighBit": 15}, {"high_bit": 15}),
        ({"SamplesPerPixel": None, "PhotometricInterpretation": None},
         {"bands": 1, "photometric": ""}),
        ({"TotalPixelMatrixColumns": None, "TotalPixelMatrixRows": None, "NumberOfFrames": None},
         {"size": (32, 16), "frames": 1}),
        ({"InstanceNumber": None, "PixelRepresentation": None, "PlanarConfiguration": None},
         {"number": 0, "signed": False, "planar": False}),
        ({"ImageType": ["DERIVED", "PRIMARY", "LABEL", "NONE"]}, {"kind": "LABEL"}),
        ({"ImageType": ["DERIVED", "PRIMARY", "OVERVIEW"]}, {"kind": "OVERVIEW"}),
        ({"ImageType": ["DERIVED", "PRIMARY", "THUMBNAIL"]}, {"kind": "THUMBNAIL"}),
        ({"ImageType": ["DERIVED", "PRIMARY", "LOCALIZER"]}, {"kind": "LOCALIZER"}),
        ({"ImageType": ["DERIVED", "PRIMARY", "VOLUME", "LABEL"]}, {"kind": "LABEL"}),
        ({"ImageType": None}, {"kind": "VOLUME"}),
        ({"ExtendedOffsetTable": b"ab", "ExtendedOffsetTableLengths": b"cd"},
         {"extended": (b"ab", b"cd")}),
        ({"ExtendedOffsetTable": b"ab"}, {"extended": None}),
        ({"NumberOfFrames": 15}, {"unplaced": 3}),
        ({"NumberOfFrames": 24, "TotalPixelMatrixFocalPlanes": 2}, {"unplaced": 0, "planes": 2}),
        ({"TotalPixelMatrixFocalPlanes": 0}, {"planes": 1}),
    ],
)  # fmt: skip
def test_fields_that_say_something_else(
    facts: dict[str, Any], told: dict[str, Any], read: Any
) -> None:
    found = read(**facts)
    assert {name: getattr(found, name) for name in told} == told


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"Columns": 0}, "can't be"), ({"Rows": 0}, "can't be"),
        ({"TotalPixelMatrixColumns": 0}, "can't be"), ({"TotalPixelMatrixRows": 2**31}, "can't be"),
        ({"NumberOfFrames": 0}, "0 frames can't be"),
        ({"NumberOfFrames": 1001}, "more than its bytes can hold"),
    ],
)  # fmt: skip
def test_sizes_that_cannot_be(facts: dict[str, Any], words: str, read: Any) -> None:
    with pytest.raises(CorruptSourceError, match=words):
        read(**facts)
    assert read(NumberOfFrames=1000, TotalPixelMatrixRows=2**31 - 1).frames == 1000


def test_optical_paths_have_names(read: Any) -> None:
    paths = [
        item(OpticalPathIdentifier="7", OpticalPathDescription="DAPI"),
        item(OpticalPathIdentifier="5"), item(OpticalPathDescription="third"), item(),
    ]  # fmt: skip
    found = read(OpticalPathSequence=Items(paths), NumberOfFrames=48)
    assert found.names == {"7": "DAPI", "5": "5", "2": "third", "3": "3"}
    assert found.paths == ("7", "5", "2", "3")
    assert list(found.grids) == [(path, 0) for path in found.paths]


def test_depths_are_those_of_the_positions_else_the_one_that_all_share(read: Any) -> None:
    shared = item(PlanePositionSlideSequence=Items([item(ZOffsetInSlideCoordinateSystem=2.5)]))
    assert read(SharedFunctionalGroupsSequence=Items([shared])).depths == (2.5,)

    def frame(x: int, z: float) -> Dataset:
        place = item(
            ColumnPositionInTotalImagePixelMatrix=x + 1, RowPositionInTotalImagePixelMatrix=1,
            ZOffsetInSlideCoordinateSystem=z,
        )  # fmt: skip
        return item(PlanePositionSlideSequence=Items([place]))

    frames = Items([frame(x, z) for z in (3.0, -1.00000004) for x in (0, 32)])
    found = read(
        DimensionOrganizationType="TILED_SPARSE", NumberOfFrames=4,
        PerFrameFunctionalGroupsSequence=frames,
        SharedFunctionalGroupsSequence=Items([shared]),
    )  # fmt: skip
    assert found.depths == (-1.0, 3.0)
    assert found.grids == {("0", 1): {(0, 0): 0, (1, 0): 1}, ("0", 0): {(0, 0): 2, (1, 0): 3}}
    assert found.unplaced == 0
    full = read(PerFrameFunctionalGroupsSequence=frames)  # it says that it is full
    assert full.grids == {("0", 0): FullGrid(3, 4, 0, 12)}


@each("concatenated", [False, True])
@each("paths, planes", [(1, 1), (2, 1), (1, 3), (2, 3)])
@each("offset, frames", [(0, None), (0, 5), (7, 9), (6, 6), (12, 24)])
def test_the_number_of_each_frame(
    paths: int, planes: int, offset: int, frames: int | None, concatenated: bool
) -> None:
    """Columns first, then rows, planes, paths; a part of a concatenation begins anywhere."""
    columns, rows = 3, 2
    places = itertools.product(range(paths), range(planes), range(rows), range(columns))
    every = [(str(p), z, (x, y)) for p, z, y, x in places]
    count = len(every) - offset if frames is None else frames
    if not concatenated and (offset or frames is not None):
        return
    words: dict[str, Any] = {"TotalPixelMatrixFocalPlanes": planes}
    if concatenated:
        words |= {"ConcatenationUID": "1", "ConcatenationFrameOffsetNumber": offset}
    names = tuple(str(p) for p in range(paths))
    if offset >= len(every):
        with pytest.raises(CorruptSourceError, match="a slide that has fewer"):
            _full_grids(item(**words), (70, 30), (32, 16), count, names)
        return
    grids = _full_grids(item(**words), (70, 30), (32, 16), count, names)
    for number, (path, plane, cell) in enumerate(every):
        grid = grids.get((path, plane))
        due = number - offset if offset <= number < offset + count else None
        assert (None if grid is None else grid.get(cell)) == due
    for grid in grids.values():
        for cell in ((-1, 0), (0, -1), (columns, 0), (0, rows)):
            assert grid.get(cell) is None


def test_an_instance_may_hold_some_of_the_planes() -> None:
    words = item(TotalPixelMatrixFocalPlanes=5)
    grids = _full_grids(words, (70, 30), (32, 16), 24, ("a", "b"))
    assert list(grids) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert [grid.first for grid in grids.values()] == [0, 6, 12, 18]


@each(
    "depths, planes, due",
    [
        ([(0, [1.0]), (1, [2.0])], 1, {0: [0], 1: [0]}),  # each in focus
        ([(0, [1.0]), (1, [2.0])], None, {0: [0], 1: [0]}),
        ([(0, [1.0]), (1, [2.0])], 2, {0: [0], 1: [1]}),
        ([(0, [1.0, 2.0]), (1, [2.0])], None, {0: [0, 1], 1: [1]}),
        ([(0, [3.0, 1.0]), (1, [7.0, 5.0])], 2, {0: [1, 0], 1: [1, 0]}),
        ([(0, [3.0, 1.0]), (1, [7.0])], 2, None),
    ],
)
def test_planes_of_tiles_that_tell_their_depths(depths: Any, planes: int | None, due: Any) -> None:
    found = [("p", depth, column, 4) for column, stack in depths for depth in stack]
    if due is None:
        with pytest.raises(UnsupportedFormatError, match="focus of their own"):
            _sparse_grids(found, planes)
        return
    grids = _sparse_grids(found, planes)
    numbers = itertools.count()
    for column, stack in depths:
        for place in due[column]:
            assert grids["p", place][column, 4] == next(numbers)
        assert len(stack) == len(due[column])
