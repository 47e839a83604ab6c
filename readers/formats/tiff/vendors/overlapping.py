"""Ventana and Trestle: slides whose tiles overlap, which OpenSlide puts together."""

from typing import NoReturn

import tifffile

from ziggurat.readers.errors import LeftToOthersError
from ziggurat.readers.formats.tiff.pages.structure import TiffStructure
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts
from ziggurat.readers.formats.tiff.vendors.kind import TiffKind

_XMP = 700


def _overlaps(tif: tifffile.TiffFile) -> bool:
    """Return True for Trestle, and where the XMP packet is one of Ventana's scanners."""
    packet = tif.pages.first.tags.valueof(_XMP)
    ventana = isinstance(packet, bytes) and b"<iScan" in packet[:4096]
    return bool(ventana or tif.is_trestle or tif.is_bif)


def _left(tif: tifffile.TiffFile) -> NoReturn:
    del tif
    raise LeftToOthersError("slides with overlapping tiles are left to OpenSlide")


def _no_facts(structure: TiffStructure) -> VendorFacts:
    del structure
    return VendorFacts(format="overlapping")


OVERLAPPING = TiffKind("overlapping", _overlaps, _left, _no_facts)
