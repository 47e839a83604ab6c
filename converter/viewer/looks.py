"""How a page asks for an image to look: parsed once, from words that nobody vouches for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.checks import finite_number, shown, whole_number
from ziggurat.readers.style.palette import parse_color

MOST_CHANNELS = 64
_LONGEST = 1 << 16  # characters of JSON
_FARTHEST = 1e300  # the difference of two such numbers is one, too


@dataclass(frozen=True, slots=True)
class ChannelLook:
    """One channel as it is mixed into the picture.

    ``index`` is its position on the axis ``c`` or, where there is none, the band from 0;
    ``low`` and ``high`` are stored values, None for what ``style='auto'`` would choose.
    """

    index: int
    color: str
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Look:
    """Everything a tile depends on beside its place.

    ``channels`` mixes channels. ``palette`` colours one band of values, from ``low`` to ``high``;
    what is below ``threshold`` is transparent. ``labels`` gives every number but 0 a colour.
    Without any of them the image looks as ``plain`` pictures or ``style='auto'`` do.
    """

    frame: int = 0
    band: int = 0
    channels: tuple[ChannelLook, ...] = ()
    palette: str | None = None
    low: float | None = None
    high: float | None = None
    threshold: float | None = None
    labels: bool = False


def parse_look(query: Mapping[str, str]) -> Look:
    """Return the look that a query string asks for.

    Parameters
    ----------
    query
        ``frame``: a whole number. ``look``: JSON of :class:`Look`'s other fields; ``channels`` is
        a list of ``[index, colour, low, high]``.

    Raises
    ------
    OptionError
        A word is unknown, or a value is invalid.
    """
    frame = _whole("frame", query.get("frame", "0"))
    text = query.get("look", "")
    if not text:
        return Look(frame)
    if len(text) > _LONGEST:
        raise OptionError(f"look is {len(text)} characters long; it must be at most {_LONGEST}")
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        raise OptionError("look must be a JSON object; it can't be parsed") from None
    known = {"band", "channels", "palette", "low", "high", "threshold", "labels"}
    if not isinstance(words, dict) or not set(words) <= known:
        raise OptionError(f"look must be a JSON object of {', '.join(sorted(known))}")
    channels = words.get("channels") or []
    if not isinstance(channels, list) or len(channels) > MOST_CHANNELS:
        raise OptionError(f"channels must be a list of at most {MOST_CHANNELS}")
    palette = words.get("palette")
    if palette is not None and (not isinstance(palette, str) or len(palette) > 64):
        raise OptionError("palette must be a name")
    return Look(
        frame,
        _whole("band", words.get("band", 0)),
        tuple(_channel(entry) for entry in channels),
        palette,
        _number("low", words.get("low")),
        _number("high", words.get("high")),
        _number("threshold", words.get("threshold")),
        _switch("labels", words.get("labels", False)),
    )


def _channel(entry: object) -> ChannelLook:
    if not isinstance(entry, list) or len(entry) != 4 or not isinstance(entry[1], str):
        raise OptionError("a channel must be [index, colour, low, high]")
    parse_color(entry[1])
    index = _whole("channel", entry[0])
    return ChannelLook(index, entry[1], _number("low", entry[2]), _number("high", entry[3]))


def _whole(name: str, value: object) -> int:
    return whole_number(name, value, 0, most=2**31 - 1)


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise OptionError(f"{name} must be true or false, not {shown(value)}")
    return value


def _number(name: str, value: object) -> float | None:
    return None if value is None else finite_number(name, value, -_FARTHEST, most=_FARTHEST)
