"""Raw pixels, or a sink's store, to a tiled pyramid TIFF; memory by height, time by area.

In a warm process: everybody has written one row of tiles before.
"""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.case import Case, Run, check

TILE, QUALITY = 256, 85
BATCH = 4  # tiles that a thread of the limit takes at once
NAMES = {"deflate": "Deflate", "webp": "WebP"}
LOSSY = ("jpeg", "webp")
GDAL = {
    "jpeg": ("PHOTOMETRIC=YCBCR", f"JPEG_QUALITY={QUALITY}"),
    "lzw": ("PREDICTOR=2",),
    "zstd": ("PREDICTOR=2", "ZSTD_LEVEL=1"),  # the level that ours takes
    "webp": (f"WEBP_LEVEL={QUALITY}",),
}
ENCODERS = "the same encoders on the same threads, nothing read, halved or written"


def _case(
    codec: str, side: int, *, quick: bool, labels: bool = False, more: tuple[str, ...] = ()
) -> Case:
    return Case(
        name=f"{'labels, ' if labels else ''}{NAMES.get(codec, codec.upper())}, {side:,}²",
        work=side * side / 1e6,
        unit="MP",
        contestants=("limit", "ours", "store", "vips", *more),
        limit=ENCODERS,
        values={"codec": codec, "width": side, "height": side, "labels": labels},
        quick=quick,
        warmups=0,
    )


def _tall(height: int, *, quick: bool) -> Case:
    return Case(
        name=f"JPEG, 4,096 × {height:,}",
        work=4096 * height / 1e6,
        unit="MP",
        contestants=("ours", "vips"),
        values={"codec": "jpeg", "width": 4096, "height": height, "labels": False},
        quick=quick,
        rounds=1,
        warmups=0,
        series="pyramids by height",
        size=height,
    )


CASES = (
    _case("jpeg", 8192, quick=True, more=("gdal", "reference")),
    _case("deflate", 8192, quick=True),
    _case("lzw", 4096, quick=True),
    _case("zstd", 4096, quick=False),
    _case("webp", 4096, quick=False),
    _case("deflate", 8192, quick=True, labels=True),
    _case("jpeg", 16384, quick=False),
    _tall(4096, quick=True),
    _tall(16384, quick=True),
    _tall(65536, quick=False),
)


def prepare(case: Case) -> dict[str, Any]:
    """Return where the raw pixels are."""
    from benchmarks.inputs import raw

    width, height, labels = (case.values[name] for name in ("width", "height", "labels"))
    return {"source": str(raw(width, height, labels=labels))}


Pixels = NDArray[np.uint8]


def pixels_of(run: Run) -> Pixels:
    """Return the raw pixels (rows, columns, bands), mapped."""
    shape = (run["height"], run["width"], 1 if run["labels"] else 3)
    return np.memmap(run["source"], np.uint8, "r", shape=shape)


Maker = Callable[[Run, Path], Callable[[], object]]  # gets ready, and returns the work


def warm(make: Maker, run: Run) -> None:
    """Read the pixels into the page cache, and write a row of tiles: that loads all libraries."""
    with Path(run["source"]).open("rb") as file:
        while file.read(1 << 22):
            pass
    small = Run({**run.values, "height": TILE}, run.folder / "warm")
    small.folder.mkdir()
    make(small, small.folder / "out.tiff")()
    shutil.rmtree(small.folder)


def _checked(make: Maker) -> Callable[[Run], None]:
    """Return a contestant: get ready, write while the clock runs, hold tiles against the pixels."""

    def contestant(run: Run) -> None:
        warm(make, run)
        out = run.folder / "out.tiff"
        work = make(run, out)
        with run.clock():
            work()
        run.note(bytes=out.stat().st_size)
        hold(out, pixels_of(run), exact=run["codec"] not in LOSSY)

    return contestant


