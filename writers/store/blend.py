"""Blending: modes in which a tile is laid over others by arithmetic, whatever order they come in.

Sums of integers are kept in 64 bits and weighted sums in doubles. Weights are taken
in steps of 2^-20, so that sums over tiles of up to 16 bits are exact, and with them independent of
the order of the tiles; wider samples are summed to within the rounding of a double.
"""

import fcntl
import io
import mmap
import os
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ziggurat.readers.errors import ScratchFullError, SinkInputError
from ziggurat.readers.formats.sink_store.layout import (
    Blend,
    StoredArray,
    Structure,
    chunk_path,
    chunk_shape,
    own,
)
from ziggurat.readers.io.lock_files import SET, opened
from ziggurat.writers.files.small import NO_ROOM
from ziggurat.writers.store.chunks import Array, ChunkFiles, Place, blank_chunk
from ziggurat.writers.store.journal import Journal
from ziggurat.writers.store.locks import (
    NO_CHUNKS,
    SLOTS,
    STRIPES,
    Locks,
    acquire,
    chunk_lock,
)
from ziggurat.writers.store.redo import Part, Slot, Slots
from ziggurat.writers.store.tile_input import TileInput

STEPS = 1 << 20  # weights are multiples of one over this
WINDOWS = ("hann", "gaussian", "linear")


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
        structure: Structure,
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

    def settle(self, structure: Structure) -> None:
        """Finish all tiles that were left in the middle, by death or by an exception."""
        if self._slots.busy.any():
            self._locks.held([], lambda file: self._settle(file, structure))

    def _settle(self, file: io.FileIO, structure: Structure) -> None:
        for slot in self._slots.abandoned(file):
            self._finish(file, structure, slot)

    def _stripe(self, place: Piece | Part) -> int:
        return zlib.crc32(repr((place.frame, place.row, place.column)).encode()) % STRIPES

    def _hold(self, file: io.FileIO, structure: Structure, stripes: Sequence[int]) -> None:
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

    def _finish(self, file: io.FileIO, structure: Structure, slot: Slot) -> None:
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

    def _apply(self, structure: Structure, parts: Sequence[Part]) -> None:
        for part in parts:
            array = structure.arrays[part.array]
            target = self._target(structure, array, part)
            target[...] = part.pixels

    def _changed(
        self,
        structure: Structure,
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

    def _target(self, structure: Structure, array: StoredArray, place: Piece | Part) -> Array:
        """Return a rectangle of a chunk, mapped; the chunk is made where it isn't there."""
        path = chunk_path(self._root, array, place.frame, place.row, place.column)
        shape = chunk_shape(structure, array)
        chunk = self._chunks.mapped(path, shape, array.dtype)
        if chunk is None:
            fill = 0 if array.folder else structure.fill
            chunk = self._chunks.create_and_map(path, blank_chunk(shape, array.dtype, fill))
        return chunk[place.inside]


def blended(
    mode: Blend, old: tuple[Array, Array], pixels: Array, weight: Array | None
) -> tuple[Array, Array]:
    """Return values and weights of a rectangle with a tile blended in.

    Parameters
    ----------
    old
        Values (y, x, band) and weights (y, x) so far.
    pixels
        Of the tile, (y, x, band).
    weight
        (y, x); where it is zero the tile has no say. None: one everywhere.
    """
    values, weights = old
    share = np.ones(weights.shape, np.float64) if weight is None else weight
    taken = (share > 0)[..., np.newaxis]
    fresh = pixels.astype(values.dtype, copy=False)
    if mode in (Blend.MAX, Blend.MIN):
        pick = np.maximum if mode is Blend.MAX else np.minimum
        met = np.where((weights > 0)[..., np.newaxis], pick(values, fresh), fresh)
        return np.where(taken, met, values), np.where(taken[..., 0], 1, weights).astype("u1")
    if mode is Blend.SUM:
        total = values + np.where(taken, fresh, 0).astype(values.dtype, copy=False)
        if values.dtype.kind in "iu" and pixels.dtype.itemsize == 8:
            _refuse_overflow(values, fresh, total, taken)
        return total, np.where(taken[..., 0], 1, weights).astype("u1")
    with np.errstate(invalid="ignore"):  # infinity times zero, where the tile has no say
        total = values + np.where(taken, fresh * share[..., np.newaxis], 0)
    return total, weights + share


def _refuse_overflow(values: Array, fresh: Array, total: Array, taken: Array) -> None:
    """Refuse a sum that 64 bits don't hold: NumPy goes on at the other end."""
    if values.dtype.kind == "u":
        past = (total < values) & taken
    else:
        past = ((values < 0) == (fresh < 0)) & ((total < 0) != (values < 0)) & taken
    if past.any():
        raise SinkInputError(f"the sum with this tile is past what {values.dtype} holds")


def check_weight(structure: Structure, tile: TileInput) -> None:
    """Refuse weights that the sink has no use for.

    Raises
    ------
    SinkInputError
        A weight outside `weighted` mode, or one that can't be meant.
    """
    weight = tile.weight
    if weight is None:
        return
    if structure.blend is not Blend.WEIGHTED:
        raise SinkInputError(
            f"this sink blends by {structure.blend.value!r} and takes no weight; "
            "make it with blend='weighted'"
        )
    if isinstance(weight, str):
        if weight not in WINDOWS:
            raise SinkInputError(f"weight is one of {', '.join(WINDOWS)} or an array: {weight!r}")
    elif weight.any() and not 2**-10 <= float(weight.max()) <= 2**10:
        raise SinkInputError(
            f"weights are taken in steps of 2^-20; choose the largest near 1, not {weight.max()}"
        )


def tile_weight(tile: TileInput) -> Array | None:
    """Return what a tile weighs, (frames or 1, y, x): its weight where its mask lets it.

    Raises
    ------
    SinkInputError
        Its mask differs from band to band, and a pixel has one weight.
    """
    weight, mask = tile.weight, None
    if tile.mask is not None:
        mask = tile.mask[..., 0]
        if (tile.mask != mask[..., np.newaxis]).any():
            raise SinkInputError(
                "in blending modes a mask must be the same for all bands, of shape (y, x)"
            )
    if weight is None:
        return None if mask is None else mask.astype(np.float64)
    if isinstance(weight, str):
        weight = window(weight, tile.height, tile.width)
    else:
        weight = _in_steps(weight.astype(np.float64))
    return weight[np.newaxis] if mask is None else weight * mask


@lru_cache(maxsize=16)
def window(kind: str, height: int, width: int) -> Array:
    """Return a window of shape (height, width), one in the middle and above zero everywhere.

    ``hann`` is the raised cosine, ``linear`` the tent, ``gaussian`` has a standard deviation of an
    eighth of the side.
    """
    weight = _in_steps(np.outer(_side(kind, height), _side(kind, width)))
    weight.flags.writeable = False
    return weight


def _side(kind: str, length: int) -> Array:
    # From -1 to 1, both just beyond the first and the last pixel.
    place = (2 * np.arange(length) + 1 - length) / (length + 1)
    if kind == "hann":
        return np.cos(place * np.pi / 2) ** 2
    if kind == "linear":
        return 1 - np.abs(place)
    return np.exp(-0.5 * (place / 0.25) ** 2)


def _in_steps(weight: Array) -> Array:
    """Round to whole steps; what is above zero stays above zero."""
    steps = np.rint(weight * STEPS)
    return np.where((weight > 0) & (steps < 1), 1, steps) / STEPS


def _map_words(root: str) -> mmap.mmap:
    """Map the words of blending, of 64 bits.

    One a stripe: 0, or the number of a redo log and one; then one a redo log: whether chunks are
    marked with it.
    """
    path, size = own(root, "stripes"), (STRIPES + SLOTS) * 8
    try:
        with opened(path, os.O_RDWR | os.O_CREAT) as file:
            os.posix_fallocate(file.fileno(), 0, size)
            return mmap.mmap(file.fileno(), size)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise ScratchFullError(
                error.errno, "no room for the sink's store", str(path)
            ) from error
        raise
