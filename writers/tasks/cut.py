"""Where a pyramid is cut, so that parts of it can be made side by side; pure arithmetic.

A level that is read, and those halved from it, are a *run*. Its first level is cut into blocks
whose corners lie on the tile grids of the levels below as far as they go: a block makes its
tiles of all those levels, and leaves the pixels of the next level for whoever makes the rest.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ziggurat.readers.model.geometry import Rect, ceil_div
from ziggurat.writers.model.levels import Cascade, LevelPlan

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Run:
    """Some levels that follow each other, and how their first one is cut.

    Attributes
    ----------
    first, end
        Wanted levels: the one that is read, and the one behind the last.
    inside
        How many of them a block makes: from the first one on.
    block
        (width, height) of a block in pixels of the first level.
    grid
        (columns, rows) of blocks.
    frames
        How many frames a part takes.
    """

    first: int
    end: int
    inside: int
    block: Size
    grid: Size
    frames: int

    @property
    def top(self) -> int | None:
        """The level whose pixels blocks leave behind; None where they make all levels."""
        level = self.first + self.inside
        return level if level < self.end else None

    def top_cell(self, levels: Sequence[LevelPlan]) -> Size:
        """Return the size of the cells in which pixels of the top level are left behind.

        As wide as a block, and about as high as a row of tiles, which they are read for.
        """
        assert self.top is not None
        plan = levels[self.top]
        width, height = self.block[0] >> self.inside, self.block[1] >> self.inside
        if self.grid[0] == 1:
            width = plan.width
        if self.grid[1] == 1:
            return width, min(plan.height, plan.tile_height)
        return width, height if height <= plan.tile_height else math.gcd(height, plan.tile_height)


@dataclass(frozen=True, slots=True)
class Part:
    """A block of a run, for some frames."""

    run: Run
    column: int
    row: int
    first_frame: int
    last_frame: int  # exclusive

    def rect(self, plan: LevelPlan, level: int) -> Rect:
        """Return its pixels of one of its levels; ``plan`` is that level's."""
        shift = level - self.run.first
        (width, height), (columns, rows) = self.run.block, self.run.grid
        left, top = self.column * width >> shift, self.row * height >> shift
        right = plan.width if self.column == columns - 1 else (self.column + 1) * width >> shift
        bottom = plan.height if self.row == rows - 1 else (self.row + 1) * height >> shift
        return Rect(left, top, right - left, bottom - top)


def cut(
    levels: Sequence[LevelPlan],
    grids: Sequence[Size],
    frames: int,
    pixel_bytes: int,
    part_bytes: int,
    *,
    halo: bool,
) -> list[Run]:
    """Cut a pyramid into runs of blocks.

    Parameters
    ----------
    levels
        The wanted levels.
    grids
        For each level that is read, sizes of which a block's corner must be a multiple.
    frames, pixel_bytes
        Of the image.
    part_bytes
        How many bytes of pixels of its first level a part has, about, where tiles allow it.
    halo
        Halving looks at pixels beyond a block: then a block makes its first level alone.
    """
    begins = [n for n, plan in enumerate(levels) if not isinstance(plan.origin, Cascade)]
    runs = []
    for first, end in zip(begins, [*begins[1:], len(levels)], strict=True):
        plans = levels[first:end]
        inside, block = _block(plans, grids[first], part_bytes // pixel_bytes, halo=halo)
        base = plans[0]
        grid = ceil_div(base.width, block[0]), ceil_div(base.height, block[1])
        together = 1
        if grid == (1, 1):
            together = max(1, part_bytes // (base.width * base.height * pixel_bytes))
        runs.append(Run(first, end, inside, block, grid, min(together, frames)))
    return runs


def parts_of(runs: Sequence[Run], frames: int) -> Iterator[Part]:
    """Yield the parts of all runs, in an order that is always the same."""
    for run in runs:
        for frame in range(0, frames, run.frames):
            for row in range(run.grid[1]):
                for column in range(run.grid[0]):
                    yield Part(run, column, row, frame, min(frame + run.frames, frames))


def _block(plans: Sequence[LevelPlan], grid: Size, pixels: int, *, halo: bool) -> tuple[int, Size]:
    """Return how many levels a block makes, and its size: as many and as large as fit."""
    base = plans[0]
    whole = (base.width, base.height)
    most = 1 if halo else len(plans)
    for inside in range(most, 0, -1):
        sides = [_side(plans, inside, grid, axis) for axis in (0, 1)]
        if math.prod(sides) <= pixels or inside == 1:
            break
    while True:
        growing = [axis for axis in (0, 1) if sides[axis] < whole[axis]]
        if not growing:
            break
        axis = min(growing, key=lambda a: sides[a])
        larger = min(2 * sides[axis], whole[axis])
        if larger * sides[1 - axis] > pixels:
            break
        sides[axis] = larger
    return inside, (sides[0], sides[1])


def _side(plans: Sequence[LevelPlan], inside: int, grid: Size, axis: int) -> int:
    """Return the smallest side of a block that makes ``inside`` levels: on all their grids."""
    full = (plans[0].width, plans[0].height)[axis]
    side = grid[axis]
    for shift, plan in enumerate(plans[:inside]):
        if plan.grid[axis] == 1 and shift:
            return full  # a tile that is as large as its level may lie on no grid
        side = math.lcm(side, (plan.tile_width, plan.tile_height)[axis] << shift)
    if inside < len(plans):
        side = math.lcm(side, 1 << inside)
    return min(side, full)
