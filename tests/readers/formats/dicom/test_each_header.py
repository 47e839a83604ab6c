"""Each field of an instance's header, each number of a frame, and what is refused of them."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.dicom.facts import (
    _texts,
    check_supported,
    sample_type,
    slide_info,
    tile_format,
)
from ziggurat.readers.formats.dicom.instance import (
    FullGrid,
    Instance,
    _full_grids,
    _instance,
    _sparse_grids,
)
from ziggurat.readers.formats.dicom.plane import FramesPlane, InstanceFrames
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level, ServedLevels

RAW, JPEG, JPEG2000, RLE = (
    "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.5",
)  # fmt: skip


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


@pytest.mark.parametrize("concatenated", [False, True])
@pytest.mark.parametrize(("paths", "planes"), [(1, 1), (2, 1), (1, 3), (2, 3)])
@pytest.mark.parametrize(("offset", "frames"), [(0, None), (0, 5), (7, 9), (6, 6), (12, 24)])
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


@pytest.mark.parametrize(
    ("depths", "planes", "due"),
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


def instance(**facts: Any) -> Instance:
    told: dict[str, Any] = {
        "path": Path("x.dcm"), "kind": "VOLUME", "series": "", "uid": "", "concatenation": "",
        "number": 1, "width": 70, "height": 30, "tile_width": 32, "tile_height": 16, "frames": 6,
        "syntax": RAW, "photometric": "RGB", "bands": 3, "bits": 8, "bits_stored": 8,
        "high_bit": 7, "signed": False, "planar": False, "paths": ("1",), "names": {"1": "x"},
        "planes": 1, "depths": (), "grids": {("1", 0): FullGrid(3, 2, 0, 6)}, "pixel_offset": 0,
        "extended": None, "unplaced": 0, "header": item(),
    }  # fmt: skip
    return Instance(**(told | facts))


KINDS = ("MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420",
         "YBR_ICT", "YBR_RCT", "PALETTE COLOR", "HSV", "")  # fmt: skip


@pytest.mark.parametrize("syntax", [RAW, RLE, JPEG, JPEG2000])
@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_samples_that_are_known(kind: str, syntax: str) -> None:
    """Colours that only a codec makes are none of bare samples."""
    one = instance(photometric=kind, syntax=syntax)
    compressed = kind.startswith("YBR") and kind != "YBR_FULL" and syntax in (JPEG, JPEG2000)
    if kind in KINDS[:4] or compressed:
        assert check_supported(one).lossless is (syntax != JPEG)
        assert slide_info([[one]], [("1", 0)], ()).bands == 3
    elif not (syntax == RLE and kind.startswith("YBR")):
        with pytest.raises(UnsupportedFormatError, match=kind or "unknown"):
            check_supported(one)


@pytest.mark.parametrize("high", [6, 7, 8, 11])
def test_the_highest_bit_is_the_one_below_those_that_are_stored(high: int) -> None:
    one = instance(bits=16, bits_stored=8, high_bit=high)
    if high == 7:
        check_supported(one)
    else:
        with pytest.raises(UnsupportedFormatError, match=f"8 bits whose highest is {high}"):
            check_supported(one)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [1, 8, 12, 16, 32])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_the_type_of_samples(bits: int, bands: int, signed: bool) -> None:
    one = instance(bits=bits, bands=bands, signed=signed)
    if bits in (8, 16) and bands in (1, 3):
        assert sample_type(one) == np.dtype(f"{'' if signed else 'u'}int{bits}")
    else:
        with pytest.raises(UnsupportedFormatError, match=f"{bands} bands with {bits} bits"):
            sample_type(one)


@pytest.mark.parametrize(
    ("kind", "syntax", "photometric"),
    [
        ("RGB", RAW, Photometric.RGB), ("YBR_FULL", RAW, Photometric.YCBCR),
        ("MONOCHROME1", RAW, Photometric.GRAY), ("MONOCHROME2", JPEG2000, Photometric.GRAY),
        ("RGB", RLE, Photometric.RGB), ("YBR_FULL", RLE, Photometric.YCBCR),
    ],
)  # fmt: skip
def test_how_frames_are_encoded(kind: str, syntax: str, photometric: Photometric) -> None:
    bands = 1 if kind.startswith("MONO") else 3
    one = instance(photometric=kind, syntax=syntax, bands=bands, bits=16, bits_stored=16,
                   high_bit=15, signed=True)  # fmt: skip
    found = tile_format(one, b"")
    assert found.photometric is photometric
    assert (found.bands, found.bits, found.dtype, found.lossless) == (bands, 16, "int16", True)
    assert found.subsampling is None


def test_the_facts_of_a_slide() -> None:
    low = instance(path=Path("b.dcm"), width=35, height=15, tile_width=16, tile_height=8)
    high = instance(header=item(StudyDescription="s", ImageComments="", RescaleSlope=1))
    found = slide_info([[high, high], [low]], [("1", 0)], ("label",), ["c.dcm: bad"])
    assert found.levels == (Level(70, 30, 32, 16), Level(35, 15, 16, 8))
    assert (found.interpretation, found.background) == (Interpretation.RGB, (255.0, 255.0, 255.0))
    assert found.internal == {
        "dicom": {"instances": ["x.dcm", "x.dcm", "b.dcm"], "left out": ["c.dcm: bad"]}
    }
    assert (found.associated, found.lossy, found.losses) == (("label",), False, ())
    assert found.served_levels is ServedLevels.FINER
    assert found.properties["dicom.StudyDescription"] == "s"
    gray = instance(bands=1, photometric="MONOCHROME2", syntax=JPEG)
    found = slide_info([[gray]], [("1", 0)], ())
    assert (found.interpretation, found.background) == (Interpretation.GRAY, None)
    assert (found.lossy, found.internal["dicom"]) == (True, {"instances": ["x.dcm"]})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bands": 1}, "different pixels"), ({"bits": 16}, "different pixels"),
        ({"signed": True}, "different pixels"), ({"tile_width": 16}, "different tile sizes"),
        ({"tile_height": 8}, "different tile sizes"), ({"high_bit": 6}, "whose highest"),
    ],
)  # fmt: skip
def test_parts_that_do_not_belong_together(change: dict[str, Any], words: str) -> None:
    other = instance(**change)
    with pytest.raises(UnsupportedFormatError, match=words):
        slide_info([[instance(), other]], [("1", 0)], ())
    if "tile" in words:  # levels may differ in that
        assert len(slide_info([[instance()], [other]], [("1", 0)], ()).levels) == 2
    else:
        with pytest.raises(UnsupportedFormatError, match=words):
            slide_info([[instance()], [other]], [("1", 0)], ())


def test_texts_are_those_of_plain_fields() -> None:
    made = item(PatientID="p", Rows=7, ICCProfile=b"x", OpticalPathSequence=Items([item()]))
    made.add_new((0x0011, 0x1001), "LO", "private")
    assert _texts(made) == {"dicom.PatientID": "p", "dicom.Rows": "7"}


INFO = ImageInfo("dicom", (Level(70, 30, 32, 16),), 3, np.dtype("u1"), Interpretation.RGB,
                 background=(255.0, 254.0, 253.0))  # fmt: skip
FORM = TileFormat(Codec.NONE, Photometric.RGB, 3, 8, "uint8")


def frames(form: TileFormat = FORM, **facts: Any) -> Any:
    """Return a file whose frames are filled with their number."""
    made = InstanceFrames.__new__(InstanceFrames)
    made.instance = instance(**facts)
    made._format = form
    pixels = [np.full((16, 32, 3), number, np.uint8) for number in range(6)]
    tiles = {
        "frame": lambda number: bytes([number]) * 5,
        "decode": lambda number, **_: pixels[number],
    }
    vars(made).update(tiles)
    return made


def plane(*files: Any) -> FramesPlane:
    found = FramesPlane(INFO, files, 0, ("1", 0))
    vars(found)["_kernel"] = None
    return found


def test_frames_of_several_files_are_one_plane() -> None:
    """The second file has the second row, the third another place's tiles."""
    parts = [
        frames(grids={("1", 0): FullGrid(3, 2, 0, 3)}),
        frames(grids={("1", 0): FullGrid(3, 2, -3, 3)}),
        frames(grids={("2", 0): FullGrid(3, 2, 0, 6)}),
    ]
    whole = plane(*parts)
    found = whole.read(Rect(30, 10, 40, 20))
    for y, x in np.ndindex(20, 40):
        assert found[y, x, 0] == (30 + x) // 32, (y, x)
    encoded = whole.encoded()
    assert encoded is not None
    assert (encoded.columns, encoded.rows) == (3, 2)
    assert [encoded.tile(x, 1) for x in range(3)] == [bytes([x]) * 5 for x in range(3)]


