"""A level as it comes out when the one above it is halved: what a made level is held against."""

from collections.abc import Callable, Mapping
from functools import reduce
from types import MappingProxyType

import cv2
import numpy as np

from ziggurat.readers.model.geometry import Rect, halved
from ziggurat.readers.model.image import Interpretation
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.readers.views.resampled import NEAREST


# All by the four as they are: numpy reduces axes of two slowly.
def _four(blocks: Pixels) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    """Return the pixels of all blocks: the upper two, the lower two."""
    return blocks[:, 0, :, 0], blocks[:, 0, :, 1], blocks[:, 1, :, 0], blocks[:, 1, :, 1]


def _mode(blocks: Pixels) -> Pixels:
    """Return the pixel that most of the four are, the first of equals."""
    four = np.stack(_four(blocks))
    alike = (four[:, np.newaxis] == four).all(axis=-1).sum(axis=1)
    most = alike.argmax(axis=0)[np.newaxis, ..., np.newaxis]
    return np.asarray(np.take_along_axis(four, most, axis=0)[0])


def _mean(blocks: Pixels) -> Pixels:
    one, two, three, four = _four(blocks)
    return np.asarray((one + two + three + four) / 4)


def _least(blocks: Pixels) -> Pixels:
    return np.asarray(reduce(np.minimum, _four(blocks)))


def _most(blocks: Pixels) -> Pixels:
    return np.asarray(reduce(np.maximum, _four(blocks)))


def _median(blocks: Pixels) -> Pixels:
    """Return the mean of the two in the middle."""
    one, two, three, four = _four(blocks)
    lower = np.maximum(np.minimum(one, two), np.minimum(three, four))
    upper = np.minimum(np.maximum(one, two), np.maximum(three, four))
    return np.asarray((lower + upper) / 2)


WIDE = "wide"  # a filter wider than the four: it has the mean's place and light
_REACH = 3  # pixels of the result: how far the widest of them looks

# Blocks (y, 2, x, 2, band) of floats to pixels.
WAYS: Mapping[str, Callable[[Pixels], Pixels]] = MappingProxyType(
    {
        "mean": _mean,
        WIDE: _mean,
        "nearest": lambda blocks: blocks[:, 0, :, 0],
        "mode": _mode,
        "median": _median,
        "max": _most,
        "min": _least,
        "last": lambda blocks: blocks[:, 1, :, 1],  # others' nearest
    }
)


class HalvedLevel:
    """Half of a stored level, odd edges repeated; written for checking alone.

    It shares no code with what makes levels, so that a fault there is not in both. ``way`` is a
    key of :data:`WAYS`.
    """

    def __init__(self, reader: Reader, level: int, way: str) -> None:
        self._reader, self._level, self._way = reader, level, way

    def blocks(self, frame: int, rect: Rect) -> Pixels:
        """Return the pixels above a rectangle as (y, 2, x, 2, band)."""
        stored = self._reader.info.levels[self._level].rect
        wanted = Rect(2 * rect.x, 2 * rect.y, 2 * rect.width, 2 * rect.height)
        part = wanted.intersect(stored)
        pixels = self._reader.plane(self._level, frame).read(part)
        spare = (0, wanted.height - part.height), (0, wanted.width - part.width), (0, 0)
        padded = np.pad(pixels, spare, "edge")
        return padded.reshape(rect.height, 2, rect.width, 2, pixels.shape[2])

    def pixels(self, frame: int, rect: Rect) -> Pixels:
        """Return half of a rectangle as float64; NaN where its pixels say nothing together.

        That is where a sample of them has no value (nodata, NaN), alpha weighs them, or nobody
        sees them.
        """
        if self._way != WIDE:
            return self._made(frame, rect)
        above = self._reader.info.levels[self._level]
        level = Rect(0, 0, halved(above.width), halved(above.height))
        around = Rect(
            rect.x - _REACH, rect.y - _REACH, rect.width + 2 * _REACH, rect.height + 2 * _REACH
        ).intersect(level)
        made = self._made(frame, around)
        unknown = np.isnan(made).any(axis=2)
        if unknown.any():
            reach = np.ones((2 * _REACH + 1,) * 2, np.uint8)
            made[cv2.dilate(unknown.astype(np.uint8), reach) > 0] = np.nan
        top, left = rect.y - around.y, rect.x - around.x
        return made[top : top + rect.height, left : left + rect.width]

    def _made(self, frame: int, rect: Rect) -> Pixels:
        blocks = self.blocks(frame, rect)
        values = blocks.astype(np.float64)
        for band, nodata in enumerate(_nodata(self._reader.info.nodata, values.shape[-1])):
            if nodata is not None:
                values[..., band][values[..., band] == nodata] = np.nan
        if self._reader.info.alpha:
            opacity = values[..., -1:]
            least, most = opacity.min(axis=(1, 3)), opacity.max(axis=(1, 3))
            uneven = (least != most) | (most == 0)
        with np.errstate(invalid="ignore"):
            made = np.array(WAYS[self._way](values))
        if self._reader.info.alpha:
            made[..., :-1][np.broadcast_to(uneven, made[..., :-1].shape)] = np.nan
        return made


def _nodata(said: float | tuple[float | None, ...] | None, bands: int) -> tuple[float | None, ...]:
    return said if isinstance(said, tuple) else (said,) * bands


def is_named(interpretation: Interpretation) -> bool:
    """Return True where samples name things, so that one of four is chosen, not averaged."""
    return interpretation in NEAREST
