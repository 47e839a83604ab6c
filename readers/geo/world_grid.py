"""The zoom levels of the world: one tile that holds it all, each next level twice as fine."""

import math
from dataclasses import dataclass

from ziggurat.readers.errors import OptionError
from ziggurat.readers.geo.crs import (
    Affine,
    crs_name,
    mean_meters_per_pixel,
    parse_crs,
    world_width,
)
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Level

TILE = 256
_EQUATOR = 2 * math.pi * 6_378_137.0  # metres
_DEEPEST = 40  # beyond, numbers of pixels lose their last digits in doubles


@dataclass(frozen=True, slots=True)
class WorldGrid:
    """A square of ``across`` units a side with (0, 0) in its middle, cut into zoom levels.

    ``crs`` is the projection's name, ``deepest`` the number of the finest zoom.
    """

    crs: str
    across: float
    deepest: int

    @property
    def levels(self) -> tuple[Level, ...]:
        """The zooms, finest first."""
        sizes = (TILE << zoom for zoom in range(self.deepest, -1, -1))
        return tuple(Level(size, size, TILE, TILE) for size in sizes)

    @property
    def transform(self) -> Affine:
        """Full-resolution pixels → coordinates."""
        pixel = self.across / (TILE << self.deepest)
        return (-self.across / 2, pixel, 0.0, self.across / 2, 0.0, -pixel)

    def corners(self, level: int, rect: Rect) -> tuple[float, float, float, float]:
        """Return left, bottom, right, top of a rectangle of a level."""
        pixel = self.across / (TILE << (self.deepest - level))
        half = self.across / 2
        return (
            rect.x * pixel - half,
            half - rect.bottom * pixel,
            rect.right * pixel - half,
            half - rect.y * pixel,
        )


def world_grid(info: ImageInfo, projection: str, units_per_pixel: float | None) -> WorldGrid:
    """Return the grid that an image is shown in.

    Parameters
    ----------
    info
        Of the image; the finest zoom is the first that is finer than its own pixels.
    projection
        Any that :func:`ziggurat.readers.geo.crs.parse_crs` takes.
    units_per_pixel
        Of the first zoom; None: once around the equator is one tile.

    Raises
    ------
    ProjectionError
        The projection is unknown.
    OptionError
        ``units_per_pixel`` is no positive number.
    """
    finest = mean_meters_per_pixel(info.geo, info.width, info.height)
    if not finest and info.mm_x and info.mm_y:
        finest = (info.mm_x + info.mm_y) / 2000
    unit = _meters_per_unit(projection)
    across = _across(projection, units_per_pixel, unit)
    ratio = across * unit / TILE / finest if finest and math.isfinite(finest) else 1.0
    deepest = math.ceil(math.log2(ratio)) if ratio > 1 else 0
    return WorldGrid(crs_name(projection), across, min(deepest, _DEEPEST))


def _across(projection: str, units_per_pixel: float | None, unit: float) -> float:
    if units_per_pixel is not None:
        if not (math.isfinite(units_per_pixel) and units_per_pixel > 0):
            raise OptionError(f"unitsPerPixel must be a positive number, not {units_per_pixel}")
        return float(units_per_pixel) * TILE
    around = world_width(projection)
    return around if around is not None else _EQUATOR / unit


def _meters_per_unit(projection: str) -> float:
    """Return how long a unit is at the equator."""
    crs = parse_crs(projection)
    if crs.IsGeographic():
        return float(crs.GetAngularUnits()) * _EQUATOR / (2 * math.pi)
    unit = float(crs.GetLinearUnits())
    return unit if unit > 0 else 1.0
