"""What one iteration over tiles will do: level, scaling, grid. Pure arithmetic."""

import math
from dataclasses import dataclass

from ziggurat.readers.grid.pyramid import LevelChoice, Pyramid, Resolution
from ziggurat.readers.grid.regions import Window
from ziggurat.readers.grid.tiles import (
    GridRequest,
    TileAxis,
    TileGrid,
    wanted_offset,
    wanted_overlap,
    wanted_tile_size,
)
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo

_EXACT = 1e-3  # relative; closer than this, tiles are not scaled


@dataclass(frozen=True, slots=True)
class Iteration:
    """A planned iteration: the region, the level its tiles come from, their grid and scaling.

    ``level_scale`` is full-resolution pixels per pixel of ``level``; ``scaling`` is pixels of
    ``level`` per pixel that comes out, 1 where tiles come out as they are.
    """

    window: Window
    level: int
    level_scale: float
    scaling: float
    grid: TileGrid
    full: Rect
    native: Resolution

    @property
    def resampled(self) -> bool:
        """True where tiles are scaled after reading."""
        return self.scaling != 1

    def shares_tiles(self, choice: LevelChoice, info: ImageInfo) -> bool:
        """Return True where neighbours need some of the same stored tiles."""
        level = info.levels[choice.index]
        return any(
            axis.overlap > 0 or axis.stride * ratio % stored or axis.origin * ratio % stored
            for axis, stored, ratio in (
                (self.grid.x, level.tile_width, self.level_scale / choice.scale_x),
                (self.grid.y, level.tile_height, self.level_scale / choice.scale_y),
            )
        )

    def tile_window(self, index: int) -> Window:
        """Return what a tile shows and how large it comes out."""
        row, column = divmod(index, self.grid.x.count)
        x, y = self.grid.x.span(column), self.grid.y.span(row)
        scale = self.level_scale
        rect = Rect(
            int(x.start * scale),
            int(y.start * scale),
            math.ceil(x.stop * scale) - int(x.start * scale),
            math.ceil(y.stop * scale) - int(y.start * scale),
        ).intersect(self.full)
        width = max(1, math.floor(x.size / self.scaling))
        height = max(1, math.floor(y.size / self.scaling))
        return Window(rect, width, height, scale * self.scaling)


def plan_iteration(
    pyramid: Pyramid, window: Window | None, request: GridRequest, *, resample: bool = True
) -> Iteration | None:
    """Plan an iteration over a window; None where there is nothing to iterate over.

    Tile size and overlap are sizes as they come out; ``tile_offset`` is in pixels of the level
    that is read. Without ``resample``, tiles have the scale of the stored level just finer than
    asked.
    """
    width, height = wanted_tile_size(request.tile_size, pyramid.tile_size)
    overlap_x, overlap_y, edges = wanted_overlap(request.tile_overlap)
    TileAxis(0, 1, width, overlap_x, edges), TileAxis(0, 1, height, overlap_y, edges)
    if window is None:
        return None
    top = pyramid.count - 1
    coarsest = top - math.floor(math.log2(max(1.0, window.scale)) + _EXACT)
    level = pyramid.preferred(max(0, coarsest))
    level_scale = pyramid.scale(level)
    scaling = window.scale / level_scale
    if not resample or abs(scaling - 1) < _EXACT:
        scaling = 1.0
    rect = window.rect
    # whole pixels of the level only, as the sizes that come out are rounded down
    left, up = int(rect.x / level_scale), int(rect.y / level_scale)
    right = max(left + 1, int(rect.right / level_scale))
    bottom = max(up + 1, int(rect.bottom / level_scale))
    origin_x, origin_y = wanted_offset(request.tile_offset, (left, up))
    grid = TileGrid(
        TileAxis(
            left,
            right,
            _scaled(width, overlap_x, scaling),
            _times(overlap_x, scaling),
            edges,
            origin_x,
        ),
        TileAxis(
            up,
            bottom,
            _scaled(height, overlap_y, scaling),
            _times(overlap_y, scaling),
            edges,
            origin_y,
        ),
    )
    full = pyramid.info.levels[0].rect
    return Iteration(window, level, level_scale, scaling, grid, full, pyramid.resolution)


def _times(size: int, scaling: float) -> int:
    return max(0, math.ceil(size * scaling - _EXACT))


def _scaled(size: int, overlap: int, scaling: float) -> int:
    return max(1, _times(size - overlap, scaling)) + _times(overlap, scaling)
