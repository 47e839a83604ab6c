"""The levels of an image: which there are, their scales and tiles, and which of them serves what.

A *conceptual level* z is 2 ** (levels - 1 - z) full-resolution pixels a pixel; the largest z is
the full resolution. It need not be stored. (``ImageInfo.levels`` are the stored ones, full
resolution first.) Pure arithmetic on ImageInfo.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.checks import real_number
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Level, ServedLevels
from ziggurat.readers.model.words import Magnification

DEFAULT_TILE = 256
_MAX_TILE, _MIN_TILE = 4096, 8
_MAX_ASPECT = 4  # longer ones are strips
_MIN_CHUNK, _MAX_CHUNK, _ZARR_TILE = 128, 1024, 512
_DIGITS = 4  # of a fractional level: a magnification given as 7.0001 is meant to be 7
_MAX_SKIPPED = 3
_SLACK = 1e-3  # relative; a level of 741 rows out of 2967 still is the ÷4 one


def exact_scale(full: int, small: int) -> float:
    """Return the downsampling of one axis: a whole number where rounding explains the sizes."""
    ratio = full / small
    for whole in {round(ratio), 1 << max(0, round(ratio).bit_length() - 1)}:
        if whole >= 1 and abs(full / whole - small) <= 1:
            return float(whole)
    return ratio


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

    def as_dict(self) -> Magnification:
        """Return the public keys."""
        return {"magnification": self.magnification, "mm_x": self.mm_x, "mm_y": self.mm_y}


@dataclass(frozen=True, slots=True)
class LevelChoice:
    """A stored level and how many full-resolution pixels one of its pixels spans."""

    index: int
    scale_x: float
    scale_y: float
    scale: float = field(init=False)  # the larger of both

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", max(self.scale_x, self.scale_y))


@dataclass(frozen=True, eq=False)
class Pyramid:
    """The levels of an image; each fact is found once, when it is first asked for."""

    info: ImageInfo

    @cached_property
    def resolution(self) -> Resolution:
        """The full resolution; a magnification that isn't told is 0.01 mm over the pixel size.

        (A 40× objective gives pixels of about a quarter of a micrometre: the field's rule of
        thumb.) Maps have none.
        """
        info = self.info
        magnification = info.magnification
        if not magnification and info.mm_x and info.geo is None:
            magnification = 0.01 / info.mm_x
        return Resolution(magnification or None, info.mm_x or None, info.mm_y or None)

    @cached_property
    def tile_size(self) -> tuple[int, int]:
        """(width, height) of the tiles that are served.

        Stored tiles keep their size. Strips, tiles that only are as small as the image, and what
        is larger than a tile can sensibly be, are served as squares; so are maps, as their viewers
        expect. Chunks of zarr are tiles only where they have the size of such; 512 pixels
        elsewhere.
        """
        info = self.info
        if info.geo is not None:
            return DEFAULT_TILE, DEFAULT_TILE
        level = info.levels[0]
        if info.chunked:
            return _of_chunk(level.tile_width), _of_chunk(level.tile_height)
        return _of_tile(level)

    @cached_property
    def count(self) -> int:
        """Number of conceptual levels: the smallest one fits into a single tile."""
        width, height = self.tile_size
        ratio = max(self.info.width / width, self.info.height / height)
        return max(1, math.ceil(math.log2(ratio)) + 1)

    @cached_property
    def stored(self) -> tuple[LevelChoice, ...]:
        """Every stored level with its scale, full resolution first."""
        full = self.info.levels[0]
        return tuple(
            LevelChoice(
                index, exact_scale(full.width, level.width), exact_scale(full.height, level.height)
            )
            for index, level in enumerate(self.info.levels)
        )

    @cached_property
    def populated(self) -> Mapping[int, LevelChoice]:
        """The conceptual levels that are stored, each with its stored level."""
        found: dict[int, LevelChoice] = {}
        top = self.count - 1
        for choice in self.stored:
            steps = round(choice.scale).bit_length() - 1
            power = float(1 << steps)
            if steps <= top and choice.scale_x == power and choice.scale_y == power:
                found.setdefault(top - steps, choice)
        return MappingProxyType(found)

    def scale(self, level: float) -> float:
        """Return how many full-resolution pixels a pixel of a conceptual level spans."""
        return float(2.0 ** (self.count - 1 - level))

    def fractional(
        self, magnification: object = None, mm_x: object = None, mm_y: object = None
    ) -> float | None:
        """Return the conceptual level that a magnification or pixel size asks for, not rounded.

        Several wishes are averaged (their log2 is). None when nothing was asked, or what was asked
        has no counterpart in the image.

        Raises
        ------
        OptionError
            One of them is no number above zero.
        """
        native = self.resolution
        ratios = []
        if magnification and native.magnification:
            ratios.append(_log2(magnification, "magnification") - math.log2(native.magnification))
        if mm_x and native.mm_x:
            ratios.append(math.log2(native.mm_x) - _log2(mm_x, "mm_x"))
        if mm_y and native.mm_y:
            ratios.append(math.log2(native.mm_y) - _log2(mm_y, "mm_y"))
        if not ratios:
            return None
        return round(self.count - 1 + sum(ratios) / len(ratios), _DIGITS)

    def best(self, scale: float) -> LevelChoice:
        """Return the smallest stored level that is still at least as fine as ``scale`` asks."""
        best, *others = self.stored
        for choice in others:
            if best.scale < choice.scale <= scale * (1 + _SLACK):
                best = choice
        return best

    def preferred(self, level: int) -> int:
        """Return the conceptual level whose pixels serve a wanted one, as the reference chooses it.

        That is itself, or a finer one, by what the backend says of its format
        (:class:`~ziggurat.readers.model.image.ServedLevels`). Maps have all levels.
        """
        info = self.info
        level = max(0, min(level, self.count - 1))
        served = info.served_levels
        if info.geo is not None or served is ServedLevels.EVERY:
            return level
        gap = min(stored for stored in self.populated if stored >= level) - level
        if served is ServedLevels.THREE_FINER:
            gap = (gap - 1) % _MAX_SKIPPED + 1 if gap else 0
        elif served is ServedLevels.TWO_FINER:
            gap %= _MAX_SKIPPED
        return level + gap

    def rect_in(self, choice: LevelChoice, rect: Rect) -> Rect:
        """Return where a full-resolution rectangle lies in a stored level, to the nearest pixel.

        At least one pixel each way, and always inside the level.
        """
        level = self.info.levels[choice.index]
        x0 = min(round(rect.x / choice.scale_x), level.width - 1)
        y0 = min(round(rect.y / choice.scale_y), level.height - 1)
        x1 = min(max(round(rect.right / choice.scale_x), x0 + 1), level.width)
        y1 = min(max(round(rect.bottom / choice.scale_y), y0 + 1), level.height)
        return Rect(x0, y0, x1 - x0, y1 - y0)


def _of_tile(level: Level) -> tuple[int, int]:
    """Return (width, height) of the tiles that stored ones are served as."""
    width, height = level.tile_width, level.tile_height
    if width == level.width:
        width = max(width, DEFAULT_TILE)
    if height == level.height:
        height = max(height, DEFAULT_TILE)
    large, small = max(width, height), min(width, height)
    if large > _MAX_TILE or small < _MIN_TILE or large > _MAX_ASPECT * small:
        return DEFAULT_TILE, DEFAULT_TILE
    return width, height


def _of_chunk(side: int) -> int:
    return side if _MIN_CHUNK <= side <= _MAX_CHUNK else _ZARR_TILE


def _log2(value: object, name: str) -> float:
    number = real_number(name, value)
    if not 0 < number < math.inf:
        raise OptionError(f"{name} must be a number greater than zero, not {value!r}")
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
        raise OptionError(f"rounding must be 'round', 'ceil', False or None, not {rounding!r}")
    if rounding == "ceil" and level > levels - 1:
        return None
    whole = math.ceil(level) if rounding == "ceil" else round(level)
    return min(max(whole, 0), levels - 1)
