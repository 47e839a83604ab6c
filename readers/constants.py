"""Names and tables of the public read API: formats a call may return, encodings, units."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

TILE_FORMAT_NUMPY = "numpy"
TILE_FORMAT_PIL = "PIL"
TILE_FORMAT_IMAGE = "image"

TILE_FORMATS = (TILE_FORMAT_NUMPY, TILE_FORMAT_PIL, TILE_FORMAT_IMAGE)

# Encoding name → MIME type. JFIF is JPEG made anew even where a stored JPEG tile would do.
TileOutputMimeTypes: Mapping[str, str] = MappingProxyType(
    {
        "JPEG": "image/jpeg",
        "JFIF": "image/jpeg",
        "PNG": "image/png",
        "TIFF": "image/tiff",
        "TILED": "image/tiff",
        "WEBP": "image/webp",
        "AVIF": "image/avif",
        "BMP": "image/bmp",
        "DIB": "image/bmp",
        "EPS": "application/postscript",
        "GIF": "image/gif",
        "JPEG2000": "image/jp2",
        "MPO": "image/mpo",
        "PCX": "image/x-pcx",
        "PPM": "image/x-portable-anymap",
        "SGI": "image/sgi",
        "TGA": "image/x-tga",
        "XBM": "image/x-xbitmap",
    }
)

# What a caller may call a unit → the one name it has inside.
TileInputUnits: Mapping[str | None, str] = MappingProxyType(
    {
        None: "base_pixels",
        "base": "base_pixels",
        "base_pixel": "base_pixels",
        "base_pixels": "base_pixels",
        "pixel": "mag_pixels",
        "pixels": "mag_pixels",
        "mag_pixel": "mag_pixels",
        "mag_pixels": "mag_pixels",
        "magnification_pixel": "mag_pixels",
        "magnification_pixels": "mag_pixels",
        "nm": "nm",
        "nanometer": "nm",
        "nanometers": "nm",
        "um": "um",
        "μm": "um",  # Greek mu
        "µm": "um",  # micro sign
        "micron": "um",
        "microns": "um",
        "micrometer": "um",
        "micrometers": "um",
        "mm": "mm",
        "millimeter": "mm",
        "millimeters": "mm",
        "m": "m",
        "meter": "m",
        "meters": "m",
        "km": "km",
        "kilometer": "km",
        "kilometers": "km",
        "fraction": "fraction",
        "projection": "projection",
        "proj": "projection",
        "wgs84": "proj4:EPSG:4326",
        "4326": "proj4:EPSG:4326",
    }
)

# What PIL calls an encoding, where it has another name for it.
TileOutputPILFormat: Mapping[str, str] = MappingProxyType({"JFIF": "JPEG"})

# What libvips calls a type, by NumPy's character for it; and the other way round.
dtypeToGValue: Mapping[str, str] = MappingProxyType(  # noqa: N816  (the name of the reference)
    {
        "b": "char",
        "B": "uchar",
        "h": "short",
        "H": "ushort",
        "i": "int",
        "I": "uint",
        "f": "float",
        "d": "double",
        "F": "complex",
        "D": "dpcomplex",
    }
)
GValueToDtype: Mapping[str, str] = MappingProxyType(
    {value: character for character, value in dtypeToGValue.items()}
)

# Endings whose MIME types Python doesn't know, or takes for something else.
ExtraExtensionsToMimetypes: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            ("btf", "tf2", "tf8", "ome.tif", "ome.tiff", "qptiff", "bif"), "image/tiff"
        ),
        **dict.fromkeys(("ptif", "ptiff"), "image/x-ptif"),
        **dict.fromkeys(("tga", "icb", "vda", "vst"), "image/x-tga"),
        **dict.fromkeys(("yaml", "yml"), "application/yaml"),
        "czi": "image/czi",
        "dicom": "application/dicom",
        "geotiff": "image/geotiff",
        "jp2": "image/jp2",
        "lsm": "image/x-zeiss-lsm",
        "mrxs": "image/mirax",
        "ndpi": "image/x-ndpi",
        "ozx": "application/zip",
        "scn": "image/scn",
        "sgi": "image/sgi",
        "stk": "image/x-metamorph-stk",
        "svs": "image/x-svs",
        "szi": "application/zip",
        "zarr": "application/vnd+zarr",
        "zarr.zip": "application/zip+zarr",
        "zif": "image/zif",
    }
)

NEW_IMAGE_PATH_FLAG = "__new_image__"


class SourcePriority(IntEnum):
    """In which order the reference asks its sources; here the order of the formats is fixed."""

    NAMED = 0
    PREFERRED = 1
    HIGHER = 2
    HIGH = 3
    MEDIUM = 4
    LOW = 5
    LOWER = 6
    IMPLICIT_HIGH = 7
    IMPLICIT = 8
    IMPLICIT_LOW = 9
    FALLBACK_HIGH = 10
    FALLBACK = 11
    MANUAL = 12
