"""One run of one contestant of ``pyramid.py``: write a pyramid once, check it, print JSON."""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

WHOLE_CHROMA = 90  # libvips stops subsampling at this quality
TILE = 256
QUALITY = int(sys.argv[7]) if len(sys.argv) > 7 else 85
SUBSAMPLING = "4:4:4" if QUALITY >= WHOLE_CHROMA else "4:2:0"


def ours(codec: str, pixels: np.ndarray, labels: bool, out: Path) -> None:
    from ziggurat.readers.model.codec import Codec
    from ziggurat.readers.model.image import Interpretation
    from ziggurat.readers.views.array import array_reader
    from ziggurat.writers.formats.registry import write
    from ziggurat.writers.model.options import Subsampling, WriteOptions

    reader = array_reader(pixels, interpretation=Interpretation.LABELS if labels else None)
    options = WriteOptions(
        compression=Codec(codec), quality=QUALITY, subsampling=Subsampling(SUBSAMPLING),
        overwrite=True,
    )  # fmt: skip
    write(reader, out, options)


def from_store(codec: str, pixels: np.ndarray, labels: bool, out: Path) -> None:
    """Write what is in a sink's store, as ``sink.write`` does."""
    import ziggurat

    with ziggurat.new(store_of(pixels), mode="join") as sink:
        if labels:
            sink.interpretation = "labels"
        sink.write(out, compression=codec, quality=QUALITY)


def store_of(pixels: np.ndarray) -> Path:
    """Return the store with these pixels, beside the raw file; it is made where there is none."""
    import ziggurat

    place = Path(str(pixels.filename)).with_suffix(".store")
    if not place.exists():
        with ziggurat.new(place, dtype=pixels.dtype) as sink:
            for y in range(0, pixels.shape[0], 2048):
                for x in range(0, pixels.shape[1], 2048):
                    sink.addTile(pixels[y : y + 2048, x : x + 2048], x=x, y=y)
    return place


def vips(codec: str, pixels: np.ndarray, labels: bool, out: Path) -> None:
    import pyvips

    height, width, bands = pixels.shape
    image = pyvips.Image.rawload(pixels.filename, width, height, bands)
    image = image.copy(interpretation="b-w" if labels else "srgb")
    arguments: dict[str, object] = {"Q": QUALITY} if codec in ("jpeg", "webp") else {}
    if codec in ("deflate", "lzw"):
        arguments["predictor"] = "none" if labels else "horizontal"
    image.tiffsave(
        str(out), tile=True, tile_width=TILE, tile_height=TILE, pyramid=True, compression=codec,
        region_shrink="mode" if labels else "mean", **arguments,
    )  # fmt: skip


def _gdal_source(pixels: np.ndarray):
    """Describe the raw file to GDAL: nothing is copied."""
    from osgeo import gdal

    gdal.UseExceptions()
    gdal.SetCacheMax(256 << 20)
    height, width, bands = pixels.shape
    rows = "".join(
        f'<VRTRasterBand dataType="Byte" band="{n + 1}" subClass="VRTRawRasterBand">'
        f"<SourceFilename>{pixels.filename}</SourceFilename><ImageOffset>{n}</ImageOffset>"
        f"<PixelOffset>{bands}</PixelOffset><LineOffset>{bands * width}</LineOffset>"
        "</VRTRasterBand>"
        for n in range(bands)
    )
    gdal.SetConfigOption("GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE", "ALL")
    vrt = f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">{rows}</VRTDataset>'
    return gdal, gdal.Open(vrt)


def gdal_tiff(codec: str, pixels: np.ndarray, labels: bool, out: Path) -> None:
    gdal, source = _gdal_source(pixels)
    options = ["TILED=YES", "NUM_THREADS=ALL_CPUS", f"COMPRESS={codec.upper()}"]
    options += [f"BLOCKXSIZE={TILE}", f"BLOCKYSIZE={TILE}"]
    if codec == "jpeg":
        options += ["PHOTOMETRIC=YCBCR", f"JPEG_QUALITY={QUALITY}"]
    elif codec == "webp":
        options += [f"WEBP_LEVEL={QUALITY}"]
    elif not labels:
        options += ["PREDICTOR=2"]
    gdal.SetConfigOption("GDAL_NUM_THREADS", "ALL_CPUS")
    made = gdal.Translate(str(out), source, creationOptions=options)
    factors = [2**n for n in range(1, 16) if max(pixels.shape[:2]) > TILE * 2 ** (n - 1)]
    made.BuildOverviews("MODE" if labels else "AVERAGE", factors)
    made = None


def cog(codec: str, pixels: np.ndarray, labels: bool, out: Path) -> None:
    gdal, source = _gdal_source(pixels)
    options = ["NUM_THREADS=ALL_CPUS", f"COMPRESS={codec.upper()}", f"BLOCKSIZE={TILE}"]
    options += [f"OVERVIEW_RESAMPLING={'MODE' if labels else 'AVERAGE'}"]
    if codec in ("jpeg", "webp"):
        options += [f"QUALITY={QUALITY}"]
    elif not labels:
        options += ["PREDICTOR=YES"]
    gdal.Translate(str(out), source, format="COG", creationOptions=options)


