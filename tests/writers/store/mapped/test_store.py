"""The store: room, a full disk, cost of a tile, changes cut short."""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import ziggurat
from tests import preloaded
from ziggurat.readers.errors import (
    CorruptSourceError,
    ScratchFullError,
    SinkError,
    SourceError,
)
from ziggurat.readers.formats.sink_store.fit import grow_layout
from ziggurat.readers.formats.sink_store.layout import HeaderWord
from ziggurat.readers.formats.sink_store.reader import open_reader
from ziggurat.readers.io.location import locate
from ziggurat.writers.store import scratch
from ziggurat.writers.store.mapped import growth
from ziggurat.writers.store.tile_input import tile_input


def full(value: float, *shape: int, dtype: str = "uint8") -> np.ndarray:
    return np.full(shape, value, dtype)


def disk_bytes(path: str | Path) -> int:
    files = (p for p in Path(path).rglob("*") if p.is_file())
    return sum(p.stat().st_blocks * 512 for p in files)


def test_a_huge_image_takes_the_room_of_what_is_in_it(tmp_path: Path) -> None:
    sink = ziggurat.new(
        tmp_path / "s", sizeX=100_000, sizeY=100_000, bands=3, dtype="uint8", expectedCoverage=0.02
    )
    assert disk_bytes(sink.path) < 2**20  # nothing is laid out before a tile comes
    side = 2900  # the full test lays 2 % in one block; here it is a hundredth of that
    sink.addTile(full(7, side, side, 3), 30_000, 40_000)
    assert disk_bytes(sink.path) <= side * side * 3 * 1.5
    assert sink.sizeX == 100_000
    sink.close()


@pytest.mark.slow
def test_two_percent_of_a_huge_image_take_two_and_a_half_percent_of_its_room(
    tmp_path: Path,
) -> None:
    sink = ziggurat.new(
        tmp_path / "s", sizeX=100_000, sizeY=100_000, bands=3, dtype="uint8", expectedCoverage=0.025
    )
    assert disk_bytes(sink.path) < 2**20
    tile = full(7, 1024, 1024, 3)
    side = 14_336  # 2.06 % of all pixels
    for y in range(0, side, 1024):
        for x in range(0, side, 1024):
            sink.addTile(tile, 30_100 + x, 40_077 + y)
    assert disk_bytes(sink.path) <= 0.025 * 3e10
    sink.close()


def test_room_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    sizes = {"sizeX": 10**7, "sizeY": 10**7, "bands": 3, "dtype": "uint8"}
    with pytest.raises(ScratchFullError, match="GB are free"):
        ziggurat.new(tmp_path / "s", **sizes, expectedCoverage=1)
    assert not list(tmp_path.iterdir())
    ziggurat.new(tmp_path / "t", **sizes).close()  # nobody has said that it will be full
    ziggurat.new(tmp_path / "s", **sizes, expectedCoverage=1e-6).close()


def test_room_is_compared_when_it_is_reserved(tmp_path: Path) -> None:
    corner = {"tile": np.zeros((1, 1, 3), np.uint8), "x": 10**7, "y": 10**7}
    with ziggurat.new(tmp_path / "s", expectedCoverage=1) as sink:
        with pytest.raises(ScratchFullError, match="GB are free"):
            sink.addTile(**corner)
        sink.addTile(full(1, 4, 4, 3))
        assert sink.sizeX == 4
    with ziggurat.new(tmp_path / "t", expectedCoverage=1e-6) as sink:
        sink.addTile(**corner)
        assert sink.sizeX == 10**7 + 1


