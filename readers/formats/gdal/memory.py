"""Pixels of any reader as a raster in memory, for GDAL to warp."""

import numpy as np
from osgeo import gdal

from ziggurat.readers.errors import ProjectionError, RegionError
from ziggurat.readers.geo.crs import (
    Coordinates,
    affine,
    apply,
    exact_affine,
    inverse,
    parse_crs,
    transform_points,
    world_width,
)
from ziggurat.readers.geo.gdal_calls import create, put_pixels
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import GeoReference, ImageInfo
from ziggurat.readers.model.reader import Pixels, Reader

_STEPS = 17  # points along a side of what is wanted, to find it in the source
_ROOM = 4  # pixels around, for the widest resampling kernels
_MOST_PIXELS = 1 << 27


def memory_part(
    reader: Reader,
    frame: int,
    own: str,
    target: str,
    corners: tuple[float, float, float, float],
    size: tuple[int, int],
) -> gdal.Dataset | None:
    """Return the part of an image that a rectangle in another projection needs.

    Parameters
    ----------
    reader, frame
        What to read; its info has a georeference.
    own, target
        The systems of the image and of the rectangle.
    corners
        left, bottom, right, top of the rectangle.
    size
        Its width and height in pixels: they decide which stored level is read.

    Returns
    -------
    A raster in memory with its place, or None where the image has nothing there.

    Raises
    ------
    RegionError
        Far too many pixels of the image lie there and it has no smaller level.
    """
    info = reader.info
    if info.geo is None:
        raise ProjectionError("an image that does not say where on earth it is can't be projected")
    wanted = _wanted(info, own, target, corners)
    if wanted is None:
        return None
    level = _level(info, max(wanted.width / size[0], wanted.height / size[1]))
    stored = info.levels[level]
    scale_x, scale_y = info.width / stored.width, info.height / stored.height
    x, y = int(wanted.x / scale_x) - _ROOM, int(wanted.y / scale_y) - _ROOM
    right, bottom = int(wanted.right / scale_x) + _ROOM, int(wanted.bottom / scale_y) + _ROOM
    rect = Rect(x, y, right - x + 1, bottom - y + 1).intersect(stored.rect)
    if rect.width * rect.height > _MOST_PIXELS:
        raise RegionError(
            f"{rect.width} x {rect.height} pixels of the image lie there and there is no smaller "
            "level; ask for a smaller region, or write the image with a pyramid first"
        )
    return _memory(reader.plane(level, frame).read(rect), info, own, rect, (scale_x, scale_y))


def _wanted(
    info: ImageInfo, own: str, target: str, corners: tuple[float, float, float, float]
) -> Rect | None:
    """Return the full-resolution pixels that lie under a rectangle of another system."""
    assert info.geo is not None
    left, bottom, right, top = corners
    xs, ys = np.linspace(left, right, _STEPS), np.linspace(bottom, top, _STEPS)
    points = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    places = transform_points(target, own, points)
    around = world_width(own)
    turns = (0.0,) if around is None else (0.0, around, -around)
    back = inverse(affine(info.geo))
    parts = [_under(info, apply(back, places + np.array([turn, 0.0]))) for turn in turns]
    found = [part for part in parts if not part.empty]
    if not found:
        return None
    x, y = min(part.x for part in found), min(part.y for part in found)
    right, bottom = max(part.right for part in found), max(part.bottom for part in found)
    return Rect(x, y, right - x, bottom - y)


def _under(info: ImageInfo, pixels: Coordinates) -> Rect:
    """Return the part of the image that a net of points covers."""
    pixels = pixels[np.isfinite(pixels).all(axis=1)]
    if not len(pixels):
        return Rect(0, 0, 0, 0)
    # Between two points a curve may reach further out: half a step more on each side.
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    room = (high - low) / (_STEPS - 1) / 2 + 1
    low = np.clip(low - room, 0, (info.width, info.height))
    high = np.clip(high + room, 0, (info.width, info.height))
    x, y = np.floor(low).astype(int).tolist()
    right, bottom = np.ceil(high).astype(int).tolist()
    return Rect(x, y, right - x, bottom - y)


def _level(info: ImageInfo, ratio: float) -> int:
    """Return the smallest stored level that is not coarser than what is wanted."""
    fine = [n for n in range(len(info.levels)) if info.downsample(n) <= max(1.0, ratio * 1.01)]
    return fine[-1]


def _memory(
    pixels: Pixels, info: ImageInfo, own: str, rect: Rect, scale: tuple[float, float]
) -> gdal.Dataset:
    height, width, bands = pixels.shape
    dtype = np.dtype(np.uint8) if pixels.dtype.kind == "b" else pixels.dtype
    dataset = create("MEM", "", pixels.shape, dtype)
    put_pixels(dataset, Rect(0, 0, width, height), pixels)
    for number in range(bands):
        nodata = info.nodata[number] if isinstance(info.nodata, tuple) else info.nodata
        if nodata is not None:
            dataset.GetRasterBand(number + 1).SetNoDataValue(nodata)
    if info.alpha:
        dataset.GetRasterBand(bands).SetColorInterpretation(gdal.GCI_AlphaBand)
    assert info.geo is not None
    _place(dataset, info.geo, own, rect, scale)
    return dataset


def _place(
    dataset: gdal.Dataset, geo: GeoReference, own: str, rect: Rect, scale: tuple[float, float]
) -> None:
    crs = parse_crs(own)
    transform = exact_affine(geo)
    if transform is None:
        points = [
            gdal.GCP(p.x, p.y, 0, p.pixel_x / scale[0] - rect.x, p.pixel_y / scale[1] - rect.y)
            for p in geo.gcps
        ]
        dataset.SetGCPs(points, crs)
        return
    ((x, y),) = apply(transform, [(rect.x * scale[0], rect.y * scale[1])]).tolist()
    _, a, b, _, c, d = transform
    dataset.SetGeoTransform((x, a * scale[0], b * scale[1], y, c * scale[0], d * scale[1]))
    dataset.SetSpatialRef(crs)
