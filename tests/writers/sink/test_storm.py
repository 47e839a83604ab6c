"""Interrupts as fast as they are handled: every call ends right in the end, nothing hangs."""

import os
from pathlib import Path

import pytest

from tests import preloaded
from tests.writers.sink import storm_worker

MODES = ("over", "mean", "max", "min", "sum", "weighted")


def storm(mode: str, interrupts: int, folder: Path) -> None:
    """Let a program go through so many; it fails by its own checks, or hangs."""
    done = preloaded.run(storm_worker.main, mode, interrupts, 1, folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout.splitlines()[-1].split()[1]) >= interrupts


@pytest.mark.timeout(330)
def test_a_storm_of_interrupts_harms_neither_a_sink_nor_its_outputs(tmp_path: Path) -> None:
    storm("weighted", 100, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("mode", MODES)
def test_a_long_storm_of_interrupts(mode: str, tmp_path: Path) -> None:
    """``ZIGGURAT_INTERRUPTS=16700`` makes it a hundred thousand over all modes."""
    storm(mode, int(os.environ.get("ZIGGURAT_INTERRUPTS", "1000")), tmp_path)
