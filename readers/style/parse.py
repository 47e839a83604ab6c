"""Styles, parsed once: from a dict or JSON text that nobody vouches for to frozen facts.

A style says which stored values are shown in which colours. Its words are those of the field's
tile servers: ``{'bands': [{'frame': 0, 'min': 'auto', 'max': 'auto', 'palette': '#f00'}]}``.
Parsing reads words and numbers only and never runs anything; functions are taken as callables
given by code, never by name.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from ziggurat.readers.errors import StyleError
from ziggurat.readers.model.checks import finite_number, one_of, shown, whole_number
from ziggurat.readers.style.functions import StyleFunction, parse_functions
from ziggurat.readers.style.palette import Color, parse_palette

MOST_BANDS = 256
_LONGEST_JSON = 1 << 20


class RangeKind(Enum):
    """How an end of the value range is found."""

    NUMBER = "number"
    MIN = "min"  # the lowest value there is; with a threshold, above that share of the values
    MAX = "max"
    FULL = "full"  # the end of what the sample type can hold
    AUTO = "auto"  # 0-255 where the values look like it, else the lowest or highest value


@dataclass(frozen=True, slots=True)
class RangeEnd:
    """One end of the range: a number, or a rule with the share of values to leave out."""

    kind: RangeKind
    value: float = 0.0
    threshold: float = 0.0


class Scheme(Enum):
    """How values between two palette colours are shown."""

    LINEAR = "linear"
    DISCRETE = "discrete"
    INDEXED = "indexed"  # value n has colour n; beyond the last, colours but the first repeat


class Composite(Enum):
    """How a band is laid over those before it."""

    LIGHTEN = "lighten"
    MULTIPLY = "multiply"


class OutputType(Enum):
    """The sample type of the result; FLOAT is 0 to 1, without one it's float32 of 0 to 255."""

    UINT8 = "uint8"
    UINT16 = "uint16"
    FLOAT = "float"
    SOURCE = "source"


class Intent(Enum):
    """The rendering intent of the conversion to sRGB by the ICC profile; values are lcms's."""

    PERCEPTUAL = 0
    RELATIVE_COLORIMETRIC = 1
    SATURATION = 2
    ABSOLUTE_COLORIMETRIC = 3


AUTO_PALETTE = "auto"  # the channel's own colour
COLORTABLE = "colortable"  # the colour that the file itself gives each value


@dataclass(frozen=True, slots=True)
class BandStyle:
    """One band of a style. ``band`` is 1-based, a name, or None for grey."""

    band: int | str | None = None
    frame: int | None = None
    frame_delta: int | None = None
    low: RangeEnd = RangeEnd(RangeKind.AUTO)
    high: RangeEnd = RangeEnd(RangeKind.AUTO)
    clamp: bool = True
    # AUTO_PALETTE, COLORTABLE, or None for black to white
    palette: tuple[Color, ...] | str | None = None
    scheme: Scheme = Scheme.LINEAR
    nodata: float | None = None  # None: the band's own, where it has one
    composite: Composite | None = None
    functions: tuple[StyleFunction, ...] = ()


@dataclass(frozen=True, slots=True)
class Style:
    """A whole style; without ``bands`` the stored bands are kept and only ``icc`` may act."""

    bands: tuple[BandStyle, ...] = ()
    dtype: OutputType | None = None
    axis: int | None = None
    icc: Intent | None = None
    functions: tuple[StyleFunction, ...] = ()
    preset: bool = False  # style='auto': bands are chosen when the image is known

    @property
    def is_plain(self) -> bool:
        """True where the stored values are shown as they are."""
        return not (self.bands or self.functions or self.preset or self.icc)


_BASE_KEYS = ("bands", "dtype", "axis", "icc", "function")
_BAND_KEYS = (
    *("band", "frame", "framedelta", "min", "max", "clamp", "palette"),
    *("scheme", "nodata", "composite", "function"),
)


def parse_style(style: object) -> Style | None:
    """Parse a style.

    Parameters
    ----------
    style
        None, ``'auto'``, a dict, or JSON text of one. A dict without ``bands`` is one band's.

    Returns
    -------
    Style, or None where there is none.

    Raises
    ------
    StyleError
        A key, name, number or nesting that can't be meant; the message names what can.
    """
    if style is None or isinstance(style, Style):
        return style
    if isinstance(style, str):
        if style.strip().lower() == "auto":
            return Style(preset=True)
        style = _from_json(style)
    if not isinstance(style, Mapping):
        raise StyleError(f"a style is a dict, JSON text of one, or 'auto', not {type(style)}")
    single = "bands" not in style
    known = (*_BASE_KEYS, *(_BAND_KEYS if single else ()))
    _check_keys(style, known)
    bands = _single_band(style) if single else _band_list(style["bands"])
    return Style(
        bands=tuple(_parse_band(band) for band in bands),
        dtype=_member(OutputType, style.get("dtype"), "dtype"),
        axis=_whole(style.get("axis"), "axis", 0, 3),
        icc=_intent(style.get("icc")),
        functions=parse_functions(style.get("function")),
    )


