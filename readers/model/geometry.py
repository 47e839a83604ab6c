"""Rectangles, sizes and grid arithmetic: integers in, integers out, no I/O.

Pixel rectangles are half open: ``x <= column < x + width``. Grids start at (0, 0).
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rect:
    """A pixel rectangle; ``x, y`` is the top-left corner, sizes are zero or more."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 0 or self.height < 0:
            raise ValueError(f"a rectangle of {self.width} x {self.height} pixels can't be")

    @property
    def right(self) -> int:
        """First column outside."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row outside."""
        return self.y + self.height

    @property
    def empty(self) -> bool:
        """True when there is no pixel in it."""
        return self.width == 0 or self.height == 0

    def intersect(self, other: "Rect") -> "Rect":
        """Return the part that both share; an empty one where they share nothing."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Rect(x, y, max(0, right - x), max(0, bottom - y))

    def shift(self, dx: int, dy: int) -> "Rect":
        """Return the same rectangle, moved."""
        return Rect(self.x + dx, self.y + dy, self.width, self.height)


def ceil_div(number: int, divisor: int) -> int:
    """Divide and round up."""
    return -(-number // divisor)


def halved(size: int) -> int:
    """Return half a size, odd sizes rounded up: the size of the next pyramid level."""
    return ceil_div(size, 2)


def grid_shape(width: int, height: int, tile_width: int, tile_height: int) -> tuple[int, int]:
    """Return (columns, rows) of the tile grid that covers an image."""
    return ceil_div(width, tile_width), ceil_div(height, tile_height)


def grid_cells(rect: Rect, tile_width: int, tile_height: int) -> Iterator[tuple[int, int]]:
    """Yield (column, row) of every grid cell that a rectangle touches, row by row."""
    if rect.empty:
        return
    for row in range(rect.y // tile_height, ceil_div(rect.bottom, tile_height)):
        for column in range(rect.x // tile_width, ceil_div(rect.right, tile_width)):
            yield column, row


def cell_rect(column: int, row: int, tile_width: int, tile_height: int) -> Rect:
    """Return the full rectangle of one grid cell, not clipped to any image."""
    return Rect(column * tile_width, row * tile_height, tile_width, tile_height)


def level_sizes(width: int, height: int, smallest: int) -> list[tuple[int, int]]:
    """Return the sizes of a ÷2 pyramid, full size first, until both sides are <= ``smallest``."""
    sizes = [(width, height)]
    while max(sizes[-1]) > smallest:
        w, h = sizes[-1]
        sizes.append((halved(w), halved(h)))
    return sizes
