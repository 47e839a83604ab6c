"""From stored values to colours, by a parsed style: tables for integers, numpy for the rest."""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol

import numpy as np

from ziggurat.readers.errors import StyleError
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.model.samples import nodata_by_band, uncounted
from ziggurat.readers.style.auto import auto_style
from ziggurat.readers.style.functions import Stage, run_functions
from ziggurat.readers.style.icc import to_srgb
from ziggurat.readers.style.palette import Color, channel_color, parse_color
from ziggurat.readers.style.parse import (
    AUTO_PALETTE,
    COLORTABLE,
    BandStyle,
    Composite,
    OutputType,
    Scheme,
    Style,
)
from ziggurat.readers.style.ranges import value_range

_GREY: tuple[Color, ...] = ((0.0, 0.0, 0.0, 255.0), (255.0, 255.0, 255.0, 255.0))
_NAMES = {"red": 0, "green": 1, "blue": 2}


class FrameAccess(Protocol):
    """What a style may look at: the region that is asked for, in any frame, and overviews."""

    @property
    def info(self) -> ImageInfo:
        """The image's facts."""

    def pixels(self, frame: int) -> Pixels:
        """Return the region's stored values in a frame, shape (y, x, band)."""

    def overview(self, frame: int) -> Pixels:
        """Return the whole frame, not above about 1024 pixels a side, shape (y, x, band)."""


def apply_style(
    style: Style, frame: int, access: FrameAccess, *, eight_bit: bool = False
) -> Pixels:
    """Show a region as a style says.

    Parameters
    ----------
    style
        Parsed by :func:`ziggurat.readers.style.parse.parse_style`.
    frame
        The frame that is asked for; bands without a frame of their own are taken from it.
    access
        Gives stored values and overviews.
    eight_bit
        The caller will encode 8 bits a sample whatever the style's dtype: the result is uint8,
        the float one truncated, at a fraction of the time.

    Returns
    -------
    array (y, x, band): one band where a one-band image is shown in grey or ``axis`` picks one
    colour, else red, green, blue and alpha; float32 of 0 to 255 unless the style has a dtype.
    A style that only converts colours by ICC profile keeps the stored bands and dtype.

    Raises
    ------
    StyleError
        The style names a band or frame that the image doesn't have.
    """
    if style.preset:
        style = auto_style(style, frame, access.info)
    if not style.bands:
        stored = run_functions(style.functions, Stage.PRE, access.pixels(frame))
        if style.icc is not None:
            stored = to_srgb(stored, access.info, style.icc)
        for stage in (Stage.MAIN, Stage.POST):
            stored = run_functions(style.functions, stage, stored)
        return stored
    eight_bit = eight_bit and not style.functions
    canvas = _compose(style, frame, access, eight_bit)
    canvas = run_functions(style.functions, Stage.MAIN, canvas)
    canvas = run_functions(style.functions, Stage.POST, canvas)
    if style.axis is not None:
        canvas = canvas[..., min(style.axis, canvas.shape[2] - 1)][..., np.newaxis]
    return canvas if eight_bit else _cast(canvas, style.dtype, access.info.dtype)


def _compose(style: Style, frame: int, access: FrameAccess, eight_bit: bool) -> Pixels:
    """Lay all bands of a style over each other: (y, x, 4), or (y, x, 1) for plain grey."""
    info = access.info
    canvas: Pixels | None = None
    own_nodata = nodata_by_band(info)
    indices = [_band_index(band, info) for band in style.bands]
    by_alpha = info.alpha and info.bands - 1 not in indices
    for band, index in zip(style.bands, indices, strict=True):
        source = _frame_of(band, frame, info)
        stored = access.pixels(source)
        alpha = stored[..., -1:] if by_alpha else None
        if style.icc is not None:
            stored = to_srgb(stored, info, style.icc)
        stored = run_functions(style.functions, Stage.PRE, stored)
        stored = run_functions(band.functions, Stage.PRE_BAND, stored)
        values = run_functions(band.functions, Stage.BAND, stored[..., index : index + 1])[..., 0]
        limits = value_range(band, index, partial(access.overview, source), uncounted(info))
        nodata = band.nodata
        if nodata is None and own_nodata is not None:
            nodata = own_nodata[index]
        scheme = Scheme.INDEXED if band.palette == COLORTABLE else band.scheme
        look = _Look(limits, _palette(band, source, info), scheme, band.clamp, nodata)
        colors = _color(values, look, eight_bit)
        colors = run_functions(band.functions, Stage.POST_BAND, colors)
        if alpha is not None:
            colors = _shaded(colors, alpha)
        canvas = _lay_over(canvas, colors, _composite(band))
    assert canvas is not None, "a style that is composed has bands"
    if info.bands == 1 and len(style.bands) == 1 and style.bands[0].palette is None:
        return canvas[..., :1]
    return canvas


