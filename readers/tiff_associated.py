"""Images beside the image: label, macro, thumbnail and whatever else a TIFF carries."""

import contextlib
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from ziggurat.readers.bytesource import ByteSource
from ziggurat.readers.encoded import Codec, EncodedImage, Photometric
from ziggurat.readers.errors import SourceError
from ziggurat.readers.geometry import Rect
from ziggurat.readers.jpeg_stream import merge_tables, with_adobe_marker
from ziggurat.readers.reader import Pixels
from ziggurat.readers.tiff_layout import SegmentLayout
from ziggurat.readers.tiff_pages import layout_of, make_plane
from ziggurat.readers.tiff_plane import Plane
from ziggurat.readers.tiff_structure import PageData, Structure, page_data

_KNOWN = ("label", "macro", "thumbnail", "overview", "map")
_LARGEST_BYTES = 1 << 30


@dataclass(frozen=True)
class Associated:
    """One associated image."""

    page: PageData
    layout: SegmentLayout

    def _plane(self, source: ByteSource) -> Plane:
        layout = self.layout
        if layout.width * layout.height * layout.bands * layout.dtype.itemsize > _LARGEST_BYTES:
            raise SourceError(
                f"an associated image of {layout.width} x {layout.height} pixels is too large"
            )
        return make_plane(source, self.page, layout, self._white)

    def _white(self, part: Rect) -> Pixels:
        layout = self.layout
        top = 255 if layout.dtype == np.uint8 else 0
        return np.full((part.height, part.width, layout.bands), top, layout.dtype)

    def read(self, source: ByteSource) -> Pixels:
        """Return the pixels as (y, x, band)."""
        plane = self._plane(source)
        return plane.read(Rect(0, 0, plane.layout.width, plane.layout.height))

    def encoded(self, source: ByteSource) -> EncodedImage | None:
        """Return the image as one complete JPEG, None where it isn't stored as one."""
        plane = self._plane(source)
        layout = plane.layout
        if layout.format.codec is not Codec.JPEG or layout.segments != 1 or layout.inverted:
            return None
        form, data = plane.format, plane.stored(0)
        if data is None or form.bits != 8 or form.bands not in (1, 3):
            return None
        data = merge_tables(data, form.tables)
        if form.photometric is Photometric.RGB:
            data = with_adobe_marker(data, form.photometric)
        return EncodedImage(Codec.JPEG, layout.width, layout.height, data)


def _name_of(series: Any) -> str | None:
    """Return the name that a page gives itself, where it is one of the known ones."""
    page = series.keyframe
    texts = (series.name, page.description, str(page.tags.valueof(285) or ""))
    for text in texts:
        words = re.findall(r"[a-z]+", text.lower()[:4096])
        for name in _KNOWN:
            if name in words[:1] or (len(words) < 12 and name in words):
                return name
    return None


def _aperio_name(page: Any) -> str | None:
    """Return the first word of an Aperio page's second line, as OpenSlide names it."""
    lines = page.description.splitlines()
    word = lines[1].split(" ")[0].lower() if len(lines) > 1 and lines[1] else ""
    return word if word.isalpha() else None


def _associated(page: PageData) -> Associated:
    return Associated(page, layout_of(page))


def find_associated(structure: Structure) -> dict[str, Associated]:
    """Find the associated images of a file by what its kind calls them."""
    found: dict[str, Associated] = {}
    for number, series in enumerate(structure.others, 1):
        name = _name_of(series)
        if structure.kind == "svs":
            name = _aperio_name(series.keyframe) or series.name.lower()
        name = name or (series.name.lower() if series.kind not in ("ome",) else None)
        name = name or f"image{number}"
        while name in found:
            name += "2"
        page = next((p for p in series if p is not None), None)
        if page is None:
            continue
        # An image beside the image that nobody can read is no reason to refuse the image.
        with contextlib.suppress(SourceError):
            found[name] = _associated(page_data(page))
    return found
