"""The public dictionaries, as types: what a caller may give, and what he gets."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

Options = Mapping[str, object]  # a dictionary of the caller's, not looked at yet
Formats = str | Sequence[str] | None  # names of formats that will do


class Region(TypedDict, total=False):
    """A rectangle, by any sufficient combination of edges and sizes; default: all of the image.

    Numbers are in ``units`` (default: full-resolution pixels), sizes in ``unitsWH``.
    """

    left: float
    top: float
    right: float
    bottom: float
    width: float
    height: float
    units: str | None
    unitsWH: str


class Scale(TypedDict, total=False):
    """A magnification, or millimetres a pixel; ``exact``: nothing unless a level has it."""

    magnification: float | None
    mm_x: float | None
    mm_y: float | None
    exact: bool


class Output(TypedDict, total=False):
    """The size to fit into, in pixels; ``path`` is where a ``TILED`` file goes."""

    maxWidth: int | None
    maxHeight: int | None
    path: str | os.PathLike[str]


class TileSize(TypedDict, total=False):
    """Pixels of a tile as it comes out; one of them alone means a square."""

    width: int
    height: int


class TileOverlap(TypedDict, total=False):
    """Pixels that neighbours share; ``edges``: tiles at the border are shorter."""

    x: int
    y: int
    edges: bool


class TileOffset(TypedDict, total=False):
    """Where a corner of the grid is, in pixels of the level that is read, or ``auto``."""

    left: int
    top: int
    auto: bool


class TilePosition(TypedDict, total=False):
    """Which tile of an iteration: its number, or its column and row."""

    position: int
    region_x: int
    region_y: int
    level_x: int
    level_y: int


class Magnification(TypedDict):
    """Magnification and millimetres a pixel; None where unknown."""

    magnification: float | None
    mm_x: float | None
    mm_y: float | None


class LevelMagnification(Magnification):
    """The same of a level, with full-resolution pixels a pixel of it."""

    level: float
    scale: float


class BandInformation(TypedDict):
    """What is known of a band."""

    interpretation: str
    min: NotRequired[float | None]
    max: NotRequired[float | None]
    mean: NotRequired[float | None]
    stdev: NotRequired[float | None]
    nodata: NotRequired[Any]
    scale: NotRequired[float]
    offset: NotRequired[float]
    units: NotRequired[str]
    categories: NotRequired[list[str]]
    colortable: NotRequired[Any]
    maskband: NotRequired[str]


class PixelValue(TypedDict, total=False):
    """A pixel: stored values by band, and the same in 8 bits."""

    value: list[float]
    bands: dict[int, float]
    r: int
    g: int
    b: int
    a: int
    l: int  # noqa: E741  (the name of the reference)
    tile: Any


class BandHistogram(TypedDict, total=False):
    """A histogram of one band: ``hist`` counts (or shares), between ``bin_edges``."""

    min: float
    max: float
    range: tuple[float, float] | None
    hist: Any
    bin_edges: Any
    density: bool
    samples: int


class AxisValues(TypedDict):
    """What the positions of an axis stand for; ``uniform``: no frame differs at its position."""

    values: list[Any]
    uniform: bool
    units: str | None
    min: Any
    max: Any
    datatype: str


class FrameMetadata(TypedDict, total=False):
    """One frame: its number, and its position on each axis.

    An axis of another name, ``q``, is there as ``IndexQ``, its value as ``ValueQ``.
    """

    Frame: int
    Index: int
    Channel: str
    IndexC: int
    IndexZ: int
    IndexT: int
    IndexXY: int
    ValueC: Any
    ValueZ: Any
    ValueT: Any


class Bounds(TypedDict, total=False):
    """Where an image is; one that doesn't say where on earth has ``sizeX`` and ``sizeY`` alone."""

    sizeX: int
    sizeY: int
    ll: dict[str, float]
    ul: dict[str, float]
    lr: dict[str, float]
    ur: dict[str, float]
    srs: str
    xmin: float
    xmax: float
    ymin: float
    ymax: float


class ImageMetadata(TypedDict):
    """What ``getMetadata`` says: sizes in full-resolution pixels, millimetres a pixel.

    A sink without a tile has no ``dtype`` yet.
    Images of several frames have ``frames`` and what follows it, those with a place on earth
    ``geospatial`` and what follows it. An axis with values, of another name ``q``, has ``ValueQ``.
    """

    levels: int
    sizeX: int
    sizeY: int
    tileWidth: int
    tileHeight: int
    magnification: float | None
    mm_x: float | None
    mm_y: float | None
    dtype: str | None
    bandCount: int
    frames: NotRequired[list[FrameMetadata]]
    IndexRange: NotRequired[dict[str, int]]
    IndexStride: NotRequired[dict[str, int]]
    channels: NotRequired[list[str]]
    channelmap: NotRequired[dict[str, int]]
    ValueC: NotRequired[AxisValues]
    ValueZ: NotRequired[AxisValues]
    ValueT: NotRequired[AxisValues]
    geospatial: NotRequired[bool]
    sourceLevels: NotRequired[int]
    sourceSizeX: NotRequired[int]
    sourceSizeY: NotRequired[int]
    bounds: NotRequired[Bounds | None]
    projection: NotRequired[str | None]
    sourceBounds: NotRequired[Bounds | None]
    bands: NotRequired[dict[int, BandInformation]]


class TileFacts(TypedDict, total=False):
    """What a tile of an iteration knows of itself; ``tile`` and ``format`` are loaded when asked.

    ``x``, ``y``, ``width`` and ``height`` are pixels of the level that is read, ``gx`` … those of
    the full resolution. ``tile`` is (y, x, band) where it is an array. A tile that comes out at
    another scale than it is read at has ``scaled`` and what follows it.
    """

    x: float
    y: float
    width: int
    height: int
    level: int
    level_x: int
    level_y: int
    magnification: float | None
    mm_x: float | None
    mm_y: float | None
    tile_position: TilePosition
    iterator_range: dict[str, int]
    tile_overlap: dict[str, int]
    gx: float
    gy: float
    gwidth: float
    gheight: float
    tile: Any
    format: str
    scaled: float
    tile_x: int
    tile_y: int
    tile_width: int
    tile_height: int
    tile_magnification: float | None
    tile_mm_x: float | None
    tile_mm_y: float | None
