"""Aperio SVS: pages and their descriptions, ``header|key = value|key = value…``.

Source: OpenSlide's notes on the format.
"""

import math

import tifffile

from ziggurat.readers.formats.tiff.pages.missing import from_level_above
from ziggurat.readers.formats.tiff.pages.structure import (
    AssociatedPage,
    PageData,
    TiffStructure,
    is_level_of,
    page_data,
)
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts, micrometres, number
from ziggurat.readers.formats.tiff.vendors.kind import TiffKind
from ziggurat.readers.model.image import GIVEN_FIELD, Axis, given_facts

WITHHELD = "Withheld"  # our own field: what was left out on purpose, by name


def aperio_properties(description: str) -> dict[str, str]:
    """Return the fields of a description, as ``aperio.KEY``."""
    found = {}
    for part in description.split("|")[1:]:
        key, separator, value = part.partition("=")
        if separator and key.strip():
            found[f"aperio.{key.strip()}"] = value.strip()
    return found


def aperio_facts(structure: TiffStructure) -> VendorFacts:
    """Return the facts of a slide: MPP is micrometres per pixel, AppMag the objective's power."""
    properties = aperio_properties(structure.page.description)
    given = given_facts(properties.get(f"aperio.{GIVEN_FIELD}"))
    if given:
        del properties[f"aperio.{GIVEN_FIELD}"]
    size = micrometres(properties.get("aperio.MPP"))
    return VendorFacts(
        format="aperio",
        mm_x=size,
        mm_y=size,
        magnification=number(properties.get("aperio.AppMag")),
        background=255,
        properties=properties,
        square_pixels=True,
        withheld=tuple(filter(None, properties.get(f"aperio.{WITHHELD}", "").split(", "))),
        given=given,
    )


def _associated_name(page: tifffile.TiffPage) -> str | None:
    """Return what OpenSlide calls a page: the first word of its description's second line."""
    if page.index == 1:
        return "thumbnail"
    lines = str(page.description).splitlines()
    word = lines[1].split(" ")[0].lower() if len(lines) > 1 and lines[1] else ""
    return word if word.isalpha() else None


def _planes(pages: list[PageData]) -> Axis:
    """Return the focal planes with their heights, where these are more than a count."""
    fields = [aperio_properties(page.keyframe.description) for page in pages]
    try:
        heights = tuple(float(field["aperio.OffsetZ"].replace(",", ".")) for field in fields)
    except (KeyError, ValueError):
        heights = ()
    told = len(set(heights)) == len(pages) and heights != tuple(range(len(pages)))
    told = told and all(map(math.isfinite, heights))
    return Axis("z", len(pages), heights, "µm") if told else Axis("z", len(pages))


def aperio_structure(tif: tifffile.TiffFile) -> TiffStructure:
    """Return the structure of a slide: tiled pages are levels, the others associated images.

    Several pages of one size are focal planes. The rule is OpenSlide's, and holds too for
    pyramids that others made and left Aperio's description on.
    """
    tif.pages.useframes = False
    pages = [tif.pages[number].aspage() for number in range(len(tif.pages))]
    base = pages[0]
    levels: dict[tuple[int, int], list[PageData]] = {}
    associated: list[AssociatedPage] = []
    for page in pages:
        size = page.imagewidth, page.imagelength
        same = size == (base.imagewidth, base.imagelength)
        if page is base or (page.is_tiled and (same or is_level_of(page, base))):
            levels.setdefault(size, []).append(page_data(page))
        else:
            associated.append(AssociatedPage(_associated_name(page), page_data(page)))
    planes = {len(level) for level in levels.values()}
    count = planes.pop() if len(planes) == 1 else 1
    ordered = sorted(levels, reverse=True)
    axes = (_planes(levels[ordered[0]]),) if count > 1 else ()
    found = tuple(tuple(levels[size][:count]) for size in ordered)
    unseen = sum(map(len, levels.values())) - count * len(levels)
    lost = f"{unseen} focal planes of some levels that other levels don't have"
    losses = (lost,) if unseen else ()
    return TiffStructure(
        APERIO.name, found, axes, base, associated=tuple(associated), losses=losses
    )


def _is_svs(tif: tifffile.TiffFile) -> bool:
    return bool(tif.is_svs)


APERIO = TiffKind(
    "svs",
    _is_svs,
    aperio_structure,
    aperio_facts,
    missing_tiles=from_level_above,  # small levels lack tiles; OpenSlide draws them so
    keep_when_deidentified=(
        "aperio.appmag", "aperio.mpp", "aperio.stripewidth", "aperio.left", "aperio.top",
        "aperio.linecameraskew", "aperio.lineareaxoffset", "aperio.lineareayoffset",
        "aperio.focus offset", "aperio.originalwidth", "aperio.originalheight", "aperio.filtered",
        "aperio.exposure time", "aperio.exposure scale", "aperio.displaycolor", "aperio.gamma",
        "aperio.icc profile",
    ),
)  # fmt: skip
