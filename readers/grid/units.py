"""Units of regions and points."""

import re
from dataclasses import dataclass

from ziggurat.readers.constants import TileInputUnits
from ziggurat.readers.errors import RegionError
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.units import length_mm

# What names a coordinate reference system: authority:code, urn:…, PROJ, WKT, PROJJSON.
_PROJECTED = re.compile(
    r"(\+proj=|\+init=|[a-z][a-z0-9_]*:|[a-z]+crs\[|[a-z]+cs\[|\{|(nad|wgs|crs)\d\d)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit under its one name inside; ``projected`` means coordinates on earth."""

    name: str
    projected: bool = False


def parse_unit(name: object) -> Unit:
    """Return the unit of a name.

    Raises
    ------
    RegionError
        There is no such unit.
    """
    if isinstance(name, Unit):
        return name
    key = name.lower() if isinstance(name, str) else None
    known = TileInputUnits.get(key) if name is None or isinstance(name, str) else None
    if known == "projection" or (known and known.startswith("proj4:")):
        return Unit(known, projected=True)
    if known:
        return Unit(known)
    if isinstance(name, str) and _PROJECTED.match(name):
        return Unit(name, projected=True)
    names = sorted(str(unit) for unit in TileInputUnits if unit)
    raise RegionError(f"no unit {name!r}; there are {', '.join(names)}, EPSG:… and the like")


def pixels_per_unit(info: ImageInfo, unit: Unit, scale: float) -> tuple[float, float]:
    """Return how many full-resolution pixels (x, y) one of a unit is.

    Raises
    ------
    RegionError
        It is a length, and the image doesn't tell its pixel size.
    """
    if unit.name == "base_pixels":
        return 1.0, 1.0
    if unit.name == "mag_pixels":
        return scale, scale
    if unit.name == "fraction":
        return float(info.width), float(info.height)
    if unit.projected:
        raise RegionError(f"units {unit.name!r} can't be mixed with others")
    if not info.mm_x or not info.mm_y:
        raise RegionError(
            f"units {unit.name!r} need a known pixel size, and this image doesn't tell one;"
            " use 'base_pixels' or 'fraction'"
        )
    length = length_mm(unit.name)
    assert length is not None  # all other units of the table are lengths
    return length / info.mm_x, length / info.mm_y
