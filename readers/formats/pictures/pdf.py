"""Pages of a PDF through PDFium, as pypdfium2 brings it.

A page is a picture of 300 pixels an inch on white. Each ÷2 level is drawn anew, at its own
resolution, and only what is asked for is drawn, so that no size that a file claims costs memory.
Pages are frames; where they differ in size, all have room for the largest.

PDFium must not be called by two threads at once: one lock holds for the process.
"""

import math
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.io.fork import PerProcess
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.geometry import Rect, level_sizes
from ziggurat.readers.model.image import Axis, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Plane, Reader

if TYPE_CHECKING:
    import pypdfium2

DPI = 300
_POINTS = 72  # to the inch
_TILE = 1024  # a page is parsed for each rectangle: large ones are drawn faster
_SMALLEST = 256
_LARGEST_SIDE = 1 << 20
_MOST_PAGES = 100_000
_MOST_BYTES = 256 * 1024 * 1024
_STRIP_PIXELS = 16 << 20
_MOST_SECONDS = 3  # of a processor, a rectangle; a forged picture in a page may take for ever

_lock = PerProcess(threading.Lock)  # in a fork, another thread of the parent may have held it


class PdfReader(Reader):
    """The pages of one document."""

    def __init__(self, url: str, data: bytes) -> None:
        self._url = url
        with _lock():
            self._document: pypdfium2.PdfDocument = _open(url, data)
            sizes = _page_sizes(url, self._document)
        width, height = (math.ceil(max(sides)) for sides in zip(*sizes, strict=True))
        if max(width, height) > _LARGEST_SIDE:
            raise CorruptSourceError(f"{url} claims a page of {width} x {height} pixels")
        levels = level_sizes(width, height, _SMALLEST)
        self._sizes = sizes
        self._page: tuple[int, Any] | None = None  # the one that was drawn last: parsed already
        self.info = ImageInfo(
            format="pdf",
            levels=tuple(Level(w, h, min(w, _TILE), min(h, _TILE)) for w, h in levels),
            bands=3,
            dtype=np.dtype(np.uint8),
            interpretation=Interpretation.RGB,
            axes=(Axis("page", len(sizes)),) if len(sizes) > 1 else (),
            background=(255, 255, 255),
            internal={"pdf": {"pages": len(sizes), "dpi": DPI, "sizes": sizes}},
        )

    def plane(self, level: int, frame: int) -> Plane:
        """Return a page at a scale."""
        return _PagePlane(self, level, frame)

    def draw(self, level: int, frame: int, rect: Rect) -> Pixels:
        """Return a part of a page, white where there is none."""
        out = np.full((rect.height, rect.width, 3), 255, np.uint8)
        scale = 0.5**level
        width, height = (math.ceil(side * scale) for side in self._sizes[frame])
        part = rect.intersect(Rect(0, 0, width, height))
        rows = max(1, _STRIP_PIXELS // max(1, part.width))
        for top in range(part.y, part.bottom, rows):
            strip = Rect(part.x, top, part.width, min(rows, part.bottom - top))
            x, y = strip.x - rect.x, strip.y - rect.y
            place = out[y : y + strip.height, x : x + strip.width]
            place[...] = self._drawn(frame, strip, scale)
        return out

    def _drawn(self, frame: int, rect: Rect, scale: float) -> Pixels:
        """Return what PDFium draws of a rectangle of a page."""
        with _lock():
            if self._document is None:
                raise SourceError(f"{self._url} is closed")
            try:
                if self._page is None or self._page[0] != frame:
                    self._page = frame, self._document[frame]
                return _draw(self._page[1], rect, scale * DPI / _POINTS)
            except (RuntimeError, ValueError) as error:
                raise CorruptSourceError(
                    f"{self._url}: page {frame + 1} can't be drawn: {error}"
                ) from error

    def close(self) -> None:
        """Let go of the document."""
        with _lock():
            document, self._document, self._page = self._document, None, None
            if document is not None:
                document.close()


class _PagePlane(DecodedPlane):
    __slots__ = ("_frame", "_level", "_pages")

    def __init__(self, pages: PdfReader, level: int, frame: int) -> None:
        self._pages, self._level, self._frame = pages, level, frame

    def read(self, rect: Rect) -> Pixels:
        return self._pages.draw(self._level, self._frame, rect)


def _open(url: str, data: bytes) -> "pypdfium2.PdfDocument":
    try:
        import pypdfium2
    except ImportError as error:
        raise UnsupportedFormatError(
            "PDFs need a package that is not installed: pip install 'ziggurat[pdf]'"
        ) from error
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise CorruptSourceError(f"{url} is damaged, or needs a password: {error}") from error


def _page_sizes(url: str, document: "pypdfium2.PdfDocument") -> list[tuple[float, float]]:
    """Return the size of each page in pixels of the full resolution."""
    count = len(document)
    if not 0 < count <= _MOST_PAGES:
        raise CorruptSourceError(f"{url} has {count} pages; 1 to {_MOST_PAGES} can be read")
    sizes = []
    for number in range(count):
        try:
            width, height = document.get_page_size(number)
        except RuntimeError as error:
            raise CorruptSourceError(f"{url}: page {number + 1}: {error}") from error
        if not (0 < width < math.inf and 0 < height < math.inf):
            raise CorruptSourceError(f"{url}: page {number + 1} has no size")
        sizes.append((width * DPI / _POINTS, height * DPI / _POINTS))
    return sizes


def _draw(page: "pypdfium2.PdfPage", rect: Rect, scale: float) -> Pixels:
    """Draw a part of a page; ``scale`` is pixels a point. Ends when its time is up."""
    from pypdfium2 import PdfBitmap, raw

    width, height = (math.ceil(side * scale) for side in page.get_size())
    bitmap = PdfBitmap.new_native(rect.width, rect.height, raw.FPDFBitmap_BGR, rev_byteorder=True)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, rect.width, rect.height)
    end = time.thread_time() + _MOST_SECONDS
    pause = raw.IFSDK_PAUSE(version=1)
    asked = type(pause.NeedToPauseNow)(lambda _: time.thread_time() > end)
    pause.NeedToPauseNow = asked
    flags = raw.FPDF_ANNOT | raw.FPDF_REVERSE_BYTE_ORDER
    try:
        state = raw.FPDF_RenderPageBitmap_Start(
            bitmap, page, -rect.x, -rect.y, width, height, 0, flags, pause
        )
    finally:
        raw.FPDF_RenderPage_Close(page)
    pixels = np.array(bitmap.to_numpy())
    bitmap.close()
    if state != raw.FPDF_RENDER_DONE:
        paused = state == raw.FPDF_RENDER_TOBECONTINUED
        raise ValueError(
            f"it takes more than {_MOST_SECONDS} s of a processor" if paused else "it is damaged"
        )
    return pixels


def open_reader(location: Location) -> PdfReader:
    """Open a document.

    Raises
    ------
    UnsupportedFormatError
        Not a PDF, or pypdfium2 is not installed.
    CorruptSourceError
        Damaged, or locked with a password.
    SourceError
        Too large to be held in memory.
    """
    if location.is_directory or not location.head.startswith(b"%PDF-"):
        raise UnsupportedFormatError("not a PDF")
    source = location.open_bytes()
    if source.size > _MOST_BYTES:
        raise SourceError(f"{location.url}: {source.size} bytes are too many for a PDF")
    return PdfReader(location.url, source.read(0, source.size))
