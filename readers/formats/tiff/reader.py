"""The TIFF family: plain pyramids, OME-TIFF, GeoTIFF and slides of vendors who use TIFF.

tifffile reads the structure, once; pixels are then read by position and decoded tile by
tile, without locks, so that threads and forked processes share one open reader.
"""

import contextlib
import dataclasses
import logging

import numpy as np
import tifffile

from ziggurat.readers.codecs.segment_cache import SHARED
from ziggurat.readers.errors import (
    CorruptSourceError,
    LeftToOthersError,
    SourceError,
    UnsupportedFormatError,
)
from ziggurat.readers.formats.tiff.associated import Associated, find_associated
from ziggurat.readers.formats.tiff.info import image_info
from ziggurat.readers.formats.tiff.kinds import find_structure
from ziggurat.readers.formats.tiff.pages.layout import SegmentLayout
from ziggurat.readers.formats.tiff.pages.plane import Plane, Substitute
from ziggurat.readers.formats.tiff.pages.structure import Structure, held
from ziggurat.readers.formats.tiff.planes import first_page, frame_layout, level_layout, make_plane
from ziggurat.readers.formats.tiff.vendors.aperio import KIND as APERIO
from ziggurat.readers.formats.tiff.vendors.ome import companion_xml
from ziggurat.readers.io.bytes import ByteFile, ByteSource
from ziggurat.readers.io.location import Location
from ziggurat.readers.io.siblings import SiblingFiles, source_of
from ziggurat.readers.model.encoded import EncodedImage, EncodedLevel, StoredPage, TilePlaces
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels, Reader

# tifffile tells of every oddity of a file through logging; ours to judge, not the terminal's.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class TiffReader(Reader):
    """One opened TIFF."""

    def __init__(
        self,
        source: ByteSource,
        info: ImageInfo,
        structure: Structure,
        layouts: list[SegmentLayout],
        associated: dict[str, Associated],
    ) -> None:
        self.info = info
        self._source = source
        self._structure = structure
        self._layouts = layouts
        self._associated = associated
        self._planes: dict[tuple[int, int], Plane | None] = {}
        self._siblings = SiblingFiles()
        pages = (page for level in structure.levels for page in level if page is not None)
        self.scattered = any(page.path is not None for page in pages)
        self._fill = np.asarray(info.background or 0, dtype=info.dtype)

    def _plane(self, level: int, frame: int) -> Plane | None:
        """Return a page's pixels; made on first use, None where the page is missing."""
        key = level, frame
        if key not in self._planes:
            self._planes[key] = self._make(level, frame)
        return self._planes[key]

    def _make(self, level: int, frame: int) -> Plane | None:
        pages = self._structure.levels[level]
        page = pages[frame]
        if page is None:
            return None
        substitute: Substitute = self._blank
        if (
            level and self._structure.kind == APERIO
        ):  # whose small levels lack tiles; OpenSlide does so
            substitute = self._from_above(level, frame)
        layout = frame_layout(self._layouts[level], first_page(pages), page)
        source = source_of(page.path, self._source, self._siblings)
        return make_plane(source, page, layout, substitute, SHARED)

    def _blank(self, part: Rect) -> Pixels:
        """Return what missing tiles show."""
        return np.broadcast_to(self._fill, (part.height, part.width, self.info.bands))

    def _from_above(self, level: int, frame: int) -> Substitute:
        """Return what missing tiles show where the next larger level has the pixels."""
        small, large = self.info.levels[level], self.info.levels[level - 1]
        across, down = large.width / small.width, large.height / small.height

        def draw(part: Rect) -> Pixels:
            import cv2  # few files have such tiles

            left, top = int(part.x * across), int(part.y * down)
            right = min(large.width, round(part.right * across))
            bottom = min(large.height, round(part.bottom * down))
            pixels = self.read(level - 1, frame, Rect(left, top, right - left, bottom - top))
            scaled = cv2.resize(pixels, (part.width, part.height), interpolation=cv2.INTER_AREA)
            return np.asarray(scaled).reshape(part.height, part.width, -1)

        return draw

    def read(self, level: int, frame: int, rect: Rect) -> Pixels:
        """Return the pixels of a rectangle of a stored level."""
        plane = self._plane(level, frame)
        if plane is not None:
            return plane.read(rect)
        if frame in self._structure.absent:
            raise CorruptSourceError(
                f"{self._source.url}: frame {frame} is in {self._structure.absent[frame]!r}, a "
                "file of the same set, which isn't there beside it"
            )
        return self._blank(rect).copy()

    def encoded(self, level: int, frame: int) -> EncodedLevel | None:
        """Return a tiled level as its tiles are stored; None for strips and odd formats."""
        plane = self._plane(level, frame)
        return None if plane is None else plane.encoded()

    def tile_places(self, level: int, frame: int) -> TilePlaces | None:
        """Return where a tiled level's tiles are in a local file."""
        plane = self._plane(level, frame)
        return None if plane is None else plane.places()

    def is_blank(self, level: int, frame: int, rect: Rect) -> bool:
        """Return True where all tiles of a rectangle are missing."""
        plane = self._plane(level, frame)
        if plane is None:
            return frame not in self._structure.absent
        return plane.is_blank(rect)

    def read_associated(self, name: str) -> Pixels:
        """Return an associated image as (y, x, band)."""
        return self._associated[name].read(self._source)

    def encoded_associated(self, name: str) -> EncodedImage | None:
        """Return an associated image as stored, where it is one JPEG."""
        return self._associated[name].encoded(self._source)

    def stored_associated(self, name: str) -> StoredPage | None:
        """Return an associated image as its strips or tiles, where a page can be like its own."""
        return self._associated[name].stored(self._source)

    def close(self) -> None:
        """Close the file, and the others that belong to it."""
        self._source.close()
        self._siblings.close()


