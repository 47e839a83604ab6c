"""What becomes of a source's values before it is laid: its style, its scale, its bands."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ziggurat.readers.grid.regions import Window
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.reader import Pixels, Plane, Reader
from ziggurat.readers.model.samples import cast_rounded
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.pixels.resample import default_resample
from ziggurat.readers.pixels.window import overview
from ziggurat.readers.style.access import effective_style, styled_window
from ziggurat.readers.style.parse import Style
from ziggurat.readers.views.views import LevelsReader, OtherPixels, View

_OVERVIEW = 256  # pixels a side


def full_value(dtype: np.dtype) -> float:
    """Return what is white, or opaque: the largest of unsigned integers, 1 of all others."""
    return float(np.iinfo(dtype).max) if dtype.kind == "u" else 1.0


def kind_of(bands: int, *, alpha: bool) -> Interpretation:
    """Return what so many bands show."""
    colors = bands - alpha
    if colors == 1:
        return Interpretation.GRAY
    return Interpretation.RGB if colors == 3 else Interpretation.MULTIBAND


class StyledReader(View):
    """An image as a style shows it."""

    def __init__(self, reader: Reader, style: Style) -> None:
        self._style = style
        self._images = [Image(LevelsReader(reader, (n,))) for n in range(len(reader.info.levels))]
        super().__init__(reader)
        shown = self.styled(len(self._images) - 1, 0, Rect(0, 0, 1, 1))
        bands = shown.shape[2]
        self.info = dataclasses.replace(
            reader.info,
            bands=bands,
            dtype=shown.dtype,
            alpha=bands in (2, 4),
            interpretation=kind_of(bands, alpha=bands in (2, 4)),
            nodata=None, palette=None, band_names=(), background=None, icc_profile=None,
        )  # fmt: skip

    def styled(self, level: int, frame: int, rect: Rect) -> Pixels:
        """Return the pixels of a rectangle of a level."""
        image = self._images[level]
        window = Window(rect, rect.width, rect.height, 1.0)
        method, shown = default_resample(image.info), self._style.dtype is None
        return styled_window(image, frame, window, method, self._style, eight_bit=shown)

    def plane(self, level: int, frame: int) -> Plane:
        """Return the plane in its style."""
        return _StyledPlane(self, level, frame)


class _StyledPlane(OtherPixels):
    __slots__ = ("_frame", "_level", "_reader")

    def __init__(self, reader: StyledReader, level: int, frame: int) -> None:
        super().__init__(reader.source.plane(level, frame))
        self._reader, self._level, self._frame = reader, level, frame

    def read(self, rect: Rect) -> Pixels:
        return self._reader.styled(self._level, self._frame, rect)


def styled(reader: Reader, style: object) -> Reader:
    """Return an image in a style; the image itself where that changes nothing."""
    parsed = effective_style(style)
    return reader if parsed is None else StyledReader(reader, parsed)


@dataclass(frozen=True, slots=True)
class Samples:
    """What values are to be: their type, how many bands, whether the last is alpha.

    ``as_light``: white is to be the new type's white; else numbers stay what they are.
    """

    dtype: np.dtype
    bands: int
    alpha: bool
    as_light: bool = False


class AdaptedReader(View):
    """An image with ``(value + shift) / scale`` in place of its values, in a type and bands."""

    def __init__(
        self, reader: Reader, wanted: Samples, scale: float | None = None, shift: float = 0.0
    ) -> None:
        info = reader.info
        self._wanted, self._scale, self._shift = wanted, scale, shift
        becomes_whole = info.dtype.kind == "f" != wanted.dtype.kind and wanted.as_light
        if becomes_whole and scale is None and not shift:
            self._scale, self._shift = _spread(reader)
        names = info.band_names if info.bands == wanted.bands else ()
        super().__init__(
            reader,
            dataclasses.replace(
                info,
                dtype=wanted.dtype,
                bands=wanted.bands,
                alpha=wanted.alpha,
                interpretation=kind_of(wanted.bands, alpha=wanted.alpha),
                nodata=None, palette=None, band_names=names, background=None,
            ),
        )  # fmt: skip

    def plane(self, level: int, frame: int) -> Plane:
        """Return the plane in other values."""
        return _AdaptedPlane(self.source.plane(level, frame), self)

    def adapted(self, pixels: Pixels) -> Pixels:
        """Return pixels as they are wanted."""
        info, wanted = self.source.info, self._wanted
        dtype, alpha = pixels.dtype, info.alpha
        plain = not (self._scale or self._shift)
        if plain and dtype != wanted.dtype and dtype.kind == wanted.dtype.kind == "u":
            colors = pixels.shape[2] - alpha
            pixels = np.dstack(
                [
                    stretched(pixels[..., :colors], wanted.dtype)
                    if wanted.as_light
                    else pixels[..., :colors].astype(wanted.dtype),
                    stretched(pixels[..., colors:], wanted.dtype),
                ]
            )
        elif self._scale or self._shift or dtype != wanted.dtype:
            wide = pixels.astype(np.float64)
            colors = wide[..., : wide.shape[2] - alpha]
            colors += self._shift
            colors /= self._scale or 1.0
            if dtype != wanted.dtype:
                white = full_value(wanted.dtype)
                if wanted.as_light:
                    colors *= white / self._unit(dtype)
                wide[..., colors.shape[2] :] *= white / full_value(dtype)
            pixels = cast_rounded(wide, wanted.dtype)
        return _in_bands(pixels, alpha, wanted)

    def _unit(self, dtype: np.dtype) -> float:
        """Return what counts as white after scaling: the full value that is just above."""
        if not (self._scale or self._shift):
            return full_value(dtype)
        top = (full_value(dtype) + self._shift) / (self._scale or 1.0)
        return next((unit for unit in (255.0, 65535.0) if 1 < top < unit + 1), 1.0)


def stretched(values: Pixels, dtype: np.dtype) -> Pixels:
    """Return unsigned integers so that white stays white, to the nearest; doubles are too short."""
    own, white = int(np.iinfo(values.dtype).max), int(np.iinfo(dtype).max)
    if white > own:  # a multiple: 2**8 - 1 divides 2**16 - 1, and so on
        larger: Pixels = values.astype(dtype) * dtype.type(white // own)
        return larger
    step = own // white
    whole, rest = np.divmod(values, values.dtype.type(step))
    nearest: Pixels = (whole + (rest > step // 2)).astype(dtype)
    return nearest


class _AdaptedPlane(OtherPixels):
    __slots__ = ("_reader",)

    def __init__(self, source: Plane, reader: AdaptedReader) -> None:
        super().__init__(source)
        self._reader = reader

    def read(self, rect: Rect) -> Pixels:
        return self._reader.adapted(self.source.read(rect))


def _in_bands(pixels: Pixels, alpha: bool, wanted: Samples) -> Pixels:
    """Return pixels in other bands: grey becomes all colours, what isn't there is 0 or opaque."""
    if (pixels.shape[2], alpha) == (wanted.bands, wanted.alpha):
        return pixels
    colors = wanted.bands - wanted.alpha
    own = pixels[..., : pixels.shape[2] - alpha]
    result = np.zeros((*pixels.shape[:2], wanted.bands), pixels.dtype)
    if own.shape[2] == 1 and colors == 3:
        result[..., :3] = own
    else:
        result[..., : min(colors, own.shape[2])] = own[..., :colors]
    if wanted.alpha:
        opaque = pixels.dtype.type(full_value(pixels.dtype))
        result[..., -1] = pixels[..., -1] if alpha else opaque
    return result


