"""Which stored level serves a wanted scale, and where a region lies in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from ziggurat.readers.grid.scales import level_count
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Level

_MAX_SKIPPED = 3
_STORED = frozenset(
    ("aperio", "dicom", "hamamatsu", "leica", "mirax", "philips", "sakura", "trestle", "ventana")
)
_SKIPPING = frozenset(("tiff", "ome-tiff", "ome-zarr", "store", "array"))
_SLACK = 1e-3  # relative; a level of 741 rows out of 2967 still is the ÷4 one


def exact_scale(full: int, small: int) -> float:
    """Return the downsampling of one axis: a whole number where rounding explains the sizes."""
    ratio = full / small
    for whole in {round(ratio), 1 << max(0, round(ratio).bit_length() - 1)}:
        if whole >= 1 and abs(full / whole - small) <= 1:
            return float(whole)
    return ratio


@dataclass(frozen=True, slots=True)
class LevelChoice:
    """A stored level and how many full-resolution pixels one of its pixels spans."""

    index: int
    scale_x: float
    scale_y: float
    scale: float = field(init=False)  # the larger of both

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", max(self.scale_x, self.scale_y))


def stored_scales(info: ImageInfo) -> tuple[LevelChoice, ...]:
    """Return every stored level with its scale."""
    return _stored_scales(info.levels)


@lru_cache(1024)
def _stored_scales(levels: tuple[Level, ...]) -> tuple[LevelChoice, ...]:
    full = levels[0]
    return tuple(
        LevelChoice(
            index, exact_scale(full.width, level.width), exact_scale(full.height, level.height)
        )
        for index, level in enumerate(levels)
    )


def best_level(info: ImageInfo, scale: float) -> LevelChoice:
    """Return the smallest stored level that is still at least as fine as ``scale`` asks."""
    best, *others = _stored_scales(info.levels)
    for choice in others:
        if best.scale < choice.scale <= scale * (1 + _SLACK):
            best = choice
    return best


def populated_levels(info: ImageInfo) -> Mapping[int, LevelChoice]:
    """Return the conceptual levels that are stored, each with its stored level."""
    return _populated_levels(info.levels, level_count(info) - 1)


@lru_cache(1024)
def _populated_levels(levels: tuple[Level, ...], top: int) -> Mapping[int, LevelChoice]:
    found: dict[int, LevelChoice] = {}
    for choice in _stored_scales(levels):
        steps = round(choice.scale).bit_length() - 1
        power = float(1 << steps)
        if steps <= top and choice.scale_x == power and choice.scale_y == power:
            found.setdefault(top - steps, choice)
    return MappingProxyType(found)


def preferred_level(info: ImageInfo, level: int) -> int:
    """Return the conceptual level whose pixels serve a wanted one, as the reference chooses it.

    Of slides it is the wanted level or the next finer one that is stored; of plain TIFF, OME-TIFF
    and zarr so too, but each third level counts as stored. Maps and pictures have all levels.
    """
    level = max(0, min(level, level_count(info) - 1))
    if info.geo is not None or info.format not in _STORED | _SKIPPING:
        return level
    gap = min(stored for stored in populated_levels(info) if stored >= level) - level
    if info.format == "ome-tiff":
        gap = (gap - 1) % _MAX_SKIPPED + 1 if gap else 0
    elif info.format in _SKIPPING:
        gap %= _MAX_SKIPPED
    return level + gap


def rect_in_level(info: ImageInfo, choice: LevelChoice, rect: Rect) -> Rect:
    """Return where a full-resolution rectangle lies in a stored level, to the nearest pixel.

    At least one pixel each way, and always inside the level.
    """
    level = info.levels[choice.index]
    x0 = min(round(rect.x / choice.scale_x), level.width - 1)
    y0 = min(round(rect.y / choice.scale_y), level.height - 1)
    x1 = min(max(round(rect.right / choice.scale_x), x0 + 1), level.width)
    y1 = min(max(round(rect.bottom / choice.scale_y), y0 + 1), level.height)
    return Rect(x0, y0, x1 - x0, y1 - y0)
