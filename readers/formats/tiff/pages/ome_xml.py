"""OME-XML: the facts of its images, read out of the text; pure.

Source: OME schema 2016-06. Older namespaces have the same names for all that is read here.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.model.image import Channel
from ziggurat.readers.model.units import length_mm, time_seconds, time_step

_MOST_POSITIONS = 1 << 20
OWN_NAMESPACE = "ziggurat"


@dataclass(frozen=True, slots=True)
class Modulo:
    """A sub-axis hidden in z, c or t (OME "6D" annotations): what it is and its positions."""

    along: str
    kind: str
    values: tuple[Any, ...]
    unit: str | None


@dataclass(frozen=True)
class OmeImage:
    """One ``Image`` element.

    ``sizes`` are per axis letter; c is 0 where it isn't told. ``order`` are the frame axes'
    letters, slowest first; ``places`` the blocks of frames that are said to be in a file:
    (position by letter, IFD or None, planes or None, file or None). ``z_values`` are in
    micrometres or None, ``t_values`` in ``t_unit``.
    """

    name: str
    sizes: Mapping[str, int]
    order: str
    places: tuple[tuple[Mapping[str, int], int | None, int | None, str | None], ...]
    mm_x: float | None
    mm_y: float | None
    channels: tuple[Channel, ...]
    samples: tuple[int, ...]  # per channel
    magnification: float | None
    z_values: tuple[float, ...] | None
    t_values: tuple[float, ...] | None
    t_unit: str
    modulo: tuple[Modulo, ...]
    properties: Mapping[str, str] = field(default_factory=dict)


def _local(element: ElementTree.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _children(element: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    return (child for child in element if _local(child) == name)


def _first(element: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next(_children(element, name), None)


def _float(text: str | None) -> float | None:
    """Return a number, also one with a decimal comma; None where it is none, or not finite."""
    try:
        value = float((text or "").replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _count(text: str | None, otherwise: int = 1) -> int:
    """Return a whole number; what isn't one is as good as not there."""
    value = _float(text)
    good = value is not None and value.is_integer() and 0 <= value < _MOST_POSITIONS**2
    return int(value) if value is not None and good else otherwise


