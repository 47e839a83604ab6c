"""Pictures that can only be decoded from top to bottom: decoded once, on the first read.

Up to :data:`MEMORY_BYTES` the pixels stay in memory, beyond they go to a temporary file that has
no name and is mapped: reading a tile is a copy either way, and forks share the pixels.
"""

import os
import tempfile
import threading
from collections.abc import Callable

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, OptionError, SourceError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Plane, Reader

MEMORY_BYTES = 256 * 1024 * 1024
_HARMLESS_BYTES = 64 * 1024 * 1024

Decode = Callable[[Callable[[], Pixels]], Pixels]

# EXIF 2.3, tag 274: how the stored rows and columns become the picture, as views of (f, y, x, b).
_ORIENTATIONS: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda a: a,
    2: lambda a: a[:, :, ::-1],
    3: lambda a: a[:, ::-1, ::-1],
    4: lambda a: a[:, ::-1],
    5: lambda a: a.swapaxes(1, 2),
    6: lambda a: a.swapaxes(1, 2)[:, :, ::-1],
    7: lambda a: a.swapaxes(1, 2)[:, ::-1, ::-1],
    8: lambda a: a.swapaxes(1, 2)[:, ::-1],
}


class DecodedReader(Reader):
    """A picture with one level, decoded whole when its first pixel is asked for.

    ``decode(allocate)`` calls ``allocate()`` for an array of shape (frame, y, x, band), as stored,
    fills it and returns it; it does so once it has seen that there are pixels. ``orientation`` is
    EXIF's, and ``info`` speaks of the picture as it is meant to be seen.
    """

    def __init__(self, info: ImageInfo, decode: Decode, orientation: int = 1) -> None:
        self.info = info
        self._decode = decode
        self._orientation = orientation if orientation in _ORIENTATIONS else 1
        self._lock = threading.Lock()
        self._pixels: Pixels | None = None
        self._closed = False

    def plane(self, level: int, frame: int) -> Plane:
        """Return one frame; there is only level 0."""
        if level:
            raise OptionError(f"{self.info.format} pictures have level 0 only, not {level}")
        return _PicturePlane(self, frame)

    def read(self, frame: int, rect: Rect) -> Pixels:
        """Return a copy of a rectangle."""
        pixels = self._all()
        return pixels[frame, rect.y : rect.bottom, rect.x : rect.right].copy()

    def _all(self) -> Pixels:
        with self._lock:
            if self._closed:
                raise SourceError(f"this {self.info.format} picture is closed")
            if self._pixels is None:
                width, height = self.info.width, self.info.height
                if self._orientation >= 5:
                    width, height = height, width
                shape = (self.info.frames, height, width, self.info.bands)
                pixels = self._decode(lambda: _allocate(shape, self.info.dtype))
                self._pixels = _ORIENTATIONS[self._orientation](pixels)
            return self._pixels

    def close(self) -> None:
        """Let go of the pixels."""
        with self._lock:
            self._closed, self._pixels = True, None


class _PicturePlane(DecodedPlane):
    __slots__ = ("_frame", "_picture")

    def __init__(self, picture: DecodedReader, frame: int) -> None:
        self._picture, self._frame = picture, frame

    def read(self, rect: Rect) -> Pixels:
        return self._picture.read(self._frame, rect)


def _allocate(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Pixels:
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if size <= MEMORY_BYTES:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="ziggurat-") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)  # a full disk is an error now, not later
            return np.memmap(file, dtype, "r+", shape=shape)
        except OSError as error:
            raise SourceError(
                f"decoding needs {size} bytes in {tempfile.gettempdir()}: {error.strerror}; "
                f"set TMPDIR to a place with room"
            ) from error


def check_proportion(name: str, decoded: int, stored: int, most: int) -> None:
    """Refuse a picture that claims more pixels than its bytes can hold.

    Parameters
    ----------
    name
        Of the file, for the message.
    decoded, stored
        Bytes of all its pixels, and of the file.
    most
        Decoded bytes that the format can pack into a stored one.

    Raises
    ------
    CorruptSourceError
        The claim is out of proportion.
    """
    if decoded > _HARMLESS_BYTES and decoded > most * stored:
        raise CorruptSourceError(
            f"{name} claims {decoded} bytes of pixels, but has only {stored} bytes: "
            f"truncated, damaged or hostile"
        )


def check_unchanged(name: str, due: tuple[object, ...], found: tuple[object, ...]) -> None:
    """Refuse a picture whose file holds another one by now.

    Raises
    ------
    SourceError
        Size, bands or sample type are not those that were found when it was opened.
    """
    if due != found:
        raise SourceError(
            f"{name} has changed since it was opened: {found} is not {due}; open it anew"
        )
