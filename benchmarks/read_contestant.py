"""One reader under test, in a process and an environment of its own: no import of ours but by name.

``read_contestant.py NAME FILE``; then a line of JSON per job on stdin, an answer per line.
Jobs: {"job": "regions", "places": [[x, y, size, level] …], "threads": n, "fresh": bool},
{"job": "iterate", …} and {"job": "tiles", …}. Places are in full-resolution pixels; level is a
stored ÷2 level, 0 the full one.
"""

import json
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np


class Ziggurat:
    """Ours."""

    def __init__(self, path):
        import ziggurat

        self.library, self.source = ziggurat, ziggurat.open(path)
        self.top = self.source.levels - 1

    def fresh(self):
        self.library.cachesClear()

    def read(self, x, y, size, level):
        span = size << level
        region = {"left": x, "top": y, "width": span, "height": span}
        output = {"maxWidth": size, "maxHeight": size} if level else {}
        return self.source.getRegion(format="numpy", region=region, output=output)[0]

    def iterate(self, threads):
        return self.source.tileIterator(
            format="numpy", output=self.half(), **TILES, prefetch=threads if threads > 1 else 0
        )

    def half(self):
        return {"maxWidth": self.source.sizeX // 2, "maxHeight": self.source.sizeY // 2}

    def tile(self, x, y):
        return self.source.getTile(x, y, self.top)


TILES = {"tile_size": {"width": 512, "height": 512}, "tile_overlap": {"x": 64, "y": 64}}


class Reference(Ziggurat):
    """large_image."""

    def __init__(self, path):
        import logging

        import large_image

        logging.disable(logging.CRITICAL)
        self.library, self.source = large_image, large_image.open(path)
        self.top = self.source.levels - 1

    def fresh(self):
        path = self.source.largeImagePath
        self.library.cache_util.cachesClear()
        self.source = self.library.open(path)

    def iterate(self, threads):
        del threads
        return self.source.tileIterator(format="numpy", output=self.half(), **TILES)


class Plain:
    """What has nothing but a region call."""

    def fresh(self):
        pass

    def iterate(self, threads):
        width, height = self.sizes[0][0] // 2, self.sizes[0][1] // 2
        places = [(x, y) for y in range(0, height - 64, 448) for x in range(0, width - 64, 448)]

        def load(place):
            x, y = place
            return {"tile": self.at(x, y, min(512, width - x), min(512, height - y), 1)}

        if threads > 1:
            with ThreadPoolExecutor(threads) as pool:
                yield from pool.map(load, places)
        else:
            yield from map(load, places)

    def read(self, x, y, size, level):
        return self.at(x >> level, y >> level, size, size, level)


class OpenSlide(Plain):
    def __init__(self, path):
        import openslide

        self.slide = openslide.OpenSlide(path)
        self.slide.set_cache(openslide.OpenSlideCache(512 << 20))
        self.library, self.sizes = openslide, self.slide.level_dimensions

    def fresh(self):
        self.slide.set_cache(self.library.OpenSlideCache(512 << 20))

    def at(self, x, y, width, height, level):
        place = (x << level, y << level)
        return np.asarray(self.slide.read_region(place, level, (width, height)))[..., :3]


class Cucim(Plain):
    def __init__(self, path):
        from cucim import CuImage

        CuImage.cache("per_process", memory_capacity=512)
        self.image = CuImage(path)
        self.sizes = self.image.resolutions["level_dimensions"]
        self.path, self.library = path, CuImage

    def fresh(self):
        self.library.cache("nocache")
        self.library.cache("per_process", memory_capacity=512)
        self.image = self.library(self.path)

    def at(self, x, y, width, height, level):
        place = (x << level, y << level)
        return np.asarray(self.image.read_region(place, (width, height), level))[..., :3]


class Fastslide(Plain):
    def __init__(self, path):
        import fastslide

        self.slide = fastslide.FastSlide.from_file_path(path)
        self.slide.set_cache(fastslide.CacheManager.create(4096))
        self.sizes = self.slide.level_dimensions

    def fresh(self):
        self.slide.clear_cache()

    def at(self, x, y, width, height, level):
        return self.slide.read_region((x, y), level, (width, height)).numpy()[..., :3]


class Tifffile(Plain):
    """Tiles decoded one by one with tifffile and put together; it has no cache."""

    def __init__(self, path):
        import tifffile

        self.tiff = tifffile.TiffFile(path)
        self.tiff.filehandle.set_lock(True)  # threads share its position
        self.pages = [page for page in self.tiff.pages if page.is_tiled]
        self.sizes = [(page.imagewidth, page.imagelength) for page in self.pages]

    def at(self, x, y, width, height, level):
        page = self.pages[level]
        tile_w, tile_h = page.tilewidth, page.tilelength
        across = -(-page.imagewidth // tile_w)
        result = np.zeros((height, width, 3), page.dtype)
        handle = page.parent.filehandle
        for row in range(y // tile_h, -(-(y + height) // tile_h)):
            for column in range(x // tile_w, -(-(x + width) // tile_w)):
                index = row * across + column
                if index >= len(page.dataoffsets):
                    continue
                with handle.lock or NO_LOCK:
                    handle.seek(page.dataoffsets[index])
                    data = handle.read(page.databytecounts[index])
                pixels = page.decode(data, index, jpegtables=page.jpegtables)[0][0]
                left, top = column * tile_w - x, row * tile_h - y
                x0, y0 = max(left, 0), max(top, 0)
                part = pixels[y0 - top : height - top, x0 - left : width - left]
                result[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]] = part
        return result


class _NoLock:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


NO_LOCK = _NoLock()


class Gdal(Plain):
    def __init__(self, path):
        import threading

        from osgeo import gdal

        gdal.UseExceptions()
        gdal.SetCacheMax(512 << 20)
        self.path, self.gdal, self.local = path, gdal, threading.local()
        bands = self.data()
        self.sizes = [(band.XSize, band.YSize) for band in bands]

    def data(self):
        """Return the first band of each level; a data set belongs to one thread."""
        if not hasattr(self.local, "set"):
            self.local.set = self.gdal.Open(self.path)
        band = self.local.set.GetRasterBand(1)
        return [band, *(band.GetOverview(i) for i in range(band.GetOverviewCount()))]

    def fresh(self):
        self.data()
        del self.local.set

    def at(self, x, y, width, height, level):
        self.data()
        span = width << level, height << level
        pixels = self.local.set.ReadAsArray(
            x << level, y << level, *span, buf_xsize=width, buf_ysize=height
        )
        return np.ascontiguousarray(np.moveaxis(pixels[:3], 0, 2))


class Zarr(Plain):
    """zarr-python, which knows chunks and shards but no image; it has no cache."""

    def __init__(self, path):
        import zarr

        group = zarr.open_group(zarr.storage.ZipStore(path, mode="r"), mode="r")
        image = group.attrs["ome"]["multiscales"][0]
        self.axes = [axis["name"] for axis in image["axes"]]
        self.arrays = [group[one["path"]] for one in image["datasets"]]
        y, x = self.axes.index("y"), self.axes.index("x")
        self.sizes = [(array.shape[x], array.shape[y]) for array in self.arrays]

    def at(self, x, y, width, height, level):
        wanted = {"y": slice(y, y + height), "x": slice(x, x + width), "c": slice(0, 3)}
        pixels = self.arrays[level][tuple(wanted.get(name, 0) for name in self.axes)]
        kept = [name for name in self.axes if name in wanted]
        return pixels.transpose([kept.index(name) for name in "yxc"])


KINDS = {
    "ziggurat": Ziggurat,
    "reference": Reference,
    "openslide": OpenSlide,
    "cucim": Cucim,
    "fastslide": Fastslide,
    "tifffile": Tifffile,
    "gdal": Gdal,
    "zarr": Zarr,
}


def regions(reader, job):
    places = [tuple(place) for place in job["places"]]
    if job["fresh"]:
        reader.fresh()
    start, cpu = time.perf_counter(), time.process_time()
    if job["threads"] > 1:
        with ThreadPoolExecutor(job["threads"]) as pool:
            found = list(pool.map(lambda place: reader.read(*place)[0, 0, 0], places))
    else:
        found = [reader.read(*place)[0, 0, 0] for place in places]
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    sample = reader.read(*places[0])
    return {"seconds": seconds, "cpu": cpu, "sample": float(sample.mean()), "n": len(found)}


def iterate(reader, job):
    reader.fresh()
    start, cpu = time.perf_counter(), time.process_time()
    total = count = 0
    for tile in reader.iterate(job["threads"]):
        pixels = tile["tile"]
        total += float(pixels[::16, ::16, :3].mean()) * pixels.shape[0] * pixels.shape[1]
        count += pixels.shape[0] * pixels.shape[1]
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"seconds": seconds, "cpu": cpu, "sample": total / count, "n": count}


def tiles(reader, job):
    reader.fresh()
    times, size = [], 0
    for x, y in job["places"]:
        start = time.perf_counter()
        size += len(reader.tile(x, y))
        times.append(time.perf_counter() - start)
    return {"times": times, "sample": size}


def main():
    warnings.simplefilter("ignore")
    reader = KINDS[sys.argv[1]](sys.argv[2])
    jobs = {"regions": regions, "iterate": iterate, "tiles": tiles}
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps(jobs[job["job"]](reader, job)), flush=True)


if __name__ == "__main__":
    main()
