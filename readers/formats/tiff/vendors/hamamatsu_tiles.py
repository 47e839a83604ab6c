"""Hamamatsu NDPI: one JPEG a level, cut into tiles at its restart markers.

Source: OpenSlide's notes on the format, and T.81 on restart intervals. Tag 65426 gives the
byte where each interval begins.
"""

import dataclasses
import math

from ziggurat.readers.codecs.jpeg_stream import parse_header
from ziggurat.readers.errors import UnsupportedFormatError
from ziggurat.readers.formats.tiff.pages.layout import SegmentLayout
from ziggurat.readers.formats.tiff.pages.structure import PageData
from ziggurat.readers.formats.tiff.pages.tables import RestartTable
from ziggurat.readers.io.bytes import ByteSource
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.geometry import ceil_div, grid_shape

_TILE_PIXELS = 1 << 18
_HIGHEST_TILE = 512
_TIFF_MULTIPLE = 16  # tile sizes of a TIFF are multiples of it


def stack_height(width: int, height: int, block: int) -> int:
    """Return how many intervals of ``width`` x ``block`` pixels make a tile of handy size.

    Tiles are about a quarter of a megapixel, and their height is a multiple of 16.
    """
    least = math.lcm(block, _TIFF_MULTIPLE)
    most = min(_HIGHEST_TILE, ceil_div(height, least) * least)
    wanted = max(least, _TILE_PIXELS // width)
    handy = min(most, 1 << (wanted.bit_length() - 1))
    return max(least, handy // least * least) // block


class IntervalSegments:
    """Pages that are one train of restart intervals, with a table of them."""

    def cuts(self, page: PageData) -> bool:
        """Return True for a page of this sort."""
        return page.keyframe.jpegheader is not None

    def layout(self, layout: SegmentLayout, page: PageData) -> SegmentLayout:
        """Return the layout of a page as tiles of stacked intervals.

        Raises
        ------
        UnsupportedFormatError
            The table of intervals doesn't fit the frame.
        """
        header = parse_header(page.keyframe.jpegheader)
        columns, rows = grid_shape(layout.width, layout.height, header.width, header.mcu[1])
        blocks = ceil_div(layout.width, header.mcu[0])
        uneven = not header.restart_interval or blocks % header.restart_interval
        if uneven or len(page.offsets) < columns * rows or layout.format.codec is not Codec.JPEG:
            raise UnsupportedFormatError(
                f"an NDPI level of {columns} x {rows} restart intervals of "
                f"{header.restart_interval} blocks with a table of {len(page.offsets)}"
            )
        stack = stack_height(header.width, layout.height, header.mcu[1])
        return dataclasses.replace(
            layout,
            tile_width=header.width,
            tile_height=stack * header.mcu[1],
            columns=columns,
            rows=ceil_div(rows, stack),
            tiled=True,
            cached=True,
        )

    def table(self, source: ByteSource, layout: SegmentLayout, page: PageData) -> RestartTable:
        """Return the tiles of a page."""
        header = page.keyframe.jpegheader
        block = parse_header(header).mcu[1]
        return RestartTable(
            source,
            header,
            page.offsets,
            page.counts,
            layout.columns,
            ceil_div(layout.height, block),
            layout.tile_height // block,
        )
