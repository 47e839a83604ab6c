"""What a caller gave, checked: one wording for all arguments of a kind."""

import math
import operator
from collections.abc import Iterable, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np

from ziggurat.readers.errors import OptionError, ZigguratError

_LONGEST = 80  # characters of a value in a message


def whole_number(
    name: str,
    value: object,
    least: int | None = None,
    error: type[ZigguratError] = OptionError,
    *,
    most: int | None = None,
    multiple: int = 1,
) -> int:
    """Return a whole number within limits; numpy's count, truth values do not.

    Whole floats and texts of whole numbers count, too: JSON, YAML and command lines bring them.

    Raises
    ------
    OptionError
        It is none; or whatever ``error`` says.
    """
    try:
        truth = isinstance(value, bool | np.bool)  # old numpy counts with its own, and warns
        number = None if truth else operator.index(_integer(value))
    except (TypeError, ValueError):
        number = None
    if number is None or number % multiple or not _within(number, least, most):
        kind = "a whole number" if multiple == 1 else f"a multiple of {multiple}"
        raise error(f"{name} must be {kind}{_limits(least, most)}, not {shown(value)}")
    return number


def _within(number: float, least: float | None, most: float | None) -> bool:
    return (least is None or number >= least) and (most is None or number <= most)


def _limits(least: float | None, most: float | None) -> str:
    if least is None:
        return "" if most is None else f" of up to {most}"
    return f" of {least} or more" if most is None else f" from {least} to {most}"


def shown(value: object) -> str:
    """Return a value as a message has it: long ones cut."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def pixels(name: str, value: Any) -> int:
    """Return a number of pixels; what is left of a fraction is left out, as scripts expect.

    Raises
    ------
    OptionError
        It is no finite number.
    """
    fraction = isinstance(value, float | np.floating) and math.isfinite(value)
    return whole_number(name, int(value) if fraction else value)


def _integer(value: object) -> Any:
    if isinstance(value, str):
        return int(value)
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return int(value)
    return value


def real_number(name: str, value: object, error: type[ZigguratError] = OptionError) -> float:
    """Return a number, which may be infinite or NaN; texts of numbers count, too.

    Raises
    ------
    OptionError
        It is none; or whatever ``error`` says.
    """
    if isinstance(value, str | float | int | SupportsFloat | SupportsIndex):
        with suppress(TypeError, ValueError, OverflowError):
            return float(value)
    raise error(f"{name} must be a number, not {shown(value)}")


def finite_number(
    name: str,
    value: object,
    least: float | None = None,
    error: type[ZigguratError] = OptionError,
    *,
    most: float | None = None,
    above: float | None = None,
) -> float:
    """Return a finite number within limits; numpy's count, texts and truth values do not.

    Raises
    ------
    OptionError
        It is none; or whatever ``error`` says.
    """
    number = math.nan
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        with suppress(TypeError, OverflowError):  # complex ones, and more than any float
            number = float(value)
    low = _within(number, least, most) and (above is None or number > above)
    if not math.isfinite(number) or not low:
        limits = _limits(least, most) if above is None else f" above {above:g}"
        kind = "a finite number" if not limits else "a number"
        raise error(f"{name} must be {kind}{limits}, not {shown(value)}")
    return number


def one_of[T: Enum](
    name: str, value: object, kind: type[T], error: type[ZigguratError] = OptionError
) -> T:
    """Return the member of an enumeration that a value is or means.

    Raises
    ------
    OptionError
        It means none; the message names those that there are. Or whatever ``error`` says.
    """
    try:
        return kind(value)
    except ValueError as reason:
        raise error(f"{name} must be one of {named(kind)}, not {shown(value)}") from reason


def one_text(
    name: str, value: object, known: Iterable[str], error: type[ZigguratError] = OptionError
) -> str:
    """Return a text that is one of those that are known, as it stands there.

    Raises
    ------
    OptionError
        It isn't; the message names them. Or whatever ``error`` says.
    """
    texts = list(known)
    if not isinstance(value, str) or value not in texts:
        every = ", ".join(map(repr, texts))
        raise error(f"{name} must be one of {every}, not {shown(value)}")
    return value


def named(members: Sequence[Enum] | type[Enum]) -> str:
    """Return the values of members, for a message."""
    return ", ".join(repr(member.value) for member in members)
