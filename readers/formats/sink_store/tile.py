"""One tile of a store, in the one shape that everything behind ``addTile`` knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class TileInput:
    """One tile, ready to be laid.

    ``pixels`` has shape (one dimension for each of ``axes`` …, height, width, bands); ``start``
    maps every frame axis that the caller named to the tile's first position on it, ``counts``
    those of ``axes`` to how many positions it spans. ``mask`` has shape (frames or 1, height,
    width, bands or 1), ``weight`` (height, width).
    """

    pixels: Array
    x: int
    y: int
    axes: tuple[str, ...]
    start: Mapping[str, int]
    counts: Mapping[str, int]
    values: Mapping[str, Any]
    mask: Array | None
    weight: str | Array | None
    key: bytes | None
    height: int
    width: int
    bands: int
    blank_pixel: bool
