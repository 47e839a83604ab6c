"""The end of a write as tasks: what it tells, and what it finds where the output is to be."""

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import OptionError, TargetExistsError, WriteError
from ziggurat.readers.io.objects import FolderObjects
from ziggurat.writers.tasks.desk import is_open, refuse_closed
from ziggurat.writers.tasks.ending import end


@pytest.mark.parametrize("suffix", [".zarr", ".tiff"])
def test_what_tasks_lose_is_what_one_loses(tmp_path: Path, suffix: str) -> None:
    with ziggurat.new() as sink:
        sink.addTile(np.ones((200, 100, 3), np.uint8))
        sink.addTile(np.ones((50, 50, 3), np.uint8), level=1)  # too small for a level
        sink.channelNames = ["one", "two"]  # of three
        report = sink.write(tmp_path / f"a{suffix}", tileSize=64)
        plan = sink.plan(tmp_path / f"b{suffix}", tileSize=64)
        for task in plan.tasks:
            task()
        ended = plan.finish()
    assert len(report.lost) > 1
    assert ended.lost == report.lost


def test_what_was_put_under_the_name_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    """Overwriting replaces a zarr hierarchy; what has taken its place since may be anything."""
    target = tmp_path / "a.zarr"
    with ziggurat.new() as sink:
        sink.addTile(np.ones((200, 100, 3), np.uint8))
        sink.write(target, tileSize=64)
        plan = sink.plan(target, tileSize=64, overwriteAllowed=True)
        for task in plan.tasks:
            task()
        shutil.rmtree(target)
        target.mkdir()
        (target / "thesis.txt").write_text("all of it")
        with pytest.raises(TargetExistsError, match="no zarr store"):
            plan.finish()
        assert (target / "thesis.txt").read_text() == "all of it"
        plan.cancel()
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_what_is_to_be_checked_is_not_put_where_it_can_not_be() -> None:
    """Nobody reads a file on object storage again before it has its name there."""
    division: Any = SimpleNamespace(opened=SimpleNamespace(check=None))
    for given, own in ((print, None), (None, print)):
        division.opened.check = own
        with pytest.raises(OptionError, match="local disk first"):
            end(division, Any, "s3://bucket/a.tiff", None, None, given)


@pytest.mark.parametrize("suffix", [".zarr", ".tiff"])
def test_a_write_that_can_not_be_begun_leaves_nothing(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with ziggurat.new() as sink:
        sink.addTile(np.ones((20, 10, 3), np.uint8))
        with monkeypatch.context() as patch:
            patch.setattr(FolderObjects, "replace", full)
            with pytest.raises(WriteError, match="could not be begun"):
                sink.plan(tmp_path / f"a{suffix}")
        assert list(tmp_path.iterdir()) == []


def test_a_write_is_open_by_its_own_mark(tmp_path: Path) -> None:
    """On object storage all writes of one name have one place for it."""
    objects = FolderObjects(str(tmp_path))
    ours: Any = SimpleNamespace(name="abc123", parts=objects)
    theirs: Any = SimpleNamespace(name="def456", parts=objects)
    assert not is_open(ours)
    objects.replace("plan.json", b"abc123\n{}")
    assert is_open(ours)
    assert not is_open(theirs)
    refuse_closed(ours, "a.zarr")
    with pytest.raises(WriteError, match="finished or cancelled"):
        refuse_closed(theirs, "a.zarr")
