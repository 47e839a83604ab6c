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
from ziggurat.readers.model.geometry import Rect, ceil_div, grid_shape

_MOST_PIXELS = (1 << 31) - 1
_MOST_TILE = 8192
_MOST_RECTS = 10_000
_GROUP = 256  # tiles in a folder of Zoomify
_DEEPZOOM = (
    "http://schemas.microsoft.com/deepzoom/2008",
    "http://schemas.microsoft.com/deepzoom/2009",
)
_PROPERTIES = "vips-properties.xml"
_SCAN = "scan-properties.xml"  # of SZI
_ASSOCIATED = "associated_images"
_SUFFIXES = {"jpg": ("jpg", "jpeg"), "jpeg": ("jpeg", "jpg")}


@dataclass(frozen=True, slots=True)
class TileLevel:
    """One level: its size, and the keys that the tile of a column and row may have.

    Keys of the same place in the list are spelt alike. ``lacks`` says of a tile that there need
    be none.
    """

    width: int
    height: int
    keys: Callable[[int, int], Sequence[str]]
    lacks: Callable[[int, int], bool] = lambda _, __: False


@dataclass(frozen=True)
class TileSet:
    """A picture in tile files; level 0 is the full resolution.

    ``overlap`` is how many pixels of each neighbour a tile also holds. ``properties`` are the keys
    of what may be told of the picture, ``profile`` is that of a colour profile, ``associated`` are
    folders of other pictures.
    """

    name: str
    tile_width: int
    tile_height: int
    overlap: int
    levels: tuple[TileLevel, ...]
    properties: tuple[str, ...]
    profile: str | None = None
    associated: tuple[str, ...] = ()


def parse_dzi(data: bytes, base: str) -> TileSet:
    """Return the tile set of a ``.dzi``, XML or JSON; its tiles lie in ``base`` + ``_files``.

    Raises
    ------
    CorruptSourceError, UnsupportedFormatError
        It makes no sense; it isn't DeepZoom.
    """
    root = _deepzoom_root(data)
    size = _child(root, "Size")
    if size is None:
        raise CorruptSourceError("a DeepZoom image needs a Size")
    width, height = (_whole(size.get(name), name, _MOST_PIXELS) for name in ("Width", "Height"))
    tile = _whole(root.get("TileSize"), "TileSize", _MOST_TILE)
    overlap = _whole(root.get("Overlap", "0"), "Overlap", tile, least=0)
    folder = _tile_folder(root.get("Url"), base)
    shown = _shown(root)
    told = str(root.get("Format", "jpg")).lstrip(".")
    suffixes = tuple(dict.fromkeys((told, *_SUFFIXES.get(told.lower(), (told.lower(),)))))
    top = max(0, math.ceil(math.log2(max(width, height))))

    def level(number: int) -> TileLevel:
        factor = 1 << (top - number)

        def keys(column: int, row: int) -> list[str]:
            return [f"{folder}/{number}/{column}_{row}.{ending}" for ending in suffixes]

        def lacks(column: int, row: int) -> bool:
            side = tile * factor
            cell = Rect(column * side, row * side, side, side)
            seen = (rect for low, high, rect in shown if low <= number <= high)
            return bool(shown) and not any(_touch(rect, cell) for rect in seen)

        return TileLevel(ceil_div(width, factor), ceil_div(height, factor), keys, lacks)

    levels = _down_to_a_tile((level(number) for number in range(top, -1, -1)), tile)
    above = base.rpartition("/")[0]
    return TileSet(
        "deepzoom", tile, tile, overlap, levels,
        properties=(f"{folder}/{_PROPERTIES}", *([f"{above}/{_SCAN}"] if above else [])),
        profile=f"{folder}/profile.icc",
        associated=(f"{folder}/{_ASSOCIATED}", *([f"{above}/{_ASSOCIATED}"] if above else [])),
    )  # fmt: skip


def _deepzoom_root(data: bytes) -> ElementTree.Element:
    """Return the image's element, of XML or of the JSON that OpenSeadragon reads."""
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _from_json(data)
    root = _xml(data)
    space, _, tag = root.tag.rpartition("}")
    if tag == "Collection":
        raise UnsupportedFormatError("it is a DeepZoom collection: open one of its images")
    if tag != "Image" or (space and space.lstrip("{") not in _DEEPZOOM):
        raise UnsupportedFormatError("it is XML, but not DeepZoom")
    return root


def _from_json(data: bytes) -> ElementTree.Element:
    try:
        image = json.loads(data.decode("utf-8-sig"))["Image"]
        root = ElementTree.Element("Image", {k: str(image[k]) for k in image if k != "Size"})
        size = {name: str(value) for name, value in image["Size"].items()}
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise UnsupportedFormatError(f"it is no JSON of a DeepZoom image ({error})") from error
    ElementTree.SubElement(root, "Size", size)
    if "DisplayRects" in image:
        raise UnsupportedFormatError("a DeepZoom image of parts, in JSON; in XML it is read")
    return root


def _touch(one: Rect, other: Rect) -> bool:
    common = one.intersect(other)
    return common.width > 0 and common.height > 0


