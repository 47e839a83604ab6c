"""Rectangles of a level put together from blocks that the cache keeps."""

from collections.abc import Hashable, Sequence
from functools import partial
from threading import Lock
from typing import NamedTuple

import numpy as np

from ziggurat.readers.codecs.tile_memory import tile_memory
from ziggurat.readers.io.system import core_count
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Part, Pixels, Plane, draw
from ziggurat.readers.pixels.cache import ByteCache
from ziggurat.readers.pixels.flights import leave, single_flight, take
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.pixels.threads import run_all, spare_cores

PARALLEL_PIXELS = 1 << 17  # smaller reads stay in the calling thread

Key = tuple[Hashable, str, int, int, int, int]  # of a block: image, kind, level, frame, x, y


class _Grid(NamedTuple):
    """Blocks of a level: their size, and that of the level."""

    width: int
    height: int
    across: int
    down: int

    def place(self, key: Key) -> tuple[int, int, int, int]:
        """Return x, y, width and height of a block."""
        x, y = key[4] * self.width, key[5] * self.height
        return x, y, min(self.width, self.across - x), min(self.height, self.down - y)


def from_blocks(
    image: Image,
    cache: ByteCache,
    level: int,
    frame: int,
    rect: Rect,
    size: tuple[int, int],
) -> Pixels | None:
    """Put a rectangle together from cached blocks of a size (width, height).

    None where nothing is kept of it, nor is to be.
    """
    # plain numbers instead of rectangles: this runs for every tile of every region
    info, identity = image.info, image.identity
    width, height = size
    columns = range(rect.x // width, (rect.x + rect.width - 1) // width + 1)
    rows = range(rect.y // height, (rect.y + rect.height - 1) // height + 1)
    keys = [(identity, "block", level, frame, x, y) for y in rows for x in columns]
    kept = cache.get_all(keys)
    missing = [key for key, pixels in zip(keys, kept, strict=True) if pixels is None]
    if len(missing) == len(keys) and not image.keep:
        return None
    result = empty(info, rect)
    shown = rect.x, rect.y, result
    if len(missing) < len(keys):
        for key, pixels in zip(keys, kept, strict=True):
            if pixels is not None:
                draw((key[4] * width, key[5] * height, pixels), shown)
    if missing:
        plane = image.reader.plane(level, frame)
        facts = info.levels[level]
        grid = _Grid(width, height, facts.width, facts.height)
        if not plane.together:
            _one_by_one(plane, cache if image.keep else None, missing, grid, shown)
        elif image.keep:
            _together(plane, cache, missing, grid, shown)
        else:
            fill_with_spare_cores(plane, _wanted(missing, grid, shown))
    return result


def _one_by_one(
    plane: Plane, cache: ByteCache | None, missing: list[Key], grid: _Grid, shown: Part
) -> None:
    """Read blocks on threads, through the cache where they are to be kept, and draw them."""

    def load(share: list[Key]) -> None:
        for key in share:
            block = Rect(*grid.place(key))
            pixels = plane.read(block) if cache is None else _kept(plane, cache, key, block)
            draw((block.x, block.y, pixels), shown)

    large = shown[2].shape[0] * shown[2].shape[1] > PARALLEL_PIXELS
    workers = min(core_count(), len(missing)) if large else 1
    run_all([partial(load, missing[worker::workers]) for worker in range(workers)])


def _together(plane: Plane, cache: ByteCache, missing: list[Key], grid: _Grid, shown: Part) -> None:
    """Read what nobody else has in hand at once, wait for the others' blocks, and draw all.

    They are read whole, although random places would cost a tenth less without the rest of their
    tiles: in a walk over an image, where the rest is wanted next, that would cost as much more.
    """
    mine: list[Key] = []
    flight = Lock()
    flight.acquire()
    try:
        take(missing, flight, mine)
        if mine:
            _fill_and_keep(plane, cache, mine, grid, shown)
    finally:
        flight.release()
        leave(mine, flight)
    if len(mine) < len(missing):
        for key in set(missing).difference(mine):
            block = Rect(*grid.place(key))
            draw((block.x, block.y, _kept(plane, cache, key, block)), shown)


def _fill_and_keep(
    plane: Plane, cache: ByteCache, keys: list[Key], grid: _Grid, shown: Part
) -> None:
    """Read blocks that nobody else reads, unless they were stored since they were looked for."""
    wanted: list[Key] = []
    parts: list[Part] = []
    (width, height, across, down), bands = grid, shown[2].shape[2]
    for key, pixels in zip(keys, cache.peek_all(keys), strict=True):
        x, y = key[4] * width, key[5] * height
        if pixels is not None:
            draw((x, y, pixels), shown)
        else:
            wanted.append(key)
            memory = tile_memory(min(height, down - y), min(width, across - x), bands)
            parts.append((x, y, memory))
    if not parts:
        return
    fill_with_spare_cores(plane, parts, shown)
    for _, _, pixels in parts:
        pixels.setflags(write=False)
    cache.put_all([(key, one[2], one[2].nbytes) for key, one in zip(wanted, parts, strict=True)])


def fill_with_spare_cores(plane: Plane, parts: Sequence[Part], shown: Part | None = None) -> None:
    """Fill arrays with the cores that no other caller uses; see :meth:`Plane.fill`."""
    with spare_cores() as threads:
        plane.fill(parts, threads, shown)


def _wanted(missing: list[Key], grid: _Grid, shown: Part) -> list[Part]:
    """Return the parts of an array that lie in blocks."""
    left, top, target = shown
    parts = []
    for key in missing:
        x, y, width, height = grid.place(key)
        x0, y0 = max(x, left), max(y, top)
        parts.append((x0, y0, target[y0 - top : y + height - top, x0 - left : x + width - left]))
    return parts


def _kept(plane: Plane, cache: ByteCache, key: Hashable, block: Rect) -> Pixels:
    """Return a block out of the cache, or read it: neighbours that are read side by side share."""
    with single_flight(key):
        pixels: Pixels | None = cache.peek(key)
        if pixels is None:
            pixels = own(plane.read(block))
            pixels.flags.writeable = False
            cache.put(key, pixels, pixels.nbytes)
    return pixels


def empty(info: ImageInfo, rect: Rect) -> Pixels:
    """Return an array for the pixels of a rectangle, (height, width, bands)."""
    return np.empty((rect.height, rect.width, info.bands), info.dtype)


def own(pixels: Pixels) -> Pixels:
    """Return pixels that a caller may write into."""
    return pixels if pixels.flags.writeable else pixels.copy()
