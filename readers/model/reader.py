"""What a backend must answer. Everything else is written once, on top of this.

A backend is one file with a class derived from :class:`Reader`, one derived from :class:`Plane`
and a function ``open_reader(location)``, and one row in :mod:`ziggurat.readers.formats.registry`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np

from ziggurat.readers.model.encoded import EncodedImage, EncodedLevel, StoredPage, TilePlaces
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo

Pixels = np.ndarray  # shape (y, x, band), always three dimensions
Part = tuple[int, int, Pixels]  # where in a level (x, y) an array's first pixel lies, and the array


def draw(part: Part, target: Part) -> None:
    """Copy what a target has of a part of the same level, if anything."""
    x, y, pixels = part
    left, top, shown = target
    dx, dy = x - left, y - top
    x0, y0 = max(dx, 0), max(dy, 0)
    x1, y1 = min(dx + pixels.shape[1], shown.shape[1]), min(dy + pixels.shape[0], shown.shape[0])
    if x0 < x1 and y0 < y1:
        shown[y0:y1, x0:x1] = pixels[y0 - dy : y1 - dy, x0 - dx : x1 - dx]


class Plane(ABC):
    """The pixels of one frame at one stored level.

    It is cheap to make and holds no pixels. Every method may be called from several threads at
    once. What changes pixels or tiles on the way derives from this class and has to say all five.
    """

    __slots__ = ()

    @abstractmethod
    def read(self, rect: Rect) -> Pixels:
        """Return the pixels of a rectangle.

        Parameters
        ----------
        rect
            In the level's pixels, wholly inside the level (callers clip).

        Returns
        -------
        array of shape (rect.height, rect.width, info.bands) and dtype ``info.dtype``. One that
        is marked as not writeable lies where the source keeps it: whoever writes, copies it.

        Raises
        ------
        CorruptSourceError
            The stored data can't be decoded.
        """

    @property
    def together(self) -> bool:
        """True where many rectangles are read faster by one :meth:`fill` than one by one."""
        return False

    def fill(self, parts: Sequence[Part], threads: int = 1, shown: Part | None = None) -> None:
        """Fill arrays with the pixels of rectangles.

        Parameters
        ----------
        parts
            Arrays of shape (height, width, bands), which may be parts of larger ones, and the
            places where they lie, as for :meth:`read`. No two arrays share memory.
        threads
            How many may be used where that helps, the caller's among them.
        shown
            One more array, which gets what the others have of it.

        Raises
        ------
        CorruptSourceError
            Some of the stored data can't be decoded. The arrays then hold anything.
        """
        del threads
        for x, y, target in parts:
            target[...] = self.read(Rect(x, y, target.shape[1], target.shape[0]))
            if shown is not None:
                draw((x, y, target), shown)

    @abstractmethod
    def encoded(self) -> EncodedLevel | None:
        """Return the plane as encoded tiles, or None where it isn't a plain tile grid."""

    @abstractmethod
    def places(self) -> TilePlaces | None:
        """Return where the bytes of :meth:`encoded`'s tiles lie in a file, None where they don't.

        Whoever changes tiles on the way, or makes them, returns None.
        """

    @abstractmethod
    def is_blank(self, rect: Rect) -> bool:
        """Return True where it is known, without reading pixels, that nothing was ever stored."""

    def blanks(self, rects: Sequence[Rect]) -> list[bool]:
        """Return :meth:`is_blank` of many rectangles, where one look at the source can tell."""
        return [self.is_blank(rect) for rect in rects]

    @abstractmethod
    def release(self, rect: Rect) -> None:
        """Hear that these pixels have been looked at and are not wanted again soon.

        Whoever maps a file gives the memory back here. Reading them again is right, but slow.
        """


class DecodedPlane(Plane):
    """A plane of which nothing but pixels is known: no tiles, no blanks, nothing to give back."""

    __slots__ = ()

    def encoded(self) -> EncodedLevel | None:
        """Return None: there are no tiles."""
        return None

    def places(self) -> TilePlaces | None:
        """Return None: there are no tiles."""
        return None

    def is_blank(self, rect: Rect) -> bool:
        """Return False: it isn't known."""
        del rect
        return False

    def release(self, rect: Rect) -> None:
        """Nothing is kept."""


class AssociatedImage(ABC):
    """An image beside the image: label, macro, thumbnail."""

    __slots__ = ()

    @abstractmethod
    def read(self) -> Pixels:
        """Return the pixels as (y, x, band).

        Raises
        ------
        CorruptSourceError
            The stored data can't be decoded.
        """

    @abstractmethod
    def encoded(self) -> EncodedImage | None:
        """Return the image as one code stream as stored, or None where it must be decoded."""

    @abstractmethod
    def stored(self) -> StoredPage | None:
        """Return the strips or tiles of its TIFF page, None where it isn't one.

        Whoever changes an associated image returns None.
        """


class DecodedImage(AssociatedImage):
    """An associated image of which nothing but pixels is known; ``read`` makes them."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[], Pixels]) -> None:
        self._read = read

    def read(self) -> Pixels:
        """Return the pixels as (y, x, band)."""
        return self._read()

    def encoded(self) -> EncodedImage | None:
        """Return None: there is no code stream."""
        return None

    def stored(self) -> StoredPage | None:
        """Return None: there is no page."""
        return None


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
    def plane(self, level: int, frame: int) -> Plane:
        """Return the pixels of a frame at a stored level.

        Parameters
        ----------
        level
            Index into ``info.levels``.
        frame
            0 … ``info.frames`` - 1.
        """

    def associated(self, name: str) -> AssociatedImage:
        """Return an associated image, one of ``info.associated``.

        Raises
        ------
        KeyError
            There is none of that name.
        """
        raise KeyError(name)

    def close(self) -> None:  # noqa: B027  (most backends have nothing to close)
        """Release files; reading afterwards is an error. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
