"""``style='auto'``: what a person who just wants to look would choose."""

from dataclasses import replace

import numpy as np

from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.style.palette import Color, parse_color
from ziggurat.readers.style.parse import (
    AUTO_PALETTE,
    BandStyle,
    RangeEnd,
    RangeKind,
    Scheme,
    Style,
)

_SHARE = 0.01  # of the values left out at each end, so that a hot pixel doesn't darken the rest
_LOW = RangeEnd(RangeKind.AUTO, threshold=_SHARE)
_HIGH = RangeEnd(RangeKind.AUTO, threshold=_SHARE)


def auto_style(style: Style, frame: int, info: ImageInfo) -> Style:
    """Choose the bands of a preset style for an image.

    8-bit colour and grey stay as they are; several channels are laid over each other in their own
    colours; label maps get distinct colours; all else is stretched between percentiles.
    """
    return replace(style, preset=False, bands=_bands(frame, info))


def _bands(frame: int, info: ImageInfo) -> tuple[BandStyle, ...]:
    single = info.bands - info.alpha == 1
    if info.interpretation is Interpretation.LABELS and single:
        return (_indexed(_label_palette()),)
    if info.interpretation is Interpretation.PALETTE and info.palette:
        return (_indexed(info.palette),)
    position = info.frame_position(frame)
    channels = next((axis.size for axis in info.axes if axis.name == "c"), 1)
    if channels > 1 and info.bands == 1:
        frames = [info.frame_number({**position, "c": channel}) for channel in range(channels)]
        return tuple(
            BandStyle(frame=number, low=_LOW, high=_HIGH, palette=AUTO_PALETTE) for number in frames
        )
    if info.dtype == np.uint8 and info.interpretation is not Interpretation.MULTIBAND:
        return ()
    return _stretched(info)


def _stretched(info: ImageInfo) -> tuple[BandStyle, ...]:
    names = [name.lower() for name in info.band_names]
    if {"red", "green", "blue"} <= set(names):
        picked = [names.index(name) + 1 for name in ("red", "green", "blue")]
    elif info.bands - info.alpha >= 3:
        picked = [1, 2, 3]
    else:
        return (BandStyle(band=1, low=_LOW, high=_HIGH),)
    return tuple(
        BandStyle(band=band, low=_LOW, high=_HIGH, palette=((0, 0, 0, 255), parse_color(color)))
        for band, color in zip(picked, ("#f00", "#0f0", "#00f"), strict=True)
    )


def _label_palette() -> tuple[Color, ...]:
    """Return black for label 0 and colours unlike their neighbours' for all others."""
    golden = 137.507764  # degrees: successive hues as far apart as can be, whatever the number
    colors = [
        parse_color(f"hsl({label * golden % 360:.3f}, 85%, {(45, 60, 75)[label % 3]}%)")
        for label in range(1, 256)
    ]
    return (0.0, 0.0, 0.0, 255.0), *colors


def _indexed(palette: tuple[Color, ...]) -> BandStyle:
    """Show value n in the palette's n-th colour."""
    return BandStyle(band=1, palette=palette, scheme=Scheme.INDEXED)
