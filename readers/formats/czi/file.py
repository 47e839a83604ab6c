"""A CZI file as a list of subblocks: where each lies in the image, and its pixels.

czifile parses and decodes; what it would believe without looking (counts, sizes, offsets) is
held against the file here before it is asked. Layout of the segments: libCZI's description.
"""

import logging
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, cast

import numpy as np
from czifile import CziDirectoryEntryDV, CziFile, CziSubBlockSegmentData

from ziggurat.readers.codecs.segment_cache import SHARED
from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.io.bytes import ByteSource, ThreadFile
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels

# what reading a damaged file may raise in czifile, numpy and the codecs
NONSENSE = (ValueError, LookupError, ArithmeticError, TypeError, RuntimeError, EOFError,
            AttributeError, struct.error, MemoryError, AssertionError)  # fmt: skip
MAGIC = b"ZISRAWFILE"
UNCOMPRESSED, JPEG, LZW, JPEGXR, ZSTD, ZSTD_HEADER = 0, 1, 2, 4, 5, 6
# the most bytes that one stored byte can decode to
_EXPANDS = {JPEG: 2000, LZW: 4096, JPEGXR: 20000, ZSTD: 50000, ZSTD_HEADER: 50000}
_HARMLESS_BYTES = 16 * 1024 * 1024
_LARGEST_DECODED = 1024**3
_MOST_DIMENSIONS = 16
_SEGMENT_HEADER, _DIRECTORY_HEADER, _ENTRY_HEADER, _DIMENSION = 32, 128, 32, 20
_LARGEST_XML = 1 << 28

logging.getLogger("czifile").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Subblock:
    """One stored piece of one plane.

    ``rect`` is where it lies, in pixels of full resolution and in the file's own coordinates;
    ``width`` and ``height`` are its stored size. ``position`` is its place on the other axes.
    """

    entry: CziDirectoryEntryDV
    scene: int  # -1: of none, or of all
    mosaic: int
    position: tuple[tuple[str, int], ...]
    rect: Rect
    width: int
    height: int


