"""Philips iSyntax, by pyisyntax (libisyntax), an extra."""

import importlib.util
from typing import Any

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.fenced.fence import FencedReader
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels, Reader

_WHITE = 255


def open_reader(location: Location) -> Reader:
    """Open an iSyntax slide.

    Raises
    ------
    UnsupportedFormatError
        pyisyntax is not installed.
    CorruptSourceError, SourceError
        It is damaged; the library died of it, or does not answer.
    """
    assert location.path is not None, "read locally only"
    if importlib.util.find_spec("isyntax") is None:
        raise UnsupportedFormatError("needs pyisyntax: pip install 'ziggurat[isyntax]'")
    return FencedReader(__name__, location.path)


def open_image(path: str) -> "IsyntaxImage":
    """Open a slide, in the process that is for it."""
    from isyntax import ISyntax

    return IsyntaxImage(ISyntax.open(path))


class IsyntaxImage:
    """A slide of the library's, as the fence asks for it."""

    def __init__(self, slide: Any) -> None:
        self._slide = slide
        self._pictures = {
            name: bytes(data)
            for name, data in (
                ("label", slide.read_label_image_jpeg()),
                ("macro", slide.read_macro_image_jpeg()),
            )
            if data
        }
        profile = slide.read_icc_profile()
        self.info = ImageInfo(
            format="isyntax",
            levels=tuple(
                Level(int(width), int(height), int(slide.tile_width), int(slide.tile_height))
                for width, height in slide.level_dimensions
            ),
            bands=3,
            dtype=np.dtype(np.uint8),
            interpretation=Interpretation.RGB,
            mm_x=_millimetres(slide.mpp_x),
            mm_y=_millimetres(slide.mpp_y),
            icc_profile=bytes(profile) if profile else None,
            associated=tuple(self._pictures),
            background=(_WHITE, _WHITE, _WHITE),
            properties={"philips.barcode": slide.barcode} if slide.barcode else {},
            lossy=True,
        )

    def read(self, level: int, frame: int, rect: Rect) -> Pixels:
        """Return RGB; what the slide has no tiles of is transparent there, and white here."""
        del frame
        found = self._slide.read_region(rect.x, rect.y, rect.width, rect.height, level=level)
        pixels = np.asarray(found)
        return np.where(pixels[..., 3:] == 0, np.uint8(_WHITE), pixels[..., :3])

    def picture(self, name: str) -> Pixels:
        """Return the pixels of label or macro."""
        import cv2  # not before: tiles need none

        pixels = cv2.imdecode(np.frombuffer(self._pictures[name], np.uint8), cv2.IMREAD_COLOR)
        if pixels is None:
            raise CorruptSourceError(f"the picture {name!r} can't be decoded")
        return np.ascontiguousarray(np.asarray(pixels)[..., ::-1])

    def jpeg(self, name: str) -> bytes:
        """Return the stream of label or macro."""
        return self._pictures[name]


def _millimetres(micrometres: float) -> float | None:
    return micrometres / 1000 if 0 < micrometres < float("inf") else None
