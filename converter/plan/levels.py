"""Which levels an output shall have: the stored ones, and the halvings between and below them."""

import math
from dataclasses import dataclass

from ziggurat.readers.model.geometry import halved, level_sizes
from ziggurat.readers.model.image import Level


@dataclass(frozen=True, slots=True)
class Rung:
    """One wanted level; ``stored`` is the source's level of this size, None where it has none.

    A rung without a stored level is exactly half of the rung above it, odd sizes rounded up.
    """

    width: int
    height: int
    stored: int | None


def stored_rungs(levels: tuple[Level, ...]) -> list[Rung]:
    """Return the source's levels as they are."""
    return [Rung(level.width, level.height, index) for index, level in enumerate(levels)]


def exact_rungs(levels: tuple[Level, ...], smallest: int) -> list[Rung]:
    """Return the first level and all its halvings until both sides are at most ``smallest``."""
    stored = {(level.width, level.height): index for index, level in enumerate(levels)}
    sizes = level_sizes(levels[0].width, levels[0].height, smallest)
    return [Rung(*size, 0 if index == 0 else stored.get(size)) for index, size in enumerate(sizes)]


def full_rungs(levels: tuple[Level, ...], smallest: int) -> list[Rung]:
    """Return the source's levels with every missing halving between and below them.

    Between two stored levels nothing is added unless they are a power of two apart (Aperio's 1,
    4, 16 get 2 and 8). Halving goes on until both sides are at most ``smallest``.
    """
    rungs: list[Rung] = []
    stored = stored_rungs(levels)
    for rung, below in zip(stored, [*stored[1:], None], strict=True):
        rungs.append(rung)
        missing = 0 if below is None else halvings_between(rung, below) - 1
        for _ in range(missing):
            rungs.append(_half(rungs[-1]))
    while max(rungs[-1].width, rungs[-1].height) > smallest:
        rungs.append(_half(rungs[-1]))
    return rungs


def halvings_between(upper: Rung, lower: Rung) -> int:
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


def _half(rung: Rung) -> Rung:
    return Rung(halved(rung.width), halved(rung.height), None)
