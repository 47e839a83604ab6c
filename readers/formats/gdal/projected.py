"""A raster seen in another projection: zoom levels of the world, warped as they are looked at."""

import dataclasses
import math
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from osgeo import gdal

from ziggurat.readers.errors import ProjectionError, RegionError
from ziggurat.readers.formats.gdal.memory import memory_part
from ziggurat.readers.formats.gdal.reader import GdalReader
from ziggurat.readers.geo.bounds import bounds
from ziggurat.readers.geo.crs import (
    apply,
    meters_per_pixel,
    native_crs,
    parse_crs,
    world_width,
)
from ziggurat.readers.geo.facts import origin_facts, to_native_pixel
from ziggurat.readers.geo.gdal_access import FENCE
from ziggurat.readers.geo.gdal_calls import warped_pixels
from ziggurat.readers.geo.world_grid import WorldGrid, world_grid
from ziggurat.readers.io.system import core_count
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import GeoReference, ImageInfo, Interpretation
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Plane, Reader

_THREADED = 1 << 20  # pixels; smaller warps are done before threads are up
_MOST_PIXELS = 1 << 28  # of one read; what shows a region reads it in strips far smaller


class Warp(Enum):
    """How pixels are taken from the source; the names are gdalwarp's."""

    NEAREST = "near"
    BILINEAR = "bilinear"
    CUBIC = "cubic"
    CUBIC_SPLINE = "cubicspline"
    LANCZOS = "lanczos"
    AVERAGE = "average"
    RMS = "rms"
    MODE = "mode"
    MAX = "max"
    MIN = "min"
    MEDIAN = "med"


