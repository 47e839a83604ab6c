"""Tiles of the conceptual ÷2 levels: stored ones as they are, missing levels made and kept."""

import numpy as np

from ziggurat.readers.codecs.jpeg_stream import (
    merge_tables,
    parse_header,
    stream_photometric,
    with_adobe_marker,
)
from ziggurat.readers.errors import TileRangeError
from ziggurat.readers.grid.pyramid import LevelChoice, Pyramid
from ziggurat.readers.grid.regions import Window
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric
from ziggurat.readers.model.geometry import Rect, ceil_div
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.model.samples import nodata_by_band
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.pixels.resample import default_resample, resize
from ziggurat.readers.pixels.window import is_immense, read_level, read_window

_MAX_DIRECT = 4  # a tile this many times smaller than its source is made from its source at once


def check_tile(pyramid: Pyramid, x: int, y: int, z: int) -> None:
    """Refuse a tile that isn't there.

    Raises
    ------
    TileRangeError
    """
    for name, value in (("x", x), ("y", y), ("z", z)):
        whole_number(f"tile {name}", value, error=TileRangeError)
    if not 0 <= z < pyramid.count:
        raise TileRangeError(f"there are levels 0 to {pyramid.count - 1}, not {z}")
    columns, rows = tile_grid(pyramid, z)
    if not 0 <= x < columns or not 0 <= y < rows:
        raise TileRangeError(f"level {z} has {columns} x {rows} tiles, none at ({x}, {y})")


def tile_grid(pyramid: Pyramid, z: int) -> tuple[int, int]:
    """Return (columns, rows) of the tiles of a conceptual level."""
    width, height = pyramid.tile_size
    step = int(pyramid.scale(z))
    full = pyramid.info.levels[0]
    return ceil_div(full.width, width * step), ceil_div(full.height, height * step)


def tile_window(pyramid: Pyramid, x: int, y: int, z: int) -> Window:
    """Return the part of a tile that is inside the image."""
    width, height = pyramid.tile_size
    step = int(pyramid.scale(z))
    whole = pyramid.info.levels[0].rect
    rect = Rect(x * width * step, y * height * step, width * step, height * step).intersect(whole)
    return Window(rect, ceil_div(rect.width, step), ceil_div(rect.height, step), float(step))


def read_tile(image: Image, frame: int, x: int, y: int, z: int) -> Pixels:
    """Return the pixels of a tile, cut at the image's edge; not to be written into.

    A tile of a level that isn't stored is shrunk from the stored level that is up to four times
    finer, or made of the four tiles of the level below it, and each of them likewise: its
    neighbours and coarser levels then find their parts in the cache. Where that would be
    immense (:func:`is_immense`), pixels are picked.
    """
    info, pyramid = image.info, image.pyramid
    window = tile_window(pyramid, x, y, z)
    populated = pyramid.populated
    finer = min(level for level in populated if level >= z)
    if finer == z:
        return _from_level(image, frame, populated[z], window, 1)
    key = (image.identity, "tile", frame, x, y, z)
    cached = image.cache if image.identity is not None else None
    found: Pixels | None = cached.get(key) if cached is not None else None
    if found is not None:
        return found
    if is_immense(pyramid.rect_in(populated[finer], window.rect)):
        pixels = read_window(image, frame, window, default_resample(info))
    elif 2 ** (finer - z) <= _MAX_DIRECT:
        pixels = _from_level(image, frame, populated[finer], window, 2 ** (finer - z))
    else:
        pixels = _from_four(image, frame, (x, y, z), window)
    if cached is not None:
        pixels.flags.writeable = False
        cached.put(key, pixels, pixels.nbytes)
    return pixels


def _from_level(
    image: Image, frame: int, choice: LevelChoice, window: Window, ratio: int
) -> Pixels:
    """Return a tile out of a stored level that is ``ratio`` times finer."""
    info = image.info
    level = info.levels[choice.index]
    x = min(int(window.rect.x / choice.scale_x), level.width - 1)
    y = min(int(window.rect.y / choice.scale_y), level.height - 1)
    wanted = Rect(x, y, window.width * ratio, window.height * ratio)
    pixels = read_level(image, choice.index, frame, wanted.intersect(level.rect))
    return _shrunk(info, pixels, window, ratio)


def _from_four(image: Image, frame: int, tile: tuple[int, int, int], window: Window) -> Pixels:
    x, y, z = tile
    columns, rows = tile_grid(image.pyramid, z + 1)
    parts = [
        [
            read_tile(image, frame, column, row, z + 1)
            for column in (2 * x, 2 * x + 1)
            if column < columns
        ]
        for row in (2 * y, 2 * y + 1)
        if row < rows
    ]
    joined = np.concatenate([np.concatenate(line, axis=1) for line in parts], axis=0)
    return _shrunk(image.info, joined, window, 2)


def _shrunk(info: ImageInfo, pixels: Pixels, window: Window, ratio: int) -> Pixels:
    """Return pixels shrunk by exactly ``ratio``; the image's last row and column go on for it."""
    rows = window.height * ratio - pixels.shape[0]
    columns = window.width * ratio - pixels.shape[1]
    if rows or columns:
        pixels = np.pad(pixels, ((0, rows), (0, columns), (0, 0)), mode="edge")
    return resize(
        pixels,
        window.width,
        window.height,
        default_resample(info),
        alpha=info.alpha,
        nodata=nodata_by_band(info),
    )


def padded_tile(pyramid: Pyramid, pixels: Pixels, color: Pixels | None) -> Pixels:
    """Return a tile at its full size: what lies beyond the image has a colour, or the background.

    ``color`` has the shape (bands,).
    """
    width, height = pyramid.tile_size
    background = pyramid.info.background
    rows, columns, bands = pixels.shape
    if (rows, columns) == (height, width):
        return pixels
    result = np.zeros((height, width, bands), pixels.dtype)
    if color is not None:
        result[:] = color
    elif background is not None and len(background) == bands:
        result[:] = np.array(background).astype(pixels.dtype)
    result[:rows, :columns] = pixels
    return result


def stored_jpeg(image: Image, frame: int, x: int, y: int, z: int) -> bytes | None:
    """Return a tile's JPEG stream as it is stored, or None where there is none that fits.

    The entropy-coded data is the file's own, byte for byte. Tables kept elsewhere are merged
    in, and streams that decoders would take for YCbCr without being it get an Adobe marker.
    """
    info = image.info
    choice = image.pyramid.populated.get(z)
    if choice is None or info.dtype != np.uint8:
        return None
    level = image.reader.plane(choice.index, frame).encoded()
    if level is None or level.format.codec is not Codec.JPEG or level.format.planar:
        return None
    if (level.tile_width, level.tile_height) != image.pyramid.tile_size or level.format.bits != 8:
        return None
    if x >= level.columns or y >= level.rows or level.format.bands not in (1, 3):
        return None
    data = level.tile(x, y)
    if data is None:
        return None
    stream = merge_tables(data, level.format.tables)
    header = parse_header(stream)
    if (header.width, header.height) != (level.tile_width, level.tile_height):
        return None
    photometric = stream_photometric(header, level.format.photometric)
    if header.components == 3 and photometric is Photometric.RGB:
        return with_adobe_marker(stream, photometric)
    return stream
