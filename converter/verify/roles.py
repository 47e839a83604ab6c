"""Which of two images is the source and which the output: told by what they are, not by order."""

from ziggurat.converter.verify.rasters import raster_structure
from ziggurat.readers.model.reader import Reader

OWN_KINDS = frozenset({"ziggurat", "ziggurat-ome"})


_OURS = 3


def is_turned(source: Reader, output: Reader) -> bool:
    """Return True where the two were handed over the wrong way round.

    What ziggurat wrote is an output rather than what others did, a cloud-optimized GeoTIFF
    rather than another raster, an open format rather than a scanner's. Where both are of one
    kind, the order counts.
    """
    return _likeness(source) > _likeness(output)


def is_own(reader: Reader) -> bool:
    """Return True for what ziggurat wrote, and says so."""
    return _likeness(reader) == _OURS


def _likeness(reader: Reader) -> int:
    """Return how much an image looks like an output: 3 ours, 2 a COG, 1 an open format, 0 none."""
    internal = reader.info.internal
    if internal.get("kind") in OWN_KINDS or internal.get("zarr", {}).get("written_by"):
        return _OURS
    if raster_structure(reader.info).get("LAYOUT") == "COG":
        return 2
    return int(reader.info.open_format)
