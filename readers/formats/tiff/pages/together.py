"""JPEG tiles of a page, decoded many in a call by the native kernel."""

from collections.abc import Iterator, Sequence

from ziggurat.readers.codecs.native.kernel import DONE, Tile, TileKind, decode_tiles, kind_of
from ziggurat.readers.errors import SourceError
from ziggurat.readers.formats.tiff.pages.layout import SegmentLayout
from ziggurat.readers.formats.tiff.pages.tables import PlainTable, SegmentTable
from ziggurat.readers.io.bytes import LocalBytes
from ziggurat.readers.model.encoded import TileFormat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Part, Pixels

Cell = tuple[int, Rect, Pixels]  # a tile's index, the part of the page that is wanted, its place

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

    def fill(self, parts: Sequence[Part], threads: int) -> list[Cell]:
        """Fill arrays, and return what is still to be drawn."""
        left: list[Cell] = []
        cells: list[Cell] = []
        tiles: list[Tile] = []
        for index, x, y, cell in self._cells(parts):
            stream = self._stream(index)
            if stream is None:
                left.append(cell)
            else:
                cells.append(cell)
                tiles.append((stream, cell[2], x, y))
        if not tiles:
            return left
        descriptor = self._source.fileno()
        found = decode_tiles(tiles, self._kind, threads=threads, descriptor=descriptor)
        if any(found):
            doubtful = [cell for cell, one in zip(cells, found, strict=True) if one != DONE]
            self._left += len(doubtful)
            left += doubtful
        self._done += len(tiles)
        return left

    def _cells(self, parts: Sequence[Part]) -> Iterator[tuple[int, int, int, Cell]]:
        """Yield each tile's index, where in it the wanted part begins, and that part."""
        # plain numbers: this runs for every tile of every region
        layout = self._layout
        width, height, columns = layout.tile_width, layout.tile_height, layout.columns
        for rect, target in parts:
            right, bottom = rect.x + rect.width, rect.y + rect.height
            for row in range(rect.y // height, (bottom - 1) // height + 1):
                top, end = max(rect.y, row * height), min(bottom, row * height + height)
                for column in range(rect.x // width, (right - 1) // width + 1):
                    left, stop = max(rect.x, column * width), min(right, column * width + width)
                    place = target[top - rect.y : end - rect.y, left - rect.x : stop - rect.x]
                    index = row * columns + column
                    part = Rect(left, top, stop - left, end - top)
                    yield index, left - column * width, top - row * height, (index, part, place)

    def _stream(self, index: int) -> tuple[int, int] | bytes | None:
        """Return where a tile's stream is, or the stream; None where it isn't there."""
        table = self._table
        if isinstance(table, PlainTable):
            return table.place(index) if table.has(index) else None
        try:
            return table.get(index)
        except SourceError:  # said by who reads it again
            return None
