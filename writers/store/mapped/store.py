"""The mapped chunk store: tiles in, no global lock. What lies where: formats/sink_store/layout.

A tile is laid under the shared structure lock: many processes lay tiles at once, and wait for
each other only where they blend into the same chunk or while the structure changes.
"""

import fcntl
import io
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace

from ziggurat.readers.errors import ScratchFullError, SinkError, ZigguratError, message_of
from ziggurat.readers.formats.sink_store.blend import check_weight
from ziggurat.readers.formats.sink_store.fit import (
    fit_tile,
    grow_layout,
    reserves,
    with_axes,
    with_axes_of,
)
from ziggurat.readers.formats.sink_store.keys import key_hash
from ziggurat.readers.formats.sink_store.layout import (
    Blend,
    Header,
    HeaderWord,
    StoreLayout,
    read_structure,
    store_file,
)
from ziggurat.readers.formats.sink_store.reader import StoreReader
from ziggurat.readers.formats.sink_store.tile import TileInput
from ziggurat.readers.io.lock_files import RELEASE, SET
from ziggurat.writers.files.system import sync_file_system_of
from ziggurat.writers.store.interface import TileRecord
from ziggurat.writers.store.mapped import growth
from ziggurat.writers.store.mapped.blender import Blender
from ziggurat.writers.store.mapped.chunks import Array, ChunkFiles
from ziggurat.writers.store.mapped.facts import Facts
from ziggurat.writers.store.mapped.journal import Journal, pack_key, pack_record
from ziggurat.writers.store.mapped.locks import (
    EXTENTS,
    SHARED,
    Locks,
    StructureLock,
    acquire,
    acquired_at_once,
    key_lock,
)
from ziggurat.writers.store.mapped.pieces import PlainTiles, pieces_of
from ziggurat.writers.store.mapped.plain import lay
from ziggurat.writers.store.mapped.records import tile_records
from ziggurat.writers.store.room import refuse_other_host, refuse_too_large

PUBLISH_EVERY_NS = 250_000_000  # zarr.json follows a growing image four times a second at most