class ProjectedReader(Reader):
    """The world as a square of zoom levels, transparent where the source has nothing.

    Level 0 is the deepest zoom. Bands are the source's, a palette's colours instead of its
    indices, and an alpha band at the end (the type's largest number, 1.0 for floats, is opaque).
    """

    def __init__(
        self,
        source: Reader,
        projection: str,
        units_per_pixel: float | None = None,
        resample: Warp = Warp.NEAREST,
        *,
        colors: bool = True,
    ) -> None:
        self.source = source
        self.volatile, self.scattered = source.volatile, source.scattered
        self._resample = resample
        self._own, self._inside = _place(source.info, projection)
        self._grid = world_grid(source.info, projection, units_per_pixel)
        self._wkt = parse_crs(projection).ExportToWkt()
        palette = source.info.palette if colors else None
        self._colors = None if palette is None else _color_table(palette)
        self.info = _projected_info(source.info, self._grid, colors=palette is not None)
        self._indexed: ProjectedReader | None = None
        if palette is not None:
            self._indexed = ProjectedReader(
                source, projection, units_per_pixel, resample, colors=False
            )
        self._around = world_width(projection)
        self._turns = _turns(self._inside, self._around)

    @property
    def indexed(self) -> "ProjectedReader":
        """The view with a palette's indices as they are stored, on which styles act.

        Itself, where there is no palette.
        """
        return self._indexed or self

    def plane(self, level: int, frame: int) -> Plane:
        """Return a zoom level."""
        return _ProjectedPlane(self, level, frame)

    def warped(self, level: int, frame: int, rect: Rect) -> Pixels:
        """Return a rectangle of a zoom level, warped.

        Raises
        ------
        RegionError
            More pixels than can be warped at once.
        CorruptSourceError
            The source can't be read.
        """
        if rect.width * rect.height > _MOST_PIXELS:
            raise RegionError(
                f"{rect.width} x {rect.height} pixels of a projected view are too many at once; "
                "ask for a smaller region or output"
            )
        if rect.empty or self.is_blank(level, rect):
            return np.zeros((rect.height, rect.width, self.info.bands), self.info.dtype)
        source = self._raster(level, frame, rect)
        if source is None:
            return np.zeros((rect.height, rect.width, self.info.bands), self.info.dtype)
        return self._colored(self._warp(source, level, rect))

    def is_blank(self, level: int, rect: Rect) -> bool:
        """Return True where a rectangle is wholly outside of the source."""
        left, bottom, right, top = self._grid.corners(level, rect)
        xmin, ymin, xmax, ymax = self._inside
        if top < ymin or bottom > ymax:
            return True
        turns = (0.0,) if self._around is None else (0.0, self._around, -self._around)
        return not any(left <= xmax + turn and right >= xmin + turn for turn in turns)

    def native_bands(self, x: int, y: int) -> dict[int, Any]:
        """Return the stored values of the raster under a full-resolution pixel, by band (1 …)."""
        ((east, north),) = apply(self._grid.transform, [(x + 0.5, y + 0.5)]).tolist()
        try:
            column, row = map(math.floor, to_native_pixel(self.info, east, north))
        except ProjectionError:  # nowhere on the raster's map
            return {}
        source = self.source.info
        if not (0 <= column < source.width and 0 <= row < source.height):
            return {}
        pixel = self.source.plane(0, 0).read(Rect(column, row, 1, 1))[0, 0]
        return dict(enumerate(pixel.tolist(), start=1))

    def close(self) -> None:
        """Close the source."""
        self.source.close()

    def _raster(self, level: int, frame: int, rect: Rect) -> gdal.Dataset | None:
        """Return what to warp: the file, where GDAL reads it itself, or the part that is needed."""
        if isinstance(self.source, GdalReader):
            return self.source.handles.dataset()
        corners, size = self._grid.corners(level, rect), (rect.width, rect.height)
        return memory_part(self.source, frame, self._own, self._wkt, corners, size)

    def _warp(self, source: gdal.Dataset, level: int, rect: Rect) -> Pixels:
        """Return bands and alpha as GDAL warps them, from both sides of the date line."""
        left, bottom, right, top = self._grid.corners(level, rect)
        pixels = self._warp_part(source, (left, bottom, right, top), rect)
        for turn in self._turns:
            if left + turn <= self._inside[2] and right + turn >= self._inside[0]:
                missing = pixels[..., -1] == 0
                if missing.any():
                    part = (left + turn, bottom, right + turn, top)
                    pixels[missing] = self._warp_part(source, part, rect)[missing]
        return pixels

    def _warp_part(
        self, source: gdal.Dataset, corners: tuple[float, float, float, float], rect: Rect
    ) -> Pixels:
        names = self.source.info.interpretation in (Interpretation.PALETTE, Interpretation.LABELS)
        resample = Warp.NEAREST if names else self._resample
        dtype = self.source.info.dtype
        stored = np.dtype(np.uint8) if dtype.kind == "b" else dtype
        large = rect.width * rect.height > _THREADED
        with gdal.config_options(FENCE):
            pixels = warped_pixels(
                "the source can't be warped",
                source,
                outputBounds=corners,
                width=rect.width,
                height=rect.height,
                srcSRS=self._own,
                dstSRS=self._wkt,
                dstAlpha=True,
                resampleAlg=resample.value,
                # Between places on both sides of the date line nothing can be interpolated.
                errorThreshold=0.0 if self._turns else 0.125,
                multithread=large,
                warpOptions=[
                    f"SRC_ALPHA_MAX={_opaque(stored)}",
                    f"DST_ALPHA_MAX={_warped_opaque(stored)}",
                    *([f"NUM_THREADS={core_count()}"] if large else []),
                ],
            )
        pixels = np.asarray(pixels, stored)
        if stored.kind in "iu" and stored.itemsize == 8 and _beyond_doubles(pixels):
            raise ProjectionError(
                "integers beyond 2**53 can't be projected exactly: GDAL warps them as doubles; "
                "read the image in its own pixels"
            )
        return pixels

    def _colored(self, pixels: Pixels) -> Pixels:
        """Give the alpha its full range, and a palette's indices their colours."""
        alpha = pixels[..., -1:]
        if self._colors is not None:
            known = np.clip(pixels[..., 0], 0, len(self._colors) - 1)
            shown: Pixels = self._colors[known.astype(np.intp)]
            shown[alpha[..., 0] == 0] = 0
            return shown
        full, warped = _opaque(pixels.dtype), _warped_opaque(pixels.dtype)
        if full != warped:  # whole numbers all the way: no double holds 2**64 - 1
            alpha[...] = np.where(alpha >= warped, full, alpha * (full // warped))
        return pixels


class _ProjectedPlane(DecodedPlane):
    __slots__ = ("_frame", "_level", "_view")

    def __init__(self, view: ProjectedReader, level: int, frame: int) -> None:
        self._view, self._level, self._frame = view, level, frame

    def read(self, rect: Rect) -> Pixels:
        return self._view.warped(self._level, self._frame, rect)

    def is_blank(self, rect: Rect) -> bool:
        return self._view.is_blank(self._level, rect)


def project(
    reader: Reader,
    path: str | Path,
    projection: str,
    units_per_pixel: float | None = None,
    resample: Warp = Warp.NEAREST,
) -> ProjectedReader:
    """Show a raster in another projection.

    Parameters
    ----------
    reader
        Of the image. What GDAL reads itself is warped by it as a whole; of all others the part that
        is needed is read first.
    path
        Its name, for messages.
    projection
        ``EPSG:3857``, a PROJ string, WKT.
    units_per_pixel
        Of the first zoom level, one tile of 256 pixels that holds the world. By default once
        around the equator.
    resample
        How pixels are taken from the source.

    Raises
    ------
    ProjectionError
        The projection is unknown, or the raster does not say where it is.
    """
    if reader.info.geo is None:
        raise ProjectionError(f"{path} does not say where on earth it is, so it can't be projected")
    return ProjectedReader(reader, projection, units_per_pixel, resample)


def raster_name(reader: Reader) -> str:
    """Return what GDAL calls the file behind a reader.

    Raises
    ------
    ProjectionError
        It is not read with GDAL.
    """
    source = reader.source if isinstance(reader, ProjectedReader) else reader
    if not isinstance(source, GdalReader):
        raise ProjectionError("the image is no file that is read with GDAL")
    return source.handles.name


def _color_table(palette: tuple[tuple[int, int, int, int], ...]) -> Pixels:
    """Return colours by index; what the palette has none for is transparent."""
    table = np.zeros((len(palette) + 1, 4), np.uint8)
    table[:-1] = palette
    return table


def _projected_info(info: ImageInfo, grid: WorldGrid, *, colors: bool) -> ImageInfo:
    mm_x, mm_y = _millimeters(info, grid)
    bands = 4 if colors else info.bands + (not info.alpha)
    names = ("red", "green", "blue") if colors else info.band_names[: bands - 1]
    return dataclasses.replace(
        info,
        levels=grid.levels,
        bands=bands,
        dtype=np.dtype(np.uint8) if colors or info.dtype.kind == "b" else info.dtype,
        interpretation=Interpretation.RGB if colors else info.interpretation,
        alpha=True,
        mm_x=mm_x,
        mm_y=mm_y,
        nodata=None,
        palette=None if colors else info.palette,
        band_names=(*names, "alpha"),
        geo=GeoReference(grid.crs, grid.transform),
        internal={**info.internal, "projected_from": origin_facts(info)},
    )


def _millimeters(info: ImageInfo, grid: WorldGrid) -> tuple[float | None, float | None]:
    """Return the size of the view's pixels on the ground, where the image is."""
    assert info.geo is not None
    where = bounds(info.geo, info.width, info.height, grid.crs)
    left, pixel, _, top, _, _ = grid.transform
    column = round(((where["xmin"] + where["xmax"]) / 2 - left) / pixel)
    row = round((top - (where["ymin"] + where["ymax"]) / 2) / pixel)
    x, y = left + (column - 1) * pixel, top - (row - 1) * pixel
    around = GeoReference(grid.crs, (x, pixel, 0.0, y, 0.0, -pixel))
    size_x, size_y = meters_per_pixel(around, 2, 2)
    return size_x and size_x * 1000, size_y and size_y * 1000


def _place(info: ImageInfo, projection: str) -> tuple[str, tuple[float, float, float, float]]:
    """Return a raster's own system, and its xmin, ymin, xmax, ymax in a projection, with room.

    Raises
    ------
    ProjectionError
        The raster does not say where it is, or is nowhere in the projection.
    """
    if info.geo is None:
        raise ProjectionError("an image that does not say where on earth it is can't be projected")
    if info.dtype.kind == "c":
        raise ProjectionError("images of complex numbers can't be projected")
    own = native_crs(info.geo, info.width, info.height)
    where = bounds(info.geo, info.width, info.height, projection)
    room_x = 0.05 * (where["xmax"] - where["xmin"])
    room_y = 0.05 * (where["ymax"] - where["ymin"])
    return own, (
        where["xmin"] - room_x,
        where["ymin"] - room_y,
        where["xmax"] + room_x,
        where["ymax"] + room_y,
    )


def _turns(inside: tuple[float, float, float, float], around: float | None) -> tuple[float, ...]:
    """Return by how much a place is to be turned round the world too, to find the image there."""
    if around is None:
        return ()
    xmin, _, xmax, _ = inside
    return tuple(
        turn
        for turn, reached in ((around, xmax > around / 2), (-around, xmin < -around / 2))
        if reached
    )


def _opaque(dtype: np.dtype) -> int:
    """Return what is opaque: the type's largest number, 1 of floats."""
    return 1 if dtype.kind == "f" else int(np.iinfo(dtype).max)


def _warped_opaque(dtype: np.dtype) -> int:
    """Return what GDAL shall write for opaque: it counts in float32, too coarse for wide types."""
    return _opaque(dtype) if dtype.kind == "f" or dtype.itemsize <= 2 else 65_535


def _beyond_doubles(pixels: Pixels) -> bool:
    values = pixels[..., :-1]
    return bool(values.size) and bool(values.max() >= 1 << 53 or values.min() <= -(1 << 53))
