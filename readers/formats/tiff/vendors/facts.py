"""What a vendor's description says about a slide: one frozen set of facts for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ziggurat.readers.model.image import Axis, Channel, ServedLevels


@dataclass(frozen=True)
class VendorFacts:
    """Facts that override what the plain tags say.

    ``mm_x``, ``mm_y``: millimetres per pixel. ``trust_resolution``: where they are None, the
    resolution tags may be asked. ``served_levels``, ``open_format``, ``square_pixels`` and
    ``withheld`` are those of :class:`~ziggurat.readers.model.image.ImageInfo`.
    """

    format: str
    mm_x: float | None = None
    mm_y: float | None = None
    magnification: float | None = None
    background: float | None = None  # of missing tiles, 8 bits
    axes: tuple[Axis, ...] | None = None
    channels: tuple[Channel, ...] | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    trust_resolution: bool = True
    served_levels: ServedLevels = ServedLevels.FINER
    open_format: bool = False
    square_pixels: bool = False
    withheld: tuple[str, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)  # see ImageInfo.given


def number(text: str | float | None) -> float | None:
    """Return a positive number out of a vendor's text (decimal commas are common), else None."""
    if text is None:
        return None
    try:
        value = float(str(text).strip().replace(",", "."))
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def micrometres(text: str | float | None) -> float | None:
    """Return millimetres out of a text that gives micrometres."""
    value = number(text)
    return None if value is None else value / 1000
