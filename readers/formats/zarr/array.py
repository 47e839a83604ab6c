"""Boxes of samples out of a zarr array: chunks found, decoded, and put together.

Common codecs are decoded here, in the calling thread: that takes a tenth of the time that
zarr-python's event loop needs for a tile, and threads don't wait for each other. Everything else
goes through zarr-python, on the same store.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.zarr.chunks import decode_chunk, flat_index, shard_index
from ziggurat.readers.formats.zarr.metadata import ArrayMetadata
from ziggurat.readers.io.keys import KeyStore
from ziggurat.readers.io.lru import Lru

Samples = np.ndarray
Box = Sequence[tuple[int, int]]  # (start, stop) of each dimension

_NO_CHUNK = 2**64 - 1
_INDEX_ENTRIES = 1 << 20  # of shard indices kept: 16 MiB
_CACHE_BYTES = 64 << 20  # of decoded chunks that hold several frames


class ChunkCache(Lru[tuple[str, tuple[int, ...]], Samples]):
    """A few decoded chunks, by path and cell, of an image's arrays, or of all fields of a plate."""

    def __init__(self) -> None:
        super().__init__(_CACHE_BYTES, lambda chunk: chunk.nbytes)


class ZarrArray:
    """One array of a store, read by boxes. Safe in threads and after forks.

    ``cache`` is for arrays whose chunks hold several frames, which would else be decoded once
    for each of them.
    """

    def __init__(
        self,
        store: KeyStore,
        path: str,
        metadata: ArrayMetadata,
        cache: ChunkCache | None = None,
    ) -> None:
        self.metadata = metadata
        self.path = path
        self._store = store
        self._prefix = f"{path}/" if path else ""
        self._indices: Lru[str, tuple[Samples | None]] = Lru(16)  # in a tuple: None is known, too
        self._cache = cache

    def read(self, box: Box) -> Samples:
        """Return the samples of a box inside the array, in native byte order, writable.

        Raises
        ------
        CorruptSourceError
            A chunk can't be decoded.
        """
        if self.metadata.codecs is None:
            from ziggurat.readers.formats.zarr.zarr_python import read_box

            samples: Samples = read_box(self._store, self.path, box, self.metadata)
            return samples
        native = self.metadata.dtype.newbyteorder("=")
        shape = tuple(stop - start for start, stop in box)
        out: Samples | None = None
        for cell in self._cells(box):
            chunk = self._chunk(cell)
            source, target = self._overlap(cell, box)
            if chunk is not None and out is None and shape == chunk[source].shape:
                return self._own(chunk[source], chunk)  # all of it lies in one chunk
            if out is None:
                out = np.empty(shape, native)
            out[target] = self.metadata.fill if chunk is None else chunk[source]
        return np.full(shape, self.metadata.fill, native) if out is None else out

    def is_blank(self, box: Box) -> bool:
        """Return True where none of a box's chunks is stored."""
        return all(self.stored(cell) is None for cell in self._cells(box))

    def _cells(self, box: Box) -> Iterator[tuple[int, ...]]:
        spans = [
            range(start // size, -(-stop // size))
            for (start, stop), size in zip(box, self.metadata.chunk_shape, strict=True)
        ]
        return itertools.product(*spans)

    def _overlap(
        self, cell: Sequence[int], box: Box
    ) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """Return the part of a chunk that lies in a box: within the chunk, within the box."""
        source, target = [], []
        for place, size, (start, stop) in zip(cell, self.metadata.chunk_shape, box, strict=True):
            first, last = max(start, place * size), min(stop, (place + 1) * size)
            source.append(slice(first - place * size, last - place * size))
            target.append(slice(first - start, last - start))
        return tuple(source), tuple(target)

    def _chunk(self, cell: tuple[int, ...]) -> Samples | None:
        if self._cache is None:
            return self._decoded(cell)
        chunk = self._cache.get((self.path, cell))
        if chunk is None:
            chunk = self._decoded(cell)
            if chunk is not None:
                self._cache.put((self.path, cell), chunk)
        return chunk

    def _decoded(self, cell: tuple[int, ...]) -> Samples | None:
        data = self.stored(cell)
        if data is None:
            return None
        try:
            return decode_chunk(data, self.metadata)
        except CorruptSourceError as error:
            place = f"{self._store.url}, chunk {list(cell)} of {self.path or 'the array'}"
            raise CorruptSourceError(f"{place}: {error}") from error

    def stored(self, cell: Sequence[int]) -> bytes | None:
        """Return a chunk's bytes as they are stored, None where there is none."""
        sharding = self.metadata.sharding
        if sharding is None:
            return self._store.get(self._prefix + self.metadata.key(cell))
        shard = [place // size for place, size in zip(cell, sharding.grid, strict=True)]
        within = [place % size for place, size in zip(cell, sharding.grid, strict=True)]
        key = self._prefix + self.metadata.key(shard)
        index = self._index(key)
        if index is None:
            return None
        offset, length = (int(number) for number in index[flat_index(within, sharding.grid)])
        if offset == _NO_CHUNK and length == _NO_CHUNK:
            return None
        if max(offset, length) >= 1 << 62:
            raise CorruptSourceError(f"{self._store.url}: the index of shard {key} is damaged")
        return self._store.get_range(key, offset, length)

    def _index(self, key: str) -> Samples | None:
        known = self._indices.get(key)
        if known is None:
            known = (self._read_index(key),)
            entries = 1 if known[0] is None else len(known[0])
            self._indices.limit = max(16, _INDEX_ENTRIES // entries)
            self._indices.put(key, known)
        return known[0]

    def _read_index(self, key: str) -> Samples | None:
        sharding = self.metadata.sharding
        assert sharding is not None
        length = sharding.index_bytes
        data = self._store.get_range(key, -length if sharding.index_at_end else 0, length)
        if data is None:
            return None
        if len(data) != length:
            raise CorruptSourceError(f"{self._store.url}: shard {key} is cut off")
        return shard_index(data, self.metadata)

    def _own(self, piece: Samples, chunk: Samples) -> Samples:
        """Return samples that a caller may write into, and that hold on to no large chunk."""
        kept = self._cache is not None or not piece.flags.writeable
        return piece.copy() if kept or 2 * piece.nbytes < chunk.nbytes else piece
