"""OME-XML 2016-06 for an image and its associated images; pure.

Source: https://www.openmicroscopy.org/Schemas/OME/2016-06/ and, for axes beyond z, c and t, the
6D-8D modulo annotations of the OME data model: the first further axis runs along t, the second
along z, the third along c (their index is ``outer * size + inner``).
"""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ziggurat.readers.errors import OptionError
from ziggurat.readers.formats.tiff.pages.description import describe_image
from ziggurat.readers.model.image import Axis, ImageInfo
from ziggurat.readers.model.units import length_symbol, time_symbol

_NS = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_MODULO_NS = "http://www.openmicroscopy.org/Schemas/Additions/2011-09"
_MODULO = "openmicroscopy.org/omero/dimension/modulo"
_PYRAMID = "openmicroscopy.org/PyramidResolution"
OWN_NAMESPACE = "ziggurat"
_TYPES = {
    "bool": "bit",
    "uint8": "uint8",
    "int8": "int8",
    "uint16": "uint16",
    "int16": "int16",
    "uint32": "uint32",
    "int32": "int32",
    "float32": "float",
    "float64": "double",
}
_MODULO_TYPES = {"angle", "phase", "tile", "lifetime", "lambda"}
_SYMBOLS = {"z": length_symbol, "t": time_symbol}


@dataclass(frozen=True, slots=True)
class AssociatedFacts:
    """What OME-XML says of an associated image; its page follows those of the frames."""

    name: str
    width: int
    height: int
    bands: int
    dtype: str


@dataclass(frozen=True, slots=True)
class _Dimensions:
    """How the frame axes lie on z, c and t: each of these is (own axis, further axis)."""

    along: dict[str, tuple[Axis | None, Axis | None]]

    def size(self, name: str) -> int:
        """Positions along z, c or t, further axis included."""
        own, further = self.along[name]
        return (own.size if own else 1) * (further.size if further else 1)

    def index(self, name: str, position: dict[str, int]) -> int:
        """Index along z, c or t of a frame's position."""
        own, further = self.along[name]
        index = position[own.name] if own else 0
        return index * further.size + position[further.name] if further else index


def pixel_type(dtype: np.dtype) -> str:
    """Return OME's name of a sample type.

    Raises
    ------
    OptionError
        OME has none.
    """
    if dtype.name not in _TYPES:
        raise OptionError(
            f"OME-TIFF has no pixel type for {dtype.name}; it has {', '.join(_TYPES)}. "
            "Plain .tif and .zarr take it"
        )
    return _TYPES[dtype.name]


def ome_xml(
    info: ImageInfo,
    levels: Sequence[tuple[int, int]],
    associated: Sequence[AssociatedFacts] = (),
    creator: str = "ziggurat",
    *,
    name: str = "image",
    own: str | None = None,
) -> str:
    """Return the OME-XML of an OME-TIFF, in ASCII.

    Parameters
    ----------
    info
        The image. Page n of the main chain is its frame n.
    levels
        (width, height) of the pyramid, full size first.
    associated
        Images on the pages after those of the frames.
    name
        Of the image, as programs show it.
    own
        Our own description of it; None: that of ``info``.

    Raises
    ------
    OptionError
        A sample type that OME doesn't have, or more than three axes beside z, c and t.
    """
    ET.register_namespace("", _NS)
    root = ET.Element(
        f"{{{_NS}}}OME",
        {f"{{{_XSI}}}schemaLocation": f"{_NS} {_NS}/ome.xsd", "Creator": creator},
    )
    dimensions = _dimensions(info.axes)
    if info.magnification:
        instrument = _sub(root, "Instrument", ID="Instrument:0")
        _sub(
            instrument,
            "Objective",
            ID="Objective:0",
            NominalMagnification=_text(info.magnification),
        )
    annotations = ET.Element(f"{{{_NS}}}StructuredAnnotations")
    own = describe_image(info) if own is None else own
    references = _annotations(annotations, own, levels, dimensions)
    _main_image(root, info, dimensions, references, _clean(name))
    for number, facts in enumerate(associated):
        _associated_image(root, number + 1, info.frames + number, facts)
    root.append(annotations)
    ET.indent(root, " ")
    body = ET.tostring(root, encoding="us-ascii", xml_declaration=False).decode("ascii")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'


def _sub(parent: ET.Element, name: str, **attributes: str | None) -> ET.Element:
    kept = {key: value for key, value in attributes.items() if value is not None}
    return ET.SubElement(parent, f"{{{_NS}}}{name}", kept)


