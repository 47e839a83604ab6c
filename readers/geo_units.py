"""Regions given in coordinates on earth, as pixels."""

import math

import numpy as np

from ziggurat.readers.errors import RegionError
from ziggurat.readers.geo import (
    WGS84,
    affine,
    apply,
    inverse,
    native_crs,
    transform_points,
)
from ziggurat.readers.image import ImageInfo

_OWN = {"projection", "proj"}
_LONGITUDE_LATITUDE = {"wgs84", "4326", "epsg:4326", "lonlat"}
_STEPS = 9  # points along each side of a region: its edges are curves in the image


def is_geographic_unit(units: str) -> bool:
    """Return True for units that are coordinates on earth rather than pixels or lengths."""
    name = units.strip().lower()
    return name in _OWN | _LONGITUDE_LATITUDE or name.startswith(("epsg:", "proj4:", "+proj"))


def region_to_pixels(
    info: ImageInfo,
    units: str,
    left: float | None,
    top: float | None,
    right: float | None,
    bottom: float | None,
) -> tuple[float | None, float | None, float | None, float | None]:
    """Carry the edges of a region into full-resolution pixels.

    Parameters
    ----------
    info
        Of the image; needs ``geo``.
    units
        ``projection`` (the image's or the view's own system), ``EPSG:n``, ``wgs84``, a PROJ string.
    left, top, right, bottom
        Coordinates, y upwards: top is the larger one (they are put in order). None stays
        None; it then counts as the image's own edge.

    Returns
    -------
    left, top, right, bottom as pixels, y downwards: the smallest rectangle that holds all
    of the region.

    Raises
    ------
    RegionError
        The image has no georeference, an edge is no finite number, or the region has no place
        in the image's system.
    ProjectionError
        The units name no system.
    """
    if info.geo is None:
        raise RegionError(f"units {units!r} need an image that knows where on earth it is")
    given = (left, top, right, bottom)
    if any(edge is not None and not math.isfinite(edge) for edge in given):
        raise RegionError(f"the edges of a region must be finite numbers, not {given}")
    name = units.strip().lower()
    own = info.geo.projection if name in _OWN else native_crs(info.geo, info.width, info.height)
    crs = own if name in _OWN else WGS84 if name in _LONGITUDE_LATITUDE else units
    back = inverse(affine(info.geo))
    image = apply(affine(info.geo), [(0, 0), (info.width, info.height)])
    if crs != own:
        image = transform_points(own, crs, image)
    corners = [
        edge if edge is not None else float(fallback)
        for edge, fallback in zip(given, image.ravel().tolist(), strict=True)
    ]
    pixels = apply(back, transform_points(crs, own, _outline(*corners)))
    pixels = pixels[np.isfinite(pixels).all(axis=1)]
    if not len(pixels):
        raise RegionError(f"the region {given} in {units} has no place in the image's projection")
    low, high = pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist()
    found = (low[0], low[1], high[0], high[1])
    return tuple(  # type: ignore[return-value]
        None if edge is None else value for edge, value in zip(given, found, strict=True)
    )


def _outline(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    xs = np.linspace(left, right, _STEPS).tolist()
    ys = np.linspace(top, bottom, _STEPS).tolist()
    return [
        *((x, y) for x in xs for y in (top, bottom)),
        *((x, y) for y in ys for x in (left, right)),
    ]
