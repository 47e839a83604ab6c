"""The one path from a wanted window to pixels: cached blocks, strips on threads, scaling."""

import math
from functools import partial

import numpy as np

from ziggurat.readers.grid.pyramid import LevelChoice
from ziggurat.readers.grid.regions import Window
from ziggurat.readers.io.system import core_count
from ziggurat.readers.model.geometry import Rect, ceil_div
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels, Plane
from ziggurat.readers.model.samples import nodata_by_band
from ziggurat.readers.pixels.blocks import (
    PARALLEL_PIXELS,
    empty,
    fill_with_spare_cores,
    from_blocks,
    own,
)
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.pixels.reduction import reduced
from ziggurat.readers.pixels.resample import SPARE, Resample, resize
from ziggurat.readers.pixels.threads import run_all

_BLOCK = 256  # smaller stored tiles are cached several at a time, pixels a side
_MAX_BLOCK_PIXELS = 4 << 20  # larger stored tiles are never cached
_MAX_CACHED_PIXELS = 4 << 20  # larger reads go past the cache
_STRIP_PIXELS = 8 << 20  # of source pixels held at a time while a huge region is reduced
_MOST_AVERAGED = 1 << 34  # pixels of a level; of more, single ones stand for their surroundings
_WIDEST_ROW = 1 << 24  # pixels; of wider rows only those that are wanted are read
_DIRECT = 2e-3  # relative; closer than this, a wanted scale is a stored level's


def read_window(image: Image, frame: int, window: Window, method: Resample) -> Pixels:
    """Return the pixels of a window at its size, as a new array (y, x, band).

    A window at the scale of a stored level is that level's pixels, untouched. Otherwise the
    smallest level that is still finer is read, and scaled. Of levels of claimed sizes beyond all
    that is ever drawn, pixels are picked: an average would have to read all of them.
    """
    info = image.info
    choice = image.pyramid.best(window.scale)
    direct = direct_rect(info, choice, window)
    if direct is not None:
        return read_level(image, choice.index, frame, direct)
    rect = image.pyramid.rect_in(choice, window.rect)
    if is_immense(rect):
        return _sampled(image, choice.index, frame, rect, window)
    smaller = window.width <= rect.width and window.height <= rect.height
    if smaller and rect.width * rect.height > max(_STRIP_PIXELS, 4 * window.width * window.height):
        if method is Resample.NEAREST:
            return _sampled(image, choice.index, frame, rect, window)
        # a filter gets some more pixels than it gives: it is hardly seen, and memory is bounded
        spare = 1 if method is Resample.AREA else SPARE
        size = min(spare * window.width, rect.width), min(spare * window.height, rect.height)
        pixels = reduced(
            image.reader.plane(choice.index, frame).read,
            rect,
            size,
            info.levels[choice.index].tile_height,
            alpha=info.alpha,
            nodata=nodata_by_band(info),
        )
    else:
        pixels = read_level(image, choice.index, frame, rect)
    return resize(
        pixels,
        window.width,
        window.height,
        method,
        alpha=info.alpha,
        nodata=nodata_by_band(info),
    )


def is_immense(rect: Rect) -> bool:
    """Return True for a part of a level that is never averaged: it would take many minutes."""
    return rect.width * rect.height > _MOST_AVERAGED or rect.width > _WIDEST_ROW


def direct_rect(info: ImageInfo, choice: LevelChoice, window: Window) -> Rect | None:
    """Return the rectangle of a stored level that is just what was asked for, if there is one."""
    if abs(window.scale / choice.scale - 1) > _DIRECT:
        return None
    width, height = window.rect.width / choice.scale_x, window.rect.height / choice.scale_y
    if abs(width - window.width) >= 1 or abs(height - window.height) >= 1:
        return None
    level = info.levels[choice.index]
    if window.width > level.width or window.height > level.height:
        return None
    x = min(round(window.rect.x / choice.scale_x), level.width - window.width)
    y = min(round(window.rect.y / choice.scale_y), level.height - window.height)
    return Rect(x, y, window.width, window.height)


