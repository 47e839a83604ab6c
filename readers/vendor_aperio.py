"""Aperio SVS: the page description, ``header|key = value|key = value…``."""

from ziggurat.readers.vendor_facts import VendorFacts, micrometres, number


def aperio_properties(description: str) -> dict[str, str]:
    """Return the fields of a description, as ``aperio.KEY``."""
    found = {}
    for part in description.split("|")[1:]:
        key, separator, value = part.partition("=")
        if separator and key.strip():
            found[f"aperio.{key.strip()}"] = value.strip()
    return found


def aperio_facts(description: str) -> VendorFacts:
    """Return the facts of a slide: MPP is micrometres per pixel, AppMag the objective's power."""
    properties = aperio_properties(description)
    size = micrometres(properties.get("aperio.MPP"))
    return VendorFacts(
        format="aperio",
        mm_x=size,
        mm_y=size,
        magnification=number(properties.get("aperio.AppMag")),
        background=255,
        properties=properties,
    )
