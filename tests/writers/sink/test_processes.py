"""Many processes, one store: nothing lost, nothing twice, whoever dies."""

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat
from tests import preloaded
from tests.writers.sink import sink_worker as worker

METHODS = ("fork", "spawn", "forkserver", "threads", "joblib", "futures")


def run(path: Path | str, job: dict[str, Any]) -> None:
    done = preloaded.run(worker.main, str(path), job)
    assert done.returncode == 0, done.stderr


def pixels(path: Path | str, frame: int = 0) -> np.ndarray:
    return np.asarray(ziggurat.open(path).getRegion(format="numpy", frame=frame)[0])


def expected(job: dict[str, Any], mode: str) -> np.ndarray:
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


GRID = {"kind": "grid", "seed": 1, "width": 750, "height": 550}


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The image as laid by workers of every kind; they start from a program, as users' do."""
    stores = {method: tmp_path_factory.mktemp("laid") / method for method in METHODS}
    jobs = []
    for method, path in stores.items():
        ziggurat.new(path, sizeX=750, sizeY=550, bands=3, dtype="uint8", tileSize=128).close()
        alone = method in ("spawn", "forkserver", "joblib")  # half a second a worker
        workers = 1 if alone else 2
        jobs += [str(path), json.dumps({**GRID, "workers": workers, "method": method})]
    command = [sys.executable, worker.__file__, *jobs]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return stores


@pytest.mark.parametrize("method", METHODS)
def test_workers_of_every_kind_lay_one_image(method: str, laid: dict[str, Path]) -> None:
    assert np.array_equal(pixels(laid[method]), expected(GRID, "over"))


def test_sizes_need_not_be_known_before_the_workers_start(tmp_path: Path) -> None:
    path = tmp_path / "store"
    ziggurat.new(path, tileSize=128).close()
    job = {**GRID, "workers": 4, "method": "fork"}
    run(path, job)
    assert np.array_equal(pixels(path), expected(job, "over"))


def check_overlaps(
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
    assert np.array_equal(pixels(path), expected(job, mode))
    assert not list((path / ".ziggurat").glob("change.json"))


@pytest.mark.parametrize("mode", ["max", "sum", "over"])
def test_overlapping_tiles_of_eight_processes_equal_those_of_one(mode: str, tmp_path: Path) -> None:
    check_overlaps(tmp_path, mode, "fork", 5, 750, size=(600, 450))


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("mode", ["max", "sum", "over"])
def test_twenty_thousand_overlapping_tiles_twenty_times(
    mode: str, method: str, tmp_path: Path
) -> None:
    for repeat in range(int(os.environ.get("ZIGGURAT_REPEATS", "20"))):
        check_overlaps(tmp_path, mode, method, repeat, 20_000)


def begins_a_tile(child: preloaded.Child) -> bool:
    """Wait until it begins one more; return False where all are laid."""
    said = child.stdout.fileno()
    while select.select([said], [], [], 0)[0]:
        if not os.read(said, 4096):
            return False
    return bool(os.read(said, 4096))


def kill_and_resume(folder: Path, mode: str, kills: int, count: int, seed: int) -> None:
    """Kill random workers with SIGKILL while the others write; start new ones in their places.

    Each is killed a moment after it began a tile: in it, mostly.
    """
    path = folder / f"killed-{mode}"
    job = {
        "kind": "grid" if mode == "over" else "random",
        "seed": seed,
        "count": count,
        "width": 1500,
        "height": 1000,
        "largest": 60,
        "workers": 4,
        "tile_width": 30,
        "tile_height": 20,
        "pause": 0.015,
    }
    ziggurat.new(path, sizeX=1500, sizeY=1000, bands=3, blend=mode, tileSize=128).close()
    chance = random.Random(seed)

    def start(number: int) -> preloaded.Child:
        return preloaded.Child(worker.main, str(path), {**job, "worker": number})

    running = {number: start(number) for number in range(4)}
    killed = 0
    while killed < kills:
        number = chance.choice(list(running))
        if all(begins_a_tile(running[number]) for _ in range(chance.randrange(1, 4))):
            time.sleep(chance.uniform(0, 0.002))
            running[number].kill()
        ended = running.pop(number).end()
        assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
        if ended.returncode:
            killed += 1
            running[number] = start(number)
        assert running, f"the work was done after {killed} kills; give it more tiles"
    for process in running.values():
        done = process.end()
        assert done.returncode == 0, done.stderr
    with ziggurat.new(path, mode="join") as sink:
        assert len(list(sink.tiles())) == len(list(worker.KINDS[job["kind"]](job)))
        assert np.array_equal(pixels(path), expected(job, mode))


@pytest.mark.parametrize("mode", ["sum"])
def test_killed_workers_lose_nothing_but_the_tile_in_their_hands(mode: str, tmp_path: Path) -> None:
    kill_and_resume(tmp_path, mode, kills=12, count=400, seed=3)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", ["sum", "max", "over"])
def test_two_hundred_kills(mode: str, tmp_path: Path) -> None:
    kill_and_resume(tmp_path, mode, kills=200, count=10_000, seed=4)


def check_growth(folder: Path, method: str, seed: int) -> None:
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


def test_growth_in_every_direction_while_others_write(tmp_path: Path) -> None:
    check_growth(tmp_path, "fork", 2)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_growth_in_every_direction_twenty_times(method: str, tmp_path: Path) -> None:
    for seed in range(20):
        check_growth(tmp_path, method, seed)


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
        for _ in range(6):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                sink.addTile(np.ones((50, 50, 1), np.uint8), 300, 300)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.append(True)
        thread.join()
    assert sink.getPixel(region={"left": 310, "top": 310})["value"] == [6]
