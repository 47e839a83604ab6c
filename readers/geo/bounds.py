"""Where an image is on earth: corners and extremes, across the date line and over the poles."""

import math
from dataclasses import dataclass
from functools import lru_cache
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
_FINE_STEPS = 81
_HALVINGS = 30  # of the step in which the edge of the map lies
_SAME_PLACE = 1e-3  # pixels: there and back again
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
    ``ll``, ``ul``, ``lr``, ``ur``: the image's corners, dictionaries with ``x`` and ``y`` (None
    where a corner has no place there); ``srs``: the system's name, None where the image has
    none; ``xmin``, ``xmax``, ``ymin``, ``ymax``: the extremes of the whole outline. An image across
    the date line reaches beyond it on the side where most of it is, one that shows a pole round
    the world, and none is wider than that; a Mercator world ends where it is a square.

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
    shown = _Shown(geo, own, target, width, height)
    corners = shown.place(np.array([(0, 0), (width, 0), (width, height), (0, height)]))
    points = _outline(shown)
    if not len(points):
        raise ProjectionError(f"no part of the image has a place in {name}")
    around = world_width(target)
    if around is not None:
        middle = (points[:, 0].min() + points[:, 0].max()) / 2
        placed = np.isfinite(corners[:, 0])
        corners[placed, 0] -= around * np.round((corners[placed, 0] - middle) / around)
    return _answer(corners, points, name)


def _answer(corners: Coordinates, points: Coordinates, name: str | None) -> dict[str, object]:
    named: dict[str, Any] = {
        key: {"x": float(x), "y": float(y)} if math.isfinite(x) else {"x": None, "y": None}
        for key, (x, y) in zip(("ul", "ur", "lr", "ll"), corners.tolist(), strict=True)
    }
    low, high = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    if not all(map(math.isfinite, (*low, *high))):
        raise ProjectionError("the image's own numbers put it nowhere: its transform is damaged")
    ends = {"xmin": low[0], "xmax": high[0], "ymin": low[1], "ymax": high[1]}
    return {key: named[key] for key in ("ll", "ul", "lr", "ur")} | {"srs": name} | ends


@lru_cache(maxsize=256)
def _is_geographic(crs: str) -> bool:
    return bool(parse_crs(crs).IsGeographic())


@lru_cache(maxsize=256)
def _is_mercator(crs: str) -> bool:
    kind = parse_crs(crs).GetAttrValue("PROJECTION", 0) or ""
    return kind.startswith(("Mercator", "Popular_Visualisation"))


@dataclass(frozen=True)
class _Shown:
    """An image, its own system, and the one that it is shown in."""

    geo: GeoReference
    own: str
    target: str
    width: int
    height: int

    def place(self, pixels: Coordinates) -> Coordinates:
        """Return where pixels are in the target; infinite where the image shows no earth.

        Some projections place what lies beyond the edge of their map too, a second time
        round the world: it is not what comes back from there.
        """
        points = apply(affine(self.geo), pixels)
        lonlat = transform_points(self.own, WGS84, points)
        if not _is_geographic(self.own):
            back = apply(inverse(affine(self.geo)), transform_points(WGS84, self.own, lonlat))
            with np.errstate(invalid="ignore"):
                other = ~(np.abs(back - pixels) <= _SAME_PLACE * self.width).all(axis=1)
            lonlat[other] = math.inf
        if _is_mercator(self.target):
            known = np.isfinite(lonlat[:, 1])
            lonlat[known, 1] = np.clip(lonlat[known, 1], -_MERCATOR_POLE, _MERCATOR_POLE)
            return transform_points(WGS84, self.target, lonlat)
        placed = transform_points(self.own, self.target, points)
        placed[~np.isfinite(lonlat).all(axis=1)] = math.inf
        return placed


@lru_cache(maxsize=64)
def _outline(shown: _Shown) -> Coordinates:
    """Return points that reach the extremes of an image in another system; nobody writes to them.

    They are asked for several times of an image that is opened: some thousand points each.
    """
    points = _found_outline(shown)
    points.flags.writeable = False
    return points


