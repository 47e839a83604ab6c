"""An image of an array whose every answer a test may change."""

from typing import Any

import numpy as np

from ziggurat.readers.model.encoded import EncodedImage, EncodedLevel
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import AssociatedImage, DecodedImage, DecodedPlane, Pixels, Plane
from ziggurat.readers.views.array import ArrayReader


class HookedArray(ArrayReader):
    """Planes and associated images ask these methods, which heirs override."""

    def plane(self, level: int, frame: int) -> Plane:
        return _HookedPlane(self, level, frame)

    def associated(self, name: str) -> AssociatedImage:
        return _HookedImage(self, name)

    def read(self, level: int, frame: int, rect: Rect) -> Pixels:
        return super().plane(level, frame).read(rect)

    def encoded(self, level: int, frame: int) -> EncodedLevel | None:
        del level, frame
        return None

    def is_blank(self, level: int, frame: int, rect: Rect) -> bool:
        del level, frame, rect
        return False

    def picture(self, name: str) -> np.ndarray[Any, Any]:
        raise KeyError(name)

    def stream(self, name: str) -> EncodedImage | None:
        del name
        return None


class _HookedPlane(DecodedPlane):
    def __init__(self, reader: HookedArray, level: int, frame: int) -> None:
        self._reader, self._place = reader, (level, frame)

    def read(self, rect: Rect) -> Pixels:
        return self._reader.read(*self._place, rect)

    def encoded(self) -> EncodedLevel | None:
        return self._reader.encoded(*self._place)

    def is_blank(self, rect: Rect) -> bool:
        return self._reader.is_blank(*self._place, rect)


class _HookedImage(DecodedImage):
    def __init__(self, reader: HookedArray, name: str) -> None:
        super().__init__(lambda: reader.picture(name))
        self._reader, self._name = reader, name

    def encoded(self) -> EncodedImage | None:
        return self._reader.stream(self._name)
