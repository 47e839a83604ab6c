"""An image at any smaller size: each pixel is the mean of the area that it covers."""

import numpy as np

from ziggurat.readers.errors import RegionError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels, Plane, Reader
from ziggurat.readers.model.samples import cast_rounded, mixed, nodata_by_band, weighted
from ziggurat.readers.views.views import LevelsReader, View, scaled_info

Array = np.ndarray
NEAREST = frozenset({Interpretation.LABELS, Interpretation.PALETTE})


class ResampledReader(View):
    """One level of the wanted size, made from the smallest stored level that is as large.

    Labels and palette indices are taken from the nearest pixel, never averaged. The result does
    not depend on how it is cut into rectangles.
    """

    def __init__(self, reader: Reader, width: int, height: int) -> None:
        info = reader.info
        if not (0 < width <= info.width and 0 < height <= info.height):
            raise RegionError(
                f"{width} x {height} pixels is not smaller than {info.width} x {info.height}"
            )
        fitting = [
            index
            for index, level in enumerate(info.levels)
            if level.width >= width and level.height >= height
        ]
        self._from = fitting[-1]
        stored = info.levels[self._from]
        level = Level(width, height, stored.tile_width, stored.tile_height)
        super().__init__(reader, scaled_info(info, (level,)))
        self._factors = stored.width / width, stored.height / height

    def plane(self, level: int, frame: int) -> Plane:
        """Return the plane made smaller."""
        del level  # there is one
        source = self.source.info.levels[self._from]
        names = self.info.interpretation in NEAREST
        return _ResampledPlane(
            self.source.plane(self._from, frame), source, self._factors, self.info, names
        )


class _ResampledPlane(Plane):
    __slots__ = ("_factors", "_info", "_level", "_nearest", "_source")

    def __init__(
        self,
        source: Plane,
        level: Level,
        factors: tuple[float, float],
        info: ImageInfo,
        nearest: bool,
    ) -> None:
        self._source, self._level, self._factors = source, level, factors
        self._info, self._nearest = info, nearest

    def _area(self, rect: Rect) -> Rect:
        """Return the part of the source that a rectangle covers."""
        left, right = _span(rect.x, rect.width, self._factors[0], self._level.width)
        top, bottom = _span(rect.y, rect.height, self._factors[1], self._level.height)
        return Rect(left, top, right - left, bottom - top)

    def read(self, rect: Rect) -> Pixels:
        """Return resampled pixels."""
        part = self._area(rect)
        pixels = self._source.read(part)
        if self._nearest:
            y = _centres(rect.y, rect.height, self._factors[1], part.y, part.height)
            x = _centres(rect.x, rect.width, self._factors[0], part.x, part.width)
            return np.ascontiguousarray(pixels[y][:, x])
        nodata = nodata_by_band(self._info)
        values = pixels if nodata is None else weighted(pixels, nodata, alpha=False)
        rows_done = _means(values, 0, (rect.y, rect.height), self._factors[1], part.y)
        shrunk = _means(rows_done, 1, (rect.x, rect.width), self._factors[0], part.x)
        if nodata is not None:
            return mixed(shrunk, self._info.dtype, nodata)
        return cast_rounded(shrunk, self._info.dtype)

    def encoded(self) -> None:
        """Return None: no such tiles are stored."""

    def places(self) -> None:
        """Return None: no such tiles are stored."""

    def is_blank(self, rect: Rect) -> bool:
        """Ask the source about the area that the rectangle covers."""
        return self._source.is_blank(self._area(rect))

    def release(self, rect: Rect) -> None:
        """Tell the source of the area that the rectangle covers."""
        self._source.release(self._area(rect))


def _span(start: int, length: int, factor: float, limit: int) -> tuple[int, int]:
    first = int(np.floor(start * factor + 1e-9))
    last = int(np.ceil((start + length) * factor - 1e-9))
    return min(first, limit - 1), max(min(last, limit), first + 1)


def _centres(start: int, length: int, factor: float, origin: int, size: int) -> Array:
    picks = np.floor((np.arange(start, start + length) + 0.5) * factor).astype(int) - origin
    clipped: Array = np.clip(picks, 0, size - 1)
    return clipped


def _means(values: Array, axis: int, results: tuple[int, int], factor: float, origin: int) -> Array:
    """Return means along an axis, each of the pixels that a result covers, by how much of them.

    ``results`` are (start, length), and ``origin`` is the first of the pixels that are there. The
    work grows with the pixels alone, however many results there are.
    """
    start, length = results
    limit = origin + values.shape[axis]
    edges = np.arange(start, start + length + 1) * factor
    first = np.minimum(np.floor(edges[:-1] + 1e-9).astype(int), limit - 1)
    stop = np.minimum(np.ceil(edges[1:] - 1e-9).astype(int), limit)
    counts = np.maximum(stop - first, 1)
    begins = np.cumsum(counts) - counts
    pixel = np.arange(counts.sum()) + np.repeat(first - begins, counts)
    shares = np.minimum(np.repeat(edges[1:], counts), pixel + 1)
    shares = np.clip(shares - np.maximum(np.repeat(edges[:-1], counts), pixel), 0, None)
    shares /= np.repeat(np.add.reduceat(shares, begins), counts)
    along = [1] * values.ndim
    along[axis] = -1
    parts = values.take(pixel - origin, axis) * shares.reshape(along)
    means: Array = np.add.reduceat(parts, begins, axis)
    return means


def at_resolution(reader: Reader, factor: float) -> Reader:
    """Return an image shrunk by a factor of one or more.

    A stored level that is within one per cent of the wanted size is taken as it is, with all
    smaller ones, so that its tiles can be copied.
    """
    info = reader.info
    if factor < 1.0 - 1e-9:
        raise RegionError(
            f"that is {1 / factor:g} times finer than the image; only shrinking is done"
        )
    for index in range(len(info.levels)):
        if abs(info.downsample(index) / factor - 1) < 0.01:
            return LevelsReader(reader, range(index, len(info.levels)))
    width, height = (max(1, round(side / factor)) for side in (info.width, info.height))
    return ResampledReader(reader, width, height)
