"""Which instance is which plane of which level: files of every make-up, without any file."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from ziggurat.readers.errors import UnsupportedFormatError
from ziggurat.readers.formats.dicom.arrange import arrange
from ziggurat.readers.formats.dicom.instance import FullGrid, Instance
from ziggurat.readers.formats.dicom.plane import InstanceFrames
from ziggurat.readers.formats.dicom.reader import DicomReader
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat

FULL = FullGrid(3, 2, 0, 6)


def instance(name: str, **facts: Any) -> Instance:
    told: dict[str, Any] = {
        "path": Path(f"{name}.dcm"), "kind": "VOLUME", "series": "s", "uid": name,
        "concatenation": "", "number": 1, "width": 70, "height": 30, "tile_width": 32,
        "tile_height": 16, "frames": 6, "syntax": "1.2.840.10008.1.2.1",
        "photometric": "MONOCHROME2", "bands": 1, "bits": 8, "bits_stored": 8, "high_bit": 7,
        "signed": False, "planar": False, "paths": ("1",), "names": {"1": "x"}, "planes": 1,
        "depths": (), "grids": {("1", 0): FULL}, "pixel_offset": 0, "extended": None,
        "unplaced": 0, "header": Dataset(),
    }  # fmt: skip
    return Instance(**(told | facts))


def planes(found: list[Instance]) -> dict[str, list[tuple[str, int]]]:
    return {one.uid: sorted(one.grids) for one in found}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_planes_are_numbered_by_their_depth_not_by_their_files(order: tuple[int, ...]) -> None:
    depths = (2.5, -1.0, 0.0)
    made = [instance(f"i{n}", number=n, depths=(depths[n],)) for n in range(3)]
    found = planes(arrange([made[n] for n in order]))
    assert found == {"i0": [("1", 2)], "i1": [("1", 0)], "i2": [("1", 1)]}


def test_planes_by_twos_follow_each_other() -> None:
    two = {("1", 0): FULL, ("1", 1): FULL}
    made = [instance("b", depths=(4.0,), grids=two), instance("a", depths=(0.0,), grids=two),
            instance("c", depths=(9.0,))]  # fmt: skip
    assert planes(arrange(made)) == {
        "a": [("1", 0), ("1", 1)], "b": [("1", 2), ("1", 3)], "c": [("1", 4)],
    }  # fmt: skip


@pytest.mark.parametrize("count", [1, 2, 3])
def test_planes_without_depths_follow_the_numbers_where_the_header_counts_them(count: int) -> None:
    made = [instance("b", number=2, planes=count), instance("a", number=1, planes=count)]
    if count >= 2:
        assert planes(arrange(made)) == {"a": [("1", 0)], "b": [("1", 1)]}
    else:
        with pytest.raises(UnsupportedFormatError, match=r"a\.dcm, b\.dcm hold the same tiles"):
            arrange(made)
    same = [dataclasses.replace(one, depths=(1.0,)) for one in made]
    if count >= 2:
        assert planes(arrange(same)) == {"a": [("1", 0)], "b": [("1", 1)]}


def test_more_planes_than_the_header_counts_are_not_guessed() -> None:
    made = [instance(name, number=number, planes=2) for number, name in enumerate("abc")]
    with pytest.raises(UnsupportedFormatError, match="nothing says how they differ"):
        arrange(made)


@pytest.mark.parametrize(
    ("facts", "copied"),
    [
        ({}, True), ({"frames": 2}, False), ({"photometric": "MONOCHROME1"}, False),
        ({"syntax": "1.2.840.10008.1.2.1"}, False), ({"syntax": "1.2.840.10008.1.2.4.90"}, True),
    ],
)  # fmt: skip
def test_pictures_beside_a_slide_that_are_copied(
    facts: dict[str, Any], copied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One frame, of a codec that others know, that means what is shown."""
    jpeg = {"syntax": "1.2.840.10008.1.2.4.50", "frames": 1}
    files = [instance("full"), instance("label", kind="LABEL", **(jpeg | facts))]
    made = reader(*files)
    codec = Codec.JPEG2000 if ".90" in str(facts.get("syntax")) else Codec.JPEG
    if facts.get("syntax", "").endswith(".2.1"):
        codec = Codec.NONE
    form = TileFormat(codec, Photometric.GRAY, 1, 8, "uint8")
    monkeypatch.setattr(InstanceFrames, "format", form)
    monkeypatch.setattr(InstanceFrames, "frame", lambda *_: b"stream")
    found = made.associated("label").encoded()
    assert (found is not None) is copied
    if found is not None:
        assert (found.codec, found.width, found.height, found.data) == (codec, 70, 30, b"stream")