def _shaded(colors: Pixels, alpha: Pixels) -> Pixels:
    """Make colours as transparent as the image is there: outside of a map, above all."""
    opaque = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "iu" else 1
    if (alpha == opaque).all():
        return colors
    share = alpha.astype(np.float64) / opaque
    shaded = colors.copy()
    shaded[..., 3:] = shaded[..., 3:] * share
    shaded[(share <= 0)[..., 0]] = 0
    return shaded


def _frame_of(band: BandStyle, frame: int, info: ImageInfo) -> int:
    wanted = band.frame if band.frame is not None else frame + (band.frame_delta or 0)
    if band.frame is None and band.frame_delta is None:
        return frame
    if not 0 <= wanted < info.frames:
        raise StyleError(f"the style asks for frame {wanted}; the image has {info.frames}")
    return wanted


def _band_index(band: BandStyle, info: ImageInfo) -> int:
    """Return the 0-based stored band; grey of a colour image is its green."""
    if isinstance(band.band, int):
        if band.band > info.bands:
            raise StyleError(f"the style asks for band {band.band}; the image has {info.bands}")
        return band.band - 1
    colors = info.bands - info.alpha
    if band.band is None:
        return 1 if colors >= 3 else 0
    name = band.band.lower()
    own = [known.lower() for known in info.band_names]
    if name in own:
        return own.index(name)
    if name == "alpha" and info.alpha:
        return info.bands - 1
    if name in _NAMES and _NAMES[name] < max(1, colors):
        return _NAMES[name]
    known = ", ".join([*own, *list(_NAMES)[:colors], *(["alpha"] if info.alpha else []), "gray"])
    raise StyleError(f"the style asks for band {band.band!r}; the image has {known}")


def _palette(band: BandStyle, frame: int, info: ImageInfo) -> tuple[Color, ...]:
    if band.palette == AUTO_PALETTE:
        index = info.frame_position(frame).get("c", 0)
        own = info.channels[index].color if index < len(info.channels) else None
        return (0.0, 0.0, 0.0, 255.0), parse_color(own or channel_color(index))
    if band.palette is None:
        if isinstance(band.band, str) and band.band.lower() == "alpha":
            return (255.0, 255.0, 255.0, 0.0), (255.0, 255.0, 255.0, 255.0)
        return _GREY
    if band.palette == COLORTABLE:
        return _color_table(band, info)
    assert not isinstance(band.palette, str), "no other word is left after parsing"
    return band.palette


def _color_table(band: BandStyle, info: ImageInfo) -> tuple[Color, ...]:
    if info.palette is not None:
        return tuple((float(r), float(g), float(b), float(a)) for r, g, b, a in info.palette)
    index = _band_index(band, info)
    known = info.internal.get("gdal", {}).get("bands", ())
    table = known[index].get("colortable") if index < len(known) else None
    if table is None or "projected_from" in info.internal:
        raise StyleError(f"band {index + 1} has no colour table; give its palette another way")
    return tuple((float(r), float(g), float(b), float(a)) for r, g, b, a in table)


def _composite(band: BandStyle) -> Composite:
    if band.composite is not None:
        return band.composite
    alpha = isinstance(band.band, str) and band.band.lower() == "alpha"
    return Composite.MULTIPLY if alpha else Composite.LIGHTEN


