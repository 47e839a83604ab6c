"""Each fact of DICOM headers, each table of frames, each plane, against what it was made of."""

import errno
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from tests.each import each
from tests.readers.formats.memory import Memory
from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.dicom.arrange import _in_one_scale, arrange
from ziggurat.readers.formats.dicom.facts import (
    _frame_axes,
    _icc_profile,
    _losses,
    _magnification,
    _spacing,
    in_pixels,
    tile_format,
)
from ziggurat.readers.formats.dicom.frames import frame_table
from ziggurat.readers.formats.dicom.instance import (
    FullGrid,
    _positions,
    _sparse_grids,
    is_dicom,
    read_series,
)
from ziggurat.readers.model.encoded import Photometric


def item(**facts: Any) -> Dataset:
    data = Dataset()
    for keyword, value in facts.items():
        setattr(data, keyword, value)
    return data


def measured(*spacing: float) -> Dataset:
    return item(PixelMeasuresSequence=Items([item(PixelSpacing=list(spacing))]))


@each("groups, size", [
        ({"SharedFunctionalGroupsSequence": (0.5, 0.25)}, (0.25, 0.5)),
        ({"PerFrameFunctionalGroupsSequence": (0.5, 0.25)}, (0.25, 0.5)),
        ({"SharedFunctionalGroupsSequence": (0.0, 0.25),
          "PerFrameFunctionalGroupsSequence": (3.0, 2.0)}, (2.0, 3.0)),
        ({"SharedFunctionalGroupsSequence": (0.5, 0.25),
          "PerFrameFunctionalGroupsSequence": (3.0, 2.0)}, (0.25, 0.5)),
        ({}, (None, None)), ({"SharedFunctionalGroupsSequence": (0.5, -1.0)}, (None, None)),
    ])  # fmt: skip
def test_the_size_of_pixels(groups: dict[str, tuple[float, float]], size: Any) -> None:
    header = item(**{name: Items([measured(*said)]) for name, said in groups.items()})
    assert _spacing(header) == size


def test_the_first_optical_path_that_tells_something() -> None:
    paths = [
        item(),
        item(ICCProfile=b""),
        item(ICCProfile=b"one", ObjectiveLensPower=0),
        item(ICCProfile=b"two", ObjectiveLensPower=20),
        item(ObjectiveLensPower=40),
    ]
    header = item(OpticalPathSequence=Items(paths))
    assert _icc_profile(header) == b"one"
    assert _magnification(header) == 20
    assert (_icc_profile(item()), _magnification(item())) == (None, None)


def told(name: str = "x", unplaced: int = 0, **header: Any) -> Any:
    made = SimpleNamespace(name=name)
    return SimpleNamespace(path=made, unplaced=unplaced, frames=9, header=item(**header))


@each("levels, words", [
        ([[told()]], []), ([[told(unplaced=2)], [told()]], ["2 of 9 frames of x"]),
        ([[told()], [told("y", 3), told("z", 4)]], ["3 of 9 frames of y", "4 of 9 frames of z"]),
        ([[told(RescaleSlope=1, RescaleIntercept=0)]], []),
        ([[told(RescaleSlope=2)]], ["its rescaling"]),
        ([[told(RescaleIntercept=5)]], ["its rescaling"]),
        ([[told(RescaleSlope=0.5, RescaleIntercept=0)], [told(RescaleSlope=3)]], ["its rescaling"]),
        ([[told()], [told(RescaleSlope=3)]], []),  # the largest level speaks for the slide
    ])  # fmt: skip
def test_what_headers_say_and_is_not_heeded(levels: Any, words: list[str]) -> None:
    found = _losses(levels)
    assert len(found) == len(words), found
    assert all(loss.startswith(word) for loss, word in zip(found, words, strict=True))


