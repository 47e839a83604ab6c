"""Regions at random places of a file that is open, cold and warm, by several threads."""

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

import numpy as np

from benchmarks.case import Case, Run, check

SIDE = 8192
COUNTS = {256: 96, 512: 40, 1024: 14}  # regions of each side
CELLS = (  # side, level, threads, cold
    *((side, 0, threads, True) for side in (256, 512, 1024) for threads in (1, 2)),
    *((side, 0, 4, True) for side in (256, 512, 1024)),
    *((side, 1, threads, True) for side in (256, 512, 1024) for threads in (1, 2)),
    *((side, 0, threads, False) for side in (256, 1024) for threads in (1, 2)),
)
WAYS = {  # of running ziggurat: without its kernel, and keeping no tiles
    "python": {"ZIGGURAT_NATIVE": "0"},
    "nocache": {"ZIGGURAT_CACHE_BYTES": "0"},
}
PEERS = ("reference", "openslide", "tifffile", "gdal", "fastslide", "cucim")
CASES = (
    Case(
        name=f"JPEG pyramid, {SIDE:,}²",
        work=1,
        unit="MP",
        contestants=("limit", "ours", *WAYS, *PEERS),
        limit="bare decoding of the tiles that a region touches, on the same threads",
        values={"kind": "tiff"},
        rounds=3,
    ),
    Case(
        name=f"OME-Zarr zip, {SIDE:,}²",
        work=1,
        unit="MP",
        contestants=("ours", "zarr"),
        values={"kind": "zip"},
        quick=False,
    ),
)  # fmt: skip


def prepare(case: Case) -> dict[str, Any]:
    """Return the file, and what the pixels' mean must be."""
    from benchmarks.inputs import pyramid, raw, zarr_zip

    path = pyramid(SIDE) if case.values["kind"] == "tiff" else zarr_zip(SIDE)
    pixels = np.memmap(raw(SIDE, SIDE), np.uint8, "r", shape=(SIDE, SIDE, 3))
    return {"path": str(path), "mean": float(pixels[1024:2048, 1024:2048].mean())}


class Reader(Protocol):
    """What reads squares of a stored ÷2 level; places are of full resolution."""

    def fresh(self) -> None:
        """Forget all decoded pixels."""

    def read(self, x: int, y: int, side: int, level: int) -> Any:
        """Return (side, side, 3)."""


class Ours:
    def __init__(self, path: str) -> None:
        import ziggurat

        self.library, self.source = ziggurat, ziggurat.open(path)

    def fresh(self) -> None:
        self.library.cachesClear()

    def read(self, x: int, y: int, side: int, level: int) -> Any:
        span = side << level
        region = {"left": x, "top": y, "width": span, "height": span}
        output = {"maxWidth": side, "maxHeight": side} if level else {}
        return self.source.getRegion(format="numpy", region=region, output=output)[0]


class Reference:
    """large_image."""

    def __init__(self, path: str) -> None:
        import logging

        import large_image

        logging.disable(logging.CRITICAL)
        self.library, self.path, self.source = large_image, path, large_image.open(path)

    def fresh(self) -> None:
        self.library.cache_util.cachesClear()
        self.source = self.library.open(self.path)

    read = Ours.read


class OpenSlide:
    def __init__(self, path: str) -> None:
        import openslide

        self.library, self.slide = openslide, openslide.OpenSlide(path)
        self.fresh()

    def fresh(self) -> None:
        self.slide.set_cache(self.library.OpenSlideCache(512 << 20))

    def read(self, x: int, y: int, side: int, level: int) -> Any:
        return np.asarray(self.slide.read_region((x, y), level, (side, side)))[..., :3]


class Cucim:
    def __init__(self, path: str) -> None:
        from cucim import CuImage

        self.library, self.path = CuImage, path
        self.fresh()

    def fresh(self) -> None:
        self.library.cache("nocache")
        self.library.cache("per_process", memory_capacity=512)
        self.image = self.library(self.path)

    def read(self, x: int, y: int, side: int, level: int) -> Any:
        return np.asarray(self.image.read_region((x, y), (side, side), level))[..., :3]


class Fastslide:
    def __init__(self, path: str) -> None:
        import fastslide

        self.slide = fastslide.FastSlide.from_file_path(path)
        self.slide.set_cache(fastslide.CacheManager.create(4096))

    def fresh(self) -> None:
        self.slide.clear_cache()

    def read(self, x: int, y: int, side: int, level: int) -> Any:
        place = (x >> level, y >> level)
        return self.slide.read_region(place, level, (side, side)).numpy()[..., :3]


