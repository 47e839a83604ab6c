"""Pages whose tables of places are made here: of tiles that are moved, or that share their bytes.

Copied tiles go from file to file inside the kernel, in runs of megabytes.

A tile that passes through Python costs microseconds beside its bytes, and a slide has tens of
thousands. Tiles lie one behind the other in most files; where they do, one call moves many. A
file system that can share blocks between files needn't even do that.
"""

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ziggurat.readers.errors import WriteError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import TilePlaces
from ziggurat.readers.model.reader import Reader
from ziggurat.writers.files.writebehind import start_writing
from ziggurat.writers.formats.tiff.trim import all_pages, changing
from ziggurat.writers.model.levels import BlankTile, Copy, LevelPlan
from ziggurat.writers.model.progress import Cancellation, Meter

_STEP = 8 << 20  # bytes between two looks at whether anybody wants to go on
_TILE_OFFSETS = 324  # TIFF 6.0, section 15

Integers = np.ndarray[Any, np.dtype[np.int64]]


def with_moves(reader: Reader, levels: Sequence[LevelPlan]) -> tuple[LevelPlan, ...]:
    """Return the levels, those marked whose tiles can be moved for all frames."""
    return tuple(replace(plan, moved=_movable(reader, plan)) for plan in levels)


def _movable(reader: Reader, plan: LevelPlan) -> bool:
    if not isinstance(plan.origin, Copy):
        return False
    level, frames = plan.origin.level, range(reader.info.frames)
    if any(reader.plane(level, frame).places() is None for frame in frames):
        return False
    # tifffile wants the pixels of a page that is nothing but raw samples
    encoded = reader.plane(level, 0).encoded()
    return encoded is not None and (plan.grid != (1, 1) or encoded.format.codec is not Codec.NONE)


def moved_places(reader: Reader, plan: LevelPlan, frame: int) -> TilePlaces | None:
    """Return where the tiles of a level lie that is to be moved; None for any other."""
    if not plan.moved:
        return None
    assert isinstance(plan.origin, Copy)
    return reader.plane(plan.origin.level, frame).places()


@dataclass(frozen=True, slots=True)
class Moves:
    """What goes where: runs of bytes of a source, laid one behind the other.

    ``offsets`` has a place for every tile, counted from the first byte laid, -1 where there is
    no tile; ``counts`` their sizes; ``starts`` and ``lengths`` are the runs.
    """

    offsets: Integers
    counts: Integers
    starts: Integers
    lengths: Integers


def plan_moves(places: TilePlaces) -> Moves:
    """Lay tiles in the order that they have in their file; equal places are laid once."""
    offsets = np.asarray(places.offsets, np.int64)
    counts = np.asarray(places.counts, np.int64)
    stored = np.flatnonzero((offsets > 0) & (counts > 0))
    laid, sizes = np.full(len(offsets), -1), np.zeros(len(offsets), np.int64)
    none = np.empty(0, np.int64)
    if not len(stored):
        return Moves(laid, sizes, none, none)
    order = stored[np.lexsort((counts[stored], offsets[stored]))]
    at, size = offsets[order], counts[order]
    fresh = np.ones(len(order), bool)
    fresh[1:] = (at[1:] != at[:-1]) | (size[1:] != size[:-1])
    begin, length = at[fresh], size[fresh]
    target = np.cumsum(length) - length
    laid[order], sizes[order] = target[np.cumsum(fresh) - 1], size
    # only what is a tile's: what lies between two tiles may be anything
    breaks = np.flatnonzero(begin[1:] != begin[:-1] + length[:-1]) + 1
    runs = np.concatenate(([0], breaks))
    return Moves(laid, sizes, begin[runs], np.add.reduceat(length, runs))


class TileMover:
    """Writes pages whose tiles are moved or shared; the file learns their places at the end.

    Parameters
    ----------
    file
        The output, open for reading and writing.
    meter
        Is told how far it is.
    cancel
        Stops it.
    """

    def __init__(self, file: BinaryIO, meter: Meter, cancel: Cancellation | None) -> None:
        self._file = file
        self._meter, self._cancel = meter, cancel
        self._tables: dict[int, list[int]] = {}  # by the place of the page in the file
        self._shared: dict[int, list[int]] = {}  # the same, counted from the page's first tile

    def write(self, tiff: Any, places: TilePlaces, level: int, arguments: dict[str, Any]) -> None:
        """Write one page with tifffile's ``arguments``, and behind it its tiles.

        Raises
        ------
        CorruptSourceError
            A tile is cut off by the end of its file.
        """
        moves = plan_moves(places)
        page = self._next_page()
        tiff.write(zip(itertools.repeat(b""), moves.counts.tolist(), strict=False), **arguments)
        start = tiff.filehandle.tell()
        self._file.flush()
        self._move(places, moves, start, level)
        tiff.filehandle.seek(0, os.SEEK_END)
        self._tables[page] = np.where(moves.offsets < 0, 0, moves.offsets + start).tolist()

    def write_sharing(self, tiff: Any, tiles: Iterator[bytes], arguments: dict[str, Any]) -> None:
        """Write one page of encoded tiles; a blank tile is stored once, and pointed to again."""
        page, table, end, blank = self._next_page(), list[int](), 0, -1

        def laid() -> Iterator[tuple[bytes, int]]:
            nonlocal end, blank
            for tile in tiles:
                if isinstance(tile, BlankTile) and blank >= 0:
                    table.append(blank)
                    yield b"", len(tile)
                    continue
                if isinstance(tile, BlankTile):
                    blank = end
                table.append(end)
                end += len(tile)
                yield tile, len(tile)

        tiff.write(laid(), **arguments)
        if len(set(table)) < len(table):
            self._shared[page] = table

    def _next_page(self) -> int:
        """Return where tifffile will put the next page: TIFF 6.0, section 2, on a word boundary."""
        end = self._file.seek(0, os.SEEK_END)
        return end + end % 2

    def _move(self, places: TilePlaces, moves: Moves, position: int, level: int) -> None:
        descriptor, moved = self._file.fileno(), 0
        ends = np.sort(moves.offsets + moves.counts)
        for start, length in zip(moves.starts.tolist(), moves.lengths.tolist(), strict=True):
            for part in range(0, length, _STEP):
                if self._cancel is not None:
                    self._cancel.check()
                size = min(_STEP, length - part)
                places.source.copy_to(start + part, size, descriptor, position + moved)
                start_writing(descriptor)
                moved += size
                done = int(np.searchsorted(ends, moved, "right"))
                self._meter.moved(level, done, moved)
        self._meter.end_level(len(moves.counts))

    def finish(self, path: Path) -> None:
        """Write the tables of places into a file that is complete otherwise."""
        if not (self._tables or self._shared):
            return
        with changing(path) as tif:
            for page in all_pages(tif):
                table = self._tables.pop(page.offset, None)
                shared = self._shared.pop(page.offset, None)
                if shared is not None:
                    table = [page.dataoffsets[0] + place for place in shared]
                if table is not None:
                    page.tags[_TILE_OFFSETS].overwrite(table, erase=False)
        lost = len(self._tables) + len(self._shared)
        if lost:
            raise WriteError(f"{path} lost {lost} of its pages")
