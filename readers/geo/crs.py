"""Coordinates on earth: reference systems and transforms; no pixels, no files.

All coordinates are in "traditional GIS" order: x is easting or longitude, y is northing or
latitude, whatever order an authority prefers.
"""

import math
import threading
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from osgeo import gdal, ogr, osr

from ziggurat.readers.errors import ProjectionError
from ziggurat.readers.geo.gdal_access import quiet_gdal
from ziggurat.readers.model.image import GeoReference

Affine = tuple[float, float, float, float, float, float]
Coordinates = np.ndarray[Any, np.dtype[np.float64]]

WGS84 = "EPSG:4326"
_STEPS = 20  # parts of a line that may be a curve on the ground
_OGC = ("CRS84", "CRS83", "CRS27")  # longitude and latitude, in this order
_LONGEST_CRS = 65_536
_MOST_TURNS = 720  # degrees of longitude that make sense
_FARTHEST = 1e10  # no coordinate on earth; PROJ takes for ever to bring absurd ones back
_MOST_CACHED = 64
_thread = threading.local()


def parse_crs(text: str | int) -> osr.SpatialReference:
    """Return the reference system that a text names.

    Parameters
    ----------
    text
        ``EPSG:3857`` in any case, a bare EPSG number, ``wgs84``, a PROJ string with or without
        ``proj4:`` before it, WKT or PROJJSON. Never a file or a URL.

    Raises
    ------
    ProjectionError
        It names none.
    """
    name = str(text).strip()
    if not name or len(name) > _LONGEST_CRS or "\0" in name:
        raise ProjectionError(f"{name[:80]!r} names no coordinate reference system")
    if name.lower().startswith("proj4:"):
        name = name[len("proj4:") :].strip()
    if name.isdigit():
        name = f"EPSG:{name}"
    if name.upper() in _OGC:
        name = f"OGC:{name.upper()}"
    crs = osr.SpatialReference()
    with quiet_gdal():
        try:
            crs.SetFromUserInput(name, ["ALLOW_NETWORK_ACCESS=NO", "ALLOW_FILE_ACCESS=NO"])
        except RuntimeError as error:
            raise ProjectionError(
                f"{name[:200]!r} names no coordinate reference system ({error}); "
                "give an EPSG code such as 'EPSG:3857', a PROJ string or WKT"
            ) from error
    crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return crs


def crs_name(text: str) -> str:
    """Return the shortest exact name: ``EPSG:n`` where the system is one, else PROJ or WKT."""
    crs = parse_crs(text)
    authority, code = crs.GetAuthorityName(None), crs.GetAuthorityCode(None)
    if authority and code:
        return f"{authority}:{code}"
    return proj_string(crs) or str(crs.ExportToWkt())


def proj_string(crs: osr.SpatialReference) -> str:
    """Return a system as a PROJ string; empty where PROJ has none for it."""
    with quiet_gdal():
        try:
            return str(crs.ExportToProj4()).strip()
        except RuntimeError:  # a system of no known method
            return ""


def _transformer(source: str, target: str) -> osr.CoordinateTransformation:
    """Return the way between two systems; PROJ's objects belong to one thread each."""
    cache: dict[tuple[str, str], osr.CoordinateTransformation]
    cache = _thread.__dict__.setdefault("transformers", {})
    if (source, target) not in cache:
        if len(cache) >= _MOST_CACHED:
            cache.clear()
        ends = parse_crs(source), parse_crs(target)
        with quiet_gdal():
            try:
                cache[source, target] = osr.CoordinateTransformation(*ends)
            except RuntimeError as error:
                raise ProjectionError(
                    f"there is no way from {source[:200]!r} to {target[:200]!r}: {error}"
                ) from error
    return cache[source, target]


def transform_points(source: str, target: str, points: ArrayLike) -> Coordinates:
    """Carry points from one system to another.

    Returns
    -------
    array of shape (n, 2); a point that has no place in the target is (inf, inf).
    """
    array = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if source == target:
        return array.copy()
    way = _transformer(source, target)
    placed = np.full(array.shape, math.inf)
    # A point without a place there is an answer here, not an error that ends the others.
    with quiet_gdal(), osr.ExceptionMgr(useExceptions=False):
        for index, (x, y) in enumerate(array.tolist()):
            if abs(x) < _FARTHEST and abs(y) < _FARTHEST:
                to_x, to_y, _, _, error = way.TransformPointWithErrorCode(x, y, 0, 0)
                if not error and math.isfinite(to_x) and math.isfinite(to_y):
                    placed[index] = to_x, to_y
    return placed


@lru_cache(maxsize=256)
def world_width(crs: str) -> float | None:
    """Return how far it is once around the equator, in a system where x wraps at the date line.

    None for systems that show the world in another shape, or a part of it.
    """
    system = parse_crs(crs)
    if system.IsGeographic():
        return float(2 * math.pi / system.GetAngularUnits())
    ends = transform_points(WGS84, crs, [(-180, 0), (180, 0), (-90, 0), (90, 0)])
    if not np.isfinite(ends).all():
        return None
    (left, _), (right, _), (west, _), (east, _) = ends.tolist()
    width = right - left
    # A cylinder: x grows evenly with the longitude, the centre is in the middle.
    even = math.isclose(2 * (east - west), width, rel_tol=1e-6)
    return width if width > 0 and even and abs(left + right) < 1e-6 * width else None


def apply(transform: Affine, points: ArrayLike) -> Coordinates:
    """Apply an affine transform to points, shape (n, 2)."""
    array = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    matrix = np.array([[transform[1], transform[4]], [transform[2], transform[5]]])
    with np.errstate(invalid="ignore", over="ignore"):  # damaged numbers end as infinities
        placed: Coordinates = array @ matrix + np.array([transform[0], transform[3]])
    return placed


