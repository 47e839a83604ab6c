"""The pixels of a plane, composed of subblocks that may overlap and leave gaps."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.czi.file import JPEGXR, CziBytes, Subblock
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect, ceil_div
from ziggurat.readers.model.image import Level
from ziggurat.readers.model.reader import Pixels, Plane


@dataclass(frozen=True)
class Mosaic:
    """The subblocks of one plane at one level, each with its place in the level's pixels.

    Later ones lie over earlier ones.
    """

    blocks: tuple[Subblock, ...] = ()
    places: tuple[Rect, ...] = ()

    @cached_property
    def _edges(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        edges = [(place.x, place.y, place.right, place.bottom) for place in self.places]
        return np.array(edges, np.int64).reshape(-1, 4).T

    def touching(self, rect: Rect) -> Sequence[int]:
        """Return the numbers of those that have a pixel in a rectangle, lowest first."""
        left, top, right, bottom = self._edges
        hit = (left < rect.right) & (right > rect.x) & (top < rect.bottom) & (bottom > rect.y)
        numbers: list[int] = np.nonzero(hit)[0].tolist()
        return numbers

    def grid(self, level: Level) -> dict[tuple[int, int], Subblock] | None:
        """Return the subblocks by (column, row), None where they aren't the level's tiles.

        Those at the right and the bottom edge may end with the level.
        """
        cells: dict[tuple[int, int], Subblock] = {}
        width, height = level.tile_width, level.tile_height
        for block, place in zip(self.blocks, self.places, strict=True):
            cell = place.x // width, place.y // height
            due = Rect(cell[0] * width, cell[1] * height, width, height).intersect(level.rect)
            if (
                place != due
                or cell in cells
                or (block.width, block.height) != (due.width, due.height)
            ):
                return None
            cells[cell] = block
        return cells


class CziPlane(Plane):
    """One plane at one level; gaps are zero."""

    __slots__ = ("_bands", "_dtype", "_file", "_level", "_mosaic")

    def __init__(
        self, file: CziBytes, mosaic: Mosaic, level: Level, dtype: np.dtype, bands: int
    ) -> None:
        self._file, self._mosaic, self._level = file, mosaic, level
        self._dtype, self._bands = dtype, bands

    def read(self, rect: Rect) -> Pixels:
        """Return the pixels; one subblock is decoded at a time."""
        out = np.zeros((rect.height, rect.width, self._bands), self._dtype)
        for number in self._mosaic.touching(rect):
            block, place = self._mosaic.blocks[number], self._mosaic.places[number]
            part = place.intersect(rect)
            pixels, mask = self._file.pixels(block)
            rows = _stretched(part.y - place.y, part.height, place.height, pixels.shape[0])
            columns = _stretched(part.x - place.x, part.width, place.width, pixels.shape[1])
            piece = pixels[rows][:, columns]
            target = out[
                part.y - rect.y : part.y - rect.y + piece.shape[0],
                part.x - rect.x : part.x - rect.x + piece.shape[1],
            ]
            if mask is None:
                target[:] = piece
                continue
            if mask.shape[0] < pixels.shape[0] or mask.shape[1] < pixels.shape[1]:
                raise CorruptSourceError(f"a mask of {mask.shape} for pixels of {pixels.shape}")
            where = mask[rows][:, columns][..., np.newaxis]
            np.copyto(target, piece, where=where, casting="safe")
        return out

    def encoded(self) -> EncodedLevel | None:
        """Return JPEG XR tiles where they lie in a plain grid and all are whole."""
        blocks = self._mosaic.blocks
        kinds = {(int(block.entry.compression), block.entry.pixel_type) for block in blocks}
        if len(kinds) != 1 or next(iter(kinds))[0] != JPEGXR:
            return None
        entry = blocks[0].entry
        alike = (int(entry.pixel_type.samples), entry.dtype) == (self._bands, self._dtype)
        level = self._level
        whole = level.width % level.tile_width == 0 and level.height % level.tile_height == 0
        grid = self._mosaic.grid(level) if alike and whole else None
        if grid is None or any(self._file.is_masked(blocks[n]) for n in (0, -1)):
            return None  # a mask in between is told when its tile is to be copied

        def tile(column: int, row: int) -> bytes | None:
            block = grid.get((column, row))
            return None if block is None else self._file.stored(block)

        return EncodedLevel(
            format=TileFormat(
                codec=Codec.JPEGXR,
                photometric=Photometric.RGB if self._bands == 3 else Photometric.GRAY,
                bands=self._bands,
                bits=8 * self._dtype.itemsize,
                dtype=self._dtype.name,
            ),
            width=level.width,
            height=level.height,
            tile_width=level.tile_width,
            tile_height=level.tile_height,
            columns=ceil_div(level.width, level.tile_width),
            rows=ceil_div(level.height, level.tile_height),
            tile=tile,
        )

    def places(self) -> None:
        """Return None: a subblock has a header of its own."""

    def is_blank(self, rect: Rect) -> bool:
        """Return True in the gaps."""
        return not self._mosaic.touching(rect)

    def release(self, rect: Rect) -> None:
        """Nothing is kept."""


def _stretched(start: int, length: int, due: int, there: int) -> slice | np.ndarray[Any, Any]:
    """Return which of the stored rows or columns make a part of a place.

    Most are stored one to one; some (of super-resolution) are repeated or left out.
    """
    if abs(due - there) <= 1:  # a last row that the writer has rounded away stays a gap
        return slice(start, min(start + length, there))
    return np.arange(start, start + length) * there // due