def _found_outline(shown: _Shown) -> Coordinates:
    steps = np.linspace(0, 1, _STEPS)
    full = np.array([shown.width, shown.height])
    top = np.stack([steps * shown.width, np.zeros(_STEPS)], axis=1)
    right = np.stack([np.full(_STEPS, shown.width), steps * shown.height], axis=1)
    ring = np.concatenate([top, right, full - top, full - right])
    points = shown.place(ring)
    around = world_width(shown.target)
    if np.isfinite(points).all():
        if around is not None:
            points[:, 0] = np.unwrap(points[:, 0], period=around)
    else:  # the image shows sky around the earth
        points = _within_the_map(shown, around)
    if around is None or not len(points):
        return points
    poles = _poles(shown)
    width = points[:, 0].max() - points[:, 0].min()
    if len(poles) or width >= around * (1 - 1e-9):
        ends = [(x, y) for y in (*points[:, 1], *poles) for x in (-around / 2, around / 2)]
        return np.array(ends, dtype=np.float64)
    middle = (points[:, 0].min() + points[:, 0].max()) / 2
    points[:, 0] -= around * round(float(middle) / around)
    return points


def _within_the_map(shown: _Shown, around: float | None) -> Coordinates:
    """Return the places of a net over the image, and of where earth ends in each of its rows."""
    columns = np.linspace(0, shown.width, _FINE_STEPS)
    rows = np.linspace(0, shown.height, _FINE_STEPS)
    net = np.stack(np.meshgrid(columns, rows), axis=-1)
    placed = shown.place(net.reshape(-1, 2)).reshape(net.shape)
    earth = np.isfinite(placed).all(axis=-1)
    limbs = [
        shown.place(_edge(shown, net, earth)),
        shown.place(_edge(shown, net.swapaxes(0, 1), earth.T)),
    ]
    points = np.concatenate([placed[earth], *limbs])
    points = points[np.isfinite(points).all(axis=1)]
    if around is None or not len(points):
        return points
    with np.errstate(invalid="ignore"):
        steps = np.abs(np.diff(placed[..., 0], axis=1))
    steps = np.minimum(steps, np.abs(around - steps))
    widest = float(np.nanmax(np.where(np.isfinite(steps), steps, 0)))
    return _on_one_turn(points, around, widest)


def _edge(shown: _Shown, net: Coordinates, earth: np.ndarray[Any, np.dtype[np.bool_]]) -> Any:
    """Return the last pixels that show earth, at both ends of each line of a net."""
    lines = np.flatnonzero(earth.any(axis=1))
    ends = []
    for step in (1, -1):
        first = np.argmax(earth[lines][:, ::step], axis=1)
        on = net[lines][:, ::step][np.arange(len(lines)), first]
        off = net[lines][:, ::step][np.arange(len(lines)), np.maximum(first - 1, 0)]
        for _ in range(_HALVINGS):
            middle = (on + off) / 2
            seen = np.isfinite(shown.place(middle)).all(axis=1)[:, np.newaxis]
            on, off = np.where(seen, middle, on), np.where(seen, off, middle)
        ends.append(on)
    return np.concatenate(ends)


def _on_one_turn(points: Coordinates, around: float, widest: float) -> Coordinates:
    """Return points with the world cut open where it is widest empty; nowhere: the whole of it."""
    longitudes = np.sort(np.mod(points[:, 0], around))
    gaps = np.diff(np.append(longitudes, longitudes[0] + around))
    cut = int(np.argmax(gaps))
    turned = points.copy()
    if gaps[cut] <= 1.5 * widest:
        low, high = points[:, 1].min(), points[:, 1].max()
        return np.array([(x, y) for x in (-around / 2, around / 2) for y in (low, high)])
    begin = longitudes[(cut + 1) % len(longitudes)]
    turned[:, 0] = begin + np.mod(points[:, 0] - begin, around)
    return turned


def _poles(shown: _Shown) -> list[float]:
    """Return y of the poles that an image shows."""
    if _is_geographic(shown.own):
        return []
    back = inverse(affine(shown.geo))
    shows = []
    for latitude in (-90.0, 90.0):
        pixels = apply(back, transform_points(WGS84, shown.own, [(0, latitude)]))
        ((column, row),) = pixels.tolist()
        if 0 < column < shown.width and 0 < row < shown.height:
            end = (
                math.copysign(_MERCATOR_POLE, latitude) if _is_mercator(shown.target) else latitude
            )
            ((_, y),) = transform_points(WGS84, shown.target, [(0.0, end)]).tolist()
            if math.isfinite(shown.place(pixels)[0, 0]) or math.isfinite(y):
                shows.append(y)
    return shows
