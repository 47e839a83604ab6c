"""What users may say about a sink's image, checked: plain functions from value to stored value."""

import json
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ziggurat.readers.errors import ProjectionError, SinkInputError
from ziggurat.readers.model.checks import finite_number, real_number, whole_number
from ziggurat.readers.model.image import Interpretation
from ziggurat.writers.store.tile_input import LARGEST


def positive(name: str, value: object) -> float | None:
    """Return a finite number above zero, or None."""
    if value is None:
        return None
    number = _number(name, value)
    if not number > 0:
        raise SinkInputError(f"{name} must be above zero, not {value!r}")
    return number


def size(name: str, value: object) -> int | None:
    """Return a whole number of one or more, or None."""
    if value is None:
        return None
    if not _number(name, value) > 0:
        error = SinkInputError(f"{name} must be positive or None")  # the words of the reference
        error.add_note(f"it was given {value!r}")
        raise error
    return whole_number(name, value, 1, SinkInputError, most=LARGEST)


def interpretation(value: object) -> str | None:
    """Return ``'labels'`` or ``'multiband'``, or None."""
    for known in (Interpretation.LABELS.value, Interpretation.MULTIBAND.value):
        if value == known:
            return known
    if value is not None:
        raise SinkInputError(f"interpretation must be 'labels', 'multiband' or None, not {value!r}")
    return None


def crop(value: Any) -> list[int] | None:
    """Return (x, y, width, height), or None."""
    if value is None:
        return None
    try:
        x, y, width, height = value
    except (TypeError, ValueError):
        raise SinkInputError(f"crop must be (x, y, width, height), not {value!r}") from None
    numbers = [int(_number("crop", part)) for part in (x, y, width, height)]  # as scripts expect
    if min(numbers) < 0 or not all(numbers[2:]):
        raise SinkInputError(f"crop must be whole pixels at zero or more, not {value!r}")
    return numbers


def json_like(name: str, value: object) -> Any:
    """Return what JSON can hold."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SinkInputError(f"{name} must be something that JSON can hold: {error}") from None
    return value


def names(name: str, value: object) -> list[str] | None:
    """Return a list of texts, or None."""
    if value is None:
        return None
    value = value.tolist() if isinstance(value, np.ndarray) else value
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise SinkInputError(f"{name} must be a list of texts, not {value!r}")
    wrong = [item for item in value if not isinstance(item, str)]
    if wrong:
        raise SinkInputError(f"{name} must be a list of texts, not of {wrong[0]!r}")
    return list(value)


def colors(value: object) -> list[str] | None:
    """Return colours (names, ``#rrggbb``, numbers) as ``#rrggbb``, or None."""
    if value is None:
        return None
    import cmap  # 100 ms; few sinks have colours

    if isinstance(value, str) or not isinstance(value, Sequence):
        raise SinkInputError(f"channelColors must be a list of colours, not {value!r}")
    found = []
    for color in value:
        try:
            known = cmap.Color(tuple(color) if isinstance(color, list) else color)
            found.append(known.hex.lower()[:7])  # no output has a place for a channel's alpha
        except (ValueError, TypeError) as error:
            raise SinkInputError(f"{color!r} is no colour: {error}") from None
    return found


def units(value: object, axes: Sequence[str]) -> dict[str, str] | None:
    """Return units by axis, or None."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise SinkInputError(f"frameUnits must map axes to units, not {value!r}")
    unknown = [axis for axis in value if axis not in axes]
    if unknown:
        raise SinkInputError(f"frameUnits of {unknown}; the sink's axes are {list(axes)}")
    return {axis: str(unit) for axis, unit in value.items()}


def projection(value: object) -> str | None:
    """Return a coordinate system, as a text that PROJ understands, or None."""
    if value is None:
        return None
    from ziggurat.readers.geo.crs import parse_crs  # GDAL takes 90 ms; few sinks are maps

    text = value.to_wkt() if hasattr(value, "to_wkt") else value
    if isinstance(text, bytes):
        text = text.decode()
    if isinstance(text, int) and not isinstance(text, bool):
        text = f"EPSG:{text}"
    if not isinstance(text, str):
        raise SinkInputError(
            f"a coordinate system must be a text such as 'EPSG:3857', not {value!r}"
        )
    try:
        parse_crs(text)
    except ProjectionError as error:
        raise SinkInputError(f"{value!r} is no coordinate system: {error}") from error
    return text


def gcps(value: object) -> list[list[float]] | None:
    """Return ground control points ``[x, y, pixel x, pixel y]``, two or more, or None."""
    if value is None:
        return None
    points: list[list[float]] = []
    for point in _points(value):
        parts = point.replace(",", " ").split() if isinstance(point, str) else list(point)
        if len(parts) != 4:
            raise SinkInputError(
                f"a ground control point must be [x, y, pixel x, pixel y], not {point}"
            )
        numbers = [_number("gcps", part) for part in parts]
        if any(numbers[:2] == known[:2] or numbers[2:] == known[2:] for known in points):
            warnings.warn(
                f"ground control point {numbers} is left out: its place or pixel is there already",
                stacklevel=3,
            )
        else:
            points.append(numbers)
    if len(points) < 2:
        raise SinkInputError(
            f"ground control points must be two or more different ones, not {points}"
        )
    return points


def _points(given: object) -> list[Any]:
    """Return points of a sequence, or of one text with all their numbers."""
    if isinstance(given, str):
        numbers = given.replace(",", " ").split()
        return [numbers[start : start + 4] for start in range(0, len(numbers), 4)]
    if not isinstance(given, Iterable) or any(not isinstance(p, Iterable) for p in given):
        raise SinkInputError(f"gcps must be points [x, y, pixel x, pixel y], not {given!r}")
    return list(given)


def value(found: object) -> Any:
    """Return a number or text that a position stands for, or None."""
    plain = found.item() if isinstance(found, np.generic) else found
    if isinstance(plain, float) and math.isnan(plain):
        return None
    if plain is not None and not isinstance(plain, str | int | float | bool):
        raise SinkInputError(f"a position must stand for a number or a text, not {found!r}")
    return plain


def _number(name: str, value: object) -> float:
    number = real_number(name, value, SinkInputError)  # texts count: command lines bring them
    return finite_number(name, value if isinstance(value, bool) else number, error=SinkInputError)
