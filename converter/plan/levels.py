"""Which levels an output shall have: the stored ones, and the halvings between and below them."""

import math
from dataclasses import dataclass

from ziggurat.readers.model.geometry import halved, level_sizes
from ziggurat.readers.model.image import Level


@dataclass(frozen=True, slots=True)
class LevelSpec:
    """One wanted level; ``stored`` is the source's level of this size, None where it has none.

    A level that is not stored is exactly half of the one above it, odd sizes rounded up.
    """

    width: int
    height: int
    stored: int | None


def stored_levels(levels: tuple[Level, ...]) -> list[LevelSpec]:
    """Return the source's levels as they are."""
    return [LevelSpec(level.width, level.height, index) for index, level in enumerate(levels)]


def exact_levels(levels: tuple[Level, ...], smallest: int) -> list[LevelSpec]:
    """Return the first level and all its halvings until both sides are at most ``smallest``."""
    stored = {(level.width, level.height): index for index, level in enumerate(levels)}
    sizes = level_sizes(levels[0].width, levels[0].height, smallest)
    return [
        LevelSpec(*size, 0 if index == 0 else stored.get(size)) for index, size in enumerate(sizes)
    ]


def full_levels(levels: tuple[Level, ...], smallest: int) -> list[LevelSpec]:
    """Return the source's levels with every missing halving between and below them.

    Between two stored levels nothing is added unless they are a power of two apart (Aperio's 1,
    4, 16 get 2 and 8). Halving goes on until both sides are at most ``smallest``.
    """
    specs: list[LevelSpec] = []
    stored = stored_levels(levels)
    for level, below in zip(stored, [*stored[1:], None], strict=True):
        specs.append(level)
        missing = 0 if below is None else halvings_between(level, below) - 1
        for _ in range(missing):
            specs.append(_half(specs[-1]))
    while max(specs[-1].width, specs[-1].height) > smallest:
        specs.append(_half(specs[-1]))
    return specs


def halvings_between(upper: LevelSpec, lower: LevelSpec) -> int:
    """Return how many halvings lead from a level to a smaller one; 0 where none do.

    Vendors round sizes up or down, so two pixels, or two per cent, of difference are taken.
    """
    ratio = max(upper.width / lower.width, upper.height / lower.height)
    steps = round(math.log2(ratio)) if ratio > 1 else 0
    if steps < 1:
        return 0
    for large, small in ((upper.width, lower.width), (upper.height, lower.height)):
        ideal = large / 2**steps
        if abs(ideal - small) > max(2.0, 0.02 * ideal):
            return 0
    return steps


def _half(level: LevelSpec) -> LevelSpec:
    return LevelSpec(halved(level.width), halved(level.height), None)
