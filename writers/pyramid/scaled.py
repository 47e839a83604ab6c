"""Pixels of a level that is decoded at a half, a fourth or an eighth of its stored size."""

from typing import Any

import numpy as np

from ziggurat.readers.codecs.decode import decode_tile_reduced
from ziggurat.readers.model.encoded import EncodedLevel
from ziggurat.readers.model.geometry import Rect, cell_rect, grid_cells
from ziggurat.readers.model.reader import Pixels


def read_scaled(encoded: EncodedLevel, reduction: int, rect: Rect, fill: Any) -> Pixels:
    """Return a rectangle of a level at 1/``reduction``, decoding each tile at that size.

    Parameters
    ----------
    encoded
        A stored level whose tile sizes are multiples of ``reduction``.
    rect
        In the reduced level's pixels.
    fill
        Shape (bands,): the pixels of tiles that the source doesn't have.
    """
    width, height = encoded.tile_width // reduction, encoded.tile_height // reduction
    dtype = np.dtype(encoded.format.dtype)
    out = np.empty((rect.height, rect.width, encoded.format.bands), dtype)
    for column, row in grid_cells(rect, width, height):
        part = cell_rect(column, row, width, height).intersect(rect)
        target = out[part.y - rect.y : part.bottom - rect.y, part.x - rect.x : part.right - rect.x]
        data = encoded.tile(column, row)
        if data is None:
            target[...] = fill
            continue
        small = decode_tile_reduced(
            data, encoded.format, reduction, (encoded.tile_height, encoded.tile_width)
        )
        x, y = part.x - column * width, part.y - row * height
        target[...] = small[y : y + part.height, x : x + part.width]
    return out
