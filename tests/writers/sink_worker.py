"""A program that lays tiles into a sink's store, alone or with a pool of workers.

    python sink_worker.py STORE JOB.json

The tests run it, so that workers start from a program of their own, as users' do.
"""

import json
import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np

import ziggurat

Tile = dict[str, Any]  # the arguments of addTile


def random_tiles(job: dict[str, Any]) -> Iterator[Tile]:
    """Tiles at random places, with random masks; of one seed they are always the same."""
    rng = np.random.default_rng(job["seed"])
    width, height, largest = job["width"], job["height"], job["largest"]
    for _ in range(job["count"]):
        h, w = (int(side) for side in rng.integers(8, largest, 2))
        tile = rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
        x, y = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
        yield {"tile": tile, "x": x, "y": y, "mask": rng.random((h, w)) < 0.7}


def grid_tiles(job: dict[str, Any]) -> Iterator[Tile]:
    """Tiles that cover an image without gap or overlap, off the store's grid, in random order."""
    rng = np.random.default_rng(job["seed"])
    columns = np.arange(0, job["width"], job.get("tile_width", 131))
    rows = np.arange(0, job["height"], job.get("tile_height", 97))
    places = [(int(x), int(y)) for y in rows for x in columns]
    for number in rng.permutation(len(places)):
        x, y = places[number]
        h = min(job.get("tile_height", 97), job["height"] - y)
        w = min(job.get("tile_width", 131), job["width"] - x)
        color = np.random.default_rng([job["seed"], int(number)])
        yield {"tile": color.integers(1, 256, (h, w, 3), dtype=np.uint8), "x": x, "y": y}


def growing_tiles(job: dict[str, Any]) -> Iterator[Tile]:
    """Tiles that make the image grow to the right, down, by axes, by bands and by dtype."""
    rng = np.random.default_rng(job["seed"])
    for number in rng.permutation(job["count"]):
        number = int(number)
        kind = number % 5
        bands = 4 if kind == 3 else 3
        dtype = np.uint16 if kind == 4 else np.uint8
        value = number % 200 + 1
        yield {
            "tile": np.full((40, 50, bands), value + (1000 if kind == 4 else 0), dtype),
            "x": number // 5 % 10 * 50,
            "y": number // 50 * 40,
            **({"z": number % 3} if kind == 1 else {"t": number % 2} if kind == 2 else {}),
        }


KINDS = {"random": random_tiles, "grid": grid_tiles, "growing": growing_tiles}


def lay(sink: ziggurat.Sink, job: dict[str, Any], worker: int, skip_written: bool = False) -> int:
    """Lay the tiles of one worker: every so-manieth of all."""
    done = {(t.x, t.y, t.width, t.height) for t in sink.tiles()} if skip_written else set()
    laid = 0
    for number, tile in enumerate(KINDS[job["kind"]](job)):
        height, width = tile["tile"].shape[:2]
        if number % job["workers"] != worker:
            continue
        if (tile["x"], tile["y"], width, height) in done:
            continue
        sink.addTile(**tile)
        laid += 1
    return laid


def main() -> None:
    path, job = sys.argv[1], json.loads(sys.argv[2])
    sink = ziggurat.new(path, mode="join")
    workers, method = job["workers"], job.get("method", "alone")
    numbers = range(workers)
    if method == "alone":  # one worker of several programs
        lay(sink, job, job["worker"], skip_written=True)
    elif method == "threads":
        with ThreadPoolExecutor(workers) as threads:
            list(threads.map(lambda number: lay(sink, job, number), numbers))
    elif method == "joblib":
        from joblib import Parallel, delayed

        Parallel(workers, backend="loky")(delayed(lay)(sink, job, number) for number in numbers)
    elif method == "futures":
        with ProcessPoolExecutor(workers) as pool:
            list(pool.map(lay, [sink] * workers, [job] * workers, numbers))
    else:
        with multiprocessing.get_context(method).Pool(workers) as pool:
            pool.starmap(lay, [(sink, job, number) for number in numbers], chunksize=1)


if __name__ == "__main__":
    main()
