"""A picture that is made, not read: ``large_image://test?sizeX=…``, for trials without a file.

The fields of the URL are those of the reference's test source; the picture is our own: red grows to
the right, green downwards, blue with the frame, and a checkerboard shows the tiles. ``fractal``
shows all this in squares within squares alone, on white.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np

from ziggurat.readers.errors import SourceError, UnsupportedFormatError
from ziggurat.readers.formats.table import SYNTHETIC
from ziggurat.readers.grid.frames import PLAIN
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.geometry import Rect, halved
from ziggurat.readers.model.image import Axis, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Reader

_AXES = ("c", "z", "t", "xy")  # fastest first
_LARGEST = 1 << 31
_MOST_FRAMES = 1 << 20
_MOST_BANDS = 64
_COLORS = ("red", "green", "blue")
_ALPHA = ("alpha", "a")
_SHADE = 24  # between neighbouring tiles
_RANGE = 200  # from one side of the image to the other
_LARGEST_CELL = 1 << 20
_NUMBER = r"([+-]?(?:\d{1,15}(?:\.\d*)?|\.\d+))"
_BAND = re.compile(rf"([^=]+)(?:={_NUMBER}-{_NUMBER})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Band:
    """A band, and between which values it lies."""

    name: str
    low: float = 0.0
    high: float = 255.0


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a URL asks for, by the names that it uses."""

    minLevel: int = 0
    maxLevel: int = 9
    tileWidth: int = 256
    tileHeight: int = 256
    sizeX: int = 0  # zero: by maxLevel and the tiles
    sizeY: int = 0
    fractal: bool = False
    frames: tuple[tuple[str, int], ...] = ()  # axis and size, the fastest first
    monochrome: bool = False
    bands: tuple["_Band", ...] = ()
    failBelowMinLevel: bool = True  # every level is there


FIELDS = tuple(field.name for field in fields(_Asked))


def synthetic_url(**asked: object) -> str:
    """Return the URL of a picture with these fields; those that are None are left out."""
    given = {name: value for name, value in asked.items() if value is not None}
    return f"{SYNTHETIC}?{urlencode(given)}" if given else SYNTHETIC


def open_reader(location: Location) -> Reader:
    """Make a picture.

    Raises
    ------
    UnsupportedFormatError
        It is no such URL.
    SourceError
        A field that there is not, or a value that can't be meant.
    """
    if not location.url.startswith(SYNTHETIC):
        raise UnsupportedFormatError(f"only {SYNTHETIC}?… is a picture without a file")
    return SyntheticReader(_asked(urlsplit(location.url).query))


def _asked(query: str) -> _Asked:
    found: dict[str, object] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name not in FIELDS:
            raise SourceError(f"{SYNTHETIC} has no field {name!r}; it has {', '.join(FIELDS)}")
        if text.lower() in ("", "none"):
            continue
        found[name] = _meant(name, text)
    asked = _Asked(**found)  # type: ignore[arg-type]  # checked by their names
    if math.prod(size for _, size in asked.frames) > _MOST_FRAMES or len(asked.bands) > _MOST_BANDS:
        raise SourceError(f"more than {_MOST_FRAMES} frames or {_MOST_BANDS} bands of {SYNTHETIC}")
    return asked


def _meant(name: str, text: str) -> object:
    if name in ("fractal", "monochrome", "failBelowMinLevel"):
        return text.lower() not in ("false", "0", "no")
    if name == "bands":
        return _bands(text)
    if name == "frames":
        return _frames(text)
    return _whole(name, text, 0 if name in ("minLevel", "maxLevel", "sizeX", "sizeY") else 1)


def _frames(text: str) -> tuple[tuple[str, int], ...]:
    """Return axes from ``7``, ``2,3`` (of c, z, t, xy) or ``c=2,q=3``."""
    parts = text.split(",")
    if len(parts) == 1 and "=" not in text:
        return ((PLAIN, _whole("frames", text, 1)),)
    if "=" in text:
        pairs = [
            (name.strip().lower(), size) for name, _, size in (p.partition("=") for p in parts)
        ]
    else:
        pairs = list(zip(_AXES, parts, strict=False))
    names = [name for name, _ in pairs]
    if len(pairs) < len(parts) or len(set(names)) < len(names) or {"x", "y", "s", ""} & set(names):
        raise SourceError(
            f"frames of {SYNTHETIC} must be a number, or c=2,z=3 and the like, not {text!r}"
        )
    return tuple((name, _whole("frames", size, 1)) for name, size in pairs)


def _bands(text: str) -> tuple[_Band, ...]:
    """Return bands from ``red,ir=400-12000``; those without a range span the ranges of all."""
    found = []
    for part in text.split(","):
        match = _BAND.fullmatch(part.strip())
        if match is None:
            raise SourceError(f"bands of {SYNTHETIC} must be names, or name=low-high, not {part!r}")
        found.append(match)
    ends = [float(match[at]) for match in found for at in (2, 3) if match[at] is not None]
    low, high = (min(ends), max(ends)) if ends else (0.0, 255.0)
    return tuple(
        _Band(m[1].lower(), *((low, high) if m[2] is None else (float(m[2]), float(m[3]))))
        for m in found
    )


