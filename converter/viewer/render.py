"""Pixels of one tile as a page wants to see them: the only place where a look becomes colours."""

from functools import lru_cache
from typing import Any

import numpy as np

from ziggurat.converter.viewer.looks import Look
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.style.palette import parse_color, parse_palette

_GOLDEN = 137.507764  # degrees: successive hues as far apart as can be
_LABEL_COLORS = 4096


def style_of(look: Look, info: ImageInfo) -> dict[str, Any] | str | None:
    """Return the style that shows a look, None where stored pixels are shown as they are.

    Parameters
    ----------
    look
        With ``channels``, or plain: palettes and labels are :func:`colorize`'s.
    info
        Of the image.
    """
    if not look.channels:
        return None if shows_as_stored(info) else "auto"
    axis = next((axis for axis in info.axes if axis.name == "c"), None)
    position = info.frame_position(look.frame)
    bands = []
    for channel in look.channels:
        band: dict[str, Any] = {"palette": ["#000", channel.color]}
        if axis is not None:
            band["frame"] = info.frame_number({**position, "c": channel.index})
        else:
            band["band"] = channel.index + 1
            band["frame"] = look.frame
        band["min"] = "auto" if channel.low is None else channel.low
        band["max"] = "auto" if channel.high is None else channel.high
        bands.append(band)
    return {"bands": bands}


def check_look(look: Look, info: ImageInfo) -> None:
    """Refuse bands and channels that an image doesn't have.

    Raises
    ------
    OptionError
        The look asks for one of them.
    """
    axis = next((axis for axis in info.axes if axis.name == "c"), None)
    whole_number("band", look.band, 0, most=info.bands - 1)
    for channel in look.channels:
        most = (info.bands if axis is None else axis.size) - 1
        whole_number("channel", channel.index, 0, most=most)


def shows_as_stored(info: ImageInfo) -> bool:
    """Return True for pictures that need no style to be seen as people expect."""
    picture = info.interpretation in (Interpretation.GRAY, Interpretation.RGB)
    channels = any(axis.name == "c" and axis.size > 1 for axis in info.axes)
    return picture and info.dtype == np.uint8 and not (channels and info.bands == 1)


def colorize(pixels: Pixels, look: Look, limits: tuple[float, float]) -> Pixels:
    """Return values or numbers of things as colours.

    Parameters
    ----------
    pixels
        Stored values, shape (y, x, band).
    look
        ``band`` is the one that is shown. With ``labels``, 0 is transparent and every other
        number has a colour; else values from ``low`` to ``high`` run through ``palette``, and
        what is NaN or below ``threshold`` is transparent.
    limits
        What ``low`` and ``high`` are where the look doesn't say.

    Returns
    -------
    array of shape (y, x, 4) and dtype uint8: red, green, blue, alpha
    """
    values = pixels[..., look.band]
    if look.labels:
        numbers = values.astype(np.int64, copy=False)
        found = label_colors()[(numbers - 1) % _LABEL_COLORS + 1]
        found[numbers == 0] = 0
        return found
    low = limits[0] if look.low is None else look.low
    high = limits[1] if look.high is None else look.high
    lut = _lut(look.palette or "viridis")
    span = (high - low) or 1.0
    floats = values.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        index = np.clip(
            np.nan_to_num((floats - low) / span) * (len(lut) - 1) + 0.5, 0, len(lut) - 1
        )
        clear = np.isnan(floats)
        if look.threshold is not None:
            clear |= floats < look.threshold
    found = lut[index.astype(np.intp)]
    found[clear] = 0
    return found


@lru_cache(maxsize=1)
def label_colors() -> Pixels:
    """Return one colour a number, shape (4097, 4); number 0 is transparent, 4097 is 1's again."""
    colors = np.zeros((_LABEL_COLORS + 1, 4), np.uint8)
    for number in range(1, _LABEL_COLORS + 1):
        hue = number * _GOLDEN % 360
        colors[number] = parse_color(f"hsl({hue:.3f}, 85%, {(45, 60, 75)[number % 3]}%)")
    return colors


@lru_cache(maxsize=32)
def _lut(name: str) -> Pixels:
    colors = np.array(parse_palette(name))
    places = np.linspace(0, len(colors) - 1, 256)
    steps = np.arange(len(colors))
    columns = [np.interp(places, steps, colors[:, band]) for band in range(4)]
    return np.rint(np.stack(columns, axis=1)).astype(np.uint8)
