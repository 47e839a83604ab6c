"""Which vendor a TIFF is from, and what that vendor's fields say."""

from ziggurat.readers.tiff_structure import Structure
from ziggurat.readers.vendor_aperio import aperio_facts
from ziggurat.readers.vendor_facts import VendorFacts

_NAMES = {
    "ome": "ome-tiff",
    "svs": "aperio",
    "ndpi": "hamamatsu",
    "scn": "leica",
    "philips": "philips",
    "qpi": "akoya",
    "imagej": "imagej",
    "geotiff": "geotiff",
}


def vendor_facts(structure: Structure) -> VendorFacts:
    """Return the facts of a file's kind."""
    page = structure.series.keyframe
    name = _NAMES.get(structure.kind, "tiff")
    if structure.kind == "svs":
        return aperio_facts(page.description)
    mpp = structure.series.mpp
    magnification = structure.series.attrs.get("magnification")
    return VendorFacts(
        format=name,
        mm_x=mpp[0] / 1000 if mpp and name != "tiff" else None,
        mm_y=mpp[1] / 1000 if mpp and name != "tiff" else None,
        magnification=float(magnification) if magnification else None,
        background=255 if name in ("hamamatsu", "leica", "philips") else None,
    )
