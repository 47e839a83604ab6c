"""Which kind of TIFF a file is: the ordered table. The first row that recognises a file has it."""

import dataclasses

import tifffile

from ziggurat.readers.errors import (
    CorruptSourceError,
    LeftToOthersError,
    SourceError,
    UnsupportedFormatError,
)
from ziggurat.readers.formats.tiff.pages.chain import broken_off, chain_structure
from ziggurat.readers.formats.tiff.pages.structure import NONSENSE, TiffStructure
from ziggurat.readers.formats.tiff.vendors.akoya import AKOYA
from ziggurat.readers.formats.tiff.vendors.aperio import APERIO
from ziggurat.readers.formats.tiff.vendors.converted import CONVERTED
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts
from ziggurat.readers.formats.tiff.vendors.hamamatsu import HAMAMATSU
from ziggurat.readers.formats.tiff.vendors.imagej import IMAGEJ
from ziggurat.readers.formats.tiff.vendors.kind import TiffKind
from ziggurat.readers.formats.tiff.vendors.leica import LEICA
from ziggurat.readers.formats.tiff.vendors.ome import OME
from ziggurat.readers.formats.tiff.vendors.overlapping import OVERLAPPING
from ziggurat.readers.formats.tiff.vendors.philips import PHILIPS
from ziggurat.readers.formats.tiff.vendors.plain import PLAIN, plain_facts
from ziggurat.readers.formats.tiff.vendors.ziggurat import OWN

KINDS: tuple[TiffKind, ...] = (
    OVERLAPPING,
    OWN,
    CONVERTED,
    APERIO,
    HAMAMATSU,
    LEICA,
    PHILIPS,
    AKOYA,
    OME,
    IMAGEJ,
    PLAIN,
)


def find_kind(tif: tifffile.TiffFile) -> TiffKind:
    """Return the first kind that recognises a file."""
    return next(kind for kind in KINDS if kind.recognises(tif))


def find_structure(tif: tifffile.TiffFile, kind: TiffKind) -> TiffStructure:
    """Return the structure of a file, with what its chain of pages leads to but lacks.

    Raises
    ------
    CorruptSourceError
        There is no image in it.
    LeftToOthersError
        A kind that other readers know better.
    """
    structure, broken = _structure(tif, kind), broken_off(tif)
    if broken is None:
        return structure
    return dataclasses.replace(structure, losses=(*structure.losses, broken))


def _structure(tif: tifffile.TiffFile, kind: TiffKind) -> TiffStructure:
    """Return the structure of a file by the rules of its kind, else as its chain of pages."""
    try:
        return kind.structure(tif)
    except LeftToOthersError:
        raise
    except CorruptSourceError as error:
        if kind.strict:
            raise
        reason = str(error)
    except NONSENSE as error:
        reason = (
            str(error) if isinstance(error, ValueError | UnsupportedFormatError) else repr(error)
        )
    return chain_structure(tif, kind.name, f"what its description says of its pages ({reason})")


def find_facts(structure: TiffStructure, kind: TiffKind) -> VendorFacts:
    """Return the facts of an image by the rules of its kind; the plain ones where those fail."""
    try:
        return kind.facts(structure)
    except (*NONSENSE, SourceError):  # a description is never a reason not to open a file
        return plain_facts(structure)
