"""Merging segments changes what a store costs, and nothing of what is in it."""

import multiprocessing
import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import SinkError
from ziggurat.readers.formats.sink_store.log.layout import MERGED
from ziggurat.readers.formats.sink_store.log.segment import MAGIC, WHAT
from ziggurat.readers.io.framed import framed, parse_framed
from ziggurat.readers.io.objects import FolderObjects
from ziggurat.writers.sink.sink import Sink
from ziggurat.writers.store.log import compact as compacting

SEGMENTS = ".ziggurat/segments"


def _filled(path: Path, blend: str = "sum") -> Sink:
    """Return a store of 20 tiles that overlap, of one task, and of room that is reserved."""
    rng = np.random.default_rng(4)
    sink = ziggurat.new(path, store="log", blend=blend)
    for number in range(20):
        tile = rng.integers(0, 90, (40, 50, 3), np.uint8)
        sink.addTile(tile, x=number % 5 * 30, y=number // 5 * 25, key=number)
    with sink.task("t") as task:
        for number in range(3):
            task.addTile(np.full((20, 20, 3), number, np.uint8), x=40 * number, mask=np.eye(20) > 0)
    sink.reserve(200, 150)
    return sink


def _pixels(path: Path) -> Any:
    with ziggurat.open(path) as source:
        return source.getRegion(format="numpy")[0]


@pytest.mark.parametrize("blend", ["sum", "over", "mean"])
def test_merged_segments_are_the_same_image(tmp_path: Path, blend: str) -> None:
    with _filled(tmp_path / "s", blend) as sink:
        before, tiles = _pixels(tmp_path / "s"), list(sink.tiles())
        assert sink.compact() == 22
        assert sink.compact() == 0
        np.testing.assert_array_equal(_pixels(tmp_path / "s"), before)
        assert list(sink.tiles()) == tiles
        assert sink.hasKey(7)
        with ziggurat.new(tmp_path / "s", "join") as again:
            again.addTile(np.full((40, 50, 3), 99, np.uint8), key=7)  # tried again: it is in
            with again.task("t") as task:
                task.addTile(np.full((20, 20, 3), 99, np.uint8))
            assert list(again.tiles()) == tiles
            again.addTile(np.full((10, 10, 3), 5, np.uint8), key=100)
        assert len(list(sink.tiles())) == len(tiles) + 1
    assert before.shape == (151, 201, 3)


@pytest.mark.parametrize(
    ("told", "merged"),
    [("../../../victim", False), ("another", False), ("../../../victim", True)],
)
def test_a_forged_name_replaces_no_other_file(tmp_path: Path, told: str, merged: bool) -> None:
    """What a segment calls itself is the word of whoever wrote it."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    with ziggurat.new(tmp_path / "s", store="log") as sink:
        for key in range(3):
            sink.addTile(np.full((20, 20, 3), key, np.uint8), x=20 * key, key=key)
        first, *_ = sorted((tmp_path / "s" / SEGMENTS).iterdir())
        index, end = parse_framed(first.read_bytes(), "s", MAGIC, WHAT)
        (one,) = index["segments"]
        forged = framed(MAGIC, {"segments": [{**one, "name": told}]}, [first.read_bytes()[end:]])
        if merged:  # as if its writer had died before it put the stubs
            (tmp_path / "s" / MERGED).mkdir(exist_ok=True)
            first = tmp_path / "s" / MERGED / "m"
        first.write_bytes(forged)
        with pytest.raises(SinkError, match=r"invalid name|says that it is"):
            sink.compact()
    assert victim.read_text() == "precious"


def test_a_merged_store_is_opened_by_few_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _filled(tmp_path / "s").compact()
    read, names = FolderObjects.read, []

    def counted(self: FolderObjects, name: str, *place: Any) -> bytes:
        names.append(name)
        return read(self, name, *place)

    monkeypatch.setattr(FolderObjects, "read", counted)
    ziggurat.open(tmp_path / "s").close()
    assert len(names) == 2  # what was declared, and the merged object


def test_large_segments_stay_and_full_objects_are_put(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = _filled(tmp_path / "s")
    before = _pixels(tmp_path / "s")
    sizes = [file.stat().st_size for file in (tmp_path / "s" / SEGMENTS).iterdir()]
    monkeypatch.setattr(compacting, "SMALL", max(sizes) - 1)
    monkeypatch.setattr(compacting, "FULL", 20_000)
    assert sink.compact() == sum(size < max(sizes) for size in sizes)
    assert len(list((tmp_path / "s" / ".ziggurat/merged").iterdir())) > 1
    np.testing.assert_array_equal(_pixels(tmp_path / "s"), before)


def _compact_and_die(path: Path, after: int) -> None:
    """Merge, and die at the n-th object that is put."""
    put = 0

    def counted(kind: Any) -> Any:
        def call(*names: Any) -> None:
            nonlocal put
            put += 1
            if put == after:
                os.kill(os.getpid(), signal.SIGKILL)
            kind(*names)

        return call

    os.replace, os.link = counted(os.replace), counted(os.link)
    with ziggurat.new(path, "join") as sink:
        sink.compact()


@pytest.mark.parametrize("after", [1, 2, 9, 23])
def test_a_kill_in_the_middle_loses_nothing(tmp_path: Path, after: int) -> None:
    with _filled(tmp_path / "s") as sink:
        before, tiles = _pixels(tmp_path / "s"), list(sink.tiles())
        worker = multiprocessing.get_context("fork").Process(
            target=_compact_and_die, args=(tmp_path / "s", after)
        )
        worker.start()
        worker.join(60)
        assert worker.exitcode == -signal.SIGKILL
        for _ in range(2):
            np.testing.assert_array_equal(_pixels(tmp_path / "s"), before)
            assert list(sink.tiles()) == tiles
            with ziggurat.new(tmp_path / "s", "join") as again:
                again.compact()
    stored = sum(file.stat().st_size for file in (tmp_path / "s" / SEGMENTS).iterdir())
    assert stored < 22 * 200  # nothing but stubs


def test_readers_at_work_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is open sees its own tiles; those that open meanwhile see all of them."""
    with _filled(tmp_path / "s") as sink:
        before = _pixels(tmp_path / "s")
        opened = ziggurat.open(tmp_path / "s")
        seen, wrong = [], []
        go_on, looked = threading.Event(), threading.Event()

        def look() -> None:
            while not go_on.is_set():
                pixels = _pixels(tmp_path / "s")
                seen.append(1)
                looked.set()
                if not np.array_equal(pixels, before):
                    wrong.append(pixels)

        replace = FolderObjects.replace

        def slowly(self: FolderObjects, name: str, data: bytes) -> None:
            looked.clear()
            looked.wait(30)
            replace(self, name, data)

        monkeypatch.setattr(FolderObjects, "replace", slowly)
        reader = threading.Thread(target=look)
        reader.start()
        try:
            assert sink.compact() == 22
        finally:
            go_on.set()
            reader.join()
        assert not wrong
        assert len(seen) > 20
        np.testing.assert_array_equal(opened.getRegion(format="numpy")[0], before)
        opened.close()


def test_an_index_that_moves_away_between_two_reads_of_it_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long index is read in two pieces; a stub that takes its place has no second one."""
    path = tmp_path / "s"
    with _filled(path) as sink:
        with sink.task("many") as task:
            for number in range(400):
                task.addTile(np.ones((1, 1, 3), np.uint8), x=number % 20, y=number // 20)
        before = _pixels(path)
        read = FolderObjects.read
        merged: list[int] = []

        def read_slowly(
            self: FolderObjects, name: str, start: int = 0, length: int | None = None
        ) -> bytes:
            if start and name.startswith(SEGMENTS) and not merged:
                merged.append(1)
                assert sink.compact() == 23
            return read(self, name, start, length)

        monkeypatch.setattr(FolderObjects, "read", read_slowly)
        np.testing.assert_array_equal(_pixels(path), before)
        assert merged


def test_a_damaged_segment_is_told_and_stays(tmp_path: Path) -> None:
    with _filled(tmp_path / "s") as sink:
        file = sorted((tmp_path / "s" / SEGMENTS).iterdir())[3]
        data = bytearray(file.read_bytes())
        data[-5] ^= 1
        file.write_bytes(data)
        with pytest.raises(SinkError, match=r"could not be merged: .* is damaged"):
            sink.compact()
        assert file.read_bytes() == data
        assert len(list(sink.tiles())) == 23


def test_a_mapped_store_has_nothing_to_merge() -> None:
    with ziggurat.new() as sink:
        sink.addTile(np.zeros((9, 9), np.uint8))
        assert sink.compact() == 0
