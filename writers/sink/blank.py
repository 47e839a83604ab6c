"""What a sink answers before its first tile: that there is nothing, instead of an error."""

from collections.abc import Callable
from typing import Any, Unpack, cast

import numpy as np

from ziggurat.readers.constants import TILE_FORMAT_IMAGE, TILE_FORMAT_NUMPY
from ziggurat.readers.errors import EmptySinkError, SinkInputError
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.words import Formats, ImageMetadata, PixelValue
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.api import ReadMethods
from ziggurat.readers.source.facts import metadata_of
from ziggurat.readers.source.iterator import LazyTileDict, TileIterator
from ziggurat.readers.source.options import OpenOptions
from ziggurat.readers.source.output.dicts import JSONDict
from ziggurat.readers.source.output.encode import chosen_format, merged_encoding, nothing
from ziggurat.readers.source.request import (
    GridWords,
    IterationWords,
    PlaceWords,
    RegionWords,
    ThumbnailWords,
)
from ziggurat.writers.sink.given_levels import with_given_levels
from ziggurat.writers.store.interface import TileStore
from ziggurat.writers.store.tile_input import tile_input


class BlankAnswers(ReadMethods):
    """The read side of a sink: sizes of zero and empty regions, as long as it has no tile."""

    _store: TileStore
    _options: OpenOptions

    def _image(self) -> Image:
        """Return the image as it is now; nothing of it is cached, as it grows."""
        reader, _ = with_given_levels(self._store, self._store.reader())
        return Image(reader, path=self._store.root)

    @property
    def sizeX(self) -> int:
        """Full-resolution width in pixels; 0 before the first tile."""
        return _unless_blank(lambda: self._image().info.width, lambda: 0)

    @sizeX.setter
    def sizeX(self, width: int) -> None:
        self._reach("sizeX", width, self._store.sizes[-1])

    @property
    def sizeY(self) -> int:
        """Full-resolution height in pixels; 0 before the first tile."""
        return _unless_blank(lambda: self._image().info.height, lambda: 0)

    @sizeY.setter
    def sizeY(self, height: int) -> None:
        self._reach("sizeY", height, self._store.sizes[-2])

    def _reach(self, name: str, wanted: int, there: int) -> None:
        """Let the image be as wide or as high as wanted; it never shrinks."""
        side = whole_number(name, wanted, 1, SinkInputError)
        if side < there:
            raise SinkInputError(
                f"{name} is {there} already, {side} would cut it; set crop instead"
            )
        x, y = (side - 1, 0) if name == "sizeX" else (0, side - 1)
        self._store.reserve(tile_input(np.zeros((1, 1, 1), np.uint8), x, y))

    @property
    def levels(self) -> int:
        """Number of conceptual ÷2 levels that ``getTile`` serves; 0 before the first tile."""
        return _unless_blank(lambda: self._image().pyramid.count, lambda: 0)

    @property
    def tileWidth(self) -> int:
        """Width of the tiles that ``getTile`` serves; 0 before the first tile."""
        return _unless_blank(lambda: self._image().pyramid.tile_size[0], lambda: 0)

    @property
    def tileHeight(self) -> int:
        """Height of the tiles that ``getTile`` serves; 0 before the first tile."""
        return _unless_blank(lambda: self._image().pyramid.tile_size[1], lambda: 0)

    @property
    def bandCount(self) -> int:
        """Number of bands (samples) of a pixel; 0 before the first tile."""
        return _unless_blank(lambda: self._image().info.bands, lambda: 0)

    @property
    def frames(self) -> int:
        """Number of frames; 0 before the first tile."""
        return _unless_blank(lambda: self._image().info.frames, lambda: 0)

    def getMetadata(self) -> ImageMetadata:
        """Return sizes, scale, levels, frames and channels under their public names."""
        return _unless_blank(lambda: metadata_of(self._image()), _blank_metadata)

    @property
    def metadata(self) -> ImageMetadata:
        """The same as :meth:`getMetadata`."""
        return _unless_blank(lambda: metadata_of(self._image()), _blank_metadata)

    def getRegion(self, format: Formats = None, **words: Unpack[RegionWords]) -> tuple[Any, str]:
        """Return a region in a format and size of the caller's choice; see ``Source.getRegion``.

        Before the first tile it has no pixel.
        """
        return _unless_blank(
            lambda: super(BlankAnswers, self).getRegion(format, **words),
            lambda: self._nothing(format, words.get("encoding")),
        )

    def tileIterator(
        self,
        format: Formats = TILE_FORMAT_NUMPY,
        resample: object = True,
        **words: Unpack[IterationWords],
    ) -> TileIterator:
        """Return an iterator over the tiles of a region; see ``Source.tileIterator``."""
        return _unless_blank(
            lambda: super(BlankAnswers, self).tileIterator(format, resample, **words),
            lambda: TileIterator(None),
        )

    def getSingleTile(
        self,
        format: Formats = TILE_FORMAT_NUMPY,
        resample: object = True,
        **words: Unpack[GridWords],
    ) -> LazyTileDict | None:
        """Return one tile of an iteration, or None; see ``Source.getSingleTile``."""
        return _unless_blank(
            lambda: super(BlankAnswers, self).getSingleTile(format, resample, **words),
            lambda: None,
        )

    def getPixel(self, includeTileRecord: bool = False, **words: Unpack[PlaceWords]) -> PixelValue:
        """Return the value of one pixel; see ``Source.getPixel``."""
        return _unless_blank(
            lambda: super(BlankAnswers, self).getPixel(includeTileRecord, **words),
            lambda: PixelValue(),
        )

    def getThumbnail(
        self, width: int | None = None, height: int | None = None, **words: Unpack[ThumbnailWords]
    ) -> tuple[Any, str]:
        """Return the whole image within a size; see ``Source.getThumbnail``."""
        return _unless_blank(
            lambda: super(BlankAnswers, self).getThumbnail(width, height, **words),
            lambda: self._nothing(words.get("format"), words.get("encoding")),
        )

    def _repr_png_(self) -> bytes:
        return bytes(self.getThumbnail(encoding="PNG")[0])

    def _nothing(self, format: Formats, encoding: str | None) -> tuple[object, str]:
        how = merged_encoding(self._options, encoding)
        wanted = chosen_format(format, TILE_FORMAT_IMAGE)
        return nothing(1, np.dtype(np.uint8), wanted, how)


def _blank_metadata() -> ImageMetadata:
    sizes = dict.fromkeys(("levels", "sizeX", "sizeY", "tileWidth", "tileHeight", "bandCount"), 0)
    unknown = dict.fromkeys(("magnification", "mm_x", "mm_y", "dtype"))
    return cast(ImageMetadata, JSONDict({**sizes, **unknown}))


def _unless_blank[T](ask: Callable[[], T], blank: Callable[[], T]) -> T:
    try:
        return ask()
    except EmptySinkError:
        return blank()
