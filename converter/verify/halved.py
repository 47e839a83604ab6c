"""A level as it comes out when the one above it is halved: what a made level is held against."""

import numpy as np

from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Interpretation
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.readers.views.resampled import NEAREST


class HalvedLevel:
    """The means of 2 x 2 pixels of a stored level, odd edges repeated; written for checking alone.

    It shares no code with what makes levels, so that a fault there is not in both.
    """

    def __init__(self, reader: Reader, level: int) -> None:
        self._reader, self._level = reader, level

    def blocks(self, frame: int, rect: Rect) -> Pixels:
        """Return the pixels above a rectangle as (y, 2, x, 2, band)."""
        stored = self._reader.info.levels[self._level].rect
        wanted = Rect(2 * rect.x, 2 * rect.y, 2 * rect.width, 2 * rect.height)
        part = wanted.intersect(stored)
        pixels = self._reader.plane(self._level, frame).read(part)
        spare = (0, wanted.height - part.height), (0, wanted.width - part.width), (0, 0)
        padded = np.pad(pixels, spare, "edge")
        return padded.reshape(rect.height, 2, rect.width, 2, pixels.shape[2])

    def means(self, frame: int, rect: Rect) -> Pixels:
        """Return the means as float64; NaN where a mean of the four says nothing.

        That is where a sample of them has no value (nodata, NaN), or alpha weighs them.
        """
        blocks = self.blocks(frame, rect)
        values = blocks.astype(np.float64)
        for band, nodata in enumerate(_nodata(self._reader.info.nodata, values.shape[-1])):
            if nodata is not None:
                values[..., band][values[..., band] == nodata] = np.nan
        if self._reader.info.alpha:
            opacity = values[..., -1:]
            uneven = opacity.max(axis=(1, 3)) != opacity.min(axis=(1, 3))
        means: Pixels = values.mean(axis=(1, 3))
        if self._reader.info.alpha:
            means[..., :-1][np.broadcast_to(uneven, means[..., :-1].shape)] = np.nan
        return means


def _nodata(said: float | tuple[float | None, ...] | None, bands: int) -> tuple[float | None, ...]:
    return said if isinstance(said, tuple) else (said,) * bands


def is_named(interpretation: Interpretation) -> bool:
    """Return True where samples name things, so that one of four is chosen, not averaged."""
    return interpretation in NEAREST
