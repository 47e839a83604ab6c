"""Filling a picture up to a wanted size with a colour."""

from typing import Any

import numpy as np

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.reader import Pixels

_CORNER = "corner:"


def parse_color(color: str) -> tuple[int, int, int, int]:
    """Return (red, green, blue, alpha), 0-255, of a CSS name or a ``#rrggbb``."""
    import PIL.ImageColor  # loads what most callers never need

    try:
        parts = PIL.ImageColor.getrgb(color)
    except ValueError as error:
        raise OptionError(f"no colour {color!r}; give a CSS name or #rrggbb") from error
    return (*parts[:3], parts[3] if len(parts) == 4 else 255)


def color_pixel(color: str, bands: int, dtype: np.dtype[Any], *, alpha: bool) -> Pixels:
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


def letterbox(
    pixels: Pixels, fill: str, width: int | None, height: int | None, *, alpha: bool
) -> tuple[Pixels, bool]:
    """Return a picture of ``width`` × ``height`` with the pixels in its middle (or corner).

    A colour that isn't opaque gives RGB and gray pictures an alpha band.
    """
    corner = fill.lower().startswith(_CORNER)
    color = fill[len(_CORNER) :] if corner else fill
    opacity = parse_color(color)[3]
    rows, columns, bands = pixels.shape
    width, height = max(width or 0, columns), max(height or 0, rows)
    if opacity < 255 and not alpha and bands in (1, 3):
        top = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "iu" else 255
        opaque = np.full((rows, columns, 1), top, pixels.dtype)
        pixels, alpha, bands = np.concatenate([pixels, opaque], axis=2), True, bands + 1
    canvas = np.empty((height, width, bands), pixels.dtype)
    canvas[:] = color_pixel(color, bands, pixels.dtype, alpha=alpha)
    x, y = (0, 0) if corner else ((width - columns) // 2, (height - rows) // 2)
    canvas[y : y + rows, x : x + columns] = pixels
    return canvas, alpha
