"""What missing tiles show where a kind of file has a rule for them."""

from collections.abc import Callable

import numpy as np

from ziggurat.readers.formats.tiff.pages.plane import Substitute
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels

ReadLevel = Callable[[int, int, Rect], Pixels]  # of (level, frame, rectangle)


def from_level_above(info: ImageInfo, read: ReadLevel, level: int, frame: int) -> Substitute:
    """Return what draws missing tiles of a level out of the next larger one."""
    small, large = info.levels[level], info.levels[level - 1]
    across, down = large.width / small.width, large.height / small.height

    def draw(part: Rect) -> Pixels:
        import cv2  # few files have such tiles

        left, top = int(part.x * across), int(part.y * down)
        right = min(large.width, round(part.right * across))
        bottom = min(large.height, round(part.bottom * down))
        pixels = read(level - 1, frame, Rect(left, top, right - left, bottom - top))
        scaled = cv2.resize(pixels, (part.width, part.height), interpolation=cv2.INTER_AREA)
        return np.asarray(scaled).reshape(part.height, part.width, -1)

    return draw
