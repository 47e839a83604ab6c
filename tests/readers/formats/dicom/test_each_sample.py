"""What samples of an instance mean, and what is shown of its frames, file by file."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from tests.each import each
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
def test_kinds_of_samples_that_are_known(syntax: str) -> None:
    """Colours that only a codec makes are none of bare samples."""
    cases: Any = KINDS
    for kind in cases:
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


@each("signed", [False, True])
@each("bands", [1, 2, 3, 4])
def test_the_type_of_samples(bands: int, signed: bool) -> None:
    cases: Any = [1, 8, 12, 16, 32]
    for bits in cases:
        one = instance(bits=bits, bands=bands, signed=signed)
        if bits in (8, 16) and bands in (1, 3):
            assert sample_type(one) == np.dtype(f"{'' if signed else 'u'}int{bits}")
        else:
            with pytest.raises(UnsupportedFormatError, match=f"{bands} bands with {bits} bits"):
                sample_type(one)


@each("kind, syntax, photometric", [
        ("RGB", RAW, Photometric.RGB), ("YBR_FULL", RAW, Photometric.YCBCR),
        ("MONOCHROME1", RAW, Photometric.GRAY), ("MONOCHROME2", JPEG2000, Photometric.GRAY),
        ("RGB", RLE, Photometric.RGB), ("YBR_FULL", RLE, Photometric.YCBCR),
    ])  # fmt: skip
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


@each("change, words", [
        ({"bands": 1}, "different pixels"), ({"bits": 16}, "different pixels"),
        ({"signed": True}, "different pixels"), ({"tile_width": 16}, "different tile sizes"),
        ({"tile_height": 8}, "different tile sizes"), ({"high_bit": 6}, "whose highest"),
    ])  # fmt: skip
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


@each("form, facts, plain", [
        ({}, {}, True), ({"codec": Codec.OTHER}, {}, False),
        ({"photometric": Photometric.YCBCR}, {}, False),
        ({"codec": Codec.JPEG, "photometric": Photometric.YCBCR}, {}, True),
        ({}, {"photometric": "MONOCHROME1"}, False),
        ({"codec": Codec.JPEG}, {"photometric": "MONOCHROME1"}, False),
        ({}, {"bits": 16, "bits_stored": 12}, False),
        ({"codec": Codec.JPEG}, {"bits": 16, "bits_stored": 12}, True),
    ])  # fmt: skip
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
