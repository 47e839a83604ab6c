"""The public methods of images that know where on earth they are.

GDAL is loaded only when one of them is called, not for every slide.
"""

import os
import warnings
from typing import Any

from ziggurat.readers.errors import InefficientSourceError, ProjectionError, SourceError
from ziggurat.readers.model.keywords import shares_words
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.hooks import SourceHooks


class GeoMethods(SourceHooks):
    """Places on earth; the names are the reference's."""

    @property
    def geospatial(self) -> bool:
        """True where the image says where on earth it is."""
        return self._reader().info.geo is not None

    @property
    def projection(self) -> str | None:
        """The projection the image is shown in; None for its own pixels."""
        from ziggurat.readers.geo.facts import is_view

        info = self._reader().info
        return info.geo.projection if info.geo is not None and is_view(info) else None

    @shares_words()
    def getBounds(self, crs: str | None = None, srs: str | None = None) -> dict[str, Any]:
        """Return where the image is.

        Parameters
        ----------
        crs, srs
            Two names for one thing: the system of the answer, such as ``EPSG:4326``. Default: the
            projection it was opened with, else its own.

        Returns
        -------
        Of a geospatial image ``ll``, ``ul``, ``lr``, ``ur`` (``x`` and ``y``), ``srs``, ``xmin``,
        ``xmax``, ``ymin``, ``ymax``; of others ``sizeX`` and ``sizeY``.
        """
        from ziggurat.readers.geo.facts import image_bounds

        info = self._reader().info
        if info.geo is None:
            if crs or srs:
                raise ProjectionError("the image does not say where on earth it is")
            return {"sizeX": info.width, "sizeY": info.height}
        return image_bounds(info, crs if crs is not None else srs)

    @shares_words()
    def getCenter(self, crs: str | None = None) -> tuple[float, float]:
        """Return the middle of the bounds as (y, x)."""
        where = self.getBounds(crs)
        if "sizeX" in where:
            return where["sizeY"] / 2, where["sizeX"] / 2
        return (where["ymin"] + where["ymax"]) / 2, (where["xmin"] + where["xmax"]) / 2

    def getCrs(self) -> str | None:
        """Return the image's own system: ``EPSG:n`` where it is one, else PROJ or WKT."""
        from ziggurat.readers.geo.crs import crs_name
        from ziggurat.readers.geo.facts import raster_of

        info = self._reader().info
        if info.geo is None or not raster_of(info).geo.projection:
            return None
        return crs_name(raster_of(info).geo.projection)

    def getProj4String(self) -> str | None:
        """Return the image's own system as a PROJ string."""
        from ziggurat.readers.geo.crs import parse_crs, proj_string

        crs = self.getCrs()
        return None if crs is None else proj_string(parse_crs(crs)) or None

    def toNativePixelCoordinates(
        self, x: float, y: float, crs: str | None = None, roundResults: bool = True
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

        column, row = to_native_pixel(self._reader().info, x, y, crs)
        return (round(column), round(row)) if roundResults else (column, row)

    def pixelToProjection(
        self, x: float, y: float, level: int | None = None
    ) -> tuple[float, float]:
        """Return the coordinates of a pixel of a level (default: the full resolution)."""
        from ziggurat.readers.geo.facts import pixel_to_projection

        return pixel_to_projection(self._reader().info, x, y, level)

    def getTileCorners(self, z: int, x: int, y: int) -> tuple[float, float, float, float]:
        """Return xmin, ymin, xmax, ymax of a tile in the projection."""
        from ziggurat.readers.geo.facts import tile_corners

        return tile_corners(self._reader().info, z, x, y)

    def getPixelSizeInMeters(self) -> float | None:
        """Return the mean size of a stored pixel on the ground; None where there is none."""
        from ziggurat.readers.geo.facts import pixel_size_in_meters

        return pixel_size_in_meters(self._reader().info)

    def validateCOG(
        self,
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
            raster_name(self._reader()), check_tiled=check_tiled, full_check=full_check
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
                return reader.info.geo is not None
        except SourceError:
            return False

    def _raster(self) -> Image | None:
        image = self._image()
        if image.info.geo is None:
            return image
        from ziggurat.readers.formats.gdal.projected import ProjectedReader

        view = image.reader
        if not isinstance(view, ProjectedReader):
            return image
        return None if view.source.info.palette is not None else Image(view.source)

    def _native_bands(self, x: int, y: int) -> dict[int, Any]:
        """Return the stored values under a full-resolution pixel of a view, by band (1 …)."""
        from ziggurat.readers.formats.gdal.projected import ProjectedReader

        reader = self._reader()
        return reader.native_bands(x, y) if isinstance(reader, ProjectedReader) else {}

    def _geo_metadata(self) -> dict[str, Any]:
        """Return what ``getMetadata`` adds for geospatial images."""
        info = self._reader().info
        if info.geo is None:
            return {}
        from ziggurat.readers.geo.facts import geo_metadata

        return geo_metadata(info)

    def _geo_band_facts(self, band: int) -> dict[str, Any]:
        """Return what ``getBandInformation`` adds to a band (1 …)."""
        info = self._reader().info
        if "gdal" not in info.internal:
            return {}
        from ziggurat.readers.geo.facts import band_facts

        return band_facts(info, band)
