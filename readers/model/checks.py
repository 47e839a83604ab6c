"""What a caller gave, checked: one wording for all arguments of a kind."""

import math
import operator
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np

from ziggurat.readers.errors import OptionError, ZigguratError


def whole_number(
    name: str, value: object, least: int | None = None, error: type[ZigguratError] = OptionError
) -> int:
    """Return a whole number of at least ``least``; numpy's count, truth values do not.

    Whole floats and texts of whole numbers count, too: JSON, YAML and command lines bring them.

    Raises
    ------
    OptionError
        It is none; or whatever ``error`` says.
    """
    wanted = "a whole number" if least is None else f"a whole number of {least} or more"
    try:
        number = None if isinstance(value, bool) else operator.index(_integer(value))
    except (TypeError, ValueError):
        number = None
    if number is None or (least is not None and number < least):
        raise error(f"{name} must be {wanted}, not {value!r}")
    return number


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
    raise error(f"{name} must be a number, not {value!r}")


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
        raise error(f"{name} must be one of {named(kind)}, not {value!r}") from reason


def named(members: Sequence[Enum] | type[Enum]) -> str:
    """Return the values of members, for a message."""
    return ", ".join(repr(member.value) for member in members)
