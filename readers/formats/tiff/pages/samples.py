"""From the samples that a page stores to those of the image: turned round, widened, coloured.

CMYK and CIELab become sRGB of as many bits, by libvips, as ordinary pictures of theirs do.
"""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.model.reader import Pixels

RGB_BANDS = 3


class Space(Enum):
    """Colours that are made RGB on reading."""

    CMYK = 5
    LAB = 8
    ICC_LAB = 9
    PALETTE = 3


@dataclass(frozen=True, slots=True)
class SampleRule:
    """How the stored samples of a pixel become those of the image.

    ``colors`` bands come first and have a meaning by the photometric tag; the bands after
    them stay as they are. ``inverted``: zero is white. ``scale`` widens few ``bits`` to 8.
    ``premultiplied_by``: the band that colours have been multiplied by. ``space``: they
    become RGB; ``palette`` has the colours of :attr:`Space.PALETTE`, (index, 3), ``profile`` is
    the ICC profile of the others. ``dots``: of each ink, the samples of no and of full cover.
    """

    colors: int
    bits: int
    inverted: bool = False
    scale: int = 1
    premultiplied_by: int | None = None
    space: Space | None = None
    palette: Any = None
    profile: bytes | None = None
    dots: tuple[tuple[int, int], ...] | None = None

    @property
    def changes(self) -> bool:
        """True where an encoded tile doesn't hold the image's own samples."""
        return bool(
            self.inverted or self.scale != 1 or self.premultiplied_by is not None or self.space
        )

    def bands(self, stored: int) -> int:
        """Return how many bands the image has of so many stored ones."""
        return stored if self.space is None else stored - self.colors + RGB_BANDS

    def apply(self, tile: Pixels, dtype: np.dtype) -> Pixels:
        """Return (y, x, band) of the image for (y, x, band) as stored."""
        if not self.changes:
            return tile
        if self.inverted or self.scale != 1:
            tile = self._widened(tile, dtype)
        if self.premultiplied_by is not None:
            tile = _divided(tile, self.colors, self.premultiplied_by)
        if self.space is None:
            return tile
        colors, extra = tile[..., : self.colors], tile[..., self.colors :]
        rgb = self._rgb(np.ascontiguousarray(colors)).astype(dtype, copy=False)
        return rgb if not extra.shape[2] else np.concatenate((rgb, extra), axis=2)

    def _widened(self, tile: Pixels, dtype: np.dtype) -> Pixels:
        tile = tile.astype(dtype)
        top = (1 << self.bits) - 1
        if self.scale != 1:
            tile *= self.scale
            top = 255
        if self.inverted:
            gray = tile[..., : self.colors]
            np.subtract(np.asarray(top, dtype), gray, out=gray)
        return tile

    def _rgb(self, colors: Pixels) -> Pixels:
        if self.space is Space.PALETTE:
            indices = colors[..., 0]
            if int(indices.max(initial=0)) >= len(self.palette):
                raise CorruptSourceError(
                    f"a palette of {len(self.palette)} colours, but a pixel of number "
                    f"{int(indices.max())}"
                )
            return np.asarray(self.palette[indices])
        if self.space is Space.CMYK:
            whole = colors if self.dots is None else _full_range(colors, self.dots)
            return _cmyk(whole, self.profile)
        return _lab(colors, offset=self.space is Space.ICC_LAB)


def _divided(tile: Pixels, colors: int, by: int) -> Pixels:
    """Return colours without the alpha that they were multiplied by."""
    alpha = tile[..., by : by + 1].astype(np.float64)
    whole = tile.dtype.kind == "u"
    top = float(np.iinfo(tile.dtype).max) if whole else 1.0
    shares = np.divide(top, alpha, out=np.zeros_like(alpha), where=alpha != 0)
    plain = tile[..., :colors] * shares
    out = tile.copy()
    out[..., :colors] = np.minimum(np.rint(plain), top) if whole else plain
    return out


def _full_range(inks: Pixels, dots: tuple[tuple[int, int], ...]) -> Pixels:
    """Return inks (y, x, ink) from 0 to the top, of those from no cover to full cover."""
    none, full = (np.array(ends, np.float64) for ends in zip(*dots, strict=True))
    top = np.iinfo(inks.dtype).max
    share = (inks - none) / (full - none)
    return np.rint(share.clip(0, 1) * top).astype(inks.dtype)


def _vips(pixels: Pixels, interpretation: str) -> Any:
    import pyvips  # few files have such colours

    height, width, bands = pixels.shape
    kind = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}[pixels.dtype.name]
    image = pyvips.Image.new_from_memory(pixels.tobytes(), width, height, bands, kind)
    return image.copy(interpretation=interpretation)


def _fetched(image: Any, dtype: np.dtype) -> Pixels:
    """Return an image's pixels, computed on this thread: libvips' own don't survive a fork."""
    import pyvips

    data = pyvips.Region.new(image).fetch(0, 0, image.width, image.height)
    shape = image.height, image.width, image.bands
    if not data or len(data) != math.prod(shape) * dtype.itemsize:
        raise CorruptSourceError(f"libvips gave {len(data or b'')} bytes for pixels of {shape}")
    pixels: Pixels = np.frombuffer(data, dtype).reshape(shape)
    return pixels


def _cmyk(colors: Pixels, profile: bytes | None) -> Pixels:
    import pyvips

    depth = 8 * colors.dtype.itemsize
    try:
        image = _vips(colors, "cmyk")
        if profile is not None:
            image = image.copy()
            image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
            return _fetched(image.icc_transform("srgb", embedded=True, depth=depth), colors.dtype)
        if depth == 8:
            return _fetched(image.colourspace("srgb"), colors.dtype)
        made = image.icc_transform("srgb", input_profile="cmyk", depth=depth)
        return _fetched(made, colors.dtype)
    except pyvips.Error as error:
        raise CorruptSourceError(f"CMYK colours can't be converted: {error}") from error


def _lab(colors: Pixels, *, offset: bool) -> Pixels:
    """Return sRGB of CIELab as TIFF stores it: L from 0 to the top, a and b with a sign."""
    import pyvips

    whole = colors.astype(np.int32)
    half = 1 << (8 * colors.dtype.itemsize - 1)
    signed = whole[..., 1:] - half if offset else (whole[..., 1:] ^ half) - half
    lab = np.empty(colors.shape, np.float32)
    lab[..., 0] = whole[..., 0] * (100 / (2 * half - 1))
    lab[..., 1:] = signed * (128 / half)
    try:
        space = "srgb" if colors.dtype.itemsize == 1 else "rgb16"
        return _fetched(_vips(lab, "lab").colourspace(space), colors.dtype)
    except pyvips.Error as error:
        raise CorruptSourceError(f"CIELab colours can't be converted: {error}") from error
