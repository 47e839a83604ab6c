"""Dask's workers lay tiles into a store of segments: killed, doubled, late, it changes nothing."""

import importlib
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).with_name("dask_run.py")


@pytest.fixture(scope="module")
def runner() -> Any:
    """The module beside, under a name by which workers find it, too."""
    import sys

    sys.path.insert(0, str(FILE.parent))
    try:
        yield importlib.import_module(FILE.stem)
    finally:
        sys.path.remove(str(FILE.parent))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["over", "mean", "max", "min", "sum", "weighted"])
def test_killed_workers_and_doubled_tasks(tmp_path: Path, mode: str, runner: Any) -> None:
    found = runner.killed_run(tmp_path, mode, 120, 3, workers=2)
    assert found["killed"] == 3
    assert found["equal"]
    assert found["written"]
    assert (found["tiles"], found["segments"]) == (120, 120)
    assert found["folders"] == ["log.json", "segments"]
    assert found["beside"] == []
