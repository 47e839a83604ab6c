"""Regions and tiles that are given at one scale and wanted at another."""

from collections.abc import Mapping, Sequence
from typing import Any

from ziggurat.readers.constants import TILE_FORMAT_NUMPY
from ziggurat.readers.source.iterator import LazyTileDict, TileIterator
from ziggurat.readers.source.regions import RegionMethods
from ziggurat.readers.source.scales import ScaleMethods
from ziggurat.readers.source.tiles import TileMethods

Options = Mapping[str, Any]


class AnotherScaleMethods(ScaleMethods, RegionMethods, TileMethods):
    """The same calls, with ``sourceRegion`` in pixels of ``sourceScale``."""

    def getRegionAtAnotherScale(
        self,
        sourceRegion: Options,
        sourceScale: Options | None = None,
        targetScale: Options | None = None,
        targetUnits: str | None = None,
        format: str | Sequence[str] | None = None,
        **words: Any,
    ) -> tuple[Any, Any]:
        """Return a region that is given at one scale, at another scale.

        Parameters
        ----------
        sourceRegion, sourceScale, targetScale, targetUnits
            As in :meth:`convertRegionScale`.
        format, **words
            As in :meth:`getRegion`.
        """
        region = self.convertRegionScale(sourceRegion, sourceScale, targetScale, targetUnits)
        return self.getRegion(format, **{**words, "region": region, "scale": targetScale})

    def tileIteratorAtAnotherScale(
        self,
        sourceRegion: Options,
        sourceScale: Options | None = None,
        targetScale: Options | None = None,
        targetUnits: str | None = None,
        *,
        format: str | Sequence[str] | None = TILE_FORMAT_NUMPY,
        **words: Any,
    ) -> TileIterator:
        """Iterate over a region that is given at another scale; see :meth:`tileIterator`."""
        region = self.convertRegionScale(sourceRegion, sourceScale, targetScale, targetUnits)
        return self.tileIterator(format, **{**words, "region": region, "scale": targetScale})

    def getSingleTileAtAnotherScale(
        self,
        sourceRegion: Options,
        sourceScale: Options | None = None,
        targetScale: Options | None = None,
        targetUnits: str | None = None,
        *,
        tile_position: int | Options = 0,
        **words: Any,
    ) -> LazyTileDict | None:
        """Return one tile of :meth:`tileIteratorAtAnotherScale`, or None."""
        tiles = self.tileIteratorAtAnotherScale(
            sourceRegion,
            sourceScale,
            targetScale,
            targetUnits,
            tile_position=tile_position,
            **words,
        )
        return next(tiles, None)