def _lay_over(canvas: Pixels | None, colors: Pixels, composite: Composite) -> Pixels:
    if composite is Composite.LIGHTEN:
        return colors if canvas is None else np.maximum(canvas, colors, out=canvas)
    if canvas is None:
        return np.zeros_like(colors)
    if canvas.dtype == np.uint8:
        return np.asarray(canvas.astype(np.uint16) * colors // 255, np.uint8)
    canvas *= colors
    canvas /= 255
    return canvas


@dataclass(frozen=True, slots=True)
class _Look:
    """How the values of one band become colours; a key of the tables below."""

    limits: tuple[float, float]
    palette: tuple[Color, ...]
    scheme: Scheme
    clamp: bool
    nodata: float | None


def _color(values: Pixels, look: _Look, eight_bit: bool) -> Pixels:
    """Return the values in the palette's colours: float32 or uint8 of shape (y, x, 4)."""
    if values.dtype in (np.uint8, np.uint16):
        if not eight_bit:
            return _table(values.dtype.name, look).take(values, axis=0)
        packed = _packed_table(values.dtype.name, look).take(values)
        return packed.view(np.uint8).reshape(*values.shape, 4)
    colors = _interpolate(values, look)
    return colors.astype(np.uint8) if eight_bit else colors


@lru_cache(maxsize=64)
def _table(dtype: str, look: _Look) -> Pixels:
    """Return the colour of every value of an 8 or 16 bit type: one look-up a pixel afterwards."""
    return _interpolate(np.arange(np.iinfo(dtype).max + 1), look)


@lru_cache(maxsize=64)
def _packed_table(dtype: str, look: _Look) -> Pixels:
    """Return the same colours, truncated to bytes and packed four in a uint32: one move a pixel."""
    return np.ascontiguousarray(_table(dtype, look).astype(np.uint8)).view(np.uint32)[:, 0]


def _interpolate(values: Pixels, look: _Look) -> Pixels:
    """Return float32 (y, x, 4); what is hidden is 0 in all four."""
    table = np.asarray(look.palette, np.float32)
    if look.scheme is Scheme.INDEXED:
        colors = _indexed(values, table)
        if look.nodata is not None:
            colors[values == look.nodata] = 0
        return colors
    low, high = look.limits
    unit = (np.asarray(values, np.float64) - low) / ((high - low) or 1.0)
    hidden = np.isnan(unit)
    if not look.clamp:
        hidden |= (unit < 0) | (unit > 1)
    if look.nodata is not None:
        hidden |= values == look.nodata
    unit = np.nan_to_num(unit).clip(0, 1)
    if look.scheme is Scheme.DISCRETE:
        colors = table[np.minimum((unit * len(table)).astype(np.intp), len(table) - 1)]
    else:
        stops = np.linspace(0, 1, len(table))
        channels = [np.interp(unit, stops, table[:, i]).astype(np.float32) for i in range(4)]
        colors = np.stack(channels, axis=-1)
    colors[hidden] = 0
    return np.asarray(colors)


def _indexed(values: Pixels, table: Pixels) -> Pixels:
    """Return colour n for value n; values beyond the table repeat its colours but the first."""
    index = np.maximum(np.nan_to_num(values), 0).astype(np.int64)
    beyond = index >= len(table)
    index[beyond] = 1 + (index[beyond] - 1) % (len(table) - 1)
    return np.asarray(table[index])


def _cast(canvas: Pixels, dtype: OutputType | None, source: np.dtype) -> Pixels:
    """Give the composed colours the wanted type; values stay within what it can hold."""
    canvas = canvas.clip(0, 255)
    if dtype is OutputType.SOURCE:
        if source == np.uint16:
            dtype = OutputType.UINT16
        elif source.kind == "f":
            dtype = OutputType.FLOAT
    if dtype is OutputType.UINT8:
        return np.asarray(canvas, np.uint8)
    if dtype is OutputType.UINT16:
        return np.asarray(canvas.astype(np.float64) * 257, np.uint16)
    if dtype is OutputType.FLOAT:
        return np.asarray(canvas / np.float32(255), np.float32)
    return np.asarray(canvas, np.float32)
