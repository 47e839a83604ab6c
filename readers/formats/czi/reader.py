"""Zeiss CZI: scenes as frames, or one alone; levels as stored; label, macro and thumbnail.

``slide.czi`` is all scenes, on the axis ``xy``; ``slide.czi/1`` is the one with the number 1, at
its own size.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ziggurat.readers.errors import SourceError, UnsupportedFormatError
from ziggurat.readers.formats.czi.attachments import (
    JpegAttachment,
    SlicedBytes,
    attached,
    czi_picture,
)
from ziggurat.readers.formats.czi.facts import XmlFacts, xml_facts
from ziggurat.readers.formats.czi.file import (
    JPEG,
    JPEGXR,
    LZW,
    MAGIC,
    UNCOMPRESSED,
    ZSTD,
    ZSTD_HEADER,
    CziBytes,
    Subblock,
)
from ziggurat.readers.formats.czi.layout import Layout, lay_out
from ziggurat.readers.formats.czi.plane import CziPlane
from ziggurat.readers.io.bytes import ByteSource
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation
from ziggurat.readers.model.reader import AssociatedImage, DecodedImage, Plane, Reader

_COMPRESSIONS = (UNCOMPRESSED, JPEG, LZW, JPEGXR, ZSTD, ZSTD_HEADER)
# of czifile's pixel types: the bands and the sample type that are given out; complex ones are not
_SAMPLES = {
    "GRAY8": (1, "u1"),
    "GRAY16": (1, "u2"),
    "GRAY32FLOAT": (1, "f4"),
    "BGR24": (3, "u1"),
    "BGR48": (3, "u2"),
    "BGR96FLOAT": (3, "f4"),
    "BGRA32": (3, "u1"),
    "GRAY32": (1, "i4"),
    "GRAY64": (1, "f8"),
}
_UNITS = {"Z": "µm", "T": "s"}


def _samples(blocks: list[Subblock], url: str) -> tuple[int, np.dtype]:
    """Return bands and sample type that hold those of all channels.

    Raises
    ------
    UnsupportedFormatError
        Samples or compressions that aren't read here.
    """
    kinds = {str(block.entry.pixel_type.name) for block in blocks}
    packed = {int(block.entry.compression) for block in blocks}
    if not kinds <= set(_SAMPLES):
        raise UnsupportedFormatError(f"{url}: pixels of type {sorted(kinds)} are not supported")
    if not packed <= set(_COMPRESSIONS):
        raise UnsupportedFormatError(
            f"{url}: CZI compressions {sorted(packed - set(_COMPRESSIONS))} are not supported"
        )
    dtype = np.result_type(*(_SAMPLES[kind][1] for kind in kinds))
    return max(_SAMPLES[kind][0] for kind in kinds), dtype


class CziReader(Reader):
    """A CZI file, or one scene of it."""

    def __init__(self, source: ByteSource, scene: int | None = None) -> None:
        self._source = source
        self._file = CziBytes(source)
        found = list(self._file.subblocks())
        self._bands, self._dtype = _samples([block for block, _ in found], source.url)
        self._layout = lay_out(found, source.url, scene)
        self._positions = self._layout.positions()
        self._attached = attached(self._file)
        self.info = self._info()

    def _info(self) -> ImageInfo:
        layout = self._layout
        span = float(np.iinfo(self._dtype).max) if self._dtype.kind == "u" else None
        text = self._file.xml()
        facts = xml_facts(text, span)
        mm = facts.mm or {}
        properties = dict(facts.properties or {})
        for one in layout.scenes:
            rect = one.rect
            properties[f"czi.scene[{one.number}]"] = (
                f"{rect.width} x {rect.height} at {rect.x}, {rect.y}"
            )
        return ImageInfo(
            format="czi",
            levels=layout.levels,
            bands=self._bands,
            dtype=self._dtype,
            interpretation=Interpretation.RGB if self._bands == 3 else Interpretation.GRAY,
            axes=_axes(layout, facts),
            channels=_channels(layout, facts, self._bands),
            mm_x=mm.get("X"),
            mm_y=mm.get("Y", mm.get("X")),
            magnification=facts.magnification,
            associated=tuple(self._attached),
            background=(0.0,) * self._bands,
            properties=properties,
            internal={"czi": {"xml": text, "subblocks": len(self._file.entries)}},
            lossy=any(int(one.compression) in (JPEG, JPEGXR) for one in self._file.entries),
            losses=_losses(layout, has_text=bool(text), understood=facts.properties is not None),
        )

    def plane(self, level: int, frame: int) -> Plane:
        """Return a plane of a scene at a level of the file."""
        scene, number = divmod(frame, len(self._positions))
        mosaic = self._layout.mosaic(level, scene, self._positions[number])
        return CziPlane(self._file, mosaic, self._layout.levels[level], self._dtype, self._bands)

    def associated(self, name: str) -> AssociatedImage:
        """Return label, macro or thumbnail."""
        one = self._attached[name]
        part = SlicedBytes(self._source, one.offset, one.size)
        if one.kind == "CZI":
            return DecodedImage(lambda: czi_picture(lambda: CziReader(part)))
        return JpegAttachment(part.read(0, one.size), self._source.url)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _axes(layout: Layout, facts: XmlFacts) -> tuple[Axis, ...]:
    """Return the axes of the frames: the scenes, and those of the subblocks."""
    axes = []
    if len(layout.scenes) > 1:
        names = [(facts.scene_names or {}).get(str(one.number)) for one in layout.scenes]
        distinct = len(set(names)) == len(names) and all(names)
        values: tuple[Any, ...] = tuple(names) if distinct else ()
        axes.append(Axis("xy", len(layout.scenes), values or None))
    steps = {"Z": ((facts.mm or {}).get("Z") or 0) * 1000, "T": facts.seconds}
    for letter, places in layout.axes:
        step = steps.get(letter)
        marks = tuple(place * step for place in places) if step else None
        axes.append(Axis(letter.lower(), len(places), marks, _UNITS.get(letter) if marks else None))
    return tuple(axes)


def _channels(layout: Layout, facts: XmlFacts, bands: int) -> tuple[Channel, ...]:
    """Return the channels that there are planes of, by their number in the file."""
    places: Mapping[str, tuple[int, ...]] = dict(layout.axes)
    known = dict(enumerate(facts.channels))
    if "C" not in places:
        return tuple(known.values()) if len(known) == bands == 1 else ()
    return tuple(known.get(place, Channel(f"Channel {place}")) for place in places["C"])


def _losses(layout: Layout, *, has_text: bool, understood: bool) -> tuple[str, ...]:
    losses = []
    sizes = {(one.rect.width, one.rect.height) for one in layout.scenes}
    if len(sizes) > 1:
        told = ", ".join(f"{width} x {height}" for width, height in sorted(sizes))
        losses.append(
            f"scenes differ in size ({told}): smaller ones are filled up with zeros; one alone "
            f"opens by its number, slide.czi/{layout.scenes[0].number}"
        )
    if layout.blank_planes:
        losses.append(f"{layout.blank_planes} planes have no pixels in the file")
    if layout.left_out:
        told = ", ".join(f"1/{factor}" for factor in layout.left_out)
        losses.append(f"levels that don't show all of the image ({told})")
    if has_text and not understood:
        losses.append("its XML can't be parsed: names, sizes and colours are lost")
    return tuple(losses)


def open_reader(location: Location) -> CziReader:
    """Open a CZI file, or with ``file.czi/NUMBER`` a scene of it.

    Raises
    ------
    UnsupportedFormatError
        Not a CZI file, one without pixels, of several files, or of samples that aren't read; or
        there is no such scene.
    CorruptSourceError
        Truncated, damaged or never finished.
    """
    if location.is_directory or not location.head.startswith(MAGIC):
        raise UnsupportedFormatError("not a CZI file")
    if location.inside and not location.inside.isdecimal():
        raise SourceError(
            f"{location.url}: a scene of a CZI file is named by its number, not {location.inside!r}"
        )
    source = location.open_bytes()
    try:
        return CziReader(source, int(location.inside) if location.inside else None)
    except BaseException:
        source.close()
        raise
