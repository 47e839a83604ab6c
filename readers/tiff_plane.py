"""The pixels of one TIFF page: rectangles out of tiles or strips, and tiles as stored."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ziggurat.readers.bytesource import ByteSource
from ziggurat.readers.decode import can_decode, decode_tile, fit_tile
from ziggurat.readers.encoded import Codec, EncodedLevel, TileFormat
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.geometry import Rect, cell_rect, grid_cells
from ziggurat.readers.jpeg_stream import merge_tables, parse_header, stream_photometric
from ziggurat.readers.reader import Pixels
from ziggurat.readers.tiff_layout import SegmentLayout


class Plane:
    """One page (one level of one frame).

    Parameters
    ----------
    layout
        What it shares with the other pages of its kind.
    offsets, counts
        Where its tiles or strips are in the file, and how long; zero where there is none.
    tables
        JPEG tables of all its tiles (tag 347).
    fill
        The colour of missing tiles.
    """

    __slots__ = (
        "_counts",
        "_direct",
        "_fill",
        "_format",
        "_offsets",
        "_source",
        "_tables",
        "layout",
    )

    def __init__(
        self,
        source: ByteSource,
        layout: SegmentLayout,
        offsets: Sequence[int],
        counts: Sequence[int],
        tables: bytes | None,
        fill: Any,
    ) -> None:
        self.layout = layout
        self._source = source
        self._offsets = offsets
        self._counts = counts
        self._tables = tables
        self._fill = fill
        self._format: TileFormat | None = None
        self._direct = can_decode(layout.format)

    def stored(self, index: int) -> bytes | None:
        """Return the bytes of a tile or strip as stored, None where there is none."""
        offset, count = self._offsets[index], self._counts[index]
        if not offset or not count:
            return None
        data = self._source.read(offset, count)
        if len(data) != count:
            raise CorruptSourceError(
                f"{self._source.url}: a tile of {count} bytes at {offset} is cut off by the end "
                "of the file: it is truncated"
            )
        return data

    @property
    def format(self) -> TileFormat:
        """The format of the tiles, as their own code stream tells it."""
        if self._format is None:
            first = next((i for i in range(self.layout.segments) if self._counts[i]), None)
            self._format = self._resolve(None if first is None else self.stored(first))
        return self._format

    def _resolve(self, data: bytes | None) -> TileFormat:
        form = dataclasses.replace(self.layout.format, tables=self._tables)
        if form.codec is not Codec.JPEG or data is None:
            return form
        header = parse_header(merge_tables(data, self._tables))
        return dataclasses.replace(
            form,
            photometric=stream_photometric(header, form.photometric),
            subsampling=header.subsampling if header.components == 3 else None,
            lossless=header.lossless,
        )

    def segment(self, index: int) -> Pixels | None:
        """Return a decoded tile or strip of full width, None where nothing is stored."""
        data = self.stored(index)
        if data is None:
            return None
        layout = self.layout
        height = layout.tile_height
        if not layout.tiled:
            row = index % layout.rows
            height = min(height, layout.height - row * height)
        bands = 1 if layout.planar else layout.bands
        if self._direct:
            tile = decode_tile(data, self.format, (height, layout.tile_width))
        else:
            tile = self._decode_otherwise(data, index)
        tile = fit_tile(tile, (height, layout.tile_width, bands))
        return tile if layout.scale == 1 and not layout.inverted else self._to_gray(tile)

    def _decode_otherwise(self, data: bytes, index: int) -> Pixels:
        try:
            tile, _, _ = self.layout.fallback(data, index, jpegtables=self._tables)
        except Exception as error:  # every codec has error classes of its own
            raise CorruptSourceError(
                f"{self._source.url}: a tile of TIFF compression "
                f"{self.layout.format.tiff_compression} can't be decoded: {error}"
            ) from error
        return np.asarray(tile)[0]

    def _to_gray(self, tile: Pixels) -> Pixels:
        """Widen few bits to eight, and turn "zero is white" round."""
        layout = self.layout
        tile = tile.astype(layout.dtype)
        if layout.scale != 1:
            tile *= layout.scale
        if layout.inverted:
            bits = layout.format.bits
            top = 255 if layout.scale != 1 else (1 << bits) - 1
            tile = (top - tile).astype(layout.dtype)
        return tile

    def read(self, rect: Rect) -> Pixels:
        """Return a rectangle, wholly inside the page, as (height, width, bands)."""
        layout = self.layout
        whole = cell_rect(0, 0, layout.tile_width, layout.tile_height)
        if (rect.width, rect.height) == (whole.width, whole.height) and not layout.planar:
            column, x = divmod(rect.x, layout.tile_width)
            row, y = divmod(rect.y, layout.tile_height)
            if not x and not y:
                tile = self.segment(row * layout.columns + column)
                if tile is not None:
                    return tile if tile.flags.writeable else tile.copy()
        out = np.empty((rect.height, rect.width, layout.bands), layout.dtype)
        for column, row in grid_cells(rect, layout.tile_width, layout.tile_height):
            self._paste(out, rect, column, row)
        return out

    def _paste(self, out: Pixels, rect: Rect, column: int, row: int) -> None:
        layout = self.layout
        cell = cell_rect(column, row, layout.tile_width, layout.tile_height)
        part = cell.intersect(rect)
        target = out[part.y - rect.y : part.bottom - rect.y, part.x - rect.x : part.right - rect.x]
        source = (
            slice(part.y - cell.y, part.bottom - cell.y),
            slice(part.x - cell.x, part.right - cell.x),
        )
        index = row * layout.columns + column
        if not layout.planar:
            tile = self.segment(index)
            target[:] = self._fill if tile is None else tile[source]
            return
        for band in range(layout.bands):
            tile = self.segment(index + band * layout.columns * layout.rows)
            if tile is None:
                fill = np.broadcast_to(np.asarray(self._fill), (layout.bands,))
                target[..., band] = fill[band]
            else:
                target[..., band] = tile[*source, 0]

    def is_blank(self, rect: Rect) -> bool:
        """Return True where no tile of a rectangle is stored."""
        layout = self.layout
        grid = layout.columns * layout.rows
        planes = range(layout.bands if layout.planar else 1)
        return not any(
            self._counts[index := row * layout.columns + column + plane * grid]
            and self._offsets[index]
            for column, row in grid_cells(rect, layout.tile_width, layout.tile_height)
            for plane in planes
        )

    def encoded(self) -> EncodedLevel | None:
        """Return the page as a grid of encoded tiles, None where it isn't one."""
        layout = self.layout
        if not layout.verbatim or layout.format.codec is Codec.OTHER:
            return None
        columns = layout.columns

        def tile(column: int, row: int) -> bytes | None:
            return self.stored(row * columns + column)

        return EncodedLevel(
            format=self.format,
            width=layout.width,
            height=layout.height,
            tile_width=layout.tile_width,
            tile_height=layout.tile_height,
            columns=columns,
            rows=layout.rows,
            tile=tile,
        )
