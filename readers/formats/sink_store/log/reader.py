"""A store of segments as an image: tiles are blended when they are read, in their order."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ziggurat.readers.errors import SinkInputError, SourceError
from ziggurat.readers.formats.sink_store.blend import blended, resolve, tile_weight
from ziggurat.readers.formats.sink_store.fit import fit_mask, fit_stages
from ziggurat.readers.formats.sink_store.frame import FrameReader
from ziggurat.readers.formats.sink_store.info import image_info
from ziggurat.readers.formats.sink_store.layout import Blend
from ziggurat.readers.formats.sink_store.log.layout import PICTURES, read_attributes, read_values
from ziggurat.readers.formats.sink_store.log.segment import unpacked
from ziggurat.readers.formats.sink_store.log.view import Laid, View
from ziggurat.readers.formats.sink_store.tile import Array
from ziggurat.readers.io.lru import Lru
from ziggurat.readers.io.objects import objects_at
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels

KEPT_BYTES = 128 * 1024 * 1024  # of decoded tiles: a row of outputs meets each more than once

Decoded = tuple[Array, Array | None, Array | None]


class SegmentReader(FrameReader):
    """A store as it was when this was made; later tiles are seen by the next one."""

    def __init__(self, view: View) -> None:
        """Look at a store.

        Raises
        ------
        SourceError
            There is nothing in it yet, or its tiles contradict each other.
        """
        self._view = view
        self._snapshot = now = view.now()
        self._attributes = read_attributes(view.objects)[1]
        said = [*now.values, *read_values(view.objects)]
        self.info = image_info(now.structure, now.sizes, self._attributes, said)
        self._kept = _Kept(view, blends=now.structure.blend is not Blend.OVER)

    def picture(self, name: str) -> Pixels:
        """Return the pixels of an associated image."""
        file = self._attributes["associated"][name]
        data = io.BytesIO(self._view.objects.read(PICTURES + file))
        pixels: Pixels = np.load(data, allow_pickle=False)
        return pixels

    def read(self, frame: int, rect: Rect) -> Pixels:
        """Return a rectangle, (y, x, band); pixels of no tile are ``fill``."""
        structure = self._snapshot.structure
        values, *weights = (
            np.full(
                (rect.height, rect.width, array.bands)
                if array.bands
                else (rect.height, rect.width),
                0 if array.folder else structure.fill_value,
                array.dtype,
            )
            for array in structure.arrays
        )
        for laid, shared in self._under(frame, rect):
            place = shared.shift(-rect.x, -rect.y)
            target = (slice(place.y, place.bottom), slice(place.x, place.right))
            pixels, mask, share = self._part(laid, frame, shared)
            if not weights:
                _paste(values[target], pixels, mask)
                continue
            old = values[target], weights[0][target]
            try:
                values[target], weights[0][target] = blended(structure.blend, old, pixels, share)
            except SinkInputError as error:
                raise SourceError(f"{error}, of key {laid.entry['key']}") from error
        return resolve(structure, values, weights[0]) if weights else values

    def is_blank(self, frame: int, rect: Rect) -> bool:
        """Return True where no tile touches the rectangle."""
        return next(self._under(frame, rect), None) is None

    def blanks(self, frame: int, rects: Sequence[Rect]) -> list[bool]:
        """Return :meth:`is_blank` of each rectangle."""
        return [self.is_blank(frame, rect) for rect in rects]

    def close(self) -> None:
        """Let go of the decoded tiles."""
        self._kept.clear()

    def _under(self, frame: int, rect: Rect) -> Iterator[tuple[Laid, Rect]]:
        """Yield the tiles that touch a rectangle, in order, with what they share with it."""
        now = self._snapshot
        position = self.info.frame_position(frame) if now.structure.axes else {}
        numbers = now.of_frame([position.get(name, 0) for name in now.structure.born])
        table = now.table[numbers]
        touch = (table["x"] < rect.right) & (table["x"] + table["width"] > rect.x)
        touch &= (table["y"] < rect.bottom) & (table["y"] + table["height"] > rect.y)
        for number in numbers[touch]:
            laid = now.tiles[number]
            tile = laid.tile
            yield laid, rect.intersect(Rect(tile.x, tile.y, tile.width, tile.height))

    def _part(self, laid: Laid, frame: int, shared: Rect) -> Decoded:
        """Return pixels, mask and weights of a tile's part, as the image takes them."""
        structure, tile = self._snapshot.structure, laid.tile
        pixels, mask, weight = self._kept.get(laid)
        inside = shared.shift(-tile.x, -tile.y)
        part = (slice(inside.y, inside.bottom), slice(inside.x, inside.right))
        position = self.info.frame_position(frame) if structure.axes else {}
        offset = [position[name] - tile.start[name] for name in tile.axes]
        number = 0
        for length, index in zip(pixels.shape[:-3], offset, strict=True):
            number = number * length + index
        shown = pixels.reshape(-1, *pixels.shape[-3:])[number][part]
        if mask is not None:
            mask = mask[number % len(mask)][part]
            if structure.blend is Blend.OVER:
                mask = fit_mask(mask, structure.bands)
        share = None if weight is None else weight[number % len(weight)][part]
        return fit_stages(self._snapshot.stages[laid.stage :], shown), mask, share


def _paste(target: Array, pixels: Array, mask: Array | None) -> None:
    if mask is None:
        target[...] = pixels
    else:
        np.copyto(target, pixels, where=mask)


class _Kept:
    """Decoded tiles, the last few."""

    def __init__(self, view: View, *, blends: bool) -> None:
        self._view, self._blends = view, blends
        self._tiles: Lru[tuple[str, int], Decoded] = Lru(KEPT_BYTES, _size)

    def get(self, laid: Laid) -> Decoded:
        name = laid.segment, laid.number
        found = self._tiles.get(name)
        if found is None:
            pixels, mask, weight = unpacked(laid.entry, self._view.stored(laid))
            kind = laid.entry["weight"]
            said = weight if kind == "array" else kind
            share = None
            if self._blends:
                share = tile_weight(replace(laid.tile, pixels=pixels, mask=mask, weight=said))
            found = (pixels, mask, share)
            self._tiles.put(name, found)
        return found

    def clear(self) -> None:
        self._tiles.clear()


def _size(decoded: Decoded) -> int:
    return sum(part.nbytes for part in decoded if part is not None)


def open_segments(root: str) -> SegmentReader:
    """Open a store by its folder or URL."""
    return SegmentReader(View(objects_at(root), root))
