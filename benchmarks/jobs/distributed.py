"""Tiles from workers that share no memory: on a disk, on object storage, by Dask; and plans.

Object storage is moto's server in one process of this machine: it is the limit of those rows, and
what they compare is how much each contestant asks of it. Processor seconds of workers that are
started here include their start; those of Dask's workers are not in them.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.case import Case, Run, check, tree_size

SIDE, ROW, TOGETHER = 512, 8, 16  # tiles of 512², 64 of them, 16 a task
COUNT = ROW * ROW
ON_DISK = ("limit", "ours", "log", "tensorstore", "dask", "icechunk")
ON_S3 = ("ours", "tensorstore", "dask", "icechunk")


def _laid(workers: int, place: str, who: tuple[str, ...]) -> Case:
    return Case(
        name=f"512² RGB from {workers} worker{'s' * (workers > 1)}, {place}",
        work=COUNT,
        unit="tiles",
        contestants=who,
        limit="numpy copies into one memory map" if "limit" in who else "",
        values={"kind": "lay", "workers": workers, "place": place},
        quick=workers == 2,
        rounds=3,
    )


CASES = (
    *(_laid(workers, "disk", ON_DISK) for workers in (1, 2, 4)),
    *(_laid(workers, "object storage", ON_S3) for workers in (1, 2, 4)),
    *(
        Case(
            name=f"Dask tasks of {size} tile{'s' * (size > 1)}, 2 workers",
            work=COUNT,
            unit="tiles",
            contestants=("log",),
            values={"kind": "dask", "workers": 2, "size": size},
            quick=size in (1, 16),
            rounds=2,
            warmups=0,
        )
        for size in (1, 4, 16, 32)
    ),
    Case(
        name="2,000 Dask tasks that do nothing, 2 workers",
        work=2000,
        unit="tasks",
        contestants=("dask",),
        values={"kind": "empty", "workers": 2},
        rounds=2,
        warmups=0,
    ),
    Case(
        name="a write of 4096² in tasks, .zarr",
        work=48,
        unit="MiB",
        contestants=("ours",),
        values={"kind": "plan"},
        rounds=2,
        warmups=0,
    ),
)
_server: list[Any] = []  # moto's, kept while the harness runs


def prepare(case: Case) -> dict[str, Any]:
    """Return where the tiles are and, for object storage, where the server is."""
    from benchmarks.inputs import tiles

    found = {"tiles": str(tiles("uint8", SIDE))}
    if case.values.get("place") == "object storage":
        found["endpoint"] = _moto()
    return found


def _moto() -> str:
    import logging
    import urllib.request

    from moto.server import ThreadedMotoServer

    if not _server:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        _server.append(server)
    host, port = _server[0].get_host_and_port()
    url = f"http://{host}:{port}"
    for path, method in (("moto-api/reset", "POST"), ("bucket", "PUT")):
        urllib.request.urlopen(urllib.request.Request(f"{url}/{path}", method=method)).close()
    return url


class Places:
    """Where tiles go, and what they are."""

    def __init__(self, run: Run) -> None:
        self.tiles = np.load(run["tiles"])
        self.side = ROW * SIDE

    def place(self, number: int) -> tuple[int, int]:
        """Return x and y of a tile."""
        return number % ROW * SIDE, number // ROW * SIDE

    def tile(self, number: int) -> Any:
        """Return the pixels of a tile."""
        return self.tiles[number % len(self.tiles)]

    def check(self, read: Callable[[int, int], Any]) -> None:
        """Hold what was read against what was laid."""
        for number in range(COUNT):
            x, y = self.place(number)
            found = np.asarray(read(x, y))[..., :3]
            check(np.array_equal(found, self.tile(number)), f"other pixels at {x}, {y}")


def _environment(run: Run) -> None:
    if run.values.get("endpoint"):
        os.environ |= {
            "AWS_ENDPOINT_URL": run["endpoint"], "AWS_ACCESS_KEY_ID": "me",
            "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }  # fmt: skip


def _target(run: Run, name: str) -> str:
    """Return a place that nobody has used: the bucket outlives a run."""
    if run.values.get("endpoint"):
        return f"s3://bucket/{name}-{os.getpid()}"
    return str(run.folder / name)


def _by_processes(
    run: Run, work: Callable[..., Any], *arguments: Any, merge: Callable[[Any], None] | None = None
) -> None:
    """Let ``work`` lay its share in each worker, once all are there; merge what they tell."""
    context: Any = multiprocessing.get_context("spawn")
    of = run["workers"]
    gate, answers = context.Barrier(of + 1), context.SimpleQueue()
    values = (run.values, str(run.folder))
    workers = [
        context.Process(target=_worker, args=(work, values, arguments, n, gate, answers))
        for n in range(of)
    ]
    for worker in workers:
        worker.start()
    gate.wait(120)
    found: list[Any] = []
    with run.clock():
        taking = threading.Thread(target=lambda: found.extend(answers.get() for _ in workers))
        taking.start()
        for worker in workers:
            worker.join()
        taking.join(60)
        check(len(found) == of, "a worker failed")
        if merge is not None:
            merge([told for told, _ in found])
    run.note(laying_cpu=sum(spent for _, spent in found))


def _worker(
    work: Callable[..., Any], values: Any, arguments: Any, number: int, gate: Any, answers: Any
) -> None:
    run = Run(values[0], Path(values[1]))
    _environment(run)
    step = work(run, Places(run), *arguments)
    gate.wait(120)
    begin = time.process_time()
    tasks = range(number, COUNT // TOGETHER, run["workers"])
    told = [step(range(task * TOGETHER, (task + 1) * TOGETHER)) for task in tasks][-1:]
    answers.put((told, time.process_time() - begin))


def _numpy(run: Run, places: Places, path: str) -> Callable[[range], None]:
    del run
    array = np.lib.format.open_memmap(path, mode="r+")

    def step(numbers: range) -> None:
        for number in numbers:
            x, y = places.place(number)
            array[y : y + SIDE, x : x + SIDE] = places.tile(number)

    return step


def limit(run: Run) -> None:
    """Copy into one memory map."""
    places, path = Places(run), str(run.folder / "limit.npy")
    shape = (places.side, places.side, 3)
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    _by_processes(run, _numpy, path)
    places.check(lambda x, y: array[y : y + SIDE, x : x + SIDE])


def _sink(run: Run, places: Places, sink: Any) -> Callable[[range], None]:
    del run

    def step(numbers: range) -> None:
        with sink.task(numbers[0]) as task:
            for number in numbers:
                x, y = places.place(number)
                task.addTile(places.tile(number), x=x, y=y)

    return step


def _by_sink(run: Run, store: str | None) -> None:
    import ziggurat

    _environment(run)
    if run["kind"] != "lay":
        {"dask": _dask_tasks, "plan": _plan}[run["kind"]](run)
        return
    places = Places(run)
    size = places.side
    with ziggurat.new(
        _target(run, "store"), store=store, sizeX=size, sizeY=size, bands=3, dtype="uint8"
    ) as sink:
        _by_processes(run, _sink, sink)
        places.check(lambda x, y: _region(sink, x, y))


def _region(source: Any, x: int, y: int) -> Any:
    region = {"left": x, "top": y, "width": SIDE, "height": SIDE}
    return source.getRegion(region=region, format="numpy")[0]


def _dask_tasks(run: Run) -> None:
    """Lay tiles by tasks of Dask, some in each."""
    from dask.distributed import Client, LocalCluster

    import ziggurat

    places, size = Places(run), run["size"]
    with (
        LocalCluster(n_workers=run["workers"], threads_per_worker=1, dashboard_address=":0") as one,
        Client(one) as client,
        ziggurat.new(run.folder / "store", store="log") as sink,
    ):
        step = _sink(run, places, sink)
        client.wait_for_workers(run["workers"])
        client.run(_warm)
        with run.clock():
            tasks = [range(n, min(n + size, COUNT)) for n in range(0, COUNT, size)]
            client.gather([client.submit(step, task, pure=False) for task in tasks])
        places.check(lambda x, y: _region(sink, x, y))


def _warm() -> None:
    import ziggurat  # noqa: F401


def _plan(run: Run) -> None:
    """Write by tasks, one after the other: what one costs, and the end."""
    import ziggurat

    places = Places(run)
    with ziggurat.new(run.folder / "store", store="log") as sink:
        step = _sink(run, places, sink)
        for number in range(0, COUNT, TOGETHER):
            step(range(number, number + TOGETHER))
        plan = sink.plan(run.folder / "out.zarr", partBytes=12 << 20)
        with run.clock("tasks"):
            for task in plan.tasks:
                task()
        with run.clock("end"):
            plan.finish()
        run.note(tasks=plan.count, bytes=tree_size(run.folder / "out.zarr"))
    with ziggurat.open(run.folder / "out.zarr") as source:
        places.check(lambda x, y: _region(source, x, y))


def _tensorstore(run: Run, places: Places, spec: dict[str, Any]) -> Callable[[range], None]:
    import tensorstore

    del run
    array = tensorstore.open(spec).result()

    def step(numbers: range) -> None:
        futures = []
        for number in numbers:
            x, y = places.place(number)
            futures.append(array[y : y + SIDE, x : x + SIDE].write(places.tile(number)))
        for future in futures:
            future.result()

    return step


def tensorstore(run: Run) -> None:
    """Zarr v3 with tiles as chunks, ZSTD level 1."""
    import tensorstore

    _environment(run)
    places = Places(run)
    store: dict[str, Any] = {"driver": "file", "path": str(run.folder / "tensorstore")}
    if run.values.get("endpoint"):
        path = _target(run, "tensorstore").removeprefix("s3://bucket/") + "/"
        store = {"driver": "s3", "bucket": "bucket", "path": path, "endpoint": run["endpoint"]}
        store["aws_region"] = "us-east-1"
    spec = {"driver": "zarr3", "kvstore": store}
    zstd = {"name": "zstd", "configuration": {"level": 1}}
    chunk = {"name": "regular", "configuration": {"chunk_shape": [SIDE, SIDE, 3]}}
    metadata = {
        "shape": [places.side, places.side, 3], "data_type": "uint8", "chunk_grid": chunk,
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, zstd],
    }  # fmt: skip
    array = tensorstore.open({**spec, "metadata": metadata, "create": True}).result()
    _by_processes(run, _tensorstore, spec)
    places.check(lambda x, y: array[y : y + SIDE, x : x + SIDE].read().result())


def dask(run: Run) -> None:
    """Write blocks by ``to_zarr`` from workers of Dask; or do nothing, many times."""
    import dask.array
    import zarr
    from dask.distributed import Client, LocalCluster

    _environment(run)
    with (
        LocalCluster(n_workers=run["workers"], threads_per_worker=1, dashboard_address=":0") as one,
        Client(one) as client,
    ):
        client.wait_for_workers(run["workers"])
        client.run(_import_zarr)
        if run["kind"] == "empty":
            with run.clock():
                client.gather(client.map(_nothing, range(2000), pure=False))
            return
        places = Places(run)

        def block(block_id: tuple[int, ...]) -> Any:
            return places.tile(block_id[0] * ROW + block_id[1])

        chunks = ((SIDE,) * ROW, (SIDE,) * ROW, (3,))
        image = dask.array.map_blocks(block, chunks=chunks, dtype=np.uint8, meta=np.empty(0, "u1"))
        target = _target(run, "dask.zarr")
        options: Any = {}
        if "://" in target:
            options = {"storage_options": {"endpoint_url": run["endpoint"]}}
        with run.clock():
            image.to_zarr(target, **options)
        found = zarr.open_array(target, mode="r", **options)
        places.check(lambda x, y: found[y : y + SIDE, x : x + SIDE])


def _nothing(number: int) -> int:
    return number


def _import_zarr() -> None:
    import zarr  # noqa: F401


def _icechunk(run: Run, places: Places, session: Any) -> Callable[[range], Any]:
    import zarr

    del run
    array: Any = zarr.open_array(session.store, path="image")

    def step(numbers: range) -> Any:
        for number in numbers:
            x, y = places.place(number)
            array[y : y + SIDE, x : x + SIDE] = places.tile(number)
        return session

    return step


def icechunk(run: Run) -> None:
    """Write tiles in forks of one session, which is merged and committed."""
    import icechunk as ice
    import zarr

    _environment(run)
    places = Places(run)
    if run.values.get("endpoint"):
        prefix = _target(run, "icechunk").removeprefix("s3://bucket/")
        storage = ice.s3_storage(
            bucket="bucket", prefix=prefix, region="us-east-1", endpoint_url=run["endpoint"],
            allow_http=True, force_path_style=True, from_env=True,
        )  # fmt: skip
    else:
        storage = ice.local_filesystem_storage(str(run.folder / "icechunk"))
    repository = ice.Repository.create(storage)
    session = repository.writable_session("main")
    shape, chunks = (places.side, places.side, 3), (SIDE, SIDE, 3)
    zarr.create_array(session.store, name="image", shape=shape, chunks=chunks, dtype="uint8")
    session.commit("empty")
    session = repository.writable_session("main")

    def merge(forks: Any) -> None:
        session.merge(*(fork for said in forks for fork in said))
        session.commit("tiles")

    _by_processes(run, _icechunk, session.fork(), merge=merge)
    found: Any = zarr.open_array(repository.readonly_session("main").store, path="image", mode="r")
    places.check(lambda x, y: found[y : y + SIDE, x : x + SIDE])


CONTESTANTS = {
    "limit": limit,
    "ours": lambda run: _by_sink(run, None),
    "log": lambda run: _by_sink(run, "log"),
    "tensorstore": tensorstore,
    "dask": dask,
    "icechunk": icechunk,
}
