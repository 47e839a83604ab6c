"""One run of one contestant of ``zarr_pyramid.py``, in its own environment.

    python zarr_pyramid_contestant.py WHO SOURCE.raw SIDE FOLDER

Writes the pyramid once, reads corners of it back, and prints JSON.
"""

import importlib
import json
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np

CHUNK = 512
SMALLEST = 512  # of the levels, as ours has them
CORNER = 64


def ours(pixels, out):
    from ziggurat.readers.views.array import array_reader
    from ziggurat.writers.formats.registry import write
    from ziggurat.writers.model.options import WriteOptions

    write(array_reader(pixels), out, WriteOptions(overwrite=True))


def from_store(pixels, out):
    """Write what is in a sink's store, as ``sink.write`` does."""
    from pyramid_contestant import store_of

    import ziggurat

    with ziggurat.new(store_of(pixels), mode="join") as sink:
        sink.write(out)


def fed_reference(pixels):
    """Return the reference's sink with the pixels in it; its own temporary folder is beside us."""
    import large_image

    sink = large_image.new()
    for y in range(0, pixels.shape[0], 2048):
        for x in range(0, pixels.shape[1], 2048):
            sink.addTile(np.asarray(pixels[y : y + 2048, x : x + 2048]), x=x, y=y)
    return sink


def ome_zarr(pixels, out):
    import dask.array as da
    import zarr
    from ome_zarr.scale import Methods
    from ome_zarr.writer import write_image
    from zarr.codecs import BloscCodec

    data = da.from_array(pixels.transpose(2, 0, 1), chunks=(3, 4 * CHUNK, 4 * CHUNK))
    store = zarr.storage.ZipStore(out, mode="w") if out.suffix == ".zip" else str(out)
    codec = BloscCodec(cname="lz4", clevel=5, shuffle="noshuffle", typesize=1)
    write_image(
        data, zarr.open_group(store, mode="w", zarr_format=3), axes=["c", "y", "x"],
        scale_factors=[2**n for n in range(1, level_count(pixels))], method=Methods.LOCAL_MEAN,
        storage_options={"chunks": (3, CHUNK, CHUNK), "compressors": [codec]},
    )  # fmt: skip
    if out.suffix == ".zip":
        store.close()


def tensorstore(pixels, out):
    """Write each level strip by strip; numpy makes the next one while chunks are encoded."""
    current = pixels
    for level in range(level_count(pixels)):
        array = _tensorstore_array(out / str(level), current.shape)
        halved, waiting = [], []
        for y in range(0, current.shape[0], 2 * CHUNK):
            strip = np.asarray(current[y : y + 2 * CHUNK])
            waiting.append(array[:, y : y + strip.shape[0]].write(strip.transpose(2, 0, 1)))
            halved.append(_halved(strip))
            if len(waiting) > 2:
                waiting.pop(0).result()
        for future in waiting:
            future.result()
        current = np.concatenate(halved)


def _tensorstore_array(folder, shape):
    import tensorstore as ts

    height, width, bands = shape
    blosc = {"cname": "lz4", "clevel": 5, "shuffle": "noshuffle", "typesize": 1, "blocksize": 0}
    grid = {"chunk_shape": [bands, min(CHUNK, height), min(CHUNK, width)]}
    metadata = {
        "shape": [bands, height, width], "data_type": "uint8",
        "chunk_grid": {"name": "regular", "configuration": grid},
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "blosc", "configuration": blosc},
        ],
    }  # fmt: skip
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(folder)}}
    return ts.open({**spec, "metadata": metadata, "create": True}).result()


def _halved(strip):
    pairs = strip[::2].astype(np.uint16)
    pairs += strip[1::2]
    return ((pairs[:, ::2] + pairs[:, 1::2] + 2) >> 2).astype(np.uint8)


