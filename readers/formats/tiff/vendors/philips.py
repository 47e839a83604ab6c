"""Philips TIFF: an XML description with DICOM-like attributes, sparse tiles, padded levels.

Source: OpenSlide's notes on the format. Sizes of lower levels in the tags are padded to whole
tiles; tifffile corrects them by the pixel spacings in the description.
"""

import base64
import binascii
import dataclasses
from xml.etree import ElementTree

import tifffile

from ziggurat.readers.formats.tiff.pages.chain import structure_from_series
from ziggurat.readers.formats.tiff.pages.structure import AssociatedPage, TiffStructure
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts
from ziggurat.readers.formats.tiff.vendors.kind import TiffKind, series_kind

_PICTURES = {"LABELIMAGE": "label", "MACROIMAGE": "macro"}
_LONGEST_VALUE = 1000  # beyond are pictures and thumbnails in base64


def philips_properties(xml: str) -> dict[str, str]:
    """Return the description's top attributes as ``philips.NAME``."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return {}
    return {
        f"philips.{one.get('Name')}": one.text.strip()
        for one in root.findall("Attribute")
        if one.get("Name") and one.text and one.text.strip() and len(one.text) < _LONGEST_VALUE
    }


def philips_pictures(xml: str) -> dict[str, bytes]:
    """Return label and macro where the description holds them: JPEG in base64."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return {}
    found = {}
    for one in root.iter("DataObject"):
        fields = {child.get("Name"): child.text or "" for child in one.findall("Attribute")}
        name = _PICTURES.get(fields.get("PIM_DP_IMAGE_TYPE", "").strip())
        if name is not None and fields.get("PIM_DP_IMAGE_DATA"):
            try:
                found[name] = base64.b64decode(fields["PIM_DP_IMAGE_DATA"])
            except (binascii.Error, ValueError):
                continue
    return found


def philips_structure(tif: tifffile.TiffFile) -> TiffStructure:
    """Return the structure of a slide, with the pictures in its description beside it."""
    structure = structure_from_series(tif)
    there = {(beside.name or "").lower() for beside in structure.associated}
    pictures = philips_pictures(tif.pages.first.description)
    embedded = [
        AssociatedPage(name, None, data) for name, data in pictures.items() if name not in there
    ]
    return dataclasses.replace(structure, associated=(*structure.associated, *embedded))


def philips_facts(structure: TiffStructure) -> VendorFacts:
    """Return the facts of a slide."""
    spacing = structure.series.mpp
    return VendorFacts(
        format="philips",
        mm_x=spacing[0] / 1000 if spacing else None,
        mm_y=spacing[1] / 1000 if spacing else None,
        background=255,
        properties=philips_properties(structure.page.description),
    )


def _recognises(tif: tifffile.TiffFile) -> bool:
    return series_kind(tif) == "philips"


PHILIPS = TiffKind(
    "philips",
    _recognises,
    philips_structure,
    philips_facts,
    keep_when_deidentified=(
        "philips.*pixel_spacing*",
        "philips.*bits_*",
        "philips.*samples_per_pixel*",
        "philips.*compression*",
    ),
)
