"""Chunks into their place: each an object of its own, or several in a shard with an index.

A shard is a part of one row of chunks. So it is full soon, and what waits for its last chunk
are encoded bytes of one shard; a large image has some hundred objects instead of ten thousands.
"""

import math
from collections.abc import Sequence

import google_crc32c
import numpy as np

from ziggurat.readers.geometry import ceil_div
from ziggurat.readers.zarr_codecs import flat_index
from ziggurat.writers.zarr_nodes import ArraySpec, chunk_key
from ziggurat.writers.zarr_target import KeyWriter

MANY_CHUNKS = 1024  # of one array: more are put into shards
_SHARD_COLUMNS = 32
_NO_CHUNK = 2**64 - 1


def shard_columns(columns: int, chunks: int) -> int | None:
    """Return how many columns of chunks a shard has; None where no shards are needed."""
    if chunks <= MANY_CHUNKS or columns < 2:
        return None
    return ceil_div(columns, ceil_div(columns, _SHARD_COLUMNS))


class ArrayChunks:
    """Writes the chunks of one array. Every chunk must come once, also those with no bytes."""

    def __init__(self, spec: ArraySpec, target: KeyWriter, zarr_format: int) -> None:
        self._spec, self._target, self._format = spec, target, zarr_format
        self._grid = spec.shard_grid
        self._size = math.prod(self._grid)
        self._open: dict[tuple[int, ...], dict[int, bytes | None]] = {}
        self._chunks = [
            ceil_div(size, chunk) for size, chunk in zip(spec.shape, spec.chunk_shape, strict=True)
        ]

    def add(self, cell: Sequence[int], data: bytes | None) -> None:
        """Take a chunk by its place in the grid; None is one that is not stored."""
        if self._spec.shard_shape is None:
            if data is not None:
                self._target.write(chunk_key(self._spec, cell, self._format), data)
            return
        shard = tuple(place // size for place, size in zip(cell, self._grid, strict=True))
        within = [place % size for place, size in zip(cell, self._grid, strict=True)]
        held = self._open.setdefault(shard, {})
        held[flat_index(within, self._grid)] = data
        if len(held) == self._wanted(shard):
            self._finish(shard, self._open.pop(shard))

    def _wanted(self, shard: Sequence[int]) -> int:
        """Return how many chunks of a shard lie in the array; fewer at its edges."""
        return math.prod(
            min(size, count - place * size)
            for place, size, count in zip(shard, self._grid, self._chunks, strict=True)
        )

    def _finish(self, shard: Sequence[int], held: dict[int, bytes | None]) -> None:
        index = np.full((self._size, 2), _NO_CHUNK, "<u8")
        parts, offset = [], 0
        for number, data in sorted(held.items()):
            if data is not None:
                index[number] = offset, len(data)
                parts.append(data)
                offset += len(data)
        if not parts:
            return
        table = index.tobytes()
        checksum = google_crc32c.value(table).to_bytes(4, "little")
        self._target.write(chunk_key(self._spec, shard, self._format), *parts, table, checksum)
