"""From the pages of a structure to planes that can be read."""

import dataclasses

from ziggurat.readers.codecs.segment_cache import SegmentCache
from ziggurat.readers.errors import CorruptSourceError, SourceError
from ziggurat.readers.formats.tiff.pages.layout import SegmentLayout, check_segments, page_layout
from ziggurat.readers.formats.tiff.pages.plane import PageReader, Substitute
from ziggurat.readers.formats.tiff.pages.structure import NONSENSE, PageData
from ziggurat.readers.formats.tiff.pages.tables import PlainTable, SegmentTable
from ziggurat.readers.formats.tiff.vendors.kind import Segments
from ziggurat.readers.io.bytes import ByteSource


def layout_of(
    page: PageData, segments: Segments | None = None, *, truth: bool = False
) -> SegmentLayout:
    """Return the layout of a page: as its tags say, or as its kind of file needs.

    ``truth``: one-bit samples are booleans (in our own files, which have written them so).

    Raises
    ------
    CorruptSourceError, UnsupportedFormatError
        See :func:`ziggurat.readers.formats.tiff.pages.layout.page_layout`.
    """
    if segments is not None and segments.cuts(page):
        return segments.layout(page_layout(page.keyframe, intervals=True), page)
    layout = page_layout(page.keyframe, truth=truth)
    if page.plane is None:
        return layout
    return dataclasses.replace(  # a plane of a contiguous stack is one uncompressed strip
        layout,
        tile_width=layout.width,
        tile_height=layout.height,
        columns=1,
        rows=1,
        tiled=False,
    )


def frame_layout(layout: SegmentLayout, first: PageData, page: PageData) -> SegmentLayout:
    """Return the layout of a frame: that of its level's first one, or of the file that it is in.

    Raises
    ------
    CorruptSourceError
        It differs in size or samples, not only in how they are stored.
    """
    same = page.path == first.path
    if page.keyframe is first.keyframe or (same and page.keyframe.hash == first.keyframe.hash):
        return layout
    try:
        own = page_layout(page.keyframe, fallback=None if same else layout.fallback)
    except NONSENSE as error:  # tags of a later page, which nobody has looked at yet
        if isinstance(error, SourceError):
            raise
        raise CorruptSourceError(f"a page whose tags make no sense: {error}") from error
    if (own.width, own.height, own.bands, own.dtype) != (
        layout.width,
        layout.height,
        layout.bands,
        layout.dtype,
    ):
        raise CorruptSourceError(
            f"a frame of {own.width} x {own.height} pixels, {own.bands} of {own.dtype}, among "
            f"those of {layout.width} x {layout.height}, {layout.bands} of {layout.dtype}"
        )
    return own


def make_plane(
    source: ByteSource,
    page: PageData,
    layout: SegmentLayout,
    substitute: Substitute,
    cache: SegmentCache | None = None,
    segments: Segments | None = None,
) -> PageReader:
    """Return the pixels of a page.

    Raises
    ------
    CorruptSourceError
        Its tables of tiles can't be right.
    """
    table: SegmentTable
    if segments is not None and segments.cuts(page):
        table = segments.table(source, layout, page)
        return PageReader(layout, table, None, substitute, cache)
    offsets, counts = page.offsets, page.counts
    if page.plane is not None:
        size = layout.width * layout.height * layout.bands * layout.dtype.itemsize
        offsets, counts = (offsets[0] + page.plane * size,), (size,)
    check_segments(layout, offsets, counts, source.size)
    return PageReader(layout, PlainTable(source, offsets, counts), page.tables, substitute, cache)


def first_page(pages: tuple[PageData | None, ...]) -> PageData:
    """Return the first page of a level that is there."""
    page = next((page for page in pages if page is not None), None)
    if page is None:
        raise CorruptSourceError("a TIFF level without pages")
    return page


def level_layout(
    pages: tuple[PageData | None, ...], segments: Segments | None, *, truth: bool
) -> SegmentLayout:
    """Return the layout of a level, that its frames share but for how they are stored."""
    return layout_of(first_page(pages), segments, truth=truth)
