"""Rasters through GDAL, in pixel space: GeoTIFF, JPEG 2000, pictures with world files, VRT."""

from osgeo import gdal

from ziggurat.readers.codecs.stream_size import has_shifted_tiles
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.gdal.facts import describe
from ziggurat.readers.formats.gdal.unread import why_unread
from ziggurat.readers.geo.gdal_access import Handles, check_virtual, gdal_name, is_virtual
from ziggurat.readers.geo.gdal_calls import GDAL_ERRORS, gdal_words, read_pixels
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
        bands = range(1, self.info.bands + 1)
        dataset = self.handles.dataset(level)
        with gdal.config_options(self.handles.options):
            return read_pixels(dataset, rect, bands, self.info.dtype, self.handles.name)

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
    if has_shifted_tiles(location.head):  # GDAL takes their places for the image's
        raise UnsupportedFormatError("GDAL doesn't read JPEG 2000 whose tiles are shifted")
    if location.path is not None and is_virtual(location.head):
        check_virtual(location.path)
    try:
        return GdalReader(Handles(gdal_name(location.url)))
    except UnsupportedFormatError as error:
        raise UnsupportedFormatError(why_unread(location)) from error
