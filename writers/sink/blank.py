"""What a sink answers before its first tile: that there is nothing, instead of an error."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ziggurat.readers.constants import TILE_FORMAT_IMAGE, TILE_FORMAT_NUMPY
from ziggurat.readers.errors import EmptySinkError
from ziggurat.readers.source.api import ReadMethods
from ziggurat.readers.source.dicts import JSONDict
from ziggurat.readers.source.encode import chosen_format, merged_encoding, nothing
from ziggurat.readers.source.iterator import TileIterator


class BlankAnswers(ReadMethods):
    """Sizes of zero, regions without a pixel and no tiles, as long as a sink has none."""

    @property
    def sizeX(self) -> int:
        """Full-resolution width in pixels; 0 before the first tile."""
        return _unless_blank(lambda: super(BlankAnswers, self).sizeX, lambda: 0)

    @property
    def sizeY(self) -> int:
        """Full-resolution height in pixels; 0 before the first tile."""
        return _unless_blank(lambda: super(BlankAnswers, self).sizeY, lambda: 0)

    @property
    def levels(self) -> int:
        """Number of conceptual ÷2 levels that ``getTile`` serves; 0 before the first tile."""
        return _unless_blank(lambda: super(BlankAnswers, self).levels, lambda: 0)

    @property
    def tileWidth(self) -> int:
        """Width of the tiles that ``getTile`` serves; 0 before the first tile."""
        return _unless_blank(lambda: super(BlankAnswers, self).tileWidth, lambda: 0)

    @property
    def tileHeight(self) -> int:
        """Height of the tiles that ``getTile`` serves; 0 before the first tile."""
        return _unless_blank(lambda: super(BlankAnswers, self).tileHeight, lambda: 0)

    @property
    def bandCount(self) -> int:
        """Number of bands (samples) of a pixel; 0 before the first tile."""
        return _unless_blank(lambda: super(BlankAnswers, self).bandCount, lambda: 0)

    @property
    def frames(self) -> int:
        """Number of frames; 0 before the first tile."""
        return _unless_blank(lambda: super(BlankAnswers, self).frames, lambda: 0)

    def getMetadata(self) -> JSONDict:
        """Return sizes, scale, levels, frames and channels under their public names."""
        return _unless_blank(super().getMetadata, _blank_metadata)

    def getRegion(self, format: str | Sequence[str] | None = None, **words: Any) -> tuple[Any, Any]:
        """Return a region in a format and size of the caller's choice; see ``Source.getRegion``.

        Before the first tile it has no pixel.
        """

        def blank() -> tuple[Any, Any]:
            how = merged_encoding(self._options, words.get("encoding"))
            wanted = chosen_format(format, TILE_FORMAT_IMAGE)
            return nothing(1, np.dtype(np.uint8), wanted, how)

        return _unless_blank(lambda: super(BlankAnswers, self).getRegion(format, **words), blank)

    def tileIterator(
        self,
        format: str | Sequence[str] | None = TILE_FORMAT_NUMPY,
        resample: Any = True,
        **words: Any,
    ) -> TileIterator:
        """Return an iterator over the tiles of a region; see ``Source.tileIterator``."""
        return _unless_blank(
            lambda: super(BlankAnswers, self).tileIterator(format, resample, **words),
            lambda: TileIterator(None),
        )

    def getThumbnail(
        self, width: int | None = None, height: int | None = None, **words: Any
    ) -> tuple[Any, Any]:
        """Return the whole image within a size; see ``Source.getThumbnail``."""
        return _unless_blank(
            lambda: super(BlankAnswers, self).getThumbnail(width, height, **words),
            lambda: self.getRegion(words.get("format"), encoding=words.get("encoding")),
        )


def _blank_metadata() -> JSONDict:
    sizes = dict.fromkeys(("levels", "sizeX", "sizeY", "tileWidth", "tileHeight", "bandCount"), 0)
    unknown = dict.fromkeys(("magnification", "mm_x", "mm_y", "dtype"))
    return JSONDict({**sizes, **unknown})


def _unless_blank[T](ask: Callable[[], T], blank: Callable[[], T]) -> T:
    try:
        return ask()
    except EmptySinkError:
        return blank()
