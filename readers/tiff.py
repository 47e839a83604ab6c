"""The TIFF family: plain pyramids, OME-TIFF, GeoTIFF and slides of vendors who use TIFF.

tifffile reads the structure, once; pixels are then read by position and decoded tile by
tile, without locks, so that threads and forked processes share one open reader.
"""

import dataclasses
import logging

import numpy as np
import tifffile

from ziggurat.readers.bytesource import ByteFile, ByteSource
from ziggurat.readers.encoded import EncodedImage, EncodedLevel
from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.geometry import Rect
from ziggurat.readers.image import ImageInfo
from ziggurat.readers.location import Location
from ziggurat.readers.reader import Pixels, Reader
from ziggurat.readers.tiff_associated import Associated, find_associated
from ziggurat.readers.tiff_info import image_info
from ziggurat.readers.tiff_layout import SegmentLayout, check_segments, page_layout
from ziggurat.readers.tiff_plane import Plane
from ziggurat.readers.tiff_structure import PageData, Structure, choose

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
        self._fill = np.asarray(info.background or 0, dtype=info.dtype)

    def _plane(self, level: int, frame: int) -> Plane | None:
        """Return a page's pixels; made on first use, None where the page is missing."""
        key = level, frame
        if key not in self._planes:
            page = self._structure.levels[level][frame]
            made = None if page is None else self._make(page, self._layouts[level])
            self._planes[key] = made
        return self._planes[key]

    def _make(self, page: PageData, layout: SegmentLayout) -> Plane:
        if page.plane is None:
            check_segments(layout, page.offsets, page.counts, self._source.size)
            return Plane(self._source, layout, page.offsets, page.counts, page.tables, self._fill)
        size = layout.width * layout.height * layout.bands * layout.dtype.itemsize
        offset = page.offsets[0] + page.plane * size
        return Plane(self._source, layout, (offset,), (size,), None, self._fill)

    def read(self, level: int, frame: int, rect: Rect) -> Pixels:
        """Return the pixels of a rectangle of a stored level."""
        plane = self._plane(level, frame)
        if plane is not None:
            return plane.read(rect)
        shape = (rect.height, rect.width, self.info.bands)
        return np.broadcast_to(self._fill, shape).copy()

    def encoded(self, level: int, frame: int) -> EncodedLevel | None:
        """Return a tiled level as its tiles are stored; None for strips and odd formats."""
        plane = self._plane(level, frame)
        return None if plane is None else plane.encoded()

    def is_blank(self, level: int, frame: int, rect: Rect) -> bool:
        """Return True where all tiles of a rectangle are missing."""
        plane = self._plane(level, frame)
        return plane is None or plane.is_blank(rect)

    def read_associated(self, name: str) -> Pixels:
        """Return an associated image as (y, x, band)."""
        return self._associated[name].read(self._source)

    def encoded_associated(self, name: str) -> EncodedImage | None:
        """Return an associated image as stored, where it is one JPEG."""
        return self._associated[name].encoded(self._source)

    def close(self) -> None:
        """Close the file."""
        self._source.close()


def _open_tiff(location: Location, source: ByteSource) -> tifffile.TiffFile:
    if location.path is not None:
        return tifffile.TiffFile(location.path)
    return tifffile.TiffFile(ByteFile(source), name=location.name)


def _layouts(structure: Structure) -> list[SegmentLayout]:
    layouts = []
    for level in structure.levels:
        page = next((page for page in level if page is not None), None)
        if page is None:
            raise CorruptSourceError("a TIFF level without pages")
        layout = page_layout(page.keyframe)
        if page.plane is not None:
            layout = dataclasses.replace(
                layout,
                tile_width=layout.width,
                tile_height=layout.height,
                columns=1,
                rows=1,
                tiled=False,
            )
        layouts.append(layout)
    return layouts


def _parse(location: Location, source: ByteSource) -> TiffReader:
    with _open_tiff(location, source) as tif:
        if tif.is_trestle or tif.is_bif:
            raise UnsupportedFormatError("slides with overlapping tiles are left to OpenSlide")
        structure = choose(tif)
        if structure.kind == "ndpi":
            raise UnsupportedFormatError("NDPI is left to OpenSlide")
        layouts = _layouts(structure)
        for level, layout in zip(structure.levels, layouts, strict=True):
            page = level[0]
            if page is not None and page.plane is None:
                check_segments(layout, page.offsets, page.counts, source.size)
        associated = find_associated(structure)
        info = image_info(structure, layouts, associated)
        reader = TiffReader(source, info, structure, layouts, associated)
        reader.encoded(0, 0)  # looks into the first tile: what is damaged there is refused now
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
