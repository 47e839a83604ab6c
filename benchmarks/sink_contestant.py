"""One run of one contestant of the sink's benchmark, in its own environment.

    python sink_contestant.py WHO TILES.npy COUNT OFFSET PROCESSES FOLDER

Lays COUNT² tiles side by side, the first corner OFFSET pixels off the grid, from PROCESSES
processes that start at the same moment; then reads everything back and compares.
"""

import json
import multiprocessing
import os
import shutil
import sys
import time

import numpy as np


class Numpy:
    """The limit: copies into one big memory map."""

    def __init__(self, folder, shape, dtype, _tile):
        self.array = np.lib.format.open_memmap(
            f"{folder}/limit.npy", mode="w+", dtype=dtype, shape=shape
        )

    def lay(self, tile, x, y):
        self.array[y : y + tile.shape[0], x : x + tile.shape[1]] = tile

    def read(self, x, y, w, h):
        return self.array[y : y + h, x : x + w]


class Ours:
    def __init__(self, folder, shape, dtype, _tile):
        import ziggurat

        height, width, bands = shape
        self.sink = ziggurat.new(
            f"{folder}/store", sizeX=width, sizeY=height, bands=bands, dtype=dtype
        )

    def lay(self, tile, x, y):
        self.sink.addTile(tile, x, y)

    def read(self, x, y, w, h):
        region = {"left": x, "top": y, "width": w, "height": h}
        return self.sink.getRegion(region=region, format="numpy")[0]


class Reference:
    def __init__(self, folder, shape, dtype, _tile):
        os.environ["TMPDIR"] = folder
        import large_image

        self.sink = large_image.new()
        height, width, bands = shape
        self.sink.addTile(np.zeros((1, 1, bands), dtype), x=width - 1, y=height - 1)

    def lay(self, tile, x, y):
        self.sink.addTile(tile, x=x, y=y)

    def read(self, x, y, w, h):
        region = {"left": x, "top": y, "width": w, "height": h}
        found = self.sink.getRegion(region=region, format="numpy")[0]
        return found[..., : self.sink.bandCount]


class Tensorstore:
    """Its zarr v3 driver with the same chunks and no codec, as ours."""

    def __init__(self, folder, shape, dtype, tile):
        self.spec = {
            "driver": "zarr3",
            "kvstore": {"driver": "file", "path": f"{folder}/tensorstore"},
        }
        metadata = {
            "shape": list(shape),
            "data_type": str(np.dtype(dtype)),
            "chunk_grid": {
                "name": "regular",
                "configuration": {"chunk_shape": [tile, tile, shape[2]]},
            },
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        }
        self._open({**self.spec, "metadata": metadata, "create": True})

    def _open(self, spec):
        import tensorstore

        self.store, self.pid = tensorstore.open(spec).result(), os.getpid()

    def lay(self, tile, x, y):
        if self.pid != os.getpid():
            self._open(self.spec)
        self.store[y : y + tile.shape[0], x : x + tile.shape[1]].write(tile).result()

    def read(self, x, y, w, h):
        self._open(self.spec)
        return self.store[y : y + h, x : x + w].read().result()


CONTESTANTS = {
    "limit": Numpy,
    "ours": Ours,
    "reference": Reference,
    "tensorstore": Tensorstore,
}


def worker(contestant, tiles, places, number, processes, barrier, span):
    barrier.wait()
    begin = time.perf_counter()
    for index in range(number, len(places), processes):
        x, y = places[index]
        contestant.lay(tiles[index % len(tiles)], x, y)
    span[2 * number], span[2 * number + 1] = begin, time.perf_counter()


def main():
    who, source, count, offset, processes, folder = sys.argv[1:7]
    count, offset, processes = int(count), int(offset), int(processes)
    tiles = list(np.load(source))
    side = tiles[0].shape[0]
    size = count * side + offset
    places = [(c * side + offset, r * side + offset) for r in range(count) for c in range(count)]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    # tensorstore's threads don't survive a fork: its workers are spawned, before the clock starts
    context = multiprocessing.get_context("spawn" if who == "tensorstore" else "fork")
    try:
        contestant = CONTESTANTS[who](folder, (size, size, tiles[0].shape[2]), tiles[0].dtype, side)
        if who == "tensorstore":
            del contestant.store
            contestant.pid = 0
        barrier, span = context.Barrier(processes), context.Array("d", 2 * processes)
        workers = [
            context.Process(
                target=worker, args=(contestant, tiles, places, n, processes, barrier, span)
            )
            for n in range(processes)
        ]
        for process in workers:
            process.start()
        for process in workers:
            process.join()
        seconds = max(span[1::2]) - min(span[::2])
        right = all(process.exitcode == 0 for process in workers)
        for index, (x, y) in enumerate(places):
            found = contestant.read(x, y, side, side)
            right = right and np.array_equal(found, tiles[index % len(tiles)])
        print(json.dumps({"seconds": seconds, "right": bool(right), "tiles": len(places)}))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
