"""The end of a write as tasks: what it tells, and what it finds where the output is to be."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import TargetExistsError


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
