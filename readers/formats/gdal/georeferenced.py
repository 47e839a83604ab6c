"""Which files belong to GDAL though others could read their pixels: those that say where they are.

A TIFF is looked at as far as the tag numbers of its first directory, other pictures only for
a world file beside them; everything else is left to the other backends.
"""

import struct
from pathlib import Path

from ziggurat.readers.errors import SourceError
from ziggurat.readers.io.bytes import ByteSource
from ziggurat.readers.io.location import Location

# ModelPixelScale, ModelTiepoint, ModelTransformation, GeoKeyDirectory, RPCCoefficient
# (OGC GeoTIFF 1.1, annex G; RPCs in GeoTIFF).
_GEO_TAGS = {33550, 33922, 34264, 34735, 50844}
_MOST_TAGS = 4096
_WORLD_SUFFIXES = {
    ".png": (".pgw", ".pngw"),
    ".jpg": (".jgw", ".jpgw"),
    ".jpeg": (".jgw", ".jpegw", ".jpgw"),
    ".jp2": (".j2w",),
    ".tif": (".tfw", ".tifw"),
    ".tiff": (".tfw", ".tiffw"),
    ".webp": (".wpw", ".webpw"),
    ".gif": (".gfw",),
    ".bmp": (".bpw",),
}


def is_georeferenced(location: Location) -> bool:
    """Return True for a TIFF with geographic tags and a picture with a world file beside it."""
    if location.path is not None and has_world_file(location.path):
        return True
    if location.head[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return False
    try:
        source = location.open_bytes()
        try:
            return bool(_GEO_TAGS & set(first_tags(source)))
        finally:
            if location.path is not None:
                source.close()
    except (SourceError, OSError, struct.error):  # damaged: the TIFF backend will say how
        return False


def has_world_file(path: Path) -> bool:
    """Return True where a world file lies beside a picture."""
    suffix = path.suffix.lower()
    if suffix not in _WORLD_SUFFIXES:
        return False
    return any(
        path.with_suffix(world).is_file()
        for ending in (*_WORLD_SUFFIXES[suffix], ".wld")
        for world in (ending, ending.upper())
    )


def first_tags(source: ByteSource) -> list[int]:
    """Return the tag numbers of the first directory of a TIFF or BigTIFF (TIFF 6.0, section 2)."""
    head = source.read(0, 16)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    (offset,) = struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)
    count_format, entry = ("Q", 20) if big else ("H", 12)
    size = struct.calcsize("=" + count_format)
    (count,) = struct.unpack(order + count_format, source.read(offset, size))
    data = source.read(offset + size, min(count, _MOST_TAGS) * entry)
    return [struct.unpack_from(order + "H", data, at)[0] for at in range(0, len(data) - 1, entry)]
