"""Regions and tiles that are given at one scale and wanted at another."""

from dataclasses import replace
from typing import Any, Unpack

from ziggurat.readers.constants import TILE_FORMAT_NUMPY
from ziggurat.readers.model.keywords import shares_words
from ziggurat.readers.model.words import Formats, Options, Region, Scale
from ziggurat.readers.source.hooks import HasImage
from ziggurat.readers.source.iterator import LazyTileDict, TileIterator, iterate, read_single
from ziggurat.readers.source.options import OpenOptions
from ziggurat.readers.source.regions import read_words
from ziggurat.readers.source.request import (
    CountWords,
    Delivery,
    RegionWords,
    TileWords,
    delivery_of,
    iteration_request,
)
from ziggurat.readers.source.scales import converted_region


class AnotherScaleMethods:
    """The same calls, with ``sourceRegion`` in pixels of ``sourceScale``."""

    @shares_words()
    def getRegionAtAnotherScale(
        self: HasImage,
        sourceRegion: Region | Options,
        sourceScale: Scale | Options | None = None,
        targetScale: Scale | Options | None = None,
        targetUnits: str | None = None,
        format: Formats = None,
        **words: Unpack[RegionWords],
    ) -> tuple[Any, str]:
        """Return a region that is given at one scale, at another scale.

        Parameters
        ----------
        sourceRegion, sourceScale, targetScale, targetUnits
            As in :meth:`convertRegionScale`.
        format, **words
            As in :meth:`getRegion`.

        Returns
        -------
        (data, format)
            As of :meth:`getRegion`.
        """
        image = self._image()
        words["region"] = converted_region(
            image, sourceRegion, sourceScale, targetScale, targetUnits
        )
        words["scale"] = targetScale
        return read_words(image, self._options, words, format)

    @shares_words()
    def tileIteratorAtAnotherScale(
        self: HasImage,
        sourceRegion: Region | Options,
        sourceScale: Scale | Options | None = None,
        targetScale: Scale | Options | None = None,
        targetUnits: str | None = None,
        **words: Unpack[TileWords],
    ) -> TileIterator:
        """Iterate over a region that is given at another scale.

        Parameters
        ----------
        sourceRegion, sourceScale, targetScale, targetUnits
            As in :meth:`convertRegionScale`.
        **words
            As in :meth:`tileIterator`.

        Yields
        ------
        LazyTileDict
            As of :meth:`tileIterator`.
        """
        words["region"] = converted_region(
            self._image(), sourceRegion, sourceScale, targetScale, targetUnits
        )
        words["scale"] = targetScale
        request = replace(
            iteration_request(self._options, words, words.get("resample", True)),
            prefetch=words.get("prefetch", 0),
            mask=words.get("mask"),
            min_coverage=words.get("min_coverage", 0.0),
        )
        return iterate(self._image, request, _arrays(self._options, words))

    @shares_words()
    def getSingleTileAtAnotherScale(
        self: HasImage,
        sourceRegion: Region | Options,
        sourceScale: Scale | Options | None = None,
        targetScale: Scale | Options | None = None,
        targetUnits: str | None = None,
        **words: Unpack[CountWords],
    ) -> LazyTileDict | None:
        """Return one tile of :meth:`tileIteratorAtAnotherScale` (default the first), or None.

        Returns
        -------
        LazyTileDict or None
            As of :meth:`tileIterator`.
        """
        words["region"] = converted_region(
            self._image(), sourceRegion, sourceScale, targetScale, targetUnits
        )
        words["scale"] = targetScale
        request = iteration_request(self._options, words, words.get("resample", True))
        return read_single(self._image, request, _arrays(self._options, words))


def _arrays(options: OpenOptions, words: CountWords) -> Delivery:
    return delivery_of(options, words, words.get("format"), TILE_FORMAT_NUMPY)
