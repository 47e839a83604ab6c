"""Which tiles of a slide are worth reading: masks, and one of the tissue."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ziggurat.readers.errors import OptionError
from ziggurat.readers.grid.iteration import Iteration
from ziggurat.readers.grid.regions import Window, fit
from ziggurat.readers.model.checks import finite_number
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.image import window_pixels
from ziggurat.readers.source.output.encode import to_8bit
from ziggurat.readers.style.parse import Style

Mask = np.ndarray
_SIDE = 1024  # pixels of the thumbnail that masks are made on
_DARK = 24  # of 255; what is darker has no saturation that means anything
_PALE = 12  # of 255; Otsu's threshold always splits, glass alone too: noise is below this
_SPECK = 5  # pixels a side; what is smaller is dust


def thumbnail(image: Image, frame: int, style: Style | None, side: int = _SIDE) -> Pixels:
    """Return the whole image as 8 bits, shape (y, x, band), at most ``side`` pixels a side."""
    full = image.info.levels[0]
    width, height, scale = fit(full.width, full.height, side, side)
    if full.width <= side and full.height <= side:
        width, height, scale = full.width, full.height, 1.0
    window = Window(Rect(0, 0, full.width, full.height), width, height, scale)
    pixels, alpha = window_pixels(image, frame, window, None, style, eight_bit=True)
    return to_8bit(pixels, alpha=alpha)


def tissue_of(image: Image, frame: int, side: int = _SIDE) -> Mask:
    """Return where a stained slide has tissue: what is more saturated than Otsu's threshold.

    Raises
    ------
    OptionError
        The image has no colours.
    """
    if image.info.interpretation is not Interpretation.RGB:
        raise OptionError(
            "a mask of tissue is made by its saturation, and this image has no colours; give a mask"
            " of your own"
        )
    import cv2

    colors = np.ascontiguousarray(thumbnail(image, frame, None, side)[..., :3])
    hsv = cv2.cvtColor(colors, cv2.COLOR_RGB2HSV)
    saturation = np.where(hsv[..., 2] < _DARK, 0, hsv[..., 1]).astype(np.uint8)
    least = min(_SPECK, *saturation.shape)
    if least >= 3:
        saturation = cv2.medianBlur(saturation, least - 1 + least % 2)
    threshold, _ = cv2.threshold(saturation, 0, 255, cv2.THRESH_OTSU)
    found: Mask = saturation > max(threshold, _PALE)
    return found


def checked_mask(mask: object, info: ImageInfo) -> Mask:
    """Return a mask of the whole image as booleans (y, x).

    Raises
    ------
    OptionError
        It isn't of the shape (y, x), or not of the image's proportions.
    """
    array = np.asarray(mask)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim != 2 or not array.size or array.dtype.kind not in "biuf":
        raise OptionError(
            f"a mask must be an array (y, x) of truth values or numbers, not {array.dtype} of shape"
            f" {array.shape}"
        )
    rows, columns = array.shape
    if (
        abs(rows - info.height * columns / info.width) > 1
        and abs(columns - info.width * rows / info.height) > 1
    ):
        raise OptionError(
            f"a mask of {columns} x {rows} pixels isn't one of the whole image, which has"
            f" {info.width} x {info.height}; is it (x, y), or of a region?"
        )
    inside: Mask = array != 0
    return inside


def covered_tiles(
    plan: Iteration, mask: Mask, info: ImageInfo, min_coverage: float
) -> Sequence[int]:
    """Return the numbers of the tiles of which at least a share is in a mask, in their order.

    Parameters
    ----------
    plan
        The iteration.
    mask
        Of the whole image, (y, x), of any size.
    info
        The image.
    min_coverage
        From 0 to 1; 0: any part of it.

    Raises
    ------
    OptionError
        It is no such share.
    """
    min_coverage = finite_number("min_coverage", min_coverage, 0, most=1)
    rows, columns = mask.shape
    grid, scale = plan.grid, plan.level_scale
    sums = np.zeros((rows + 1, columns + 1))
    sums[1:, 1:] = mask.cumsum(0, dtype=np.float64).cumsum(1)
    x = _edges([grid.x.span(n) for n in range(grid.x.count)], scale, info.width, columns)
    y = _edges([grid.y.span(n) for n in range(grid.y.count)], scale, info.height, rows)
    across = _between(sums, x[0], x[1], 1)
    inside = _between(across, y[0], y[1], 0)
    areas = (y[1] - y[0])[:, np.newaxis] * (x[1] - x[0])
    share = inside / np.maximum(areas, 1e-12)
    wanted = share >= min_coverage - 1e-9 if min_coverage else share > 1e-9
    return [int(number) for number in np.flatnonzero(wanted)]


def _edges(spans: Sequence[Any], scale: float, size: int, pixels: int) -> tuple[Mask, Mask]:
    """Return where tiles start and end, in pixels of the mask."""
    ends = np.array([(span.start, span.stop) for span in spans]) * scale * (pixels / size)
    clipped = np.clip(ends, 0, pixels)
    return clipped[:, 0], clipped[:, 1]


def _between(sums: Mask, start: Mask, stop: Mask, axis: int) -> Mask:
    """Return the sums between two places on an axis: exact, as pixels of a mask are squares."""

    def at(places: Mask) -> Mask:
        low = np.minimum(places.astype(np.intp), sums.shape[axis] - 2)
        rest = places - low
        rest = rest[:, np.newaxis] if axis == 0 else rest
        found: Mask = np.take(sums, low, axis) * (1 - rest) + np.take(sums, low + 1, axis) * rest
        return found

    difference: Mask = at(stop) - at(start)
    return difference


def asked_mask(mask: object, image: Image, frame: int, style: Style | None) -> Mask:
    """Return the mask that a caller means: an array, a function of a thumbnail, ``'tissue'``."""
    if isinstance(mask, str):
        if mask != "tissue":
            raise OptionError(f"mask must be an array, a function or 'tissue', not {mask!r}")
        return tissue_of(image, frame)
    made = mask(thumbnail(image, frame, style)) if callable(mask) else mask
    return checked_mask(made, image.info)
