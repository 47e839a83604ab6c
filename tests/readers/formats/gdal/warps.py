"""Projected views and their tiles, by us and by gdalwarp."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from osgeo import gdal

from ziggurat.readers.formats.gdal.projected import ProjectedReader, project
from ziggurat.readers.formats.gdal.reader import open_reader
from ziggurat.readers.geo.facts import image_rect
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.geometry import Rect

WORLD = 2 * math.pi * 6_378_137


def view(path: Path, projection: str = "EPSG:3857", **options: object) -> ProjectedReader:
    return project(open_reader(locate(path)), path, projection, **options)


def tile(reader: ProjectedReader, z: int, x: int, y: int) -> np.ndarray:
    return reader.plane(len(reader.info.levels) - 1 - z, 0).read(Rect(x * 256, y * 256, 256, 256))


def gdalwarp(path: Path, z: int, x: int, y: int, **options: object) -> np.ndarray:
    """Warp one Web Mercator tile in GDAL's own words."""
    size = WORLD / 2**z
    left, top = x * size - WORLD / 2, WORLD / 2 - y * size
    warped = gdal.Warp(
        "",
        str(path),
        format="MEM",
        dstSRS="EPSG:3857",
        outputBounds=(left, top - size, left + size, top),
        width=256,
        height=256,
        dstAlpha=True,
        **options,
    )
    return np.moveaxis(warped.ReadAsArray(), 0, -1)


def middle_tile(reader: ProjectedReader, z: int) -> tuple[int, int]:
    rect = image_rect(reader.info)
    side = reader.info.width / 2**z
    return int((rect.x + rect.width / 2) // side), int((rect.y + rect.height / 2) // side)


def small_map(folder: Path, make_raster: Callable[..., Path]) -> Path:
    return make_raster(
        folder / "s.tif",
        np.full((8, 8, 1), 3, np.uint8),
        crs="EPSG:4326",
        transform=(0, 1, 0, 8, 0, -1),
    )
