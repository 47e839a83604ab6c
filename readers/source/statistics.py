"""Values: single pixels and histograms."""

from collections.abc import Iterator
from typing import Any, Unpack, cast

from ziggurat.readers.constants import TILE_FORMAT_NUMPY
from ziggurat.readers.grid.regions import REGION_KEYS, check_keys
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.keywords import shares_words
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.model.samples import uncounted
from ziggurat.readers.model.words import Options, PixelValue, Region, Scale
from ziggurat.readers.pixels.histogram import histogram
from ziggurat.readers.source.hooks import HasImage
from ziggurat.readers.source.iterator import iterate, read_single
from ziggurat.readers.source.output.encode import to_8bit
from ziggurat.readers.source.place import native_bands
from ziggurat.readers.source.request import (
    CountWords,
    Delivery,
    IterationRequest,
    RegionRequest,
    called_style,
    iteration_request,
)


class StatisticsMethods:
    """What values there are."""

    @shares_words("x", "y")
    def getPixel(
        self: HasImage,
        includeTileRecord: bool = False,
        *,
        region: Region | Options | None = None,
        scale: Scale | Options | None = None,
        frame: int | None = None,
        style: Options | str | None = None,
    ) -> PixelValue:
        """Return the value of one pixel.

        Parameters
        ----------
        includeTileRecord
            Add the tile dictionary that it came from, as ``tile``.
        region
            ``left``, ``top`` and ``units`` say which; ``right`` and ``bottom`` where those are
            not given. Sizes don't matter.
        scale, frame, style
            As in :meth:`getRegion`.

        Returns
        -------
        dict
            ``value``: all bands as they are stored; ``r g b a`` or ``l a``: the same in 8 bits.
            Geospatial images add ``bands``: the stored values by band number, from 1. Empty
            where the place is outside of the image.
        """
        place = check_keys("region", region, REGION_KEYS)
        for near, far in (("left", "right"), ("top", "bottom")):
            if near in place:
                place.pop(far, None)
        place.update(width=1, height=1, unitsWH="base_pixels")
        parsed = called_style(self._options, style)
        pixels = RegionRequest(place, scale, frame=frame, resample=False, style=parsed)
        request = IterationRequest(pixels, position=0)
        tile = read_single(self._image, request, Delivery(TILE_FORMAT_NUMPY))
        if tile is None:
            return {}
        found = _value(tile["tile"][:1, :1])
        if includeTileRecord:
            found["tile"] = tile
        image = self._image()
        if image.info.geo is not None:
            native = native_bands(image, int(tile["gx"]), int(tile["gy"]))
            found["bands"] = native or dict(enumerate(found["value"], 1))
        return found

    @shares_words()
    def histogram(
        self: HasImage,
        dtype: object = None,
        onlyMinMax: bool = False,
        bins: int = 256,
        density: bool = False,
        range: object = None,
        **words: Unpack[CountWords],
    ) -> dict[str, Any]:
        """Return min, max, mean, stdev and a histogram of every band; nodata is left out.

        Parameters
        ----------
        dtype
            Cast the pixels first.
        onlyMinMax
            Leave out the histograms.
        bins
            How many.
        density
            Give shares of all values, whose sum is 1, instead of counts.
        range
            Two numbers, or None for the data's: of integers, to one more than the largest.
            ``'round'``: the same with whole edges of integers, and maybe fewer bins.
        **words
            ``region, scale, output, tile_size, frame, resample, style`` as in
            :meth:`tileIterator`. By default no pixel is mixed with others.

        Returns
        -------
        dict
            ``min``, ``max``, ``mean``, ``stdev``: an array of shape (bands,) each, in stored
            values; of the pixels' dtype the first two, float64 the others.
            ``histogram``: for each band a dictionary with ``hist``, an array of shape (bins,),
            int64, or float64 of shares; and ``bin_edges``, of shape (bins + 1,), float64.
        """
        bins = whole_number("bins", bins, 1)
        words["tile_position"] = words["tile_overlap"] = None
        request = iteration_request(self._options, words, words.get("resample", False))

        def tiles() -> Iterator[Pixels]:
            for tile in iterate(self._image, request, Delivery(TILE_FORMAT_NUMPY)):
                yield tile["tile"]

        stored = request.pixels.style is None
        return histogram(
            tiles,
            bins,
            density=density,
            limits=range,
            only_min_max=onlyMinMax,
            dtype=dtype,
            invalid=uncounted(self._image().info) if stored else None,
        )


def _value(pixel: Pixels) -> PixelValue:
    """Return the values of a pixel of shape (1, 1, band), as they are and as they are shown."""
    shown = to_8bit(pixel)[0, 0].tolist()
    names = {1: "l", 2: "la", 3: "rgb"}.get(len(shown), "rgba")
    return cast(
        PixelValue, {"value": pixel[0, 0].tolist(), **dict(zip(names, shown, strict=False))}
    )
