"""The OME-Zarr backend on damaged and hostile stores."""

import functools
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.readers.formats.zarr.opening import RNG, edit, opened, outcome, whole
from ziggurat.readers.errors import (
    CorruptSourceError,
    UnsupportedFormatError,
    ZigguratError,
)
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Channel
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.formats.zarr import shards as zarr_shards
from ziggurat.writers.model.options import WriteOptions


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 18])
def test_zips_that_are_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises((CorruptSourceError, UnsupportedFormatError)):
        opened(path)


def test_what_is_not_zarr_is_not_supported(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(UnsupportedFormatError, match="holds no zarr metadata"):
        opened(tmp_path)
    with pytest.raises(UnsupportedFormatError, match="neither a folder, nor a zip"):
        opened(tmp_path / "x.txt")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("word/document.xml", "<a/>")
    with pytest.raises(UnsupportedFormatError, match="holds no zarr metadata"):
        opened(tmp_path / "a.zip")


def test_a_damaged_chunk_is_named(store: Path) -> None:
    chunk = store / "0/c/0/1/1"
    for damage in (b"", b"nonsense", chunk.read_bytes()[:-1], chunk.read_bytes() + b"x"):
        chunk.write_bytes(damage)
        with opened(store) as reader:
            with pytest.raises(CorruptSourceError, match=r"chunk \[0, 1, 1\] of 0: "):
                whole(reader)
            reader.plane(0, 0).read(Rect(0, 0, 32, 32))  # the others are well


@pytest.mark.parametrize(
    "path", ["../../../../etc/passwd", "/etc", "0/../../x", "\0", "no", "", ".", "0/c"]
)
def test_paths_that_lead_nowhere_or_out(store: Path, path: str) -> None:
    edit(
        store / "zarr.json",
        lambda f: f["attributes"]["ome"]["multiscales"][0]["datasets"][0].update(path=path),
    )
    with pytest.raises(CorruptSourceError, match=r"there is no array at|leads out of the image"):
        opened(store)


def test_a_forged_shape_costs_nothing(store: Path) -> None:
    edit(store / "0/zarr.json", lambda f: f.update(shape=[3, 1 << 60, 1 << 60]))
    with pytest.raises(CorruptSourceError, match="can't be sizes of an array"):
        opened(store)
    edit(store / "0/zarr.json", lambda f: f.update(shape=[3, 1 << 30, 1 << 30]))
    with opened(store) as reader:  # possible, if unlikely: only what is asked for is made
        assert reader.plane(0, 0).read(Rect(1 << 29, 1 << 29, 5, 5)).shape == (5, 5, 3)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100000, '{"zarr_format": 3}', "\xff"])
def test_metadata_that_are_none(store: Path, text: str) -> None:
    for place in ("zarr.json", "0/zarr.json"):
        good = (store / place).read_bytes()
        (store / place).write_text(text, encoding="latin-1")
        with pytest.raises(ZigguratError):
            opened(store)
        (store / place).write_bytes(good)
    opened(store).close()


def test_mutated_stores_give_pictures_or_our_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zarr_shards, "MANY_CHUNKS", 2)
    pixels = RNG.integers(0, 9, (40, 70, 3), np.uint8)
    codecs = [Codec.BLOSC, Codec.ZSTD, Codec.GZIP]
    outcomes = {"picture": 0, "error": 0}
    for codec in codecs:
        options = WriteOptions(tile_size=16, compression=codec, overwrite=True)
        good = write(array_reader(pixels), tmp_path / "a.ozx", options).path.read_bytes()
        for _ in range(150):
            data = bytearray(good)
            for place in RNG.integers(0, len(data), RNG.integers(1, 20)):
                data[place] = RNG.integers(0, 256)
            if RNG.random() < 0.2:
                del data[RNG.integers(0, len(data)) :]
            (tmp_path / "b.ozx").write_bytes(data)
            outcomes[outcome(tmp_path / "b.ozx")] += 1
    assert outcomes["error"] > 50
    assert outcomes["picture"] > 10


HOSTILE: list[Any] = [
    None, True, -1, 0, 1 << 62, 10**400, 1.5, 1e308, "", "x", "../..", "NaN", [], {}, [[]], [0],
    {"a": 1},
]  # fmt: skip


def _places(node: Any, trail: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys = node.keys() if isinstance(node, dict) else range(len(node))
    for key in keys:
        yield (*trail, key)
        if isinstance(node[key], dict | list):
            yield from _places(node[key], (*trail, key))


@pytest.mark.parametrize("each", [1, pytest.param(len(HOSTILE), marks=pytest.mark.slow)])
@pytest.mark.parametrize("version", list(OmeVersion))
def test_every_fact_of_the_metadata_may_be_hostile(
    tmp_path: Path, version: OmeVersion, each: int
) -> None:
    source = array_reader(RNG.integers(0, 9, (2, 2, 20, 24, 3), np.uint8), "czyxs")
    source.info = replace(
        source.info, channels=(Channel("a", "#ff0000", (0, 1)), Channel("b")), mm_x=0.1, mm_y=0.1
    )
    path = write(source, tmp_path / "a.zarr", WriteOptions(tile_size=16, ome_version=version)).path
    names = ["zarr.json", "0/zarr.json"] if version is OmeVersion.V05 else [".zattrs", "0/.zarray"]
    pictures = 0
    for name in names:
        good = (path / name).read_text()
        for trail in _places(json.loads(good)):
            for value in RNG.choice(np.array(HOSTILE, dtype=object), each, replace=False):
                facts = json.loads(good)
                holder = functools.reduce(lambda node, key: node[key], trail[:-1], facts)
                holder[trail[-1]] = value
                (path / name).write_text(json.dumps(facts))
                pictures += outcome(path) == "picture"
        (path / name).write_text(good)
    assert pictures > 12 * each  # what is not needed is not insisted on
