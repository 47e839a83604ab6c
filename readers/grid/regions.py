"""From a caller's region, scale and output to a rectangle and a size: pure arithmetic."""

import math
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass

from ziggurat.readers.errors import OptionError, RegionError
from ziggurat.readers.grid.pyramid import Pyramid
from ziggurat.readers.grid.units import Unit, parse_unit, pixels_per_unit
from ziggurat.readers.model.checks import real_number, whole_number
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.words import Options

EDGES = ("left", "top", "right", "bottom")
REGION_KEYS = {*EDGES, "width", "height", "units", "unitsWH"}
SCALE_KEYS = {"magnification", "mm_x", "mm_y", "exact"}
OUTPUT_KEYS = {"maxWidth", "maxHeight", "path"}
_SLIVER = 16

Bounds = tuple[float, float, float, float]
# (left, top, right, bottom, units) in a projection → the same in full-resolution pixels
GeoBounds = Callable[
    [float | None, float | None, float | None, float | None, str], tuple[float, ...]
]


@dataclass(frozen=True, slots=True)
class Window:
    """What was asked for: a full-resolution rectangle, the size it shall have, and the scale.

    ``scale`` is the wanted number of full-resolution pixels a pixel (below 1: enlarged). It can
    differ a little from ``rect.width / width``, since sizes are whole.
    """

    rect: Rect
    width: int
    height: int
    scale: float


def check_keys(what: str, given: Options | None, known: Set[str]) -> dict[str, object]:
    """Return the entries that are not None.

    Raises
    ------
    OptionError
        There is an unknown key among them; the message names the known ones.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise OptionError(f"{what} must be a dictionary, not {given!r}")
    unknown = set(given) - known
    if unknown:
        raise OptionError(
            f"{what} has no {', '.join(sorted(map(repr, unknown)))}; it knows {sorted(known)}"
        )
    return {key: value for key, value in given.items() if value is not None}


def wanted_scale(pyramid: Pyramid, scale: Options | None) -> float | None:
    """Return the scale a caller asks for; 1 when nothing, None when ``exact`` can't be had."""
    asked = check_keys("scale", scale, SCALE_KEYS)
    level = pyramid.fractional(asked.get("magnification"), asked.get("mm_x"), asked.get("mm_y"))
    if level is None:
        return 1.0
    if asked.get("exact") and (level != int(level) or not 0 <= level < pyramid.count):
        return None
    return pyramid.scale(level)


def region_bounds(
    info: ImageInfo,
    region: Options | None,
    scale: float = 1.0,
    geo: GeoBounds | None = None,
) -> Bounds:
    """Return (left, top, right, bottom) in full-resolution pixels, neither rounded nor clipped.

    Negative edges count from the right and the bottom. Both edges of an axis win over its size,
    unless ``unitsWH`` says that sizes are meant: then the near edge and the size count. What is
    not given is the image's edge.

    Parameters
    ----------
    info
        The image.
    region
        The caller's dictionary: edges, sizes, ``units`` and ``unitsWH``.
    scale
        Full-resolution pixels per ``mag_pixel``.
    geo
        Turns bounds in a projection into pixels, for images that know where they are.
    """
    asked = check_keys("region", region, REGION_KEYS)
    unit = parse_unit(asked.pop("units", None))
    if "unitsWH" in asked:
        for near, far, size in (("left", "right", "width"), ("top", "bottom", "height")):
            if near in asked and size in asked:
                asked.pop(far, None)
    unit_size = parse_unit(asked.pop("unitsWH")) if "unitsWH" in asked else unit
    numbers = _numbers(asked)
    if unit.projected:
        numbers = _from_projection(numbers, unit, geo, sized=unit_size.projected)
        unit = Unit("base_pixels")
        unit_size = unit if unit_size.projected else unit_size
    per_x, per_y = pixels_per_unit(info, unit, scale)
    size_x, size_y = per_x, per_y
    if unit_size != unit:
        size_x, size_y = pixels_per_unit(info, unit_size, scale)
    full = info.levels[0]
    left, right = _span(numbers, "left", "right", "width", per_x, size_x, full.width)
    top, bottom = _span(numbers, "top", "bottom", "height", per_y, size_y, full.height)
    return left, top, right, bottom


def _numbers(asked: Options) -> dict[str, float]:
    numbers = {}
    for key, value in asked.items():
        if isinstance(value, int | float):  # nearly always: it is asked four times a region
            number = float(value)
        else:
            number = real_number(f"region {key}", value, RegionError)
        if not math.isfinite(number):
            raise RegionError(f"region {key} must be a finite number, not {value!r}")
        numbers[key] = number
    return numbers


