"""Rewriting the chunks of a store with more bands or a wider dtype, into another folder."""

import itertools
import logging
import os
import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from ziggurat.readers.formats.sink_store.fit import adapt_bands, adaptable, with_blank_bands
from ziggurat.readers.formats.sink_store.layout import (
    Blend,
    HeaderWord,
    StoredArray,
    StoreLayout,
    chunk_files,
    chunk_path,
    chunk_shape,
)
from ziggurat.readers.model.geometry import ceil_div
from ziggurat.writers.store.mapped.chunks import Array
from ziggurat.writers.store.mapped.journal import KEY_PART, MASKED
from ziggurat.writers.store.mapped.parts import StoreParts
from ziggurat.writers.store.mapped.plain import COVERED

Chunk = tuple[int, ...]  # its indices: frame axes (slowest first), row, column
Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels

TELL_EVERY = 5.0  # seconds

_log = logging.getLogger("ziggurat")


class Rewriting:
    """The chunks of a store on their way into another structure.

    It takes time by what was written: each chunk is read and written once, and the journal is read
    once for all of them.
    """

    def __init__(
        self, store: StoreParts, present: StoreLayout, wanted: StoreLayout, target: Path
    ) -> None:
        self._store, self._present, self._wanted = store, present, wanted
        self._target = target
        pairs = enumerate(zip(present.arrays, wanted.arrays, strict=True) if present.dtype else ())
        self.arrays = [n for n, (a, b) in pairs if (a.dtype, a.bands) != (b.dtype, b.bands)]
        self._done: set[tuple[int, Chunk]] = set()
        self._position = store.journal.size  # tiles that come later lie behind it
        for number in self.arrays:
            os.mkdir(target / str(number))

    @property
    def bytes(self) -> int:
        """How much room it will take."""
        total = 0
        for number in self.arrays:
            new = self._wanted.arrays[number]
            each = np.prod(chunk_shape(self._wanted, new)) * new.dtype.itemsize
            total += len(chunk_files(self._store.root, self._present.arrays[number])) * int(each)
        return total

    def all(self) -> None:
        """Rewrite all chunks as they are now; tiles may be laid meanwhile."""
        self._rewrite(self._todo())

    def touched_since(self) -> None:
        """Rewrite again what tiles have changed meanwhile, and what chunks are new."""
        records = self._store.journal.pieces(self._position)
        touched = {chunk for chunk, _ in _chunks_of(records, self._present)}
        self._done -= {(number, chunk) for number in self.arrays for chunk in touched}
        self._rewrite(self._todo())

    def _todo(self) -> list[tuple[int, Chunk, str]]:
        length = len(self._present.axes) + 2
        return [
            (number, key[:length], file)
            for number in self.arrays
            for file, key in chunk_files(self._store.root, self._present.arrays[number])
            if (number, key[:length]) not in self._done
        ]

    def _rewrite(self, todo: Sequence[tuple[int, Chunk, str]]) -> None:
        painted = self._painted({chunk for _, chunk, _ in todo})

        told = time.monotonic()
        for count, (number, chunk, file) in enumerate(todo):
            self._one(number, chunk, file, painted.get(chunk, ()))
            self._done.add((number, chunk))
            self._store.header.words[HeaderWord.DONE] = count
            if time.monotonic() - told > TELL_EVERY:
                told = time.monotonic()
                self._tell(count, len(todo))

    def _tell(self, count: int, total: int) -> None:
        bands, dtype = self._wanted.bands, self._wanted.dtype
        text = "rewriting the sink %s as %s bands of %s: %s of %s chunks"
        _log.warning(text, self._store.root, bands, dtype, count, total)

    def _one(self, number: int, chunk: Chunk, file: str, boxes: Iterable[Box]) -> None:
        present, wanted = self._present, self._wanted
        old, new = present.arrays[number], wanted.arrays[number]
        content = _content(file, old.dtype, chunk_shape(present, old))
        content = content.astype(new.dtype, copy=False)  # first: opaque is the new dtype's maximum
        if old.bands and new.bands > old.bands:
            written = self._written(chunk, boxes, content)
            content = _more_bands(content, written, wanted, number)
        fresh = (0,) * (len(wanted.axes) - len(present.axes))
        *frame, row, column = (*fresh, *chunk)
        here = StoredArray("", new.dtype, new.bands)
        path = chunk_path(str(self._target / str(number)), here, frame, row, column)
        if os.path.exists(path):
            os.unlink(path)  # as it was before a tile changed it
        self._store.chunks.create(path, np.ascontiguousarray(content))

    def _painted(self, chunks: Collection[Chunk]) -> dict[Chunk, list[Box]]:
        """Return what tiles without a mask cover of each chunk, where new bands depend on that."""
        present, wanted = self._present, self._wanted
        over = present.blend is Blend.OVER
        if not over or not adaptable(present.bands, wanted.bands, wanted.numpy_dtype):
            return {}
        found: dict[Chunk, list[Box]] = {}
        pieces = self._store.journal.pieces()
        whole = ((piece[piece["flags"] & MASKED == 0], position) for piece, position in pieces)
        for chunk, box in _chunks_of(whole, present):
            if chunk in chunks:
                found.setdefault(chunk, []).append(box)
        return found

    def _written(self, chunk: Chunk, boxes: Iterable[Box], content: Array) -> Array:
        """Return how much each pixel of a chunk was written, shape (height, width)."""
        present = self._present
        *frame, row, column = chunk
        over = present.blend is Blend.OVER
        known = COVERED if over else present.arrays[1]
        path = chunk_path(self._store.root, known, frame, row, column)
        shape = chunk_shape(present, known)
        there = os.path.exists(path)
        kept = _content(path, known.dtype, shape) if there else np.zeros(shape, known.dtype)
        if not over:
            return kept
        written: Array = kept | (content != present.fill).any(axis=-1)
        x, y = column * present.tile_width, row * present.tile_height
        for left, top, right, bottom in boxes:
            written[max(top - y, 0) : bottom - y, max(left - x, 0) : right - x] = 1
        return written


