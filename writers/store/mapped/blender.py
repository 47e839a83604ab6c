"""Blends tiles into mapped chunks; each tile wholly or not at all, whoever dies in the middle."""

import fcntl
import io
import mmap
import os
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ziggurat.readers.errors import ScratchFullError
from ziggurat.readers.formats.sink_store.blend import blended, tile_weight
from ziggurat.readers.formats.sink_store.layout import (
    StoredArray,
    StoreLayout,
    chunk_path,
    chunk_shape,
    store_file,
)
from ziggurat.readers.formats.sink_store.tile import TileInput
from ziggurat.readers.io.lock_files import SET, opened
from ziggurat.readers.io.system import reserve
from ziggurat.writers.files.small import NO_ROOM
from ziggurat.writers.store.mapped.chunks import Array, ChunkFiles, Place, blank_chunk
from ziggurat.writers.store.mapped.journal import Journal
from ziggurat.writers.store.mapped.locks import (
    NO_CHUNKS,
    SLOTS,
    STRIPES,
    Locks,
    acquire,
    chunk_lock,
)
from ziggurat.writers.store.mapped.redo import Part, Slot, Slots


class Piece(NamedTuple):  # every tile makes some
    """The part of a tile that lies in one chunk: rows and columns of the chunk, and of the tile."""

    number: int  # of the frame, among the tile's own
    frame: tuple[int, ...]
    row: int
    column: int
    inside: Place  # of the chunk
    part: Place  # of the tile


class Blender:
    """Blends tiles into chunks; each tile wholly or not at all.

    A stripe's mark names the redo log of whoever is changing the chunks under it. Who takes the
    lock of a marked stripe knows that its holder died, or was interrupted, in the middle.
    """

    def __init__(self, root: str, locks: Locks, chunks: ChunkFiles, journal: Journal) -> None:
        self._root, self._locks = root, locks
        self._chunks, self._journal = chunks, journal
        words = _map_words(root)
        self._marks = memoryview(words)[: STRIPES * 8].cast("q")
        self._slots = Slots(root, np.frombuffer(words, np.int64, SLOTS, STRIPES * 8))

    def add(
        self,
        file: io.FileIO,
        structure: StoreLayout,
        tile: TileInput,
        pixels: Array,
        pieces: Sequence[Piece],
        commit: Callable[[int, int], None],
    ) -> None:
        """Blend one tile in.

        Parameters
        ----------
        file
            Locks are taken through it, and given back by the caller.
        pixels
            The tile as the image takes it, shape (frame, height, width, bands).
        commit
            Appends the journal's record, given number and sequence of the redo log.

        Raises
        ------
        ScratchFullError
            There is no room; nothing was changed.
        """
        weight = tile_weight(tile)
        slot = self._slots.claim(file)
        if self._slots.busy[slot.number]:
            self._finish(file, structure, slot)
        stripes = sorted({self._stripe(piece) for piece in pieces})
        self._hold(file, structure, stripes)
        parts = self._changed(structure, pieces, pixels, weight)
        slot.write(parts)
        # From here on an exception leaves all as it is: it is finished, or forgotten, later.
        self._slots.busy[slot.number] = 1
        self._mark(stripes, slot.number + 1)
        try:
            commit(slot.number, slot.sequence)
        except ScratchFullError:
            self._unmark(stripes, slot)
            raise
        self._apply(structure, parts)
        self._unmark(stripes, slot)

    def settle(self, structure: StoreLayout) -> None:
        """Finish all tiles that were left in the middle, by death or by an exception."""
        if self._slots.busy.any():
            self._locks.held([], lambda file: self._settle(file, structure))

    def _settle(self, file: io.FileIO, structure: StoreLayout) -> None:
        for slot in self._slots.abandoned(file):
            self._finish(file, structure, slot)

    def _stripe(self, place: Piece | Part) -> int:
        return zlib.crc32(repr((place.frame, place.row, place.column)).encode()) % STRIPES

    def _hold(self, file: io.FileIO, structure: StoreLayout, stripes: Sequence[int]) -> None:
        """Take the locks of chunks (in ascending order: no deadlock) and finish what is in them."""
        for stripe in stripes:
            acquire(file, chunk_lock(stripe))
            mark = self._marks[stripe]
            if mark:
                slot = self._slots.slot(mark - 1)
                parts = [part for part in slot.read() if self._stripe(part) == stripe]
                if self._journal.has(slot.number, slot.sequence):
                    self._apply(structure, parts)
                self._marks[stripe] = 0

    def _finish(self, file: io.FileIO, structure: StoreLayout, slot: Slot) -> None:
        stripes = sorted({self._stripe(part) for part in slot.read()})
        self._hold(file, structure, stripes)
        self._slots.busy[slot.number] = 0
        fcntl.fcntl(file, SET, NO_CHUNKS)

    def _mark(self, stripes: Sequence[int], mark: int) -> None:
        for stripe in stripes:
            self._marks[stripe] = mark

    def _unmark(self, stripes: Sequence[int], slot: Slot) -> None:
        self._mark(stripes, 0)
        self._slots.busy[slot.number] = 0

    def _apply(self, structure: StoreLayout, parts: Sequence[Part]) -> None:
        for part in parts:
            array = structure.arrays[part.array]
            target = self._target(structure, array, part)
            target[...] = part.pixels

    def _changed(
        self,
        structure: StoreLayout,
        pieces: Sequence[Piece],
        pixels: Array,
        weight: Array | None,
    ) -> list[Part]:
        """Return what the chunks will hold with the tile in them."""
        values, weights = structure.arrays
        parts = []
        for piece in pieces:
            rows, columns = piece.part
            share = None
            if weight is not None:
                share = weight[piece.number % len(weight), rows, columns]
            old = self._target(structure, values, piece)
            sums = self._target(structure, weights, piece)
            new = blended(structure.blend, (old, sums), pixels[piece.number, rows, columns], share)
            for number, content in enumerate(new):
                place = (piece.frame, piece.row, piece.column, piece.inside)
                parts.append(Part(number, *place, content))
        return parts

    def _target(self, structure: StoreLayout, array: StoredArray, place: Piece | Part) -> Array:
        """Return a rectangle of a chunk, mapped; the chunk is made where it isn't there."""
        path = chunk_path(self._root, array, place.frame, place.row, place.column)
        shape = chunk_shape(structure, array)
        chunk = self._chunks.mapped(path, shape, array.dtype)
        if chunk is None:
            fill = 0 if array.folder else structure.fill
            chunk = self._chunks.create_and_map(path, blank_chunk(shape, array.dtype, fill))
        return chunk[place.inside]


def _map_words(root: str) -> mmap.mmap:
    """Map the words of blending, of 64 bits.

    One a stripe: 0, or the number of a redo log and one; then one a redo log: whether chunks are
    marked with it.
    """
    path, size = store_file(root, "stripes"), (STRIPES + SLOTS) * 8
    try:
        with opened(path, os.O_RDWR | os.O_CREAT) as file:
            reserve(file.fileno(), size)
            return mmap.mmap(file.fileno(), size)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise ScratchFullError(
                error.errno, "no room for the sink's store", str(path)
            ) from error
        raise
