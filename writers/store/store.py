"""The mapped chunk store: tiles in, no global lock. What lies where: readers/store_layout.

A tile is laid under the shared structure lock: many processes lay tiles at once, and wait for
each other only where they blend into the same chunk or while the structure changes.
"""

import itertools
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from ziggurat.readers.errors import ScratchFullError, SinkError
from ziggurat.readers.formats.sink_store.layout import (
    HEADER_BYTES,
    MAGIC,
    MAX_AXES,
    VERSION,
    Blend,
    Header,
    Name,
    Structure,
    Word,
    chunk_path,
    chunk_shape,
    own,
    read_structure,
)
from ziggurat.readers.model.geometry import Rect, ceil_div
from ziggurat.writers.files.small import replace_file, sync_file_system, write_json
from ziggurat.writers.store import growth
from ziggurat.writers.store.blend import Blender, Piece, check_weight
from ziggurat.writers.store.chunks import Array, ChunkFiles, paste, staged
from ziggurat.writers.store.fit import fitted, grown, with_axes
from ziggurat.writers.store.journal import Journal, pack_record
from ziggurat.writers.store.locks import FileMutex, StructureLock
from ziggurat.writers.store.room import check_room
from ziggurat.writers.store.tile_input import TileInput

PUBLISH_EVERY_NS = 250_000_000  # zarr.json follows a growing image four times a second at most


