"""What makes a kind of TIFF: one frozen row, made in the vendor's file."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import tifffile

from ziggurat.readers.formats.tiff.pages.layout import SegmentLayout
from ziggurat.readers.formats.tiff.pages.missing import ReadLevel
from ziggurat.readers.formats.tiff.pages.plane import Substitute
from ziggurat.readers.formats.tiff.pages.structure import PageData, TiffStructure
from ziggurat.readers.formats.tiff.pages.tables import SegmentTable
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts
from ziggurat.readers.io.bytes import ByteSource
from ziggurat.readers.model.image import ImageInfo


class Segments(Protocol):
    """Pages that are cut into tiles otherwise than their tags say."""

    def cuts(self, page: PageData) -> bool:
        """Return True for a page of this sort."""
        ...

    def layout(self, layout: SegmentLayout, page: PageData) -> SegmentLayout:
        """Return the layout of such a page, out of that by its tags."""
        ...

    def table(self, source: ByteSource, layout: SegmentLayout, page: PageData) -> SegmentTable:
        """Return its tiles."""
        ...


# What missing tiles of (level, frame) show, made from the image's facts and other levels.
MissingTiles = Callable[[ImageInfo, ReadLevel, int, int], Substitute]


@dataclass(frozen=True, slots=True)
class TiffKind:
    """One kind of TIFF.

    Parameters
    ----------
    name
        What ``getInternalMetadata`` calls it.
    recognises
        True for an opened file of this kind. The first row that recognises a file has it.
    structure
        How its pages are frames, levels and associated images. Whatever it raises but
        :class:`~ziggurat.readers.errors.LeftToOthersError`, the plain chain of pages is read.
    facts
        What its description says.
    missing_tiles
        What tiles that are not stored show; by default the background.
    segments
        How its pages are cut, where their tags don't tell.
    turned
        Its orientation tag is heeded, as it is in plain pictures; elsewhere it is a loss.
    strict
        Its structure is the only one: a file that doesn't fit it is damaged.
    keep_when_deidentified
        Names of its fields (``VENDOR.field``, lower case, ``*`` as wildcard) that are technical:
        they hold nothing about people, and stay. What isn't named here goes.
    """

    name: str
    recognises: Callable[[tifffile.TiffFile], bool]
    structure: Callable[[tifffile.TiffFile], TiffStructure]
    facts: Callable[[TiffStructure], VendorFacts]
    missing_tiles: MissingTiles | None = None
    segments: Segments | None = None
    turned: bool = False
    strict: bool = False
    keep_when_deidentified: tuple[str, ...] = ()


def series_kind(tif: tifffile.TiffFile) -> str:
    """Return the kind whose rules tifffile would try first, without trying them."""
    flagged = (name for name in tifffile.TIFF.SERIES if getattr(tif, f"is_{name}", False))
    return next(flagged, "generic")