def _dtype(bands: Sequence[_Band]) -> np.dtype:
    """Return the smallest type that holds all ranges."""
    low, high = min(band.low for band in bands), max(band.high for band in bands)
    if low < 0 or high < 2 or high >= 1 << 16:
        return np.dtype(np.float64)
    return np.dtype(np.uint16 if high > 255 else np.uint8)


def _whole(name: str, text: str, least: int) -> int:
    most = 22 if name.endswith("Level") else _LARGEST
    try:
        number = int(float(text)) if float(text).is_integer() else -1
    except ValueError:
        number = -1
    if not least <= number <= most:
        raise SourceError(
            f"{name} of {SYNTHETIC} must be a whole number of {least} or more, not {text!r}"
        )
    return number


class SyntheticReader(Reader):
    """The picture, at all halvings of its size."""

    def __init__(self, asked: _Asked) -> None:
        self._asked = asked
        self.info = _info(asked)

    def plane(self, level: int, frame: int) -> DecodedPlane:
        """Return a frame at a level."""
        return _SyntheticPlane(self._asked, self.info, level, frame)


def _info(asked: _Asked) -> ImageInfo:
    width = asked.sizeX or asked.tileWidth << asked.maxLevel
    height = asked.sizeY or asked.tileHeight << asked.maxLevel
    if max(width, height) > _LARGEST:
        raise SourceError(
            f"{width} x {height} pixels of {SYNTHETIC} are more than {_LARGEST} a side"
        )
    bands = _shown(asked)
    names = tuple(band.name for band in bands)
    kind = Interpretation.RGB if names[:3] == _COLORS and len(names) in (3, 4) else None
    alpha = names[-1] in _ALPHA and len(names) in (2, 4)
    if len(names) - alpha == 1:
        kind = Interpretation.GRAY
    return ImageInfo(
        format="test",
        levels=_levels(asked, width, height),
        bands=len(names),
        dtype=_dtype(bands),
        interpretation=kind or Interpretation.MULTIBAND,
        alpha=alpha,
        axes=tuple(Axis(name, size) for name, size in reversed(asked.frames) if size > 1),
        band_names=names if asked.bands else (),
        internal={"fractal": asked.fractal, "monochrome": asked.monochrome},
    )


def _levels(asked: _Asked, width: int, height: int) -> tuple[Level, ...]:
    tile = asked.tileWidth, asked.tileHeight
    levels = [Level(width, height, *tile)]
    while levels[-1].width > tile[0] or levels[-1].height > tile[1]:
        levels.append(Level(halved(levels[-1].width), halved(levels[-1].height), *tile))
    return tuple(levels)


def _shown(asked: _Asked) -> tuple[_Band, ...]:
    if asked.monochrome:
        return (_Band("gray"),)
    return asked.bands or tuple(map(_Band, _COLORS))


class _SyntheticPlane(DecodedPlane):
    __slots__ = ("_asked", "_frame", "_info", "_level")

    def __init__(self, asked: _Asked, info: ImageInfo, level: int, frame: int) -> None:
        self._asked, self._info, self._level, self._frame = asked, info, level, frame

    def read(self, rect: Rect) -> Pixels:
        info, asked = self._info, self._asked
        level = info.levels[self._level]
        x = np.arange(rect.x, rect.right)[np.newaxis, :]
        y = np.arange(rect.y, rect.bottom)[:, np.newaxis]
        right, down = (x + 0.5) / level.width, (y + 0.5) / level.height
        part = self._frame / max(1, info.frames - 1)
        shade = (x // asked.tileWidth + y // asked.tileHeight) % 2 * _SHADE
        bands = _shown(asked)
        pixels = np.empty((rect.height, rect.width, info.bands), info.dtype)
        white = _outside_squares(x << self._level, y << self._level) if asked.fractal else None
        ramps = [right, down, np.full((1, 1), part)]
        for number, band in enumerate(bands):
            if asked.monochrome:
                ramp = (right + down + part) / 3
            elif number < len(ramps):
                ramp = ramps[number]
            else:
                ramp = (right + number / len(bands)) / 2
            value = (_SHADE + ramp * _RANGE + shade) / 255
            if band.name in _ALPHA:
                value = np.ones((1, 1))
            elif white is not None:
                value = np.where(white, 1.0, value)
            pixels[..., number] = band.low + value * (band.high - band.low)
        return pixels


def _outside_squares(x: Pixels, y: Pixels) -> Pixels:
    """Return True where no square is: each fills the middle of a cell of 4, 8, 16 or more."""
    inside = np.zeros((y.size, x.size), bool)
    side = 4
    while side <= _LARGEST_CELL:
        middle = [(at % side >= side // 4) & (at % side < side * 3 // 4) for at in (x, y)]
        inside |= middle[0] & middle[1]
        side *= 2
    return ~inside
