"""Which kind of TIFF a file is: for each, how to find its images and read its facts."""

from collections.abc import Callable
from dataclasses import dataclass

import tifffile

from ziggurat.readers.errors import LeftToOthersError
from ziggurat.readers.formats.tiff.pages.structure import UNORDERED, Structure, choose
from ziggurat.readers.formats.tiff.vendors.akoya import akoya_facts
from ziggurat.readers.formats.tiff.vendors.aperio import KIND as APERIO
from ziggurat.readers.formats.tiff.vendors.aperio import aperio_facts, aperio_structure
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts, micrometres, number
from ziggurat.readers.formats.tiff.vendors.hamamatsu import hamamatsu_facts, hamamatsu_structure
from ziggurat.readers.formats.tiff.vendors.imagej import imagej_facts
from ziggurat.readers.formats.tiff.vendors.leica import leica_facts, leica_structure
from ziggurat.readers.formats.tiff.vendors.ome import ome_facts, ome_structure
from ziggurat.readers.formats.tiff.vendors.philips import philips_facts, philips_structure
from ziggurat.readers.formats.tiff.vendors.ziggurat import OME_KIND, own_description, own_structure


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: tifffile's name of its series, how its pages are laid out, what it says."""

    series: str
    structure: Callable[[tifffile.TiffFile], Structure]
    facts: Callable[[Structure], VendorFacts]


KINDS = (
    Kind(APERIO, aperio_structure, aperio_facts),
    Kind("ndpi", hamamatsu_structure, hamamatsu_facts),
    Kind("scn", leica_structure, leica_facts),
    Kind("philips", philips_structure, philips_facts),
    Kind("qpi", choose, akoya_facts),
    Kind("ome", ome_structure, ome_facts),
    Kind("imagej", choose, imagej_facts),
)
_XMP = 700
_PLAIN = {"geotiff": "geotiff", OME_KIND: "ome-tiff"}


def _is_ventana(tif: tifffile.TiffFile) -> bool:
    """Return True where the XMP packet is one of Ventana's scanners."""
    packet = tif.pages.first.tags.valueof(_XMP)
    return isinstance(packet, bytes) and b"<iScan" in packet[:4096]


def find_structure(tif: tifffile.TiffFile) -> Structure:
    """Return the structure of a file, by the rules of its kind.

    Raises
    ------
    CorruptSourceError
        There is no image in it.
    LeftToOthersError
        A kind that other readers know better.
    """
    if tif.is_trestle or tif.is_bif or _is_ventana(tif):
        raise LeftToOthersError("slides with overlapping tiles are left to OpenSlide")
    said = own_description(tif)
    if said is not None:
        return own_structure(tif, said)
    if tif.is_svs:
        return aperio_structure(tif)
    series = list(tif.series)
    kind = next((kind for kind in KINDS if series and series[0].kind == kind.series), None)
    return choose(tif) if kind is None else kind.structure(tif)


def vendor_facts(structure: Structure) -> VendorFacts:
    """Return the facts of an image by the rules of its kind."""
    kind = next((kind for kind in KINDS if kind.series == structure.kind), None)
    return _other_facts(structure) if kind is None else kind.facts(structure)


def _other_facts(structure: Structure) -> VendorFacts:
    """Return what tifffile found out of a file, of a vendor that has no rules here or of none."""
    series = structure.series
    if series is None or series.kind in UNORDERED:
        return VendorFacts(format=_PLAIN.get(structure.kind, "tiff"))
    scale = series.mpp or (None, None)
    return VendorFacts(
        format="tiff",
        mm_x=micrometres(scale[0]),
        mm_y=micrometres(scale[1]),
        magnification=number(series.attrs.get("magnification")),
    )