def hold(out: Path, pixels: Pixels, *, exact: bool) -> None:
    """Check the levels of an output, and some of its tiles."""
    import tifffile

    with tifffile.TiffFile(out) as tif:
        levels = tif.series[0].levels
        wanted = int(np.ceil(np.log2(max(pixels.shape[:2]) / TILE))) + 1
        check(len(levels) >= wanted - 1, f"{len(levels)} levels instead of {wanted}")
        page = levels[0].pages[0]
        across = -(-page.imagewidth // TILE)
        for row, column in ((0, 0), (7, 3), (page.imagelength // TILE - 1, 5)):
            index = row * across + column
            tif.filehandle.seek(page.dataoffsets[index])
            data = tif.filehandle.read(page.databytecounts[index])
            tile = page.decode(data, index, jpegtables=page.jpegtables)[0]
            source = pixels[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
            off = np.abs(tile[0].astype(int) - source)
            check(not (exact and off.any()) and off.mean() <= 12, f"tile {column}, {row} is wrong")


def ours(run: Run, out: Path) -> Callable[[], object]:
    """Return our write of an array."""
    import ziggurat
    import ziggurat.writers.formats.tiff.tiff
    from ziggurat.readers.model.codec import Codec

    options = ziggurat.WriteOptions(compression=Codec.named(run["codec"]), quality=QUALITY)
    meaning = "labels" if run["labels"] else None
    pixels = pixels_of(run)
    return lambda: ziggurat.write(pixels, out, "yxs", interpretation=meaning, options=options)


def _store(run: Run, out: Path) -> Callable[[], object]:
    import ziggurat
    import ziggurat.writers.formats.tiff.tiff

    pixels = pixels_of(run)
    sink = ziggurat.new(run.folder / "store", dtype=pixels.dtype)
    for y in range(0, pixels.shape[0], 2048):
        for x in range(0, pixels.shape[1], 2048):
            sink.addTile(pixels[y : y + 2048, x : x + 2048], x=x, y=y)
    if run["labels"]:
        sink.interpretation = "labels"
    return lambda: sink.write(out, compression=run["codec"], quality=QUALITY)


def vips(run: Run, out: Path) -> Callable[[], object]:
    """Return libvips' write of a raw file."""
    import pyvips

    pixels, labels, codec = pixels_of(run), run["labels"], run["codec"]
    image = pyvips.Image.rawload(run["source"], run["width"], run["height"], pixels.shape[2])
    image = image.copy(interpretation="b-w" if labels else "srgb")
    more: dict[str, Any] = {"Q": QUALITY} if codec in LOSSY else {}
    if codec in ("deflate", "lzw", "zstd"):
        more["predictor"] = "none" if labels else "horizontal"
    return lambda: image.tiffsave(
        str(out), tile=True, tile_width=TILE, tile_height=TILE, pyramid=True, compression=codec,
        region_shrink="mode" if labels else "mean", **more,
    )  # fmt: skip


def gdal(run: Run, out: Path) -> Callable[[], object]:
    """Return GDAL's write of a raw file, and of its overviews."""
    from osgeo import gdal as api

    api.UseExceptions()
    api.SetCacheMax(256 << 20)
    api.SetConfigOption("GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE", "ALL")
    api.SetConfigOption("GDAL_NUM_THREADS", "ALL_CPUS")
    bands = pixels_of(run).shape[2]
    rows = "".join(
        f'<VRTRasterBand dataType="Byte" band="{n + 1}" subClass="VRTRawRasterBand">'
        f"<SourceFilename>{run['source']}</SourceFilename><ImageOffset>{n}</ImageOffset>"
        f"<PixelOffset>{bands}</PixelOffset><LineOffset>{bands * run['width']}</LineOffset>"
        "</VRTRasterBand>"
        for n in range(bands)
    )
    size = f'rasterXSize="{run["width"]}" rasterYSize="{run["height"]}"'
    source = api.Open(f"<VRTDataset {size}>{rows}</VRTDataset>")
    options = ["TILED=YES", f"COMPRESS={run['codec'].upper()}", *GDAL[run["codec"]]]
    options += [f"BLOCKXSIZE={TILE}", f"BLOCKYSIZE={TILE}", "NUM_THREADS=ALL_CPUS"]
    side = max(run["width"], run["height"])

    def work() -> None:
        made = api.Translate(str(out), source, creationOptions=options)
        made.BuildOverviews("AVERAGE", [2**n for n in range(1, 16) if side > TILE * 2 ** (n - 1)])
        del made

    return work


def _reference(run: Run, out: Path) -> Callable[[], object]:
    import large_image
    import large_image_converter  # noqa: F401

    pixels, sink = pixels_of(run), large_image.new()
    for y in range(0, pixels.shape[0], 2048):
        for x in range(0, pixels.shape[1], 2048):
            sink.addTile(np.asarray(pixels[y : y + 2048, x : x + 2048]), x=x, y=y)
    # below 90 its TIFF says RGB and holds YCbCr, so that nobody shows the right colours
    return lambda: sink.write(str(out), lossy=True, compression="jpeg", quality=90, tileSize=TILE)


def bare(run: Run) -> Callable[[], object]:
    """Return the limit: what encodes as many tiles on as many threads, of pixels that lie ready."""
    from ziggurat.readers.io.system import core_count
    from ziggurat.readers.model.codec import Codec
    from ziggurat.readers.model.image import Interpretation
    from ziggurat.readers.views.array import array_reader
    from ziggurat.writers.codecs.tiles import tile_codec
    from ziggurat.writers.model.options import WriteOptions

    plain: Pixels = np.asarray(pixels_of(run))
    reader = array_reader(plain, interpretation=Interpretation.LABELS if run["labels"] else None)
    options = WriteOptions(compression=Codec.named(run["codec"]), quality=QUALITY)
    encode = tile_codec(reader.info, options).encode
    rng = np.random.default_rng(1)
    places = rng.integers(0, np.array(plain.shape[:2]) // TILE, (32, 2)) * TILE
    tiles = [plain[y : y + TILE, x : x + TILE].copy() for y, x in places]
    count = plain.shape[0] * plain.shape[1] // TILE**2 * 4 // 3
    encode(tiles[0])

    def batch(first: int) -> None:
        for number in range(first, min(first + BATCH, count)):
            encode(tiles[number % 32])

    def work() -> None:
        with ThreadPoolExecutor(core_count()) as pool:
            list(pool.map(batch, range(0, count, BATCH)))

    return work


def _limit(run: Run) -> None:
    work = bare(run)
    with run.clock():
        work()


CONTESTANTS: dict[str, Callable[[Run], None]] = {
    "limit": _limit,
    "ours": _checked(ours),
    "store": _checked(_store),
    "vips": _checked(vips),
    "gdal": _checked(gdal),
    "reference": _checked(_reference),
}
