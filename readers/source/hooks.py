"""What the public methods need of whoever has them: a reader, options, and who the file is."""

from collections.abc import Hashable, Mapping
from typing import Any

from ziggurat.readers.grid.regions import GeoBounds, Window, plan_window
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.readers.pixels.cache import tile_cache
from ziggurat.readers.pixels.resample import parse_resample
from ziggurat.readers.pixels.window import Access
from ziggurat.readers.source.encode import palette_colors
from ziggurat.readers.source.options import OpenOptions
from ziggurat.readers.style.access import effective_style, styled_window
from ziggurat.readers.style.parse import Style


class SourceHooks:
    """The seam between the read API and what it reads.

    Whoever derives from it gives ``_options`` and ``_reader``; and ``_identity`` where pixels
    may be cached.
    """

    _options: OpenOptions

    def _reader(self) -> Reader:
        """Return the reader; a fresh one, with fresh facts, where the image grows."""
        raise NotImplementedError

    def _identity(self) -> Hashable:
        """Return what names this state of this image in the cache; None: never cache."""
        return None

    def _file(self) -> str | None:
        """Return the path that is read, where there is one: nothing may be written there."""
        return None

    def _geo_metadata(self) -> dict[str, Any]:
        """Return what metadata has beyond pixels, where the image knows its place on earth."""
        return {}

    def _geo_band_facts(self, band: int) -> dict[str, Any]:
        """Return what is known of a band (1 …) of a geospatial image."""
        del band
        return {}

    def _native_bands(self, x: int, y: int) -> dict[int, Any]:
        """Return the stored values under a pixel of a projected view, by band (1 …)."""
        del x, y
        return {}

    def _access(self, keep: bool = True) -> Access:
        if self._options.noCache:
            return Access(self._reader())
        return Access(self._reader(), tile_cache(), self._identity(), keep)

    def _style(self, style: Mapping[str, Any] | str | None) -> Style | None:
        """Return the style of a call: its own, or else the one given to ``open``."""
        return effective_style(self._options.style if style is None else style)

    def _geo_bounds(self) -> GeoBounds | None:
        info = self._reader().info
        if info.geo is None:
            return None
        from ziggurat.readers.geo.units import region_to_pixels  # loads GDAL

        def to_pixels(
            left: float | None,
            top: float | None,
            right: float | None,
            bottom: float | None,
            units: str,
        ) -> tuple[float, ...]:
            return region_to_pixels(info, units, left, top, right, bottom)

        return to_pixels

    def _window(
        self,
        region: Mapping[str, Any] | None,
        scale: Mapping[str, Any] | None,
        output: Mapping[str, Any] | None,
    ) -> Window | None:
        return plan_window(self._reader().info, region, scale, output, self._geo_bounds())

    def _pixels(
        self,
        frame: int,
        window: Window,
        resample: Any,
        style: Style | None,
        *,
        eight_bit: bool = False,
        keep: bool = True,
    ) -> tuple[Pixels, bool]:
        """Return the pixels of a window as they go out, and whether their last band is alpha.

        ``eight_bit`` says that they will be shown: a palette's colours stand for its indices
        then, and styles may round. ``keep`` False: the cache isn't filled with them.
        """
        access = self._access(keep)
        method = parse_resample(resample, access.info)
        pixels = styled_window(access, frame, window, method, style, eight_bit=eight_bit)
        if style is not None:
            return pixels, pixels.shape[2] in (2, 4)
        if eight_bit and access.info.palette is not None:
            return palette_colors(pixels, access.info.palette), True
        return pixels, access.info.alpha