def fed_reference(pixels: np.ndarray, folder: Path) -> Any:
    """Return the reference's sink with the pixels in it; its temporary folder is in this one."""
    os.environ["TMPDIR"] = str(folder)
    import large_image

    sink = large_image.new()
    for y in range(0, pixels.shape[0], 2048):
        for x in range(0, pixels.shape[1], 2048):
            sink.addTile(np.asarray(pixels[y : y + 2048, x : x + 2048]), x=x, y=y)
    return sink


def write_reference(sink: Any, codec: str, labels: bool, out: Path) -> None:
    arguments: dict[str, object] = {"compression": codec, "tileSize": TILE}
    if codec in ("jpeg", "webp"):
        arguments["quality"] = QUALITY
    elif labels:
        arguments["predictor"] = "none"
    sink.write(str(out), lossy=codec in ("jpeg", "webp"), **arguments)


def limit(codec: str, pixels: np.ndarray, labels: bool, out: Path) -> None:
    """Encode tiles of level 0, and a third of them again for the levels below."""
    from ziggurat.readers.model.codec import Codec
    from ziggurat.readers.model.image import Interpretation
    from ziggurat.readers.views.array import array_reader
    from ziggurat.writers.codecs.tiles import tile_codec
    from ziggurat.writers.model.options import Subsampling, WriteOptions

    plain = np.asarray(pixels)
    reader = array_reader(plain, interpretation=Interpretation.LABELS if labels else None)
    options = WriteOptions(
        compression=Codec(codec), quality=QUALITY, subsampling=Subsampling(SUBSAMPLING)
    )
    encode = tile_codec(reader.info, options).encode
    places = np.random.default_rng(1).integers(0, np.array(plain.shape[:2]) // TILE, (32, 2)) * TILE
    tiles = [plain[y : y + TILE, x : x + TILE].copy() for y, x in places]
    count = pixels.shape[0] * pixels.shape[1] // TILE**2 * 4 // 3

    def batch(first: int) -> None:
        for number in range(first, min(first + 8, count)):
            encode(tiles[number % 32])

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(batch, range(0, count, 8)))
    out.write_bytes(b"")


def check(out: Path, pixels: np.ndarray, exact: bool) -> str | None:
    """Return what is wrong with an output, or None."""
    import tifffile

    with tifffile.TiffFile(out) as tif:
        levels = tif.series[0].levels
        wanted = max(1, int(np.ceil(np.log2(max(pixels.shape[:2]) / TILE))) + 1)
        if len(levels) < wanted - 1:
            return f"{len(levels)} levels instead of {wanted}"
        page = levels[0].pages[0]
        for row, column in ((0, 0), (7, 3), (page.imagelength // TILE - 1, 5)):
            index = row * -(-page.imagewidth // TILE) + column
            tif.filehandle.seek(page.dataoffsets[index])
            data = tif.filehandle.read(page.databytecounts[index])
            tile = page.decode(data, index, jpegtables=page.jpegtables)[0]
            source = pixels[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
            off = np.abs(tile[0].astype(int) - source)
            if (exact and off.any()) or off.mean() > 12:
                return f"tile {column}, {row} is off by {off.mean():.1f}"
    return None


def warm(name: str) -> None:
    """Import what a run needs: a service that writes pyramids has it in memory already."""
    ours = (
        "ziggurat.writers.formats.tiff.tiff",
        "ziggurat.writers.formats.registry",
        "psutil",
        "cv2",
        "isal",
    )
    modules = {
        "vips": ("pyvips",), "gdal": ("osgeo.gdal",), "cog": ("osgeo.gdal",),
        "reference": ("large_image_converter", "large_image_source_zarr"),
    }.get(name, ours)  # fmt: skip
    for module in modules:
        importlib.import_module(module)


RUNNERS: dict[str, Callable[[str, np.ndarray, bool, Path], None]] = {
    "ours": ours, "store": from_store, "vips": vips, "gdal": gdal_tiff, "cog": cog, "limit": limit,
}  # fmt: skip


def cpu_seconds() -> float:
    """Return the processor time of this process and of those that it waited for."""
    return sum(os.times()[:4])


def main(name: str, case: str, source: str, width: str, height: str, folder: str) -> None:
    labels = case.startswith("labels")
    codec = case.removeprefix("labels-")
    shape = (int(height), int(width), 1 if labels else 3)
    pixels = np.memmap(source, np.uint8, "r", shape=shape)
    out = Path(folder) / f"run-{name}.{'tiff' if name == 'reference' else 'tif'}"
    out.unlink(missing_ok=True)
    warm(name)
    if name == "store":
        store_of(pixels)
    facts: dict[str, object] = {}
    begin = time.perf_counter()
    if name == "reference":
        sink = fed_reference(pixels, Path(folder))
        facts["feed"] = time.perf_counter() - begin
    begin, cpu = time.perf_counter(), cpu_seconds()
    if name == "reference":
        write_reference(sink, codec, labels, out)
    else:
        RUNNERS[name](codec, pixels, labels, out)
    facts |= {
        "seconds": time.perf_counter() - begin,
        "cpu": cpu_seconds() - cpu,
        "bytes": out.stat().st_size,
    }
    wrong = None if name == "limit" else check(out, pixels, codec not in ("jpeg", "webp"))
    out.unlink()
    print(json.dumps(facts | {"right": wrong is None, "error": wrong}))


if __name__ == "__main__":
    main(*sys.argv[1:7])
