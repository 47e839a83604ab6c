"""Aperio SVS: pages and their descriptions, ``header|key = value|key = value…``.

Source: OpenSlide's notes on the format.
"""

from typing import Any

import tifffile

from ziggurat.readers.tiff_structure import Beside, Structure, beside, from_series
from ziggurat.readers.vendor_facts import VendorFacts, micrometres, number


def aperio_properties(description: str) -> dict[str, str]:
    """Return the fields of a description, as ``aperio.KEY``."""
    found = {}
    for part in description.split("|")[1:]:
        key, separator, value = part.partition("=")
        if separator and key.strip():
            found[f"aperio.{key.strip()}"] = value.strip()
    return found


def aperio_facts(structure: Structure) -> VendorFacts:
    """Return the facts of a slide: MPP is micrometres per pixel, AppMag the objective's power."""
    properties = aperio_properties(structure.page.description)
    size = micrometres(properties.get("aperio.MPP"))
    return VendorFacts(
        format="aperio",
        mm_x=size,
        mm_y=size,
        magnification=number(properties.get("aperio.AppMag")),
        background=255,
        properties=properties,
    )


def _associated_name(page: Any, index: int) -> str | None:
    """Return what OpenSlide calls a page: the first word of its description's second line."""
    if index == 1:
        return "thumbnail"
    lines = str(page.description).splitlines()
    word = lines[1].split(" ")[0].lower() if len(lines) > 1 and lines[1] else ""
    return word if word.isalpha() else None


def aperio_structure(tif: tifffile.TiffFile) -> Structure:
    """Return the structure of a slide: tiled pages are levels, the others associated images."""
    main, *rest = list(tif.series)
    others: list[Beside] = []
    for series in rest:
        page = series.keyframe
        name = _associated_name(page, page.index) or series.name.lower()
        others += beside(series, tif, name)
    return from_series(main, list(main.levels), others, tif)
