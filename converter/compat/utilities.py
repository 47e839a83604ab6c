"""What scripts look for in the reference's ``tilesource.utilities``: palettes by name."""

import importlib
import inspect
import math
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
from PIL import ImageColor

from ziggurat.converter.compat.quads import getTileFramesQuadInfo
from ziggurat.converter.compat.trees import dictToEtree, etreeToDict
from ziggurat.readers.errors import StyleError
from ziggurat.readers.source.output.dicts import JSONDict
from ziggurat.readers.source.output.encode import ImageBytes
from ziggurat.readers.style.palette import PALETTABLE, parse_palette

__all__ = [
    "ImageBytes",
    "JSONDict",
    "dictToEtree",
    "etreeToDict",
    "getAvailableNamedPalettes",
    "getPaletteColors",
    "getTileFramesQuadInfo",
    "isValidPalette",
    "nearPowerOfTwo",
]


def getPaletteColors(value: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a palette as an array (colour, 4) of red, green, blue and alpha, 0 to 255.

    Parameters
    ----------
    value
        A colour (black to it), a list of colours, or the name of a palette of matplotlib's or
        palettable's.

    Raises
    ------
    StyleError
        It is none of these; it is a ``ValueError``, too.
    """
    return np.rint(parse_palette(value)).astype(np.uint8)


def isValidPalette(value: Any) -> bool:
    """Return True for what :func:`getPaletteColors` takes."""
    try:
        parse_palette(value)
    except StyleError:
        return False
    return True


def getAvailableNamedPalettes(includeColors: bool = True, reduced: bool = False) -> list[str]:
    """Return the names of palettes, and of colours, sorted.

    Parameters
    ----------
    includeColors
        Names of single colours, too.
    reduced
        Leave out palettes that are others turned round or with fewer colours.
    """
    from cmap import Catalog

    short = Catalog().short_keys()
    found = {name for name in short if ":" not in name} | set(_palettable())
    found |= {f"{name}_r" for name in short if ":" not in name}
    if includeColors:
        found |= set(ImageColor.colormap)
    if reduced:
        found = {name for name in found if not name.endswith("_r") and not _has_more(name, found)}
    return sorted(found)


def _has_more(name: str, names: set[str]) -> bool:
    """Return True where a palette of the same name with one more colour is among the names."""
    numbered = re.fullmatch(r"(.*)_(\d+)", name)
    return numbered is not None and f"{numbered[1]}_{int(numbered[2]) + 1}" in names


def _palettable() -> Iterator[str]:
    for package, kinds in PALETTABLE.items():
        for folder in [f"{package}.{kind}" for kind in kinds] or [package]:
            module: ModuleType = importlib.import_module(f"palettable.{folder}")
            for name, palette in inspect.getmembers(module):
                if isinstance(getattr(palette, "hex_colors", None), list):
                    yield f"{folder}.{name}"


def nearPowerOfTwo(val1: float, val2: float, tolerance: float = 0.02) -> bool:
    """Return True where two numbers differ by about a power of two, by at most ``tolerance``.

    Both are above zero; the tolerance is a share of a factor of two.
    """
    if val1 * val2 <= 0:
        return False
    steps = math.log2(val1 / val2)
    return abs(steps - round(steps)) < tolerance
