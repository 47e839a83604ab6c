"""What is in a store of segments, in the order in which it counts.

The order is that of keys; tiles without a key come after them, in the order in which they were
put. The image is that of a store to which all tiles were given one by one in this order, so it
does not depend on what ran when.
"""

import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, SinkInputError, SourceError
from ziggurat.readers.formats.sink_store.fit import (
    grow_layout,
    reserves,
    with_axes,
    with_axes_of,
)
from ziggurat.readers.formats.sink_store.keys import key_order
from ziggurat.readers.formats.sink_store.layout import StoreLayout
from ziggurat.readers.formats.sink_store.log.layout import (
    MERGED,
    SEGMENTS,
    Declared,
    read_declared,
)
from ziggurat.readers.formats.sink_store.log.segment import Segment, read_index, tile_facts
from ziggurat.readers.formats.sink_store.tile import Array, TileInput
from ziggurat.readers.io.objects import Objects, side_by_side

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Laid:
    """One tile that is in: where its bytes are said to be, its facts, and what the image was.

    ``stage`` is the number of the snapshot's stage at which it came.
    """

    segment: str
    number: int
    entry: Entry
    tile: TileInput
    stage: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The store at one moment. ``table`` has fields x, y, width, height, and start and count.

    The latter have a column for each axis, in the order of ``structure.born``. ``stages`` are
    what the image was, one dtype and number of bands after the other; ``structure`` is the last.
    """

    structure: StoreLayout
    stages: Sequence[StoreLayout]
    sizes: tuple[int, ...]
    tiles: Sequence[Laid]
    keys: frozenset[str]
    values: Sequence[Mapping[str, Any]]
    table: Array

    def of_frame(self, position: Sequence[int]) -> Array:
        """Return the numbers of the tiles of a frame, in order; axes as they came."""
        if not self.structure.born:
            return np.arange(len(self.table))
        place = np.asarray(position)
        start = self.table["start"]
        inside = (start <= place) & (place < start + self.table["count"])
        numbers: Array = np.flatnonzero(inside.all(axis=1))
        return numbers


class View:
    """Follows a store: what was read once is not read again, for it never changes."""

    def __init__(self, objects: Objects, root: str) -> None:
        """Look at a store for the first time.

        Raises
        ------
        UnsupportedFormatError, CorruptSourceError
            There is none, or a damaged one.
        """
        self.objects = objects
        self._root = root
        self._guard = threading.RLock()
        self.declared = read_declared(objects, root)
        self._known: set[str] = set()
        self._segments: dict[str, Segment] = {}
        self._snapshot: Snapshot | None = None

    def segments(self) -> list[Segment]:
        """Return what there is, where it lies now."""
        with self._guard:
            self._refresh()
            return list(self._segments.values())

    def now(self) -> Snapshot:
        """Return the store as it is now.

        Raises
        ------
        SourceError
            Tiles contradict each other.
        """
        with self._guard:
            if self._refresh() or self._snapshot is None:
                self._snapshot = _snapshot(self.declared, list(self._segments.values()))
            return self._snapshot

    def last(self) -> Snapshot:
        """Return the store as it was when it was last looked at."""
        return self._snapshot or self.now()

    def stored(self, laid: Laid) -> bytes:
        """Return the bytes of a tile, wherever they have gone meanwhile."""
        entry = laid.entry
        for again in (False, True):
            segment = self._segments[laid.segment]
            if again:  # it may have moved: its holder says where to
                with self._guard:
                    self._take(segment.holder)
                segment = self._segments[laid.segment]
            try:
                found = self.objects.read(segment.holder, segment.base + entry["at"], entry["size"])
            except (FileNotFoundError, SourceError):
                if again:
                    raise
                continue
            if again or self._sound(found, entry):
                return found
        raise CorruptSourceError(f"a tile of {laid.segment} can't be read")  # not reached

    @staticmethod
    def _sound(found: bytes, entry: Entry) -> bool:
        return (len(found), zlib.crc32(found)) == (entry["size"], entry["crc"])

    def _refresh(self) -> bool:
        """Read the indexes that are new; True where anything was.

        What is in a merged object isn't asked for where it was before.
        """
        changed = False
        holders = self.objects.names(SEGMENTS)
        for there in (self.objects.names(MERGED), holders):
            new = [
                holder
                for holder in there
                if holder not in self._known and holder.removeprefix(SEGMENTS) not in self._segments
            ]
            for found in side_by_side(self.objects, partial(read_index, self.objects), new):
                changed |= self._place(found)
            self._known.update(there)
        return changed

    def _take(self, holder: str) -> bool:
        """Read one index, wherever it leads; True where it told of anything new."""
        return self._place(read_index(self.objects, holder))

    def _place(self, segments: Sequence[Segment]) -> bool:
        fresh = False
        for segment in segments:
            fresh |= segment.name not in self._segments
            self._segments[segment.name] = segment
        return fresh


def _snapshot(declared: Declared, segments: Sequence[Segment]) -> Snapshot:
    said = [entry for one in segments for entry in one.entries if "shape" not in entry]
    reach = _Reach(declared.structure, declared.sizes)
    structure = _told(declared.structure, said)
    for entry in said:
        if "reach" in entry:
            reach.take(entry["reach"]["start"], entry["reach"], {})
    laid: list[Laid] = []
    stages: list[StoreLayout] = []
    seen: set[Any] = set()
    for one in _ordered(segments):
        tile = one.tile
        sign = (tile.pixels.dtype, tile.bands, tuple(tile.start), tile.blank_pixel)
        blank = reserves(structure, tile)
        if sign not in seen or blank:
            before, structure = structure, _taken(structure, one, only_room=blank)
            if not _alike(before, structure):
                seen.clear()  # what fitted may not any more
            seen.add(sign)
        if not blank:
            if not stages or not _alike(stages[-1], structure):
                stages.append(structure)
            laid.append(replace(one, stage=len(stages) - 1))
        reach.take(tile.start, one.entry, tile.counts)
    keys = frozenset(one.entry["key"] for one in laid if one.entry["key"] is not None)
    values = [
        {"at": one.entry["start"], "values": one.entry["values"]}
        for one in laid
        if one.entry["values"]
    ]
    table = _table(structure, laid)
    return Snapshot(structure, stages, reach.sizes(structure), laid, keys, values, table)


def _alike(one: StoreLayout, other: StoreLayout) -> bool:
    return (one.dtype, one.bands) == (other.dtype, other.bands)


def _told(structure: StoreLayout, said: Sequence[Entry]) -> StoreLayout:
    """Return the structure with what was asked for without a tile, in an order of its own."""
    for names in sorted((entry["names"] for entry in said if "names" in entry), key=len):
        structure = with_axes(structure, names)
    for entry in sorted((e["reach"] for e in said if "reach" in e), key=repr):
        tile = tile_facts(entry)
        meant = entry["meant"]
        structure = (
            grow_layout(structure, tile, only_room=True) if meant else with_axes_of(structure, tile)
        )
    return structure


def _ordered(segments: Sequence[Segment]) -> list[Laid]:
    keyed: dict[str, Laid] = {}
    others: list[tuple[int, str, int, Laid]] = []
    for segment in sorted(segments, key=lambda one: one.name):
        for number, entry in enumerate(segment.entries):
            if "shape" not in entry or "reach" in entry:
                continue
            laid = Laid(segment.name, number, entry, tile_facts(entry))
            if entry["key"] is None:
                others.append((segment.time, segment.name, number, laid))
            else:
                keyed.setdefault(entry["key"], laid)
    first = [keyed[key] for key in sorted(keyed, key=lambda key: key_order(key.encode()))]
    return first + [one[-1] for one in sorted(others, key=lambda one: one[:3])]


def _taken(structure: StoreLayout, one: Laid, *, only_room: bool) -> StoreLayout:
    try:
        return grow_layout(structure, one.tile, only_room=only_room)
    except SinkInputError as error:
        place = f"({one.tile.x}, {one.tile.y})"
        raise SourceError(
            f"tiles of the store contradict each other: that of key {one.entry['key']} at {place} "
            f"does not fit those before it: {error}"
        ) from error


class _Reach:
    """How far the image goes: by what was declared and by each tile."""

    def __init__(self, structure: StoreLayout, sizes: tuple[int, ...]) -> None:
        *axes, self.height, self.width = sizes
        self.axes = dict(zip(structure.axes, axes, strict=True))

    def take(self, start: Mapping[str, int], entry: Entry, counts: Mapping[str, int]) -> None:
        height, width = entry["shape"][-3:-1]
        self.height = max(self.height, entry["y"] + height)
        self.width = max(self.width, entry["x"] + width)
        for name, first in start.items():
            self.axes[name] = max(self.axes.get(name, 1), first + counts.get(name, 1))

    def sizes(self, structure: StoreLayout) -> tuple[int, ...]:
        return (*(self.axes.get(name, 1) for name in structure.axes), self.height, self.width)


def _table(structure: StoreLayout, laid: Sequence[Laid]) -> Array:
    axes = len(structure.born)
    kind = [(name, "<i8") for name in ("x", "y", "width", "height")]
    table = np.zeros(len(laid), [*kind, ("start", "<i8", (axes,)), ("count", "<i8", (axes,))])
    for name in ("x", "y", "width", "height"):
        table[name] = [getattr(one.tile, name) for one in laid]
    for number, name in enumerate(structure.born):
        table["start"][:, number] = [one.tile.start.get(name, 0) for one in laid]
        table["count"][:, number] = [one.tile.counts.get(name, 1) for one in laid]
    return table
