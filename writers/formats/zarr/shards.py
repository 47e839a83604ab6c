"""Chunks into their place: each an object of its own, or several in a shard with an index.

A shard is a part of one row of chunks, or some whole frames where those are small. So it is full
soon, and what waits for its last chunk are encoded bytes of one shard; a large image has some
hundred objects instead of ten thousands.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import floordiv, mod, mul

import google_crc32c
import numpy as np

from ziggurat.readers.model.geometry import ceil_div
from ziggurat.readers.ngff.layout import BANDS, ArrayLayout
from ziggurat.writers.files.keys import Keys
from ziggurat.writers.formats.zarr.nodes import ArraySpec, chunk_key

MANY_CHUNKS = 1024  # of one array: more are put into shards
SHARD_BYTES = 32 << 20  # of its pixels: a range request for the index pays, memory is no matter
_NO_CHUNK = 2**64 - 1


def shard_shape(
    layout: ArrayLayout, chunk: Sequence[int], columns: int, rows: int, itemsize: int
) -> tuple[int, ...] | None:
    """Return the shape of an array's shards in samples; None where no shards are needed.

    Parameters
    ----------
    chunk
        The shape of a chunk; y and x are its last.
    columns, rows
        The grid of chunks of one frame.
    """
    frames = math.prod(axis.size for axis in layout.axes)
    if columns * rows * frames <= MANY_CHUNKS:
        return None
    room = max(1, SHARD_BYTES // (math.prod(chunk) * itemsize))  # in chunks
    if columns * rows <= room and frames > 1:
        factors = _frames_together(layout, room // (columns * rows))
        factors[-2:] = rows, columns
    else:
        factors = [1] * len(chunk)
        factors[-1] = ceil_div(columns, ceil_div(columns, room))
    if math.prod(factors) == 1:
        return None
    return tuple(factor * size for factor, size in zip(factors, chunk, strict=True))


def _frames_together(layout: ArrayLayout, room: int) -> list[int]:
    """Return how many positions of each dimension share a shard: frames that follow each other."""
    factors = [1] * len(layout.dimensions)
    for axis in reversed(layout.axes):
        number = layout.index(axis.name)
        assert number is not None
        components = [c for c in layout.dimensions[number].components if c != BANDS]
        if components != [axis.name]:  # folded: its positions don't follow each other
            break
        factors[number] = min(axis.size, room)
        room //= factors[number]
        if factors[number] < axis.size:
            break
    return factors


@dataclass(slots=True)
class _Shard:
    """A shard that waits for its last chunk; ``held`` are the bytes of those that have any."""

    missing: int
    held: dict[int, bytes] = field(default_factory=dict)


class ArrayChunks:
    """Writes the chunks of one array. Every chunk must come once, also those with no bytes."""

    def __init__(self, spec: ArraySpec, target: Keys, zarr_format: int) -> None:
        self._spec, self._target, self._format = spec, target, zarr_format
        self._grid = spec.shard_grid
        self._size = math.prod(self._grid)
        self._steps = [math.prod(self._grid[i + 1 :]) for i in range(len(self._grid))]
        self._open: dict[tuple[int, ...], _Shard] = {}
        self._chunks = [
            ceil_div(size, chunk) for size, chunk in zip(spec.shape, spec.chunk_shape, strict=True)
        ]

    def add(self, cell: Sequence[int], data: bytes | None) -> None:
        """Take a chunk by its place in the grid; None is one that is not stored."""
        if self._spec.shard_shape is None:
            if data is not None:
                self._target.write(chunk_key(self._spec, cell, self._format), data)
            return
        place = tuple(map(floordiv, cell, self._grid))
        shard = self._open.get(place)
        if shard is None:
            shard = self._open[place] = _Shard(self._wanted(place))
        if data is not None:
            shard.held[sum(map(mul, map(mod, cell, self._grid), self._steps))] = data
        shard.missing -= 1
        if not shard.missing:
            del self._open[place]
            self._finish(place, shard.held)

    def _wanted(self, shard: Sequence[int]) -> int:
        """Return how many chunks of a shard lie in the array; fewer at its edges."""
        return math.prod(
            min(size, count - place * size)
            for place, size, count in zip(shard, self._grid, self._chunks, strict=True)
        )

    def _finish(self, shard: Sequence[int], held: dict[int, bytes]) -> None:
        if not held:
            return
        index = np.full((self._size, 2), _NO_CHUNK, "<u8")
        parts, offset = [], 0
        for number, data in sorted(held.items()):
            index[number] = offset, len(data)
            parts.append(data)
            offset += len(data)
        table = index.tobytes()
        checksum = google_crc32c.value(table).to_bytes(4, "little")
        self._target.write(chunk_key(self._spec, shard, self._format), *parts, table, checksum)
