"""Many processes, one store: nothing lost, nothing twice, whoever dies."""

import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import ziggurat

WORKER = Path(__file__).with_name("sink_worker.py")
METHODS = ("fork", "spawn", "forkserver", "threads", "joblib", "futures")


@pytest.fixture(scope="module")
def worker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sink_worker", WORKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(path: Path | str, job: dict[str, Any]) -> None:
    result = subprocess.run(
        [sys.executable, str(WORKER), str(path), json.dumps(job)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr


def start(path: Path | str, job: dict[str, Any]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(WORKER), str(path), json.dumps(job)])


def pixels(path: Path | str, frame: int = 0) -> np.ndarray:
    return np.asarray(ziggurat.open(path).getRegion(format="numpy", frame=frame)[0])


def expected(worker: ModuleType, job: dict[str, Any], mode: str) -> np.ndarray:
    """Return what plain NumPy makes of the same tiles, one after the other."""
    dtype = np.int64 if mode == "sum" else np.uint8
    image = np.zeros((job["height"], job["width"], 3), dtype)
    combine = {
        "max": np.maximum,
        "sum": np.add,
        "over": lambda _, new: new,
    }[mode]
    for tile in worker.KINDS[job["kind"]](job):
        h, w = tile["tile"].shape[:2]
        view = image[tile["y"] : tile["y"] + h, tile["x"] : tile["x"] + w]
        mask = tile.get("mask", np.ones((h, w), bool))[..., np.newaxis]
        view[...] = np.where(mask, combine(view, tile["tile"].astype(dtype)), view)
    return image


GRID = {"kind": "grid", "seed": 1, "width": 1500, "height": 1100}


@pytest.mark.parametrize("method", METHODS)
def test_workers_of_every_kind_lay_one_image(
    method: str, worker: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "store"
    ziggurat.new(path, sizeX=1500, sizeY=1100, bands=3, dtype="uint8", tileSize=256).close()
    job = {**GRID, "workers": 2, "method": method}
    run(path, job)
    assert np.array_equal(pixels(path), expected(worker, job, "over"))


def test_sizes_need_not_be_known_before_the_workers_start(
    worker: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "store"
    ziggurat.new(path, tileSize=256).close()
    job = {**GRID, "workers": 4, "method": "fork"}
    run(path, job)
    assert np.array_equal(pixels(path), expected(worker, job, "over"))


def check_overlaps(
    worker: ModuleType,
    folder: Path,
    mode: str,
    method: str,
    seed: int,
    count: int,
    size: tuple[int, int] = (1200, 900),
) -> None:
    path = folder / f"{mode}-{method}-{seed}"
    job = {
        "kind": "grid" if mode == "over" else "random",
        "seed": seed,
        "count": count,
        "width": size[0],
        "height": size[1],
        "largest": 48,
        "workers": 8,
        "method": method,
        "tile_width": 13,
        "tile_height": 11,
    }
    shape = {"sizeX": size[0], "sizeY": size[1], "bands": 3}
    ziggurat.new(path, **shape, blend=mode, tileSize=128).close()
    run(path, job)
    assert np.array_equal(pixels(path), expected(worker, job, mode))
    assert not list((path / ".ziggurat").glob("change.json"))


@pytest.mark.parametrize("mode", ["max", "sum", "over"])
def test_overlapping_tiles_of_eight_processes_equal_those_of_one(
    mode: str, worker: ModuleType, tmp_path: Path
) -> None:
    check_overlaps(worker, tmp_path, mode, "fork", 5, 750, size=(600, 450))


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("mode", ["max", "sum", "over"])
def test_twenty_thousand_overlapping_tiles_twenty_times(
    mode: str, method: str, worker: ModuleType, tmp_path: Path
) -> None:
    for repeat in range(int(os.environ.get("ZIGGURAT_REPEATS", "20"))):
        check_overlaps(worker, tmp_path, mode, method, repeat, 20_000)


def kill_and_resume(
    worker: ModuleType, folder: Path, mode: str, kills: int, count: int, seed: int
) -> None:
    """Kill random workers with SIGKILL while the others write; start new ones in their places."""
    path = folder / f"killed-{mode}"
    job = {
        "kind": "grid" if mode == "over" else "random",
        "seed": seed,
        "count": count,
        "width": 3000,
        "height": 2000,
        "largest": 60,
        "workers": 4,
        "tile_width": 7,
        "tile_height": 6,
    }
    ziggurat.new(path, sizeX=3000, sizeY=2000, bands=3, blend=mode, tileSize=128).close()
    chance = random.Random(seed)
    running = {number: start(path, {**job, "worker": number}) for number in range(4)}
    killed = 0
    deadline = time.monotonic() + 60 + 3 * kills
    while running:
        assert time.monotonic() < deadline, "a survivor hangs"
        time.sleep(chance.uniform(0.4, 1.0) if killed < kills else 0.1)
        if killed < kills:
            number = chance.choice(list(running))
            running[number].send_signal(signal.SIGKILL)
            running[number].wait()
            killed += 1
            running[number] = start(path, {**job, "worker": number})
        for number, process in list(running.items()):
            if process.poll() is not None:
                if process.returncode == -signal.SIGKILL:
                    running[number] = start(path, {**job, "worker": number})
                    continue
                assert process.returncode == 0
                del running[number]
    assert killed == kills, f"the work was done after {killed} kills; give it more tiles"
    with ziggurat.new(path, mode="join") as sink:
        assert len(list(sink.tiles())) == len(list(worker.KINDS[job["kind"]](job)))
        assert np.array_equal(pixels(path), expected(worker, job, mode))


@pytest.mark.parametrize("mode", ["sum"])
def test_killed_workers_lose_nothing_but_the_tile_in_their_hands(
    mode: str, worker: ModuleType, tmp_path: Path
) -> None:
    kill_and_resume(worker, tmp_path, mode, kills=4, count=2500, seed=3)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", ["sum", "max", "over"])
def test_two_hundred_kills(mode: str, worker: ModuleType, tmp_path: Path) -> None:
    kill_and_resume(worker, tmp_path, mode, kills=200, count=100_000, seed=4)


def check_growth(worker: ModuleType, folder: Path, method: str, seed: int) -> None:
    path = folder / f"{method}-{seed}"
    ziggurat.new(path, tileSize=64).close()
    job = {"kind": "growing", "seed": seed, "count": 500, "workers": 4, "method": method}
    run(path, job)
    source = ziggurat.open(path)
    assert (source.bandCount, str(source.dtype)) == (4, "uint16")
    assert source.frames == 6
    seen = 0
    for tile in worker.growing_tiles(job):
        place = {axis: tile[axis] for axis in ("z", "t") if axis in tile}
        frame = source.axesToFrame(**place)
        region = {"left": tile["x"], "top": tile["y"], "width": 50, "height": 40}
        found = source.getRegion(region=region, frame=frame, format="numpy")[0]
        color = int(tile["tile"][0, 0, 0])
        assert (found[..., :3] == color).all()
        assert (found[..., 3] == found[0, 0, 3]).all()
        assert found[0, 0, 3] in (255, 65535, color)  # opaque, or the tile's own alpha
        seen += 1
    assert seen == 500


def test_growth_in_every_direction_while_others_write(worker: ModuleType, tmp_path: Path) -> None:
    check_growth(worker, tmp_path, "fork", 2)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_growth_in_every_direction_twenty_times(
    method: str, worker: ModuleType, tmp_path: Path
) -> None:
    for seed in range(20):
        check_growth(worker, tmp_path, method, seed)


def test_a_data_loader_worker_lays_tiles_from_a_thread_of_a_fork(tmp_path: Path) -> None:
    """What torch's workers do: a forked child, and threads in it, while the parent lays too."""
    import threading

    sink = ziggurat.new(tmp_path / "store", sizeX=400, sizeY=200, bands=1, dtype="uint8")
    sink.addTile(np.full((100, 100), 1, np.uint8), 0, 0)
    child = os.fork()
    if child == 0:
        thread = threading.Thread(
            target=sink.addTile, args=(np.full((100, 100), 2, np.uint8), 100, 0)
        )
        thread.start()
        thread.join(20)
        os._exit(thread.is_alive())
    sink.addTile(np.full((100, 100), 3, np.uint8), 200, 0)
    assert os.waitpid(child, 0)[1] == 0
    row = sink.getRegion(format="numpy")[0][0, :, 0]
    assert row.tolist() == [1] * 100 + [2] * 100 + [3] * 100 + [0] * 100


def test_a_fork_while_a_thread_holds_locks_can_still_lay_tiles(tmp_path: Path) -> None:
    sink = ziggurat.new(tmp_path / "store", sizeX=400, sizeY=400, blend="sum", tileSize=64)
    sink.addTile(np.ones((8, 8, 1), np.uint8))
    stop: list[Any] = []

    def busy() -> None:
        while not stop:
            sink.addTile(np.ones((200, 200, 1), np.uint8))

    import threading

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                sink.addTile(np.ones((50, 50, 1), np.uint8), 300, 300)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.append(True)
        thread.join()
    assert sink.getPixel(region={"left": 310, "top": 310})["value"] == [20]