def _text(number: float) -> str:
    return f"{number:.15g}"  # all digits but the dust of a multiplication


def _dimensions(axes: Sequence[Axis]) -> _Dimensions:
    own = {axis.name: axis for axis in axes if axis.name in "zct" and len(axis.name) == 1}
    further = [axis for axis in axes if axis.name not in own]
    if len(further) > 3:
        raise OptionError(
            f"OME-TIFF has room for three axes beside z, c and t, not for {len(further)}: "
            f"{[a.name for a in further]}; plain .tif and .zarr take any number"
        )
    places = dict(zip("tzc", further, strict=False))
    return _Dimensions({name: (own.get(name), places.get(name)) for name in "zct"})


def _main_image(
    root: ET.Element,
    info: ImageInfo,
    dimensions: _Dimensions,
    references: Sequence[str],
    name: str,
) -> None:
    image = _sub(root, "Image", ID="Image:0", Name=name)
    if info.description:
        _sub(image, "Description").text = _clean(info.description)
    if info.magnification:
        _sub(image, "ObjectiveSettings", ID="Objective:0")
    pixels = _sub(
        image,
        "Pixels",
        ID="Pixels:0",
        DimensionOrder=_order(info.axes),
        Type=pixel_type(info.dtype),
        SizeX=str(info.width),
        SizeY=str(info.height),
        SizeZ=str(dimensions.size("z")),
        SizeC=str(dimensions.size("c") * info.bands),
        SizeT=str(dimensions.size("t")),
        Interleaved="true" if info.bands > 1 else None,
        PhysicalSizeX=_text(info.mm_x * 1000) if info.mm_x else None,
        PhysicalSizeY=_text(info.mm_y * 1000) if info.mm_y else None,
        **_increments(dimensions),
    )
    for index in range(dimensions.size("c")):
        _channel(pixels, info, dimensions, index)
    for frame in range(info.frames):
        position = info.frame_position(frame)
        _sub(
            pixels,
            "TiffData",
            IFD=str(frame),
            PlaneCount="1",
            FirstZ=str(dimensions.index("z", position)),
            FirstC=str(dimensions.index("c", position)),
            FirstT=str(dimensions.index("t", position)),
        )
    _planes(pixels, info, dimensions)
    for reference in references:
        _sub(image, "AnnotationRef", ID=reference)


def _order(axes: Sequence[Axis]) -> str:
    """Return the dimension order, fastest first, in which the frames are on the pages."""
    named = [axis.name.upper() for axis in reversed(axes) if axis.name in ("z", "c", "t")]
    return "XY" + "".join(named + [d for d in "CZT" if d not in named])


def _increments(dimensions: _Dimensions) -> dict[str, str | None]:
    """Return the attributes of evenly spaced z and t."""
    found: dict[str, str | None] = {}
    for name, attribute in (("z", "PhysicalSizeZ"), ("t", "TimeIncrement")):
        axis, further = dimensions.along[name]
        step = None if axis is None or further else uniform_step(axis)
        unit = None if axis is None else ome_unit(name, axis.unit)
        if step and (name == "t" or step > 0) and unit is not None:
            found[attribute] = _text(step)
            found[f"{attribute}Unit"] = unit
    return found


def ome_unit(axis: str, unit: str | None) -> str | None:
    """Return the unit of a z or t axis as OME writes it, or None where it has no such."""
    return None if unit is None else _SYMBOLS[axis](unit)


def uniform_step(axis: Axis) -> float | None:
    """Return the distance of neighbours on an evenly spaced axis of numbers, else None."""
    values = axis.values
    if (
        axis.by_frame is not None
        or values is None
        or axis.size < 2
        or not all(_is_number(v) for v in values)
    ):
        return None
    steps = [b - a for a, b in pairwise(values)]
    even = all(abs(s - steps[0]) <= 1e-6 * abs(steps[0]) for s in steps)
    return float(steps[0]) if even else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _channel(pixels: ET.Element, info: ImageInfo, dimensions: _Dimensions, index: int) -> None:
    _, further = dimensions.along["c"]
    number = index // further.size if further else index
    channel = info.channels[number] if number < len(info.channels) else None
    _sub(
        pixels,
        "Channel",
        ID=f"Channel:0:{index}",
        Name=_clean(channel.name) if channel else None,
        SamplesPerPixel=str(info.bands),
        Color=_color(channel.color) if channel and channel.color else None,
    )