def _from_json(text: str) -> object:
    if len(text) > _LONGEST_JSON:
        raise StyleError(f"a style of {len(text)} characters is too long; {_LONGEST_JSON} at most")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StyleError(f"the style is not JSON that can be read: {error}") from error


def _single_band(style: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return the one band that a style without ``bands`` is, or none where it keeps them all."""
    band = {key: style[key] for key in _BAND_KEYS if key in style and key != "function"}
    return [band] if band or "dtype" in style or "axis" in style else []


def _band_list(bands: object) -> list[Mapping[str, object]]:
    if not isinstance(bands, Sequence) or isinstance(bands, str) or len(bands) > MOST_BANDS:
        raise StyleError(f"'bands' is a list of up to {MOST_BANDS} dicts")
    for band in bands:
        if not isinstance(band, Mapping):
            raise StyleError(f"each of 'bands' must be a dict, not {type(band).__name__}")
        _check_keys(band, _BAND_KEYS)
    return list(bands)


def _check_keys(given: Mapping[str, object], known: Sequence[str]) -> None:
    unknown = [str(key)[:40] for key in given if key not in known][:5]
    if unknown:
        raise StyleError(f"unknown style key {', '.join(unknown)}; known are {', '.join(known)}")


def _parse_band(band: Mapping[str, object]) -> BandStyle:
    low, high = _range_end(band.get("min"), "min"), _range_end(band.get("max"), "max")
    return BandStyle(
        band=_band(band.get("band")),
        frame=_whole(band.get("frame"), "frame", 0),
        frame_delta=_whole(band.get("framedelta"), "framedelta", -(1 << 31)),
        low=low,
        high=high,
        clamp=_flag(band.get("clamp", True), "clamp"),
        palette=_palette(band.get("palette")),
        scheme=_member(Scheme, band.get("scheme"), "scheme") or Scheme.LINEAR,
        nodata=_nodata(band.get("nodata")),
        composite=_member(Composite, band.get("composite"), "composite"),
        functions=parse_functions(band.get("function")),
    )


def _palette(value: object) -> tuple[Color, ...] | str | None:
    if value is None:
        return None
    return str(value) if value in (AUTO_PALETTE, COLORTABLE) else parse_palette(value)


def _range_end(value: object, key: str) -> RangeEnd:
    """Parse ``min`` or ``max``: a number, a rule's name, or ``rule:share``."""
    if value is None:
        return RangeEnd(RangeKind.AUTO)
    if isinstance(value, str):
        name, _, share = value.partition(":")
        own = {"auto": RangeKind.AUTO, "full": RangeKind.FULL, key: RangeKind(key)}
        if name in own and (not share or name != "full"):
            return RangeEnd(own[name], threshold=_share(share, key) if share else 0.0)
        raise StyleError(f"{key} is a number, '{key}', 'auto', 'full', '{key}:0.02' or 'auto:0.02'")
    return RangeEnd(RangeKind.NUMBER, value=_number(value, key))


def _share(text: str, key: str) -> float:
    try:
        share = float(text)
    except ValueError as error:
        raise StyleError(f"the share in {key}='{key}:{text[:20]}' must be a number") from error
    if not 0 <= share < 1:
        raise StyleError(f"the share in {key} must be from 0 to below 1, not {share}")
    return share


def _number(value: object, key: str) -> float:
    return finite_number(key, value, error=StyleError)


def _nodata(value: object) -> float | None:
    if isinstance(value, float) and math.isnan(value):
        return value  # NaN is a common mark of missing data
    return None if value is None or value == "auto" else _number(value, "nodata")


def _whole(value: object, key: str, least: int, most: int = 1 << 31) -> int | None:
    return None if value is None else whole_number(key, value, least, StyleError, most=most)


def _flag(value: object, key: str) -> bool:
    if not isinstance(value, bool):
        raise StyleError(f"{key} must be true or false, not {shown(value)}")
    return value


def _band(value: object) -> int | str | None:
    if value is None or value == -1 or value == "gray" or value == "grey":
        return None
    if isinstance(value, str) and 0 < len(value) <= 200:
        return value
    return _whole(value, "band", 1, 1 << 16)


def _intent(value: object) -> Intent | None:
    if value is None or value is False:
        return None
    if value is True:
        return Intent.PERCEPTUAL
    if isinstance(value, str) and value.upper().replace(" ", "_") in Intent.__members__:
        return Intent[value.upper().replace(" ", "_")]
    names = ", ".join(name.lower() for name in Intent.__members__)
    raise StyleError(f"icc must be true, false or an intent ({names}), not {shown(value)}")


def _member[E: Enum](kind: type[E], value: object, key: str) -> E | None:
    return None if value is None else one_of(key, value, kind, StyleError)
