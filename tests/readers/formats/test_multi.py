"""Lists of sources: files as frames, by name or pattern, and side by side."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError


def picture(path: Path, value: int, shape: tuple[int, int] = (60, 80)) -> Path:
    tifffile.imwrite(path, np.full((*shape, 3), value, np.uint8), photometric="rgb", tile=(32, 48))
    return path


def listed(path: Path, text: Any) -> Path:
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


def pixels(source: ziggurat.Source, **position: int) -> np.ndarray:
    frame = source.axesToFrame(**position) if position else 0
    found: np.ndarray = source.getRegion(format="numpy", frame=frame)[0]
    return found


def test_channels_planes_and_scale(tmp_path: Path) -> None:
    for value in (10, 20, 30, 40):
        picture(tmp_path / f"{value}.tif", value)
    text = """
name: A list
description: four files
scale: {mm_x: 0.0005, mm_y: 0.00075, magnification: 20}
sources:
  - {path: 10.tif, channel: DAPI, z: 0}
  - {path: 20.tif, channel: CD4, z: 0}
  - {path: ./30.tif, channel: DAPI, z: 1}
  - {path: 40.tif, channel: CD4, z: 1, zValues: [0.5]}
"""
    with ziggurat.open(listed(tmp_path / "a.yml", text)) as source:
        found = source.getMetadata()
        assert found["IndexRange"] == {"IndexC": 2, "IndexZ": 2}
        assert found["IndexStride"] == {"IndexC": 1, "IndexZ": 2}
        assert found["channels"] == ["DAPI", "CD4"]
        assert (found["mm_x"], found["mm_y"], found["magnification"]) == (0.0005, 0.00075, 20)
        assert found["ValueZ"]["values"] == [None, 0.5]
        assert source.imageDescription == "four files"
        assert [int(pixels(source, c=c, z=z)[0, 0, 0]) for z in (0, 1) for c in (0, 1)] == [
            10, 20, 30, 40,
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "more"),
    [(r"p_(?P<z>\d+)\.tif", {}), (r"p_\d+\.tif", {"zStep": 1}), (r"p_(?P<z>\d+)", {"z": 0})],
)
def test_files_by_a_pattern(tmp_path: Path, pattern: str, more: dict[str, int]) -> None:
    for z in range(3):
        picture(tmp_path / f"p_{z}.tif", z * 10)
    picture(tmp_path / "other.tif", 99)
    said = [{"path": ".", "pathPattern": pattern, **more}]
    with ziggurat.open(listed(tmp_path / "a.json", said)) as source:
        assert [int(pixels(source, z=z)[0, 0, 0]) for z in range(3)] == [0, 10, 20]


def test_patterns_may_count_from_one(tmp_path: Path) -> None:
    for t in (1, 2):
        picture(tmp_path / f"t{t}.tif", t)
    said = {"sources": [{"path": ".", "pathPattern": r"t(?P<t1>\d+)\.tif"}]}
    with ziggurat.open(listed(tmp_path / "a.yaml", said)) as source:
        assert [int(pixels(source, t=t)[0, 0, 0]) for t in range(2)] == [1, 2]


def test_side_by_side_the_later_over_the_earlier(tmp_path: Path) -> None:
    picture(tmp_path / "a.tif", 10)
    picture(tmp_path / "b.tif", 20, (100, 100))
    said = {
        "width": 200,
        "height": 90,
        "backgroundColor": [1, 2, 3],
        "sources": [
            {"path": "a.tif", "z": 0},
            {
                "path": "b.tif",
                "z": 0,
                "position": {"x": 60, "y": 20, "scale": 0.5, "crop": {"top": 40}},
            },
        ],
    }
    due = np.zeros((90, 200, 3), np.uint8) + np.array([1, 2, 3], np.uint8)
    due[:60, :80] = 10
    due[40:70, 60:110] = 20  # a crop stays where it is in its source
    with ziggurat.open(listed(tmp_path / "m.yaml", said)) as source:
        np.testing.assert_array_equal(pixels(source), due)
        part = source.getRegion(region={"left": 70, "top": 10, "width": 60}, format="numpy")[0]
        np.testing.assert_array_equal(part, due[10:, 70:130])


def test_frames_of_a_file_go_on_from_its_place(tmp_path: Path) -> None:
    for name, first in (("a", 0), ("b", 2)):
        stack = np.zeros((2, 40, 50), np.uint8) + np.array([[[first]], [[first + 1]]], np.uint8)
        tifffile.imwrite(tmp_path / f"{name}.ome.tif", stack, ome=True, metadata={"axes": "ZYX"})
    said = [{"path": "a.ome.tif"}, {"path": "b.ome.tif", "z": 2}]
    with ziggurat.open(listed(tmp_path / "a.yml", said)) as source:
        assert [int(pixels(source, z=z)[0, 0, 0]) for z in range(4)] == [0, 1, 2, 3]


def test_levels_and_tiles_of_whole_files_are_kept(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        sink.addTile(np.random.default_rng(0).integers(0, 255, (900, 1000, 3), np.uint8))
        sink.write(tmp_path / "a.tiff")
    with ziggurat.open(listed(tmp_path / "a.yml", [{"path": "a.tiff"}])) as source:
        reader = source._image().reader
        assert len(reader.info.levels) > 1
        assert reader.plane(0, 0).encoded() is not None


WRONG: list[tuple[Any, type[SourceError], str]] = [
    ([{"path": "gone.tif"}], CorruptSourceError, r"gone\.tif"),
    ([{"path": "a.tif", "position": {"s11": 0}}], CorruptSourceError, "flat"),
    ([{"path": "a.tif", "position": {"scale": 0}}], CorruptSourceError, "more than zero"),
    ([{"path": "self.yml"}], SourceError, "leads back to itself"),
    ([{"path": "a.tif", "mask": {}}], UnsupportedFormatError, "mask of a source"),
    ([{"path": "a.tif", "params": {"projection": 1}}], UnsupportedFormatError, "projection"),
    ([{"path": "a.tif", "style": {"band": "x y"}}], SourceError, "x y"),
    ([{"path": "a.tif", "frames": [9]}], CorruptSourceError, "no frame"),
    ({"sources": [{"path": "a.tif"}], "dtype": "text"}, CorruptSourceError, "dtype"),
    ({"sources": [{"path": "a.tif"}], "backgroundColor": "w"}, CorruptSourceError, "background"),
    ({"sources": [{"path": "a.tif"}], "axes": ["X"]}, CorruptSourceError, "axes"),
    ([{"path": "a.tif", "z": -1}], CorruptSourceError, "z must be a whole number"),
    ([{"path": "a.tif", "z": 1 << 40}], CorruptSourceError, "z must be a whole number"),
    ([{"path": ".", "pathPattern": "(("}], CorruptSourceError, "finds nothing"),
    ([{"path": ".", "pathPattern": "zzz"}], CorruptSourceError, "no file of"),
    ([{"path": 7}], CorruptSourceError, "needs a path"),
    ({"sources": []}, CorruptSourceError, "one source or more"),
    ({"sources": [{"path": "a.tif"}], "scale": {"mm_x": "x"}}, CorruptSourceError, "mm_x"),
    ({"sources": [{"path": "a.tif"}], "width": 0}, CorruptSourceError, "width"),
    ("just: a text", UnsupportedFormatError, "not a list of sources"),
    ("{broken", UnsupportedFormatError, "neither YAML nor JSON"),
]


@pytest.mark.parametrize(("text", "kind", "said"), WRONG, ids=range(len(WRONG)))
def test_what_can_not_be_read_is_told(
    tmp_path: Path, text: Any, kind: type[SourceError], said: str
) -> None:
    picture(tmp_path / "a.tif", 10)
    tifffile.imwrite(tmp_path / "gray.tif", np.zeros((60, 80), np.uint8))
    with pytest.raises(kind, match=said):
        ziggurat.open(listed(tmp_path / "self.yml", text))
