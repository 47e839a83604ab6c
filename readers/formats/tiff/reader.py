"""The TIFF family: plain pyramids, OME-TIFF, GeoTIFF and slides of vendors who use TIFF.

tifffile reads the structure, once; pixels are then read by position and decoded tile by
tile, without locks, so that threads and forked processes share one open reader.
"""

import contextlib
import dataclasses
import logging
import re
from collections.abc import Mapping

import numpy as np
import tifffile

from ziggurat.readers.codecs.segment_cache import SHARED
from ziggurat.readers.errors import (
    CorruptSourceError,
    LeftToOthersError,
    SourceError,
    UnsupportedFormatError,
)
from ziggurat.readers.formats.tiff.associated import find_associated
from ziggurat.readers.formats.tiff.info import image_info
from ziggurat.readers.formats.tiff.kinds import find_kind, find_structure
from ziggurat.readers.formats.tiff.likeness import find_strangers, without_strangers
from ziggurat.readers.formats.tiff.pages.layout import SegmentLayout
from ziggurat.readers.formats.tiff.pages.plane import AbsentPage, MissingPage, Substitute
from ziggurat.readers.formats.tiff.pages.structure import TiffStructure, held
from ziggurat.readers.formats.tiff.planes import first_page, frame_layout, level_layout, make_plane
from ziggurat.readers.formats.tiff.unheeded import (
    ORIENTATION,
    not_turned,
    of_single_pages,
    unheeded,
)
from ziggurat.readers.formats.tiff.vendors.kind import TiffKind
from ziggurat.readers.formats.tiff.vendors.ome import companion_xml, mended_xml
from ziggurat.readers.io.bytes import ByteFile, ByteSource
from ziggurat.readers.io.location import Location
from ziggurat.readers.io.siblings import SiblingFiles, source_of
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import AssociatedImage, Pixels, Plane, Reader
from ziggurat.readers.views.channels import BandsTogether
from ziggurat.readers.views.turned import ORIENTATIONS, TurnedReader

# tifffile tells of every oddity of a file through logging; ours to judge, not the terminal's.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class TiffReader(Reader):
    """One opened TIFF."""

    def __init__(
        self,
        source: ByteSource,
        info: ImageInfo,
        structure: TiffStructure,
        layouts: list[SegmentLayout],
        associated: dict[str, AssociatedImage],
        kind: TiffKind,
    ) -> None:
        self.info = info
        self._source = source
        self.structure = structure
        self._layouts = layouts
        self._associated = associated
        self._kind = kind
        self._planes: dict[tuple[int, int], Plane] = {}
        self._siblings = SiblingFiles()
        pages = (page for level in structure.levels for page in level if page is not None)
        self.scattered = any(page.path is not None for page in pages)
        self._fill = np.asarray(info.background or 0, dtype=info.dtype)

    @property
    def described(self) -> Mapping[str, object]:
        """What a file of ours says of itself; of others, nothing."""
        embedded = self.structure.embedded
        return {} if embedded is None else embedded.facts

    def plane(self, level: int, frame: int) -> Plane:
        """Return a page's pixels; made on first use."""
        key = level, frame
        plane = self._planes.get(key)
        if plane is None:
            plane = self._planes[key] = self._make(level, frame)
        return plane

    def _make(self, level: int, frame: int) -> Plane:
        pages = self.structure.levels[level]
        page = pages[frame]
        if page is None:
            if frame not in self.structure.absent:
                return MissingPage(self._blank)
            return AbsentPage(
                f"{self._source.url}: frame {frame} is in {self.structure.absent[frame]!r}, a "
                "file of the same set, which isn't there beside it"
            )
        substitute: Substitute = self._blank
        if level and self._kind.missing_tiles is not None:
            substitute = self._kind.missing_tiles(self.info, self._read, level, frame)
        layout = frame_layout(self._layouts[level], first_page(pages), page)
        source = source_of(page.path, self._source, self._siblings)
        return make_plane(source, page, layout, substitute, SHARED, self._kind.segments)

    def _read(self, level: int, frame: int, rect: Rect) -> Pixels:
        return self.plane(level, frame).read(rect)

    def _blank(self, part: Rect) -> Pixels:
        """Return what missing tiles show."""
        return np.broadcast_to(self._fill, (part.height, part.width, self.info.bands))

    def strangers(self) -> frozenset[int]:
        """Return the levels that nothing calls so, and that show another picture."""
        return find_strangers(self._read, self.info.levels, self.structure.unsure)

    def associated(self, name: str) -> AssociatedImage:
        """Return an associated image."""
        return self._associated[name]

    def close(self) -> None:
        """Close the file, and the others that belong to it."""
        self._source.close()
        self._siblings.close()


