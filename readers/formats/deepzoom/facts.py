"""What lies beside the tiles: what libvips and SZI tell of a slide, its profile, other pictures."""

import xml.etree.ElementTree as ElementTree
from typing import Any
from urllib.parse import unquote

import pyvips

from ziggurat.readers.io.keys import KeyStore

_MOST = 1000  # properties
_DESCRIPTION = "image-description"
_SIZES = {
    "mm_x": (("openslide.mpp-x", "MicronsPerPixelX"), 1e-3),
    "mm_y": (("openslide.mpp-y", "MicronsPerPixelY"), 1e-3),
    "magnification": (("openslide.objective-power", "ObjectiveMagnification"), 1.0),
}


def slide_facts(documents: list[bytes]) -> dict[str, Any]:
    """Return facts for an image's info out of what lies beside its tiles, the first one wins."""
    told: dict[str, str] = {}
    for data in reversed(documents):
        told |= _properties(data)
    found: dict[str, Any] = {
        "properties": {
            name: told[name] for name in told if "." in name
        },  # a vendor's, not libvips'
        "description": told.get(_DESCRIPTION),
    }
    for key, (names, factor) in _SIZES.items():
        for name in names:
            try:
                value = float(told[name]) * factor
            except (KeyError, ValueError):
                continue
            if 0 < value < float("inf"):
                found[key] = value
                break
    return found


def _properties(data: bytes) -> dict[str, str]:
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        return {}
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError):
        return {}
    found: dict[str, str] = {}
    for item in root.iter():
        if item.tag.rpartition("}")[2] == "property" and len(found) < _MOST:
            parts = {part.tag.rpartition("}")[2]: part.text or "" for part in item}
            if "name" in parts:
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


def pictures_beside(store: KeyStore, folders: tuple[str, ...]) -> dict[str, str]:
    """Return the keys of associated images by name, where the store tells what is in a folder."""
    found: dict[str, str] = {}
    for folder in folders:
        for name in store.children(folder):
            stem, _, ending = name.rpartition(".")
            if stem and ending.lower() in ("jpg", "jpeg", "png"):
                found.setdefault(unquote(stem), f"{folder}/{name}")
    return found
