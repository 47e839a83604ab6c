"""JPEG tiles of a page, decoded many in a call by the native kernel."""

from collections.abc import Sequence

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
        # plain numbers: this runs for every tile of every region
        kind, columns, stream_of = self._kind, self._layout.columns, self._stream
        width, height = kind.width, kind.height
        left: list[Cell] = []
        places: list[tuple[int, int, int]] = []  # of each tile: its index, and where it is wanted
        tiles: list[Tile] = []
        for rect, target in parts:
            x, y, right, bottom = rect.x, rect.y, rect.x + rect.width, rect.y + rect.height
            for row in range(y // height, (bottom - 1) // height + 1):
                top = max(y, row * height)
                rows = target[top - y : row * height + height - y]
                for column in range(x // width, (right - 1) // width + 1):
                    begin = max(x, column * width)
                    place = rows[:, begin - x : column * width + width - x]
                    index = row * columns + column
                    stream = stream_of(index)
                    if stream is None:
                        left.append(_cell(index, begin, top, place))
                    else:
                        places.append((index, begin, top))
                        tiles.append((stream, place, begin - column * width, top - row * height))
        if not tiles:
            return left
        descriptor = self._source.fileno()
        found = decode_tiles(tiles, kind, threads=threads, descriptor=descriptor)
        if any(found):
            for place_of, tile, one in zip(places, tiles, found, strict=True):
                if one != DONE:
                    left.append(_cell(*place_of, tile[1]))
                    self._left += 1
        self._done += len(tiles)
        return left

    def _stream(self, index: int) -> tuple[int, int] | bytes | None:
        """Return where a tile's stream is, or the stream; None where it isn't there."""
        table = self._table
        if isinstance(table, PlainTable):
            return table.place(index) if table.has(index) else None
        try:
            return table.get(index)
        except SourceError:  # said by who reads it again
            return None


def _cell(index: int, x: int, y: int, place: Pixels) -> Cell:
    return index, Rect(x, y, place.shape[1], place.shape[0]), place
