"""Tiles that a source never stored, made up for readers that would show them black."""

import dataclasses

import numpy as np

from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat, TilePlaces
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Plane
from ziggurat.readers.views.views import SamePixels, View


class FilledReader(View):
    """A reader whose missing JPEG tiles are tiles of the background's colour.

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
        """Return the source's tiles, none of them missing where they are JPEG."""
        tiles = self.source.encoded()
        if tiles is None or not _fills(tiles.format):
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
        if places is None or tiles is None or (_fills(tiles.format) and not places.complete):
            return None
        return places


def _fills(form: TileFormat) -> bool:
    return form.codec is Codec.JPEG and form.bits == 8


def blank_jpeg(size: tuple[int, int], form: TileFormat, info: ImageInfo) -> bytes:
    """Return a JPEG of one colour in the colour space and subsampling of a level's tiles.

    It has tables of its own, which win over the shared ones (ITU-T T.81, B.2.4).
    """
    import imagecodecs

    color = info.background or (0.0,) * form.bands
    pixels = np.full((*size, form.bands), color, np.uint8)
    if form.bands != 3:
        return bytes(imagecodecs.jpeg8_encode(pixels[..., 0], level=95))
    across, down = form.subsampling or (1, 1)
    named = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (1, 2): "440", (4, 1): "411"}
    space = "rgb" if form.photometric is Photometric.RGB else "ycbcr"
    return bytes(
        imagecodecs.jpeg8_encode(
            pixels,
            level=95,
            colorspace="rgb",
            outcolorspace=space,
            subsampling=named.get((across, down), "444"),
        )
    )
