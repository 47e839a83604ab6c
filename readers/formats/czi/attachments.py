"""The pictures beside the image of a CZI: label, macro and thumbnail, as JPEG or as a small CZI."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from ziggurat.readers.codecs.stream_size import stream_size
from ziggurat.readers.errors import CorruptSourceError, SourceError
from ziggurat.readers.formats.czi.file import NONSENSE, CziBytes
from ziggurat.readers.io.bytes import ByteSource
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedImage
from ziggurat.readers.model.reader import AssociatedImage, Pixels, Reader

# ZEN's names, and ours
_NAMES = {"Label": "label", "SlidePreview": "macro", "Thumbnail": "thumbnail"}
_KINDS = ("JPG", "CZI")
_HEADER = 256  # of an attachment's segment: size, its entry, and room to spare
LARGEST_PIXELS = 2**25


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where the bytes of an attached picture lie."""

    kind: str
    offset: int
    size: int


def attached(file: CziBytes) -> dict[str, Attachment]:
    """Return the attached pictures by our name for them; those that are damaged are left out."""
    if not int(file.czi.header.attachment_directory_position):
        return {}
    found: dict[str, Attachment] = {}
    try:
        file.segment(int(file.czi.header.attachment_directory_position), b"ZISRAWATTDIR")
        entries = file.czi.attachment_directory
    except (SourceError, *NONSENSE):
        return {}
    for entry in entries:
        name, kind = _NAMES.get(entry.name), str(entry.content_file_type.name)
        if name is None or kind not in _KINDS or name in found:
            continue
        try:
            start, room = file.segment(int(entry.file_position), b"ZISRAWATTACH")
        except SourceError:
            continue
        (size,) = struct.unpack("<q", file.bytes_at(start, 8).ljust(8, b"\0"))
        if 0 < size <= room - _HEADER:
            found[name] = Attachment(kind, start + _HEADER, size)
    return found


class SlicedBytes:
    """A part of a byte source as one: a CZI within a CZI."""

    def __init__(self, source: ByteSource, offset: int, size: int) -> None:
        self.url, self.size = source.url, size
        self._source, self._offset = source, offset

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes from an offset; fewer only at the end of the part."""
        length = min(length, self.size - offset)
        return self._source.read(self._offset + offset, length) if length > 0 else b""

    def close(self) -> None:
        """Nothing of its own is open."""


class JpegAttachment(AssociatedImage):
    """An attached picture that is one JPEG stream."""

    __slots__ = ("_data", "_url")

    def __init__(self, data: bytes, url: str) -> None:
        self._data, self._url = data, url

    def _size(self) -> tuple[int, int]:
        size = stream_size(Codec.JPEG, self._data)
        if size is None or not 0 < size[0] * size[1] <= LARGEST_PIXELS:
            raise CorruptSourceError(f"{self._url}: an attached picture of {size} pixels")
        return size

    def read(self) -> Pixels:
        """Return RGB, or gray."""
        self._size()
        flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
        pixels = cv2.imdecode(np.frombuffer(self._data, np.uint8), flags)
        if pixels is None:
            raise CorruptSourceError(f"{self._url}: an attached picture can't be decoded")
        if pixels.ndim == 2:
            return np.asarray(pixels)[..., np.newaxis]
        return np.ascontiguousarray(np.asarray(pixels)[..., ::-1])

    def encoded(self) -> EncodedImage:
        """Return the stream as it is stored."""
        return EncodedImage(Codec.JPEG, *self._size(), self._data)

    def stored(self) -> None:
        """Return None: there is no page."""


def czi_picture(open_part: Callable[[], Reader]) -> Pixels:
    """Return the pixels of an attached CZI: of the largest level that isn't too large."""
    with open_part() as reader:
        for number, level in enumerate(reader.info.levels):
            if level.width * level.height <= LARGEST_PIXELS:
                return reader.plane(number, 0).read(level.rect)
    raise CorruptSourceError("an attached picture is too large")
