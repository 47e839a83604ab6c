"""What lies beside the tiles: the properties that libvips writes, the profile in the first tile."""

import xml.etree.ElementTree as ElementTree
from typing import Any

import pyvips

_MOST = 1000  # properties
_MPP = "openslide.mpp-"
_POWER = "openslide.objective-power"


def slide_facts(data: bytes | None) -> dict[str, Any]:
    """Return facts for an image's info out of a ``vips-properties.xml``; {} where there is none."""
    properties = _properties(data or b"")
    found: dict[str, Any] = {"properties": properties}
    for name, key, factor in (
        ("mm_x", f"{_MPP}x", 1e-3),
        ("mm_y", f"{_MPP}y", 1e-3),
        ("magnification", _POWER, 1.0),
    ):
        try:
            value = float(properties[key]) * factor
        except (KeyError, ValueError):
            continue
        if 0 < value < float("inf"):
            found[name] = value
    return found


def _properties(data: bytes) -> dict[str, str]:
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        return {}
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError:
        return {}
    found: dict[str, str] = {}
    for item in root.iter():
        if item.tag.rpartition("}")[2] == "property" and len(found) < _MOST:
            parts = {part.tag.rpartition("}")[2]: part.text or "" for part in item}
            if parts.get("name", "").startswith(("openslide.", "aperio.", "tiff.")):
                found[parts["name"]] = parts.get("value", "")
    return found


def profile_of(tile: bytes) -> bytes | None:
    """Return the ICC profile in the file of a tile."""
    try:
        image = pyvips.Image.new_from_buffer(tile, "")
        if "icc-profile-data" not in image.get_fields():
            return None
        return bytes(image.get("icc-profile-data"))
    except (pyvips.Error, UnicodeDecodeError):
        return None
