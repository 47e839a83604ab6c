"""One level of one frame at work, and where its tiles lie."""

from dataclasses import dataclass

from ziggurat.readers.model.encoded import EncodedLevel
from ziggurat.readers.model.geometry import Rect, ceil_div
from ziggurat.readers.model.reader import Plane
from ziggurat.writers.model.levels import LevelPlan
from ziggurat.writers.pyramid.strips import Strips


@dataclass
class Stage:
    """A level, where its pixels come from and go to, and how far it is."""

    index: int
    plan: LevelPlan
    plane: Plane | None = None  # of the source, unless it is made from the level above
    encoded: EncodedLevel | None = None
    below: "Stage | None" = None
    strips: Strips | None = None  # where its pixels come from, unless it reads them itself
    feeds: bool = False  # it makes no tiles, but fills the strips of its own level below it
    filled: int = 0  # rows of pixels that are complete, from the top
    next_row: int = 0  # the next tile row to become tasks

    def row_rect(self, row: int) -> Rect:
        """Return the pixels of one tile row, clipped to the level."""
        p = self.plan
        top = row * p.tile_height
        return Rect(0, top, p.width, min(p.tile_height, p.height - top))

    def rect(self, row: int, first: int, last: int) -> Rect:
        """Return the pixels of some tiles of a row, clipped to the level."""
        plan, band = self.plan, self.row_rect(row)
        left = first * plan.tile_width
        return Rect(left, band.y, min(last * plan.tile_width, plan.width) - left, band.height)


def half_rect(rect: Rect) -> Rect:
    """Return where a rectangle lies in the next level."""
    x, y = rect.x // 2, rect.y // 2
    return Rect(x, y, ceil_div(rect.right, 2) - x, ceil_div(rect.bottom, 2) - y)


def held_rect(plan: LevelPlan, cell: Rect) -> Rect:
    """Return the pixels that a tile holds: its cell, and what it overlaps of its neighbours."""
    return grown_rect(plan, cell, plan.overlap)


def held_columns(plan: LevelPlan, column: int, left: int) -> slice:
    """Return the columns of pixels that a tile holds, counted from ``left``."""
    first = column * plan.tile_width - plan.overlap
    last = (column + 1) * plan.tile_width + plan.overlap
    return slice(max(0, first) - left, min(last, plan.width) - left)


def grown_rect(plan: LevelPlan, rect: Rect, more: int) -> Rect:
    """Return a rectangle with so many pixels more on each side, where the level has them."""
    if not more:
        return rect
    grown = Rect(
        max(0, rect.x - more),
        max(0, rect.y - more),
        rect.width + more + min(more, rect.x),
        rect.height + more + min(more, rect.y),
    )
    return grown.intersect(Rect(0, 0, plan.width, plan.height))
