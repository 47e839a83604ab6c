"""JPEG tiles of a page, decoded many in a call by the native kernel."""

from collections.abc import Iterator, Sequence

from ziggurat.readers.codecs.native.kernel import DONE, Tile, TileKind, decode_tiles, kind_of
from ziggurat.readers.errors import SourceError
from ziggurat.readers.formats.tiff.pages.layout import SegmentLayout
from ziggurat.readers.formats.tiff.pages.tables import PlainTable, SegmentTable
from ziggurat.readers.io.bytes import LocalBytes
from ziggurat.readers.model.encoded import TileFormat
from ziggurat.readers.model.reader import Part, Pixels

Cell = tuple[int, Part]  # a tile's index, and what is wanted of it

_SOME = 8  # tiles that the kernel may leave to others before it is asked whether it is of use


def kind_in(layout: SegmentLayout, table: SegmentTable, form: TileFormat) -> TileKind | None:
    """Return the kind of a page's tiles, None where each has to be decoded alone.

    Tiles that are kept by their page are never here, as a part of one is wanted again soon.
    """
    plain = layout.tiled and not (layout.planar or layout.cached or layout.rule.changes)
    if not plain or layout.bands != form.bands or layout.dtype.name != form.dtype:
        return None
    if not isinstance(table.source, LocalBytes):
        return None
    return kind_of(form, layout.tile_width, layout.tile_height)


class TilesTogether:
    """Fills arrays from the tiles of a page, as far as the kernel takes them.

    Scanners whose every tile makes libjpeg warn exist; the kernel is then no longer ``useful``.
    """

    __slots__ = ("_done", "_kind", "_layout", "_left", "_source", "_table")

    def __init__(self, layout: SegmentLayout, table: SegmentTable, kind: TileKind) -> None:
        assert isinstance(table.source, LocalBytes)
        self._layout, self._table, self._kind = layout, table, kind
        self._source = table.source
        self._done = self._left = 0

    @property
    def useful(self) -> bool:
        """False where the kernel has left too many tiles to others."""
        return self._left < _SOME or self._left * 8 < self._done

    def fill(self, parts: Sequence[Part], threads: int, shown: Part | None) -> list[Cell]:
        """Fill arrays, and return what is still to be drawn."""
        cells: list[Cell] = []
        tiles: list[Tile] = []
        left: list[Cell] = []
        for index, x, y, part in self._cut(parts):
            stream = self._stream(index)
            if stream is None:
                left.append((index, part))
            else:
                cells.append((index, part))
                copy = () if shown is None else _copy(part, shown, x, y)
                tiles.append((stream, part[2], part[0] - x, part[1] - y, *copy))
        if not tiles:
            return left
        descriptor = self._source.fileno()
        found = decode_tiles(tiles, self._kind, threads=threads, descriptor=descriptor)
        if any(found):
            again = [cell for cell, one in zip(cells, found, strict=True) if one != DONE]
            self._left += len(again)
            left += again
        self._done += len(tiles)
        return left

    def _cut(self, parts: Sequence[Part]) -> Iterator[tuple[int, int, int, Part]]:
        """Yield index and place (x, y) of each tile that is wanted, and what of it."""
        # plain numbers: this runs for every tile of every region
        width, height, columns = self._kind.width, self._kind.height, self._layout.columns
        for x, y, target in parts:
            rows, across, _ = target.shape
            right, bottom = x + across, y + rows
            for top in range(y // height * height, bottom, height):
                for left in range(x // width * width, right, width):
                    index = top // height * columns + left // width
                    if left <= x and top <= y and right <= left + width and bottom <= top + height:
                        yield index, left, top, (x, y, target)
                    else:
                        x0, y0 = max(x, left), max(y, top)
                        place = target[y0 - y : top + height - y, x0 - x : left + width - x]
                        yield index, left, top, (x0, y0, place)

    def _stream(self, index: int) -> tuple[int, int] | bytes | None:
        """Return where a tile's stream is, or the stream; None where it isn't there."""
        table = self._table
        if isinstance(table, PlainTable):
            return table.place(index) if table.has(index) else None
        try:
            return table.get(index)
        except SourceError:  # said by who reads it again
            return None


def _copy(part: Part, shown: Part, x: int, y: int) -> tuple[Pixels, int, int] | tuple[()]:
    """Return the piece that an array shows of a part, and its place in the tile at (x, y)."""
    begin, first, pixels = part
    left, top, target = shown
    rows, across, _ = pixels.shape
    x0, y0 = max(begin, left), max(first, top)
    x1, y1 = begin + across - left, first + rows - top
    if x0 - left >= min(x1, target.shape[1]) or y0 - top >= min(y1, target.shape[0]):
        return ()
    return target[y0 - top : y1, x0 - left : x1], x0 - x, y0 - y
