"""Where the tiles of an iteration lie: one axis at a time, integers only.

All numbers are pixels of the level that the tiles are read from. A tile of an axis has a
*core*; cores cover the region exactly once. The overlap widens a tile beyond its core, half of
it (rounded down) to the low side.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ziggurat.readers.errors import OptionError
from ziggurat.readers.grid.regions import check_keys
from ziggurat.readers.model.checks import pixels, whole_number
from ziggurat.readers.model.geometry import ceil_div
from ziggurat.readers.model.words import Options


@dataclass(frozen=True, slots=True)
class Span:
    """One tile along one axis: its pixels and how many of them lie beyond its core."""

    start: int
    stop: int
    before: int
    after: int

    @property
    def size(self) -> int:
        """Length in pixels."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class TileAxis:
    """The tiles along one axis of a region.

    ``edges`` False: the first tile starts, and the last one ends, with the region, both at full
    size where there is room. ``edges`` True: every core is ``size - overlap`` long, and tiles
    at the border are shorter by the overlap that isn't there.
    """

    start: int  # the region
    stop: int
    size: int  # of a tile, overlap included
    overlap: int
    edges: bool
    origin: int = 0  # where tile number 0 starts
    first: int = field(init=False)  # number of the first tile, counted from ``origin``
    count: int = field(init=False)  # how many tiles there are

    def __post_init__(self) -> None:
        if self.size < 1 or not 0 <= self.overlap < self.size:
            raise OptionError(
                f"tiles of {self.size} pixels with an overlap of {self.overlap} can't be;"
                " a tile needs one pixel more than its overlap"
            )
        object.__setattr__(self, "first", self._first())
        object.__setattr__(self, "count", self._count())

    @property
    def stride(self) -> int:
        """From one tile to the next."""
        return self.size - self.overlap

    @property
    def _shift(self) -> int:
        """From where a tile would start to its core, where borders count as such."""
        return 0 if self.edges else self.overlap // 2

    def _first(self) -> int:
        # every tile begins half an overlap before its core: the one that holds the first pixel
        # holds all up to its core's end, whichever core that pixel would be of
        number = (self.start - self.origin) // self.stride
        # the very first tile of a grid that starts with the region keeps its number 0
        return max(number, 0) if self.origin <= self.start else number

    def _count(self) -> int:
        trail = 0 if self.edges else self.overlap
        last = ceil_div(self.stop - trail - self.origin, self.stride)
        return max(last - self.first, 1)

    def span(self, index: int) -> Span:
        """Return the tile at a place of this axis, 0 … ``count`` - 1."""
        low = self.origin + (self.first + index) * self.stride + self._shift
        high = low + self.stride
        base = low - self.overlap // 2
        if index == 0:
            low = self.start
        if index == self.count - 1:
            high = self.stop
        start = max(base, self.start)
        stop = min(base + self.size, self.stop)
        return Span(start, stop, max(0, low - start), max(0, stop - high))


@dataclass(frozen=True, slots=True)
class TileGrid:
    """The tiles of a region, numbered row by row."""

    x: TileAxis
    y: TileAxis

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return self.x.count * self.y.count

    def index(self, position: object) -> int | None:
        """Return the number of a tile that a caller names, or None where there is none."""
        if not isinstance(position, Mapping):
            number = whole_number("tile_position", position)
            return number if 0 <= number < self.count else None
        named = check_keys(
            "tile_position", position, {"position", "region_x", "region_y", "level_x", "level_y"}
        )
        if "position" in named:
            return self.index(whole_number("tile_position position", named["position"]))
        places = {key: whole_number(f"tile_position {key}", value) for key, value in named.items()}
        column, row = places.get("region_x"), places.get("region_y")
        if column is None and "level_x" in places:
            column = places["level_x"] - self.x.first
        if row is None and "level_y" in places:
            row = places["level_y"] - self.y.first
        column, row = column or 0, row or 0
        if not 0 <= column < self.x.count or not 0 <= row < self.y.count:
            return None
        return row * self.x.count + column


@dataclass(frozen=True, slots=True)
class GridRequest:
    """The grid that a caller wants over a region, in the words that he gave."""

    tile_size: Options | None = None
    tile_overlap: Options | None = None
    tile_offset: Options | None = None


def wanted_tile_size(tile_size: Options | None, default: tuple[int, int]) -> tuple[int, int]:
    """Return (width, height); one of them alone means a square."""
    asked = check_keys("tile_size", tile_size, {"width", "height"})
    width = asked.get("width", asked.get("height", default[0]))
    height = asked.get("height", asked.get("width", default[1]))
    return pixels("tile_size width", width), pixels("tile_size height", height)


def wanted_overlap(tile_overlap: Options | None) -> tuple[int, int, bool]:
    """Return (x, y, edges)."""
    asked = check_keys("tile_overlap", tile_overlap, {"x", "y", "edges"})
    x, y = asked.get("x", 0), asked.get("y", 0)
    return (
        pixels("tile_overlap x", x),
        pixels("tile_overlap y", y),
        bool(asked.get("edges")),
    )


def wanted_offset(tile_offset: Options | None, region_start: tuple[int, int]) -> tuple[int, int]:
    """Return (x, y) of the corner of tile number 0; ``auto`` puts it at the region's corner."""
    asked = check_keys("tile_offset", tile_offset, {"left", "top", "auto"})
    if asked.get("auto"):
        return region_start
    left, top = asked.get("left", 0), asked.get("top", 0)
    return pixels("tile_offset left", left), pixels("tile_offset top", top)
