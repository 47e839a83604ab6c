"""Stored pixels for the viewer: read in about a size, fitted, halved, packed as PNG."""

import io
from typing import Any

import numpy as np

from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.source.source import Source


def base_pixels(rect: Rect) -> dict[str, Any]:
    """Return a rectangle as the read API takes regions."""
    return {
        "left": rect.x,
        "top": rect.y,
        "width": rect.width,
        "height": rect.height,
        "units": "base_pixels",
    }


def read_region(
    source: Source, rect: Rect, size: tuple[int, int], frame: int, *, nearest: bool
) -> Pixels:
    """Return stored values of a rectangle in about a size (width, height), shape (y, x, band)."""
    values: Pixels = source.getRegion(
        "numpy",
        region=base_pixels(rect),
        output={"maxWidth": size[0], "maxHeight": size[1]},
        frame=frame,
        resample=not nearest,
    )[0]
    return values


def fitted(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Return pixels in exactly a size (width, height): scaling may round to one more or less."""
    width, height = size
    rows = np.minimum(np.arange(height), pixels.shape[0] - 1)
    columns = np.minimum(np.arange(width), pixels.shape[1] - 1)
    if pixels.shape[:2] == (height, width):
        return pixels
    found: Pixels = pixels[rows[:, None], columns]
    return found


def shrunk(pixels: Pixels, factor: int, *, nearest: bool) -> Pixels:
    """Return pixels at 1/``factor``, a power of two: means, or every factor-th of labels."""
    if factor == 1 or nearest:
        return pixels[::factor, ::factor]
    rows, columns = (np.arange(0, side, factor) for side in pixels.shape[:2])
    # slice by slice: several times as fast as numpy's reduceat
    strips = np.zeros((len(rows), *pixels.shape[1:]), np.float32)
    for n in range(factor):
        part = pixels[n::factor]
        strips[: len(part)] += part
    sums = np.zeros((len(rows), len(columns), pixels.shape[2]), np.float32)
    for n in range(factor):
        part = strips[:, n::factor]
        sums[:, : part.shape[1]] += part
    heights = np.diff([*rows, pixels.shape[0]])[:, None, None]
    widths = np.diff([*columns, pixels.shape[1]])[None, :, None]
    means: Pixels = sums / (heights * widths)
    if pixels.dtype.kind in "iub":
        means = means.round()
    return means.astype(pixels.dtype)


def as_png(rgba: Pixels) -> bytes:
    """Return an array of shape (y, x, 1, 3 or 4) and dtype uint8 as a PNG."""
    from PIL import Image

    pixels = rgba[..., 0] if rgba.shape[2] == 1 else rgba
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG", compress_level=1)
    return out.getvalue()
