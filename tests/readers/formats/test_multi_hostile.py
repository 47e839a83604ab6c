"""Lists of sources that somebody forged, or got wrong: refused in our own words, and at once."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.multi import document


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "a.tif", np.full((60, 80, 3), 7, np.uint8), photometric="rgb")
    return tmp_path


def grown(kind: str) -> str:
    """Return a YAML text of some hundred bytes that means a thousand million values."""
    if kind == "names":
        lines = ["sources:\n - {path: a.tif, channels: &n0 [x,x,x,x,x,x,x,x,x]}"]
        lines += [
            f" - {{path: a.tif, channels: &n{n} [{','.join([f'*n{n - 1}'] * 9)}]}}"
            for n in range(1, 10)
        ]
    else:
        lines = ["sources:\n - &n0 {path: a.tif}"]
        lines += [f" - &n{n} {{<<: [{','.join([f'*n{n - 1}'] * 9)}]}}" for n in range(1, 10)]
    return "\n".join(lines)


@pytest.mark.parametrize("kind", ["names", "merged"])
def test_names_for_names_for_names_are_counted_before_they_are_made(
    folder: Path, kind: str
) -> None:
    (folder / "list.yaml").write_text(grown(kind))
    with pytest.raises(UnsupportedFormatError, match="more values"):
        ziggurat.open(folder / "list.yaml")


def test_names_may_be_used_as_usual(folder: Path) -> None:
    text = "sources:\n - &one {path: a.tif, z: 0}\n - {<<: *one, z: 1}\n"
    (folder / "list.yaml").write_text(text)
    with ziggurat.open(folder / "list.yaml") as source:
        assert source.frames == 2


@pytest.mark.parametrize("text", ["sources: &a\n - *a\n", "sources: " + " ".join("[" * 5000)])
def test_lists_within_themselves_or_too_deep(folder: Path, text: str) -> None:
    (folder / "list.yaml").write_text(text)
    with pytest.raises(UnsupportedFormatError):
        ziggurat.open(folder / "list.yaml")


A = {"path": "a.tif"}
WRONG: list[tuple[Any, str]] = [
    ({"sources": [A], "channels": 5}, "channels must be"),
    ({"sources": [A], "scale": [1]}, "scale must be"),
    ({"sources": [A | {"params": ["frame"]}]}, "params must be"),
    ({"sources": [A | {"params": "frame", "sourceName": "test"}]}, "params must be"),
    ({"sources": [{"path": "a\0", "pathPattern": "x"}]}, "embedded null"),
    ({"sources": [{"path": "a" * 5000}]}, "not there"),
    ({"sources": [{"path": ".", "pathPattern": "a{99999999999999}"}]}, "finds nothing"),
    ({"sources": [{"path": ".", "pathPattern": "(" * 900}]}, "finds nothing"),
    ({"sources": [{"path": ".", "pathPattern": "(a|aa)+$"}]}, "takes too long"),
    ({"sources": [{"path": ".", "pathPattern": "a" * 1001}]}, "at most 1000"),
    ({"sources": [A], "backgroundColor": [300]}, "backgroundColor must be"),
    ({"sources": [A], "backgroundColor": [float("nan")]}, "backgroundColor must be"),
    ({"sources": [A], "backgroundColor": [10**400]}, "backgroundColor must be"),
    ({"sources": [A], "dtype": "longdouble"}, "dtype must name"),
    ({"sources": [A], "dtype": "i4,,"}, "dtype must name"),
    ({"sources": [A], "dtype": "int8"}, "no white"),
    ({"sources": [A | {"z": 1 << 24}]}, "more frames"),
    ({"sources": [A | {"position": {"s11": 0.001, "s22": 900}}]}, "must not be flat"),
    ({"sources": [A | {"position": {"s12": 0.999, "s21": 1}}]}, "must not be flat"),
    ({"sources": [A | {"path": "large_image://test?frames=1000000"}]}, "more than"),
]


@pytest.mark.parametrize(("said", "words"), WRONG, ids=range(len(WRONG)))
def test_what_can_not_be_meant_is_refused(
    folder: Path, said: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "_PATTERN_SECONDS", 0.1)
    (folder / f"{'a' * 60}b").touch()
    (folder / "list.json").write_text(json.dumps(said))
    with pytest.raises((CorruptSourceError, UnsupportedFormatError), match=words):
        ziggurat.open(folder / "list.json")


def test_a_type_is_the_machine_s_own_whatever_its_byte_order(folder: Path) -> None:
    (folder / "list.json").write_text(json.dumps({"sources": [A], "dtype": ">u2"}))
    with ziggurat.open(folder / "list.json") as source:
        assert source.dtype == np.dtype(np.uint16)
        assert source.dtype.isnative
        assert source.getRegion(format="numpy")[0].max() == 7 * 257


@pytest.mark.parametrize(
    ("own", "wanted", "value", "expected"),
    [
        ("u1", "uint64", 7, 506381209866536711),  # doubles end in …212416736
        ("u1", "uint32", 255, 2**32 - 1),
        ("u4", "uint64", 3, 3 * (2**32 + 1)),
        ("u4", "uint8", 2**32 - 1, 255),
        ("u2", "uint8", 128, 0),
        ("u2", "uint8", 129, 1),
        ("u8", "uint8", 2**64 - 1, 255),
    ],
)
def test_whole_numbers_are_stretched_exactly(
    tmp_path: Path, own: str, wanted: str, value: int, expected: int
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((20, 30), value, own))
    (tmp_path / "list.json").write_text(json.dumps({"sources": [A], "dtype": wanted}))
    with ziggurat.open(tmp_path / "list.json") as source:
        pixels = source.getRegion(format="numpy")[0]
    assert pixels.dtype == wanted
    assert {int(pixels.min()), int(pixels.max())} == {expected}


def test_a_long_strip_laid_askew_takes_little_memory(folder: Path) -> None:
    """A slender place is shrunk along its own sides: each by what it is shrunk to."""
    strip = {"path": "large_image://test?sizeX=200000&sizeY=2000"}
    place = {"s11": 0.02, "s12": 0.001, "s21": 0, "s22": 1}
    said = {"sources": [strip | {"position": place}], "width": 4000, "height": 2000}
    (folder / "list.json").write_text(json.dumps(said))
    with ziggurat.open(folder / "list.json") as source:
        window = {"left": 1000, "top": 500, "width": 300, "height": 300}
        pixels = source.getRegion(format="numpy", region=window)[0]
        assert pixels.shape[:2] == (300, 300)
        # green grows downwards with the strip's own height: 24 + 200 · y / 2000, and the shade
        assert abs(int(pixels[0, 0, 1]) - (24 + 200 * 500 / 2000)) <= 24


@pytest.mark.parametrize("field", ["bands=a=1-1.2.3", "bands=a=.-.", "frames=2.7", "sizeX=10.5"])
def test_numbers_of_made_pictures(field: str) -> None:
    with pytest.raises(SourceError, match="must be"):
        ziggurat.open(f"large_image://test?{field}")
