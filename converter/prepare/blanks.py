"""Tiles that a source never stored, made up for readers that would show them black."""

import dataclasses

import numpy as np

from ziggurat.readers.codecs.jpeg_like import can_be_like, jpeg_like
from ziggurat.readers.model.encoded import EncodedLevel, TileFormat, TilePlaces
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Plane
from ziggurat.readers.views.views import SamePixels, View


class FilledReader(View):
    """A reader whose missing JPEG and JPEG 2000 tiles are tiles of the background's colour.

    Scanners leave out tiles without tissue (Philips), or write them with zero bytes (Aperio);
    TIFF allows for that, but libtiff and all that stands on it give black for them.
    """

    def plane(self, level: int, frame: int) -> Plane:
        """Return the plane with its missing tiles."""
        return _FilledPlane(self.source.plane(level, frame), self.info)


class _FilledPlane(SamePixels):
    __slots__ = ("_info",)

    def __init__(self, source: Plane, info: ImageInfo) -> None:
        super().__init__(source)
        self._info = info

    def encoded(self) -> EncodedLevel | None:
        """Return the source's tiles, none of them missing where they can be made."""
        tiles = self.source.encoded()
        if tiles is None or not can_be_like(tiles.format):
            return tiles
        stored, size = tiles.tile, (tiles.tile_height, tiles.tile_width)
        form, info = tiles.format, self._info
        made: list[bytes] = []

        def tile(column: int, row: int) -> bytes | None:
            data = stored(column, row)
            if data:
                return data
            if not made:
                made.append(blank_jpeg(size, form, info))
            return made[0]

        return dataclasses.replace(tiles, tile=tile)

    def places(self) -> TilePlaces | None:
        """Return where the source's tiles lie, unless some have to be made."""
        places, tiles = self.source.places(), self.source.encoded()
        if places is None or tiles is None or (can_be_like(tiles.format) and not places.complete):
            return None
        return places


def blank_jpeg(size: tuple[int, int], form: TileFormat, info: ImageInfo) -> bytes:
    """Return a tile of one colour in the colour space and subsampling of a level's tiles."""
    color = info.background or (0.0,) * form.bands
    return jpeg_like(form, np.full((*size, form.bands), color, form.dtype))
