"""The programs of other people that open our outputs, one function each.

Each gives the full resolution of the main picture, (y, x[, band]) or (frame…, y, x), and how many
levels the program sees (0 where it has no notion of them).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

TIFFS = (".tiff", ".tif", ".svs")
Read = tuple[np.ndarray, int]


@dataclass(frozen=True, slots=True)
class Program:
    """A program: what has to be importable, which names it is asked about, how it reads."""

    needs: str
    suffixes: tuple[str, ...]
    read: Callable[[Path], Read]


def bio_formats(path: Path) -> Read:
    """Read what QuPath, Fiji and OMERO read."""
    from tests.programs.bioformats import Opened

    with Opened(path) as opened:
        return opened.planes(0).squeeze(), len(opened.series()[0].sizes)


def _openslide(module: Any, path: Path) -> Read:
    with module.OpenSlide(str(path)) as slide:
        region = np.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB"))
        return region, int(slide.level_count)


def openslide(path: Path) -> Read:
    """Read through libopenslide."""
    import openslide as module

    return _openslide(module, path)


def tiffslide(path: Path) -> Read:
    """Read through tifffile, as OpenSlide would."""
    import tiffslide as module

    return _openslide(module, path)


def tifffile(path: Path) -> Read:
    """Read the first series."""
    import tifffile as module

    with module.TiffFile(path) as tif:
        series = tif.series[0]
        return np.asarray(series.asarray()), len(series.levels)


def libvips(path: Path) -> Read:
    """Read the first page, or all frames."""
    import pyvips

    image = pyvips.Image.new_from_file(str(path))
    return np.asarray(image.numpy()), 0


def gdal(path: Path) -> Read:
    """Read the first data set and its overviews."""
    from osgeo import gdal as module

    module.UseExceptions()
    with module.Open(str(path)) as found:
        pixels = found.ReadAsArray()
        levels = 1 + found.GetRasterBand(1).GetOverviewCount()
    return np.asarray(pixels), levels


def rasterio(path: Path) -> Read:
    """Read the first data set, of OME-Zarr the first level, by a GDAL that has all drivers."""
    import rasterio as module

    placed = path.suffix == ".zarr"
    with module.open(f'ZARR:"{path}":/0' if placed else path) as found:
        return found.read(), 0 if placed else 1 + len(found.overviews(1))


def pillow(path: Path) -> Read:
    """Read the first picture."""
    import PIL.Image

    with PIL.Image.open(path) as image:
        return np.asarray(image), 0


def imageio(path: Path) -> Read:
    """Read the first picture, by whatever plug-in takes it."""
    import imageio.v3 as module

    return np.asarray(module.imread(path, index=0)), 0


def zarr(path: Path) -> Read:
    """Read the array of the first level."""
    import zarr as module

    if path.suffix != ".zarr":
        with module.storage.ZipStore(path, mode="r") as store:
            return _zarr(module.open_group(store, mode="r"))
    return _zarr(module.open_group(path, mode="r"))


def _zarr(group: Any) -> Read:
    facts = group.attrs.get("ome", group.attrs)
    levels = facts["multiscales"][0]["datasets"]
    return np.asarray(group[levels[0]["path"]][:]), len(levels)


def cucim(path: Path) -> Read:
    """Read on the CPU."""
    from cucim.clara import CuImage

    image = CuImage(str(path))
    width, height = image.resolutions["level_dimensions"][0]
    pixels = np.asarray(image.read_region((0, 0), (width, height), level=0))
    return pixels, int(image.resolutions["level_count"])


def slideio(path: Path) -> Read:
    """Read the first scene."""
    import slideio as module

    slide = module.open_slide(str(path), "SVS" if path.suffix == ".svs" else "AUTO")
    scene = slide.get_scene(0)
    frames, slices = scene.num_t_frames, scene.num_z_slices
    block = scene.read_block(slices=(0, slices), frames=(0, frames))
    if block.ndim == 5:
        block = np.moveaxis(block, (0, 1, 2, 3, 4), (0, 1, 3, 4, 2))
    return np.asarray(block), int(scene.num_zoom_levels)


_ZARRS = (".zarr",)

PROGRAMS: dict[str, Program] = {
    "Bio-Formats": Program("jpype", (*TIFFS, ".png", ".jpg"), bio_formats),
    "OpenSlide": Program("openslide", TIFFS, openslide),
    "tiffslide": Program("tiffslide", TIFFS, tiffslide),
    "tifffile": Program("tifffile", TIFFS, tifffile),
    "libvips": Program("pyvips", (*TIFFS, ".png", ".jpg", ".webp"), libvips),
    "GDAL": Program("osgeo", (*TIFFS, ".png", ".jpg", ".webp"), gdal),
    "rasterio": Program("rasterio", (*TIFFS, *_ZARRS), rasterio),
    "Pillow": Program("PIL", (*TIFFS, ".png", ".jpg", ".webp"), pillow),
    "imageio": Program("imageio", (*TIFFS, ".png", ".jpg", ".webp"), imageio),
    "zarr": Program("zarr", (*_ZARRS, ".zip"), zarr),
    "cuCIM": Program("cucim", TIFFS, cucim),
    "slideio": Program("slideio", TIFFS, slideio),
}
