"""Hamamatsu NDPI: tags 65420 and up.

Source: OpenSlide's notes on the format.
"""

from typing import Any

import tifffile

from ziggurat.readers.formats.tiff.pages.structure import (
    AssociatedPage,
    TiffStructure,
    associated_pages,
    from_series,
)
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts, number
from ziggurat.readers.formats.tiff.vendors.hamamatsu_tiles import IntervalSegments
from ziggurat.readers.formats.tiff.vendors.kind import TiffKind, series_kind
from ziggurat.readers.model.image import Axis

_SOURCE_LENS = 65421  # the objective's power; -1 on the macro's page, -2 on the map's
_X_OFFSET, _Y_OFFSET, _Z_OFFSET = 65422, 65423, 65424
_REFERENCE = 65427
_SERIAL = 65442
_PROPERTIES = 65449  # KEY=VALUE lines
_NAMES = {-1.0: "macro", -2.0: "map"}


def hamamatsu_properties(page: Any) -> dict[str, str]:
    """Return a page's vendor tags as ``hamamatsu.KEY``."""
    found = {}
    text = page.tags.valueof(_PROPERTIES)
    for line in str(text or "").splitlines():
        key, separator, value = line.partition("=")
        if separator and key.strip() and value.strip():
            found[f"hamamatsu.{key.strip()}"] = value.strip()
    for name, code in (
        ("SourceLens", _SOURCE_LENS),
        ("XOffsetFromSlideCentre", _X_OFFSET),
        ("YOffsetFromSlideCentre", _Y_OFFSET),
        ("ZOffsetFromSlideCentre", _Z_OFFSET),
        ("Reference", _REFERENCE),
        ("NDP.S/N", _SERIAL),
    ):
        value = page.tags.valueof(code)
        if value is not None and not isinstance(value, tuple):
            text = f"{value:g}" if isinstance(value, float) else str(value).strip()
            found.setdefault(f"hamamatsu.{name}", text)
    return found


def hamamatsu_facts(structure: TiffStructure) -> VendorFacts:
    """Return the facts of a slide; its pixel size is in the plain resolution tags."""
    page = structure.page
    return VendorFacts(
        format="hamamatsu",
        magnification=number(page.tags.valueof(_SOURCE_LENS)),
        background=255,
        axes=tuple(_axis(axis, structure) for axis in structure.axes),
        properties=hamamatsu_properties(page),
    )


def _axis(axis: Axis, structure: TiffStructure) -> Axis:
    """Return an axis; focal planes with their heights in micrometres (the tag has nanometres)."""
    pages = structure.levels[0]
    if axis.name != "z" or len(pages) != axis.size:
        return axis
    heights = [None if page is None else page.keyframe.tags.valueof(_Z_OFFSET) for page in pages]
    known = [height / 1000 for height in heights if isinstance(height, int | float)]
    if len(set(known)) != axis.size:
        return axis
    return Axis("z", axis.size, tuple(known), "µm")


def hamamatsu_structure(tif: tifffile.TiffFile) -> TiffStructure:
    """Return the structure of a slide: macro and map have a source lens of their own kind."""
    main, *rest = list(tif.series)
    associated: list[AssociatedPage] = []
    for series in rest:
        lens = series.keyframe.tags.valueof(_SOURCE_LENS)
        associated += associated_pages(series, tif, _NAMES.get(lens))
    return from_series(main, list(main.levels), associated, tif)


def _recognises(tif: tifffile.TiffFile) -> bool:
    return series_kind(tif) == "ndpi"


HAMAMATSU = TiffKind(
    "ndpi",
    _recognises,
    hamamatsu_structure,
    hamamatsu_facts,
    segments=IntervalSegments(),
    keep_when_deidentified=(
        "hamamatsu.sourcelens", "hamamatsu.xoffsetfromslidecentre",
        "hamamatsu.yoffsetfromslidecentre", "hamamatsu.physicalwidth", "hamamatsu.physicalheight",
        "hamamatsu.magnification", "hamamatsu.filtersetname", "hamamatsu.nofilters",
        "hamamatsu.*lensmag*",
    ),
)  # fmt: skip
