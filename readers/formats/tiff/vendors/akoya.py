"""Akoya (PerkinElmer) QPTIFF: an XML description on every page, one page a channel.

Source: the vendor's "QPTIFF file format description".
"""

from xml.etree import ElementTree

import tifffile

from ziggurat.readers.formats.tiff.pages.chain import structure_from_series
from ziggurat.readers.formats.tiff.pages.structure import TiffStructure
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts, micrometres, number
from ziggurat.readers.formats.tiff.vendors.kind import TiffKind, series_kind
from ziggurat.readers.model.image import Channel, ServedLevels

_LONGEST_VALUE = 1000  # beyond is the scan profile, a document of its own


def _parse(description: object) -> ElementTree.Element | None:
    if not isinstance(description, str):
        return None
    try:
        return ElementTree.fromstring(description)
    except (ElementTree.ParseError, ValueError):  # ValueError: text with an encoding of its own
        return None


def akoya_channel(description: object) -> Channel | None:
    """Return the channel that a page's description names, with its colour as ``#rrggbb``."""
    root = _parse(description)
    name = None if root is None else root.findtext("Name")
    if root is None or not name:
        return None
    color = None
    parts = (root.findtext("Color") or "").split(",")
    if len(parts) == 3 and all(part.strip().isdigit() for part in parts):
        color = "#" + "".join(f"{min(255, int(part)):02x}" for part in parts)
    return Channel(name.strip(), color)


def akoya_facts(structure: TiffStructure) -> VendorFacts:
    """Return the facts of a slide, channels out of its pages' descriptions."""
    root = _parse(structure.page.description)
    size = power = None
    properties = {}
    if root is not None:
        size = micrometres(root.findtext(".//PixelSizeMicrons"))
        power = number(root.findtext(".//Magnification"))
        power = power or number((root.findtext("Objective") or "").lower().rstrip("x"))
        for field in root:
            text = (field.text or "").strip()
            if not len(field) and text and len(text) < _LONGEST_VALUE:
                properties[f"akoya.{field.tag}"] = text
    named = [
        None if page is None else akoya_channel(page.keyframe.description)
        for page in structure.levels[0]
    ]
    channels = tuple(one for one in named if one is not None)
    complete = len(channels) == len(named) and len(named) > 1
    return VendorFacts(
        format="akoya",
        mm_x=size,
        mm_y=size,
        magnification=power,
        channels=channels if complete else (),
        properties=properties,
        served_levels=ServedLevels.EVERY,
    )


def _recognises(tif: tifffile.TiffFile) -> bool:
    return series_kind(tif) == "qpi"


AKOYA = TiffKind(
    "qpi",
    _recognises,
    structure_from_series,
    akoya_facts,
    keep_when_deidentified=(
        "akoya.objective*",
        "akoya.exposuretime*",
        "akoya.filter*",
        "akoya.excitation*",
        "akoya.emission*",
        "akoya.pixelsize*",
    ),
)