def create_store(root: str, structure: Structure, sizes: Sequence[int]) -> None:
    """Make the files of an empty store in an existing folder.

    ``sizes`` are those of the frame axes (in the order of ``structure.born``), height and width.
    """
    own(root, Name.ASSOCIATED).mkdir(parents=True)
    *axes, height, width = sizes
    words = np.zeros(HEADER_BYTES // 8, "<i8")
    words[Word.MAGIC], words[Word.VERSION] = MAGIC, VERSION
    words[Word.HEIGHT], words[Word.WIDTH] = height, width
    words[Word.AXES : Word.AXES + MAX_AXES] = 1
    words[Word.AXES : Word.AXES + len(axes)] = axes
    if structure.dtype and structure.bands:
        growth.write_zarr_metadata(root, structure, sizes)
    else:
        words[Word.STALE] = 1
    write_json(own(root, Name.STRUCTURE), structure.to_json())
    own(root, Name.JOURNAL).touch()
    own(root, Name.STRUCTURE_LOCK).touch()
    replace_file(own(root, Name.HEADER), words.tobytes())


class Store:
    """One process's hold on a store. Calls may come from several threads and after a fork."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        """Attach to a store.

        Raises
        ------
        UnsupportedFormatError, CorruptSourceError
            The folder is not a store, or a damaged one.
        """
        self.root = os.path.abspath(root)
        self.closed = False
        self.header = Header(self.root, writable=True)
        self.lock = StructureLock(self.root, self.header, lambda: growth.recover(self))
        self.chunks = ChunkFiles(str(own(self.root, "")), lambda: self.header.vanished)
        self.journal = Journal(self.root)
        self._extents = FileMutex(own(self.root, "extents.lock"))
        self._structure = replace(read_structure(self.root), generation=-1)
        blends = self._structure.blend is not Blend.OVER
        self.blender = Blender(self.root, self.chunks, self.journal) if blends else None

    @property
    def structure(self) -> Structure:
        """The structure as it is now (stable only while the structure lock is held)."""
        if self._structure.generation != self.header.words[Word.GENERATION]:
            self.chunks.forget()
            self._structure = read_structure(self.root)
        return self._structure

    def refuse_gone(self) -> None:
        """Raise SinkError where the store was closed, or removed."""
        if self.closed or self.header.vanished:
            what = "the sink is closed" if self.closed else "the sink's store has been removed"
            raise SinkError(f"{what}: {self.root}")

    def add(self, tile: TileInput) -> None:
        """Lay one tile; when it returns, the tile is in the store and in the journal.

        Raises
        ------
        SinkInputError
            The tile can't be taken; nothing was written.
        ScratchFullError
            There is no room; the tile is not in.
        """
        self.refuse_gone()
        check_weight(self._structure, tile)
        while True:
            self.lock.acquire_shared()
            try:
                structure = self.structure
                if _fits(structure, tile) or grown(structure, tile) == structure:
                    self._lay(structure, tile)
                    return
            finally:
                self.lock.release_shared()
            growth.restructure(self, lambda now: grown(now, tile))

    def reserve(self, corner: TileInput) -> None:
        """Let the image reach as far as a single blank pixel; nothing is laid.

        Raises
        ------
        SinkInputError
            The image can't become that.
        ScratchFullError
            There is no room for it.
        """
        self.refuse_gone()
        growth.restructure(self, lambda now: grown(now, corner))
        with self.lock.shared():
            structure = self.structure
            self._refuse_too_large(structure, corner)
            start = [corner.start.get(name, 0) for name in structure.born]
            self._extend(structure, corner, start, [1] * len(start))

    def add_axes(self, names: Sequence[str]) -> None:
        """Give the image these frame axes, in this order.

        Raises
        ------
        SinkInputError
            It has them in another order, or one that is not among them.
        """
        self.refuse_gone()
        growth.restructure(self, lambda now: with_axes(now, names))

    def _lay(self, structure: Structure, tile: TileInput) -> None:
        start = [tile.start.get(name, 0) for name in structure.born]
        count = [tile.count(name) for name in structure.born]
        pieces = list(_pieces(structure, tile))
        if not structure.settled or (tile.reserves and self._only_reserves(structure, pieces)):
            self._refuse_too_large(structure, tile)
            self._extend(structure, tile, start, count)
            return
        pixels = fitted(structure, tile)
        flat = pixels.reshape(-1, *pixels.shape[-3:])
        rectangle = (tile.x, tile.y, tile.width, tile.height)

        def commit(slot: int = -1, sequence: int = 0) -> None:
            self._extend(structure, tile, start, count)
            masked = tile.mask is not None
            numbers = {"slot": slot, "sequence": sequence}
            self.journal.append(pack_record(rectangle, start, count, masked=masked, **numbers))

        if self.blender is not None:
            self.blender.add(structure, tile, flat, pieces, commit)
            return
        # From the last to the first: of workers that lay neighbours at the same moment each then
        # makes a new chunk of its own first, and rarely builds what the other is building.
        for piece in reversed(pieces):
            self._copy(structure, piece, flat, tile)
        commit()

    def _refuse_too_large(self, structure: Structure, tile: TileInput) -> None:
        """Say no in time: when room is reserved for an image that the disk can't hold."""
        if self.journal.empty:
            *axes, height, width = self.header.sizes(structure)
            ends = (tile.start.get(name, 0) + 1 for name in structure.axes)
            sizes = [max(pair) for pair in zip(axes, ends, strict=True)]
            sizes += [max(height, tile.y + 1), max(width, tile.x + 1)]
            check_room(self.root, structure.room(sizes))

    def _only_reserves(self, structure: Structure, pieces: Sequence[Piece]) -> bool:
        """Return True where laying a single blank pixel would change nothing."""
        if structure.blend is not Blend.OVER:
            return True
        array = structure.arrays[0]
        paths = (chunk_path(self.root, array, p.frame, p.row, p.column) for p in pieces)
        return structure.fill == 0 and not any(os.path.exists(path) for path in paths)

    def _copy(self, structure: Structure, piece: Piece, pixels: Array, tile: TileInput) -> None:
        array = structure.arrays[0]
        shape = chunk_shape(structure, array)
        path = chunk_path(self.root, array, piece.frame, piece.row, piece.column)
        rows = slice(piece.part.y, piece.part.bottom)
        columns = slice(piece.part.x, piece.part.right)
        source = pixels[piece.number, rows, columns]
        inside = piece.inside
        place = slice(inside.y, inside.bottom), slice(inside.x, inside.right)
        mask = None if tile.mask is None else tile.mask[rows, columns, np.newaxis]
        touch = 8 * inside.width * inside.height >= shape[0] * shape[1]
        chunk = self.chunks.mapped(path, shape, array.dtype, touch=touch)
        if chunk is None:
            # Writing a new chunk with its first pixels in it is several times as fast as making a
            # blank one and touching its pages one by one.
            with staged(shape, array.dtype, structure.fill, place, source, mask) as content:
                if self.chunks.create(path, content):
                    return
                chunk = self.chunks.existing(path, shape, array.dtype, touch=touch)
        paste(chunk[place], source, mask)

    def _extend(
        self, structure: Structure, tile: TileInput, start: list[int], count: list[int]
    ) -> None:
        """Let the image reach as far as the tile does."""
        words = self.header.words
        ends = [first + span for first, span in zip(start, count, strict=True)]
        wanted: list[tuple[int, int]] = [
            (Word.HEIGHT, tile.y + tile.height),
            (Word.WIDTH, tile.x + tile.width),
        ]
        wanted += [(Word.AXES + number, end) for number, end in enumerate(ends)]
        if all(words[word] >= size for word, size in wanted):
            return
        with self._extents:
            for word, size in wanted:
                if words[word] < size:
                    words[word] = size
            words[Word.STALE] = 1
            if time.time_ns() - words[Word.PUBLISHED] > PUBLISH_EVERY_NS:
                with suppress(
                    ScratchFullError
                ):  # the tile is in; zarr.json lags until there is room
                    self._publish(structure)

    def publish(self) -> None:
        """Bring zarr.json up to date with the sizes, where it lags behind."""
        if not self.header.words[Word.STALE]:
            return
        with self.lock.shared():
            structure = self.structure
            with self._extents:
                self._publish(structure)

    def _publish(self, structure: Structure) -> None:
        growth.write_zarr_metadata(self.root, structure, self.header.sizes(structure))
        self.header.words[Word.STALE] = 0
        self.header.words[Word.PUBLISHED] = time.time_ns()

    def settle_blends(self) -> None:
        """Finish blended tiles whose processes died in the middle of applying them.

        The structure lock must be held, shared or not.
        """
        if self.blender is not None:
            self.blender.settle(self.structure)

    def settle(self) -> None:
        """Finish what dead processes left half done."""
        with self.lock.shared():
            self.settle_blends()

    def sync(self) -> None:
        """Bring everything that is in onto the disk, so that a power cut can't undo it.

        Raises
        ------
        SinkError
            The system could not do it.
        """
        self.refuse_gone()
        self.publish()
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sync_file_system(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Let go of all files; the store stays. May be called twice."""
        if self.closed:
            return
        self.closed = True
        if not self.header.vanished:
            self.publish()
        self.chunks.forget()
        self.journal.close()
        self.lock.close()
        if self.blender is not None:
            self.blender.close()
        self.header.close()


def _fits(structure: Structure, tile: TileInput) -> bool:
    """Return True for the common tile that fits as it is, without looking closer."""
    return (
        structure.settled
        and tile.pixels.dtype == structure.numpy_dtype
        and tile.bands == structure.bands
        and all(name in structure.axes for name in tile.start)
    )


def _pieces(structure: Structure, tile: TileInput) -> Iterator[Piece]:
    # Plain integers: this runs for every tile, and objects for all the steps would cost as much
    # as the copy of a small one.
    across = list(_spans(tile.x, tile.width, structure.tile_width))
    down = list(_spans(tile.y, tile.height, structure.tile_height))
    shape = tile.pixels.shape[:-3]
    for number, offsets in enumerate(itertools.product(*(range(size) for size in shape))):
        offset = dict(zip(tile.axes, offsets, strict=True))
        frame = tuple(tile.start.get(name, 0) + offset.get(name, 0) for name in structure.axes)
        for row, top, y, height in down:
            for column, left, x, width in across:
                inside, part = Rect(left, top, width, height), Rect(x, y, width, height)
                yield Piece(number, frame, row, column, inside, part)


def _spans(start: int, length: int, step: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (cell, first in the cell, first in the span, how many) of each cell of a span."""
    for cell in range(start // step, ceil_div(start + length, step)):
        first = max(start, cell * step)
        last = min(start + length, (cell + 1) * step)
        yield cell, first - cell * step, first - start, last - first
