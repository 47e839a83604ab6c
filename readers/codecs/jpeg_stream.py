"""JPEG code streams without decoding them: header facts, tables merged in, streams rebuilt.

Source: ITU-T T.81 (markers, scans, restart intervals); Adobe technical note 5116 (the APP14
marker); TIFF technical note 2 (tables shared by many abbreviated streams).
"""

import re
import struct
from dataclasses import dataclass

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.model.encoded import Photometric

SOI, EOI, SOS, DRI = 0xD8, 0xD9, 0xDA, 0xDD
_APP0, _APP14 = 0xE0, 0xEE
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_INTERVAL = re.compile(rb".*?\xff[\xd0-\xd7\xd9]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What the markers before the first scan say.

    ``subsampling`` is (horizontal, vertical) of the chroma; ``adobe_transform`` is the APP14
    marker's colour transform (0 none, 1 YCbCr, 2 YCCK), None where there is no such marker;
    ``sof_offset`` and ``scan_offset`` count from the stream's first byte: the frame header's
    marker, and the first byte of entropy-coded data.
    """

    width: int
    height: int
    bits: int
    components: int
    component_ids: bytes
    subsampling: tuple[int, int]
    sof: int
    jfif: bool
    adobe_transform: int | None
    restart_interval: int
    sof_offset: int
    scan_offset: int

    @property
    def lossless(self) -> bool:
        """True for the lossless process (SOF3)."""
        return self.sof == 0xC3

    @property
    def mcu(self) -> tuple[int, int]:
        """Width and height of a minimum coded unit in pixels."""
        if self.components == 1:
            return 8, 8
        return 8 * self.subsampling[0], 8 * self.subsampling[1]


def _segments(data: bytes) -> list[tuple[int, int, int]]:
    """Return (marker, offset of the marker, end of the segment) up to and with the scan's."""
    if data[:2] != b"\xff\xd8":
        raise CorruptSourceError(f"not a JPEG stream: it begins with {data[:4].hex() or 'nothing'}")
    found = []
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            raise CorruptSourceError(f"damaged JPEG header at byte {position}")
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker == EOI:
            break
        if marker in _STANDALONE:
            position += 2
            continue
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4])
        if end > len(data) or end < position + 4:
            raise CorruptSourceError(f"truncated JPEG header at byte {position}")
        found.append((marker, position, end))
        position = end
        if marker == SOS:
            break
    return found


def _frame(segment: bytes) -> tuple[int, int, int, bytes, tuple[int, int]]:
    """Return (bits, height, width, component ids, subsampling) of a frame header's content."""
    if len(segment) < 6 or len(segment) < 6 + 3 * segment[5] or not segment[5]:
        raise CorruptSourceError("damaged JPEG frame header")
    bits, height, width, count = struct.unpack(">BHHB", segment[:6])
    parts = [segment[6 + 3 * i : 9 + 3 * i] for i in range(count)]
    factors = [(part[1] >> 4, part[1] & 15) for part in parts]
    if not all(1 <= h <= 4 and 1 <= v <= 4 for h, v in factors):
        raise CorruptSourceError(f"JPEG sampling factors of {factors} can't be")
    across = max(h for h, _ in factors) // min(h for h, _ in factors[1:] or factors)
    down = max(v for _, v in factors) // min(v for _, v in factors[1:] or factors)
    ids = bytes(part[0] for part in parts)
    return bits, height, width, ids, (across, down) if count > 1 else (1, 1)


def parse_header(data: bytes) -> JpegHeader:
    """Read the header of a JPEG stream (whole, or abbreviated without its tables).

    Raises
    ------
    CorruptSourceError
        It isn't one, or it ends before its first scan.
    """
    frame: tuple[int, int, int, bytes, tuple[int, int]] | None = None
    sof = sof_offset = scan_offset = restart = 0
    jfif, adobe = False, None
    for marker, start, end in _segments(data):
        content = data[start + 4 : end]
        if marker in _FRAMES:
            frame, sof, sof_offset = _frame(content), marker, start
        elif marker == _APP0:
            jfif = jfif or content.startswith(b"JFIF")
        elif marker == _APP14 and content.startswith(b"Adobe") and len(content) >= 12:
            adobe = content[11]
        elif marker == DRI and len(content) >= 2:
            restart = int.from_bytes(content[:2])
        elif marker == SOS:
            scan_offset = end
    if frame is None or not scan_offset:
        raise CorruptSourceError("a JPEG stream without frame or scan header")
    bits, height, width, ids, subsampling = frame
    return JpegHeader(
        width,
        height,
        bits,
        len(ids),
        ids,
        subsampling,
        sof,
        jfif,
        adobe,
        restart,
        sof_offset,
        scan_offset,
    )


def stream_photometric(header: JpegHeader, tag: Photometric) -> Photometric:
    """Decide in which colour space a stream is stored, its container having said ``tag``.

    The stream's own markers win. Without any, the tag is right for Aperio's RGB and for all
    YCbCr; but a subsampled RGB does not exist, and JFIF is YCbCr by definition.
    """
    if header.components != 3:
        return tag if header.components != 1 else Photometric.GRAY
    if header.adobe_transform is not None:
        return Photometric.YCBCR if header.adobe_transform == 1 else Photometric.RGB
    if header.component_ids == b"RGB":
        return Photometric.RGB
    if header.jfif or header.subsampling != (1, 1):
        return Photometric.YCBCR
    return Photometric.RGB if tag is Photometric.RGB else Photometric.YCBCR


