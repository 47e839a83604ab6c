"""What the pyramid engine needs to know before it starts: a sound plan, and what blank is."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.geometry import halved
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.writers.model.levels import BlankTile, Cascade, Copy, LevelPlan, Scaled, Stored
from ziggurat.writers.resample.halve import Shrinker


def checked(reader: Reader, levels: Sequence[LevelPlan]) -> tuple[LevelPlan, ...]:
    """Return the levels, or say in a sentence what is impossible about them.

    Raises
    ------
    OptionError
        No level, a cascade without a level above it or of a wrong size, an encoder missing,
        a copy of a level that is no tile grid.
    """
    if not levels or isinstance(levels[0].origin, Cascade):
        raise OptionError("a pyramid must begin with a level that is copied or read, not a cascade")
    for index, plan in enumerate(levels):
        if (plan.encode is None) != isinstance(plan.origin, Copy):
            raise OptionError(f"level {index}: copied levels, and only those, have no encoder")
        if isinstance(plan.origin, Cascade):
            _check_cascade(index, levels[index - 1], plan)
        elif isinstance(plan.origin, Stored | Copy):
            stored = reader.info.levels[plan.origin.level]
            if (stored.width, stored.height) != (plan.width, plan.height):
                raise OptionError(
                    f"level {index} of {plan.width} x {plan.height} can't be the stored one of "
                    f"{stored.width} x {stored.height}"
                )
        if isinstance(plan.origin, Copy | Scaled):
            _check_encoded(reader, index, plan)
    return tuple(levels)


def _check_cascade(index: int, above: LevelPlan, plan: LevelPlan) -> None:
    if (plan.width, plan.height) != (halved(above.width), halved(above.height)):
        raise OptionError(
            f"level {index} of {plan.width} x {plan.height} is not half of "
            f"{above.width} x {above.height}"
        )
    if above.tile_height % 2:
        raise OptionError(f"tiles {above.tile_height} high can't be halved; even sizes can")


def _check_encoded(reader: Reader, index: int, plan: LevelPlan) -> None:
    assert isinstance(plan.origin, Copy | Scaled)
    for frame in range(reader.info.frames):
        encoded = reader.plane(plan.origin.level, frame).encoded()
        if encoded is None:
            raise OptionError(f"level {index}, frame {frame}: the source has no tiles to take")
        if isinstance(plan.origin, Scaled):
            r = plan.origin.reduction
            if r not in (2, 4, 8) or encoded.tile_width % r or encoded.tile_height % r:
                raise OptionError(
                    f"level {index}: tiles of {encoded.tile_width} x {encoded.tile_height} "
                    f"can't be decoded at 1/{r}"
                )
        elif (encoded.tile_width, encoded.tile_height) != (plan.tile_width, plan.tile_height):
            raise OptionError(f"level {index}: a copy must keep the source's tile size")


def full_tile(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return a whole tile: at the image's edge the last row and column are repeated."""
    h, w = pixels.shape[:2]
    if (w, h) == (width, height):
        return pixels
    return np.pad(pixels, ((0, height - h), (0, width - w), (0, 0)), mode="edge")


class Blanks:
    """Tiles that hold nothing: encoded once for all, or left out where the target is sparse."""

    def __init__(self, plans: Sequence[LevelPlan], info: ImageInfo, sparse: float | None) -> None:
        self._plans, self._info = plans, info
        self._sparse = sparse
        self._lock = threading.Lock()
        self._fill: np.ndarray | None = None
        self._stays: bool | None = None
        self._data: dict[tuple[int, int, int], BlankTile | None] = {}

    def learn(self, pixels: Pixels) -> None:
        """Take the fill value from pixels that are known to be blank."""
        with self._lock:
            if self._fill is None:
                self._fill = pixels[0, 0].copy()

    @property
    def known(self) -> bool:
        """True once a blank pixel has been seen."""
        return self._fill is not None

    @property
    def fill(self) -> Any:
        """The blank pixel, shape (bands,); zeros until one has been seen."""
        return np.zeros(self._info.bands, self._info.dtype) if self._fill is None else self._fill

    def stays(self, shrink: Shrinker) -> bool:
        """Return True where a filter makes of blank pixels just those again."""
        with self._lock:
            if self._stays is None:
                side = 2 * shrink.halo + 64  # wide enough for each way in which OpenCV goes
                block = np.empty((side, side, self._info.bands), self._info.dtype)
                block[...] = self.fill
                half = shrink(block)
                self._stays = half.tobytes() == block[: half.shape[0], : half.shape[1]].tobytes()
            return self._stays

    def data(self, level: int, width: int, height: int) -> BlankTile | None:
        """Return what to store for a blank tile of a level and of a size."""
        key = level, width, height
        with self._lock:
            if key not in self._data:
                plan = self._plans[level]
                fill = self._fill
                assert plan.encode is not None
                assert fill is not None
                tile = np.empty((height, width, self._info.bands), self._info.dtype)
                tile[...] = fill
                self._data[key] = None if self.droppable(tile) else BlankTile(plan.encode(tile))
            return self._data[key]

    def droppable(self, tile: Pixels) -> bool:
        """Return True where a tile is nothing but the value that the target needn't store."""
        if self._sparse is None:
            return False
        if tile.flat[0] != self._sparse:
            return False
        return not tile.any() if self._sparse == 0 else bool((tile == self._sparse).all())