class Tifffile:
    """Tiles decoded one by one and put together; it has no cache."""

    def __init__(self, path: str) -> None:
        import tifffile

        self.tiff: Any = tifffile.TiffFile(path)
        self.tiff.filehandle.set_lock(True)  # threads share its position
        self.pages = [page for page in self.tiff.pages if page.is_tiled]

    def fresh(self) -> None:
        pass

    def decode(self, page: Any, index: int, data: bytes) -> Any:
        return page.decode(data, index, jpegtables=page.jpegtables)[0][0]

    def read(self, x: int, y: int, side: int, level: int) -> Any:
        x, y, page = x >> level, y >> level, self.pages[level]
        width, height, handle = page.tilewidth, page.tilelength, self.tiff.filehandle
        across = -(-page.imagewidth // width)
        result = np.zeros((side, side, 3), page.dtype)
        for row in range(y // height, -(-(y + side) // height)):
            for column in range(x // width, -(-(x + side) // width)):
                index = row * across + column
                with handle.lock:
                    handle.seek(page.dataoffsets[index])
                    data = handle.read(page.databytecounts[index])
                pixels = self.decode(page, index, data)
                left, top = column * width - x, row * height - y
                x0, y0 = max(left, 0), max(top, 0)
                part = pixels[y0 - top : side - top, x0 - left : side - left]
                result[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]] = part
        return result


class Limit(Tifffile):
    """The decoding alone: the same tiles, read and decoded by simplejpeg, and thrown away."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        import simplejpeg

        self.library, self.file = simplejpeg, os.open(path, os.O_RDONLY)
        self.preads = os.pread
        # tables and image in one stream, as a decoder wants them
        self.heads = [page.jpegtables[:-2] if page.jpegtables else b"" for page in self.pages]

    def read(self, x: int, y: int, side: int, level: int) -> Any:
        x, y, page, head = x >> level, y >> level, self.pages[level], self.heads[level]
        width, height = page.tilewidth, page.tilelength
        across, pixels = -(-page.imagewidth // width), None
        for row in range(y // height, -(-(y + side) // height)):
            for column in range(x // width, -(-(x + side) // width)):
                index = row * across + column
                data = self.preads(self.file, page.databytecounts[index], page.dataoffsets[index])
                whole = head + data[2:] if head else data
                pixels = self.library.decode_jpeg(whole)
        return pixels


class Gdal:
    def __init__(self, path: str) -> None:
        import threading

        from osgeo import gdal

        gdal.UseExceptions()
        gdal.SetCacheMax(512 << 20)
        self.path, self.gdal, self.local = path, gdal, threading.local()

    def fresh(self) -> None:
        self.local.__dict__.clear()

    def read(self, x: int, y: int, side: int, level: int) -> Any:
        if not hasattr(self.local, "set"):  # a data set belongs to one thread
            self.local.set = self.gdal.Open(self.path)
        span = side << level
        found = self.local.set.ReadAsArray(x, y, span, span, buf_xsize=side, buf_ysize=side)
        return np.ascontiguousarray(np.moveaxis(found[:3], 0, 2))


class Zarr:
    """zarr-python, which knows chunks and shards but no image; it has no cache."""

    def __init__(self, path: str) -> None:
        import zarr

        group: Any = zarr.open_group(zarr.storage.ZipStore(path, mode="r"), mode="r")
        image = group.attrs["ome"]["multiscales"][0]
        self.axes = [axis["name"] for axis in image["axes"]]
        self.arrays = [group[one["path"]] for one in image["datasets"]]

    def fresh(self) -> None:
        pass

    def read(self, x: int, y: int, side: int, level: int) -> Any:
        x, y = x >> level, y >> level
        wanted = {"y": slice(y, y + side), "x": slice(x, x + side), "c": slice(0, 3)}
        pixels = self.arrays[level][tuple(wanted.get(name, 0) for name in self.axes)]
        kept = [name for name in self.axes if name in wanted]
        return pixels.transpose([kept.index(name) for name in "yxc"])


def places(seed: int, side: int, level: int, count: int) -> list[tuple[int, int]]:
    """Return random corners of full resolution, such that they are whole ones of the level."""
    rng, span, step = random.Random(seed), side << level, 1 << level
    last = SIDE - span
    return [(rng.randrange(0, last, step), rng.randrange(0, last, step)) for _ in range(count)]


def _contestant(kind: Callable[[str], Reader], run: Run) -> None:
    reader = kind(run["path"])
    if kind is not Limit:
        seen = float(reader.read(1024, 1024, 1024, 0).mean())
        check(abs(seen - run["mean"]) < 2, f"the pixels' mean is {seen:.1f}, not {run['mean']:.1f}")
    for side, level, threads, cold in CELLS:
        count = COUNTS[side]
        found = places(side * 10 + level, side, level, count)

        def one(place: tuple[int, int], side: int = side, level: int = level) -> None:
            reader.read(*place, side, level)

        if not cold:
            list(map(one, found))
        else:
            reader.fresh()
        name = f"{side}²{' at ½' if level else ''}, {'cold' if cold else 'warm'}, {threads} thread"
        with run.clock(name + "s" * (threads > 1), side * side * count / 1e6):
            if threads > 1:
                with ThreadPoolExecutor(threads) as pool:
                    list(pool.map(one, found))
            else:
                list(map(one, found))


KINDS: dict[str, Callable[[str], Reader]] = {
    "limit": Limit,
    "ours": Ours,
    "reference": Reference,
    "openslide": OpenSlide,
    "cucim": Cucim,
    "fastslide": Fastslide,
    "tifffile": Tifffile,
    "gdal": Gdal,
    "zarr": Zarr,
}


def _way(environment: dict[str, str], run: Run) -> None:
    os.environ |= environment
    _contestant(Ours, run)


CONTESTANTS = {
    **{name: partial(_contestant, kind) for name, kind in KINDS.items()},
    **{name: partial(_way, environment) for name, environment in WAYS.items()},
}