def inverse(transform: Affine) -> Affine:
    """Return the transform back, from coordinates to pixels.

    Raises
    ------
    ProjectionError
        All pixels lie on one line.
    """
    back = gdal.InvGeoTransform(transform)
    if back is None or not all(map(math.isfinite, back)):
        raise ProjectionError(f"the transform {transform} can't be inverted")
    return tuple(back)


def affine(geo: GeoReference) -> Affine:
    """Return pixels → coordinates; for control points the affine that fits them best.

    Raises
    ------
    ProjectionError
        There are too few control points, or they lie on one line.
    """
    fit = geo.transform or _fit(geo, approximate=True)
    if fit is None:
        raise ProjectionError(f"{len(geo.gcps)} control points don't say where the image is")
    return fit


def exact_affine(geo: GeoReference) -> Affine | None:
    """Return pixels → coordinates, or None where control points bend the image."""
    return geo.transform or _fit(geo, approximate=False)


def _fit(geo: GeoReference, *, approximate: bool) -> Affine | None:
    points = [gdal.GCP(p.x, p.y, 0, p.pixel_x, p.pixel_y) for p in geo.gcps]
    fit = gdal.GCPsToGeoTransform(points, approximate) if len(points) >= 2 else None
    return None if fit is None else tuple(fit)


def native_crs(geo: GeoReference, width: int, height: int) -> str:
    """Return an image's own system.

    An image with a transform and no system at all (a world file beside a picture) is taken
    for longitude and latitude where its numbers allow that.

    Raises
    ------
    ProjectionError
        It has none, and can't be longitude and latitude.
    """
    if geo.projection:
        corners = image_corners(geo, width, height)
        return _centred(geo.projection, float(corners[:, 0].min()), float(corners[:, 0].max()))
    corners = np.abs(image_corners(geo, width, height))
    if corners[:, 0].max() <= 180.5 and corners[:, 1].max() <= 90.5:
        return WGS84
    raise ProjectionError("the image does not say which coordinate reference system it is in")


# projections whose meridians are parallel lines, so that the world may begin at any of them
_CYLINDERS = frozenset(
    f"+proj={name}" for name in ("merc", "webmerc", "eqc", "cea", "mill", "gall")
)


@lru_cache(maxsize=256)
def _centred(crs: str, left: float, right: float) -> str:
    """Return a system, or the same with its middle where the image is.

    Coordinates stay what they are. Beyond the edge of a cylinder, at the date line, PROJ would
    take them for those of the other edge.
    """
    system = parse_crs(crs)
    around = world_width(crs) if system.IsProjected() else None
    if around is None or not math.isfinite(left + right) or right - left > around:
        return crs
    edge = around / 2 * (1 + 1e-6)  # maps of the whole world end there, but for rounding
    words = proj_string(system).split()
    if (-edge <= left and right <= edge) or not _CYLINDERS & set(words):
        return crs
    middle = (left + right) / 2
    turned = {"+lon_0": 360 * middle / around, "+x_0": middle * system.GetLinearUnits()}
    parts = [word for word in words if word.partition("=")[0] not in turned]
    parts += [f"{name}={value!r}" for name, value in turned.items()]
    return str(parse_crs(" ".join(parts)).ExportToWkt())


def image_corners(geo: GeoReference, width: int, height: int) -> Coordinates:
    """Return ul, ur, lr, ll in the image's own coordinates, shape (4, 2)."""
    return apply(affine(geo), [(0, 0), (width, 0), (width, height), (0, height)])


def meters_per_pixel(
    geo: GeoReference | None, width: int, height: int
) -> tuple[float | None, float | None]:
    """Return the size of a pixel on the ground: (along x, along y), in metres.

    The mean along the middle row and the middle column, on the WGS 84 ellipsoid, so that it
    does not depend on the projection; (None, None) where the image has no place on earth.
    """
    for part in (1.0, 0.01):  # a picture of the whole globe has sky at its edges
        steps = [part * (step / _STEPS - 0.5) for step in range(_STEPS + 1)]
        row = [(width * (0.5 + step), height / 2) for step in steps]
        column = [(width / 2, height * (0.5 + step)) for step in steps]
        along_x, along_y = _ground(geo, width, height, row), _ground(geo, width, height, column)
        if along_x and along_y:
            return along_x / width / part, along_y / height / part
    return None, None


def mean_meters_per_pixel(geo: GeoReference | None, width: int, height: int) -> float | None:
    """Return the length of the shortest ways from corner to corner, per pixel of the outline."""
    corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height), (0.0, 0.0)]
    length = _ground(geo, width, height, corners)
    return length / 2 / (width + height) if length else None


def _ground(
    geo: GeoReference | None, width: int, height: int, pixels: list[tuple[float, float]]
) -> float | None:
    """Return how long a line through pixels is on the ground, in metres."""
    try:
        if geo is None:
            return None
        own = native_crs(geo, width, height)
        points = transform_points(own, WGS84, apply(affine(geo), pixels))
    except ProjectionError:
        return None
    points[:, 1] = points[:, 1].clip(-90, 90)  # some global grids begin half a pixel too high
    if not np.isfinite(points).all() or np.abs(points[:, 0]).max() > _MOST_TURNS:
        return None
    line = ogr.Geometry(ogr.wkbLineString)
    for longitude, latitude in points.tolist():
        line.AddPoint_2D(longitude, latitude)
    line.AssignSpatialReference(parse_crs(WGS84))
    return float(line.GeodesicLength())
