"""Pictures that can only be decoded from top to bottom: decoded once, on the first read.

Up to :data:`MEMORY_BYTES` the pixels stay in memory, beyond they go to a temporary file that has
no name and is mapped: reading a tile is a copy either way, and forks share the pixels. Where a
library decodes row by row, a large picture is decoded as far down as is asked, and anew from the
top, twice as far at least, where more is asked later: few bytes can claim thousands of millions
of pixels, and a corner of them shall not cost them all.
"""

import mmap
import os
import tempfile
import threading
import weakref
from collections.abc import Callable

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, OptionError, SourceError
from ziggurat.readers.io.system import reserve
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Plane, Reader

MEMORY_BYTES = 256 * 1024 * 1024
_HARMLESS_BYTES = 64 * 1024 * 1024
_FEW_FRAMES = 1_000
_MOST_AT_ONCE = 1 << 30
_USUAL_PACKING = 100  # more, on a whole picture, is a plain one: those that are large are few

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


class Room:
    """Where a picture is decoded to: called, it gives an array (frame, y, x, band), as stored.

    ``rows`` of it, those of all frames under one another counted from the top, are to be filled
    now; the rest may be left as it is by who decodes row by row.
    """

    def __init__(self, shape: tuple[int, int, int, int], dtype: np.dtype[np.generic]) -> None:
        self.all_rows = shape[0] * shape[1]
        self.rows = self.all_rows
        self.row_bytes = shape[2] * shape[3] * dtype.itemsize
        self._shape, self._dtype = shape, dtype
        self._pixels: Pixels | None = None
        self._file: int | None = None
        self._mapping: mmap.mmap | None = None

    def __call__(self) -> Pixels:
        """Return the array; there is room for ``rows`` of it.

        Raises
        ------
        SourceError
            The temporary folder has no room for them.
        """
        if self._file is None and self._pixels is None:
            if self.all_rows * self.row_bytes <= MEMORY_BYTES:
                self._pixels = np.empty(self._shape, self._dtype)
            else:
                with tempfile.TemporaryFile(prefix="ziggurat-") as file:
                    self._file = os.dup(file.fileno())
                weakref.finalize(self, os.close, self._file)
        if self._file is not None:
            size = self.rows * self.row_bytes
            try:
                reserve(self._file, size)  # a full disk is an error now
                if self._mapping is None:
                    whole = self.all_rows * self.row_bytes
                    os.truncate(self._file, whole)
                    self._mapping = mmap.mmap(self._file, whole)
            except OSError as error:
                raise SourceError(
                    f"decoding needs {size} bytes in {tempfile.gettempdir()}: {error.strerror}; "
                    f"set TMPDIR to a place with room"
                ) from error
            if self._pixels is None:
                self._pixels = np.frombuffer(self._mapping, self._dtype).reshape(self._shape)
        assert self._pixels is not None
        return self._pixels

    def settle(self) -> None:
        """Let the system take back the memory of what was filled; it is in the file."""
        if self._mapping is not None:
            self._mapping.madvise(mmap.MADV_DONTNEED)


Decode = Callable[[Room], Pixels]


class DecodedReader(Reader):
    """A picture with one level, decoded when its first pixel is asked for.

    ``decode(room)`` calls ``room()`` for an array of shape (frame, y, x, band), as stored,
    fills it and returns it; it does so once it has seen that there are pixels. With ``by_rows``
    it fills ``room.rows`` from the top alone. ``orientation`` is EXIF's, and ``info`` speaks of
    the picture as it is meant to be seen.
    """

    def __init__(
        self, info: ImageInfo, decode: Decode, orientation: int = 1, *, by_rows: bool = False
    ) -> None:
        self.info = info
        self._decode = decode
        self._orientation = orientation if orientation in _ORIENTATIONS else 1
        self._by_rows = by_rows and self._orientation == 1
        self._lock = threading.Lock()
        self._room: Room | None = None
        self._pixels: Pixels | None = None
        self._filled = 0  # rows of all frames
        self._closed = False

    def plane(self, level: int, frame: int) -> Plane:
        """Return one frame; there is only level 0."""
        if level:
            raise OptionError(
                f"{self.info.format} pictures have one level: it must be 0, not {level}"
            )
        return _PicturePlane(self, frame)

    def read(self, frame: int, rect: Rect) -> Pixels:
        """Return a copy of a rectangle."""
        pixels = self._down_to(frame * self.info.height + rect.bottom)
        return pixels[frame, rect.y : rect.bottom, rect.x : rect.right].copy()

    def _down_to(self, row: int) -> Pixels:
        """Return the pixels, of which those above a row of all frames are there at least."""
        with self._lock:
            if self._closed:
                raise SourceError(f"this {self.info.format} picture is closed")
            if self._room is None:
                width, height = self.info.width, self.info.height
                if self._orientation >= 5:
                    width, height = height, width
                self._room = Room(
                    (self.info.frames, height, width, self.info.bands), self.info.dtype
                )
            room = self._room
            if self._pixels is None or row > self._filled:
                few = min(_HARMLESS_BYTES // room.row_bytes, _FEW_FRAMES * self.info.height)
                least = max(row, 2 * self._filled, few)
                room.rows = min(least, room.all_rows) if self._by_rows else room.all_rows
                self._pixels = _ORIENTATIONS[self._orientation](self._decode(room))
                self._filled = room.rows
            return self._pixels

    def close(self) -> None:
        """Let go of the pixels."""
        with self._lock:
            self._closed, self._pixels, self._room = True, None, None


class _PicturePlane(DecodedPlane):
    __slots__ = ("_frame", "_picture")

    def __init__(self, picture: DecodedReader, frame: int) -> None:
        self._picture, self._frame = picture, frame

    def read(self, rect: Rect) -> Pixels:
        return self._picture.read(self._frame, rect)


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


def check_at_once(name: str, decoded: int, stored: int) -> None:
    """Refuse a picture that can only be decoded whole, and is out of proportion for that.

    Parameters
    ----------
    name
        Of the file, for the message.
    decoded, stored
        Bytes of all its pixels, and of the file.

    Raises
    ------
    SourceError
        It is, though the claim may be true: a plain picture of a thousand million pixels.
    """
    if decoded > _MOST_AT_ONCE and decoded > _USUAL_PACKING * stored:
        raise SourceError(
            f"{name} claims {decoded} bytes of pixels in {stored} bytes, which can only be decoded "
            f"at once: that is not supported; make it a pyramid"
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
