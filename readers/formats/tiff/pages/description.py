"""What ziggurat says about an image in a TIFF's description, written and read; pure.

The description of the first page is a JSON object with the key ``ziggurat``: everything that
TIFF has no tag for (magnification, frame axes, channels, the meaning of bands …). Further
frames and associated images have one of their own that says which they are.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ziggurat.readers.model.image import GIVEN, Axis, Channel, ImageInfo, Interpretation

_KEY = "ziggurat"
_VERSION = 1


@dataclass(frozen=True)
class PageDescription:
    """What one page says of itself.

    ``frame`` is None for associated images, whose name is in ``associated``; ``facts`` are
    :class:`~ziggurat.readers.model.image.ImageInfo` fields and only on frame 0.
    """

    frame: int | None
    associated: str | None
    facts: Mapping[str, Any]


def describe_image(info: ImageInfo, *, bands_apart: bool = False) -> str:
    """Return the description of the first page: all facts that TIFF has no tag for.

    ``bands_apart``: each band has pages of its own, as if it were a channel.
    """
    facts: dict[str, Any] = {
        "version": _VERSION,
        "frame": 0,
        "interpretation": info.interpretation.value,
        "axes": [
            {name: _plain(value) for name, value in dataclasses.asdict(a).items()}
            for a in info.axes
        ],
        "channels": [
            {"name": c.name, "color": c.color, "window": _plain(c.window)} for c in info.channels
        ],
        "magnification": info.magnification,
        "mm_x": info.mm_x,
        "mm_y": info.mm_y,
        "description": info.description,
        "background": _plain(info.background),
        "nodata": _plain(info.nodata),
        "band_names": list(info.band_names),
        "properties": dict(info.properties),
        "given": info.given,
        "withheld": list(info.withheld),
    }
    if bands_apart:
        facts["bands_apart"] = info.bands
    kept = {name: value for name, value in facts.items() if value not in (None, [], {})}
    return json.dumps({_KEY: kept})


def describe_frame(frame: int) -> str:
    """Return the description of a later frame's page."""
    return json.dumps({_KEY: {"frame": frame}})


def describe_associated(name: str) -> str:
    """Return the description of an associated image's page."""
    return json.dumps({_KEY: {"associated": name}})


def parse_description(text: str | None) -> PageDescription | None:
    """Return what a page says of itself, or None where it isn't ours.

    Fields that are not what they should be are left out: a description is never a reason
    not to open a file.
    """
    if not text or not text.startswith("{"):
        return None
    try:
        said = json.loads(text).get(_KEY)
    except (ValueError, AttributeError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    name = said.get("associated")
    if isinstance(name, str):
        return PageDescription(None, name, {})
    frame = said.get("frame")
    if not isinstance(frame, int) or isinstance(frame, bool) or frame < 0:
        return None
    return PageDescription(frame, None, _facts(said) if frame == 0 else {})


def _plain(value: object) -> object:
    """Return a value as JSON has it: tuples and numpy scalars become lists and numbers."""
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value.item() if hasattr(value, "item") else value


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _facts(said: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name in ("magnification", "mm_x", "mm_y"):
        number = _number(said.get(name))
        if number is not None and number > 0:
            facts[name] = number
    if isinstance(said.get("description"), str):
        facts["description"] = said["description"]
    if said.get("interpretation") in {i.value for i in Interpretation}:
        facts["interpretation"] = Interpretation(said["interpretation"])
    if isinstance(said.get("background"), list):
        facts["background"] = tuple(said["background"])
    nodata = said.get("nodata")
    if nodata is not None:
        facts["nodata"] = tuple(nodata) if isinstance(nodata, list) else nodata
    for name in ("band_names", "withheld"):
        if isinstance(said.get(name), list):
            facts[name] = tuple(map(str, said[name]))
    if isinstance(said.get("properties"), dict):
        facts["properties"] = dict(said["properties"])
    if isinstance(said.get("given"), dict):
        facts["given"] = {name: said["given"][name] for name in GIVEN if name in said["given"]}
    try:
        facts["axes"] = tuple(_axis(a) for a in said.get("axes", ()))
        facts["channels"] = tuple(_channel(c) for c in said.get("channels", ()))
    except (KeyError, TypeError, ValueError, AttributeError):
        facts.pop("axes", None)
    apart = said.get("bands_apart")
    if isinstance(apart, int) and apart > 1 and "axes" in facts:
        facts["bands_apart"] = apart
        frames = math.prod(axis.size for axis in facts["axes"])
        pages = [number // apart for number in range(apart * frames)]
        facts["axes"] = (*(a.of_frames(pages) for a in facts["axes"]), Axis("c", apart))
    return facts


def _axis(said: Mapping[str, Any]) -> Axis:
    values, by_frame = said.get("values"), said.get("by_frame")
    return Axis(
        said["name"],
        said["size"],
        None if values is None else tuple(values),
        said.get("unit"),
        None if by_frame is None else tuple(by_frame),
    )


def _channel(said: Mapping[str, Any]) -> Channel:
    window = said.get("window")
    return Channel(
        said["name"], said.get("color"), None if window is None else (window[0], window[1])
    )
