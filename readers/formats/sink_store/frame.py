"""A frame of a store's image, however the store keeps its tiles."""

from collections.abc import Sequence
from typing import Protocol

from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import DecodedPlane, Pixels


class ReadsFrames(Protocol):
    """A store that gives rectangles of its frames."""

    def read(self, frame: int, rect: Rect) -> Pixels:
        """Return the pixels (y, x, band) of a rectangle of a frame."""

    def is_blank(self, frame: int, rect: Rect) -> bool:
        """Return True where nothing was laid in a rectangle of a frame."""

    def blanks(self, frame: int, rects: Sequence[Rect]) -> list[bool]:
        """Return the same for each of some rectangles."""


class FramePlane(DecodedPlane):
    """The one level of a frame."""

    __slots__ = ("_frame", "_store")

    def __init__(self, store: ReadsFrames, frame: int) -> None:
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