def _child(element: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next((e for e in element if e.tag.rpartition("}")[2] == name), None)


def _tile_folder(url: str | None, base: str) -> str:
    """Return where the tiles lie: below the place that is told, else as the file is called."""
    if not url:
        return f"{base}_files"
    above, slash, _ = base.rpartition("/")
    if "://" in url or url.startswith("/") or ".." in url.split("/"):
        raise UnsupportedFormatError(f"its tiles lie elsewhere, at {url[:200]}")
    return above + slash + url.rstrip("/")


def _shown(root: ElementTree.Element) -> list[tuple[int, int, Rect]]:
    """Return (lowest level, highest level, pixels) of the parts that have tiles; [] is all."""
    found: list[tuple[int, int, Rect]] = []
    rects = _child(root, "DisplayRects")
    for item in () if rects is None else rects:
        rect = _child(item, "Rect")
        if rect is None or len(found) >= _MOST_RECTS:
            raise CorruptSourceError("a DisplayRect needs a Rect, and there may not be too many")
        low, high = (_whole(item.get(n), n, 64, least=0) for n in ("MinLevel", "MaxLevel"))
        x, y = (_whole(rect.get(n), n, _MOST_PIXELS, least=0) for n in ("X", "Y"))
        width, height = (_whole(rect.get(n), n, _MOST_PIXELS) for n in ("Width", "Height"))
        found.append((low, high, Rect(x, y, width, height)))
    return found


def _down_to_a_tile(levels: Any, tile: int) -> tuple[TileLevel, ...]:
    """Return levels until one is a single tile: those below are made for viewers alone."""
    found: list[TileLevel] = []
    for level in levels:
        found.append(level)
        if max(level.width, level.height) <= tile:
            break
    return tuple(found)


def parse_zoomify(data: bytes, base: str) -> list[TileSet]:
    """Return the tile sets that an ``ImageProperties.xml`` may mean; raises as :func:`parse_dzi`.

    Writers round sizes up or down. Where the number of tiles is the same, the tiles alone tell.
    """
    root = _xml(data)
    if root.tag.upper() != "IMAGE_PROPERTIES":
        raise UnsupportedFormatError("it is XML, but not Zoomify's")
    facts = {name.upper(): value for name, value in root.attrib.items()}
    width, height = (_whole(facts.get(n), n, _MOST_PIXELS) for n in ("WIDTH", "HEIGHT"))
    tile = _whole(facts.get("TILESIZE", "256"), "TILESIZE", _MOST_TILE)
    told = facts.get("NUMTILES")
    found: list[TileSet] = []
    for rounded_up in (True, False):
        sizes = _halvings(width, height, tile, rounded_up)
        count = sum(math.prod(grid_shape(w, h, tile, tile)) for w, h in sizes)
        if told is None or told == str(count):
            levels = _zoomify_levels(sizes, tile, base)
            found.append(TileSet("zoomify", tile, tile, 0, levels, (base + _PROPERTIES,)))
    if not found:
        message = f"Zoomify's {told} tiles are not those of {width} x {height} pixels"
        raise CorruptSourceError(message)
    return found


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
        facts = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UnsupportedFormatError(f"it is no JSON ({error})") from error
    if not isinstance(facts, dict) or not _is_iiif(facts):
        raise UnsupportedFormatError("it is JSON, but not of IIIF's Image API")
    width, height = (_whole(facts.get(n), n, _MOST_PIXELS) for n in ("width", "height"))
    tiles = facts.get("tiles")
    if tiles is None and "tile_width" in facts:  # version 1
        names = {"width": "tile_width", "height": "tile_height", "scaleFactors": "scale_factors"}
        tiles = [{ours: facts[theirs] for ours, theirs in names.items() if theirs in facts}]
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
    return TileSet("iiif", tile_width, tile_height, 0, levels, (base + _PROPERTIES,))


def _is_iiif(facts: Mapping[str, object]) -> bool:
    first = "/iiif/image-api/1"  # version 1 has no protocol
    told = [str(facts.get(name, "")) for name in ("@context", "profile")]
    return facts.get("protocol") == "http://iiif.io/api/image" or any(first in t for t in told)


def _iiif_level(
    width: int, height: int, tile_width: int, tile_height: int, factor: int, base: str
) -> TileLevel:
    def keys(column: int, row: int) -> list[str]:
        x, y = column * tile_width * factor, row * tile_height * factor
        w, h = min(tile_width * factor, width - x), min(tile_height * factor, height - y)
        across, down = ceil_div(w, factor), ceil_div(h, factor)
        regions = [f"{x},{y},{w},{h}", *(["full"] if (w, h) == (width, height) else [])]
        sizes = [f"{across},", f"{across},{down}", *(["full", "max"] if factor == 1 else [])]
        return [
            f"{base}{region}/{size}/0/{quality}.{suffix}"
            for quality in ("default", "native", "color")  # the latter two of version 1
            for region in regions
            for size in sizes
            for suffix in ("jpg", "png", "webp")
        ]

    return TileLevel(ceil_div(width, factor), ceil_div(height, factor), keys)


def _xml(data: bytes) -> ElementTree.Element:
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise CorruptSourceError("the XML of a tile set needs no document type: refused")
    try:
        return ElementTree.fromstring(data.strip())
    except (ElementTree.ParseError, ValueError, LookupError) as error:
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
