"""What the public geographic methods answer, out of the facts of an image."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from ziggurat.readers.errors import ProjectionError, TileRangeError
from ziggurat.readers.geo.bounds import bounds
from ziggurat.readers.geo.crs import (
    affine,
    apply,
    inverse,
    mean_meters_per_pixel,
    native_crs,
    transform_points,
)
from ziggurat.readers.geo.units import named_crs
from ziggurat.readers.grid.pyramid import Pyramid
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import GeoReference, GroundControlPoint, ImageInfo

_ORIGIN = "projected_from"
_SLACK = 1e-4  # pixels: corners that lie on the grid but for rounding


@dataclasses.dataclass(frozen=True, slots=True)
class Raster:
    """Where the stored pixels of an image are: of itself, or of what a view shows."""

    geo: GeoReference
    width: int
    height: int
    levels: int


def origin_facts(info: ImageInfo) -> dict[str, object]:
    """Return what ``internal["projected_from"]`` of a view tells of the raster behind it."""
    return {
        "width": info.width,
        "height": info.height,
        "levels": Pyramid(info).count,
        "bands": info.bands,
        "dtype": info.dtype.name,
        "geo": None if info.geo is None else dataclasses.asdict(info.geo),
    }


def is_view(info: ImageInfo) -> bool:
    """Return True for an image shown in another projection than its own."""
    return _ORIGIN in info.internal


def raster_of(info: ImageInfo) -> Raster:
    """Return the stored raster of an image.

    Raises
    ------
    ProjectionError
        The image does not say where it is.
    """
    if info.geo is None:
        raise ProjectionError("the image does not say where on earth it is")
    if not is_view(info):
        return Raster(info.geo, info.width, info.height, Pyramid(info).count)
    origin = info.internal[_ORIGIN]
    return Raster(_geo(origin["geo"]), origin["width"], origin["height"], origin["levels"])


def _geo(facts: Mapping[str, Any]) -> GeoReference:
    points = tuple(GroundControlPoint(**point) for point in facts["gcps"])
    transform = facts["transform"]  # a list, where the facts came as JSON
    return GeoReference(facts["projection"], transform and tuple(transform), points)


def region_geo(geo: GeoReference, rect: Rect, size: tuple[int, int]) -> GeoReference:
    """Return where a rectangle of full-resolution pixels is, as a picture of another size."""
    fx, fy = rect.width / size[0], rect.height / size[1]
    points = tuple(
        dataclasses.replace(p, pixel_x=(p.pixel_x - rect.x) / fx, pixel_y=(p.pixel_y - rect.y) / fy)
        for p in geo.gcps
    )
    if geo.transform is None:
        return dataclasses.replace(geo, gcps=points)
    ((x, y),) = apply(geo.transform, [(rect.x, rect.y)]).tolist()
    _, a, b, _, c, d = geo.transform
    return GeoReference(geo.projection, (x, a * fx, b * fy, y, c * fx, d * fy), points)


def image_bounds(info: ImageInfo, crs: str | None = None) -> dict[str, Any]:
    """Return where the image is; in a view's projection, or the image's own, unless told."""
    raster = raster_of(info)
    if crs is None and is_view(info):
        assert info.geo is not None
        crs = info.geo.projection
    named = None if crs is None else named_crs(info, crs)
    return bounds(raster.geo, raster.width, raster.height, named)


def geo_metadata(info: ImageInfo) -> dict[str, object]:
    """Return the keys that ``getMetadata`` has for geospatial images alone."""
    if info.geo is None:
        return {}
    raster = raster_of(info)
    return {
        "geospatial": info.placed,
        "sourceLevels": raster.levels,
        "sourceSizeX": raster.width,
        "sourceSizeY": raster.height,
        "bounds": image_bounds(info),
        "projection": info.geo.projection if is_view(info) else None,
        "sourceBounds": bounds(raster.geo, raster.width, raster.height),
    }


def image_rect(info: ImageInfo) -> Rect:
    """Return the full-resolution pixels of a view that hold the image; else the whole image."""
    whole = info.levels[0].rect
    if not is_view(info) or info.geo is None:
        return whole
    where = image_bounds(info)
    ends = [(where["xmin"], where["ymax"]), (where["xmax"], where["ymin"])]
    (left, top), (right, bottom) = apply(inverse(affine(info.geo)), ends).tolist()
    x, y = math.floor(left + _SLACK), math.floor(top + _SLACK)
    width, height = math.ceil(right - _SLACK) - x, math.ceil(bottom - _SLACK) - y
    rect = Rect(x, y, max(1, width), max(1, height))
    return rect.intersect(whole)


def pixel_to_projection(
    info: ImageInfo, x: float, y: float, level: int | None = None
) -> tuple[float, float]:
    """Return the coordinates of a pixel of a ÷2 level (default: the largest)."""
    if info.geo is None:
        raise ProjectionError("the image does not say where on earth it is")
    scale = 1.0 if level is None else Pyramid(info).scale(level)
    (point,) = apply(affine(info.geo), [(x * scale, y * scale)]).tolist()
    return point[0], point[1]


def to_native_pixel(
    info: ImageInfo, x: float, y: float, crs: str | None = None
) -> tuple[float, float]:
    """Return the pixel of the stored raster that is at a place.

    Raises
    ------
    ProjectionError
        The place does not exist in the raster's own system.
    """
    raster = raster_of(info)
    assert info.geo is not None
    back = inverse(affine(raster.geo))
    if crs is None and not is_view(info):
        (pixel,) = apply(back, [(x, y)]).tolist()
        return pixel[0], pixel[1]
    own = native_crs(raster.geo, raster.width, raster.height)
    target = info.geo.projection if crs is None else named_crs(info, crs)
    (pixel,) = apply(back, transform_points(target, own, [(x, y)])).tolist()
    if not all(map(math.isfinite, pixel)):
        raise ProjectionError(f"({x}, {y}) in {target} has no place in the image's projection")
    return pixel[0], pixel[1]


def tile_corners(info: ImageInfo, z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """Return xmin, ymin, xmax, ymax of a tile in the view's or the image's own projection.

    Raises
    ------
    TileRangeError
        There is no level ``z``.
    """
    pyramid = Pyramid(info)
    if not 0 <= z < pyramid.count:
        raise TileRangeError(f"level must be 0 to {pyramid.count - 1}, not {z}")
    width, height = pyramid.tile_size
    left, top = pixel_to_projection(info, x * width, y * height, z)
    right, bottom = pixel_to_projection(info, (x + 1) * width, (y + 1) * height, z)
    return min(left, right), min(top, bottom), max(left, right), max(top, bottom)


def pixel_size_in_meters(info: ImageInfo) -> float | None:
    """Return the mean size of the stored pixels on the ground."""
    if info.geo is None:
        return None
    raster = raster_of(info)
    return mean_meters_per_pixel(raster.geo, raster.width, raster.height)


def band_facts(info: ImageInfo, band: int) -> dict[str, object]:
    """Return what GDAL knows of a band (1 …), as ``formats.gdal.facts.describe`` keeps it."""
    bands = info.internal.get("gdal", {}).get("bands", ())
    if not 1 <= band <= len(bands):
        return {}
    names = ("nodata", "scale", "offset", "units", "categories", "colortable", "interpretation")
    facts = {name: bands[band - 1][name] for name in names if bands[band - 1].get(name)}
    if bands[band - 1].get("nodata") is not None:
        facts["nodata"] = bands[band - 1]["nodata"]
    if bands[band - 1]["mask"] in ("per dataset", "band"):
        facts["maskband"] = bands[band - 1]["mask"]
    return facts
