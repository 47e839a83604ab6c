"""Philips TIFF: an XML description with DICOM-like attributes, sparse tiles, padded levels.

Source: OpenSlide's notes on the format. Sizes of lower levels in the tags are padded to whole
tiles; tifffile corrects them by the pixel spacings in the description.
"""

from xml.etree import ElementTree

from ziggurat.readers.tiff_structure import Structure
from ziggurat.readers.vendor_facts import VendorFacts

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


def philips_facts(structure: Structure) -> VendorFacts:
    """Return the facts of a slide."""
    spacing = structure.series.mpp
    return VendorFacts(
        format="philips",
        mm_x=spacing[0] / 1000 if spacing else None,
        mm_y=spacing[1] / 1000 if spacing else None,
        background=255,
        properties=philips_properties(structure.page.description),
    )
