"""Plans of pyramids of raw tiles, and what comes of them put together again."""

from typing import Any

import numpy as np

from ziggurat.readers.model.geometry import level_sizes
from ziggurat.writers.model.levels import Cascade, LevelPlan, Stored
from ziggurat.writers.model.reducers import Reducer
from ziggurat.writers.pyramid.budget import Budget
from ziggurat.writers.resample.halve import Shrinker

BUDGET = Budget(threads=3, window=12, task_bytes=4096)


MEAN = Shrinker(Reducer.MEAN)


def raw(tile: Any) -> Any:
    return np.ascontiguousarray(tile).tobytes()


def plans(info: Any, tile: Any, first: Any = None) -> Any:
    sizes = level_sizes(info.width, info.height, tile)
    return [
        LevelPlan(w, h, tile, tile, Cascade() if i else (first or Stored(0)), raw)
        for i, (w, h) in enumerate(sizes)
    ]


def assembled(tiles: Any, levels: Any, info: Any) -> Any:
    """Put raw tiles together again: {(frame, level): pixels}; every tile exactly once."""
    images: dict[Any, Any] = {}
    seen: set[Any] = set()
    for tile in tiles:
        plan = levels[tile.level]
        key = (tile.frame, tile.level)
        columns, rows = plan.grid
        canvas = images.setdefault(
            key,
            np.zeros((rows * plan.tile_height, columns * plan.tile_width, info.bands), info.dtype),
        )
        assert (*key, tile.column, tile.row) not in seen
        seen.add((*key, tile.column, tile.row))
        y, x = tile.row * plan.tile_height, tile.column * plan.tile_width
        if tile.data is not None:
            canvas[y : y + plan.tile_height, x : x + plan.tile_width] = np.frombuffer(
                tile.data, info.dtype
            ).reshape(plan.tile_height, plan.tile_width, info.bands)
    counted = sum(p.grid[0] * p.grid[1] for p in levels) * info.frames
    assert len(seen) == counted
    return {k: v[: levels[k[1]].height, : levels[k[1]].width] for k, v in images.items()}


def halves(pixels: np.ndarray, shrink: Any, count: int) -> Any:
    out = [pixels]
    while len(out) < count:
        out.append(shrink(out[-1]))
    return out
