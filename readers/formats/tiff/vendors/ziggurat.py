"""The pages of a TIFF that ziggurat wrote: its description says what each one is."""

import math
from typing import Any

import tifffile

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.tiff.pages.description import PageDescription, parse_description
from ziggurat.readers.formats.tiff.pages.ome_xml import own_comment
from ziggurat.readers.formats.tiff.pages.structure import (
    AssociatedPage,
    PageData,
    TiffStructure,
    page_data,
)
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts
from ziggurat.readers.formats.tiff.vendors.kind import TiffKind
from ziggurat.readers.model.image import ServedLevels

KIND, OME_KIND = "ziggurat", "ziggurat-ome"


def embedded_description(tif: tifffile.TiffFile) -> PageDescription | None:
    """Return what a file's first page says, plainly or in its OME-XML, where it is ours."""
    text = tif.pages.first.description
    said = parse_description(own_comment(text) if tif.is_ome else text)
    return said if said is not None and said.frame == 0 else None


def _sub_levels(tif: tifffile.TiffFile, frames: list[Any]) -> list[tuple[PageData, ...]]:
    """Return the levels that hang below the frames' pages (SubIFDs)."""
    count = len(frames[0].subifds or ())
    if any(len(frame.subifds or ()) != count for frame in frames):
        raise CorruptSourceError("frames with different numbers of levels")
    levels = []
    for level in range(count):
        tif.filehandle.seek(frames[0].subifds[level])
        keyframe = tifffile.TiffPage(tif, (0, level))
        pages: list[Any] = [keyframe]
        for number, frame in enumerate(frames[1:], 1):
            tif.filehandle.seek(frame.subifds[level])
            pages.append(tifffile.TiffFrame(tif, (number, level), keyframe=keyframe))
        levels.append(tuple(page_data(page) for page in pages))
    return levels


def _lower_between(tif: tifffile.TiffFile, count: int) -> bool:
    """Return True where each of several frames is followed by pages of its lower levels."""
    tif.pages.useframes = False
    return count > 1 and not tif.pages.first.subifds and bool(tif.pages[1].aspage().is_reduced)


def _between(tif: tifffile.TiffFile, count: int) -> tuple[list[tuple[PageData, ...]], int]:
    """Return levels whose pages follow those of their frames, and how many pages that are."""
    depth, pages = 1, [tif.pages[number].aspage() for number in range(len(tif.pages))]
    while depth < len(pages) and pages[depth].is_reduced:
        depth += 1
    used = count * depth
    if used > len(pages) or any(bool(pages[n].is_reduced) != bool(n % depth) for n in range(used)):
        raise CorruptSourceError("frames with different numbers of levels")
    return [tuple(map(page_data, pages[level:used:depth])) for level in range(depth)], used


def own_structure(tif: tifffile.TiffFile) -> TiffStructure:
    """Return the structure: frames with their levels, then what else there is.

    Raises
    ------
    CorruptSourceError
        Fewer pages than frames.
    """
    embedded = embedded_description(tif)
    assert embedded is not None
    axes = embedded.facts.get("axes", ())
    count = math.prod(axis.size for axis in axes)
    if count > len(tif.pages):
        raise CorruptSourceError(f"{count} frames, but {len(tif.pages)} pages for them")
    if _lower_between(tif, count):
        levels, first = _between(tif, count)
    else:
        tif.pages.useframes = True
        tif.pages.set_keyframe(0)
        frames = [tif.pages.first, *(tif.pages[n] for n in range(1, count))]
        levels, first = [tuple(map(page_data, frames)), *_sub_levels(tif, frames)], count
    associated = []
    tif.pages.useframes = False
    for number in range(first, len(tif.pages)):
        page: Any = tif.pages[number].aspage()
        beside = parse_description(page.description)
        if beside is not None and beside.associated:
            associated.append(AssociatedPage(beside.associated, page_data(page)))
        elif count == 1 and page.is_reduced:
            levels.append((page_data(page),))
    kind = OME_KIND if tif.is_ome else KIND
    return TiffStructure(
        kind, tuple(levels), axes, tif.pages.first, associated=tuple(associated), embedded=embedded
    )


def _is_own(tif: tifffile.TiffFile) -> bool:
    return embedded_description(tif) is not None


def own_facts(structure: TiffStructure) -> VendorFacts:
    """Return the kind alone: the description's facts are those of an image, not a vendor's."""
    ome = structure.kind == OME_KIND
    return VendorFacts(
        format="ome-tiff" if ome else "tiff",
        served_levels=ServedLevels.THREE_FINER if ome else ServedLevels.TWO_FINER,
        open_format=True,
    )


OWN = TiffKind(KIND, _is_own, own_structure, own_facts, strict=True)
