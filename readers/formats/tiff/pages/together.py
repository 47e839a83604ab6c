"""Which pages' tiles the native kernel decodes, and where it finds them."""

from ziggurat.readers.codecs.native.kernel import Stream, TileKind, kind_of
from ziggurat.readers.codecs.native.together import TilesTogether
from ziggurat.readers.errors import SourceError
from ziggurat.readers.formats.tiff.pages.layout import SegmentLayout
from ziggurat.readers.formats.tiff.pages.tables import PlainTable, SegmentTable
from ziggurat.readers.io.bytes import LocalBytes
from ziggurat.readers.model.encoded import TileFormat


def tiles_together(
    layout: SegmentLayout, table: SegmentTable, form: TileFormat
) -> TilesTogether | None:
    """Return what decodes a page's tiles many at once, None where each has to be decoded alone."""
    kind = _kind_in(layout, form)
    source = table.source
    if kind is None or not isinstance(source, LocalBytes):
        return None

    def place(index: int) -> Stream | None:
        assert isinstance(table, PlainTable)
        offset, count = found = table.place(index)
        return found if offset and count else None

    def stream(index: int) -> Stream | None:
        try:
            return table.get(index)
        except SourceError:  # said by who reads it again
            return None

    of = place if isinstance(table, PlainTable) else stream
    return TilesTogether(kind, layout.columns, of, source.fileno)


def _kind_in(layout: SegmentLayout, form: TileFormat) -> TileKind | None:
    """Return the kind of a page's tiles.

    Tiles that are kept by their page have none, as a part of one is wanted again soon.
    """
    plain = layout.tiled and not (layout.planar or layout.cached or layout.rule.changes)
    if not plain or layout.bands != form.bands or layout.dtype.name != form.dtype:
        return None
    return kind_of(form, layout.tile_width, layout.tile_height)
