"""Tiles laid side by side into one image by several processes; everything is read back."""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.sharedctypes import Synchronized
from typing import Any, Protocol

import numpy as np

from benchmarks.case import Case, Run, check

WHO = ("limit", "ours", "tensorstore", "reference")
LAYOUTS = {  # name: dtype, side of the tiles, tiles in a row, pixels off the grid, in --quick
    "512² RGB aligned": ("uint8", 512, 12, 0, True),
    "512² RGB unaligned": ("uint8", 512, 12, 100, True),
    "256² float32 aligned": ("float32", 256, 24, 0, False),
}
CASES = tuple(
    Case(
        name=f"{name}, {processes} process{'es' * (processes > 1)}",
        work=count * count,
        unit="tiles",
        contestants=WHO,
        limit="numpy copies into one memory map",
        values={
            "dtype": dtype, "side": side, "count": count, "offset": offset, "processes": processes
        },
        quick=quick and processes < 4,
    )
    for name, (dtype, side, count, offset, quick) in LAYOUTS.items()
    for processes in (1, 2, 4)
)  # fmt: skip


def prepare(case: Case) -> dict[str, Any]:
    """Return where the tiles are."""
    from benchmarks.inputs import tiles

    return {"tiles": str(tiles(case.values["dtype"], case.values["side"]))}


class Layer(Protocol):
    """What lays tiles, and reads them back."""

    def lay(self, tile: Any, x: int, y: int) -> None:
        """Lay a tile."""

    def read(self, x: int, y: int, side: int) -> Any:
        """Return what lies in a square."""


class Numpy:
    """Copies into one big memory map."""

    def __init__(self, run: Run, shape: tuple[int, int, int], dtype: Any) -> None:
        place = run.folder / "limit.npy"
        self.array = np.lib.format.open_memmap(place, mode="w+", dtype=dtype, shape=shape)

    def lay(self, tile: Any, x: int, y: int) -> None:
        self.array[y : y + tile.shape[0], x : x + tile.shape[1]] = tile

    def read(self, x: int, y: int, side: int) -> Any:
        return self.array[y : y + side, x : x + side]


class Ours:
    """A sink of which all is known beforehand."""

    def __init__(self, run: Run, shape: tuple[int, int, int], dtype: Any) -> None:
        import ziggurat

        height, width, bands = shape
        self.sink = ziggurat.new(
            run.folder / "store", sizeX=width, sizeY=height, bands=bands, dtype=dtype
        )

    def lay(self, tile: Any, x: int, y: int) -> None:
        self.sink.addTile(tile, x, y)

    def read(self, x: int, y: int, side: int) -> Any:
        region = {"left": x, "top": y, "width": side, "height": side}
        return self.sink.getRegion(region=region, format="numpy")[0]


class Reference:
    """large_image's sink."""

    def __init__(self, run: Run, shape: tuple[int, int, int], dtype: Any) -> None:
        del run
        import large_image

        self.sink = large_image.new()
        height, width, bands = shape
        self.sink.addTile(np.zeros((1, 1, bands), dtype), x=width - 1, y=height - 1)

    def lay(self, tile: Any, x: int, y: int) -> None:
        self.sink.addTile(tile, x=x, y=y)

    def read(self, x: int, y: int, side: int) -> Any:
        region = {"left": x, "top": y, "width": side, "height": side}
        found = self.sink.getRegion(region=region, format="numpy")[0]
        return found[..., : self.sink.bandCount]


class Tensorstore:
    """Its zarr v3 driver with the same chunks and no codec, as ours."""

    def __init__(self, run: Run, shape: tuple[int, int, int], dtype: Any) -> None:
        chunk = [run["side"], run["side"], shape[2]]
        self.spec = {
            "driver": "zarr3",
            "kvstore": {"driver": "file", "path": str(run.folder / "tensorstore")},
        }
        metadata = {
            "shape": list(shape),
            "data_type": str(np.dtype(dtype)),
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        }
        self._open({**self.spec, "metadata": metadata, "create": True})
        del self.store  # its threads don't survive a fork, so workers are spawned and open anew
        self.process = 0

    def _open(self, spec: dict[str, Any]) -> None:
        import tensorstore

        self.store, self.process = tensorstore.open(spec).result(), os.getpid()

    def lay(self, tile: Any, x: int, y: int) -> None:
        if self.process != os.getpid():
            self._open(self.spec)
        self.store[y : y + tile.shape[0], x : x + tile.shape[1]].write(tile).result()

    def read(self, x: int, y: int, side: int) -> Any:
        if self.process != os.getpid():
            self._open(self.spec)
        return self.store[y : y + side, x : x + side].read().result()


Places = list[tuple[int, int]]


def _work(
    layer: Layer, tiles: Any, places: Places, share: int, of: int, gate: Any, done: Any
) -> None:
    gate.wait()
    for index in range(share, len(places), of):
        layer.lay(tiles[index % len(tiles)], *places[index])
    with done.get_lock():
        done.value += 1


def race_of(
    kind: Callable[[Run, tuple[int, int, int], Any], Layer], method: str
) -> Callable[[Run], None]:
    """Return a contestant that lays by a class, from processes started in a way."""

    def lay(run: Run) -> None:
        tiles = np.load(run["tiles"])
        side, count, offset = run["side"], run["count"], run["offset"]
        size, of = count * side + offset, run["processes"]
        places = [
            (c * side + offset, r * side + offset) for r in range(count) for c in range(count)
        ]
        layer = kind(run, (size, size, tiles.shape[3]), tiles.dtype)
        context: Any = multiprocessing.get_context(method)
        gate, done = context.Barrier(of + 1), context.Value("i", 0)
        workers = [
            context.Process(target=_work, args=(layer, list(tiles), places, n, of, gate, done))
            for n in range(of)
        ]
        for worker in workers:
            worker.start()
        gate.wait()  # all are there: what starting costs is not counted
        with run.clock():
            for worker in workers:
                worker.join()
        check(_count(done) == of, "a worker failed")
        for index, (x, y) in enumerate(places):
            expected = tiles[index % len(tiles)]
            check(np.array_equal(layer.read(x, y, side), expected), f"other pixels at {x}, {y}")

    return lay


def _count(done: "Synchronized[int]") -> int:
    return done.value


CONTESTANTS = {
    "limit": race_of(Numpy, "fork"),
    "ours": race_of(Ours, "fork"),
    "reference": race_of(Reference, "fork"),
    "tensorstore": race_of(Tensorstore, "spawn"),
}