def level_count(pixels):
    return (max(pixels.shape[:2]) // SMALLEST).bit_length()


def levels_of(out):
    """Open what was written: its levels, as arrays (bands, y, x) that are read by indices."""
    if out.name.startswith("run-tensorstore"):
        import tensorstore as ts

        names = sorted(path.name for path in out.iterdir())
        kvstores = [{"driver": "file", "path": str(out / name)} for name in names]
        return [
            ts.open({"driver": "zarr3", "kvstore": place}).result()[ts.d[:].mark_bounds_implicit[0]]
            for place in kvstores
        ]
    import zarr

    zips = getattr(zarr, "storage", zarr).ZipStore
    group = zarr.open_group(zips(str(out), mode="r") if out.is_file() else str(out), mode="r")
    attributes = dict(group.attrs)
    (image,) = attributes.get("ome", attributes)["multiscales"][:1]
    return [group[dataset["path"]] for dataset in image["datasets"]]


def corner(level, y, x):
    """Return pixels (y, x, band) from (y, x) on, of a level with its bands first or last."""
    if level.shape[-1] == 3:
        return np.asarray(level[y : y + CORNER, x : x + CORNER])
    return np.asarray(level[:, y : y + CORNER, x : x + CORNER]).transpose(1, 2, 0)


def check(out, pixels):
    """Return the number of levels, and what is wrong with an output or None."""
    levels = levels_of(out)
    end = pixels.shape[0] - CORNER
    for y, x in ((0, 0), (0, end), (end, 0), (end, end), (end // 2 + 5, end // 3)):
        if not np.array_equal(corner(levels[0], y, x), pixels[y : y + CORNER, x : x + CORNER]):
            return len(levels), f"the pixels at {x}, {y} are others"
    for number, level in enumerate(levels[1:3], 1):
        small = np.asarray(pixels[: CORNER << number, : CORNER << number])
        for _ in range(number):
            small = _halved(small)
        off = np.abs(corner(level, 0, 0).astype(int) - small).mean()
        if off > 6:
            return len(levels), f"level {number} is off by {off:.1f}"
    if len(levels) < level_count(pixels):
        return len(levels), f"{len(levels)} levels"
    return len(levels), None


def cpu_seconds():
    """Return the processor time of this process and of those that it waited for."""
    return sum(os.times()[:4])


def remove(out):
    if out.is_dir():
        shutil.rmtree(out)
    else:
        out.unlink(missing_ok=True)


NEEDED = {
    "ours": (
        "ziggurat.writers.formats.registry",
        "ziggurat.writers.formats.zarr.ome_zarr",
        "psutil",
        "cv2",
    ),
    "store": (
        "ziggurat.writers.formats.registry",
        "ziggurat.writers.formats.zarr.ome_zarr",
        "psutil",
        "cv2",
    ),
    "reference": ("large_image", "large_image_source_zarr", "zarr"),
    "ome-zarr": ("dask.array", "zarr", "ome_zarr.writer"),
    "tensorstore": ("tensorstore",),
}


def main(name, source, side, folder):
    side = int(side)
    who, kind = name.rsplit("-", 1)
    out = Path(folder) / f"run-{who}.zarr{'.zip' if kind == 'zip' else ''}"
    remove(out)
    pixels = np.memmap(source, np.uint8, "r", shape=(side, side, 3))
    os.environ["TMPDIR"] = folder
    for module in NEEDED[who]:
        importlib.import_module(module)
    runners = {"ours": ours, "store": from_store, "ome-zarr": ome_zarr, "tensorstore": tensorstore}
    if who == "store":
        importlib.import_module("pyramid_contestant").store_of(pixels)
    if who == "reference":
        sink = fed_reference(pixels)
        runners["reference"] = lambda _, out: sink.write(str(out))
    begin, cpu = time.perf_counter(), cpu_seconds()
    runners[who](pixels, out)
    facts = {"seconds": time.perf_counter() - begin, "cpu": cpu_seconds() - cpu}
    files = [p for p in out.rglob("*") if p.is_file()] if out.is_dir() else [out]
    facts |= {"bytes": sum(p.stat().st_size for p in files), "files": len(files)}
    facts["levels"], wrong = check(out, pixels)
    remove(out)
    print(json.dumps(facts | {"right": wrong is None, "error": wrong}))


if __name__ == "__main__":
    main(*sys.argv[1:])
