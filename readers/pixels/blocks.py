"""Rectangles of a level put together from blocks that the cache keeps."""

from collections.abc import Hashable, Sequence
from functools import partial

import numpy as np

from ziggurat.readers.codecs.tile_memory import tile_memory
from ziggurat.readers.io.system import core_count
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Part, Pixels, Plane
from ziggurat.readers.pixels.cache import ByteCache, free_flights, single_flight
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.pixels.threads import run_all, spare_cores

PARALLEL_PIXELS = 1 << 17  # smaller reads stay in the calling thread

Missing = tuple[Hashable, Rect]  # a block's key, and where it lies


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
    info = image.info
    facts = info.levels[level]
    width, height = size
    found: list[tuple[Pixels, int, int]] = []
    missing: list[Missing] = []
    right, bottom = rect.x + rect.width, rect.y + rect.height
    for y in range(rect.y // height * height, bottom, height):
        for x in range(rect.x // width * width, right, width):
            key = (image.identity, "block", level, frame, x // width, y // height)
            pixels = cache.get(key)
            if pixels is not None:
                found.append((pixels, x, y))
            else:
                block = Rect(x, y, min(width, facts.width - x), min(height, facts.height - y))
                missing.append((key, block))
    if not found and not image.keep:
        return None
    result = empty(info, rect)
    for pixels, x, y in found:
        _paste(result, rect, pixels, x, y)
    if missing:
        plane = image.reader.plane(level, frame)
        if not plane.together:
            _one_by_one(plane, cache if image.keep else None, missing, result, rect)
        elif image.keep:
            _together(plane, cache, missing, result, rect)
        else:
            fill_with_spare_cores(plane, _cut(missing, result, rect))
    return result


def _one_by_one(
    plane: Plane, cache: ByteCache | None, missing: list[Missing], result: Pixels, rect: Rect
) -> None:
    """Read blocks on threads, through the cache where they are to be kept, and draw them."""

    def load(share: list[Missing]) -> None:
        for key, block in share:
            pixels = plane.read(block) if cache is None else _kept(plane, cache, key, block)
            _paste(result, rect, pixels, block.x, block.y)

    large = rect.width * rect.height > PARALLEL_PIXELS
    workers = min(core_count(), len(missing)) if large else 1
    run_all([partial(load, missing[worker::workers]) for worker in range(workers)])


def _together(
    plane: Plane, cache: ByteCache, missing: list[Missing], result: Pixels, rect: Rect
) -> None:
    """Read what nobody else has in hand at once, wait for the others' blocks, and draw all.

    They are read whole, although random places would cost a tenth less without the rest of their
    tiles: in a walk over an image, where the rest is wanted next, that would cost as much more.
    """
    rest: list[Missing] = []
    with free_flights([key for key, _ in missing]) as mine:
        wanted: list[tuple[Hashable, Part]] = []
        for key, block in missing:
            if key in mine and cache.peek(key) is None:
                target = tile_memory(block.height, block.width, result.shape[2])
                wanted.append((key, (block, target)))
            else:
                rest.append((key, block))
        if wanted:
            fill_with_spare_cores(plane, [part for _, part in wanted])
        for key, (block, pixels) in wanted:
            pixels.flags.writeable = False
            cache.put(key, pixels, pixels.nbytes)
            _paste(result, rect, pixels, block.x, block.y)
    for key, block in rest:
        _paste(result, rect, _kept(plane, cache, key, block), block.x, block.y)


def fill_with_spare_cores(plane: Plane, parts: Sequence[Part]) -> None:
    """Fill arrays with the cores that no other caller uses."""
    with spare_cores() as threads:
        plane.fill(parts, threads)


def _cut(missing: list[Missing], result: Pixels, rect: Rect) -> list[Part]:
    """Return the parts of blocks that lie in a rectangle, with their places in it."""
    parts = []
    for _, block in missing:
        part = block.intersect(rect)
        top, left = part.y - rect.y, part.x - rect.x
        parts.append((part, result[top : top + part.height, left : left + part.width]))
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


def _paste(target: Pixels, rect: Rect, pixels: Pixels, x: int, y: int) -> None:
    """Draw a block that lies at (x, y) of its level where it lies in the rectangle."""
    dx, dy = x - rect.x, y - rect.y
    x0, y0 = max(dx, 0), max(dy, 0)
    x1, y1 = min(dx + pixels.shape[1], rect.width), min(dy + pixels.shape[0], rect.height)
    target[y0:y1, x0:x1] = pixels[y0 - dy : y1 - dy, x0 - dx : x1 - dx]


def empty(info: ImageInfo, rect: Rect) -> Pixels:
    """Return an array for the pixels of a rectangle, (height, width, bands)."""
    return np.empty((rect.height, rect.width, info.bands), info.dtype)


def own(pixels: Pixels) -> Pixels:
    """Return pixels that a caller may write into."""
    return pixels if pixels.flags.writeable else pixels.copy()
