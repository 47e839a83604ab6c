"""How tile sets for the web lie in their files: sizes, levels and names of tiles; pure.

Sources: DeepZoom's schema (schemas.microsoft.com/deepzoom/2008), Zoomify's file format,
IIIF Image API 2.1 and 3.0, compliance level 0.
"""

import json
import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.model.geometry import ceil_div, grid_shape

_MOST_PIXELS = (1 << 31) - 1
_MOST_TILE = 8192
_GROUP = 256  # tiles in a folder of Zoomify
_DEEPZOOM = (
    "http://schemas.microsoft.com/deepzoom/2008",
    "http://schemas.microsoft.com/deepzoom/2009",
)
_PROPERTIES = "vips-properties.xml"
_SUFFIXES = {"jpg": ("jpg", "jpeg"), "jpeg": ("jpeg", "jpg")}


@dataclass(frozen=True, slots=True)
class TileLevel:
    """One level: its size, and the keys that the tile of a column and row may have."""

    width: int
    height: int
    keys: Callable[[int, int], Sequence[str]]


@dataclass(frozen=True)
class TileSet:
    """A picture in tile files; level 0 is the full resolution.

    ``overlap`` is how many pixels of each neighbour a tile also holds; ``properties`` the key of
    what libvips tells of the picture.
    """

    name: str
    tile_width: int
    tile_height: int
    overlap: int
    levels: tuple[TileLevel, ...]
    properties: str


def parse_dzi(data: bytes, base: str) -> TileSet:
    """Return the tile set of a ``.dzi``; its tiles lie in ``base`` + ``_files``.

    Raises
    ------
    CorruptSourceError, UnsupportedFormatError
        It makes no sense; it isn't DeepZoom.
    """
    root = _xml(data)
    space, _, tag = root.tag.rpartition("}")
    if tag == "Collection":
        raise UnsupportedFormatError("it is a DeepZoom collection: open one of its images")
    if tag != "Image" or (space and space.lstrip("{") not in _DEEPZOOM):
        raise UnsupportedFormatError("it is XML, but not DeepZoom")
    size = next((e for e in root if e.tag.rpartition("}")[2] == "Size"), None)
    if size is None:
        raise CorruptSourceError("a DeepZoom image needs a Size")
    width, height = (_whole(size.get(name), name, _MOST_PIXELS) for name in ("Width", "Height"))
    tile = _whole(root.get("TileSize"), "TileSize", _MOST_TILE)
    overlap = _whole(root.get("Overlap", "0"), "Overlap", tile, least=0)
    suffix = str(root.get("Format", "jpg")).lower()
    top = max(0, math.ceil(math.log2(max(width, height))))

    def level(number: int) -> TileLevel:
        def keys(column: int, row: int) -> list[str]:
            place = f"{base}_files/{number}/{column}_{row}"
            return [f"{place}.{ending}" for ending in _SUFFIXES.get(suffix, (suffix,))]

        factor = 1 << (top - number)
        return TileLevel(ceil_div(width, factor), ceil_div(height, factor), keys)

    levels = _down_to_a_tile((level(number) for number in range(top, -1, -1)), tile)
    return TileSet("deepzoom", tile, tile, overlap, levels, f"{base}_files/{_PROPERTIES}")


def _down_to_a_tile(levels: Any, tile: int) -> tuple[TileLevel, ...]:
    """Return levels until one is a single tile: those below are made for viewers alone."""
    found: list[TileLevel] = []
    for level in levels:
        found.append(level)
        if max(level.width, level.height) <= tile:
            break
    return tuple(found)


def parse_zoomify(data: bytes, base: str) -> TileSet:
    """Return the tile set of an ``ImageProperties.xml``; raises as :func:`parse_dzi`."""
    root = _xml(data)
    if root.tag.upper() != "IMAGE_PROPERTIES":
        raise UnsupportedFormatError("it is XML, but not Zoomify's")
    facts = {name.upper(): value for name, value in root.attrib.items()}
    width, height = (_whole(facts.get(n), n, _MOST_PIXELS) for n in ("WIDTH", "HEIGHT"))
    tile = _whole(facts.get("TILESIZE"), "TILESIZE", _MOST_TILE)
    told = facts.get("NUMTILES")
    for rounded_up in (True, False):  # writers differ in it; the number of tiles tells
        sizes = _halvings(width, height, tile, rounded_up)
        count = sum(math.prod(grid_shape(w, h, tile, tile)) for w, h in sizes)
        if told is None or told == str(count):
            levels = _zoomify_levels(sizes, tile, base)
            return TileSet("zoomify", tile, tile, 0, levels, base + _PROPERTIES)
    raise CorruptSourceError(f"Zoomify's {told} tiles are not those of {width} x {height} pixels")


