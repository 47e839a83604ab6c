"""Kinds of files that hold slides, and that nothing here reads: what they are, and what does.

To add one: a row here; to read one: a row in ``registry``, and none here.
"""

from dataclasses import dataclass

_BIO_FORMATS = (
    "ziggurat[bioformats] reads it where Java and the jar of Bio-Formats are installed, or its "
    "bfconvert makes an OME-TIFF of it"
)


@dataclass(frozen=True, slots=True)
class Unread:
    """A kind of file: its name, its endings, and what else can be done."""

    name: str
    suffixes: tuple[str, ...]
    instead: str = _BIO_FORMATS


# By name alone: some are TIFF, JPEG 2000 or zip inside, and what would be shown is a preview.
UNREAD: tuple[Unread, ...] = (
    Unread("Zeiss ZVI", (".zvi",)),
    Unread("Olympus VSI", (".vsi", ".ets")),
    Unread("Olympus OIB, OIF or OIR", (".oib", ".oif", ".oir")),
    Unread(
        "Philips i2Syntax", (".i2syntax",), "the scanner's software exports it as TIFF or DICOM"
    ),
    Unread("Leica XLEF", (".xlef", ".xlif")),
    Unread("Imaris", (".ims",)),
    Unread("KFBio", (".kfb", ".kfbf"), "the scanner's software exports it as TIFF"),
    Unread("Motic", (".mds", ".mdsx"), "the scanner's software exports it as TIFF"),
    Unread("TEKSQRAY SDPC", (".sdpc",), "the scanner's software exports it as TIFF"),
    Unread("UNIC TMAP", (".tmap",), "the scanner's software exports it as TIFF"),
    Unread("NetCDF", (".nc", ".cdf"), "gdal_translate makes a GeoTIFF of each of its rasters"),
    Unread("HDF5", (".h5", ".hdf5", ".he5"), "gdal_translate makes a GeoTIFF of a raster"),
    Unread("HDF4 or HDF5", (".hdf",), "gdal_translate makes a GeoTIFF of a raster"),
)


def unread_kind(name: str) -> Unread | None:
    """Return the kind of a file by its (lower-case) name, None where it isn't one of these."""
    return next((kind for kind in UNREAD if name.endswith(kind.suffixes)), None)
