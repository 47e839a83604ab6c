"""Made-up images with the whole read API on them, and a reader that counts what it reads."""

import dataclasses
import threading
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import pytest

from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Level
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Plane, Reader
from ziggurat.readers.pixels.cache import tile_cache
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.api import ReadMethods
from ziggurat.readers.source.options import OpenOptions
from ziggurat.readers.views.array import array_reader


class LevelsReader(Reader):
    """Arrays (frame, y, x, band) as the stored levels of one image; remembers every read."""

    def __init__(self, levels: list[Pixels], info: ImageInfo) -> None:
        self.info = info
        self.reads: list[tuple[int, int, Rect]] = []
        self.threads: set[int] = set()
        self._levels = levels

    def plane(self, level: int, frame: int) -> Plane:
        return _CountedPlane(self, level, frame)

    def counted(self, level: int, frame: int, rect: Rect) -> Pixels:
        facts = self.info.levels[level]
        assert rect == rect.intersect(facts.rect), f"{rect} is not inside {facts}"
        assert not rect.empty
        self.reads.append((level, frame, rect))
        self.threads.add(threading.get_ident())
        return self._levels[level][frame, rect.y : rect.bottom, rect.x : rect.right].copy()


class _CountedPlane(DecodedPlane):
    def __init__(self, reader: LevelsReader, level: int, frame: int) -> None:
        self._reader, self._place = reader, (level, frame)

    def read(self, rect: Rect) -> Pixels:
        return self._reader.counted(*self._place, rect)


class Made(ReadMethods):
    """The read API over any reader."""

    def __init__(self, reader: Reader, options: OpenOptions, identity: Hashable) -> None:
        self.reader = reader
        self._options = options
        self._name = identity

    def _image(self) -> Image:
        if self._options.noCache:
            return Image(self.reader)
        return Image(self.reader, tile_cache(), self._name)


def halved_mean(pixels: Pixels) -> Pixels:
    """Halve frames (frame, y, x, band) by 2 x 2 means, edges repeated."""
    pixels = np.pad(
        pixels, ((0, 0), (0, pixels.shape[1] % 2), (0, pixels.shape[2] % 2), (0, 0)), mode="edge"
    )
    frames, height, width, bands = pixels.shape
    parts = pixels.reshape(frames, height // 2, 2, width // 2, 2, bands).astype(np.float64)
    return np.rint(parts.mean(axis=(2, 4))).astype(pixels.dtype)


@pytest.fixture
def made_source() -> Callable[..., Made]:
    """Return a function: array and axes (see ``array_reader``) → a source over it.

    ``levels`` stores that many more ÷2 levels; ``facts`` replace those of ImageInfo. Tiles have a
    width unlike their height where none is told.
    """

    def make(
        array: np.ndarray,
        dimensions: str = "yxs",
        *,
        tile: int | tuple[int, int] = (64, 48),
        levels: int = 0,
        identity: Hashable = None,
        options: OpenOptions | None = None,
        **facts: Any,
    ) -> Made:
        across, down = (tile, tile) if isinstance(tile, int) else tile
        info = array_reader(array, dimensions).info
        if "s" not in dimensions:
            array = array[..., np.newaxis]
        frames = array.reshape(-1, *array.shape[-3:])
        stored = [frames]
        for _ in range(levels):
            stored.append(halved_mean(stored[-1]))
        sizes = tuple(Level(level.shape[2], level.shape[1], across, down) for level in stored)
        info = dataclasses.replace(info, levels=sizes, **facts)
        return Made(LevelsReader(stored, info), options or OpenOptions(), identity)

    return make


@pytest.fixture
def gradient() -> np.ndarray:
    """A smooth RGB picture of 300 x 200 in which every pixel tells where it is."""
    y, x = np.mgrid[0:200, 0:300]
    return np.stack([x % 256, y, (x + y) % 256], axis=2).astype(np.uint8)
