"""Images beside the image: label, macro, thumbnail and whatever else a TIFF carries."""

import contextlib
import re

import numpy as np

from ziggurat.readers.codecs.decode import decode_tile
from ziggurat.readers.codecs.jpeg_stream import (
    join_strips,
    merge_tables,
    parse_header,
    stream_photometric,
    with_adobe_marker,
)
from ziggurat.readers.errors import SourceError, UnsupportedFormatError
from ziggurat.readers.formats.tiff.pages.layout import SegmentLayout
from ziggurat.readers.formats.tiff.pages.plane import PageReader
from ziggurat.readers.formats.tiff.pages.structure import AssociatedPage, PageData, TiffStructure
from ziggurat.readers.formats.tiff.planes import layout_of, make_plane
from ziggurat.readers.formats.tiff.vendors.kind import Segments
from ziggurat.readers.io.bytes import ByteSource
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedImage, Photometric, StoredPage, TileFormat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import AssociatedImage, Pixels

_KNOWN = ("label", "macro", "thumbnail", "overview", "map")
_LARGEST_PIXELS = 1 << 27  # what is larger is a picture of its own, not one beside another
_TIFF_PAGE_NAME = 285


class StreamImage(AssociatedImage):
    """One whole JPEG that was found in a description."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._header = parse_header(data)

    def read(self) -> Pixels:
        """Return the pixels as (y, x, band)."""
        header = self._header
        space = stream_photometric(header, Photometric.YCBCR)
        form = TileFormat(Codec.JPEG, space, header.components, header.bits, "uint8")
        return decode_tile(self._data, form)

    def encoded(self) -> EncodedImage:
        """Return the stream."""
        return EncodedImage(Codec.JPEG, self._header.width, self._header.height, self._data)

    def stored(self) -> None:
        """Return None: it has no page."""


class PageImage(AssociatedImage):
    """One page of a file."""

    def __init__(
        self,
        source: ByteSource,
        page: PageData,
        layout: SegmentLayout,
        segments: Segments | None = None,
    ) -> None:
        self._source = source
        self._page = page
        self._layout = layout
        self._segments = segments

    def _plane(self) -> PageReader:
        return make_plane(
            self._source, self._page, self._layout, self._white, segments=self._segments
        )

    def _white(self, part: Rect) -> Pixels:
        layout = self._layout
        top = 255 if layout.dtype == np.uint8 else 0
        return np.full((part.height, part.width, layout.bands), top, layout.dtype)

    def read(self) -> Pixels:
        """Return the pixels as (y, x, band)."""
        return self._plane().read(Rect(0, 0, self._layout.width, self._layout.height))

    def encoded(self) -> EncodedImage | None:
        """Return the image as one complete JPEG, None where it isn't stored as JPEG.

        Strips are joined by restart markers: their coefficients stay as they are.
        """
        plane = self._plane()
        layout, form = plane.layout, plane.format
        one = layout.columns == 1 and not (layout.planar or layout.rule.changes)
        if form.codec is not Codec.JPEG or not one or form.bits != 8 or form.bands not in (1, 3):
            return None
        stored = [plane.stored(index) for index in range(layout.segments)]
        parts = [merge_tables(data, form.tables) for data in stored if data is not None]
        if len(parts) != layout.segments or (layout.tiled and len(parts) > 1):
            return None
        data = parts[0] if len(parts) == 1 else join_strips(parts, layout.height)
        if data is None:
            return None
        if form.photometric is Photometric.RGB:
            data = with_adobe_marker(data, form.photometric)
        return EncodedImage(Codec.JPEG, layout.width, layout.height, data)

    def stored(self) -> StoredPage | None:
        """Return the page's strips or tiles.

        None where a page with the same tags would not show the same: few bits, palettes, a
        plane for each band, samples in an order of their own.
        """
        if self._segments is not None and self._segments.cuts(self._page):
            return None
        plane = self._plane()
        layout, form = plane.layout, plane.format
        rule = layout.rule
        odd = layout.planar or rule.scale != 1 or rule.space or rule.premultiplied_by is not None
        odd = odd or form.photometric is Photometric.PALETTE
        if form.codec is Codec.OTHER or odd or form.bits != 8 * layout.dtype.itemsize:
            return None
        parts = (plane.stored(index) for index in range(layout.segments))
        segments = tuple(data for data in parts if data is not None)
        if len(segments) != layout.segments:
            return None
        return StoredPage(
            format=form,
            width=layout.width,
            height=layout.height,
            segment_width=layout.tile_width,
            segment_height=min(layout.tile_height, layout.height),
            tiled=layout.tiled,
            inverted=layout.rule.inverted,
            extra_samples=tuple(int(kind) for kind in self._page.keyframe.extrasamples),
            segments=segments,
        )


def _known_name(beside: AssociatedPage) -> str | None:
    """Return the usual name that a page gives itself, in its name or few words of description."""
    if beside.page is None:
        return None
    page = beside.page.keyframe
    for text in (beside.name, page.description, page.tags.valueof(_TIFF_PAGE_NAME)):
        words = re.findall(r"[a-z]+", str(text or "").lower()[:4096])
        for name in _KNOWN:
            if name in words[:1] or (len(words) < 12 and name in words):
                return name
    return None


def _associated(
    beside: AssociatedPage, source: ByteSource, segments: Segments | None, *, truth: bool
) -> AssociatedImage:
    if beside.page is not None:
        layout = layout_of(beside.page, segments, truth=truth)
        if layout.width * layout.height > _LARGEST_PIXELS:
            raise UnsupportedFormatError(f"{layout.width} x {layout.height} pixels beside an image")
        return PageImage(source, beside.page, layout, segments)
    return StreamImage(beside.stream or b"")


def find_associated(
    structure: TiffStructure, source: ByteSource, segments: Segments | None
) -> dict[str, AssociatedImage]:
    """Return the associated images of a file by name.

    Names are the ones that their kind of file gives; a page that says nothing is
    ``image1``, ``image2`` ….
    """
    found: dict[str, AssociatedImage] = {}
    for number, beside in enumerate(structure.associated, 1):
        name = beside.name or _known_name(beside) or f"image{number}"
        if structure.embedded is None:  # ours are called what their writer called them
            name = name.lower()
        while name in found:
            name += "2"
        # An image beside the image that nobody can read is no reason to refuse the image.
        with contextlib.suppress(SourceError):
            found[name] = _associated(
                beside, source, segments, truth=structure.embedded is not None
            )
    return found
