"""A small writer of CZI files for tests, after libCZI's description of the segments."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

GRAY8, GRAY16, BGR24 = 0, 1, 3
UNCOMPRESSED, JPEGXR = 0, 4
# Sizes of pixels, names, colours and windows of which no two are alike.
FACTS = """<ImageDocument><Metadata><Scaling><Items>
<Distance Id="Y"><Value>7.5e-7</Value></Distance><Distance Id="X"><Value>5e-7</Value></Distance>
<Distance Id="Z"><Value>3e-6</Value></Distance></Items></Scaling>
<Information><Image><ObjectiveSettings><ObjectiveRef Id="Objective:2"/></ObjectiveSettings>
<Dimensions><Channels><Channel Id="Channel:0" Name="Cy5"><Color>#FFC08040</Color></Channel>
<Channel Id="Channel:1" Name="DAPI"><Color>#FF2010F0</Color></Channel>
<Channel Id="Channel:2" Name="FITC"/></Channels>
<S><Scenes><Scene Index="2" Name="lower"/><Scene Index="0" Name="upper"/></Scenes></S>
<T><Positions><Interval><Increment>2.5</Increment></Interval></Positions></T>
</Dimensions></Image><Instrument><Objectives>
<Objective Id="Objective:1"><NominalMagnification>10</NominalMagnification></Objective>
<Objective Id="Objective:2"><NominalMagnification>40</NominalMagnification></Objective>
</Objectives></Instrument></Information>
<DisplaySetting><Channels><Channel Id="Channel:2"><Color>#FF30E060</Color><Low>0.25</Low>
<High>0.75</High></Channel></Channels></DisplaySetting></Metadata></ImageDocument>"""
MASK_GUID = bytes.fromhex("67eae3cbfc5b2b49a16aece378031448")


@dataclass
class Block:
    """A subblock: where it lies in full resolution, and its stored pixels (y, x) or (y, x, RGB)."""

    x: int
    y: int
    pixels: np.ndarray
    factor: int = 1
    size: tuple[int, int] | None = None  # (width, height) in full resolution
    position: Mapping[str, int] = field(default_factory=dict)  # C, Z, T, S, M …
    compression: int = UNCOMPRESSED
    data: bytes | None = None  # as stored, where it is compressed
    mask: np.ndarray | None = None  # (y, x), True where there are pixels

    @property
    def pixel_type(self) -> int:
        return BGR24 if self.pixels.ndim == 3 else {1: GRAY8, 2: GRAY16}[self.pixels.itemsize]

    @property
    def stored(self) -> bytes:
        if self.data is not None:
            return self.data
        turned = self.pixels[..., ::-1] if self.pixels.ndim == 3 else self.pixels
        return np.ascontiguousarray(turned).tobytes()

    @property
    def attachment(self) -> bytes:
        """The mask as a chunk of its own kind: sizes, type, bytes a row, and one bit a pixel."""
        if self.mask is None:
            return b""
        height, width = self.mask.shape
        bits = np.packbits(self.mask, axis=1)
        chunk = struct.pack("<IIII", width, height, 0, bits.shape[1]) + bits.tobytes()
        return MASK_GUID + struct.pack("<i", len(chunk)) + chunk

    def entry(self, file_position: int) -> bytes:
        height, width = self.pixels.shape[:2]
        full = self.size or (width * self.factor, height * self.factor)
        dimensions = [("X", self.x, full[0], width), ("Y", self.y, full[1], height)]
        dimensions += [(name, start, 1, 1) for name, start in self.position.items()]
        head = struct.pack(
            "<2siqiiBB4si",
            b"DV",
            self.pixel_type,
            file_position,
            0,
            self.compression,
            0 if self.factor == 1 else 2,
            0,
            b"",
            len(dimensions),
        )
        return head + b"".join(
            struct.pack("<4siifi", name.encode(), start, size, 0.0, stored)
            for name, start, size, stored in dimensions
        )


def _segment(kind: bytes, data: bytes) -> bytes:
    data += bytes(-len(data) % 32)
    return struct.pack("<16sqq", kind, len(data), len(data)) + data


def make_czi(
    path: Path,
    blocks: Sequence[Block],
    xml: str = FACTS,
    attachments: Mapping[str, tuple[str, bytes]] | None = None,
) -> Path:
    """Write a file; attachments by name, each with its kind (``JPG``, ``CZI``) and bytes."""
    out = bytearray(_segment(b"ZISRAWFILE", bytes(512)))
    entries = []
    for block in blocks:
        entry = block.entry(len(out))
        entries.append(entry)
        head = struct.pack("<iiq", 0, len(block.attachment), len(block.stored)) + entry
        head = head.ljust(16 + max(240, len(entry)), b"\0")
        out += _segment(b"ZISRAWSUBBLOCK", head + block.stored + block.attachment)
    directory = len(out)
    listed = struct.pack("<i", len(entries)).ljust(128, b"\0") + b"".join(entries)
    out += _segment(b"ZISRAWDIRECTORY", listed)
    metadata = len(out)
    text = xml.encode()
    out += _segment(b"ZISRAWMETADATA", struct.pack("<ii", len(text), 0).ljust(256, b"\0") + text)
    named = []
    for name, (kind, data) in (attachments or {}).items():
        entry = struct.pack(
            "<2s10sqi16s8s80s", b"A1", b"", len(out), 0, b"", kind.encode(), name.encode()
        )
        named.append(entry)
        head = struct.pack("<q8x", len(data)) + entry
        out += _segment(b"ZISRAWATTACH", head.ljust(256, b"\0") + data)
    attached = len(out) if named else 0
    if named:
        listed = struct.pack("<i", len(named)).ljust(256, b"\0") + b"".join(named)
        out += _segment(b"ZISRAWATTDIR", listed)
    header = struct.pack(
        "<iiii16s16siqqiq", 1, 0, 0, 0, b"", b"", 0, directory, metadata, 0, attached
    )
    out[32 : 32 + len(header)] = header
    path.write_bytes(out)
    return path