@each("group", [0x5FFE, 0x6000, 0x6002, 0x6010, 0x60FE, 0x6100])
def test_overlays_of_any_group_are_told(group: int) -> None:
    """Sixteen of them at most by the standard, in groups of even numbers from 6000 on."""
    one: Any = told("x")
    one.header.add_new((group, 0x0010), "US", 8)
    assert _losses([[one]]) == (
        ("its overlay planes: they are not read",) if 0x6000 <= group < 0x6100 else ()
    )


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.EACCES, errno.ENOENT])
def test_a_neighbour_that_too_many_open_files_hide_is_not_passed_over(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a level of the slide; others that can't be opened are none of it."""

    def refuse(*_: object) -> Any:
        raise OSError(code, "made up")

    monkeypatch.setattr(Path, "open", refuse)
    for look in (is_dicom, read_series):
        if code in (errno.EMFILE, errno.ENFILE):
            with pytest.raises(SourceError, match=r"1\.2\.3 can't be read: made up"):
                look(Path("1.2.3"))
        else:
            assert not look(Path("1.2.3"))
    assert is_dicom(Path("a.dcm"))


def test_axes_of_paths_and_planes() -> None:
    base: Any = [SimpleNamespace(names={"1": "DAPI"}), SimpleNamespace(names={"2": "FITC"})]
    places = [(path, plane) for path in ("1", "2", "3") for plane in (0, 1)]
    facts = _frame_axes(places, base)
    assert [(axis.name, axis.size) for axis in facts["axes"]] == [("c", 3), ("z", 2)]
    assert [channel.name for channel in facts["channels"]] == ["DAPI", "FITC", "3"]
    assert _frame_axes([("1", 0)], base) == {"axes": (), "channels": ()}
    with pytest.raises(UnsupportedFormatError):
        _frame_axes(places[:-1], base)


@each("transformed", [True, False, None])
@each("said", ["YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "RGB"])
def test_colours_of_jpeg_2000_are_ycbcr_where_nothing_turns_them_back(
    said: str, transformed: bool | None
) -> None:
    """Decoders do that by the stream's own word; of a stream that has none nobody can tell."""
    instance: Any = SimpleNamespace(
        photometric=said, bits=8, bits_stored=8, high_bit=7, signed=False, planar=False, bands=3,
        syntax="1.2.840.10008.1.2.4.90",
    )  # fmt: skip
    word = b"" if transformed is None else b"\xff\x52\0\x0c\0\0\0\1" + bytes([transformed])
    stream = b"\xff\x4f\xff\x51" + bytes(41) + word + bytes(9)
    left = said.startswith("YBR_FULL") and transformed is False
    due = Photometric.YCBCR if left else Photometric.RGB
    assert tile_format(instance, stream).photometric is due


@each("bits, stored", [(8, 8), (16, 16), (16, 12), (16, 10)])
@each("signed", [False, True])
@each("kind", ["MONOCHROME1", "MONOCHROME2"])
def test_samples_mean_their_own_bits(bits: int, stored: int, signed: bool, kind: str) -> None:
    instance: Any = SimpleNamespace(
        photometric=kind, bits=bits, bits_stored=stored, spare_bits=bits - stored, signed=signed,
        syntax="1.2.840.10008.1.2.1", planar=False, bands=1,
    )  # fmt: skip
    low, high = (-(1 << stored - 1), (1 << stored - 1) - 1) if signed else (0, (1 << stored) - 1)
    values = np.array([low, low + 1, 0, 1, high - 1, high], np.int64)
    rubbish = (values & ((1 << stored) - 1)) | (0x5 << stored if bits > stored else 0)
    dtype = np.dtype(f"{'i' if signed else 'u'}{bits // 8}")
    tile = rubbish.astype(f"u{bits // 8}").view(dtype).reshape(1, -1, 1)
    found = in_pixels(tile, instance, Photometric.GRAY)
    due = low + high - values if kind == "MONOCHROME1" else values
    assert found.dtype == dtype
    assert found.ravel().tolist() == due.tolist()


def _item(data: bytes) -> bytes:
    data += b"\0" * (len(data) % 2)
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(data)) + data


FRAMES = [b"\xff\xd8first!", b"\xff\xd8 and the second", b"\xff\xd83rd"]
HEAD = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
END = b"\xfe\xff\xdd\xe0\0\0\0\0"


def encapsulated(table: str, cut: int | None = None) -> tuple[Memory, Any]:
    """Return pixel data, and its extended table; ``cut``: the second frame in pieces."""
    parts = [[frame] for frame in FRAMES]
    if cut is not None:
        parts[1] = [FRAMES[1][:cut], FRAMES[1][cut:]]
    stored = [b"".join(map(_item, pieces)) for pieces in parts]
    starts = [sum(map(len, stored[:n])) for n in range(len(stored))]
    basic = struct.pack("<3I", *starts) if table == "basic" else b""
    if table == "short":
        basic = struct.pack("<2I", *starts[:2])
    extended = None
    if table == "extended":
        extended = struct.pack("<3Q", *starts), struct.pack("<3Q", *map(len, FRAMES))
    return Memory(b"12345678" + HEAD + _item(basic) + b"".join(stored) + END), extended


@each(
    "table, cut",
    [(table, cut) for table in ("none", "basic", "short") for cut in (None, 4, 8)]
    + [("extended", None)],
)
def test_frames_are_found_by_any_table(table: str, cut: int | None) -> None:
    source, extended = encapsulated(table, cut)
    found = frame_table(source, 8, 3, None, extended)
    for number, frame in enumerate(FRAMES):
        due = frame if len(frame) % 2 == 0 else frame + b"\0"
        assert found.frame(source, number) == due, number


def test_the_pieces_of_the_only_frame_are_put_together_whatever_they_begin_with() -> None:
    pieces = [b"no mark of any stream ", b"\xff\xd8 nor is this its start"]
    data = b"12345678" + HEAD + _item(b"") + b"".join(map(_item, pieces)) + END
    assert frame_table(Memory(data), 8, 1, None, None).frame(Memory(data), 0) == b"".join(pieces)


def test_frames_that_are_not_compressed() -> None:
    data = bytes(range(30))
    source = Memory(b"12345678" + HEAD[:8] + struct.pack("<I", 30) + data)
    found = frame_table(source, 8, 3, 10, None)
    assert [found.frame(source, n) for n in range(3)] == [data[:10], data[10:20], data[20:]]
    short = Memory(source.read(0, source.size - 1))
    with pytest.raises(CorruptSourceError, match="frame 2 is cut short"):
        frame_table(short, 8, 3, 10, None).frame(short, 2)


def _group(x: int, y: int, depth: float, path: str | None = None) -> Dataset:
    facts: dict[str, Any] = {
        "PlanePositionSlideSequence": Items([item(
            ColumnPositionInTotalImagePixelMatrix=x + 1, RowPositionInTotalImagePixelMatrix=y + 1,
            ZOffsetInSlideCoordinateSystem=depth,
        )]),
    }  # fmt: skip
    if path is not None:
        facts["OpticalPathIdentificationSequence"] = Items([item(OpticalPathIdentifier=path)])
    return item(**facts)


def test_frames_that_tell_their_own_places() -> None:
    """Tiles that are no squares; planes are numbered by depth, whatever their order."""
    places = [(x, y, z, p) for z in (0.5, -1.0, 2.0) for p in ("b", "a")
              for y in (0, 16) for x in (0, 32, 64)]  # fmt: skip
    found = _positions([_group(x, y, z, p) for x, y, z, p in places], (32, 16), ("a", "b"))
    grids = _sparse_grids(found, None)
    assert set(grids) == {(path, plane) for path in "ab" for plane in range(3)}
    for number, (x, y, z, p) in enumerate(places):
        plane = [-1.0, 0.5, 2.0].index(z)
        assert grids[p, plane][x // 32, y // 16] == number
    with pytest.raises(UnsupportedFormatError, match="same place"):
        _sparse_grids([*found, found[0]], None)
    for group in (_group(31, 0, 0), _group(0, 15, 0), _group(-32, 0, 0)):
        with pytest.raises(UnsupportedFormatError, match="no grid"):
            _positions([group], (32, 16), ("a",))


def instance(uid: str, number: int, **facts: Any) -> Any:
    from ziggurat.readers.formats.dicom.instance import Instance

    made: dict[str, Any] = {
        "path": Path(f"{uid}-{number}.dcm"), "kind": "VOLUME", "series": "s", "uid": uid,
        "concatenation": "", "number": number, "width": 64, "height": 64, "tile_width": 32,
        "tile_height": 32, "frames": 4, "syntax": "", "photometric": "RGB", "bands": 3, "bits": 8,
        "bits_stored": 8, "high_bit": 7, "signed": False, "planar": False, "paths": ("1",),
        "names": {"1": "x"}, "planes": 1, "depths": (), "grids": {("1", 0): FullGrid(2, 2, 0, 4)},
        "pixel_offset": 0, "extended": None, "unplaced": 0, "header": item(),
    }  # fmt: skip
    return Instance(**(made | facts))


def test_planes_in_files_of_their_own_are_ordered_by_depth() -> None:
    files = [instance(f"u{n}", n, depths=(depth,)) for n, depth in enumerate((3.0, -1.0, 2.0))]
    found = arrange(files)
    order = {one.uid: next(iter(one.grids)) for one in found}
    assert order == {"u1": ("1", 0), "u2": ("1", 1), "u0": ("1", 2)}
    numbered = [instance(f"u{n}", 3 - n, planes=3) for n in range(3)]
    order = {one.uid: next(iter(one.grids)) for one in arrange(numbered)}
    assert order == {"u2": ("1", 0), "u1": ("1", 1), "u0": ("1", 2)}
    with pytest.raises(UnsupportedFormatError, match="hold the same tiles"):
        arrange([instance(f"u{n}", n) for n in range(2)])


def test_copies_of_one_instance_count_once() -> None:
    copies = [instance("u", 2), instance("u", 1), instance("v", 1, width=32)]
    assert [one.path.name for one in arrange(copies)] == ["v-1.dcm", "u-2.dcm"]


def test_parts_of_one_stack_number_their_depths_together() -> None:
    def part(number: int, *depths: float) -> Any:
        grids = {("1", n): {(n, number): n} for n in range(len(depths))}
        return instance("u", number, concatenation="k", depths=depths, grids=grids)

    one, two = _in_one_scale([part(0, 1.0, 3.0), part(1, 0.0, 2.0)])
    assert sorted(plane for _, plane in one.grids) == [1, 3]
    assert sorted(plane for _, plane in two.grids) == [0, 2]
