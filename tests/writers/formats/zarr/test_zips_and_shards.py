"""How OME-Zarr outputs are kept: zips, shards, chunks that are left out or copied."""

import json
import zipfile
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tests.hooked import HookedArray
from tests.writers.formats.zarr.made import (
    RNG,
    VERSIONS,
    halved,
    hold,
    opened,
    out,
    picture,
    with_associated,
)
from ziggurat.readers.errors import OptionError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import write, write_levels
from ziggurat.writers.formats.zarr import shards as zarr_shards
from ziggurat.writers.model.levels import Copy, LevelPlan
from ziggurat.writers.model.options import WriteOptions


@pytest.mark.parametrize("name", ["a.zarr.zip", "a.ozx", "a.zip"])
def test_the_zip_is_as_rfc_9_wants_it(tmp_path: Path, name: str) -> None:
    reader = with_associated(array_reader(picture((200, 300, 3))))
    path = write(reader, tmp_path / name, WriteOptions(tile_size=64)).path
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
        comment = json.loads(archive.comment)
    assert comment == {
        "ome": {"version": "0.5", "zipFile": {"centralDirectory": {"jsonFirst": True}}}
    }
    assert names[0] == "zarr.json"
    documents = [n for n in names if n.endswith("zarr.json")]
    assert names[: len(documents)] == documents
    depths = [n.count("/") for n in documents]
    assert depths == sorted(depths)
    assert not list(tmp_path.glob(".ziggurat*"))


def test_a_zip_of_0_4_begins_with_its_group_too(tmp_path: Path) -> None:
    options = WriteOptions(ome_version=OmeVersion.V04)
    path = write(array_reader(picture((20, 30, 3))), tmp_path / "a.zarr.zip", options).path
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist()[:2] == [".zattrs", ".zgroup"]
        assert archive.comment == b""
    with pytest.raises(OptionError, match=r"ozx must be OME-Zarr 0\.5 or later, not 0\.4"):
        write(array_reader(picture((20, 30, 3))), tmp_path / "a.ozx", options)
    assert not (tmp_path / "a.ozx").exists()


@pytest.mark.parametrize("suffix", [".zarr", ".ozx"])
def test_shards_where_there_are_many_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(zarr_shards, "MANY_CHUNKS", 20)
    monkeypatch.setattr(zarr_shards, "SHARD_BYTES", 8 * 16 * 16 * 3)
    pixels = picture((200, 330, 3))
    pixels[32:48] = 0  # a row of chunks that is not stored at all
    pixels[64:80, 100:200] = 0  # some in a shard
    path = write(array_reader(pixels), out(tmp_path, suffix), WriteOptions(tile_size=16)).path
    group = opened(path)
    hold(group)
    assert group["0"].shards == (3, 16, 7 * 16)  # 21 columns in shards of 7
    assert group["0"].chunks == (3, 16, 16)
    expected = pixels
    for number in range(4):
        np.testing.assert_array_equal(group[str(number)][:].transpose(1, 2, 0), expected)
        expected = halved(expected)
    assert group["3"].shards is None
    if suffix == ".zarr":
        rows = {p.parent.name for p in (path / "0" / "c").rglob("*") if p.is_file()}
        assert rows == {str(n) for n in range(13) if n != 2}


@pytest.mark.parametrize(
    ("axes", "room", "shards"),
    [
        ("tzcyxs", 6 * 6, (1, 3, 2, 32, 48)),  # whole channels, and two z of five
        ("tzcyxs", 15 * 6 * 4, (4, 3, 5, 32, 48)),
        (
            "tzcyxs",
            5,
            (1, 1, 1, 16, 48),
        ),  # not even a frame: rows of chunks, of which a frame has one
        ("tzfgyxs", 20, (1, 1, 1, 32, 48)),  # folded axes keep frames apart
        ("tzfgyxs", 4 * 6, (1, 1, 1, 32, 48)),  # also where several would fit
    ],
)
def test_many_small_frames_share_shards(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    axes: str,
    room: int,
    shards: tuple[int, ...],
) -> None:
    monkeypatch.setattr(zarr_shards, "MANY_CHUNKS", 20)
    monkeypatch.setattr(zarr_shards, "SHARD_BYTES", room * 16 * 16)
    sizes = {"t": 4, "z": 5, "c": 3, "f": 2, "g": 2}
    shape = [sizes[name] for name in axes[:-3]]
    pixels = RNG.integers(0, 9, (*shape, 30, 40, 1), np.uint8)
    pixels[1] = 0
    path = write(array_reader(pixels, axes), out(tmp_path, ".ozx"), WriteOptions(tile_size=16)).path
    group = opened(path)
    hold(group)
    assert group["0"].shards == shards
    order = (0, 2, 1, 3, 4) if axes.startswith("tzc") else (0, 2, 3, 1, 4, 5)
    stored = pixels[..., 0].transpose(order)
    np.testing.assert_array_equal(group["0"][:].reshape(stored.shape), stored)
    with open_reader(path) as reader:
        last = reader.plane(0, reader.info.frames - 1).read(Rect(3, 4, 20, 21))
    np.testing.assert_array_equal(last, pixels.reshape(-1, 30, 40, 1)[-1, 4:25, 3:23])


