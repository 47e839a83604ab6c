"""A tile, cut into the parts that lie in one chunk each; and which tiles fit as they are."""

import itertools
from dataclasses import dataclass, replace

import numpy as np

from ziggurat.readers.formats.sink_store.layout import StoredArray, StoreLayout, chunk_shape
from ziggurat.readers.formats.sink_store.tile import TileInput
from ziggurat.writers.store.mapped.blender import Piece


@dataclass(frozen=True, slots=True)
class PlainTiles:
    """What a plain tile looks up, computed once a structure."""

    dtype: np.dtype
    array: StoredArray
    shape: tuple[int, ...]  # of a chunk
    fill: float
    bands: int
    axes: frozenset[str]
    takes_all: bool  # of its own dtype and bands; else the values have to be looked at

    @classmethod
    def of(cls, structure: StoreLayout) -> "PlainTiles":
        """Return it for a structure."""
        if not structure.dtype:  # then it fits no tile
            structure = replace(structure, dtype="uint8", settled=False)
        array = structure.arrays[0]
        wide = structure.numpy_dtype.itemsize == 8 and structure.numpy_dtype.kind in "iu"
        return cls(
            structure.numpy_dtype,
            array,
            chunk_shape(structure, array),
            structure.fill,
            structure.bands,
            frozenset(structure.axes),
            structure.settled and not wide,
        )

    def fits(self, tile: TileInput) -> bool:
        """Return True for the common tile that fits as it is, without looking closer."""
        return (
            self.takes_all
            and tile.pixels.dtype == self.dtype
            and tile.bands == self.bands
            and self.axes.issuperset(tile.start)
        )


def pieces_of(structure: StoreLayout, tile: TileInput) -> list[Piece]:
    """Return the parts of a tile that lie in one chunk each."""
    width, height = structure.tile_width, structure.tile_height
    across = _spans(tile.x, tile.width, width)
    down = _spans(tile.y, tile.height, height)
    if not structure.axes:
        return [Piece(0, (), r, c, (y, x), (v, u)) for r, y, v in down for c, x, u in across]
    pieces = []
    shape = tile.pixels.shape[:-3]
    for number, offsets in enumerate(itertools.product(*map(range, shape))):
        offset = dict(zip(tile.axes, offsets, strict=True))
        frame = tuple([tile.start.get(name, 0) + offset.get(name, 0) for name in structure.axes])
        pieces += [
            Piece(number, frame, r, c, (y, x), (v, u)) for r, y, v in down for c, x, u in across
        ]
    return pieces


def _spans(start: int, length: int, step: int) -> list[tuple[int, slice, slice]]:
    """Return (cell, where in the cell, where in the span) of each cell of a span."""
    spans, end = [], start + length
    for cell in range(start // step, -(-end // step)):
        begin = cell * step
        first, last = max(start, begin), min(end, begin + step)
        spans.append((cell, slice(first - begin, last - begin), slice(first - start, last - start)))
    return spans
