"""Tiles laid by workers of Dask that are killed again and again, against one that lays them alone.

``python tests/writers/store/log/dask_run.py TILES KILLS [MODE …]`` runs it in any size.
"""

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import ziggurat

MODES = ("over", "mean", "max", "min", "sum", "weighted")
SIDE, STEP, ROW = 48, 31, 40  # tiles overlap, each with up to eight others
TOGETHER = 10


def tile_of(number: int) -> Any:
    """Return the pixels of a tile."""
    return np.random.default_rng(number).integers(0, 200, (SIDE, SIDE, 3), np.uint8)


def lay(sink: ziggurat.Sink, number: int, weight: str | None) -> None:
    """Lay one tile under its key."""
    x, y = number % ROW * STEP, number // ROW * STEP
    sink.addTile(tile_of(number), x=x, y=y, weight=weight, key=number)


def task(sink: ziggurat.Sink, first: int, last: int, weight: str | None) -> int:
    """One task: some tiles, one by one."""
    for number in range(first, last):
        lay(sink, number, weight)
    return first


def at_work(client: Any, cluster: Any, workers: int, gone: set[str]) -> list[Any]:
    """Wait until all workers are at work, or after half a minute two; return their nannies.

    One that is killed while it starts is not started again; and the scheduler lists a dead one for
    a while, so those that were killed are known by their addresses, ``gone``. On a busy machine
    Dask loses one now and then for good: the others go on.
    """
    begin = time.monotonic()
    while True:
        listed = client.scheduler_info(n_workers=-1)["workers"].keys() - gone
        nannies = [one for one in cluster.workers.values() if one.worker_address in listed]
        waited = time.monotonic() - begin
        if len(nannies) == workers or (waited > 30 and len(nannies) > 1):
            return nannies
        if waited > 300:
            raise TimeoutError(f"{len(nannies)} of {workers} workers are at work")
        time.sleep(0.2)


def killed_run(folder: Path, mode: str, tiles: int, kills: int, workers: int = 4) -> dict[str, Any]:
    """Lay all tiles by workers, each task twice; kill workers; return what there was to see."""
    import dask
    from dask.distributed import Client, LocalCluster, as_completed

    weight = "hann" if mode == "weighted" else None
    sink = ziggurat.new(folder / f"{mode}-log", store="log", blend=mode)
    chance = random.Random(mode)
    spans = [(n, min(n + TOGETHER, tiles)) for n in range(0, tiles, TOGETHER)] * 2
    chance.shuffle(spans)
    begin, dead, gone = time.perf_counter(), 0, set[str]()
    settings = {
        "distributed.scheduler.allowed-failures": 10 * kills + 10,
        # patience: a busy machine is no reason to take anybody for dead who was not killed
        "distributed.comm.timeouts.connect": "60s",
        "distributed.comm.timeouts.tcp": "600s",
        "distributed.scheduler.worker-ttl": None,
        "distributed.worker.multiprocessing-method": "forkserver",  # 20 starts, with all imports
        "distributed.deploy.lost-worker-timeout": "300s",
    }
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, death_timeout=300
        ) as cluster,
        Client(cluster) as client,
    ):
        futures = [client.submit(task, sink, *span, weight, pure=False) for span in spans]
        pause = max(1, len(spans) // (kills + 1))
        for done, _ in enumerate(as_completed(futures)):
            if done % pause == pause - 1 and dead < kills:
                victim = chance.choice(at_work(client, cluster, workers, gone))
                gone.add(victim.worker_address)
                os.kill(victim.pid, signal.SIGKILL)
                dead += 1
        sink.write(folder / f"{mode}.zarr", executor=client.get_executor(), tileSize=256)
    alone = ziggurat.new(blend=mode)
    for number in range(tiles):
        lay(alone, number, weight)
    ours, theirs = (one.getRegion(format="numpy")[0] for one in (sink, alone))
    with ziggurat.open(folder / f"{mode}.zarr") as written:
        output = written.getRegion(format="numpy")[0]
    names = sorted(path.name for path in (folder / f"{mode}-log" / ".ziggurat").iterdir())
    segments = list((folder / f"{mode}-log" / ".ziggurat/segments").iterdir())
    return {
        "mode": mode,
        "equal": bool(np.array_equal(ours, theirs)),
        "written": bool(np.array_equal(output, theirs)),
        "killed": dead,
        "tiles": sum(1 for _ in sink.tiles()),
        "segments": sum(path.name.startswith("k-") for path in segments),
        "others": [path.name for path in segments if not path.name.startswith("k-")],
        "folders": names,
        "beside": [path.name for path in folder.iterdir() if path.name.startswith(".")],
        "seconds": round(time.perf_counter() - begin, 1),
    }


if __name__ == "__main__":
    for asked in sys.argv[3:] or MODES:
        with tempfile.TemporaryDirectory() as place:
            print(killed_run(Path(place), asked, int(sys.argv[1]), int(sys.argv[2])), flush=True)
