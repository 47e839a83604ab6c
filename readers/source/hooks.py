"""What the public methods need of whoever has them: a reader, options, and who the file is."""

from collections.abc import Hashable, Mapping
from typing import Any

from ziggurat.readers.model.reader import Reader
from ziggurat.readers.pixels.cache import tile_cache
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.options import OpenOptions
from ziggurat.readers.style.access import effective_style
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

    def _raster(self) -> Image | None:
        """Return the image that has the bands as they are stored: of a view, what it shows.

        None where they are others: colours in place of indices.
        """
        return self._image()

    def _native_bands(self, x: int, y: int) -> dict[int, Any]:
        """Return the stored values under a pixel of a projected view, by band (1 …)."""
        del x, y
        return {}

    def _image(self) -> Image:
        """Return what a call looks at: the reader with its facts, and where pixels are cached."""
        if self._options.noCache:
            return Image(self._reader())
        return Image(self._reader(), tile_cache(), self._identity())

    def _style(self, style: Mapping[str, Any] | str | None) -> Style | None:
        """Return the style of a call: its own, or else the one given to ``open``."""
        return effective_style(self._options.style if style is None else style)
