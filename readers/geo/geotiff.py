"""A place on earth as tags of a TIFF page: GDAL writes them, whoever writes a page copies them."""

from functools import lru_cache
from io import BytesIO
from typing import Any
from uuid import uuid4

from osgeo import gdal

from ziggurat.readers.errors import ProjectionError
from ziggurat.readers.geo.crs import exact_affine, parse_crs
from ziggurat.readers.geo.gdal_calls import checked
from ziggurat.readers.model.image import GeoReference

# ModelPixelScale, ModelTiepoint, ModelTransformation, GeoKeyDirectory, GeoDoubleParams,
# GeoAsciiParams (OGC GeoTIFF 1.1, annex G)
_TAGS = (33550, 33922, 34264, 34735, 34736, 34737)
_KEYS = 34735
_ASCII = 2
_LEAST_POINTS = 3  # that bend an image; fewer are a transform or nothing

ExtraTag = tuple[int, int, int, Any, bool]  # as tifffile takes them


@lru_cache(maxsize=64)
def geo_tags(geo: GeoReference) -> tuple[ExtraTag, ...]:
    """Return the tags that say where a page is, for tifffile's ``extratags``.

    Raises
    ------
    ProjectionError
        Its control points don't say where it is, or its system is unknown.
    """
    return tuple(
        (tag.code, int(tag.dtype), 0 if tag.dtype == _ASCII else tag.count, tag.value, True)
        for tag in _written(geo)
    )


def says_system(geo: GeoReference) -> bool:
    """Return True where GeoTIFF keys can say the coordinate reference system of an image."""
    return not geo.projection or any(code == _KEYS for code, *_ in geo_tags(geo))


def _written(geo: GeoReference) -> list[Any]:
    import tifffile  # heavy, and rarely needed

    name = f"/vsimem/{uuid4().hex}.tif"
    try:
        with gdal.config_options({"GDAL_PAM_ENABLED": "NO"}):
            dataset = checked(
                "the place can't be written",
                lambda: gdal.GetDriverByName("GTiff").Create(name, 1, 1, 1),
                ProjectionError,
            )
            _place(dataset, geo)
            checked("the place can't be written", dataset.Close, ProjectionError)
        data = _content(name)
    finally:
        gdal.Unlink(name)
    with tifffile.TiffFile(BytesIO(data)) as tiff:
        return [tag for tag in tiff.pages.first.tags if tag.code in _TAGS]


def _content(name: str) -> bytes:
    size = gdal.VSIStatL(name).size
    file = gdal.VSIFOpenL(name, "rb")
    try:
        return bytes(gdal.VSIFReadL(1, size, file))
    finally:
        gdal.VSIFCloseL(file)


def _place(dataset: gdal.Dataset, geo: GeoReference) -> None:
    crs = parse_crs(geo.projection) if geo.projection else None
    transform = exact_affine(geo)
    if transform is not None:
        if crs is not None:
            dataset.SetSpatialRef(crs)
        dataset.SetGeoTransform(transform)
    elif len(geo.gcps) >= _LEAST_POINTS:
        points = [gdal.GCP(p.x, p.y, 0, p.pixel_x, p.pixel_y) for p in geo.gcps]
        dataset.SetGCPs(points, crs)
    else:
        raise ProjectionError(f"{len(geo.gcps)} control points don't say where an image is")
