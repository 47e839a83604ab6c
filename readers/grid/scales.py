"""Magnification, pixel size and the conceptual ÷2 levels: pure arithmetic on ImageInfo.

A *conceptual level* z is 2 ** (levels - 1 - z) full-resolution pixels a pixel; the largest z is
the full resolution. It need not be stored. (``ImageInfo.levels`` are the stored ones, full
resolution first.)
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.image import ImageInfo, Level

DEFAULT_TILE = 256
_MAX_TILE, _MIN_TILE = 4096, 8
_MAX_ASPECT = 4  # longer ones are strips
_MIN_CHUNK, _MAX_CHUNK, _ZARR_TILE = 128, 1024, 512
_DIGITS = 4  # of a fractional level: a magnification given as 7.0001 is meant to be 7


@dataclass(frozen=True, slots=True)
class Resolution:
    """Magnification and millimetres per pixel; None where they are not known."""

    magnification: float | None
    mm_x: float | None
    mm_y: float | None

    def at(self, scale: float) -> "Resolution":
        """Return the resolution of an image shrunk by ``scale``."""
        return Resolution(
            self.magnification / scale if self.magnification else None,
            self.mm_x * scale if self.mm_x else None,
            self.mm_y * scale if self.mm_y else None,
        )

    def as_dict(self) -> dict[str, float | None]:
        """Return the public keys."""
        return {"magnification": self.magnification, "mm_x": self.mm_x, "mm_y": self.mm_y}


def native_resolution(info: ImageInfo) -> Resolution:
    """Return the full resolution; a magnification that isn't told is 0.01 mm over the pixel size.

    (A 40× objective gives pixels of about a quarter of a micrometre: the field's rule of thumb.)
    Maps have none.
    """
    magnification = info.magnification
    if not magnification and info.mm_x and info.geo is None:
        magnification = 0.01 / info.mm_x
    return Resolution(magnification or None, info.mm_x or None, info.mm_y or None)


def tile_size(info: ImageInfo) -> tuple[int, int]:
    """Return (width, height) of the tiles that are served.

    Stored tiles keep their size. Strips, tiles that only are as small as the image, and what is
    larger than a tile can sensibly be, are served as squares; so are maps, as their viewers
    expect. Chunks of zarr are tiles only where they have the size of such; 512 pixels elsewhere.
    """
    if info.geo is not None:
        return DEFAULT_TILE, DEFAULT_TILE
    if info.format == "ome-zarr":
        width, height = (
            side if _MIN_CHUNK <= side <= _MAX_CHUNK else _ZARR_TILE
            for side in (info.levels[0].tile_width, info.levels[0].tile_height)
        )
        return width, height
    return _tile_size(info.levels[0])


def level_count(info: ImageInfo) -> int:
    """Return the number of conceptual levels: the smallest one fits into a single tile."""
    return _level_count(info.width, info.height, *tile_size(info))


@lru_cache(1024)
def _tile_size(level: Level) -> tuple[int, int]:
    width, height = level.tile_width, level.tile_height
    if width == level.width:
        width = max(width, DEFAULT_TILE)
    if height == level.height:
        height = max(height, DEFAULT_TILE)
    large, small = max(width, height), min(width, height)
    if large > _MAX_TILE or small < _MIN_TILE or large > _MAX_ASPECT * small:
        return DEFAULT_TILE, DEFAULT_TILE
    return width, height


@lru_cache(1024)
def _level_count(width: int, height: int, tile_width: int, tile_height: int) -> int:
    ratio = max(width / tile_width, height / tile_height)
    return max(1, math.ceil(math.log2(ratio)) + 1)


def level_scale(info: ImageInfo, level: int) -> float:
    """Return how many full-resolution pixels a pixel of a conceptual level spans."""
    return 2.0 ** (level_count(info) - 1 - level)


def fractional_level(
    info: ImageInfo,
    magnification: float | None = None,
    mm_x: float | None = None,
    mm_y: float | None = None,
) -> float | None:
    """Return the conceptual level that a magnification or pixel size asks for, not rounded.

    Several wishes are averaged (their log2 is). None when nothing was asked, or what was asked
    has no counterpart in the image.
    """
    native = native_resolution(info)
    ratios = []
    if magnification and native.magnification:
        ratios.append(_log2(magnification, "magnification") - math.log2(native.magnification))
    if mm_x and native.mm_x:
        ratios.append(math.log2(native.mm_x) - _log2(mm_x, "mm_x"))
    if mm_y and native.mm_y:
        ratios.append(math.log2(native.mm_y) - _log2(mm_y, "mm_y"))
    if not ratios:
        return None
    return round(level_count(info) - 1 + sum(ratios) / len(ratios), _DIGITS)


def _log2(value: Any, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{name} is a number, not {value!r}") from error
    if not 0 < number < math.inf:
        raise OptionError(f"{name} is a number greater than zero, not {value!r}")
    return math.log2(number)


def rounded_level(level: float, levels: int, rounding: str | bool | None) -> int | float | None:
    """Round a fractional level: ``'round'``, ``'ceil'``, False (not at all), None.

    All but None clamp it to the levels that there are.

    No level is as fine as ``'ceil'`` asks beyond the full resolution: None.
    """
    if rounding is None:
        return level
    if rounding is False:
        return min(max(level, 0), levels - 1)
    if rounding not in ("round", "ceil"):
        raise OptionError(f"rounding is 'round', 'ceil', False or None, not {rounding!r}")
    if rounding == "ceil" and level > levels - 1:
        return None
    whole = math.ceil(level) if rounding == "ceil" else round(level)
    return min(max(whole, 0), levels - 1)
