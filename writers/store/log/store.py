"""The store of segments: each tile, or all tiles of one task, put once and never changed.

No lock, no server, nothing read to be written again: a task that is tried again puts what is there
already, one that was killed has put nothing. What lies where: formats/sink_store/log/layout.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from uuid import uuid4

from ziggurat.readers.errors import (
    SinkError,
    SinkInputError,
    ZigguratError,
    message_of,
)
from ziggurat.readers.formats.sink_store.blend import check_weight, tile_weight
from ziggurat.readers.formats.sink_store.fit import (
    adaptable,
    grow_layout,
    with_axes,
    with_axes_of,
)
from ziggurat.readers.formats.sink_store.keys import key_of, key_order
from ziggurat.readers.formats.sink_store.layout import Blend, StoreLayout
from ziggurat.readers.formats.sink_store.log import layout
from ziggurat.readers.formats.sink_store.log.reader import SegmentReader
from ziggurat.readers.formats.sink_store.log.segment import notice, packed
from ziggurat.readers.formats.sink_store.log.view import Snapshot, View
from ziggurat.readers.formats.sink_store.tile import Array, TileInput
from ziggurat.readers.io.objects import Objects, is_cloud, objects_at
from ziggurat.writers.files.system import sync_file_system_of
from ziggurat.writers.store.interface import TileRecord
from ziggurat.writers.store.log.compact import compact, sweep
from ziggurat.writers.store.log.facts import LogFacts, Putting


def create_log(root: str, structure: StoreLayout, sizes: Sequence[int]) -> None:
    """Make an empty store in a folder, or below a URL.

    Raises
    ------
    SinkError
        There is a store already.
    """
    made = objects_at(root).create(layout.DECLARED, layout.declared(structure, tuple(sizes)))
    if not made:
        raise SinkError(f"a sink's store is at {root}; mode='join' goes on with it")


class LogStore:
    """One process's hold on a store of segments. Calls may come from several threads and forks."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        """Attach to a store.

        Raises
        ------
        UnsupportedFormatError, CorruptSourceError
            There is no store, or a damaged one, or one of another version.
        """
        self.root = str(root) if is_cloud(root) else os.path.abspath(root)
        self.closed = False
        self._file = self._stamp()  # first: it must be of what is read below, or of one before
        self._objects: Objects = objects_at(self.root)
        sweep(self._objects)
        self._put = Putting(self._objects, self.root, self.refuse_gone)
        self._view = View(self._objects, self.root)
        self.identity = self._view.declared.identity
        self.facts = LogFacts(self._put, lambda: self._look().values)
        self._present = self._view.now()
        self._known = self._present.structure

    @property
    def vanished(self) -> bool:
        """True once the store has been removed or replaced (object storage is not asked)."""
        return self._stamp() != self._file

    def _stamp(self) -> tuple[int, int] | None:
        """Return what tells the file that makes a folder this store from a later one."""
        if is_cloud(self.root):
            return None
        try:
            found = os.stat(f"{self.root}/{layout.DECLARED}")
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    @property
    def structure(self) -> StoreLayout:
        """The structure as it is now."""
        return self._look().structure

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes so far: the frame axes (slowest first), height, width."""
        return self._look().sizes

    def refuse_gone(self) -> None:
        """Raise SinkError where the store was closed, or removed."""
        if self.closed or self.vanished:
            what = "the sink is closed" if self.closed else "the sink's store has been removed"
            raise SinkError(f"{what}: {self.root}")

    def _look(self) -> Snapshot:
        self.refuse_gone()
        self._present = self._view.now()
        self._known = self._present.structure
        return self._present

    def add(self, tile: TileInput) -> None:
        """Put one tile as a segment of its own.

        What other workers have put since this store was last looked at is not asked: where
        their tiles and this one contradict each other, reading says so.

        Raises
        ------
        SinkInputError
            The tile can't be taken; nothing was written.
        ScratchFullError, SinkError
            It could not be put; it is not in.
        """
        self.refuse_gone()
        self._check(tile)
        if tile.key is None:
            self._publish(f"u-{time.time_ns():020d}-{uuid4().hex}", [tile])
        else:
            self._publish(f"k-{_digest(tile.key)}", [tile])

    def add_all(self, tiles: Sequence[TileInput], key: bytes) -> None:
        """Put the tiles of a task as one segment, once for its key."""
        self.refuse_gone()
        for tile in tiles:
            self._check(tile)
        self._publish(f"t-{_digest(key)}", tiles)

    def _check(self, tile: TileInput) -> None:
        if tile.weight is not None:
            check_weight(self._known, tile)
        if self._known.blend is not Blend.OVER and tile.mask is not None:
            tile_weight(tile)
        self._known = self._fit(tile)

    def _fit(self, tile: TileInput) -> StoreLayout:
        known = self._known
        blank = tile.blank_pixel and not (known.dtype and known.bands)
        fits = grow_layout(known, tile, only_room=blank)
        widens = known.settled and known.bands and known.bands != fits.bands
        if widens and not adaptable(known.bands, fits.bands, fits.numpy_dtype):
            self._refuse_before_narrower(tile)
        return fits

    def _refuse_before_narrower(self, tile: TileInput) -> None:
        """Refuse more bands, no colours, in front of tiles: those would not fit behind it."""
        if tile.key is None:
            return
        place = key_order(tile.key)
        for one in self._view.now().tiles:
            if one.tile.key is None or key_order(one.tile.key) > place:
                raise SinkInputError(
                    f"a tile of {one.tile.bands} bands doesn't fit an image of {tile.bands} bands, "
                    f"and comes after this one in the order of keys: give this one a later key, "
                    f"or make the sink with bands={tile.bands}"
                )

    def _publish(self, name: str, tiles: Sequence[TileInput]) -> None:
        self._put.create(layout.SEGMENTS + name, packed(name, time.time_ns(), tiles))

    def reserve(self, corner: TileInput, *, meant: bool = False) -> None:
        """Let the image reach as far as a pixel; ``meant``: its dtype and bands are, too."""
        now = self._look().structure
        if meant:
            grow_layout(now, corner, only_room=True)
        else:
            with_axes_of(now, corner)
        facts = {
            "key": None,
            "x": corner.x,
            "y": corner.y,
            "axes": [],
            "start": dict(corner.start),
            "values": {},
            "shape": [1, 1, corner.bands],
            "dtype": corner.pixels.dtype.name,
            "blank": True,
            "meant": meant,
        }
        self._say({"reach": facts})

    def add_axes(self, names: Sequence[str]) -> None:
        """Give the image these frame axes, in this order."""
        if with_axes(self._look().structure, names).axes != self._known.axes:
            self._say({"names": list(names)})

    def _say(self, facts: Mapping[str, object]) -> None:
        """Put what is no tile; said twice it is there once."""
        name = f"n-{_digest(json.dumps(facts, sort_keys=True).encode())}"
        self._put.create(layout.SEGMENTS + name, notice(name, 0, facts))

    def has_key(self, key: bytes) -> bool:
        """Return True where the tile of a key is in."""
        return key.decode() in self._look().keys

    def tiles(self) -> Iterator[TileRecord]:
        """Yield the tiles that are in, in the order in which they count."""
        now = self._look()
        for one in now.tiles:
            tile = one.tile
            yield TileRecord(
                tile.x,
                tile.y,
                tile.width,
                tile.height,
                {name: tile.start.get(name, 0) for name in now.structure.axes},
                {name: tile.counts.get(name, 1) for name in now.structure.axes},
                one.entry["mask"] is not None,
                None if tile.key is None else key_of(tile.key),
            )

    def rectangles(self, position: Sequence[int]) -> Array:
        """Return x, y, width, height of the tiles of one frame; axes as they came."""
        now = self._look()
        found: Array = now.table[now.of_frame(position)]
        return found

    def reader(self) -> SegmentReader:
        """Return the image as it is now, and stays for this reader."""
        self.refuse_gone()
        return SegmentReader(self._view)

    def publish(self) -> None:
        """Nothing waits to be seen: what is in, all see."""
        self.refuse_gone()

    def sync(self) -> None:
        """Bring everything that is in onto the disk; object storage keeps it before it answers."""
        self.refuse_gone()
        if not is_cloud(self.root):
            sync_file_system_of(self.root)

    def compact(self) -> int:
        """Merge small segments; return how many.

        Raises
        ------
        SinkError
            They could not be merged; no tile is lost.
        """
        self.refuse_gone()
        try:
            return compact(self._objects)
        except (ZigguratError, OSError) as error:
            raise SinkError(f"segments could not be merged: {message_of(error)}") from error

    def settle(self) -> None:
        """Nothing can be left half done."""

    def forget(self) -> None:
        """Nothing is held that counts."""

    def close(self) -> None:
        """Let go; the store stays. May be called twice."""
        self.closed = True

    def abandon(self) -> None:
        """Let go."""
        self.closed = True


def _digest(key: bytes) -> str:
    return hashlib.blake2b(key, digest_size=16).hexdigest()
