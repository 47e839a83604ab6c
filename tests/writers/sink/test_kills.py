"""Kills with a retry by key: the result is exactly that of one process that nobody killed."""

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import ziggurat

MODES = ("over", "mean", "max", "min", "sum", "weighted")


def tile(number: int, mode: str) -> dict[str, object]:
    """Return the arguments of one tile; in ``over`` none lies on another, as order would count."""
    rng = np.random.default_rng(number)
    if mode == "over":
        place = {"x": number % 10 * 30, "y": number // 10 % 10 * 30}
        pixels = np.random.default_rng(number % 100).integers(1, 200, (30, 30), dtype=np.uint16)
    else:
        place = {"x": int(rng.integers(0, 90)), "y": int(rng.integers(0, 60))}
        pixels = rng.integers(1, 200, (30, 30), dtype=np.uint16)
    weight = "hann" if mode == "weighted" else None
    return {"tile": pixels, **place, "key": ("tile", number), "weight": weight}


def kill_and_retry(mode: str, folder: Path, kills: int) -> None:
    """Kill a worker at a random moment, again and again; each lays all tiles from the start."""
    path = folder / mode
    ziggurat.new(path, blend=mode, tileSize=16, sizeX=64, sizeY=64, bands=1, dtype="int32").close()
    chance = random.Random(mode)
    for _ in range(kills):
        ready = os.pipe()
        child = os.fork()
        if child == 0:
            sink = ziggurat.new(path, mode="join")
            done = sum(1 for _ in sink.tiles())
            os.write(ready[1], b"x")
            for number in range(max(0, done - 3), done + 100_000):  # the last ones once more
                sink.addTile(**tile(number, mode))
        os.close(ready[1])  # the child's end alone is left: where it fails, the pipe ends
        assert os.read(ready[0], 1)
        os.close(ready[0])
        time.sleep(chance.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with (
        ziggurat.new(path, mode="join") as sink,
        ziggurat.new(blend=mode, tileSize=16, sizeX=64, sizeY=64, bands=1, dtype="int32") as alone,
    ):
        count = sum(1 for _ in sink.tiles()) + 1
        for number in range(max(0, count - 4), count):
            sink.addTile(**tile(number, mode))
        for number in range(count):
            alone.addTile(**tile(number, mode))
        assert [one.key for one in sink.tiles()] == [("tile", number) for number in range(count)]
        found, right = (one.getRegion(format="numpy")[0] for one in (sink, alone))
        assert np.array_equal(found, right)


@pytest.mark.parametrize("mode", ["sum", pytest.param("weighted", marks=pytest.mark.slow)])
def test_a_killed_worker_s_last_tile_counts_once(mode: str, tmp_path: Path) -> None:
    kill_and_retry(mode, tmp_path, 8)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("mode", MODES)
def test_many_kills_with_a_retry_by_key(mode: str, tmp_path: Path) -> None:
    kill_and_retry(mode, tmp_path, int(os.environ.get("ZIGGURAT_KILLS", "170")))