class CziBytes:
    """An opened CZI file. Threads may share it."""

    def __init__(self, source: ByteSource) -> None:
        self.url, self._source = source.url, source
        self._key = object()  # in the cache's keys: alive as long as they are, so never another's
        self._check_header()
        try:
            self.czi = CziFile(cast(IO[bytes], ThreadFile(source)), squeeze=False)
            self._check_directory(int(self.czi.header.directory_position))
            self.entries = self.czi.subblock_directory
            self._full = {id(entry) for entry in self.czi.filtered_subblock_directory}
        except NONSENSE as error:
            raise CorruptSourceError(f"{self.url} is a damaged CZI file: {error}") from error
        if not self.entries:
            raise UnsupportedFormatError(f"{self.url} is a CZI file without pixels")

    def _check_header(self) -> None:
        if self._source.read(0, len(MAGIC)) != MAGIC:
            raise UnsupportedFormatError("not a CZI file")

    def bytes_at(self, offset: int, length: int) -> bytes:
        """Return bytes of the file."""
        return self._source.read(offset, length)

    def segment(self, offset: int, kind: bytes) -> tuple[int, int]:
        """Return where the data of a segment begin and how long they are.

        Raises
        ------
        CorruptSourceError
            There is none of that kind, or it is longer than the file.
        """
        head = self._source.read(offset, _SEGMENT_HEADER) if offset > 0 else b""
        if len(head) < _SEGMENT_HEADER or head[:16].rstrip(b"\0") != kind:
            raise CorruptSourceError(
                f"{self.url} has no {kind.decode()} at {offset}: truncated, damaged, or never "
                f"finished by the program that wrote it"
            )
        allocated, used = struct.unpack_from("<qq", head, 16)
        size = used or allocated
        start = offset + _SEGMENT_HEADER
        if not 0 < size <= self._source.size - start:
            raise CorruptSourceError(f"{self.url}: {kind.decode()} claims {size} bytes: truncated")
        return start, size

    def _check_directory(self, offset: int) -> None:
        """Walk the directory by its counts; czifile makes room for what they claim."""
        start, size = self.segment(offset, b"ZISRAWDIRECTORY")
        data = self._source.read(start, size)
        (count,) = struct.unpack_from("<i", data)
        at = _DIRECTORY_HEADER
        for number in range(count):
            kind, dimensions = data[at : at + 2], data[at + 28 : at + 32]
            many = int.from_bytes(dimensions, "little", signed=True)
            at += _ENTRY_HEADER + _DIMENSION * many
            if kind != b"DV" or not 2 <= many <= _MOST_DIMENSIONS or at > len(data):
                raise CorruptSourceError(
                    f"{self.url}: entry {number} of {count} of its directory is damaged"
                )

    def xml(self) -> str:
        """Return the metadata, empty where there are none."""
        position = int(self.czi.header.metadata_position)
        if not position:
            return ""
        start, size = self.segment(position, b"ZISRAWMETADATA")
        length = int.from_bytes(self._source.read(start, 4), "little", signed=True)
        if not 0 <= length <= min(size, _LARGEST_XML):
            raise CorruptSourceError(f"{self.url} claims {length} bytes of metadata")
        return self._source.read(start + 256, length).rstrip(b"\0").decode("utf-8", "replace")

    def subblocks(self) -> Iterator[tuple[Subblock, bool]]:
        """Yield each subblock, and whether it is of full resolution, in the order of laying."""
        full = self.czi.filtered_subblock_directory
        rest = [entry for entry in self.entries if id(entry) not in self._full]
        rest.sort(key=lambda entry: entry.mosaic_index)
        for entries, is_full in ((full, True), (rest, False)):
            for entry in entries:
                yield self._subblock(entry), is_full

    def _subblock(self, entry: CziDirectoryEntryDV) -> Subblock:
        if entry.file_part != self.czi.header.file_part:
            raise UnsupportedFormatError(
                f"{self.url} keeps pixels in part {entry.file_part}, another file: CZI of several "
                f"files is not supported; ZEN joins them"
            )
        starts = dict(zip(entry.dims, entry.start, strict=True))
        sizes = dict(zip(entry.dims, entry.shape, strict=True))
        stored = dict(zip(entry.dims, entry.stored_shape, strict=True))
        if len(starts) != len(entry.dims) or not {"X", "Y"} <= set(starts):
            raise CorruptSourceError(f"{self.url}: a subblock with the axes {entry.dims}")
        if min(*entry.shape, *entry.stored_shape) < 1:
            raise CorruptSourceError(f"{self.url}: a subblock of {entry.shape} pixels")
        rect = Rect(starts.pop("X"), starts.pop("Y"), sizes.pop("X"), sizes.pop("Y"))
        starts.pop("S"), sizes.pop("S")
        if any(size != 1 for size in sizes.values()):
            raise UnsupportedFormatError(
                f"{self.url}: subblocks of several planes ({sizes}) are not supported"
            )
        position = tuple(sorted(starts.items()))
        scene, mosaic = entry.scene_index, entry.mosaic_index
        return Subblock(entry, scene, mosaic, position, rect, stored["X"], stored["Y"])

    def _segment_of(self, block: Subblock) -> CziSubBlockSegmentData:
        """Return a subblock's segment, its sizes held against the file."""
        entry = block.entry
        if entry.file_position <= 0:
            raise CorruptSourceError(f"{self.url}: a subblock at {entry.file_position}")
        data = entry.read_segment_data(self.czi)
        if not isinstance(data, CziSubBlockSegmentData):
            raise CorruptSourceError(f"{self.url}: the subblock at {entry.file_position} is gone")
        sizes = data.metadata_size, data.attachment_size, data.data_size
        if min(sizes) < 0 or data.data_offset + data.data_size > self._source.size:
            raise CorruptSourceError(
                f"{self.url}: the subblock at {entry.file_position} claims {data.data_size} bytes: "
                f"truncated or damaged"
            )
        return data

    def is_masked(self, block: Subblock) -> bool:
        """Return True where a subblock has a mask; raises as :meth:`pixels`."""
        try:
            return self._mask(self._segment_of(block)) is not None
        except NONSENSE as error:
            raise CorruptSourceError(f"{self.url} can't be read: {error}") from error

    @staticmethod
    def _mask(data: CziSubBlockSegmentData) -> Pixels | None:
        found: Pixels | None = data.mask() if data.attachment_size >= _SEGMENT_HEADER else None
        return found

    def stored(self, block: Subblock) -> bytes:
        """Return the bytes of a subblock as they are stored.

        Raises
        ------
        UnsupportedFormatError
            It has a mask, without which they show what is no part of the image.
        """
        try:
            data = self._segment_of(block)
            if self._mask(data) is not None:
                raise UnsupportedFormatError(
                    f"{self.url}: tiles with masks can't be copied; leave --compression keep away"
                )
            return self._source.read(data.data_offset, data.data_size)
        except NONSENSE as error:
            raise CorruptSourceError(f"{self.url} can't be read: {error}") from error

    def pixels(self, block: Subblock) -> tuple[Pixels, Pixels | None]:
        """Return a subblock as (y, x, band), RGB where it has colours, and its mask, if any.

        The mask, (y, x), is True where there are pixels. Nobody may write into either.

        Raises
        ------
        CorruptSourceError
            It can't be decoded, or not to the size that the directory tells of.
        """
        key = (self._key, block.entry.file_position)
        kept = SHARED.get(key)
        try:
            data = self._segment_of(block)
            if kept is None:
                kept = self._decoded(block, data)
                SHARED.put(key, kept)
            mask = self._mask(data)
        except NONSENSE as error:
            raise CorruptSourceError(
                f"{self.url}: the subblock at {block.entry.file_position} can't be decoded: {error}"
            ) from error
        except SourceError:
            raise
        except Exception as error:  # every codec of imagecodecs has an exception of its own
            raise CorruptSourceError(
                f"{self.url}: the subblock at {block.entry.file_position} can't be decoded: {error}"
            ) from error
        return kept, None if mask is None else np.asarray(mask)

    def _decoded(self, block: Subblock, data: CziSubBlockSegmentData) -> Pixels:
        entry = block.entry
        samples = int(entry.pixel_type.samples)
        size = block.width * block.height * samples * entry.dtype.itemsize
        room = data.data_size * _EXPANDS.get(int(entry.compression), 1)
        if size > _LARGEST_DECODED or size > max(room, _HARMLESS_BYTES):
            raise CorruptSourceError(
                f"{self.url}: a subblock of {data.data_size} bytes claims {size} bytes of pixels"
            )
        if int(entry.compression) == UNCOMPRESSED and data.data_size < size:
            raise CorruptSourceError(
                f"{self.url}: a subblock of {size} bytes of pixels has only {data.data_size}"
            )
        found = np.asarray(data.data())
        if found.size % samples or found.dtype != entry.dtype:
            raise ValueError(f"pixels of {found.shape}, {found.dtype}")
        pixels = found.reshape(*_plane_shape(found.shape, entry.dims), samples)
        # writers round the last row or column of a pyramid's tile now up, now down
        off = pixels.shape[0] - block.height, pixels.shape[1] - block.width
        if max(map(abs, off)) > 1:
            raise ValueError(f"{pixels.shape} pixels where {block.height} x {block.width} are due")
        pixels = pixels[: block.height, : block.width, :3]  # a fourth sample is no alpha: all 255
        pixels.flags.writeable = False
        return pixels

    def close(self) -> None:
        """Close the file; may be called twice."""
        self.czi.close()
        self._source.close()


def _plane_shape(shape: tuple[int, ...], dims: tuple[str, ...]) -> tuple[int, int]:
    """Return (height, width) of decoded pixels with the axes of their entry."""
    sizes = dict(zip(dims, shape, strict=True))
    return sizes["Y"], sizes["X"]
