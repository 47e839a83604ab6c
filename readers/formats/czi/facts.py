"""What the XML of a CZI says: channels, pixel sizes, objective. Anything may be missing."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from ziggurat.readers.model.image import Channel

_IMAGE = "Metadata/Information/Image"
_MOST_PROPERTIES = 2000
_LONGEST_PROPERTY = 4096


@dataclass(frozen=True)
class XmlFacts:
    """``channels`` are in the order of the axis C; ``mm`` is by axis, ``X``, ``Y`` and ``Z``."""

    channels: tuple[Channel, ...] = ()
    mm: Mapping[str, float] | None = None
    magnification: float | None = None
    seconds: float | None = None  # from one time point to the next
    scene_names: Mapping[str, str] | None = None  # by number
    properties: Mapping[str, str] | None = None


def _number(text: str | None) -> float | None:
    """Return a positive, finite number, None where there is none."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 < value < math.inf else None


def _color(text: str | None) -> str | None:
    """Return ``#rrggbb`` of ``#AARRGGBB``."""
    match = re.fullmatch(r"#(?:[0-9A-Fa-f]{2})?([0-9A-Fa-f]{6})", (text or "").strip())
    return f"#{match[1].lower()}" if match else None


def _window(shown: ElementTree.Element | None, span: float | None) -> tuple[float, float] | None:
    """Return the display window in values of samples; the XML has it in parts of the range."""
    if shown is None or span is None:
        return None
    try:
        low, high = (float(shown.findtext(name) or "") * span for name in ("Low", "High"))
    except ValueError:
        return None
    return (low, high) if 0 <= low < high <= span else None


def _channels(root: ElementTree.Element, span: float | None) -> tuple[Channel, ...]:
    """Return the channels; the display settings name some that the image part doesn't."""
    stored = root.findall(f"{_IMAGE}/Dimensions/Channels/Channel")
    settings = root.findall("Metadata/DisplaySetting/Channels/Channel")
    by_id = {one.get("Id"): one for one in settings}
    made = []
    for number, one in enumerate(stored):
        shown = by_id.get(one.get("Id"))
        if shown is None and len(settings) == len(stored):
            shown = settings[number]
        name = one.get("Name") or (shown.get("Name") if shown is not None else None)
        color = _color(one.findtext("Color"))
        if shown is not None:
            color = _color(shown.findtext("Color")) or color
        made.append(Channel(name or f"Channel {number}", color, _window(shown, span)))
    return tuple(made)


def _magnification(root: ElementTree.Element) -> float | None:
    """Return that of the objective that the image names, else of the first."""
    every = root.findall("Metadata/Information/Instrument/Objectives/Objective")
    used = root.find(f"{_IMAGE}/ObjectiveSettings/ObjectiveRef")
    name = None if used is None else used.get("Id")
    mine = [one for one in every if one.get("Id") == name] or every
    return _number(mine[0].findtext("NominalMagnification")) if mine else None


def _properties(root: ElementTree.Element) -> dict[str, str]:
    """Return the texts of the part about the image and the instrument, by their path."""
    found: dict[str, str] = {}

    def walk(element: ElementTree.Element, path: str) -> None:
        for child in element:
            if len(found) >= _MOST_PROPERTIES:
                return
            label = child.get("Id") or child.get("Name")
            below = f"{path}.{child.tag}[{label}]" if label else f"{path}.{child.tag}"
            text = (child.text or "").strip()
            if text and not len(child):
                found.setdefault(f"czi{below}", text[:_LONGEST_PROPERTY])
            walk(child, below)

    information = root.find("Metadata/Information")
    if information is not None:
        walk(information, "")
    return found


def xml_facts(text: str, span: float | None) -> XmlFacts:
    """Return what the XML says; nothing where it can't be parsed.

    Parameters
    ----------
    text
        The XML, maybe empty.
    span
        The largest value that a sample can have, None where there is no such.
    """
    try:
        root = ElementTree.fromstring(text)  # expat bounds what entities grow to
    except (ElementTree.ParseError, ValueError, RecursionError):
        return XmlFacts()
    mm = {}
    for item in root.findall("Metadata/Scaling/Items/Distance"):
        metres = _number(item.findtext("Value"))
        if metres is not None:
            mm[item.get("Id") or ""] = metres * 1000
    scenes: Sequence[ElementTree.Element] = root.findall(f"{_IMAGE}/Dimensions/S/Scenes/Scene")
    step = root.findtext(f"{_IMAGE}/Dimensions/T/Positions/Interval/Increment")
    return XmlFacts(
        channels=_channels(root, span),
        mm=mm,
        magnification=_magnification(root),
        seconds=_number(step),
        scene_names={one.get("Index") or "": one.get("Name") or "" for one in scenes},
        properties=_properties(root),
    )
