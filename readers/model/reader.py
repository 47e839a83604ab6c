"""What a backend must answer. Everything else is written once, on top of this.

A backend is one file with a class derived from :class:`Reader` and a function
``open_reader(location)``, and one row in :mod:`ziggurat.readers.formats.registry`.
"""

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np

from ziggurat.readers.model.encoded import EncodedImage, EncodedLevel, StoredPage, TilePlaces
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo

Pixels = np.ndarray[Any, np.dtype[Any]]  # shape (y, x, band), always three dimensions


class Reader(ABC):
    """One opened image.

    All facts are parsed when it is made; afterwards ``info`` does not change (the one
    exception: the reader of a growing sink takes a fresh one on every look). Every method
    may be called from several threads at once.
    """

    info: ImageInfo
    volatile: bool = False  # pixels may change while it is open: nobody may cache them
    scattered: bool = False  # it lies in other files too: the one opened doesn't tell its state

    @abstractmethod
    def read(self, level: int, frame: int, rect: Rect) -> Pixels:
        """Return the pixels of a rectangle of a stored level.

        Parameters
        ----------
        level
            Index into ``info.levels``.
        frame
            0 … ``info.frames`` - 1.
        rect
            In that level's pixels, wholly inside the level (callers clip).

        Returns
        -------
        array of shape (rect.height, rect.width, info.bands) and dtype ``info.dtype``;
        the caller may write into it.

        Raises
        ------
        CorruptSourceError
            The stored data can't be decoded.
        """

    def view(self, level: int, frame: int, rect: Rect) -> Pixels:
        """Return the same pixels to look at only: where they lie in memory already, no copy."""
        return self.read(level, frame, rect)

    def release(self, level: int, frame: int, rect: Rect) -> None:
        """Hear that these pixels have been looked at and are not wanted again soon.

        Whoever maps a file gives the memory back here. Reading them again is right, but slow.
        """
        del level, frame, rect

    def read_associated(self, name: str) -> Pixels:
        """Return an associated image (label, macro, thumbnail …) as (y, x, band)."""
        raise KeyError(name)

    def encoded(self, level: int, frame: int) -> EncodedLevel | None:
        """Return a stored level as encoded tiles, or None where it isn't a plain tile grid."""
        del level, frame
        return None

    def tile_places(self, level: int, frame: int) -> TilePlaces | None:
        """Return where the bytes of :meth:`encoded`'s tiles lie in a file, None where they don't.

        Whoever changes tiles on the way, or makes them, returns None; so does a view, unless
        it knows that its tiles are those of its source.
        """
        del level, frame
        return None

    def encoded_associated(self, name: str) -> EncodedImage | None:
        """Return an associated image as stored, or None where it must be decoded."""
        del name
        return None

    def stored_associated(self, name: str) -> StoredPage | None:
        """Return an associated image as the strips or tiles of its TIFF page, None where it isn't.

        Whoever changes an associated image returns None.
        """
        del name
        return None

    def is_blank(self, level: int, frame: int, rect: Rect) -> bool:
        """Return True where it is known, without reading pixels, that nothing was ever stored."""
        del level, frame, rect
        return False

    def close(self) -> None:  # noqa: B027  (most backends have nothing to close)
        """Release files; reading afterwards is an error. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
