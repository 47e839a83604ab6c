"""Halving with a wider view: Lanczos with three lobes and Catmull-Rom cubic, stretched by two.

The kernels are those that libvips's ``reduce`` uses, sampled at a phase of one half: an
output pixel lies between two input pixels, so the taps are at 0.5, 1.5, … to either side.
"""

import math

import numpy as np

from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels
from ziggurat.writers.model.reducers import Reducer
from ziggurat.writers.resample.masked import Mask

HALO = {Reducer.LANCZOS3: 6, Reducer.CUBIC: 4}


def taps(reducer: Reducer) -> list[float]:
    """Return the kernel, 2 * halo weights whose sum is one."""
    reach = HALO[reducer]
    shape = _lanczos3 if reducer is Reducer.LANCZOS3 else _cubic
    weights = [shape((k + 0.5) / 2) for k in range(-reach, reach)]
    return [w / sum(weights) for w in weights]


def _lanczos3(x: float) -> float:
    return 3 * math.sin(math.pi * x) * math.sin(math.pi * x / 3) / (math.pi * x) ** 2


def _cubic(x: float) -> float:
    x = abs(x)
    if x < 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2


def filtered(
    pixels: Pixels, core: Rect, reducer: Reducer, mask: Mask | None, fallback: Pixels | None
) -> Pixels:
    """Return half of the ``core`` of some pixels.

    Where the kernel meets a sample that does not count (or alpha that varies), the result
    is ``fallback``, the mean of the block: ringing has no business there.
    """
    import cv2

    dtype = pixels.dtype
    depth = cv2.CV_32F if dtype.itemsize <= 2 else cv2.CV_64F
    work = np.float32 if depth == cv2.CV_32F else np.float64
    weights = np.array(taps(reducer), work)
    anchor = (HALO[reducer] - 1, HALO[reducer] - 1)
    # OpenCV takes up to four bands and no 32-bit integers: one band at a time, as floats
    bands = [
        cv2.sepFilter2D(
            np.ascontiguousarray(pixels[..., band], work),
            depth,
            weights,
            weights,
            anchor=anchor,
            borderType=cv2.BORDER_REPLICATE,
        )[core.y : core.bottom : 2, core.x : core.right : 2]
        for band in range(pixels.shape[2])
    ]
    out = np.stack(bands, axis=2)
    if dtype.kind in "ui":
        limits = np.iinfo(dtype)
        out = np.clip(np.floor(out + work(0.5)), limits.min, limits.max)
    small = out.astype(dtype)
    if mask is None or fallback is None:
        return small
    return np.where(_disturbed(mask, core, reducer), fallback, small)


def _disturbed(mask: Mask, core: Rect, reducer: Reducer) -> Pixels:
    """Return True where the kernel's window holds weights that differ from one another."""
    import cv2

    reach = HALO[reducer]
    window = np.ones((2 * reach, 2 * reach), np.uint8)
    anchor = (reach - 1, reach - 1)
    planes = []
    for band in range(mask.weights.shape[2]):
        plane = np.ascontiguousarray(mask.weights[..., band], np.float32)
        most, least = (
            operation(plane, window, anchor=anchor, borderType=cv2.BORDER_REPLICATE)
            for operation in (cv2.dilate, cv2.erode)
        )
        differs = most != least
        planes.append(differs[core.y : core.bottom : 2, core.x : core.right : 2])
    return np.stack(planes, axis=2)
