"""Where the frames of a DICOM instance lie in its file, found without decoding or loading them.

Source: DICOM PS3.5 A.4 and 7.5 (encapsulated pixel data: a basic offset table, then fragments,
each an item of its own), PS3.3 C.7.6.3.1.8 (extended offset table).
"""

import struct
from dataclasses import dataclass

import numpy as np

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.io.bytes import ByteSource

_ITEM = b"\xfe\xff\x00\xe0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0"
_PIXEL_DATA = b"\xe0\x7f\x10\x00"
_UNDEFINED = 0xFFFFFFFF
_STREAM_STARTS = (b"\xff\xd8", b"\xff\x4f", b"\xff\x0a", b"\x00\x00")  # JPEG(-LS), J2K, JPEG XL


@dataclass(frozen=True)
class FrameTable:
    """Byte ranges of the frames: ``starts[i]`` to ``stops[i]``, items or plain samples."""

    starts: "np.ndarray[tuple[int], np.dtype[np.uint64]]"
    stops: "np.ndarray[tuple[int], np.dtype[np.uint64]]"
    encapsulated: bool

    def frame(self, source: ByteSource, index: int) -> bytes:
        """Return the bytes of a frame as stored, its fragments joined.

        Raises
        ------
        CorruptSourceError
            The frame is cut short, or not where it should be.
        """
        start, stop = int(self.starts[index]), int(self.stops[index])
        data = source.read(start, stop - start)
        if len(data) < stop - start:
            raise CorruptSourceError(f"{source.url}: frame {index} is cut short")
        if not self.encapsulated:
            return data
        parts = []
        position = 0
        while position + 8 <= len(data) and data[position : position + 4] == _ITEM:
            length = int.from_bytes(data[position + 4 : position + 8], "little")
            if position + 8 + length > len(data):
                raise CorruptSourceError(f"{source.url}: frame {index} is cut short")
            parts.append(data[position + 8 : position + 8 + length])
            position += 8 + length
        if not parts:
            raise CorruptSourceError(f"{source.url}: frame {index} is not where it should be")
        return parts[0] if len(parts) == 1 else b"".join(parts)


def frame_table(
    source: ByteSource,
    offset: int,
    frames: int,
    native_bytes: int | None,
    extended: tuple[bytes, bytes] | None,
) -> FrameTable:
    """Find the frames.

    Parameters
    ----------
    source
        The instance's file.
    offset
        Where its pixel data element begins (its tag).
    frames
        How many there should be.
    native_bytes
        Bytes of one uncompressed frame; None for encapsulated ones.
    extended
        The extended offset table and its lengths, where the instance has them.

    Raises
    ------
    CorruptSourceError
        There are fewer, or the tables point out of the file.
    """
    head = source.read(offset, 12)
    if len(head) < 12 or head[:4] != _PIXEL_DATA:
        raise CorruptSourceError(f"{source.url} has no pixel data where its header ends")
    explicit = head[4:6].isalpha()
    begin = offset + (12 if explicit else 8)
    if native_bytes is not None:
        starts = np.arange(frames, dtype=np.uint64) * np.uint64(native_bytes) + np.uint64(begin)
        return _checked(source, starts, starts + np.uint64(native_bytes), False)
    if int.from_bytes(head[8:12], "little") != _UNDEFINED:
        raise CorruptSourceError(f"{source.url}: compressed frames that are not encapsulated")
    table, first = _item(source, begin)
    if extended is not None:
        starts = np.frombuffer(extended[0], "<u8") + np.uint64(first)
        lengths = np.frombuffer(extended[1], "<u8") + np.uint64(8)
        if len(starts) >= frames and len(lengths) >= frames:
            starts, lengths = starts[:frames], lengths[:frames]
            return _checked(source, starts, starts + lengths + (lengths & np.uint64(1)), True)
    if len(table) >= 4 * frames and frames > 1:
        starts = np.frombuffer(table, "<u4", frames).astype(np.uint64) + np.uint64(first)
        last = _run_end(source, int(starts[-1]))
        return _checked(source, starts, np.append(starts[1:], np.uint64(last)), True)
    return _walk(source, first, frames)


def _item(source: ByteSource, offset: int) -> tuple[bytes, int]:
    """Return the content of the item at an offset, and where the next one begins."""
    tag, length = struct.unpack("<4sI", source.read(offset, 8).ljust(8, b"\0"))
    if tag != _ITEM or offset + 8 + length > source.size:
        raise CorruptSourceError(f"{source.url} has no item at byte {offset}")
    return source.read(offset + 8, length), offset + 8 + length


def _fragments(source: ByteSource, offset: int) -> list[tuple[int, int]]:
    """Return (start, stop) of all items from an offset on, their headers with them."""
    found: list[tuple[int, int]] = []
    while True:
        tag, length = struct.unpack("<4sI", source.read(offset, 8).ljust(8, b"\0"))
        if tag != _ITEM:
            return found
        found.append((offset, offset + 8 + length))
        offset += 8 + length


def _run_end(source: ByteSource, offset: int) -> int:
    fragments = _fragments(source, offset)
    if not fragments:
        raise CorruptSourceError(f"{source.url}: the last frame is not where it should be")
    return fragments[-1][1]


def _walk(source: ByteSource, first: int, frames: int) -> FrameTable:
    """Find the frames without a table: one fragment each, or each begins with a stream's start."""
    fragments = _fragments(source, first)
    if len(fragments) != frames:
        begins = [f[0] for f in fragments if source.read(f[0] + 8, 2) in _STREAM_STARTS]
        if frames == 1 and fragments:
            begins = [fragments[0][0]]
        if len(begins) != frames:
            raise CorruptSourceError(
                f"{source.url} should have {frames} frames; {len(fragments)} fragments were found"
            )
        ends = [*begins[1:], fragments[-1][1]]
        fragments = list(zip(begins, ends, strict=True))
    starts, stops = np.array(fragments, np.uint64).T
    return _checked(source, starts, stops, True)


def _checked(
    source: ByteSource,
    starts: "np.ndarray[tuple[int], np.dtype[np.uint64]]",
    stops: "np.ndarray[tuple[int], np.dtype[np.uint64]]",
    encapsulated: bool,
) -> FrameTable:
    """Refuse tables that point out of the file; a file cut short keeps its whole frames."""
    inside = (starts < stops) & (starts < np.uint64(source.size))
    if not len(starts) or not inside.all():
        at = int(np.argmin(inside)) if len(starts) else 0
        raise CorruptSourceError(f"{source.url}: frame {at} lies outside of the file")
    return FrameTable(starts, stops, encapsulated)