def read_level(image: Image, level: int, frame: int, rect: Rect) -> Pixels:
    """Return a rectangle of a stored level; a new array that the caller may write into."""
    facts = image.info.levels[level]
    area = rect.width * rect.height
    if image.cache is not None and image.identity is not None and area <= _MAX_CACHED_PIXELS:
        block_w = -(-_BLOCK // facts.tile_width) * facts.tile_width
        block_h = -(-_BLOCK // facts.tile_height) * facts.tile_height
        size = block_w * block_h * image.info.bands * image.info.dtype.itemsize
        if block_w * block_h <= _MAX_BLOCK_PIXELS and image.cache.takes(size):
            pixels = from_blocks(image, image.cache, level, frame, rect, (block_w, block_h))
            if pixels is not None:
                return pixels
    plane = image.reader.plane(level, frame)
    if area <= _MAX_CACHED_PIXELS and plane.together:
        result = empty(image.info, rect)
        fill_with_spare_cores(plane, [(rect.x, rect.y, result)])
        return result
    if area < PARALLEL_PIXELS:
        return own(plane.read(rect))
    return _in_strips(image.info, plane, level, rect)


def _in_strips(info: ImageInfo, plane: Plane, level: int, rect: Rect) -> Pixels:
    """Read a large rectangle with all cores, in strips that end where stored tiles do."""
    tile_height = info.levels[level].tile_height
    first, last = rect.y // tile_height, ceil_div(rect.bottom, tile_height)
    parts = 4 if rect.width * rect.height > _MAX_CACHED_PIXELS else 1
    strips = min(last - first, parts * core_count())
    if strips < 2 or core_count() == 1:
        return own(plane.read(rect))
    result = empty(info, rect)

    def read(worker: int) -> None:
        for strip in range(worker, strips, core_count()):
            top = max(rect.y, (first + strip * (last - first) // strips) * tile_height)
            end = (first + (strip + 1) * (last - first) // strips) * tile_height
            part = Rect(rect.x, top, rect.width, min(rect.bottom, end) - top)
            result[top - rect.y : part.bottom - rect.y] = plane.read(part)

    run_all([partial(read, worker) for worker in range(min(core_count(), strips))])
    return result


def _sampled(image: Image, level: int, frame: int, rect: Rect, window: Window) -> Pixels:
    """Read a huge rectangle in bands of rows, keeping the pixel at each output pixel's centre."""
    plane = image.reader.plane(level, frame)
    rows = rect.y + ((np.arange(window.height) + 0.5) * (rect.height / window.height)).astype(int)
    columns = ((np.arange(window.width) + 0.5) * (rect.width / window.width)).astype(int)
    result = np.empty((window.height, window.width, image.info.bands), image.info.dtype)
    if rect.width > _WIDEST_ROW:
        for place in np.ndindex(result.shape[:2]):
            pixel = Rect(rect.x + int(columns[place[1]]), int(rows[place[0]]), 1, 1)
            result[place] = plane.read(pixel)[0, 0]
        return result
    tall = max(1, _STRIP_PIXELS // rect.width)
    index = 0
    while index < window.height:
        end = int(np.searchsorted(rows, rows[index] + tall))
        top = int(rows[index])
        part = Rect(rect.x, top, rect.width, int(rows[end - 1]) + 1 - top)
        pixels = plane.read(part)
        result[index:end] = pixels[(rows[index:end] - top)[:, None], columns]
        index = end
    return result


def overview(image: Image, frame: int, limit: int) -> Pixels:
    """Return the whole image within ``limit`` × ``limit``, nearest pixels only (no new values)."""
    info = image.info
    scale = max(1.0, max(info.width, info.height) / limit)
    width, height = max(1, math.floor(info.width / scale)), max(1, math.floor(info.height / scale))
    window = Window(info.levels[0].rect, width, height, scale)
    return read_window(image, frame, window, Resample.NEAREST)