@pytest.mark.parametrize("blend", ["over", "sum"])
def test_a_full_disk_is_an_error_and_nothing_more(
    small_disk: Callable[[int], Path], blend: str
) -> None:
    disk = small_disk(8)
    sink = ziggurat.new(disk / "s", blend=blend, tileSize=256)
    laid = []

    def lay(number: int) -> None:
        sink.addTile(full(number + 1, 256, 256, 3), number % 10 * 256, number // 10 * 256)
        laid.append(number)

    with pytest.raises(ScratchFullError, match="no room"):
        list(map(lay, range(100)))
    assert 3 < len(laid) < 60
    assert len(list(sink.tiles())) == len(laid)
    for number in laid:
        region = {"left": number % 10 * 256, "top": number // 10 * 256, "width": 256, "height": 256}
        assert (sink.getRegion(region=region, format="numpy")[0] == number + 1).all()
    with pytest.raises(ScratchFullError):
        sink.addTile(full(1, 256, 256, 3), 256 * 11, 0)
    subprocess.run(["mount", "-o", "remount,size=128m", str(disk)], check=True)
    list(map(lay, range(len(laid), 40)))  # room was made: go on
    found = sink.getRegion(format="numpy")[0]
    assert [int(found[n // 10 * 256, n % 10 * 256, 0]) for n in range(40)] == list(range(1, 41))
    sink.close()


def test_a_full_disk_does_not_break_a_change_of_structure(
    small_disk: Callable[[int], Path],
) -> None:
    sink = ziggurat.new(small_disk(8) / "s", tileSize=256)
    for number in range(25):
        sink.addTile(full(number + 1, 256, 256, 3), number * 256, 0)
    with pytest.raises(ScratchFullError, match="no room to rewrite"):
        sink.addTile(full(1, 10, 10, 3, dtype="float64"))
    assert sink.dtype == np.uint8
    sink.addTile(full(99, 256, 256, 3))
    found = sink.getRegion(format="numpy")[0]
    assert found[0, ::256, 0].tolist() == [99, *range(2, 26)]
    sink.close()


COUNTER = """
import collections, os, sys
import numpy as np, ziggurat
counts = collections.Counter()
def audit(event, arguments):
    if event in ("os.listdir", "os.scandir"):
        counts["listing"] += 1
    elif event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        name = os.path.basename(os.fspath(arguments[0]))
        if str(name).endswith(".json") or ".json-" in str(name):
            counts["metadata"] += 1
    elif event in ("os.rename", "os.replace"):
        counts["rename"] += 1
known = sys.argv[1] == "known"
sizes = dict(sizeX=512, sizeY=512, bands=1, dtype="uint8", axes={"z": 10, "c": 10, "t": 10})
side = 512 if known else 64
with ziggurat.new(**(sizes if known else {}), tileSize=side) as sink:
    tile = np.ones((side, side), np.uint8)
    sink.addTile(tile, z=0, c=0, t=0)
    sys.addaudithook(audit)
    for n in range(1000):
        sink.addTile(tile, z=n // 100, c=n // 10 % 10, t=n % 10)
    print(counts["listing"], counts["metadata"], counts["rename"])
    assert sink.frames == 1000
"""


@pytest.mark.parametrize("known", ["known", "growing"])
def test_a_tile_costs_no_listing_and_no_metadata_write(known: str) -> None:
    memory = Path("/dev/shm")  # a quarter of a gigabyte need not go to a disk
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30
    environment = {"TMPDIR": str(memory)} if roomy else None
    result = preloaded.run(preloaded.code, COUNTER, known, environment=environment)
    assert result.returncode == 0, result.stderr
    listings, metadata, renames = map(int, result.stdout.split())
    assert listings == 0
    if known == "known":
        assert (metadata, renames) == (0, 0)
    else:  # zarr.json follows four times a second at most
        assert metadata <= 60
        assert renames <= 30


def test_a_mapped_chunk_is_bounded_in_number(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with ziggurat.new(tmp_path / "s", tileSize=16) as sink:
        for n in range(600):
            sink.addTile(full(n % 250 + 1, 20, 20), n * 16, 3)
        files = len(os.listdir("/proc/self/fd")) - before
        assert files < 400


def test_a_removed_store_says_so(tmp_path: Path) -> None:
    sink = ziggurat.new(tmp_path / "s", tileSize=64)
    sink.addTile(full(1, 64, 64))
    source = ziggurat.open(tmp_path / "s")
    shutil.rmtree(tmp_path / "s")
    with pytest.raises(SinkError, match="has been removed"):
        sink.addTile(full(1, 64, 64), 500, 0)
    with pytest.raises(SourceError, match="has been removed"):
        source.getRegion(format="numpy")
    for call in (
        lambda: sink.addAssociatedImage(full(1, 4, 4)),
        lambda: setattr(sink, "mm_x", 1),
        lambda: setattr(sink, "frameAxes", ["z"]),
        lambda: sink.flush(durable=True),
        lambda: sink.write(tmp_path / "a.tiff"),
        lambda: list(sink.tiles()),
        sink.getMetadata,
    ):
        with pytest.raises(SinkError, match="has been removed"):
            call()
    sink.close()
    assert not (tmp_path / "s").exists()


def test_a_damaged_store_says_so(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", tileSize=64) as sink:
        sink.addTile(full(1, 64, 64))
    chunk = tmp_path / "s" / "c.0.0.0"
    for damaged in (b"short", chunk.read_bytes() + b"long", b""):
        chunk.write_bytes(damaged)
        with (
            ziggurat.open(tmp_path / "s") as source,
            pytest.raises(CorruptSourceError, match=f"of {len(damaged)} bytes, not 4096"),
        ):
            source.getRegion(region={"width": 9, "height": 9}, format="numpy")
    sink = ziggurat.new(tmp_path / "s", mode="join")
    with pytest.raises(CorruptSourceError, match="not 4096 bytes"):
        sink.addTile(full(1, 4, 4))
    (tmp_path / "s" / ".ziggurat" / "structure.json").write_text("{")
    with pytest.raises(CorruptSourceError, match="structure"):
        open_reader(locate(tmp_path / "s"))


class Died(BaseException):
    """Stands for a process that ends in the middle."""


NUMBERS = {"replace": (0, 1, 2, 7, 12, 13, 14, 15), "unlink": (0, 5), "rmtree": (0,)}
NUMBERS |= {"write_json": (0, 1, 2), "unlink_announcement": (0,)}
STEPS = [(step, number) for step, numbers in NUMBERS.items() for number in numbers]


@pytest.mark.parametrize(
    ("step", "number", "change"),
    [
        # both together at each step, and one of them by turns
        pytest.param(*step, change, marks=() if m != n % 2 else pytest.mark.slow)
        for n, step in enumerate(STEPS)
        for m, change in enumerate(["axis", "bands", "both"])
    ],
)
def test_a_change_cut_short_anywhere_is_finished_or_forgotten(
    step: str, number: int, change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s"
    sink = ziggurat.new(path, tileSize=64)
    rng = np.random.default_rng(4)
    picture = rng.integers(0, 255, (150, 200, 3), dtype=np.uint8)
    sink.addTile(picture)
    tile = full(9, 10, 10, 3 if change == "axis" else 4)
    axes = {} if change == "bands" else {"z": 1, "t": 1}
    left = [number]

    def dying(real: Any) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            if not left[0]:
                raise Died
            left[0] -= 1
            return real(*arguments, **keywords)

        return call

    with monkeypatch.context() as patch:
        if step in ("replace", "unlink"):
            patch.setattr(growth.os, step, dying(getattr(os, step)))
        elif step == "unlink_announcement":
            patch.setattr(growth.Path, "unlink", dying(growth.Path.unlink))
        elif step == "rmtree":
            patch.setattr(growth.shutil, "rmtree", dying(growth.shutil.rmtree))
        else:
            patch.setattr(growth, "write_json", dying(growth.write_json))
        with contextlib.suppress(Died):
            sink.addTile(tile, 300, 0, **axes)
    survivor = ziggurat.new(path, mode="join")
    survivor.addTile(tile, 300, 0, **axes)
    found = survivor.getRegion(format="numpy")[0]
    assert np.array_equal(found[:150, :200, :3], picture)
    frame = survivor.axesToFrame(**axes) if axes else 0
    region = {"left": 300, "top": 0, "width": 10, "height": 10}
    assert (survivor.getRegion(region=region, frame=frame, format="numpy")[0][..., :3] == 9).all()
    assert sink.getRegion(format="numpy")[0].shape == found.shape
    sink.addTile(full(5, 10, 10, 3), 310, 0)
    names = {p.name for p in (path / ".ziggurat").iterdir()}
    assert not {"change.json", "next"} & names


@pytest.mark.parametrize("step", ["_lengthen_keys", "write_json"])
def test_a_change_cut_short_is_finished_before_another_one(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes next may be one who changes the structure, too, without laying a tile."""
    sink = ziggurat.new(tmp_path / "s", tileSize=64)
    picture = np.arange(100 * 100, dtype=np.uint8).reshape(100, 100)
    sink.addTile(picture)

    real, calls = getattr(growth, step), list[None]()

    def dying(*arguments: Any, **keywords: Any) -> None:
        if calls or step == "_lengthen_keys":
            raise Died
        calls.append(real(*arguments, **keywords))  # it is announced, and goes no further

    with monkeypatch.context() as patch, contextlib.suppress(Died):
        patch.setattr(growth, step, dying)
        sink.addTile(full(9, 10, 10, 3, dtype="uint16"), 100, 0)
    survivor = ziggurat.new(tmp_path / "s", mode="join")
    survivor.frameAxes = ["z"]
    assert (survivor.dtype, survivor.bandCount) == (np.uint16, 3)
    survivor.addTile(full(7, 10, 10, 3, dtype="uint16"), 0, 0, z=1)
    found = survivor.getRegion(format="numpy", frame=0)[0]
    assert np.array_equal(found[:100, :100], np.repeat(picture[..., np.newaxis], 3, 2))
    sink.close()
    survivor.close()


def test_zarr_opens_a_store_of_known_size_from_the_first_moment(tmp_path: Path) -> None:
    sink = ziggurat.new(tmp_path / "s", sizeX=100, sizeY=80, bands=3, dtype="uint8", tileSize=64)
    assert zarr.open_array(tmp_path / "s", mode="r").shape == (80, 100, 3)
    sink.addTile(full(7, 20, 30, 3), 50, 50)
    found = np.asarray(zarr.open_array(tmp_path / "s", mode="r")[...])
    assert np.array_equal(found, sink.getRegion(format="numpy")[0])
    assert (found == 7).sum() == 20 * 30 * 3


def test_a_reader_alone_does_not_guess_at_a_change_cut_short(tmp_path: Path) -> None:
    sink = ziggurat.new(tmp_path / "s", tileSize=64)
    sink.addTile(full(1, 64, 64))
    store = sink._store
    wanted = grow_layout(store.structure, tile_input(full(1, 4, 4, 3), 0, 0))
    announcement = {"structure": wanted.to_json(), "moves": {}}
    (tmp_path / "s" / ".ziggurat" / "change.json").write_text(json.dumps(announcement))
    store.header.words[HeaderWord.CHANGE] = 1
    with pytest.raises(CorruptSourceError, match="mode='join'"):
        open_reader(locate(tmp_path / "s"))


@pytest.mark.parametrize("axes", [{}, {"z": 1, "t": 2}], ids=["plain", "frames"])
@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("committed", [False, True])
def test_a_blended_tile_cut_short_is_in_wholly_or_not_at_all(
    committed: bool,
    same: bool,
    axes: dict[str, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Died, or interrupted: then the same sink goes on, also with the redo log of that tile."""
    path = tmp_path / "s"
    sink = ziggurat.new(path, blend="sum", tileSize=64)
    sink.addTile(full(1, 150, 150, 3), **axes)
    blender = sink._store.blender
    assert blender is not None

    def die(*arguments: object) -> None:
        raise Died

    target, name = (blender, "_apply") if committed else (sink._store.journal, "append")
    monkeypatch.setattr(target, name, die)
    with pytest.raises(Died):
        sink.addTile(full(10, 100, 100, 3), 20, 20, **axes)
    monkeypatch.undo()
    other = sink if same else ziggurat.new(path, mode="join")
    if same:  # elsewhere: it takes the log, and has to finish that tile first
        other.addTile(full(1, 64, 64, 3), 1000, 1000, **axes)
        assert not any(blender._marks)
    frame = other.frames - 1
    found = other.getRegion(format="numpy", frame=frame)[0]
    assert found[0, 0, 0] == 1
    assert (found[20:120, 20:120] == (11 if committed else 1)).all()
    assert len(list(other.tiles())) == 1 + committed + same
    other.addTile(full(100, 100, 100, 3), 20, 20, **axes)
    found = other.getRegion(format="numpy", frame=frame)[0]
    assert (found[20:120, 20:120] == (111 if committed else 101)).all()


def test_the_sweep_leaves_what_is_being_made(tmp_path: Path) -> None:
    young, old = tmp_path / f"{scratch.MAKING}1", tmp_path / f"{scratch.MAKING}2"
    foreign = tmp_path / f"{scratch.PREFIX}of-somebody"
    for folder in (young, old, foreign):
        folder.mkdir()
    long_ago = time.time() - 2 * scratch.ABANDONED_SECONDS
    os.utime(old, (long_ago, long_ago))
    scratch.sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([young, foreign])