def _open_tiff(
    location: Location, source: ByteSource, omexml: str | None = None
) -> tifffile.TiffFile:
    if location.path is not None:
        return tifffile.TiffFile(location.path, omexml=omexml)
    return tifffile.TiffFile(ByteFile(source), name=location.name, omexml=omexml)


def _alike(structure: TiffStructure, kind: TiffKind) -> tuple[TiffStructure, list[SegmentLayout]]:
    """Return the layouts of the levels, without levels of other bands or samples than the first."""
    ours = structure.embedded is not None
    layouts = [level_layout(pages, kind.segments, truth=ours) for pages in structure.levels]
    samples = layouts[0].bands, layouts[0].dtype
    good = [index for index, one in enumerate(layouts) if (one.bands, one.dtype) == samples]
    levels = tuple(structure.levels[index] for index in good)
    unsure = frozenset(place for place, index in enumerate(good) if index in structure.unsure)
    structure = dataclasses.replace(structure, levels=levels, unsure=unsure)
    return structure, [layouts[index] for index in good]


def _parse(location: Location, source: ByteSource) -> Reader:
    with contextlib.ExitStack() as stack:
        tif = stack.enter_context(_open_tiff(location, source))
        if len(tif.pages) == 0:
            raise CorruptSourceError(
                f"{location.url} is cut short: its {source.size:,} bytes end before the table of "
                "its first page; get the file anew"
            )
        description = tif.pages.first.description
        xml = companion_xml(location, description) if tif.is_ome else mended_xml(description)
        if xml is not None:
            tif = stack.enter_context(_open_tiff(location, source, xml))
        return _assembled(tif, source)


def _reader(source: ByteSource, structure: TiffStructure, kind: TiffKind) -> TiffReader:
    structure, layouts = _alike(structure, kind)
    associated = find_associated(structure, source, kind.segments)
    info = image_info(structure, layouts, tuple(associated), kind)
    return TiffReader(source, info, structure, layouts, associated, kind)


def _assembled(tif: tifffile.TiffFile, source: ByteSource) -> Reader:
    """Return the reader of an opened TIFF.

    Raises
    ------
    LeftToOthersError
        Its pixels can't be read here; the error says what others must give.
    """
    try:
        kind = find_kind(tif)
        reader = _reader(source, find_structure(tif, kind), kind)
        for level in range(len(reader.info.levels)):  # damage in tables or first tiles is said now
            reader.plane(level, 0).encoded()
        strangers = reader.strangers()
        if strangers:
            structure = without_strangers(reader.structure, strangers)
            reader = _reader(source, structure, kind)
    except LeftToOthersError:
        raise
    except UnsupportedFormatError as error:
        raise LeftToOthersError(str(error), held(tif), unheeded(tif)) from error
    if kind.turned and len(tif.pages) > 1:
        lost = of_single_pages(tif, reader.structure.page)
        reader.info = dataclasses.replace(reader.info, losses=(*reader.info.losses, *lost))
    if reader.described.get("bands_apart"):
        return BandsTogether(reader, reader.described)
    return _turned(reader, kind)


def _turned(reader: TiffReader, kind: TiffKind) -> Reader:
    """Return an image as its orientation tag says, or say that this is not done."""
    orientation = reader.structure.page.tags.valueof(ORIENTATION)
    if orientation not in ORIENTATIONS:
        return reader
    if kind.turned:
        return TurnedReader(reader, orientation)
    loss = not_turned(orientation)
    reader.info = dataclasses.replace(reader.info, losses=(*reader.info.losses, loss))
    return reader


def open_reader(location: Location) -> Reader:
    """Open a TIFF.

    Raises
    ------
    UnsupportedFormatError
        Not a TIFF, or one that other readers know better.
    CorruptSourceError
        A TIFF, but damaged.
    """
    if location.head[:4] not in _MAGICS:
        raise UnsupportedFormatError(f"{location.url} is not a TIFF")
    source = location.open_bytes()
    try:
        return _parse(location, source)
    except SourceError:
        source.close()
        raise
    except Exception as error:  # damaged files make tifffile raise whatever comes
        source.close()
        kinds = re.findall(r"\d+", str(error.__context__))
        if str(error.__context__).endswith("is not a valid SAMPLEFORMAT") and len(kinds) > 1:
            raise LeftToOthersError(
                f"bands of several kinds of samples (TIFF sample formats {', '.join(kinds)}) are "
                "not supported",
                {"sample type": "several kinds"},
            ) from error
        raise CorruptSourceError(f"{location.url} is a damaged TIFF: {error}") from error
