"""Planes of backends that read a frame as a whole: kept while its parts are asked for."""

import struct
import zlib
from collections.abc import Callable

from ziggurat.readers.codecs.segment_cache import SHARED
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import DecodedPlane, Pixels

# what reading a damaged file may raise in the libraries that parse it
NONSENSE = (ValueError, LookupError, ArithmeticError, TypeError, RuntimeError, EOFError,
            AttributeError, MemoryError, AssertionError, SyntaxError, OSError,
            struct.error, zlib.error)  # fmt: skip


class WholeFramePlane(DecodedPlane):
    """One frame; ``read`` gives it as (y, x, band), and ``owner`` an object of the reader's own."""

    __slots__ = ("_key", "_read", "_shape")

    def __init__(
        self, owner: object, frame: int, shape: tuple[int, int, int], read: Callable[[], Pixels]
    ) -> None:
        self._key, self._shape, self._read = (owner, frame), shape, read

    def read(self, rect: Rect) -> Pixels:
        """Return a copy of a rectangle."""
        pixels = SHARED.get(self._key)
        if pixels is None:
            pixels = self._read()
            if pixels.shape != self._shape:
                raise CorruptSourceError(f"a frame of {pixels.shape} where {self._shape} is due")
            SHARED.put(self._key, pixels)
        return pixels[rect.y : rect.bottom, rect.x : rect.right].copy()
