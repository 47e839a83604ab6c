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
from ziggurat.readers.formats.tiff.associated import find_associated
from ziggurat.readers.formats.tiff.info import image_info
from ziggurat.readers.formats.tiff.kinds import find_structure
from ziggurat.readers.formats.tiff.pages.layout import SegmentLayout
from ziggurat.readers.formats.tiff.pages.plane import AbsentPage, MissingPage, Substitute
from ziggurat.readers.formats.tiff.pages.structure import Structure, held
from ziggurat.readers.formats.tiff.planes import first_page, frame_layout, level_layout, make_plane
from ziggurat.readers.formats.tiff.vendors.aperio import KIND as APERIO
from ziggurat.readers.formats.tiff.vendors.ome import companion_xml
from ziggurat.readers.io.bytes import ByteFile, ByteSource
from ziggurat.readers.io.location import Location
from ziggurat.readers.io.siblings import SiblingFiles, source_of
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import AssociatedImage, Pixels, Plane, Reader

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
        associated: dict[str, AssociatedImage],
    ) -> None:
        self.info = info
        self._source = source
        self._structure = structure
        self._layouts = layouts
        self._associated = associated
        self._planes: dict[tuple[int, int], Plane] = {}
        self._siblings = SiblingFiles()
        pages = (page for level in structure.levels for page in level if page is not None)
        self.scattered = any(page.path is not None for page in pages)
        self._fill = np.asarray(info.background or 0, dtype=info.dtype)

    def plane(self, level: int, frame: int) -> Plane:
        """Return a page's pixels; made on first use."""
        key = level, frame
        plane = self._planes.get(key)
        if plane is None:
            plane = self._planes[key] = self._make(level, frame)
        return plane

    def _make(self, level: int, frame: int) -> Plane:
        pages = self._structure.levels[level]
        page = pages[frame]
        if page is None:
            if frame not in self._structure.absent:
                return MissingPage(self._blank)
            return AbsentPage(
                f"{self._source.url}: frame {frame} is in {self._structure.absent[frame]!r}, a "
                "file of the same set, which isn't there beside it"
            )
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
            pixels = self.plane(level - 1, frame).read(Rect(left, top, right - left, bottom - top))
            scaled = cv2.resize(pixels, (part.width, part.height), interpolation=cv2.INTER_AREA)
            return np.asarray(scaled).reshape(part.height, part.width, -1)

        return draw

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
        associated = find_associated(structure, source)
        info = image_info(structure, layouts, tuple(associated))
        reader = TiffReader(source, info, structure, layouts, associated)
        for level in range(len(layouts)):  # what is damaged in tables or first tiles is said now
            reader.plane(level, 0).encoded()
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
