"""Rewriting the chunks of one array with more bands or a wider dtype, into another folder."""

import os

import numpy as np

from ziggurat.readers.formats.sink_store.layout import (
    Blend,
    StoredArray,
    Structure,
    chunk_files,
    chunk_path,
    chunk_shape,
)
from ziggurat.readers.model.geometry import Rect, cell_rect
from ziggurat.writers.store.chunks import Array
from ziggurat.writers.store.fit import adapt_bands, adaptable
from ziggurat.writers.store.parts import StoreParts


def rewrite(
    store: StoreParts, structures: tuple[Structure, Structure], number: int, target: str
) -> None:
    """Write the chunks of array ``number`` as the second structure wants them, below ``target``."""
    present, wanted = structures
    old, new = present.arrays[number], wanted.arrays[number]
    here = StoredArray("", new.dtype, new.bands)
    fresh = (0,) * (len(wanted.axes) - len(present.axes))
    os.mkdir(target)
    for file, key in chunk_files(store.root, old):
        *frame, row, column = key[: len(present.axes) + 2]
        content = np.fromfile(file, old.dtype).reshape(chunk_shape(present, old))
        if old.bands and new.bands > old.bands:
            written = _written(store, present, tuple(frame), row, column)
            content = _more_bands(content, written, wanted, number)
        path = chunk_path(target, here, (*fresh, *frame), row, column)
        store.chunks.create(path, np.ascontiguousarray(content.astype(new.dtype)))


def _more_bands(content: Array, written: Array, wanted: Structure, number: int) -> Array:
    """Give a chunk more bands: as colours go where they do, blank otherwise.

    ``written`` is how much each pixel was written, shape (height, width): 0 or 1, or the sum of
    weights. Alpha is opaque where anything was written.
    """
    bands = wanted.bands
    total = wanted.arrays[number].folder != ""
    filled = 0 if total else wanted.fill
    more = np.full((*content.shape[:2], bands), filled, content.dtype)
    if not adaptable(content.shape[2], bands, wanted.numpy_dtype):
        more[..., : content.shape[2]] = content
        return more
    color = adapt_bands(content, bands) if not total else _adapt_total(content, written, wanted)
    np.copyto(more, color, where=(written > 0)[..., np.newaxis])
    return more


def _adapt_total(content: Array, written: Array, wanted: Structure) -> Array:
    """Do what :func:`adapt_bands` does, to a chunk of weighted sums."""
    plain = content.astype(np.float64)
    adapted = np.repeat(plain[..., :1], wanted.bands, axis=2)
    if plain.shape[2] == 3:
        adapted[..., :3] = plain
    if wanted.bands in (2, 4):
        opaque = float(np.iinfo(wanted.numpy_dtype).max)
        adapted[..., -1] = plain[..., 1] if plain.shape[2] == 2 else opaque * written
    return adapted


def _written(
    store: StoreParts, present: Structure, frame: tuple[int, ...], row: int, column: int
) -> Array:
    """Return how much each pixel of a chunk was written, shape (height, width)."""
    if present.blend is not Blend.OVER:
        weight = present.arrays[1]
        path = chunk_path(store.root, weight, frame, row, column)
        shape = chunk_shape(present, weight)
        if not os.path.exists(path):
            return np.zeros(shape, weight.dtype)
        return np.fromfile(path, weight.dtype).reshape(shape)
    cell = cell_rect(column, row, present.tile_width, present.tile_height)
    written = np.zeros((present.tile_height, present.tile_width), np.uint8)
    position = dict(zip(present.axes, frame, strict=True))
    born = [position[name] for name in present.born]
    for record in store.journal.of_frame(born):
        tile = Rect(*(int(record[name]) for name in ("x", "y", "width", "height")))
        part = tile.intersect(cell).shift(-cell.x, -cell.y)
        written[max(part.y, 0) : part.bottom, max(part.x, 0) : part.right] = 1
    return written
