"""A tile in the plain mode: copied into its chunks, over what was there.

Pixels say by themselves that they were written, as long as they differ from the image's fill. The
others matter where alpha comes to gray or colours: an unmasked tile is opaque in all its rectangle,
which the journal knows; where a *mask* let the fill's own value in is noted here.
"""

import functools
from pathlib import Path

import numpy as np

from ziggurat.readers.formats.sink_store.fit import COLOR_TYPES, fit_mask
from ziggurat.readers.formats.sink_store.layout import FOLDER, StoredArray, chunk_path
from ziggurat.readers.formats.sink_store.tile import TileInput
from ziggurat.writers.store.mapped.blender import Piece
from ziggurat.writers.store.mapped.chunks import (
    Array,
    ChunkFiles,
    blank_chunk,
    paste,
    staged,
)
from ziggurat.writers.store.mapped.pieces import PlainTiles

# One where a masked tile laid what looks like nothing; only chunks in which that has happened.
COVERED = StoredArray(f"{FOLDER}/covered", np.dtype("u1"), 0)


def lay(
    root: str, chunks: ChunkFiles, plain: PlainTiles, piece: Piece, pixels: Array, tile: TileInput
) -> None:
    """Copy one piece of a tile into its chunk; ``pixels`` are those of all its frames."""
    shape, dtype, place = plain.shape, plain.dtype, piece.inside
    path = chunk_path(root, plain.array, piece.frame, piece.row, piece.column)
    rows, columns = piece.part
    source = pixels[piece.number, rows, columns]
    mask = None
    if tile.mask is not None:
        mask = fit_mask(tile.mask[piece.number % len(tile.mask), rows, columns], shape[2])
        if shape[2] in (1, 3) and dtype.name in COLOR_TYPES:
            _note_covered(root, chunks, plain, piece, (source, mask))
    touch = 8 * source.shape[0] * source.shape[1] >= shape[0] * shape[1]
    chunk = chunks.mapped(path, shape, dtype, touch=touch)
    if chunk is None:
        # Writing a new chunk with its first pixels in it is several times as fast as making a
        # blank one and touching its pages one by one.
        with staged(shape, dtype, plain.fill, place, source, mask) as content:
            if chunks.create(path, content):
                return
            chunk = chunks.existing(path, shape, dtype, touch=touch)
    paste(chunk[place], source, mask)


def _note_covered(
    root: str, chunks: ChunkFiles, plain: PlainTiles, piece: Piece, laid: tuple[Array, Array]
) -> None:
    alike = _looks_blank(*laid, plain.fill)
    if not alike.any():
        return
    path = chunk_path(root, COVERED, piece.frame, piece.row, piece.column)
    shape = plain.shape[:2]
    noted = chunks.mapped(path, shape, COVERED.dtype)
    if noted is None:
        Path(root, COVERED.folder).mkdir(exist_ok=True)
        noted = chunks.create_and_map(path, blank_chunk(shape, COVERED.dtype, 0))
    np.copyto(noted[piece.inside], 1, where=alike)


def _looks_blank(source: Array, mask: Array, fill: float) -> Array:
    """Return where a mask lets pixels in that look as if nothing had been written: (y, x), bool.

    Band by band: numpy takes several times as long to reduce a last axis of three.
    """
    bands = [mask[..., band] for band in range(mask.shape[-1])]
    alike: Array = functools.reduce(np.logical_or, bands[1:], bands[0].copy())
    for band in range(source.shape[-1]):
        same = source[..., band] == fill
        alike &= same | ~bands[band] if len(bands) > 1 else same
        if not alike.any():
            break
    return alike