def _from_projection(
    numbers: dict[str, float], unit: Unit, geo: GeoBounds | None, *, sized: bool
) -> dict[str, float]:
    """Return edges in pixels; ``sized`` says that width and height are coordinates too."""
    if geo is None:
        raise RegionError(f"units {unit.name!r} need an image with a place on earth")
    left, right = numbers.get("left"), numbers.get("right")
    top, bottom = numbers.get("top"), numbers.get("bottom")
    width, height = (numbers.get(key) if sized else None for key in ("width", "height"))
    for size, near, far in (("width", "left", "right"), ("height", "top", "bottom")):
        if sized and size in numbers and near not in numbers and far not in numbers:
            raise RegionError(f"region {size} in {unit.name!r} needs its {near} or its {far}, too")
    if width is not None and left is not None and right is None:
        right = left + width
    elif width is not None and right is not None and left is None:
        left = right - width
    # y grows upwards in a projection: the top is the larger number
    if height is not None and top is not None and bottom is None:
        bottom = top - height
    elif height is not None and bottom is not None and top is None:
        top = bottom + height
    edges = geo(left, top, right, bottom, unit.name)
    # pixels left of or above the image are real places here, not counted from the far edge
    found = {key: max(value, 0.0) for key, value in zip(EDGES, edges, strict=True)}
    for low, high, size in (("left", "right", "width"), ("top", "bottom", "height")):
        if not sized and size in numbers and not (low in numbers and high in numbers):
            found[size] = numbers[size]  # in pixels or lengths: it decides the other edge
            del found[low if high in numbers else high]
    return found


def _span(
    numbers: Mapping[str, float],
    low: str,
    high: str,
    size: str,
    per_edge: float,
    per_size: float,
    full: int,
) -> tuple[float, float]:
    first = numbers[low] * per_edge if low in numbers else None
    last = numbers[high] * per_edge if high in numbers else None
    length = numbers[size] * per_size if size in numbers else None
    if first is not None and first < 0:
        first += full
    if last is not None and last < 0:
        last += full
    if first is None:
        first = last - length if last is not None and length is not None else 0.0
    if last is None:
        last = first + length if length is not None else float(full)
    return first, last


def clipped(info: ImageInfo, bounds: Bounds) -> Rect:
    """Round bounds to whole pixels and clip them to the image; may be empty."""
    full = info.levels[0]
    left = min(max(round(bounds[0]), 0), full.width)
    top = min(max(round(bounds[1]), 0), full.height)
    right = min(max(round(bounds[2]), left), full.width)
    bottom = min(max(round(bounds[3]), top), full.height)
    return Rect(left, top, right - left, bottom - top)


def fit(
    width: int, height: int, max_width: int | None, max_height: int | None
) -> tuple[int, int, float]:
    """Return (width, height, scale) of the largest size of about the same shape within limits.

    One side is its limit, the other is rounded down, to no less than 1; where the width rounds
    to its limit too, both are. A limit that isn't given is 16 times the other one, so that a
    sliver doesn't become endless.
    """
    if max_width is None:
        max_width = _SLIVER * (max_height or 0)
    if max_height is None:
        max_height = _SLIVER * max_width
    if not max_width or not max_height:
        return 0, 0, math.inf
    across = max(1, width * max_height // height)
    down = max(1, height * max_width // width)
    if across == max_width or (max_width * height > max_height * width and down != max_height):
        return across, max_height, height / max_height
    return max_width, down, width / max_width


def plan_window(
    pyramid: Pyramid,
    region: Options | None = None,
    scale: Options | None = None,
    output: Options | None = None,
    geo: GeoBounds | None = None,
) -> Window | None:
    """Return what to read and how large it shall be, or None where nothing is left of it.

    Sizes are rounded down; the height to no less than 1. ``output`` wins over ``scale`` for the
    size; ``scale`` still says how large a ``mag_pixel`` is.
    """
    max_width = max_height = None
    if output is not None:
        limits = check_keys("output", output, OUTPUT_KEYS)
        max_width = _limit("maxWidth", limits.get("maxWidth"))
        max_height = _limit("maxHeight", limits.get("maxHeight"))
    requested = 1.0 if scale is None else wanted_scale(pyramid, scale)
    if requested is None:
        return None
    info = pyramid.info
    rect = clipped(info, region_bounds(info, region, requested, geo))
    if not rect.width or not rect.height:
        return None
    if max_width is not None or max_height is not None:
        width, height, requested = fit(rect.width, rect.height, max_width, max_height)
    else:
        width, height = math.floor(rect.width / requested), math.floor(rect.height / requested)
    if width < 1:
        return None
    return Window(rect, width, max(1, height), requested)


def _limit(name: str, value: object) -> int | None:
    return None if value is None else whole_number(f"output {name}", value, 0)
