"""Where an image is on earth: corners and extremes, across the date line and over the poles."""

import math
from typing import Any

import numpy as np

from ziggurat.readers.errors import ProjectionError
from ziggurat.readers.geo.crs import (
    WGS84,
    Coordinates,
    affine,
    apply,
    crs_name,
    image_corners,
    inverse,
    native_crs,
    parse_crs,
    transform_points,
    world_width,
)
from ziggurat.readers.model.image import GeoReference

_STEPS = 21  # points along a side: edges are curves in other projections
_FINE_STEPS = 121
_MERCATOR_POLE = 85.0511287798066  # the latitude where a Mercator world is a square


def bounds(geo: GeoReference, width: int, height: int, crs: str | None = None) -> dict[str, Any]:
    """Return where an image is.

    Parameters
    ----------
    geo, width, height
        The georeference and the size in pixels.
    crs
        Of the answer; the image's own where not given.

    Returns
    -------
    ``ll``, ``ul``, ``lr``, ``ur``: the image's corners, dictionaries with ``x`` and ``y`` (NaN
    where a corner has no place there); ``srs``: the system's name, None where the image has
    none; ``xmin``, ``xmax``, ``ymin``, ``ymax``: the extremes of the whole outline. An image across
    the date line reaches beyond it on the side where most of it is; a Mercator world ends
    where it is a square.

    Raises
    ------
    ProjectionError
        The system is unknown, or the image is nowhere in it.
    """
    if crs is None and not geo.projection:
        corners = image_corners(geo, width, height)
        return _answer(corners, corners, None)
    own = native_crs(geo, width, height)
    target = own if crs is None else crs
    name = crs_name(target)
    if name == crs_name(own):
        corners = image_corners(geo, width, height)
        return _answer(corners, corners, name)
    corners = _place(own, target, image_corners(geo, width, height))
    points = _outline(geo, own, target, width, height)
    if not len(points):
        raise ProjectionError(f"no part of the image has a place in {name}")
    return _answer(corners, points, name)


def _answer(corners: Coordinates, points: Coordinates, name: str | None) -> dict[str, Any]:
    named: dict[str, Any] = {
        key: {"x": float(x), "y": float(y)} if math.isfinite(x) else {"x": math.nan, "y": math.nan}
        for key, (x, y) in zip(("ul", "ur", "lr", "ll"), corners.tolist(), strict=True)
    }
    low, high = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    if not all(map(math.isfinite, (*low, *high))):
        raise ProjectionError("the image's own numbers put it nowhere: its transform is damaged")
    ends = {"xmin": low[0], "xmax": high[0], "ymin": low[1], "ymax": high[1]}
    return {key: named[key] for key in ("ll", "ul", "lr", "ur")} | {"srs": name} | ends


def _is_mercator(crs: str) -> bool:
    kind = parse_crs(crs).GetAttrValue("PROJECTION", 0) or ""
    return kind.startswith(("Mercator", "Popular_Visualisation"))


def _place(own: str, target: str, points: Coordinates) -> Coordinates:
    if not _is_mercator(target):
        return transform_points(own, target, points)
    lonlat = transform_points(own, WGS84, points)
    lonlat[:, 1] = np.clip(lonlat[:, 1], -_MERCATOR_POLE, _MERCATOR_POLE)
    return transform_points(WGS84, target, lonlat)


def _outline(geo: GeoReference, own: str, target: str, width: int, height: int) -> Coordinates:
    """Return points that reach the extremes of an image in another system."""
    steps = np.linspace(0, 1, _STEPS)
    top = np.stack([steps * width, np.zeros(_STEPS)], axis=1)
    right = np.stack([np.full(_STEPS, width), steps * height], axis=1)
    full = np.array([width, height])
    ring = np.concatenate([top, right, full - top, full - right])
    points = _place(own, target, apply(affine(geo), ring))
    if not np.isfinite(points).all():  # the image shows sky around the earth
        fine = np.linspace(0, 1, _FINE_STEPS)
        grid = np.stack(np.meshgrid(fine * width, fine * height), axis=-1).reshape(-1, 2)
        points = _place(own, target, apply(affine(geo), grid))
        points = points[np.isfinite(points).all(axis=1)]
    around = world_width(target)
    if around is None or not len(points):
        return points
    points[:, 0] = np.unwrap(points[:, 0], period=around)
    middle = (points[:, 0].min() + points[:, 0].max()) / 2
    points[:, 0] -= around * round(float(middle) / around)
    return np.concatenate([points, _poles(geo, own, target, width, height, around)])


def _poles(
    geo: GeoReference, own: str, target: str, width: int, height: int, around: float
) -> Coordinates:
    """Return the ends of the world at each pole that an image shows."""
    back = inverse(affine(geo))
    ends = []
    for latitude in (-90, 90):
        pixels = apply(back, transform_points(WGS84, own, [(0, latitude)]))
        ((column, row),) = pixels.tolist()
        inside = 0 < column < width and 0 < row < height
        if inside and not parse_crs(own).IsGeographic():
            ((_, y),) = _place(WGS84, target, np.array([[0.0, latitude]])).tolist()
            ends += [(-around / 2, y), (around / 2, y)]
    return np.array(ends, dtype=np.float64).reshape(-1, 2)
