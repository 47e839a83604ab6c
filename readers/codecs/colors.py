"""Colour spaces of stored samples."""

import numpy as np

from ziggurat.readers.model.reader import Pixels


def ycbcr_to_rgb(tile: Pixels) -> Pixels:
    """Return (y, x, 3) YCbCr of full range as RGB: ITU-R BT.601, as in JFIF."""
    middle = 1 << (8 * tile.dtype.itemsize - 1)
    y, cb, cr = (tile[..., i].astype(np.float32) for i in range(3))
    cb, cr = cb - middle, cr - middle
    rgb = np.stack((y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb), axis=-1)
    return np.clip(np.rint(rgb), 0, 2 * middle - 1).astype(tile.dtype)
