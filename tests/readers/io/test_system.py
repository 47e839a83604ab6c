"""Where the system has no call of Linux's, the plain way gives the same."""

import os
import sys
from pathlib import Path

import psutil
import pytest

from ziggurat.readers.io.system import available_memory, copy_range, core_count, reserve


@pytest.fixture(params=["linux", "darwin"])
def platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", request.param)


def test_a_reserved_file_is_as_large_as_asked_and_keeps_what_it_holds(
    platform: None, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"kept")
    with path.open("r+b") as file:
        reserve(file.fileno(), 3_000_000)
        reserve(file.fileno(), 10)  # never shorter
    data = path.read_bytes()
    assert (len(data), data[:4], set(data[4:])) == (3_000_000, b"kept", {0})
    assert path.stat().st_blocks * 512 >= 3_000_000


def test_memory_that_is_free_is_what_psutil_says(platform: None) -> None:
    assert available_memory() == pytest.approx(psutil.virtual_memory().available, rel=0.2)


def test_cores_are_at_least_one(platform: None) -> None:
    assert core_count() >= 1


def test_where_nothing_can_be_copied_by_the_system_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    with (tmp_path / "a").open("rb") as source, (tmp_path / "b").open("w+b") as target:
        ends = source.fileno(), target.fileno()
        monkeypatch.setattr(sys, "platform", "darwin")
        assert copy_range(*ends, 4, 2, 0) == 0
        monkeypatch.undo()
        copied = copy_range(*ends, 4, 2, 0)
        assert os.pread(target.fileno(), 10, 0) == b"2345"[:copied]