def merge_tables(data: bytes, tables: bytes | None) -> bytes:
    """Return a complete stream out of an abbreviated one and its tables.

    ``tables`` is a stream of its own (SOI … EOI), as in TIFF's tag 347.
    """
    if not tables or len(tables) <= 4:
        return data
    body = tables[2:-2] if tables.endswith(b"\xff\xd9") else tables[2:]
    return data[:2] + body + data[2:]


def with_adobe_marker(data: bytes, photometric: Photometric) -> bytes:
    """Return the stream with an APP14 marker that names its colour space.

    Decoders outside TIFF guess YCbCr for three components; RGB streams need the marker.
    Streams that carry one already are returned as they are.
    """
    if parse_header(data).adobe_transform is not None:
        return data
    return data[:2] + _adobe_marker(photometric) + data[2:]


def marked_prefix(tables: bytes | None, photometric: Photometric) -> bytes:
    """Return what stands for the first two bytes of streams: it makes them complete ones.

    RGB streams get an Adobe marker; one of their own that comes later would win. The others
    are what decoders take them for.
    """
    marker = _adobe_marker(photometric) if photometric is Photometric.RGB else b""
    return merge_tables(b"\xff\xd8" + marker, tables)


def _adobe_marker(photometric: Photometric) -> bytes:
    transform = 1 if photometric is Photometric.YCBCR else 0
    return b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform])


def resized_header(header: bytes, rows: int) -> bytes:
    """Return the header of one restart interval, made that of ``rows`` intervals in a stack.

    The frame becomes that many rows of blocks high, and the restart interval one row of blocks.

    Raises
    ------
    CorruptSourceError
        The intervals are no rows of blocks of the frame's width.
    """
    facts = parse_header(header)
    across, down = facts.mcu
    if not facts.restart_interval or facts.restart_interval * across != facts.width:
        raise CorruptSourceError(
            f"restart intervals of {facts.restart_interval} blocks in a frame of {facts.width}"
        )
    at = facts.sof_offset + 5
    return header[:at] + struct.pack(">H", rows * down) + header[at + 2 : facts.scan_offset]


def stack_intervals(header: bytes, intervals: list[bytes]) -> bytes:
    """Return one stream out of a header and restart intervals, each ending in its old marker.

    Restart markers count modulo eight (T.81, E.1.4); nothing else knows an interval's place.
    """
    parts = [header]
    for number, interval in enumerate(intervals):
        if len(interval) < 3 or interval[-2] != 0xFF or not 0xD0 <= interval[-1] <= EOI:
            raise CorruptSourceError("a JPEG restart interval that doesn't end in a marker")
        parts += (interval[:-2], bytes((0xFF, 0xD0 + number % 8)))
    parts[-1] = b"\xff\xd9"
    return b"".join(parts)


def join_stacks(stacks: list[bytes], height: int) -> bytes:
    """Return one stream of ``height`` rows out of stacks of intervals that lie below each other.

    All are what :func:`stack_intervals` makes, with the same header. Where they are not high
    enough, the last interval is repeated.

    Raises
    ------
    CorruptSourceError
        One of them is no such stack.
    """
    facts = parse_header(stacks[0])
    header = stacks[0][: facts.scan_offset]
    if any(stack[: facts.scan_offset] != header for stack in stacks):
        raise CorruptSourceError("JPEG stacks with different headers can't be joined")
    intervals = [part for stack in stacks for part in _INTERVAL.findall(stack, facts.scan_offset)]
    rows = height // facts.mcu[1]
    if len(intervals) != facts.height // facts.mcu[1] * len(stacks) or len(intervals) > rows:
        raise CorruptSourceError(
            f"{len(intervals)} JPEG restart intervals for {rows} rows of blocks"
        )
    intervals += intervals[-1:] * (rows - len(intervals))
    return stack_intervals(resized_header(header, rows), intervals)


def join_strips(strips: list[bytes], height: int) -> bytes | None:
    """Return one stream out of the streams of an image's strips, None where that can't be.

    Each strip becomes a restart interval. All must be baseline, of one scan, with the tables,
    width and sampling of the first, and all but the last of whole rows of blocks.
    """
    heads = [parse_header(strip) for strip in strips]
    first = heads[0]
    across, down = first.mcu
    blocks = -(-first.width // across) * -(-first.height // down)
    header = strips[0][: first.scan_offset]
    for strip, head in zip(strips, heads, strict=True):
        same = strip[: head.sof_offset + 5] == header[: first.sof_offset + 5]
        same &= strip[head.sof_offset + 7 : head.scan_offset] == header[first.sof_offset + 7 :]
        if not same or head.restart_interval or strip[-2:] != b"\xff\xd9":
            return None
    whole = all(head.height == first.height for head in heads[:-1]) and not first.height % down
    total = first.height * (len(strips) - 1) + heads[-1].height
    if first.sof not in (0xC0, 0xC1) or not whole or total != height or blocks > 0xFFFF:
        return None
    at = first.sof_offset
    restart = b"\xff\xdd\x00\x04" + struct.pack(">H", blocks)
    resized = header[: at + 5] + struct.pack(">H", height) + header[at + 7 :]
    scans = [strip[head.scan_offset :] for strip, head in zip(strips, heads, strict=True)]
    return stack_intervals(resized[:at] + restart + resized[at:], scans)
