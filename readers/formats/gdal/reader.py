"""Rasters through GDAL, in pixel space: GeoTIFF, JPEG 2000, pictures with world files, VRT."""

import numpy as np
from osgeo import gdal

from ziggurat.readers.codecs.stream_size import has_shifted_tiles
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.gdal.facts import describe
from ziggurat.readers.formats.gdal.unread import why_unread
from ziggurat.readers.formats.table import SLIDE_SUFFIXES
from ziggurat.readers.geo.gdal_access import (
    Handles,
    check_virtual,
    gdal_name,
    is_virtual,
    raster_endings,
)
from ziggurat.readers.geo.gdal_calls import GDAL_ERRORS, gdal_words, read_pixels
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Plane, Reader


class GdalReader(Reader):
    """One raster; overviews are levels. Masks that are no bands are not in the pixels."""

    def __init__(self, handles: Handles) -> None:
        self.handles = handles
        dataset = handles.private()
        virtual = dataset.GetDriver().ShortName == "VRT"
        self.scattered = virtual or len(dataset.GetFileList() or ()) > 1
        with gdal_words() as warnings:
            try:
                self.info = describe(dataset, warnings)
            except GDAL_ERRORS as error:
                raise CorruptSourceError(f"{handles.name}: {error}") from error

    def plane(self, level: int, frame: int) -> Plane:
        """Return a level."""
        del frame  # there is one
        return _RasterPlane(self.handles, level, self.info.bands, self.info.dtype)

    def close(self) -> None:
        """Close the file."""
        self.handles.close()


class _RasterPlane(DecodedPlane):
    __slots__ = ("_bands", "_dtype", "_handles", "_level")

    def __init__(self, handles: Handles, level: int, bands: int, dtype: np.dtype) -> None:
        self._handles, self._level = handles, level
        self._bands, self._dtype = bands, dtype

    def read(self, rect: Rect) -> Pixels:
        """Return the pixels of a rectangle; bands of several types come as the widest."""
        bands = range(1, self._bands + 1)
        dataset = self._handles.dataset(self._level)
        with gdal.config_options(self._handles.options):
            return read_pixels(dataset, rect, bands, self._dtype, self._handles.name)


endings = raster_endings


def open_reader(location: Location) -> GdalReader:
    """Open a raster.

    Raises
    ------
    UnsupportedFormatError
        GDAL knows no such format, or it is a slide that others read.
    CorruptSourceError
        The file is damaged.
    SourceError
        A virtual raster that leads elsewhere than to local files.
    """
    if location.is_directory or location.name.endswith(SLIDE_SUFFIXES):
        # GDAL would show the picture that is embedded in the index of a slide
        raise UnsupportedFormatError("no raster that is read with GDAL")
    if has_shifted_tiles(location.head):  # GDAL takes their places for the image's
        raise UnsupportedFormatError("GDAL doesn't read JPEG 2000 whose tiles are shifted")
    if location.path is not None and is_virtual(location.head):
        check_virtual(location.path)
    try:
        return GdalReader(Handles(gdal_name(location.url)))
    except UnsupportedFormatError as error:
        raise UnsupportedFormatError(why_unread(location)) from error
