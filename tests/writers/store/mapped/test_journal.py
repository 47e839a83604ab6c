"""The journal: what is cut short costs itself alone, and a full disk is an error of its own."""

import errno
import functools
import os
import resource
import signal
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import ScratchFullError
from ziggurat.writers.store.mapped import journal as journals
from ziggurat.writers.store.mapped.journal import SIZE, Journal, pack_key, pack_record

FEW = 16  # records that are looked at together
MANY = SIZE * FEW - 60  # what is looked at together ends in the middle of a record
TILE = np.full((16, 16), 5, np.uint8)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    (tmp_path / ".ziggurat").mkdir()
    return Journal(tmp_path)


def record(x: int) -> bytes:
    return pack_record((x, 2, 3, 4), [5], [1], masked=False)


@functools.cache
def records(count: int) -> bytes:
    return b"".join(record(n) for n in range(2, 2 + count))


@pytest.mark.parametrize(
    ("torn", "after"),
    [
        *product([1, 7, 127, 128, 129, 300], [0, 1, 5, 9000]),
        *product([MANY, 3 * MANY], [0, 1, 5, 900]),
    ],
)
def test_what_is_torn_costs_itself_alone(
    journal: Journal, torn: int, after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if torn >= MANY:
        monkeypatch.setattr(journals, "_PIECE", FEW)
    journal.append(record(1))
    with (tmp_path / ".ziggurat" / "journal").open("ab") as file:
        file.write((record(99)[:100] * (torn // 100 + 1))[:torn])
    assert journal.records()["x"].tolist() == [1]
    whole = records(after)
    with (tmp_path / ".ziggurat" / "journal").open("ab") as file:
        file.write(whole)
    expected = list(range(1, 2 + after))
    assert journal.records()["x"].tolist() == expected
    assert [x for piece, _ in journal.pieces() for x in piece["x"].tolist()] == expected
    journal.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None])
def test_no_room_is_said_and_what_comes_next_is_in(
    journal: Journal, number: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(record(1))
    real = os.write
    calls = []

    def write(descriptor: int, data: bytes) -> int:
        calls.append(len(data))
        if number is not None:
            raise OSError(number, "no room")
        return real(descriptor, data[:40])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        with pytest.raises(ScratchFullError, match="the tile is not in"):
            journal.append(record(2))
    assert calls[0] == SIZE
    journal.append(record(3))
    assert journal.records()["x"].tolist() == [1, 3]
    journal.close()


def test_other_errors_are_not_called_a_full_disk(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: object) -> int:
        raise OSError(errno.EIO, "the disk is broken")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        with pytest.raises(OSError, match="broken"):
            journal.append(record(2))
    journal.close()


def test_a_key_that_is_cut_off_before_its_tile_is_no_tile(journal: Journal) -> None:
    journal.append(pack_key(b'"a"', 77))
    assert not len(journal.records())
    assert not journal.has_key(77)
    journal.append(pack_key(b'"a"', 77) + pack_record((1, 2, 3, 4), [], [], masked=False, key=77))
    assert len(journal.records()) == 1
    assert journal.has_key(77)
    journal.close()


@pytest.mark.parametrize("kept", [1, 2])
def test_a_key_whose_tile_found_no_room_at_first_is_its_text_once(
    tmp_path: Path, kept: int
) -> None:
    key = "k" * 150  # two records and that of the tile
    with ziggurat.new(tmp_path / "s", store="mapped") as sink:
        sink.addTile(TILE, key="before")
        real = os.write
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "write", lambda file, data: real(file, data[: kept * SIZE]))
            with pytest.raises(ScratchFullError):
                sink.addTile(TILE, 16, key=key)
        assert not sink.hasKey(key)
        sink.addTile(TILE, 16, key=key)
        assert [tile.key for tile in sink.tiles()] == ["before", key]


@pytest.mark.parametrize("blend", ["over", "sum"])
def test_a_file_size_limit_loses_no_tile_that_is_laid_without_error(
    blend: str, tmp_path: Path
) -> None:
    path = tmp_path / "s"
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        sizes = {"sizeX": 160, "sizeY": 160, "bands": 1, "dtype": "uint8"}
        sink = ziggurat.new(path, tileSize=16, blend=blend, **sizes)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
        refused = 0
        for n in range(60):
            try:
                sink.addTile(TILE, n % 10 * 16, n // 10 * 16)
            except ScratchFullError:
                refused += 1
        os._exit(0 if refused == 60 - len(list(sink.tiles())) > 0 else 1)
    assert os.waitpid(child, 0)[1] == 0
    with ziggurat.new(path, mode="join") as sink:
        before = len(list(sink.tiles()))
        assert before >= 30
        for n in range(10):
            sink.addTile(TILE, n * 16, 144)
        assert len(list(sink.tiles())) == before + 10
        assert sink.isWritten(0, 144, 160, 16)


def test_a_blended_tile_without_room_for_its_record_leaves_its_neighbours_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ziggurat.new(tmp_path / "s", tileSize=16, blend="sum") as sink:
        sink.addTile(np.full((40, 40), 3, np.uint8))

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, "full")

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            with pytest.raises(ScratchFullError):
                sink.addTile(np.full((40, 40), 10, np.uint8), 5, 5)
        assert (sink.getRegion(format="numpy")[0][:40, :40] == 3).all()
        sink.addTile(np.full((40, 40), 10, np.uint8), 5, 5)
        assert sink.getRegion(format="numpy")[0][[0, 20, 44], [0, 20, 44], 0].tolist() == [
            3,
            13,
            10,
        ]
        assert len(list(sink.tiles())) == 2
