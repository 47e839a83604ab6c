"""A store's image and its frames, however the store keeps its tiles."""

from abc import abstractmethod
from collections.abc import Sequence

from ziggurat.readers.errors import SourceError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import (
    AssociatedImage,
    DecodedImage,
    DecodedPlane,
    Pixels,
    Plane,
    Reader,
)


class FrameReader(Reader):
    """A store that gives rectangles of its frames, and grows meanwhile."""

    volatile = True

    def plane(self, level: int, frame: int) -> Plane:
        """Return one frame; there is only level 0."""
        if level:
            raise SourceError(f"a store has level 0 only, not {level}")
        return FramePlane(self, frame)

    def associated(self, name: str) -> AssociatedImage:
        """Return an associated image that was added to the sink."""
        if name not in self.info.associated:
            raise KeyError(name)
        return DecodedImage(lambda: self.picture(name))

    @abstractmethod
    def picture(self, name: str) -> Pixels:
        """Return the pixels (y, x, band) of an associated image."""

    @abstractmethod
    def read(self, frame: int, rect: Rect) -> Pixels:
        """Return the pixels (y, x, band) of a rectangle of a frame."""

    @abstractmethod
    def is_blank(self, frame: int, rect: Rect) -> bool:
        """Return True where nothing was laid in a rectangle of a frame."""

    @abstractmethod
    def blanks(self, frame: int, rects: Sequence[Rect]) -> list[bool]:
        """Return the same for each of some rectangles."""


class FramePlane(DecodedPlane):
    """The one level of a frame."""

    __slots__ = ("_frame", "_store")

    def __init__(self, store: FrameReader, frame: int) -> None:
        self._store, self._frame = store, frame

    def read(self, rect: Rect) -> Pixels:
        """Return the pixels of a rectangle."""
        return self._store.read(self._frame, rect)

    def is_blank(self, rect: Rect) -> bool:
        """Return True where nothing was laid in a rectangle."""
        return self._store.is_blank(self._frame, rect)

    def blanks(self, rects: Sequence[Rect]) -> list[bool]:
        """Return the same for each of some rectangles."""
        return self._store.blanks(self._frame, rects)
