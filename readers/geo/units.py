"""Regions given in coordinates on earth, as pixels."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ziggurat.readers.errors import ProjectionError, RegionError
from ziggurat.readers.geo.crs import (
    WGS84,
    Affine,
    Coordinates,
    affine,
    apply,
    inverse,
    native_crs,
    parse_crs,
    transform_points,
    world_width,
)
from ziggurat.readers.model.checks import real_number
from ziggurat.readers.model.image import GeoReference, GroundControlPoint, ImageInfo
from ziggurat.readers.model.words import Options

_POINT = "a control point (x, y, pixel x, pixel y)"
_EDGES = ("left", "top", "right", "bottom")
_OWN = {"projection", "proj"}
_LONGITUDE_LATITUDE = {"wgs84", "4326", "epsg:4326", "lonlat"}
_STEPS = 9  # points along each side of a region: its edges are curves in the image


def named_crs(info: ImageInfo, units: str) -> str:
    """Return the system that a unit or a caller means.

    Raises
    ------
    RegionError
        The image has no georeference.
    ProjectionError
        ``units`` names no system, or the image's own is not known.
    """
    if info.geo is None:
        raise RegionError(f"{units!r} needs an image that knows where on earth it is")
    name = units.strip().lower()
    if name in _OWN:
        return info.geo.projection
    return WGS84 if name in _LONGITUDE_LATITUDE else units


def region_to_pixels(
    info: ImageInfo,
    units: str,
    left: float | None,
    top: float | None,
    right: float | None,
    bottom: float | None,
) -> tuple[float, float, float, float]:
    """Carry the edges of a region into full-resolution pixels.

    Parameters
    ----------
    info, units
        Of the image; ``projection`` (its own system), ``EPSG:n``, ``wgs84``, a PROJ string.
    left, top, right, bottom
        Coordinates, y upwards, in any order. None is the image's own edge.

    Returns
    -------
    left, top, right, bottom as pixels, y downwards: the smallest rectangle that holds the region,
    inside the image or not. A corner alone, left and top or right and bottom, is a point.

    Raises
    ------
    RegionError
        The image has no georeference, an edge is no finite number, or the region has no place
        in the image's system.
    ProjectionError
        The units name no system.
    """
    crs = named_crs(info, units)
    assert info.geo is not None  # named_crs saw to it
    given = _finite(left, top, right, bottom)
    own = info.geo.projection
    if crs != own:
        own = native_crs(info.geo, info.width, info.height)
    transform = affine(info.geo)
    image = apply(transform, [(0, 0), (info.width, info.height)])
    image = transform_points(own, crs, image)
    corners = [
        edge if edge is not None else fallback
        for edge, fallback in zip(given, image.ravel().tolist(), strict=True)
    ]
    if right is None and bottom is None:
        corners[2:] = corners[:2]  # a corner alone is a point
    elif left is None and top is None:
        corners[:2] = corners[2:]
    outline = _outline(*corners)
    points = transform_points(crs, own, outline)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        raise RegionError(f"the region {given} in {units} has no place in the image's projection")
    low, high = _turned_to_the_image(info, own, transform, points)
    return (
        0.0 if left is None else low[0],
        0.0 if top is None else low[1],
        float(info.width) if right is None else high[0],
        float(info.height) if bottom is None else high[1],
    )


def placed_region(
    info: ImageInfo,
    crs: str,
    gcps: Sequence[Sequence[float]],
    region_crs: str,
    region: Options,
) -> dict[str, float]:
    """Return a region on earth as full-resolution pixels of an image that is put there.

    Parameters
    ----------
    info
        Of the image; what it says itself of its place doesn't count.
    crs, gcps
        Where it is: control points (x, y, pixel x, pixel y), x and y in this system. The affine
        transform that fits them best counts.
    region_crs, region
        ``left``, ``top``, ``right`` and ``bottom`` in this system.

    Raises
    ------
    RegionError
        Edges are missing, are no finite numbers, or have no place there.
    ProjectionError
        A name is no system, or the points don't say where the image is.
    """
    points = []
    for point in gcps:
        numbers = [real_number(_POINT, part, RegionError) for part in point]
        if len(numbers) != 4:
            raise ProjectionError(f"a control point is (x, y, pixel x, pixel y), not {point!r}")
        x, y, pixel_x, pixel_y = numbers
        points.append(GroundControlPoint(pixel_x, pixel_y, x, y))
    if set(region) != set(_EDGES):
        raise RegionError(f"the region must have {', '.join(_EDGES)}, not {sorted(region)}")
    edges = [real_number(f"the region's {name}", region[name], RegionError) for name in _EDGES]
    geo = GeoReference(parse_crs(crs).ExportToWkt(), gcps=tuple(points))
    pixels = region_to_pixels(dataclasses.replace(info, geo=geo), region_crs, *edges)
    return dict(zip(_EDGES, pixels, strict=True))


def _turned_to_the_image(
    info: ImageInfo, own: str, transform: Affine, points: Coordinates
) -> tuple[list[float], list[float]]:
    """Return the least and greatest pixels of places, a turn round the world away if need be.

    A raster from 0 to 360 degrees has 100 degrees west at 260. ``points`` are a ring: one across
    the date line, whose places lie at both ends of the world, goes on beyond its edge.
    """
    around = world_width(own)
    if around is not None:
        points = np.stack([np.unwrap(points[:, 0], period=around), points[:, 1]], axis=1)
    turns = (0.0,) if around is None else (0.0, around, -around)
    best: tuple[float, list[float], list[float]] | None = None
    for turn in turns:
        pixels = apply(inverse(transform), points + np.array([turn, 0.0]))
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        inside = np.minimum(high, (info.width, info.height)) - np.maximum(low, 0)
        shared = float(inside.min())  # below zero: how far away it is
        if best is None or (shared > best[0] and best[0] < 0):
            best = shared, low.tolist(), high.tolist()
    assert best is not None, "there is one turn at least"
    return best[1], best[2]


def _finite(*edges: float | None) -> tuple[float | None, ...]:
    if any(edge is not None and not math.isfinite(edge) for edge in edges):
        raise RegionError(f"the edges of a region must be finite numbers, not {edges}")
    return edges


def _outline(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    """Return points round a region, neighbours one after the other."""
    xs = np.linspace(left, right, _STEPS).tolist()
    ys = np.linspace(top, bottom, _STEPS).tolist()
    return [
        *((x, top) for x in xs),
        *((right, y) for y in ys),
        *((x, bottom) for x in reversed(xs)),
        *((left, y) for y in reversed(ys)),
    ]