def _halvings(width: int, height: int, tile: int, rounded_up: bool) -> list[tuple[int, int]]:
    sizes = [(width, height)]
    while max(sizes[-1]) > tile:
        more = int(rounded_up)
        sizes.append((max(1, (sizes[-1][0] + more) // 2), max(1, (sizes[-1][1] + more) // 2)))
    return sizes


def _zoomify_levels(
    sizes: Sequence[tuple[int, int]], tile: int, base: str
) -> tuple[TileLevel, ...]:
    """Number tiles from the smallest level on: 256 of them are a folder."""
    levels: list[TileLevel] = []
    first = 0
    for tier, (width, height) in enumerate(reversed(sizes)):
        columns, rows = grid_shape(width, height, tile, tile)

        def keys(
            column: int, row: int, tier: int = tier, first: int = first, columns: int = columns
        ) -> list[str]:
            group = (first + row * columns + column) // _GROUP
            return [f"{base}TileGroup{group}/{tier}-{column}-{row}.{s}" for s in ("jpg", "png")]

        levels.append(TileLevel(width, height, keys))
        first += columns * rows
    return tuple(reversed(levels))


def parse_iiif(data: bytes, base: str) -> TileSet:
    """Return the tile set of an ``info.json`` of the Image API; raises as :func:`parse_dzi`."""
    try:
        facts = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UnsupportedFormatError(f"it is no JSON ({error})") from error
    told = str(facts.get("protocol", "")) if isinstance(facts, dict) else ""
    if told != "http://iiif.io/api/image":
        raise UnsupportedFormatError("it is JSON, but not of IIIF's Image API")
    width, height = (_whole(facts.get(n), n, _MOST_PIXELS) for n in ("width", "height"))
    tiles = facts.get("tiles")
    if not isinstance(tiles, list) or not tiles or not isinstance(tiles[0], Mapping):
        raise UnsupportedFormatError("its info.json names no tiles: it can't be read by parts")
    tile_width = _whole(tiles[0].get("width"), "width of tiles", _MOST_TILE)
    tile_height = _whole(tiles[0].get("height", tile_width), "height of tiles", _MOST_TILE)
    factors = tiles[0].get("scaleFactors")
    if not isinstance(factors, list) or not factors or len(factors) > 32:
        raise CorruptSourceError("the tiles of an info.json need scaleFactors")
    numbers = sorted({_whole(factor, "scale factor", _MOST_PIXELS) for factor in factors})
    if numbers[0] != 1:
        raise UnsupportedFormatError(f"no tiles of the full size, of scale {numbers[0]} at most")
    levels = tuple(
        _iiif_level(width, height, tile_width, tile_height, factor, base) for factor in numbers
    )
    return TileSet("iiif", tile_width, tile_height, 0, levels, base + _PROPERTIES)


def _iiif_level(
    width: int, height: int, tile_width: int, tile_height: int, factor: int, base: str
) -> TileLevel:
    def keys(column: int, row: int) -> list[str]:
        x, y = column * tile_width * factor, row * tile_height * factor
        w, h = min(tile_width * factor, width - x), min(tile_height * factor, height - y)
        across, down = ceil_div(w, factor), ceil_div(h, factor)
        regions = [f"{x},{y},{w},{h}"] + ["full"] * ((w, h) == (width, height))
        sizes = [f"{across},", f"{across},{down}"] + ["full", "max"] * (factor == 1)
        return [
            f"{base}{region}/{size}/0/default.{suffix}"
            for region in regions
            for size in sizes
            for suffix in ("jpg", "png", "webp")
        ]

    return TileLevel(ceil_div(width, factor), ceil_div(height, factor), keys)


def _xml(data: bytes) -> ElementTree.Element:
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise CorruptSourceError("the XML of a tile set needs no document type: refused")
    try:
        return ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise UnsupportedFormatError(f"it is no XML ({error})") from error


def _whole(value: Any, name: str, most: int, least: int = 1) -> int:
    """Return a number of the metadata, checked."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if isinstance(value, bool) or not least <= number <= most:
        raise CorruptSourceError(f"{name} must be {least} to {most}, not {str(value)[:80]!r}")
    return number
