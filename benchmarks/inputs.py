"""Inputs, made of real tissue once and kept in the cache folder.

The tiles of ``CMU-1-Small-Region.svs`` where it is (``ZIGGURAT_DATA``, or ``../shared/data``), else
scikit-image's stained section. Only our own environment makes them; everybody reads them.
"""

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.case import CACHE

DATA = Path(
    os.environ.get("ZIGGURAT_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)
SLIDE = DATA / "aperio-svs" / "CMU-1-Small-Region.svs"
Pixels = NDArray[np.uint8]


def _made(name: str, make: Callable[[Path], object]) -> Path:
    """Return a file of the cache folder; it is made whole, or not at all."""
    path = CACHE / "inputs" / f"{'slide' if SLIDE.exists() else 'section'}-{name}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"part-{os.getpid()}-{path.name}")
        make(partial)
        partial.rename(path)
    return path


@lru_cache
def tissue() -> Pixels:
    """Return a real picture (rows, columns, 3)."""
    if SLIDE.exists():
        import tifffile

        return np.asarray(tifffile.imread(SLIDE))[:2816, :2048]
    from skimage import data

    return np.asarray(data.immunohistochemistry())


def raw(width: int, height: int, *, labels: bool = False) -> Path:
    """Return tissue laid out over a size, raw, so that nobody has to decode; or labels of it."""

    def make(path: Path) -> None:
        picture = tissue()
        if labels:
            coarse = picture[::8, ::8].mean(axis=2).astype(np.uint8) // 32
            picture = coarse.repeat(8, axis=0).repeat(8, axis=1)[..., np.newaxis]
        out = np.memmap(path, np.uint8, "w+", shape=(height, width, picture.shape[2]))
        for y in range(0, height, picture.shape[0]):
            for x in range(0, width, picture.shape[1]):
                part = picture[: height - y, : width - x]
                out[y : y + part.shape[0], x : x + part.shape[1]] = part
        out.flush()

    return _made(f"{'labels' if labels else 'tissue'}-{width}x{height}.raw", make)


def tiles(dtype: str, side: int) -> Path:
    """Return 16 different tiles as one ``.npy``: uint8 RGB, or float32 of one band."""

    def make(path: Path) -> None:
        picture = tissue()
        found = [np.roll(picture, (37 * n, 91 * n), (0, 1))[:side, :side] for n in range(16)]
        if dtype == "float32":
            stack = np.stack([(one[..., :1] / 255).astype(np.float32) for one in found])
        else:
            stack = np.stack(found).astype(dtype)
        with path.open("wb") as file:
            np.save(file, stack)

    return _made(f"tiles-{dtype}-{side}.npy", make)


def pyramid(side: int) -> Path:
    """Return a JPEG pyramid TIFF (4:2:0, Q 85, tiles of 256) that libvips wrote."""

    def make(path: Path) -> None:
        import pyvips

        image = pyvips.Image.rawload(str(raw(side, side)), side, side, 3)
        image = image.copy(interpretation="srgb", xres=2004.0, yres=2004.0)
        image.tiffsave(
            str(path), tile=True, tile_width=256, tile_height=256, pyramid=True,
            compression="jpeg", Q=85,
        )  # fmt: skip

    return _made(f"pyramid-{side}.tif", make)


def large_pyramid(side: int) -> Path:
    """Return a JPEG pyramid TIFF with tiles of 256 that ours made, for sizes beyond raw pixels."""

    def make(path: Path) -> None:
        import ziggurat
        from ziggurat.converter.demo.slide import make_slide

        flat = path.with_name(f"{path.name}.svs")
        try:
            make_slide(flat, side, side)
            options = ziggurat.ConvertOptions(tile_size=256, reencode=True)
            ziggurat.convert(flat, path, options)
        finally:
            flat.unlink(missing_ok=True)

    return _made(f"pyramid-{side}.tif", make)


def web_map(side: int, zoom: int) -> Path:
    """Return tissue as a map in EPSG:3857 that has a zoom's pixels, from where both axes cross."""

    def make(path: Path) -> None:
        from osgeo import gdal, osr

        place = osr.SpatialReference()
        place.ImportFromEPSG(3857)
        pixel = 2 * 20037508.342789244 / (256 << zoom)
        plain = gdal.GetDriverByName("MEM").Create("", side, side, 3, gdal.GDT_Byte)
        plain.SetProjection(place.ExportToWkt())
        plain.SetGeoTransform((0, pixel, 0, 0, 0, -pixel))
        pixels = np.memmap(raw(side, side), np.uint8, "r", shape=(side, side, 3))
        for band in range(3):
            plain.GetRasterBand(band + 1).WriteArray(pixels[..., band])
        options = ["COMPRESS=JPEG", "QUALITY=85", "BLOCKSIZE=256", "OVERVIEW_RESAMPLING=AVERAGE"]
        gdal.GetDriverByName("COG").CreateCopy(str(path), plain, options=options).FlushCache()

    return _made(f"map-{side}-{zoom}.tif", make)


def tile_color(path: Path, column: int, row: int, side: int) -> list[float]:
    """Return the mean of one tile of full resolution, (red, green, blue)."""
    import pyvips

    image = pyvips.Image.new_from_file(str(path))
    part = image.crop(column * side, row * side, side, side)
    return [float(part.extract_band(band).avg()) for band in range(3)]


def zarr_zip(side: int) -> Path:
    """Return the same pixels as our OME-Zarr in one zip."""

    def make(path: Path) -> None:
        import ziggurat

        named = path.with_name(f"{path.name}.zarr.zip")
        ziggurat.convert(pyramid(side), named)
        named.rename(path)

    return _made(f"pyramid-{side}.zarr.zip", make)


def slide(width: int, height: int) -> Path:
    """Return an Aperio-like slide of one level with tiles of real tissue, label and macro."""

    def make(path: Path) -> None:
        from ziggurat.converter.demo.slide import make_slide

        make_slide(path, width, height)

    return _made(f"slide-{width}x{height}.svs", make)