def _millimetres(pixels: ElementTree.Element, axis: str) -> float | None:
    size = _float(pixels.get(f"PhysicalSize{axis}"))
    unit = length_mm(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
    return size * unit if size and size > 0 and unit else None


def _color(text: str | None) -> str | None:
    """Return ``#rrggbb`` of OME's signed 32-bit RGBA."""
    try:
        value = int(text or "") & 0xFFFFFFFF
    except ValueError:
        return None
    return f"#{value >> 8:06x}"


def _channels(pixels: ElementTree.Element) -> tuple[tuple[Channel, ...], tuple[int, ...]]:
    channels, samples = [], []
    for number, element in enumerate(_children(pixels, "Channel")):
        name = element.get("Name") or element.get("Fluor") or f"Channel {number}"
        channels.append(Channel(name, _color(element.get("Color"))))
        samples.append(max(1, _count(element.get("SamplesPerPixel"))))
    return tuple(channels), tuple(samples)


def _times(pixels: ElementTree.Element, size: int) -> tuple[float, ...] | None:
    """Return the seconds of each time, from the planes at the other axes' beginning."""
    found: dict[int, float] = {}
    for plane in _children(pixels, "Plane"):
        value = _float(plane.get("DeltaT"))
        unit = time_seconds(plane.get("DeltaTUnit") or "s")
        if value is not None and unit is not None:
            seconds = value if unit == 1 else float(f"{value * unit:.15g}")
            found.setdefault(_count(plane.get("TheT"), 0), seconds)
    values = tuple(found[index] for index in range(size) if index in found)
    return values if len(values) == size and len(set(values)) == size else None


def _steps(step: float | None, size: int) -> tuple[float, ...] | None:
    return tuple(step * index for index in range(size)) if step and step > 0 and size > 1 else None


def _z_values(pixels: ElementTree.Element, size: int) -> tuple[float, ...] | None:
    if size < 2:
        return None
    step = _millimetres(pixels, "Z")
    return _steps(None if step is None else step * 1000, size)


def _t_values(pixels: ElementTree.Element, size: int) -> tuple[tuple[float, ...] | None, str]:
    """Return the times and their unit: those of the planes, else even steps."""
    if size < 2:
        return None, "s"
    exact = _times(pixels, size)
    step = _float(pixels.get("TimeIncrement"))
    if exact is not None or step is None:
        return exact, "s"
    step, unit = time_step(step, pixels.get("TimeIncrementUnit") or "s")
    return _steps(step, size), unit or "s"


def _order(pixels: ElementTree.Element) -> str:
    """Return the letters of the frame axes, slowest first; XYZCT where they aren't told."""
    said = pixels.get("DimensionOrder", "").strip().upper()[2:]
    return (said if sorted(said) == sorted("ZCT") else "ZCT")[::-1]


def _places(
    pixels: ElementTree.Element,
) -> tuple[tuple[Mapping[str, int], int | None, int | None, str | None], ...]:
    found = []
    for block in _children(pixels, "TiffData"):
        uuid = _first(block, "UUID")
        ifd, count = block.get("IFD"), block.get("PlaneCount", block.get("NumPlanes"))
        found.append(
            (
                {letter: _count(block.get(f"First{letter}"), 0) for letter in "ZCT"},
                None if ifd is None else _count(ifd, 0),
                None if count is None else _count(count, 0),
                None if uuid is None else uuid.get("FileName"),
            )
        )
    return tuple(found)


def _objectives(root: ElementTree.Element) -> dict[str, float]:
    found = {}
    for instrument in _children(root, "Instrument"):
        for objective in _children(instrument, "Objective"):
            power = _float(objective.get("NominalMagnification"))
            if power and power > 0:
                found[objective.get("ID", "")] = power
    return found


def _modulos(root: ElementTree.Element) -> dict[str, tuple[Modulo, ...]]:
    """Return the modulo annotations by their ID."""
    found = {}
    for annotations in _children(root, "StructuredAnnotations"):
        for one in annotations:
            if one.get("Namespace", "").endswith("modulo"):
                along = [e for e in one.iter() if _local(e).startswith("ModuloAlong")]
                found[one.get("ID", "")] = tuple(_modulo(e) for e in along)
    return found


def _modulo(element: ElementTree.Element) -> Modulo:
    values: tuple[Any, ...] = tuple((label.text or "") for label in _children(element, "Label"))
    start, end = _float(element.get("Start")), _float(element.get("End"))
    step = _float(element.get("Step")) or 1.0
    if not values and start is not None and end is not None and step > 0:
        count = min(_MOST_POSITIONS, max(1, int((end - start) / step + 1 + 1e-9)))
        values = tuple(start + step * index for index in range(count))
    kind = element.get("Type", "other").lower()
    return Modulo(_local(element)[-1].lower(), kind, values, element.get("Unit"))


def _image(
    element: ElementTree.Element,
    objectives: Mapping[str, float],
    modulos: Mapping[str, tuple[Modulo, ...]],
) -> OmeImage | None:
    pixels = _first(element, "Pixels")
    if pixels is None:
        return None
    channels, samples = _channels(pixels)
    sizes = {axis: max(1, _count(pixels.get(f"Size{axis}"))) for axis in "XYZT"}
    sizes["C"] = _count(pixels.get("SizeC"), sum(samples))
    t_values, t_unit = _t_values(pixels, sizes["T"])
    settings = _first(element, "ObjectiveSettings")
    refs = [ref.get("ID", "") for ref in _children(element, "AnnotationRef")]
    date = _first(element, "AcquisitionDate")
    properties = {}
    if date is not None and date.text:
        properties["ome.AcquisitionDate"] = date.text.strip()
    return OmeImage(
        name=element.get("Name", ""),
        sizes=sizes,
        order=_order(pixels),
        places=_places(pixels),
        mm_x=_millimetres(pixels, "X"),
        mm_y=_millimetres(pixels, "Y"),
        channels=channels,
        samples=samples,
        magnification=None if settings is None else objectives.get(settings.get("ID", "")),
        z_values=_z_values(pixels, sizes["Z"]),
        t_values=t_values,
        t_unit=t_unit,
        modulo=next((modulos[ref] for ref in refs if ref in modulos), ()),
        properties=properties,
    )


def _root(xml: str) -> ElementTree.Element:
    """Return the root of a text; where the text is flawed, of what comes before the flaw."""
    try:
        return ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        parser: ElementTree.XMLPullParser[Any] = ElementTree.XMLPullParser(events=("start",))
        parser.feed(xml)
        events: Iterator[Any] = iter(parser.read_events())
        first = next(events, None)
        if first is None:
            raise
        root: ElementTree.Element = first[1]
        return root


def parse_ome(xml: str) -> list[OmeImage]:
    """Return the images that an OME-XML text describes.

    Raises
    ------
    CorruptSourceError
        It can't be read.
    """
    try:
        root = _root(xml)
        objectives, modulos = _objectives(root), _modulos(root)
        found = [_image(element, objectives, modulos) for element in _children(root, "Image")]
    except (ElementTree.ParseError, ValueError, OverflowError) as error:
        raise CorruptSourceError(f"OME-XML that can't be read: {error}") from error
    return [image for image in found if image is not None]


def companion_name(xml: str) -> str | None:
    """Return the name of the file that has the metadata, where this one has only the pixels."""
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError):
        return None
    only = _first(root, "BinaryOnly")
    return None if only is None else only.get("MetadataFile")


def own_comment(xml: str) -> str | None:
    """Return the description that ziggurat leaves in an annotation of its own, or None."""
    if OWN_NAMESPACE not in xml:
        return None
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError):
        return None
    for annotations in _children(root, "StructuredAnnotations"):
        for comment in _children(annotations, "CommentAnnotation"):
            if comment.get("Namespace") == OWN_NAMESPACE:
                value = _first(comment, "Value")
                return None if value is None else value.text
    return None
