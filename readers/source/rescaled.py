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
        *,
        output: Options | None = None,
        encoding: str | None = None,
        frame: int | None = None,
        resample: Any = True,
    ) -> tuple[Any, Any]:
        """Return a region that is given at one scale, at another scale; see :meth:`getRegion`."""
        return self.getRegion(
            format,
            region=self.convertRegionScale(sourceRegion, sourceScale, targetScale, targetUnits),
            scale=targetScale,
            output=output,
            encoding=encoding,
            frame=frame,
            resample=resample,
        )

    def tileIteratorAtAnotherScale(
        self,
        sourceRegion: Options,
        sourceScale: Options | None = None,
        targetScale: Options | None = None,
        targetUnits: str | None = None,
        *,
        format: str | Sequence[str] | None = TILE_FORMAT_NUMPY,
        resample: Any = True,
        output: Options | None = None,
        tile_size: Options | None = None,
        tile_overlap: Options | None = None,
        tile_offset: Options | None = None,
        tile_position: int | Options | None = None,
        encoding: str | None = None,
        frame: int | None = None,
        prefetch: int = 0,
    ) -> TileIterator:
        """Iterate over a region that is given at another scale; see :meth:`tileIterator`."""
        return self.tileIterator(
            format,
            resample,
            region=self.convertRegionScale(sourceRegion, sourceScale, targetScale, targetUnits),
            scale=targetScale,
            output=output,
            tile_size=tile_size,
            tile_overlap=tile_overlap,
            tile_offset=tile_offset,
            tile_position=tile_position,
            encoding=encoding,
            frame=frame,
            prefetch=prefetch,
        )

    def getSingleTileAtAnotherScale(
        self,
        sourceRegion: Options,
        sourceScale: Options | None = None,
        targetScale: Options | None = None,
        targetUnits: str | None = None,
        *,
        format: str | Sequence[str] | None = TILE_FORMAT_NUMPY,
        resample: Any = True,
        tile_size: Options | None = None,
        tile_overlap: Options | None = None,
        tile_position: int | Options = 0,
        frame: int | None = None,
    ) -> LazyTileDict | None:
        """Return one tile of :meth:`tileIteratorAtAnotherScale`, or None."""
        tiles = self.tileIteratorAtAnotherScale(
            sourceRegion,
            sourceScale,
            targetScale,
            targetUnits,
            format=format,
            resample=resample,
            tile_size=tile_size,
            tile_overlap=tile_overlap,
            tile_position=tile_position,
            frame=frame,
        )
        return next(tiles, None)
