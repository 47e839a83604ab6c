"""Filling a picture up to a wanted size with a colour."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ziggurat.readers.errors import OptionError
from ziggurat.readers.grid.regions import OUTPUT_KEYS, check_keys
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.reader import Pixels

_CORNER = "corner:"


def parse_color(color: str) -> tuple[int, int, int, int]:
    """Return (red, green, blue, alpha), 0-255, of a CSS name or a ``#rrggbb``."""
    import PIL.ImageColor  # loads what most callers never need

    try:
        parts = PIL.ImageColor.getrgb(color)
    except ValueError as error:
        raise OptionError(f"a colour must be a CSS name or #rrggbb, not {color!r}") from error
    return (*parts[:3], parts[3] if len(parts) == 4 else 255)


def color_pixel(color: str, bands: int, dtype: np.dtype, *, alpha: bool) -> Pixels:
    """Return a colour as one pixel of shape (bands,) in the range of a dtype (floats: 0-255)."""
    red, green, blue, opacity = parse_color(color)
    plain = bands - 1 if alpha else bands
    gray = round((red * 299 + green * 587 + blue * 114) / 1000)
    values = [red, green, blue][:plain] if plain >= 3 else [gray] * plain
    values += [0] * (plain - len(values)) + ([opacity] if alpha else [])
    if dtype.kind in "iu":
        top = int(np.iinfo(dtype).max)
        return np.array([value * top // 255 for value in values], dtype)
    return np.array(values).astype(dtype)


@dataclass(frozen=True, slots=True)
class Border:
    """A larger picture of one colour, and where the smaller one goes in it, in pixels."""

    color: str
    width: int
    height: int
    x: int
    y: int


def wanted_border(
    fill: object, columns: int, rows: int, output: Mapping[str, object] | None
) -> Border | None:
    """Return what fills a picture up to ``maxWidth`` and ``maxHeight``; None for nothing.

    Raises
    ------
    OptionError
        ``fill`` is no text.
    """
    if fill is not None and not isinstance(fill, str):
        raise OptionError(f"fill must be the name of a colour or #rrggbb, not {fill!r}")
    if not fill or fill.lower() == "none":
        return None
    corner = fill.lower().startswith(_CORNER)
    limits = check_keys("output", output, OUTPUT_KEYS)
    width = max(whole_number("maxWidth", limits.get("maxWidth", 0)), columns)
    height = max(whole_number("maxHeight", limits.get("maxHeight", 0)), rows)
    x, y = (0, 0) if corner else ((width - columns) // 2, (height - rows) // 2)
    return Border(fill[len(_CORNER) :] if corner else fill, width, height, x, y)


def letterbox(pixels: Pixels, border: Border, *, alpha: bool) -> tuple[Pixels, bool]:
    """Return a picture with a border, and whether its last band is alpha.

    A colour that isn't opaque gives RGB and gray pictures an alpha band.
    """
    rows, columns, bands = pixels.shape
    if parse_color(border.color)[3] < 255 and not alpha and bands in (1, 3):
        top = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "iu" else 255
        opaque = np.full((rows, columns, 1), top, pixels.dtype)
        pixels, alpha, bands = np.concatenate([pixels, opaque], axis=2), True, bands + 1
    canvas = np.empty((border.height, border.width, bands), pixels.dtype)
    canvas[:] = color_pixel(border.color, bands, pixels.dtype, alpha=alpha)
    canvas[border.y : border.y + rows, border.x : border.x + columns] = pixels
    return canvas, alpha


def bordered_rows(
    rows: Callable[[int, int], Pixels], height: int, border: Border, *, alpha: bool
) -> Callable[[int, int], Pixels]:
    """Return a function for rows of a picture with a border, out of one for those without.

    ``rows(top, number)`` gives whole rows (number, width, band) of the ``height`` there are.
    """

    def outer(top: int, number: int) -> Pixels:
        first = min(max(top - border.y, 0), height)
        last = min(max(top + number - border.y, first), height)
        blank = first == last  # nothing of the picture: one of its rows says of what kind it is
        inner = rows(min(first, height - 1), 1)[:0] if blank else rows(first, last - first)
        place = max(border.y - top, 0)
        return letterbox(inner, replace(border, height=number, y=place), alpha=alpha)[0]

    return outer