def _color(color: str) -> str:
    """Return ``#rrggbb`` as OME's signed 32-bit RGBA."""
    value = int(color.lstrip("#")[:6] + "ff", 16)
    return str(value - 2**32 if value >= 2**31 else value)


def _planes(pixels: ET.Element, info: ImageInfo, dimensions: _Dimensions) -> None:
    """Say where each plane is, on axes that are not evenly spaced."""
    attributes, each = {}, {}
    for name, attribute in (("z", "PositionZ"), ("t", "DeltaT")):
        axis = dimensions.along[name][0]
        if axis is None or axis.values is None:
            continue
        if uniform_step(axis) is not None:
            continue
        unit = ome_unit(name, axis.unit)
        values = info.frame_values(axis)
        if unit is not None and all(map(_is_number, values)):
            attributes[name] = attribute, unit
            each[name] = values
    if not attributes:
        return
    for frame in range(info.frames):
        position = info.frame_position(frame)
        said: dict[str, str | None] = {}
        for name, (attribute, unit) in attributes.items():
            said[attribute] = _text(each[name][frame])
            said[f"{attribute}Unit"] = unit
        _sub(
            pixels,
            "Plane",
            TheZ=str(dimensions.index("z", position)),
            TheC=str(dimensions.index("c", position)),
            TheT=str(dimensions.index("t", position)),
            **said,
        )


def _annotations(
    parent: ET.Element,
    description: str,
    levels: Sequence[tuple[int, int]],
    dimensions: _Dimensions,
) -> list[str]:
    """Add our own facts, the levels and the further axes; return the ids to refer to."""
    ids = ["Annotation:0"]
    further = [(name, pair[1]) for name, pair in dimensions.along.items() if pair[1] is not None]
    if further:
        ids.insert(0, "Annotation:2")  # tifffile looks at an image's first annotation only
        _modulo(_sub(parent, "XMLAnnotation", ID="Annotation:2", Namespace=_MODULO), further)
    own = _sub(parent, "CommentAnnotation", ID="Annotation:0", Namespace=OWN_NAMESPACE)
    _sub(own, "Value").text = description
    if len(levels) > 1:
        ids.append("Annotation:1")
        pyramid = _sub(parent, "MapAnnotation", ID="Annotation:1", Namespace=_PYRAMID)
        value = _sub(pyramid, "Value")
        for number, (width, height) in enumerate(levels[1:], 1):
            _sub(value, "M", K=str(number)).text = f"{width} {height}"
    return ids


def _modulo(annotation: ET.Element, further: Sequence[tuple[str, Axis]]) -> None:
    # a namespace of its own: in OME's, "Label" is a shape with a place
    modulo = ET.SubElement(
        _sub(annotation, "Value"), "Modulo", {"xmlns": _MODULO_NS, "namespace": _MODULO_NS}
    )
    for name, axis in further:
        known = axis.name in _MODULO_TYPES
        attributes = {"Type": axis.name if known else "other"}
        if not known:
            attributes["TypeDescription"] = axis.name
        if axis.unit:
            attributes["Unit"] = axis.unit
        step = uniform_step(axis)
        if step and axis.values:
            attributes |= {
                "Start": _text(axis.values[0]),
                "Step": _text(step),
                "End": _text(axis.values[-1]),
            }
        along = ET.SubElement(modulo, f"ModuloAlong{name.upper()}", attributes)
        if not step:
            for value in axis.values or range(axis.size):
                ET.SubElement(along, "Label").text = _clean(str(value))


def _associated_image(root: ET.Element, number: int, page: int, facts: AssociatedFacts) -> None:
    image = _sub(root, "Image", ID=f"Image:{number}", Name=_clean(facts.name))
    pixels = _sub(
        image,
        "Pixels",
        ID=f"Pixels:{number}",
        DimensionOrder="XYCZT",
        Type=pixel_type(np.dtype(facts.dtype)),
        SizeX=str(facts.width),
        SizeY=str(facts.height),
        SizeZ="1",
        SizeC=str(facts.bands),
        SizeT="1",
        Interleaved="true" if facts.bands > 1 else None,
    )
    _sub(pixels, "Channel", ID=f"Channel:{number}:0", SamplesPerPixel=str(facts.bands))
    _sub(pixels, "TiffData", IFD=str(page), PlaneCount="1")


def _clean(text: str) -> str:
    """Return text without the control characters that XML 1.0 can't hold."""
    return "".join(c for c in text if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff"))
