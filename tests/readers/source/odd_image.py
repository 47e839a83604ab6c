"""A small image of odd sides, in which no two levels, frames or bands have anything in common."""

from typing import Any

import numpy as np

from tests.readers.conftest import LevelsReader, Made
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation, Level
from ziggurat.readers.source.options import OpenOptions

WIDTH, HEIGHT, BANDS, FRAMES = 75, 53, 2, 6
TILE = (16, 24)
SIZES = [(WIDTH, HEIGHT), (38, 27), (19, 14)]
INFO = ImageInfo(
    "made", tuple(Level(*size, *TILE) for size in SIZES), BANDS, np.dtype(np.uint16),
    Interpretation.MULTIBAND, axes=(Axis("t", 2), Axis("c", 3)),
    channels=(Channel("a"), Channel("b"), Channel("c")), mm_x=0.001, mm_y=0.002,
    magnification=20.0, background=(7.0, 9.0),
)  # fmt: skip


def _levels(dtype: str = "u2") -> list[np.ndarray]:
    rng = np.random.default_rng(26)
    return [rng.integers(1, 60_000, (FRAMES, h, w, BANDS)).astype(dtype) for w, h in SIZES]


LEVELS = _levels()


def opened(**options: Any) -> Made:
    return Made(LevelsReader(LEVELS, INFO), OpenOptions(**options), object())
