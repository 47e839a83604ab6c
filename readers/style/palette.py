"""Colours and palettes by name, code or number: untrusted words in, plain RGBA tuples out."""

import importlib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ziggurat.readers.errors import StyleError

Color = tuple[float, float, float, float]  # red, green, blue, alpha; each 0 to 255

MOST_COLORS = 4096
_LONGEST_NAME = 200

# Sub-packages of palettable that may be asked for; nothing else is ever imported by name.
PALETTABLE = {
    "cartocolors": ("diverging", "qualitative", "sequential"),
    "cmocean": ("diverging", "sequential"),
    "colorbrewer": ("diverging", "qualitative", "sequential"),
    "cubehelix": (),
    "lightbartlein": ("diverging", "sequential"),
    "matplotlib": (),
    "mycarta": (),
    "scientific": ("diverging", "sequential"),
    "tableau": (),
    "wesanderson": (),
}
_TABLEAU = (
    "tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple",
    "tab:brown", "tab:pink", "tab:gray", "tab:olive", "tab:cyan",
)  # fmt: skip
_ALPHA_OF_255 = re.compile(  # as Pillow has it, and scripts with it; in CSS it ends with 1
    r"rgba\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)"
)
_DISTINCT = ("#ffffff", "#ff0000", "#00ff00", "#0000ff", "#ffff00", "#ff00ff", "#00ffff")


def parse_color(value: object) -> Color:
    """Return a colour as red, green, blue, alpha, each 0 to 255.

    Parameters
    ----------
    value
        A CSS name, ``#rgb``, ``#rgba``, ``#rrggbb``, ``#rrggbbaa``, ``rgb(…)``, ``rgba(…)``,
        ``hsl(…)``, ``tab:blue`` and the like (of matplotlib's other lists, as ``xkcd:blue``, where
        it is installed), or three or four numbers from 0 to 1.

    Raises
    ------
    StyleError
        It isn't a colour.
    """
    if isinstance(value, str):
        return _color_by_name(value)
    if isinstance(value, Sequence) and len(value) in (3, 4):
        numbers = [float(v) for v in value if isinstance(v, int | float)]
        if len(numbers) == len(value) and all(0 <= v <= 1 for v in numbers):
            red, green, blue, alpha = (*numbers, 1.0)[:4]
            return red * 255, green * 255, blue * 255, alpha * 255
    raise StyleError(
        f"{_short(value)} is not a colour: give a CSS name or code, or 3 or 4 numbers from 0 to 1"
    )


@lru_cache(maxsize=1024)
def _color_by_name(text: str) -> Color:
    from cmap import Color as CmapColor

    if len(text) <= _LONGEST_NAME:
        if ":" in text:
            return _color_of_matplotlib(text)
        try:
            if found := _ALPHA_OF_255.fullmatch(text):
                red, green, blue, alpha = (float(number) for number in found.groups())
                if alpha > 1:
                    return red, green, blue, min(alpha, 255.0)
            if re.fullmatch("#[0-9a-fA-F]{4}", text):
                text = "#" + "".join(2 * digit for digit in text[1:])
            red, green, blue, alpha = CmapColor(text).rgba
        except (ValueError, TypeError) as error:
            raise StyleError(f"{_short(text)} is not a colour: {error}") from error
        return red * 255, green * 255, blue * 255, float(alpha) * 255
    raise StyleError(f"{_short(text)} is not a colour")


def _color_of_matplotlib(name: str) -> Color:
    """Return a colour of matplotlib's lists: of Tableau's, and if it is there of the others."""
    if name.lower() in _TABLEAU:
        return _palette_by_name("tab10")[_TABLEAU.index(name.lower())]
    try:
        to_rgba = importlib.import_module("matplotlib.colors").to_rgba
    except ImportError:
        raise StyleError(
            f"{_short(name)} is not a colour that is known here; install matplotlib for its lists"
        ) from None
    try:
        red, green, blue, alpha = (255.0 * part for part in to_rgba(name))
    except ValueError as error:
        raise StyleError(f"{_short(name)} is not a colour: {error}") from error
    return red, green, blue, alpha


def parse_palette(value: object) -> tuple[Color, ...]:
    """Return a palette as two or more colours, first for the lowest value.

    One colour becomes black to that colour; a name is looked up among matplotlib's colour maps
    (256 colours) and palettable's (``colorbrewer.sequential.YlOrRd_5``).

    Raises
    ------
    StyleError
        It names no palette, or holds something that isn't a colour, or too many.
    """
    if isinstance(value, str):
        try:
            return (0.0, 0.0, 0.0, 255.0), _color_by_name(value)
        except StyleError:
            return _palette_by_name(value)
    if isinstance(value, Sequence) and value:
        if len(value) > MOST_COLORS:
            raise StyleError(f"a palette may have up to {MOST_COLORS} colours, not {len(value)}")
        colors = tuple(parse_color(color) for color in value)
        return colors if len(colors) > 1 else ((0.0, 0.0, 0.0, 255.0), *colors)
    raise StyleError(f"{_short(value)} is not a palette: give a name, a colour or some colours")


@lru_cache(maxsize=256)
def _palette_by_name(name: str) -> tuple[Color, ...]:
    if not re.fullmatch(r"[A-Za-z0-9_.:\- ]{1,200}", name):
        raise StyleError(f"{_short(name)} names neither a colour nor a palette")
    found = _from_palettable(name) or _from_cmap(name)
    if not found:
        raise StyleError(
            f"{_short(name)} names neither a colour nor a palette of matplotlib's or palettable's"
        )
    return found


def _from_palettable(name: str) -> tuple[Color, ...]:
    parts = name.removeprefix("palettable.").split(".")
    package, *kind, leaf = parts if len(parts) in (2, 3) else ("", "")
    if package not in PALETTABLE or (kind and kind[0] not in PALETTABLE[package]):
        return ()
    folder = ".".join(("palettable", package, *kind))
    if not kind and PALETTABLE[package]:
        return ()
    palette: Any = getattr(importlib.import_module(folder), leaf, None)
    colors = getattr(palette, "colors", None)
    return tuple((float(r), float(g), float(b), 255.0) for r, g, b in colors or ())


def _from_cmap(name: str) -> tuple[Color, ...]:
    from cmap import Colormap

    for known in (f"matplotlib:{name}", name):  # of several of one name matplotlib's
        try:
            lut = Colormap(known).lut(256)
            break
        except (ValueError, TypeError, KeyError, FileNotFoundError):
            continue
    else:
        return ()
    return tuple((float(r), float(g), float(b), float(a)) for r, g, b, a in lut * 255)


def channel_color(index: int) -> str:
    """Return a colour for a channel that has none of its own: red, green, blue and so on."""
    return _DISTINCT[1 + index % (len(_DISTINCT) - 1)]


def _short(value: object) -> str:
    text = repr(value[:60] if isinstance(value, str | list | tuple) else value)
    return text if len(text) < 80 else text[:80] + "…"
