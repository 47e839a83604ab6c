"""Pixels of a level that is decoded at a half, a fourth or an eighth of its stored size."""

import numpy as np

from ziggurat.readers.codecs.decode import decode_tile_reduced
from ziggurat.readers.codecs.native.kernel import DONE, Tile, decode_tiles, kind_of
from ziggurat.readers.model.encoded import EncodedLevel
from ziggurat.readers.model.geometry import Rect, cell_rect, grid_cells
from ziggurat.readers.model.reader import Pixels

_Stored = tuple[bytes, Pixels, int, int]  # a tile's stream, and what of it goes where


def read_scaled(encoded: EncodedLevel, reduction: int, rect: Rect, fill: object) -> Pixels:
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
    stored: list[_Stored] = []
    for column, row in grid_cells(rect, width, height):
        part = cell_rect(column, row, width, height).intersect(rect)
        target = out[part.y - rect.y : part.bottom - rect.y, part.x - rect.x : part.right - rect.x]
        data = encoded.tile(column, row)
        if data is None:
            target[...] = fill
        else:
            stored.append((data, target, part.x - column * width, part.y - row * height))
    for data, target, x, y in _left_by_the_kernel(encoded, reduction, stored):
        small = decode_tile_reduced(
            data, encoded.format, reduction, (encoded.tile_height, encoded.tile_width)
        )
        target[...] = small[y : y + target.shape[0], x : x + target.shape[1]]
    return out


def _left_by_the_kernel(
    encoded: EncodedLevel, reduction: int, stored: list[_Stored]
) -> list[_Stored]:
    """Decode what the native kernel takes, in one call, and return the rest.

    Where it does not take the first one it is not asked for the others: in some scanners' files
    it would be in vain for all of them.
    """
    kind = kind_of(encoded.format, encoded.tile_width, encoded.tile_height)
    if kind is None or not stored:
        return stored
    first: list[Tile] = [*stored[:1]]
    others: list[Tile] = [*stored[1:]]
    if decode_tiles(first, kind, scale=reduction)[0] != DONE:
        return stored
    found = decode_tiles(others, kind, scale=reduction)
    return [tile for tile, one in zip(stored[1:], found, strict=True) if one != DONE]