def test_all_blank_chunks_are_absent(tmp_path: Path) -> None:
    pixels = np.zeros((128, 128, 3), np.uint8)
    pixels[:30, :30] = 9
    path = write(array_reader(pixels), out(tmp_path), WriteOptions(tile_size=32)).path
    files = {str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()}
    chunks = {name for name in files if "/c/" in name}
    assert chunks == {"0/c/0/0/0", "1/c/0/0/0", "2/c/0/0/0"}
    np.testing.assert_array_equal(opened(path)["0"][:].transpose(1, 2, 0), pixels)


def test_the_background_is_what_is_not_stored(tmp_path: Path) -> None:
    pixels = np.full((128, 128, 3), 255, np.uint8)
    pixels[:30, :30] = 9
    reader = array_reader(pixels)
    reader.info = replace(reader.info, background=(255.0, 255.0, 255.0))
    path = write(reader, out(tmp_path), WriteOptions(tile_size=32)).path
    chunks = [p for p in (path / "0").rglob("*") if p.is_file() and p.name != "zarr.json"]
    assert len(chunks) == 1
    np.testing.assert_array_equal(opened(path)["0"][:].transpose(1, 2, 0), pixels)


@pytest.mark.parametrize(
    ("compression", "source", "target"),
    [
        # each way of the versions with two codecs; with the others where there is time
        pytest.param(codec, one, two, marks=() if (a + b + c) % 2 else pytest.mark.slow)
        for (a, codec), (b, one), (c, two) in product(
            enumerate(["blosc", "zstd", "gzip", "none"]), enumerate(VERSIONS), enumerate(VERSIONS)
        )
    ],
)
def test_chunks_are_copied_as_they_are(
    tmp_path: Path, source: OmeVersion, target: OmeVersion, compression: str
) -> None:
    pixels = picture((2, 70, 90, 3), np.uint16)
    pixels[1, :32, :32] = 7
    given = array_reader(pixels, "zyxs")
    given.info = replace(given.info, background=(7, 7, 7))
    options = WriteOptions(tile_size=32, ome_version=source, compression=Codec(compression))
    first = write(given, tmp_path / "a.zarr", options).path
    with open_reader(first) as reader:
        levels = [
            LevelPlan(v.width, v.height, v.tile_width, v.tile_height, Copy(number), None)
            for number, v in enumerate(reader.info.levels)
        ]
        options = WriteOptions(ome_version=target)
        second = write_levels(reader, tmp_path / "b.zarr", levels, options).path
    group = opened(second)
    hold(group, target)
    np.testing.assert_array_equal(group["0"][:].transpose(1, 2, 3, 0), pixels)
    chunks = [
        sorted(p.read_bytes() for p in path.rglob("*") if p.is_file() and "z" not in p.name)
        for path in (first, second)
    ]
    assert chunks[0] == chunks[1]
    for number in range(3):
        np.testing.assert_array_equal(opened(first)[str(number)][:], group[str(number)][:])


def test_what_is_no_chunk_is_not_copied(tmp_path: Path) -> None:
    class Tiff(HookedArray):
        def encoded(self, level: int, frame: int) -> EncodedLevel:
            del level, frame
            form = TileFormat(Codec.WEBP, Photometric.RGB, 3, 8, "uint8")
            return EncodedLevel(form, 64, 64, 64, 64, 1, 1, lambda _c, _r: b"webp")

    pixels = picture((64, 64, 3))
    reader = Tiff(pixels, array_reader(pixels).info)
    with pytest.raises(OptionError, match="level 0 can't be copied into an OME-Zarr"):
        write_levels(
            reader, out(tmp_path), [LevelPlan(64, 64, 64, 64, Copy(0), None)], WriteOptions()
        )
    assert list(tmp_path.iterdir()) == []
