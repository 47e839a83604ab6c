"""Rasters through GDAL, in pixel space: GeoTIFF, JPEG 2000, pictures with world files, VRT."""

import numpy as np
from osgeo import gdal

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.gdal.facts import GDAL_TYPES, describe
from ziggurat.readers.geo.gdal_access import (
    GDAL_ERRORS,
    Handles,
    check_virtual,
    gdal_name,
    gdal_words,
    is_virtual,
    quiet_gdal,
)
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels, Reader

# Names of slides: GDAL would show the picture that is embedded in their index.
_NOT_OURS = (".mrxs", ".vms", ".vmu", ".dcm", ".vsi")


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

    def read(self, level: int, frame: int, rect: Rect) -> Pixels:
        """Return the pixels of a rectangle; bands of several types come as the widest."""
        del frame  # there is one
        shape = (rect.height, rect.width, self.info.bands)
        pixels = np.empty(shape, self.info.dtype)
        if not pixels.size:
            return pixels
        dataset = self.handles.dataset(level)
        rows, columns, samples = pixels.strides
        with quiet_gdal(), gdal.config_options(self.handles.options):
            try:
                dataset.ReadRaster(
                    rect.x,
                    rect.y,
                    rect.width,
                    rect.height,
                    buf_type=GDAL_TYPES[self.info.dtype],
                    buf_obj=pixels,
                    buf_line_space=rows,
                    buf_pixel_space=columns,
                    buf_band_space=samples,
                )
            except GDAL_ERRORS as error:
                raise CorruptSourceError(f"{self.handles.name} can't be read: {error}") from error
        return pixels

    def close(self) -> None:
        """Close the file."""
        self.handles.close()


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
    if location.is_directory or location.name.endswith(_NOT_OURS):
        raise UnsupportedFormatError("no raster that is read with GDAL")
    if location.path is not None and is_virtual(location.head):
        check_virtual(location.path)
    return GdalReader(Handles(gdal_name(location.url)))
