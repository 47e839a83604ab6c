"""Sizes, regions, frames, bands as people type them; sizes and times as they read them."""

import re
from collections.abc import Sequence
from typing import Any

from ziggurat.readers.errors import OptionError

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)
_RANGE = re.compile(r"\s*\d+\s*(?:-\s*\d+\s*)?")
_DIGITS = 9  # of a position: more are no number that any image has
_MOST = 1_000_000  # positions that one text may name
_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_bytes(text: str | None) -> int | None:
    """Return ``2GB``, ``512 MiB`` or ``1000000`` as bytes."""
    if text is None:
        return None
    match = _SIZE.fullmatch(text)
    if match is None:
        raise OptionError(f"a size must be a number with k, M, G or T, such as 2GB, not {text!r}")
    number, prefix, binary = match.groups()
    base = 1024 if binary else 1000
    return int(float(number) * base ** _POWERS[prefix.lower()])


def parse_micrometres(text: str) -> float:
    """Return ``0.5``, micrometres as people type them, in millimetres."""
    try:
        return float(text) / 1000
    except ValueError:
        raise OptionError(
            f"--mpp must be a number of micrometres, such as 0.5, not {text!r}"
        ) from None


def parse_region(text: str | None) -> dict[str, object] | None:
    """Return ``LEFT,TOP,WIDTH,HEIGHT[,UNITS]`` as a region."""
    if text is None:
        return None
    parts = text.split(",", 4)
    try:
        left, top, width, height = (float(part) for part in parts[:4])
    except ValueError:
        raise OptionError(
            f"a region must be LEFT,TOP,WIDTH,HEIGHT and, if wished, ,UNITS, not {text!r}"
        ) from None
    region: dict[str, Any] = {"left": left, "top": top, "width": width, "height": height}
    if len(parts) == 5:
        region["units"] = parts[4].strip()
    return region


def parse_frames(texts: Sequence[str]) -> dict[str, tuple[int | str, ...]]:
    """Return ``c=0,2``, ``z=3-7`` and ``c=DAPI,FITC`` as positions, or their names, by axis."""
    frames = {}
    for text in texts:
        axis, equals, positions = text.partition("=")
        if not equals or not axis.strip() or not positions.strip():
            raise OptionError(
                f"frames must be AXIS=POSITIONS, such as c=0,2 or z=3-7 or c=DAPI, not {text!r}"
            )
        found: list[int | str] = []
        for part in positions.split(","):
            found.extend(parse_positions(part) if _RANGE.fullmatch(part) else [part.strip()])
        frames[axis.strip().lower()] = tuple(found)
    return frames


def parse_positions(text: str) -> tuple[int, ...]:
    """Return ``0,2,5-7`` as numbers."""
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not _is_position(first) or (dash and not _is_position(last)):
            raise OptionError(f"positions must be numbers from 0, such as 0,2 or 3-7, not {text!r}")
        found = range(int(first), int(last or first) + 1)
        if len(numbers) + len(found) > _MOST:
            raise OptionError(f"positions must be at most {_MOST} numbers, not all of {text!r}")
        numbers.extend(found)
    if not numbers:
        raise OptionError(f"no position in {text!r}")
    return tuple(numbers)


def _is_position(text: str) -> bool:
    return text.isdecimal() and len(text) <= _DIGITS


def size_text(size: float) -> str:
    """Return a number of bytes as people write it."""
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def time_text(seconds: float) -> str:
    """Return a length of time as people say it."""
    if seconds < 1:
        return "less than a second"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