def _open_tiff(
    location: Location, source: ByteSource, omexml: str | None = None
) -> tifffile.TiffFile:
    if location.path is not None:
        return tifffile.TiffFile(location.path, omexml=omexml)
    return tifffile.TiffFile(ByteFile(source), name=location.name)


def _alike(structure: Structure) -> tuple[Structure, list[SegmentLayout]]:
    """Return the layouts of the levels, without levels of other bands or samples than the first."""
    ours = structure.said is not None
    layouts = [level_layout(pages, truth=ours) for pages in structure.levels]
    kind = layouts[0].bands, layouts[0].dtype
    good = [index for index, one in enumerate(layouts) if (one.bands, one.dtype) == kind]
    levels = tuple(structure.levels[index] for index in good)
    return dataclasses.replace(structure, levels=levels), [layouts[index] for index in good]


def _parse(location: Location, source: ByteSource) -> TiffReader:
    with contextlib.ExitStack() as stack:
        tif = stack.enter_context(_open_tiff(location, source))
        if len(tif.pages) == 0:
            raise CorruptSourceError(
                f"{location.url} is cut short: its {source.size:,} bytes end before the table of "
                "its first page; get the file anew"
            )
        companion = companion_xml(location, tif.pages.first.description) if tif.is_ome else None
        if companion is not None:
            tif = stack.enter_context(_open_tiff(location, source, companion))
        return _assembled(tif, source)


def _assembled(tif: tifffile.TiffFile, source: ByteSource) -> TiffReader:
    """Return the reader of an opened TIFF.

    Raises
    ------
    LeftToOthersError
        Its pixels can't be read here; the error says what others must give.
    """
    try:
        structure, layouts = _alike(find_structure(tif))
        associated = find_associated(structure)
        info = image_info(structure, layouts, tuple(associated))
        reader = TiffReader(source, info, structure, layouts, associated)
        for level in range(len(layouts)):  # what is damaged in tables or first tiles is said now
            reader.encoded(level, 0)
    except LeftToOthersError:
        raise
    except UnsupportedFormatError as error:
        raise LeftToOthersError(str(error), held(tif)) from error
    return reader


def open_reader(location: Location) -> TiffReader:
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
        raise CorruptSourceError(f"{location.url} is a damaged TIFF: {error}") from error
