"""The public methods of images that know where on earth they are.

GDAL is loaded only when one of them is called, not for every slide.
"""

import os
import warnings
from typing import Any, cast

from ziggurat.readers.errors import InefficientSourceError, ProjectionError, SourceError
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.keywords import shares_words
from ziggurat.readers.model.words import Bounds
from ziggurat.readers.source.hooks import HasImage


class GeoMethods:
    """Places on earth; the names are the reference's."""

    @property
    def geospatial(self: HasImage) -> bool:
        """True where the image says where on earth it is: a transform alone doesn't."""
        return self._image().info.placed

    @property
    def projection(self: HasImage) -> str | None:
        """The projection the image is shown in; None for its own pixels."""
        from ziggurat.readers.geo.facts import is_view

        info = self._image().info
        return info.geo.projection if info.geo is not None and is_view(info) else None

    @shares_words()
    def getBounds(self: HasImage, crs: str | None = None, srs: str | None = None) -> Bounds:
        """Return where the image is.

        Parameters
        ----------
        crs, srs
            Two names for one thing: the system of the answer, such as ``EPSG:4326``. Default: the
            projection it was opened with, else its own.

        Returns
        -------
        Of a geospatial image ``ll``, ``ul``, ``lr``, ``ur`` (``x`` and ``y``), ``srs``, ``xmin``,
        ``xmax``, ``ymin``, ``ymax``; of others ``sizeX`` and ``sizeY``. One that has a transform
        and no system is not geospatial; its bounds are its own numbers, and ``srs`` is None.
        """
        return bounds_of(self._image().info, crs if crs is not None else srs)

    @shares_words()
    def getCenter(self: HasImage, crs: str | None = None) -> tuple[float, float]:
        """Return the middle of the bounds as (y, x)."""
        where = bounds_of(self._image().info, crs)
        if "sizeX" in where:
            return where["sizeY"] / 2, where["sizeX"] / 2
        return (where["ymin"] + where["ymax"]) / 2, (where["xmin"] + where["xmax"]) / 2

    def getCrs(self: HasImage) -> str | None:
        """Return the image's own system: ``EPSG:n`` where it is one, else PROJ or WKT."""
        return own_crs(self._image().info)

    def getProj4String(self: HasImage) -> str | None:
        """Return the image's own system as a PROJ string."""
        from ziggurat.readers.geo.crs import parse_crs, proj_string

        crs = own_crs(self._image().info)
        return None if crs is None else proj_string(parse_crs(crs)) or None

    def toNativePixelCoordinates(
        self: HasImage, x: float, y: float, crs: str | None = None, roundResults: bool = True
    ) -> tuple[float, float]:
        """Return the pixel of the stored raster at a place.

        Parameters
        ----------
        x, y
            Coordinates in ``crs``; default: the projection it was opened with, else its own.
        roundResults
            To the nearest whole numbers; else pixel 0 reaches from 0.0 to 1.0.
        """
        from ziggurat.readers.geo.facts import to_native_pixel

        column, row = to_native_pixel(self._image().info, x, y, crs)
        return (round(column), round(row)) if roundResults else (column, row)

    def pixelToProjection(
        self: HasImage, x: float, y: float, level: int | None = None
    ) -> tuple[float, float]:
        """Return the coordinates of a pixel of a level (default: the full resolution)."""
        from ziggurat.readers.geo.facts import pixel_to_projection

        return pixel_to_projection(self._image().info, x, y, level)

    def getTileCorners(self: HasImage, z: int, x: int, y: int) -> tuple[float, float, float, float]:
        """Return xmin, ymin, xmax, ymax of a tile in the projection."""
        from ziggurat.readers.geo.facts import tile_corners

        return tile_corners(self._image().info, z, x, y)

    def getPixelSizeInMeters(self: HasImage) -> float | None:
        """Return the mean size of a stored pixel on the ground; None where there is none."""
        from ziggurat.readers.geo.facts import pixel_size_in_meters

        return pixel_size_in_meters(self._image().info)

    def validateCOG(
        self: HasImage,
        check_tiled: bool = True,
        full_check: bool = False,
        strict: bool = True,
        warn: bool = True,
    ) -> tuple[list[str], list[str], dict[str, Any]]:
        """Check that the file is a cloud-optimized GeoTIFF.

        Returns
        -------
        warnings, errors, details

        Raises
        ------
        InefficientSourceError
            ``strict``, and there are errors.
        """
        from ziggurat.readers.formats.gdal.cog import validate_cog
        from ziggurat.readers.formats.gdal.projected import raster_name

        found, errors, details = validate_cog(
            raster_name(self._image().reader), check_tiled=check_tiled, full_check=full_check
        )
        if errors and strict:
            raise InefficientSourceError(f"not a cloud-optimized GeoTIFF: {'; '.join(errors)}")
        if warn:
            for text in found:
                warnings.warn(text, stacklevel=2)
        return found, errors, details

    @staticmethod
    def isGeospatial(path: str | os.PathLike[str]) -> bool:
        """Return True for a file that says where on earth it is; False for all others."""
        from ziggurat.readers.formats.registry import open_reader

        try:
            with open_reader(path) as reader:
                return reader.info.placed
        except SourceError:
            return False


def bounds_of(info: ImageInfo, crs: str | None) -> Bounds:
    """Return where an image is, as ``getBounds``."""
    if info.geo is None:
        if crs:
            raise ProjectionError("the image does not say where on earth it is")
        return {"sizeX": info.width, "sizeY": info.height}
    from ziggurat.readers.geo.facts import image_bounds

    return cast(Bounds, image_bounds(info, crs))


def own_crs(info: ImageInfo) -> str | None:
    """Return an image's own system, as ``getCrs``."""
    if info.geo is None:
        return None
    from ziggurat.readers.geo.crs import crs_name
    from ziggurat.readers.geo.facts import raster_of

    projection = raster_of(info).geo.projection
    return crs_name(projection) if projection else None
