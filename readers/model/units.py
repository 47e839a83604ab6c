"""Units of length and time: one table for all formats, by symbol and by name.

Symbols are those of OME's schema; names those of NGFF (UDUNITS-2), with the spellings that
ImageJ and people have for them.
"""

import re
from collections.abc import Mapping

# The schema's symbols (UnitsLength), in millimetres; "pixel" and "reference frame" are no lengths.
_METRES = {
    "Ym": 1e24, "Zm": 1e21, "Em": 1e18, "Pm": 1e15, "Tm": 1e12, "Gm": 1e9, "Mm": 1e6, "km": 1e3,
    "hm": 1e2, "dam": 1e1, "m": 1.0, "dm": 1e-1, "cm": 1e-2, "mm": 1e-3, "µm": 1e-6, "nm": 1e-9,
    "pm": 1e-12, "fm": 1e-15, "am": 1e-18, "zm": 1e-21, "ym": 1e-24, "Å": 1e-10,
    "thou": 2.54e-5, "li": 0.0254 / 12, "in": 0.0254, "ft": 0.3048, "yd": 0.9144, "mi": 1609.344,
    "ua": 149597870700.0, "ly": 9460730472580800.0, "pc": 3.0856775814913673e16,
    "pt": 0.0254 / 72,
}  # fmt: skip
_PREFIXES = {
    "": "", "yotta": "Y", "zetta": "Z", "exa": "E", "peta": "P", "tera": "T", "giga": "G",
    "mega": "M", "kilo": "k", "hecto": "h", "deca": "da", "deci": "d", "centi": "c", "milli": "m",
    "micro": "µ", "nano": "n", "pico": "p", "femto": "f", "atto": "a", "zepto": "z", "yocto": "y",
}  # fmt: skip
_LENGTH_NAMES = {
    **{f"{sign}m": f"{prefix}meter" for prefix, sign in _PREFIXES.items()},
    "Å": "angstrom", "in": "inch", "ft": "foot", "yd": "yard", "mi": "mile", "pc": "parsec",
}  # fmt: skip
_LENGTH_WORDS = {
    **{f"{prefix}{word}": f"{sign}m"
       for prefix, sign in _PREFIXES.items()
       for word in ("meter", "meters", "metre", "metres")},
    "um": "µm", "micron": "µm", "microns": "µm", "inch": "in", "inches": "in", '"': "in",
    "foot": "ft", "feet": "ft", "yard": "yd", "yards": "yd", "mile": "mi", "miles": "mi",
    "angstrom": "Å", "angstroms": "Å", "ångström": "Å", "a": "Å", "mil": "thou", "mils": "thou",
    "point": "pt", "points": "pt", "parsec": "pc", "parsecs": "pc",
}  # fmt: skip
_SECONDS = {
    "Ys": 1e24, "Zs": 1e21, "Es": 1e18, "Ps": 1e15, "Ts": 1e12, "Gs": 1e9, "Ms": 1e6, "ks": 1e3,
    "hs": 1e2, "das": 1e1, "s": 1.0, "ds": 1e-1, "cs": 1e-2, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9,
    "ps": 1e-12, "fs": 1e-15, "as": 1e-18, "zs": 1e-21, "ys": 1e-24,
    "min": 60.0, "h": 3600.0, "d": 86400.0,
}  # fmt: skip
_TIME_NAMES = {
    **{f"{sign}s": f"{prefix}second" for prefix, sign in _PREFIXES.items()},
    "min": "minute", "h": "hour", "d": "day",
}  # fmt: skip
_TIME_WORDS = {
    **{f"{prefix}{word}": f"{sign}s"
       for prefix, sign in _PREFIXES.items()
       for word in ("second", "seconds")},
    "sec": "s", "secs": "s", "us": "µs", "usec": "µs", "msec": "ms", "minute": "min",
    "minutes": "min", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "day": "d", "days": "d",
}  # fmt: skip
_LENGTHS = {  # of Mm and mm the latter: small units stand last
    **{symbol.lower(): symbol for symbol in _METRES},
    **_LENGTH_WORDS,
}
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_AXIS_LENGTHS = ("nm", "µm", "mm", "m")  # known to everybody who is told the values of an axis
_AXIS_TIMES = ("s", "ms", "min")


def _spelt(text: object) -> str:
    """Return a unit's text without ImageJ's escapes, Greek mu as the micro sign."""
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), str(text)).strip()
    return plain.replace("μ", "µ").replace("\u212b", "Å")


def _symbol(text: object, exact: Mapping[str, float], words: Mapping[str, str]) -> str | None:
    spelt = _spelt(text)
    return spelt if spelt in exact else words.get(spelt.lower())


def length_symbol(text: object) -> str | None:
    """Return the symbol of a unit of length (``µm``), None where it is none."""
    return _symbol(text, _METRES, _LENGTHS)


def time_symbol(text: object) -> str | None:
    """Return the symbol of a unit of time (``ms``), None where it is none."""
    return _symbol(text, _SECONDS, _TIME_WORDS)


def length_name(text: object) -> str | None:
    """Return the name of a unit of length (``micrometer``) as NGFF has it, None where none."""
    return _LENGTH_NAMES.get(length_symbol(text) or "-")


def time_name(text: object) -> str | None:
    """Return the name of a unit of time (``millisecond``) as NGFF has it, None where none."""
    return _TIME_NAMES.get(time_symbol(text) or "-")


def length_mm(text: object) -> float | None:
    """Return the millimetres of a unit of length, None where it is none."""
    symbol = length_symbol(text)
    return None if symbol is None else _round(_METRES[symbol] * 1000)


def time_seconds(text: object) -> float | None:
    """Return the seconds of a unit of time, None where it is none."""
    symbol = time_symbol(text)
    return None if symbol is None else _SECONDS[symbol]


def length_step(step: float, text: object) -> tuple[float, str | None]:
    """Return a step along an axis and its unit: a usual one where it is a length at all."""
    symbol = length_symbol(text)
    if symbol is None or symbol in _AXIS_LENGTHS:
        return step, symbol or _spelt(text) or None
    return _round(step * _METRES[symbol] * 1e6), "µm"


def time_step(step: float, text: object) -> tuple[float, str | None]:
    """Return a step in time and its unit: a usual one where it is a time at all."""
    symbol = time_symbol(text)
    if symbol is None or symbol in _AXIS_TIMES:
        return step, symbol or _spelt(text) or None
    return _round(step * _SECONDS[symbol]), "s"


def _round(value: float) -> float:
    """Return a number without the dust of its last multiplication."""
    return float(f"{value:.15g}")