def test_tiles_that_are_missing() -> None:
    sparse = plane(frames(grids={("1", 0): {(0, 0): 5}}))
    found = sparse.read(Rect(20, 0, 30, 4))
    assert (found[:, :12] == 5).all()
    assert (found[:, 12:] == (255, 254, 253)).all()
    assert [sparse.is_blank(Rect(x, y, 5, 5)) for x, y in ((0, 0), (40, 0), (30, 0), (0, 20))] == [
        False, True, False, True,
    ]  # fmt: skip
    encoded = sparse.encoded()
    assert encoded is not None
    assert encoded.tile(1, 0) is None
    for files in (
        [frames(grids={("1", 0): FullGrid(3, 2, 0, 5)})],
        [frames(grids={("1", 0): {(0, 0): 5}}), frames(grids={("1", 0): FullGrid(3, 2, 0, 5)})],
    ):
        with pytest.raises(CorruptSourceError, match=r"tile \(2, 1\) is in none"):
            plane(*files).read(Rect(64, 16, 6, 14))


@pytest.mark.parametrize(
    ("form", "facts", "plain"),
    [
        ({}, {}, True), ({"codec": Codec.OTHER}, {}, False),
        ({"photometric": Photometric.YCBCR}, {}, False),
        ({"codec": Codec.JPEG, "photometric": Photometric.YCBCR}, {}, True),
        ({}, {"photometric": "MONOCHROME1"}, False),
        ({"codec": Codec.JPEG}, {"photometric": "MONOCHROME1"}, False),
        ({}, {"bits": 16, "bits_stored": 12}, False),
        ({"codec": Codec.JPEG}, {"bits": 16, "bits_stored": 12}, True),
    ],
)  # fmt: skip
def test_frames_that_mean_by_themselves_what_is_shown(form: Any, facts: Any, plain: bool) -> None:
    other = frames(dataclasses.replace(FORM, **form), **facts)
    assert (plane(other).encoded() is not None) is plain
    same = frames(dataclasses.replace(FORM, **form))
    inverted = bool({"bits", "photometric"} & set(facts))
    assert (plane(same, other).encoded() is not None) is (plain if inverted or plain else False)
    unlike = frames(dataclasses.replace(FORM, subsampling=(2, 2)))
    assert plane(unlike, frames()).encoded() is None


@pytest.mark.parametrize(
    ("facts", "plain"),
    [
        ({}, True), ({"photometric": "MONOCHROME1"}, False),
        ({"bits": 16, "bits_stored": 12}, False),
        ({"syntax": RLE}, False), ({"syntax": JPEG}, True),
    ],
)  # fmt: skip
def test_frames_whose_samples_are_the_pixels(facts: Any, plain: bool) -> None:
    assert frames(**facts).plain is plain


def test_a_frame_of_another_shape_or_type_is_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    for made in (np.zeros((16, 31, 3), np.uint8), np.zeros((16, 32, 3), np.uint16),
                 np.zeros((15, 32, 3), np.uint8), np.zeros((16, 32, 1), np.uint8)):  # fmt: skip
        one = frames()
        del vars(one)["decode"]
        monkeypatch.setattr(InstanceFrames, "_samples", lambda *_, made=made: made)
        with pytest.raises(CorruptSourceError, match="frame 3 holds"):
            one.decode(3)
