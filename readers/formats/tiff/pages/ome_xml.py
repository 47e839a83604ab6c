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

# Lengths in millimetres; "pixel" and "reference frame" are no lengths.
_MM = {
    "pm": 1e-9,
    "Å": 1e-7,
    "nm": 1e-6,
    "µm": 1e-3,
    "μm": 1e-3,
    "um": 1e-3,
    "mm": 1.0,
    "cm": 10.0,
    "dm": 100.0,
    "m": 1000.0,
    "in": 25.4,
}
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
    """One ``Image`` element. Sizes are per axis letter; ``z_values`` in micrometres or None."""

    name: str
    sizes: Mapping[str, int]
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
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _millimetres(pixels: ElementTree.Element, axis: str) -> float | None:
    size = _float(pixels.get(f"PhysicalSize{axis}"))
    unit = _MM.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
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
        samples.append(int(element.get("SamplesPerPixel", 1)))
    return tuple(channels), tuple(samples)


def _plane_values(
    pixels: ElementTree.Element, axis: str, attribute: str, size: int
) -> tuple[float, ...] | None:
    """Return a value for each position of an axis, from the planes at the others' beginning."""
    found: dict[int, float] = {}
    for plane in _children(pixels, "Plane"):
        value = _float(plane.get(attribute))
        if value is not None:
            found.setdefault(int(plane.get(f"The{axis}", 0)), value)
    values = tuple(found[index] for index in range(size) if index in found)
    return values if len(values) == size and len(set(values)) == size else None


def _steps(step: float | None, size: int) -> tuple[float, ...] | None:
    return tuple(step * index for index in range(size)) if step and step > 0 and size > 1 else None


def _z_values(pixels: ElementTree.Element, size: int) -> tuple[float, ...] | None:
    if size < 2:
        return None
    step = _millimetres(pixels, "Z")
    return _steps(None if step is None else step * 1000, size)


def _t_values(pixels: ElementTree.Element, size: int) -> tuple[float, ...] | None:
    if size < 2:
        return None
    exact = _plane_values(pixels, "T", "DeltaT", size)
    return exact or _steps(_float(pixels.get("TimeIncrement")), size)


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
    sizes = {axis: int(pixels.get(f"Size{axis}", 1)) for axis in "XYZCT"}
    channels, samples = _channels(pixels)
    settings = _first(element, "ObjectiveSettings")
    refs = [ref.get("ID", "") for ref in _children(element, "AnnotationRef")]
    date = _first(element, "AcquisitionDate")
    properties = {}
    if date is not None and date.text:
        properties["ome.AcquisitionDate"] = date.text.strip()
    return OmeImage(
        name=element.get("Name", ""),
        sizes=sizes,
        mm_x=_millimetres(pixels, "X"),
        mm_y=_millimetres(pixels, "Y"),
        channels=channels,
        samples=samples,
        magnification=None if settings is None else objectives.get(settings.get("ID", "")),
        z_values=_z_values(pixels, sizes["Z"]),
        t_values=_t_values(pixels, sizes["T"]),
        t_unit=pixels.get("TimeIncrementUnit", "s"),
        modulo=next((modulos[ref] for ref in refs if ref in modulos), ()),
        properties=properties,
    )


def parse_ome(xml: str) -> list[OmeImage]:
    """Return the images that an OME-XML text describes.

    Raises
    ------
    CorruptSourceError
        It can't be read.
    """
    try:
        root = ElementTree.fromstring(xml)
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
