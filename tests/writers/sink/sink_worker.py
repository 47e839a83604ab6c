"""A program that lays tiles into a sink's store, alone or with a pool of workers.

    python sink_worker.py STORE JOB [STORE JOB ...]

The tests run it, so that workers start from a program of their own, as users' do. Jobs are JSON.
"""

import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np

import ziggurat

Tile = dict[str, Any]  # the arguments of addTile


Place = tuple[int, int, int, int]  # x, y, width, height
Wanted = Callable[[int, Place], bool]


def random_places(job: dict[str, Any]) -> list[Place]:
    """Places anywhere, over one another, each once: workers that resume know tiles by them."""
    rng = np.random.default_rng(job["seed"])
    h, w = rng.integers(8, job["largest"], (2, job["count"]))
    x, y = rng.integers(0, job["width"] - w), rng.integers(0, job["height"] - h)
    return list(dict.fromkeys(zip(x.tolist(), y.tolist(), w.tolist(), h.tolist(), strict=True)))


def grid_places(job: dict[str, Any]) -> list[Place]:
    """Places that cover an image without gap or overlap, off the store's grid, in random order."""
    width, height = job.get("tile_width", 131), job.get("tile_height", 97)
    places = [
        (x, y, min(width, job["width"] - x), min(height, job["height"] - y))
        for y in range(0, job["height"], height)
        for x in range(0, job["width"], width)
    ]
    order = np.random.default_rng(job["seed"]).permutation(len(places))
    return [places[number] for number in order]


def placed_tiles(
    job: dict[str, Any],
    wanted: Wanted | None = None,
) -> Iterator[Tile]:
    """Tiles at their places; of one seed they are always the same. Random ones have masks."""
    places = random_places(job) if job["kind"] == "random" else grid_places(job)
    for number, place in enumerate(places):
        if wanted and not wanted(number, place):
            continue
        x, y, w, h = place
        rng = np.random.default_rng([job["seed"], number])
        tile = {"tile": rng.integers(1, 256, (h, w, 3), dtype=np.uint8), "x": x, "y": y}
        if job["kind"] == "random":
            tile["mask"] = rng.random((h, w)) < 0.7
        yield tile


def growing_tiles(
    job: dict[str, Any],
    wanted: Wanted | None = None,
) -> Iterator[Tile]:
    """Tiles that make the image grow to the right, down, by axes, by bands and by dtype."""
    rng = np.random.default_rng(job["seed"])
    for turn, shuffled in enumerate(rng.permutation(job["count"])):
        number = int(shuffled)
        kind = number % 5
        place = (number % 20 * 50, number // 20 * 40, 50, 40)
        if wanted and not wanted(turn, place):
            continue
        value = number % 200 + 1 + (1000 if kind == 4 else 0)
        dtype = np.uint16 if kind == 4 else np.uint8
        yield {
            "tile": np.full((40, 50, 4 if kind == 3 else 3), value, dtype),
            "x": place[0],
            "y": place[1],
            **({"z": number % 3} if kind == 1 else {"t": number % 2} if kind == 2 else {}),
        }


KINDS = {"random": placed_tiles, "grid": placed_tiles, "growing": growing_tiles}


def lay(sink: ziggurat.Sink, job: dict[str, Any], worker: int, skip_written: bool = False) -> None:
    """Lay the tiles of one worker: every so-manieth of all."""
    done = {(t.x, t.y, t.width, t.height) for t in sink.tiles()} if skip_written else set()

    def mine(number: int, place: Place) -> bool:
        return number % job["workers"] == worker and place not in done

    for tile in KINDS[job["kind"]](job, mine):
        if "pause" in job:  # there is time to be killed, and it is known when
            time.sleep(job["pause"])
            print("tile", flush=True)
        sink.addTile(**tile)


def main(path: str, job: dict[str, Any]) -> None:
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
    for place, text in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        main(place, json.loads(text))
