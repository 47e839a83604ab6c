"""Tiles too wide for other programs, cut into handy ones without touching a coefficient."""

import dataclasses
import math
import threading

from ziggurat.readers.codecs.jpeg_crop import crop_columns, find_cropper
from ziggurat.readers.codecs.jpeg_stream import JpegHeader, join_stacks, parse_header
from ziggurat.readers.errors import SourceError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel
from ziggurat.readers.model.geometry import ceil_div, grid_shape
from ziggurat.readers.model.reader import Plane, Reader
from ziggurat.readers.views.views import SamePixels, View

WIDEST = 1024  # pixels of a tile that is left as it is
_SIDE = 512
_TIFF_MULTIPLE = 16
_BASELINE = (0xC0, 0xC1)


class CutReader(View):
    """A reader whose wide tiles of stacked restart intervals are cut up.

    Pixels are read as the source reads them. Without libjpeg-turbo, and where tiles can't be
    cut, they stay as they are, and say why.
    """

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader)
        self._planes: dict[tuple[int, int], Plane] = {}

    def plane(self, level: int, frame: int) -> Plane:
        """Return the plane with the wide tiles cut; each is made once, and keeps its last row."""
        key = level, frame
        if key not in self._planes:
            self._planes[key] = _CutPlane(self.source.plane(level, frame))
        return self._planes[key]


class _CutPlane(SamePixels):
    __slots__ = ("_tiles",)

    def __init__(self, source: Plane) -> None:
        super().__init__(source)
        tiles = source.encoded()
        self._tiles = tiles and cut_tiles(tiles)

    def encoded(self) -> EncodedLevel | None:
        """Return the source's tiles, the wide ones cut."""
        return self._tiles

    def places(self) -> None:
        """Return None: cut tiles are made on the way."""


def with_cuts(reader: Reader) -> Reader:
    """Return an image of restart intervals with its wide tiles cut; any other as it is."""
    levels = (reader.plane(level, 0).encoded() for level in range(len(reader.info.levels)))
    stacked = any(tiles is not None and tiles.intervals for tiles in levels)
    return CutReader(reader) if stacked else reader


def cut_tiles(tiles: EncodedLevel) -> EncodedLevel:
    """Return a level's tiles cut to a handy width, or as they are with a note why."""
    if tiles.format.codec is not Codec.JPEG or tiles.tile_width <= WIDEST:
        return tiles
    wide = f"{tiles.tile_width} pixels wide, as the source's restart intervals are"
    if find_cropper() is None:
        missing = (
            "libturbojpeg, which could cut them (pip install ziggurat[turbojpeg]), is not here"
        )
        return dataclasses.replace(tiles, note=f"{wide}: {missing}")
    first = tiles.tile(0, 0) or b""
    try:
        size = _cut_size(tiles, parse_header(first))
        if size is not None:
            crop_columns(first, size[0], tiles.tile_height, 1)  # streams that the library refuses
    except SourceError as error:
        return dataclasses.replace(tiles, note=f"{wide}: they can't be cut ({error})")
    if size is None:
        return dataclasses.replace(tiles, note=f"{wide}: no handy tile size divides them")
    return _cut_level(tiles, *size)


def _cut_size(tiles: EncodedLevel, header: JpegHeader) -> tuple[int, int] | None:
    """Return width and height of the cut tiles; the height is one of whole source tiles.

    Where several intervals lie side by side, no tile may go over their seams.
    """
    if header.sof not in _BASELINE or (header.width, header.height) != (
        tiles.tile_width,
        tiles.tile_height,
    ):
        return None
    least = math.lcm(header.mcu[0], _TIFF_MULTIPLE)
    width = ceil_div(_SIDE, least) * least
    if tiles.columns > 1:
        able = [w for w in range(least, WIDEST + 1, least) if tiles.tile_width % w == 0]
        width = min(able, key=lambda w: abs(w - _SIDE), default=0)
    height = max(1, _SIDE // tiles.tile_height) * tiles.tile_height
    return (width, height) if width >= _SIDE // 4 else None


def _cut_level(tiles: EncodedLevel, width: int, height: int) -> EncodedLevel:
    columns, rows = grid_shape(tiles.width, tiles.height, width, height)
    return dataclasses.replace(
        tiles,
        tile_width=width,
        tile_height=height,
        columns=columns,
        rows=rows,
        tile=_Cutter(tiles, width, height).tile,
        note=f"lossless crop of restart intervals of {tiles.tile_width} pixels",
    )


class _Cutter:
    """Makes the tiles of a stack together, and keeps those of the last one asked for."""

    def __init__(self, source: EncodedLevel, width: int, height: int) -> None:
        self._source = source
        self._width = width
        self._height = height
        self._across = ceil_div(source.tile_width, width)
        self._lock = threading.Lock()
        self._last: tuple[int, dict[int, list[bytes]]] = -1, {}

    def tile(self, column: int, row: int) -> bytes | None:
        """Return one tile."""
        place, part = divmod(column, self._across)
        with self._lock:
            if self._last[0] != row:
                self._last = row, {}
            made = self._last[1]
            if place not in made:
                made[place] = self._cut(place, row)
            return made[place][part]

    def _cut(self, place: int, row: int) -> list[bytes]:
        source = self._source
        high = self._height // source.tile_height
        last = min((row + 1) * high, source.rows)
        stacks = [source.tile(place, y) or b"" for y in range(row * high, last)]
        stream = join_stacks(stacks, self._height)
        return crop_columns(stream, self._width, self._height, self._across)
