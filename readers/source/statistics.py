"""Values: single pixels and histograms."""

from collections.abc import Iterator, Mapping
from typing import Any

from ziggurat.readers.grid.regions import REGION_KEYS, check_keys
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.keywords import shares_words
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.model.samples import uncounted
from ziggurat.readers.pixels.histogram import histogram
from ziggurat.readers.source.encode import to_8bit
from ziggurat.readers.source.tiles import TileMethods

Options = Mapping[str, Any]


class StatisticsMethods(TileMethods):
    """What values there are."""

    @shares_words("x", "y")
    def getPixel(
        self,
        includeTileRecord: bool = False,
        *,
        region: Options | None = None,
        scale: Options | None = None,
        frame: int | None = None,
        style: Options | str | None = None,
    ) -> dict[str, Any]:
        """Return the value of one pixel.

        Parameters
        ----------
        includeTileRecord
            Add the tile dictionary that it came from, as ``tile``.
        region
            ``left``, ``top`` and ``units`` say which; ``right`` and ``bottom`` where those are
            not given. Sizes don't matter.

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
        tile = self.getSingleTile(
            "numpy", region=place, scale=scale, frame=frame, style=style, resample=False
        )
        if tile is None:
            return {}
        pixels: Pixels = tile["tile"][:1, :1]
        found: dict[str, Any] = {"tile": tile} if includeTileRecord else {}
        found["value"] = pixels[0, 0].tolist()
        shown = to_8bit(pixels)[0, 0].tolist()
        names = {1: "l", 2: "la", 3: "rgb"}.get(len(shown), "rgba")
        found.update(zip(names, shown, strict=False))
        if self._reader().info.geo is not None:
            native = self._native_bands(int(tile["gx"]), int(tile["gy"]))
            found["bands"] = native or dict(enumerate(found["value"], 1))
        return found

    @shares_words()
    def histogram(
        self,
        dtype: Any = None,
        onlyMinMax: bool = False,
        bins: int = 256,
        density: bool = False,
        range: Any = None,
        *,
        region: Options | None = None,
        scale: Options | None = None,
        output: Options | None = None,
        tile_size: Options | None = None,
        frame: int | None = None,
        resample: Any = False,
        style: Options | str | None = None,
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
        region, scale, output, tile_size, frame, resample, style
            As in :meth:`tileIterator`. By default no pixel is mixed with others.
        """
        bins = whole_number("bins", bins, 1)

        def tiles() -> Iterator[Pixels]:
            for tile in self.tileIterator(
                "numpy",
                resample,
                region=region,
                scale=scale,
                output=output,
                tile_size=tile_size,
                frame=frame,
                style=style,
            ):
                yield tile["tile"]

        return histogram(
            tiles,
            bins,
            density=density,
            limits=range,
            only_min_max=onlyMinMax,
            dtype=dtype,
            invalid=uncounted(self._reader().info) if self._style(style) is None else None,
        )
