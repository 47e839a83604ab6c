"""Memory and order: what a write may take, and how tiles wait for their turn."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ziggurat.readers.errors import WriteError
from ziggurat.writers.model.levels import EncodedTile
from ziggurat.writers.model.options import WriteOptions
from ziggurat.writers.pyramid import budget as module
from ziggurat.writers.pyramid import spool
from ziggurat.writers.pyramid.budget import budget, free_memory
from ziggurat.writers.pyramid.spool import TileSorter


def test_the_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit, used = tmp_path / "memory.max", tmp_path / "memory.current"
    monkeypatch.setattr(module, "_CGROUP_LIMITS", (str(limit),))
    monkeypatch.setattr(module, "_CGROUP_USED", (str(used),))
    assert free_memory() > 0  # no such files: the machine's own
    limit.write_text("max\n")
    used.write_text("500\n")
    assert free_memory() == pytest.approx(psutil.virtual_memory().available, rel=0.2)
    limit.write_text("1500\n")
    assert free_memory() == 1000


def test_threads_and_tasks_follow_the_options() -> None:
    free = budget(WriteOptions(), 256 * 256 * 3)
    assert free.threads == len(os.sched_getaffinity(0))
    assert free.task_bytes >= 256 * 256 * 3
    tight = budget(WriteOptions(threads=8, max_memory=4 << 20), 256 * 256 * 3)
    assert tight.threads * tight.task_bytes * 3 <= 5 << 20
    one = budget(WriteOptions(max_memory=1 << 20), 64 << 20)
    assert one.threads == 1


def tiles(*places: Any) -> Iterator[Any]:
    for frame, level, text in places:
        yield EncodedTile(frame, level, 0, 0, None if text is None else text.encode())


@pytest.mark.parametrize(("room", "files"), [(16, []), (5, [".spool"]), (0, [".spool"])])
def test_tiles_wait_for_their_turn_in_memory_and_then_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, files: list[str]
) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", room)
    sorter = TileSorter(
        tiles(
            (0, 0, "a"), (0, 0, "b"), (0, 1, "small"), (0, 2, "tiny"), (0, 0, "c"), (0, 3, None),
            (1, 0, "next"), (1, 1, "x"),
        ),
        tmp_path,
    )  # fmt: skip
    assert list(sorter.level(0, 0, 3)) == [b"a", b"b", b"c"]
    assert [entry.name for entry in tmp_path.iterdir()] == files
    assert list(sorter.level(0, 1, 1)) == [b"small"]
    assert list(sorter.level(0, 2, 1)) == [b"tiny"]
    assert list(sorter.level(0, 3, 1)) == [b""]
    assert list(sorter.level(1, 0, 1)) == [b"next"]
    assert list(sorter.level(1, 1, 1)) == [b"x"]
    sorter.close()
    assert list(tmp_path.iterdir()) == []


def test_what_still_waits_in_the_file_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", 0)
    places = [(0, "a"), (2, "wait"), (1, "one"), (0, "b"), (2, "over"), (1, "two")]
    sorter = TileSorter(tiles(*((0, level, text) for level, text in places)), tmp_path)
    assert list(sorter.level(0, 0, 2)) == [b"a", b"b"]
    assert list(sorter.level(0, 1, 2)) == [b"one", b"two"]
    assert list(sorter.level(0, 2, 2)) == [b"wait", b"over"]
    sorter.close()


def test_a_write_that_takes_a_part_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", 0)
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda to, data, at: whole(to, data[:3], at))
    places = [(0, 1, "a long one"), (0, 1, "another"), (0, 0, "a")]
    sorter = TileSorter(tiles(*places), tmp_path)
    assert list(sorter.level(0, 0, 1)) == [b"a"]
    assert list(sorter.level(0, 1, 2)) == [b"a long one", b"another"]
    sorter.close()


def test_a_pyramid_that_ends_early_is_an_error(tmp_path: Path) -> None:
    sorter = TileSorter(tiles((0, 0, "a")), tmp_path)
    with pytest.raises(WriteError, match="level 0 ended before its last tile"):
        list(sorter.level(0, 0, 2))
    sorter.close()
