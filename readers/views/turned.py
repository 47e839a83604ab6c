"""A reader as its orientation tag says that it is to be shown: turned, mirrored, or both."""

import dataclasses

import numpy as np

from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Level
from ziggurat.readers.model.reader import Pixels, Plane, Reader
from ziggurat.readers.views.views import OtherPixels, View

# By tag 274 (TIFF 6.0, Exif): rows and columns exchanged, then mirrored across, then down.
_TURNS = {
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}
ORIENTATIONS = frozenset(_TURNS)


class TurnedPlane(OtherPixels):
    """A plane whose rows and columns are elsewhere."""

    __slots__ = ("_level", "_turn")

    def __init__(self, source: Plane, level: Level, turn: tuple[bool, bool, bool]) -> None:
        super().__init__(source)
        self._level, self._turn = level, turn

    def _stored(self, rect: Rect) -> Rect:
        """Return where a rectangle is in the source."""
        exchanged, across, down = self._turn
        x = self._level.width - rect.right if across else rect.x
        y = self._level.height - rect.bottom if down else rect.y
        if exchanged:
            return Rect(y, x, rect.height, rect.width)
        return Rect(x, y, rect.width, rect.height)

    def read(self, rect: Rect) -> Pixels:
        """Return the pixels of a rectangle as they are to be shown."""
        exchanged, across, down = self._turn
        pixels = self.source.read(self._stored(rect))
        if exchanged:
            pixels = pixels.transpose(1, 0, 2)
        if across:
            pixels = pixels[:, ::-1]
        return np.ascontiguousarray(pixels[::-1] if down else pixels)

    def is_blank(self, rect: Rect) -> bool:
        """Ask the source."""
        return self.source.is_blank(self._stored(rect))

    def release(self, rect: Rect) -> None:
        """Tell the source."""
        self.source.release(self._stored(rect))


class TurnedReader(View):
    """An image turned as an orientation (2 to 8) says; its tiles hold other pixels."""

    def __init__(self, reader: Reader, orientation: int) -> None:
        info, self._turn = reader.info, _TURNS[orientation]
        if self._turn[0]:
            levels = tuple(
                Level(one.height, one.width, one.tile_height, one.tile_width) for one in info.levels
            )
            info = dataclasses.replace(info, levels=levels, mm_x=info.mm_y, mm_y=info.mm_x)
        super().__init__(reader, info)

    def plane(self, level: int, frame: int) -> Plane:
        """Return the source's plane, turned."""
        return TurnedPlane(self.source.plane(level, frame), self.info.levels[level], self._turn)