def test_what_does_not_meet_is_left_as_it_is() -> None:
    """Other sizes, other paths, other tiles, pictures beside the slide."""
    made = [
        instance("a", grids={("1", 0): {(0, 0): 0}}), instance("b", grids={("1", 0): {(1, 0): 0}}),
        instance("c", width=35),
        instance("d", paths=("2",), grids={("2", 0): FULL}, names={"2": "y"}),
        instance("e", kind="LABEL"), instance("f", kind="LABEL"),
        instance("g", grids={("1", 3): FULL}, height=15),
    ]  # fmt: skip
    assert planes(arrange(made)) == {one.uid: sorted(one.grids) for one in made}
    sparse = [instance("a", grids={("1", 0): {(0, 0): 0}}), instance("b")]
    with pytest.raises(UnsupportedFormatError, match="hold the same tiles"):
        arrange(sparse)
    beyond = [instance("a", grids={("1", 0): {(7, 0): 0}}), instance("b")]
    assert planes(arrange(beyond)) == {"a": [("1", 0)], "b": [("1", 0)]}


def test_parts_of_a_concatenation_are_one() -> None:
    parts = [instance(f"p{n}", concatenation="k", number=3 - n,
                      grids={("1", 0): FullGrid(3, 2, -3 * n, 3)}) for n in range(2)]  # fmt: skip
    assert [one.uid for one in arrange(parts)] == ["p1", "p0"]
    other = [instance(f"q{n}", concatenation="l", number=9, depths=(5.0,),
                      grids={("1", 0): FullGrid(3, 2, -3 * n, 3)}) for n in range(2)]  # fmt: skip
    lower = [dataclasses.replace(one, depths=(-5.0,)) for one in parts]
    found = planes(arrange([*other, *lower]))
    assert found == {"p0": [("1", 0)], "p1": [("1", 0)], "q0": [("1", 1)], "q1": [("1", 1)]}


def test_paths_of_one_number_and_several_names_are_several() -> None:
    made = [instance(name, names={"1": name}) for name in ("DAPI", "FITC")]
    made.append(instance("low", names={"1": "DAPI"}, width=35))
    label = instance("label", kind="LABEL", names={"1": "z"})
    found = {one.uid: one for one in arrange([*made, label])}
    assert planes(list(found.values())) == {
        "DAPI": [("1 DAPI", 0)], "FITC": [("1 FITC", 0)], "low": [("1 DAPI", 0)],
        "label": [("1", 0)],
    }  # fmt: skip
    assert found["FITC"].paths == ("1 FITC",)
    assert found["FITC"].names == {"1 FITC": "FITC"}


def reader(*made: Instance, left_out: tuple[str, ...] = ()) -> DicomReader:
    return DicomReader(made, left_out)


@pytest.fixture(autouse=True)
def nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        def __init__(self, path: Path) -> None:
            self.url, self.size = str(path), 0

        def close(self) -> None:
            pass

    monkeypatch.setattr("ziggurat.readers.formats.dicom.plane.LocalBytes", Nothing)


def test_levels_channels_and_planes_of_a_slide() -> None:
    paths = {"paths": ("9", "4"), "names": {"9": "DAPI", "4": "FITC"}}
    grids = {(path, z): FULL for path in ("4", "9") for z in (1, 0)}
    made = reader(
        instance("low", width=35, height=15, grids=grids, **paths),
        instance("less", width=18, height=8, grids={("9", 0): FULL}, **paths),
        instance("full", grids=grids, **paths), left_out=("c.dcm: bad",),
    )  # fmt: skip
    info = made.info
    assert [(one.width, one.height) for one in info.levels] == [(70, 30), (35, 15)]
    assert [(axis.name, axis.size) for axis in info.axes] == [("c", 2), ("z", 2)]
    assert [one.name for one in info.channels] == ["DAPI", "FITC"]
    assert made._places == [("9", 0), ("9", 1), ("4", 0), ("4", 1)]
    assert info.internal["dicom"]["left out"] == ["c.dcm: bad"]
    assert made.plane(1, 2) is made.plane(1, 2)
    assert made.plane(1, 2) is not made.plane(1, 3)
    made.close()