def _content(path: str, dtype: np.dtype, shape: Sequence[int]) -> Array:
    """Return a chunk's samples, not to be changed.

    Not by ``numpy.fromfile``: that goes on in Python with an interrupt it has met, and fails at it.
    """
    return np.frombuffer(Path(path).read_bytes(), dtype).reshape(shape)


def _chunks_of(
    pieces: Iterable[tuple[Array, int]], structure: StoreLayout
) -> Iterable[tuple[Chunk, Box]]:
    """Yield each chunk that a tile touches, with the tile's place, tile by tile."""
    born = [structure.born.index(name) for name in structure.axes]
    width, height = structure.tile_width, structure.tile_height
    for piece, _ in pieces:
        tiles = piece[piece["flags"] & KEY_PART == 0]
        places = zip(*(tiles[name].tolist() for name in ("x", "y", "width", "height")), strict=True)
        starts, counts = tiles["start"][:, born].tolist(), tiles["count"][:, born].tolist()
        for (x, y, w, h), start, count in zip(places, starts, counts, strict=True):
            box = (x, y, x + w, y + h)
            frames = [range(s, s + c) for s, c in zip(start, count, strict=True)]
            rows = range(y // height, ceil_div(y + h, height))
            columns = range(x // width, ceil_div(x + w, width))
            for chunk in itertools.product(*frames, rows, columns):
                yield chunk, box


def _more_bands(content: Array, written: Array, wanted: StoreLayout, number: int) -> Array:
    """Give a chunk more bands: as colours go where they do, blank otherwise.

    ``written`` is how much each pixel was written, shape (height, width): 0 or 1, or the sum of
    weights. Alpha is opaque where anything was written.
    """
    bands = wanted.bands
    total = wanted.arrays[number].folder != ""
    filled = 0 if total else wanted.fill
    if not adaptable(content.shape[2], bands, wanted.numpy_dtype):
        return with_blank_bands(content, bands, filled)
    more = np.full((*content.shape[:2], bands), filled, content.dtype)
    color = adapt_bands(content, bands) if not total else _adapt_total(content, written, wanted)
    np.copyto(more, color, where=(written > 0)[..., np.newaxis])
    return more


def _adapt_total(content: Array, written: Array, wanted: StoreLayout) -> Array:
    """Do what :func:`adapt_bands` does, to a chunk of weighted sums."""
    plain = content.astype(np.float64)
    adapted = np.repeat(plain[..., :1], wanted.bands, axis=2)
    if plain.shape[2] == 3:
        adapted[..., :3] = plain
    if wanted.bands in (2, 4):
        opaque = float(np.iinfo(wanted.numpy_dtype).max)
        adapted[..., -1] = plain[..., 1] if plain.shape[2] == 2 else opaque * written
    return adapted
