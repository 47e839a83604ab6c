"""The picture that the viewer would show, without a browser: images laid over each other."""

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ziggurat.converter.viewer.looks import Look
from ziggurat.converter.viewer.render import shows_as_stored
from ziggurat.converter.viewer.shown import Shown, kind_of
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels

MOST_PIXELS = 1 << 28


def overlay_look(image: Shown, look: Look) -> Look:
    """Return how an image looks that lies over another: labels and values in colours."""
    if look.labels or look.palette or look.channels:
        return look
    kind = kind_of(image.image())
    if kind == "labels":
        return replace(look, labels=True)
    if kind == "values" and not shows_as_stored(image.image()):
        return replace(look, palette="viridis")
    return look


def snapshot(
    images: Sequence[Shown],
    *,
    region: Rect | None = None,
    width: int = 1024,
    opacity: float = 0.6,
    looks: Sequence[Look] = (),
) -> Pixels:
    """Return images laid over each other as the viewer shows them.

    Parameters
    ----------
    images
        The first lies at the bottom; the others are fitted to it by millimetres where both know
        them, else by width.
    region
        In pixels of the first; None: all of it.
    width
        Of the picture, in pixels.
    opacity
        Of all but the first, 0 to 1.
    looks
        One an image; what is missing is as the viewer begins.

    Returns
    -------
    array of shape (height, width, 3) and dtype uint8

    Raises
    ------
    OptionError
        The region lies outside, the size is invalid, or there are more looks than images.
    """
    base = images[0]
    info = base.image()
    whole = Rect(0, 0, info.width, info.height)
    region = region or whole
    inside = region.intersect(whole)
    if inside.empty:
        raise OptionError(
            f"the region must lie in the image of {info.width} x {info.height} pixels"
        )
    height = max(1, round(width * inside.height / inside.width))
    if not width >= 1 or width * height > MOST_PIXELS or not 0 <= opacity <= 1:
        raise OptionError(
            "width must be from 1 up to some 2**28 pixels in all; opacity from 0 to 1"
        )
    if len(looks) > len(images):
        raise OptionError(f"looks must be one an image at most: {len(looks)} of {len(images)}")
    wanted = [*looks, *(Look() for _ in images[len(looks) :])]
    canvas = np.full((height, width, 3), 255.0)
    _lay(canvas, base.region(inside, (width, height), wanted[0]), (0, 0, width, height), 1.0)
    for image, look in zip(images[1:], wanted[1:], strict=True):
        scale = _scale(base, image)
        _over(canvas, image, overlay_look(image, look), inside, scale, opacity)
    return np.rint(canvas).astype(np.uint8)


def _scale(base: Shown, image: Shown) -> float:
    """Return pixels of an overlay a pixel of the base."""
    one, other = base.image(), image.image()
    if one.mm_x and other.mm_x:
        return one.mm_x / other.mm_x
    return other.width / one.width


def _over(
    canvas: Pixels, image: Shown, look: Look, region: Rect, scale: float, opacity: float
) -> None:
    info = image.image()
    left, top, right, bottom = (
        round(edge * scale) for edge in (region.x, region.y, region.right, region.bottom)
    )
    part = Rect(left, top, max(1, right - left), max(1, bottom - top))
    seen = part.intersect(Rect(0, 0, info.width, info.height))
    if seen.empty:
        return
    height, width = canvas.shape[:2]
    across, down = width / part.width, height / part.height
    x, y = round((seen.x - part.x) * across), round((seen.y - part.y) * down)
    size = (
        max(1, min(width - x, round(seen.width * across))),
        max(1, min(height - y, round(seen.height * down))),
    )
    _lay(canvas, image.region(seen, size, look), (x, y, *size), opacity)


def _lay(canvas: Pixels, colors: Pixels, box: tuple[int, int, int, int], opacity: float) -> None:
    """Blend colours of shape (y, x, 4) into a box (x, y, width, height), scaled to fill it."""
    x, y, width, height = box
    rows = np.minimum(np.arange(height) * colors.shape[0] // height, colors.shape[0] - 1)
    columns = np.minimum(np.arange(width) * colors.shape[1] // width, colors.shape[1] - 1)
    found = colors[rows[:, None], columns].astype(np.float64)
    alpha = found[..., 3:] / 255 * opacity
    part = canvas[y : y + height, x : x + width]
    part[...] = found[..., :3] * alpha + part * (1 - alpha)


def shown(paths: Sequence[str | os.PathLike[str]]) -> list[Shown]:
    """Open images for a snapshot."""
    return [Shown(path) for path in paths]
