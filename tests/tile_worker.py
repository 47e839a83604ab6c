"""Lays tiles, as one worker of many does: all that a spawned process imports of the tests."""

import numpy as np

import ziggurat

CELL = (700, 300)  # width and height of the largest tile; each cell of this size has one
SMALLEST = (97, 131)


def tile_of(cell: int, columns: int) -> tuple[np.ndarray, int, int]:
    """Return a tile that depends on its number alone: random size, place in its cell and pixels."""
    rng = np.random.default_rng(cell)
    width, height = (
        int(rng.integers(low, high + 1)) for low, high in zip(SMALLEST, CELL, strict=True)
    )
    x = cell % columns * CELL[0] + int(rng.integers(0, CELL[0] - width + 1))
    y = cell // columns * CELL[1] + int(rng.integers(0, CELL[1] - height + 1))
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8), x, y


def lay(sink: ziggurat.Sink, cells: list[int], columns: int) -> int:
    """Lay the tiles of some cells, as one worker does."""
    for cell in cells:
        sink.addTile(*tile_of(cell, columns))
    return len(cells)
