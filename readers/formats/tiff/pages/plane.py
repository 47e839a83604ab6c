"""The pixels of one TIFF page: rectangles out of tiles or strips, and tiles as stored."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from ziggurat.readers.codecs.decode import can_decode, decode_tile, fit_tile
from ziggurat.readers.codecs.jpeg_decode import check_jpeg
from ziggurat.readers.codecs.jpeg_stream import merge_tables, parse_header, stream_photometric
from ziggurat.readers.codecs.native.together import TilesTogether
from ziggurat.readers.codecs.segment_cache import SegmentCache
from ziggurat.readers.errors import CorruptSourceError, SourceError
from ziggurat.readers.formats.tiff.pages.edges import NOTE, can_be_whole, is_short, whole_tile
from ziggurat.readers.formats.tiff.pages.layout import SegmentLayout
from ziggurat.readers.formats.tiff.pages.tables import (
    PlainTable,
    RestartTable,
    SegmentTable,
    SequentialTable,
)
from ziggurat.readers.formats.tiff.pages.together import tiles_together
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat, TilePlaces
from ziggurat.readers.model.geometry import Rect, cell_rect, grid_cells
from ziggurat.readers.model.reader import DecodedPlane, Part, Pixels, Plane, draw

# What missing tiles show: the pixels of a rectangle of the page, made from something else.
Substitute = Callable[[Rect], Pixels]

_JPEG_START = b"\xff\xd8"
_NUMBERS = itertools.count()


class PageReader(Plane):
    """One page (one level of one frame).

    Parameters
    ----------
    layout
        What it shares with the other pages of its kind.
    table
        Its encoded tiles or strips.
    tables
        JPEG tables of all its tiles (tag 347).
    substitute
        Draws what is not stored.
    cache
        Keeps decoded strips and large tiles.
    """

    __slots__ = (
        "_cache",
        "_direct",
        "_format",
        "_number",
        "_raw",
        "_substitute",
        "_table",
        "_tables",
        "_together",
        "layout",
    )

    def __init__(
        self,
        layout: SegmentLayout,
        table: SegmentTable,
        tables: bytes | None,
        substitute: Substitute,
        cache: SegmentCache | None = None,
    ) -> None:
        self.layout = layout
        self._table = table
        self._tables = tables
        self._substitute = substitute
        self._cache = cache if layout.cached else None
        self._number = next(_NUMBERS)  # its name in the cache; an id() may come again
        self._format: TileFormat | None = None
        self._together: TilesTogether | None = None  # made with the format
        self._direct = can_decode(layout.format)
        self._raw = (
            self._direct
            and not layout.tiled
            and layout.format.codec is Codec.NONE
            and layout.format.predictor == 1
        )

    @property
    def format(self) -> TileFormat:
        """The format of the tiles, as their own code stream tells it."""
        if self._format is None:
            indices = range(self.layout.segments)
            first = next((i for i in indices if self._table.has(i)), None)
            form = self._resolve(None if first is None else self._table.get(first))
            self._together = tiles_together(self.layout, self._table, form)
            self._format = form
        return self._format

    def _resolve(self, data: bytes | None) -> TileFormat:
        form = dataclasses.replace(self.layout.format, tables=self._tables)
        if form.codec is not Codec.JPEG or data is None:
            return form
        header = parse_header(merge_tables(data, self._tables))
        if header.lossless and header.components == 3:  # its samples are the colours themselves
            return dataclasses.replace(form, photometric=Photometric.RGB, lossless=True)
        return dataclasses.replace(
            form,
            photometric=stream_photometric(header, form.photometric),
            subsampling=header.subsampling if header.components == 3 else None,
            lossless=header.lossless,
        )

    def stored(self, index: int) -> bytes | None:
        """Return the bytes of a tile or strip as stored, None where there is none."""
        return self._table.get(index)

    def _segment(self, index: int) -> Pixels | None:
        """Return a decoded tile or strip, None where nothing is stored. Not to be written into."""
        if self._cache is None:
            return self._decode(index)
        key = self._number, index
        tile = self._cache.get(key)
        if tile is None:
            tile = self._decode(index)
            if tile is not None:
                self._cache.put(key, tile)
        return tile

    def _decode(self, index: int) -> Pixels | None:
        data = self._table.get(index)
        if data is None:
            return None
        layout = self.layout
        shape = layout.segment_shape(index)
        if self._direct:
            tile = decode_tile(data, self.format, shape[:2])
        else:
            tile = self._decode_otherwise(data, index)
        tile = fit_tile(tile, shape)
        return self._typed(tile if layout.planar else layout.rule.apply(tile, layout.dtype))

    def _typed(self, tile: Pixels) -> Pixels:
        """Make sure that a tile is of the page's kind of samples: code streams may say else."""
        dtype = self.layout.dtype
        if tile.dtype == dtype:
            return tile
        if tile.dtype == np.bool_:
            return tile.astype(dtype)
        raise CorruptSourceError(f"a tile of {tile.dtype} samples in a page of {dtype}")

    def _decode_otherwise(self, data: bytes, index: int) -> Pixels:
        form = self.layout.format
        try:
            if data.startswith(_JPEG_START):
                check_jpeg(data, self._tables)
            tile, _, _ = self.layout.fallback(data, index, jpegtables=self._tables)
        except Exception as error:  # every codec has error classes of its own
            raise CorruptSourceError(
                f"a tile of TIFF compression {form.tiff_compression} can't be decoded: {error}"
            ) from error
        pixels: Pixels = np.asarray(tile)[0]  # without its depth
        return pixels

    def read(self, rect: Rect) -> Pixels:
        """Return a rectangle, wholly inside the page, as (height, width, bands)."""
        tile = self._whole_tile(rect)
        if tile is not None:
            return tile
        layout = self.layout
        out = np.empty((rect.height, rect.width, layout.bands), layout.dtype)
        if self.together:
            self.fill([(rect.x, rect.y, out)])
            return out
        for column, row in grid_cells(rect, layout.tile_width, layout.tile_height):
            cell = cell_rect(column, row, layout.tile_width, layout.tile_height)
            part = cell.intersect(rect)
            top, left = part.y - rect.y, part.x - rect.x
            target = out[top : top + part.height, left : left + part.width]
            if layout.planar:
                self._paste_bands(target, cell, part, row * layout.columns + column)
            else:
                self._paste(target, cell, part, row * layout.columns + column)
        return out

    @property
    def together(self) -> bool:
        """True where the native kernel takes the tiles."""
        if not self._direct or self.layout.format.codec is not Codec.JPEG:
            return False
        if self._format is None:
            try:
                assert self.format
            except SourceError:  # said by who decodes a tile
                return False
        return self._together is not None and self._together.useful

    def fill(self, parts: Sequence[Part], threads: int = 1, shown: Part | None = None) -> None:
        """Fill arrays with rectangles of the page, many tiles in a call where that goes."""
        if not self.together:
            super().fill(parts, threads, shown)
            return
        assert self._together is not None
        layout = self.layout
        for index, (x, y, target) in self._together.fill(parts, threads, shown):
            row, column = divmod(index, layout.columns)
            cell = cell_rect(column, row, layout.tile_width, layout.tile_height)
            self._paste(target, cell, Rect(x, y, target.shape[1], target.shape[0]), index)
            if shown is not None:
                draw((x, y, target), shown)

    def _whole_tile(self, rect: Rect) -> Pixels | None:
        """Return a tile without a copy where the rectangle is just that."""
        layout = self.layout
        if (
            rect.width != layout.tile_width
            or rect.height != layout.tile_height
            or rect.x % layout.tile_width
            or rect.y % layout.tile_height
            or layout.planar
            or self._cache is not None
            or self._raw
        ):
            return None
        column, row = rect.x // layout.tile_width, rect.y // layout.tile_height
        tile = self._decode(row * layout.columns + column)
        return tile if tile is None or tile.flags.writeable else tile.copy()

    def _paste(self, target: Pixels, cell: Rect, part: Rect, index: int) -> None:
        """Draw the part of one tile or strip that is wanted."""
        if self._raw:
            tile = self._rows(index, part.y - cell.y, part.height)
            cell = Rect(cell.x, part.y, cell.width, part.height)
        else:
            tile = self._segment(index)
        if tile is None:
            target[:] = self._substitute(part)
            return
        top, left = part.y - cell.y, part.x - cell.x
        target[:] = tile[top : top + part.height, left : left + part.width]

    def _paste_bands(self, target: Pixels, cell: Rect, part: Rect, index: int) -> None:
        """Draw one tile or strip of each band: the bands lie one after the other."""
        layout = self.layout
        rule, bands = layout.rule, layout.format.bands
        stored = [index + band * layout.columns * layout.rows for band in range(bands)]
        there = [self._table.has(one) for one in stored]
        if not any(there):
            target[:] = self._substitute(part)
            return
        raw = target
        if rule.changes:
            raw = np.zeros((*target.shape[:2], bands), layout.dtype)
        elif not all(there):
            target[:] = self._substitute(part)
        for band, one in enumerate(stored):
            if there[band]:
                self._paste(raw[..., band : band + 1], cell, part, one)
        if rule.changes:
            target[:] = rule.apply(raw, layout.dtype)

    def _rows(self, index: int, first: int, count: int) -> Pixels | None:
        """Read some rows of an uncompressed strip, and no more."""
        assert isinstance(self._table, PlainTable)
        layout = self.layout
        bands = 1 if layout.planar else layout.format.bands
        row = layout.width * bands * layout.dtype.itemsize
        data = self._table.slice(index, first * row, count * row)
        if data is None:
            return None
        rows = decode_tile(data, layout.format, (count, layout.width))
        return rows if layout.planar else layout.rule.apply(rows, layout.dtype)

    def is_blank(self, rect: Rect) -> bool:
        """Return True where no tile of a rectangle is stored."""
        layout = self.layout
        grid = layout.columns * layout.rows
        bands = range(layout.format.bands if layout.planar else 1)
        return not any(
            self._table.has(row * layout.columns + column + band * grid)
            for column, row in grid_cells(rect, layout.tile_width, layout.tile_height)
            for band in bands
        )

    def _cut_at_the_edge(self) -> bool:
        """Return True where the tiles at the edge are smaller than others, as no TIFF may have."""
        layout = self.layout
        whole = not (layout.width % layout.tile_width or layout.height % layout.tile_height)
        if whole or not isinstance(self._table, PlainTable):
            return False
        data = self._table.get(layout.columns * layout.rows - 1)
        return data is not None and is_short(
            layout.format, data, layout.tile_width, layout.tile_height
        )

    def encoded(self) -> EncodedLevel | None:
        """Return the page as a grid of encoded tiles, None where it isn't one."""
        layout = self.layout
        cut = layout.verbatim and self._cut_at_the_edge()
        possible = can_be_whole(self.format, layout.tile_width, layout.tile_height)
        if not layout.verbatim or (cut and not possible):
            return None
        columns = layout.columns
        stored = self._table
        table = SequentialTable(stored) if isinstance(stored, PlainTable) else stored

        def tile(column: int, row: int) -> bytes | None:
            data = table.get(row * columns + column)
            if not cut or data is None:
                return data
            return whole_tile(self.format, data, layout.tile_width, layout.tile_height)

        return EncodedLevel(
            format=self.format,
            width=layout.width,
            height=layout.height,
            tile_width=layout.tile_width,
            tile_height=layout.tile_height,
            columns=columns,
            rows=layout.rows,
            tile=tile,
            note=NOTE if cut else None,
            intervals=isinstance(stored, RestartTable),
        )

    def places(self) -> TilePlaces | None:
        """Return where the tiles of :meth:`encoded` are, None where they are made on the way."""
        table = self._table
        if not self.layout.verbatim or not isinstance(table, PlainTable):
            return None
        if self._cut_at_the_edge():
            return None
        return table.places(self.layout.columns * self.layout.rows)

    def release(self, rect: Rect) -> None:
        """Nothing is kept but by the cache, which forgets by itself."""


class MissingPage(DecodedPlane):
    """A page that the file does not have: all of it shows what missing tiles show."""

    __slots__ = ("_substitute",)

    def __init__(self, substitute: Substitute) -> None:
        self._substitute = substitute

    def read(self, rect: Rect) -> Pixels:
        """Return what missing tiles show."""
        return self._substitute(rect).copy()

    def is_blank(self, rect: Rect) -> bool:
        """Return True: nothing of it is stored."""
        del rect
        return True


class AbsentPage(DecodedPlane):
    """A page in another file that isn't there: reading it is an error, not a blank."""

    __slots__ = ("_message",)

    def __init__(self, message: str) -> None:
        self._message = message

    def read(self, rect: Rect) -> Pixels:
        """Raise: there is nothing to show."""
        del rect
        raise CorruptSourceError(self._message)