class Store:
    """One process's hold on a store. Calls may come from several threads and after a fork."""

    identity = ""  # its header is held open, and says when it has been removed

    def __init__(self, root: str | os.PathLike[str]) -> None:
        """Attach to a store.

        Raises
        ------
        UnsupportedFormatError, CorruptSourceError
            The folder is not a store, or a damaged one, or of another version.
        SinkError
            It may not be written to, or lies where mapped files are not safe.
        """
        self.root = os.path.abspath(root)
        self.closed = False
        with ExitStack() as undo:
            try:
                self.header = Header(self.root, writable=True)
                undo.callback(self.header.close)
                refuse_other_host(self.root, self.header)
                self.journal = Journal(self.root)
            except PermissionError as error:
                raise SinkError(
                    f"the store {self.root} may not be written to ({error.filename}): ask its "
                    "owner, or read it by ziggurat.open"
                ) from error
            undo.callback(self.journal.close)
            self.locks = Locks(self.root)
            self.lock = StructureLock(self.locks, self.header, lambda: growth.recover(self))
            self.facts = Facts(self.root, self.locks, self.refuse_gone)
            self.chunks = ChunkFiles(str(store_file(self.root, "")), lambda: self.vanished)
            self._structure = replace(read_structure(self.root), generation=-1)
            self._plain = PlainTiles.of(self._structure)
            blends = self._structure.blend is not Blend.OVER
            parts = self.root, self.locks, self.chunks, self.journal
            self.blender = Blender(*parts) if blends else None
            undo.pop_all()

    @property
    def structure(self) -> StoreLayout:
        """The structure as it is now (stable only while the structure lock is held)."""
        if self._structure.generation != self.header.words[HeaderWord.GENERATION]:
            self.chunks.forget()
            now = read_structure(self.root)
            self._plain, self._structure = PlainTiles.of(now), now  # last what says it is done
        return self._structure

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes so far: the frame axes (slowest first), height, width."""
        return self.header.sizes(self.structure)

    @property
    def vanished(self) -> bool:
        """True once the store has been removed."""
        return self.header.vanished

    def refuse_gone(self) -> None:
        """Raise SinkError where the store was closed, or removed."""
        if self.closed or self.header.vanished:
            what = "the sink is closed" if self.closed else "the sink's store has been removed"
            raise SinkError(f"{what}: {self.root}")

    def add(self, tile: TileInput) -> None:
        """Lay one tile, once for a key; when it returns, it is in the store and in the journal.

        Raises
        ------
        SinkInputError
            The tile can't be taken; nothing was written.
        ScratchFullError
            There is no room; the tile is not in.
        SinkError
            The system refuses, in another way.
        """
        self.refuse_gone()
        if tile.weight is not None:
            check_weight(self._structure, tile)
        if tile.blank_pixel and reserves(self.structure, tile):
            self.reserve(tile, meant=True)
            return
        try:
            while not self._added(tile):
                growth.restructure(self, lambda now: grow_layout(now, tile))
            if tile.values:
                self.facts.add_values(tile.start, tile.values)
        except OSError as error:
            if isinstance(error, ZigguratError):
                raise
            self.refuse_gone()
            raise SinkError(f"the sink's store can't be written to: {message_of(error)}") from error

    def add_all(self, tiles: Sequence[TileInput], key: bytes) -> None:  # noqa: ARG002
        """Lay the tiles of a task, each once for its own key: ``key`` is in all of them."""
        for tile in tiles:
            self.add(tile)

    def _added(self, tile: TileInput) -> bool:
        """Lay one tile; False where the structure has to change first.

        All locks of the tile are held through one file, and given back by one call, see
        :mod:`ziggurat.readers.io.lock_files`.
        """
        file = self.locks.take()
        try:
            self.lock.share(file)
            structure = self.structure
            # First: what is in may not fit any more, as the image grew after it was laid.
            if tile.key is not None and self._is_in(file, structure, tile.key):
                return True
            fits = self._plain.fits(tile)
            if not fits and grow_layout(structure, tile) != structure:
                return False
            pixels = tile.pixels if fits else fit_tile(structure, tile)
            self._write_tile(file, structure, tile, pixels)
            return True
        finally:
            fcntl.fcntl(file, SET, RELEASE)
            self.locks.free.append(file)

    def _is_in(self, file: io.FileIO, structure: StoreLayout, key: bytes) -> bool:
        """Hold a key; return True where its tile is in, wholly."""
        number = key_hash(key)
        acquire(file, key_lock(number))  # who holds chunks never waits for a key: no deadlock
        if not self.journal.has_key(number):
            return False
        if self.blender is not None:
            self.blender.settle(structure)
        return True

    def _write_tile(
        self, file: io.FileIO, structure: StoreLayout, tile: TileInput, pixels: Array
    ) -> None:
        start = [tile.start.get(name, 0) for name in structure.born]
        count = [tile.counts.get(name, 1) for name in structure.born]
        flat = pixels if pixels.ndim == 4 else pixels.reshape(-1, *pixels.shape[-3:])
        rectangle = (tile.x, tile.y, tile.width, tile.height)

        def commit(slot: int = -1, sequence: int = 0) -> None:
            self._extend(structure, tile, start, count)
            key = 0 if tile.key is None else key_hash(tile.key)
            masked = tile.mask is not None
            numbers = {"slot": slot, "sequence": sequence, "key": key}
            record = pack_record(rectangle, start, count, masked=masked, **numbers)
            self.journal.append(record if tile.key is None else pack_key(tile.key, key) + record)

        pieces = pieces_of(structure, tile)
        if self.blender is not None:
            self.blender.add(file, structure, tile, flat, pieces, commit)
            return
        # From the last to the first: of workers that lay neighbours at the same moment each then
        # makes a new chunk of its own first, and rarely builds what the other is building.
        for piece in reversed(pieces):
            lay(self.root, self.chunks, self._plain, piece, flat, tile)
        commit()

    def reserve(self, corner: TileInput, *, meant: bool = False) -> None:
        """Let the image reach as far as a pixel; ``meant``: its dtype and bands are, too.

        Raises
        ------
        SinkInputError
            The image can't become that.
        ScratchFullError
            There is no room for it.
        """
        self.refuse_gone()

        def fit(now: StoreLayout) -> StoreLayout:
            return grow_layout(now, corner, only_room=True) if meant else with_axes_of(now, corner)

        growth.restructure(self, fit)

        def reach() -> None:
            structure = self.structure
            if self.journal.empty:
                refuse_too_large(self.root, structure, self.header.sizes(structure), corner)
            start = [corner.start.get(name, 0) for name in structure.born]
            self._extend(structure, corner, start, [1] * len(start))

        self.lock.shared(reach)

    def add_axes(self, names: Sequence[str]) -> None:
        """Give the image these frame axes, in this order.

        Raises
        ------
        SinkInputError
            It has them in another order, or one that is not among them.
        """
        self.refuse_gone()
        growth.restructure(self, lambda now: with_axes(now, names))

    def has_key(self, key: bytes) -> bool:
        """Return True where the tile of a key is in."""
        self.refuse_gone()
        return self.journal.has_key(key_hash(key))

    def tiles(self) -> Iterator[TileRecord]:
        """Yield the tiles that are in, in the order in which they were finished."""
        self.refuse_gone()
        return tile_records(self.journal, self.structure)

    def rectangles(self, position: Sequence[int]) -> Array:
        """Return the records of the tiles of one frame; axes in the order in which they came."""
        return self.journal.of_frame(position)

    def reader(self) -> StoreReader:
        """Return the image as it is now; what dead processes left half done is finished."""
        self.refuse_gone()
        self.settle()
        return StoreReader(self.root)

    def _extend(
        self, structure: StoreLayout, tile: TileInput, start: list[int], count: list[int]
    ) -> None:
        """Let the image reach as far as the tile does."""
        words = self.header.words
        wanted = [
            (int(HeaderWord.HEIGHT), tile.y + tile.height),
            (int(HeaderWord.WIDTH), tile.x + tile.width),
        ]
        wanted += [
            (HeaderWord.AXES + number, first + span)
            for number, (first, span) in enumerate(zip(start, count, strict=True))
        ]
        for word, size in wanted:
            if words[word] < size:
                self.locks.held([EXTENTS], lambda _: self._grow_sizes(structure, wanted))
                return

    def _grow_sizes(self, structure: StoreLayout, wanted: Sequence[tuple[int, int]]) -> None:
        words = self.header.words
        for word, size in wanted:
            words[word] = max(words[word], size)
        words[HeaderWord.STALE] = 1
        if time.time_ns() - words[HeaderWord.PUBLISHED] > PUBLISH_EVERY_NS:
            with suppress(ScratchFullError):  # the tile is in; zarr.json lags until there is room
                self._publish(structure)

    def publish(self) -> None:
        """Bring zarr.json up to date with the sizes, where it lags behind."""
        if self.header.words[HeaderWord.STALE]:
            self.lock.shared(
                lambda: self.locks.held([EXTENTS], lambda _: self._publish(self.structure))
            )

    def _publish(self, structure: StoreLayout) -> None:
        growth.write_zarr_metadata(self.root, structure, self.header.sizes(structure))
        self.header.words[HeaderWord.STALE] = 0
        self.header.words[HeaderWord.PUBLISHED] = time.time_ns()

    def settle_blends(self) -> None:
        """Finish blended tiles whose processes died in the middle of applying them.

        The structure lock must be held, shared or not.
        """
        if self.blender is not None:
            self.blender.settle(self.structure)

    def compact(self) -> int:
        """Return zero: chunks are where they belong."""
        return 0

    def settle(self) -> None:
        """Finish what dead processes left half done."""
        if self.blender is not None:
            self.lock.shared(self.settle_blends)

    def sync(self) -> None:
        """Bring everything that is in onto the disk, so that a power cut can't undo it.

        Raises
        ------
        SinkError
            The system could not do it.
        """
        self.refuse_gone()
        self.publish()
        try:
            sync_file_system_of(self.root)
        except OSError as error:
            raise SinkError(f"the sink could not be brought onto the disk: {error}") from error

    def forget(self) -> None:
        """Give back the mapped chunks."""
        self.chunks.forget()

    def close(self) -> None:
        """Let go of all files; the store stays. May be called twice."""
        if self.closed:
            return
        self.closed = True
        try:
            if not self.header.vanished:
                self.publish()
        finally:
            self._let_go()

    def abandon(self) -> None:
        """Let go of all files without waiting for anybody: for the garbage collector.

        It may run in the middle of anything, in the thread of anybody, so no lock is waited for;
        zarr.json is brought up to date where that needs none.
        """
        if self.closed:
            return
        self.closed = True
        try:
            if self.locks.free and self.header.words[HeaderWord.STALE] and not self.header.vanished:
                with self.locks.free.pop() as file, suppress(OSError):
                    if all(acquired_at_once(file, lock) for lock in (SHARED, EXTENTS)):
                        self._publish(self.structure)
        except ValueError:
            pass  # a forked child: the lock files are its parent's
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self.chunks.forget()
        self.journal.close()
        self.locks.close()
        self.header.close()