def _spread(reader: Reader) -> tuple[float | None, float]:
    """Return scale and shift that bring floating point values to 0 … 1."""
    image = Image(reader)
    looks = [overview(image, frame, _OVERVIEW) for frame in range(min(reader.info.frames, 16))]
    ends = [(np.nanmin(look), np.nanmax(look)) for look in looks if np.isfinite(look).any()]
    low, high = (float(min(e[0] for e in ends)), float(max(e[1] for e in ends))) if ends else (0, 1)
    if low >= 0:
        return (None if high <= 1 else 2.0 ** math.ceil(math.log2(high))), 0.0
    scale = 2.0 ** (math.ceil(math.log2(max(-low, high))) + 1)
    return scale, scale / 2


def joint_samples(infos: Sequence[ImageInfo], dtype: np.dtype | None) -> Samples:
    """Return what all of several images become: the most bands, and alpha where any has it.

    ``dtype`` None: the one that holds the values of all.
    """
    colors = max(info.bands - info.alpha for info in infos)
    alpha = any(info.alpha for info in infos)
    if colors == 2:  # grey beside colours is colour
        colors = 3 if any(info.interpretation is Interpretation.RGB for info in infos) else 2
    joint = np.result_type(*(info.dtype for info in infos)) if dtype is None else dtype
    return Samples(joint, colors + alpha, alpha, as_light=dtype is not None)
