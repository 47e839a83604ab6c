"""Vendor slides through OpenSlide: MIRAX, Hamamatsu VMS/VMU, Ventana, Trestle, Sakura, DICOM.

OpenSlide composes overlapping tiles into one picture with premultiplied alpha. It is given out
as RGB over the slide's background colour (``openslide.background-color``, else white), cropped
to the slide's bounds where it has any: the empty rest of a MIRAX stage is no image. Levels whose
downsample is not a whole number are resampled by OpenSlide by a fraction of a pixel.
"""

import ctypes
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

import cv2
import numpy as np
import openslide_bin
from openslide import OpenSlideError, OpenSlideUnsupportedFormatError, lowlevel

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.openslide_limits import check_tiles
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level, ServedLevels
from ziggurat.readers.model.reader import (
    AssociatedImage,
    DecodedImage,
    DecodedPlane,
    Pixels,
    Plane,
    Reader,
)

if TYPE_CHECKING:
    import openslide

_STRIP_PIXELS = 4 * 1024 * 1024  # 16 MB of premultiplied pixels at a time
_DEFAULT_TILE = 256  # where the vendor's tiles overlap, OpenSlide tells no size
_LARGEST_SIDE = 2**31 - 1
# Slides whose tiles OpenSlide puts together out of overlapping, or untiled, pictures
_OVERLAPPING = frozenset({"mirax", "hamamatsu", "ventana", "trestle", "sakura"})
_UNWRITTEN = 1  # transparent, and yet blue
_LARGEST_ASSOCIATED = 2**25  # pixels; read whole, and forged sizes are found too late by OpenSlide

# Our own prototype of openslide_read_region: into a buffer, without PIL in between.
_read_region = openslide_bin.libopenslide1["openslide_read_region"]
_read_region.restype = None
_read_region.argtypes = [
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int64,
    ctypes.c_int64,
    ctypes.c_int32,
    ctypes.c_int64,
    ctypes.c_int64,
]
_read_associated = openslide_bin.libopenslide1["openslide_read_associated_image"]
_read_associated.restype = None
_read_associated.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class _Handle:
    """An OpenSlide handle that is opened again after an error and in a forked child.

    The first failed call of OpenSlide poisons its handle for good. Readers hold a reference
    while they read, so that closing waits for the last of them.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._closed = False
        self._pid = os.getpid()
        self._slide: openslide.OpenSlide = _open(path)

    def get(self) -> "openslide.OpenSlide":
        """Return a healthy handle."""
        with self._lock:
            if self._closed:
                raise SourceError(f"{self._path} is closed")
            if self._pid != os.getpid():
                if self._slide is not None:
                    self._slide.invalidate()  # the parent's: its locks may be held by no thread
                self._slide, self._pid = None, os.getpid()
            if self._slide is None:
                self._slide = self._reopen()
            return self._slide

    def _reopen(self) -> object:
        try:
            return _open(self._path)
        except UnsupportedFormatError as error:  # it was a slide when it was opened first
            raise CorruptSourceError(f"{self._path} has changed or is damaged: {error}") from error

    def check(self, slide: object, raw: Pixels) -> None:
        """Raise where a call that should have filled ``raw`` has failed; forget that handle."""
        message = lowlevel.get_error(slide)
        if message is None and (_UNWRITTEN in (*raw[0, 0].view("<u4"), *raw[-1, -1].view("<u4"))):
            message = "OpenSlide gave no pixels, and no reason"
        if message is not None:
            self.forget(slide)
            if "oo many open files" in message:
                raise SourceError(f"{self._path} can't be read: {message}")
            raise CorruptSourceError(f"{self._path} can't be read: {message}")

    def forget(self, slide: object) -> None:
        """Drop a poisoned handle; it closes when its last reader lets go."""
        with self._lock:
            if self._slide is slide:
                self._slide = None

    def close(self) -> None:
        """Close when the last reader is done."""
        with self._lock:
            self._closed, self._slide = True, None


def _open(path: str) -> "openslide.OpenSlide":
    try:
        return lowlevel.open(path)
    except OpenSlideUnsupportedFormatError as error:
        raise UnsupportedFormatError("not a slide that OpenSlide knows") from error
    except OpenSlideError as error:
        if "oo many open files" in str(error):
            raise SourceError(f"{path} can't be opened: {error}") from error
        raise CorruptSourceError(f"{path} is damaged: {error}") from error


class OpenSlideReader(Reader):
    """A slide read through OpenSlide."""

    scattered = True

    def __init__(self, path: str) -> None:
        self._path = path
        self._handle = _Handle(path)
        slide = self._handle.get()
        try:
            facts = _properties(slide)
            self._bounds = _bounds(slide, facts)
            self.info = _info(slide, facts, self._bounds)
        except OpenSlideError as error:
            raise CorruptSourceError(f"{path} is damaged: {error}") from error
        except ValueError as error:
            raise CorruptSourceError(f"{path} makes no sense: {error}") from error
        self._downsamples = [
            lowlevel.get_level_downsample(slide, index) for index in range(len(self.info.levels))
        ]

    def plane(self, level: int, frame: int) -> Plane:
        """Return a level."""
        del frame  # there is one
        return _SlidePlane(
            self._handle, level, self._downsamples[level], self._bounds, self.info.background
        )

    def associated(self, name: str) -> AssociatedImage:
        """Return an associated image as RGB."""
        if name not in self.info.associated:
            raise KeyError(name)
        return DecodedImage(lambda: self._picture(name))

    def _picture(self, name: str) -> Pixels:
        slide = self._handle.get()
        try:
            width, height = lowlevel.get_associated_image_dimensions(slide, name)
        except OpenSlideError as error:
            self._handle.forget(slide)
            raise CorruptSourceError(f"{self._path}: no {name}: {error}") from error
        if width * height > _LARGEST_ASSOCIATED:
            raise CorruptSourceError(f"{self._path}: a {name} of {width} x {height} pixels")
        raw = _unwritten(height, width)
        _read_associated(slide, name.encode(), raw.ctypes.data)
        self._handle.check(slide, raw)
        out = np.empty((height, width, 3), np.uint8)
        _compose(raw, (255, 255, 255), out)
        return out

    def close(self) -> None:
        """Close the handle once nobody reads any more."""
        self._handle.close()


class _SlidePlane(DecodedPlane):
    __slots__ = ("_background", "_bounds", "_downsample", "_handle", "_level")

    def __init__(
        self,
        handle: _Handle,
        level: int,
        downsample: float,
        bounds: Rect,
        background: tuple[float, ...] | None,
    ) -> None:
        self._handle, self._level, self._downsample = handle, level, downsample
        self._bounds = bounds
        red, green, blue = background or (255, 255, 255)
        self._background = int(red), int(green), int(blue)

    def read(self, rect: Rect) -> Pixels:
        """Return RGB over the background."""
        out = np.empty((rect.height, rect.width, 3), np.uint8)
        rows = max(1, _STRIP_PIXELS // max(1, rect.width))
        x = self._bounds.x + round(rect.x * self._downsample)
        for top in range(0, rect.height, rows):
            strip = out[top : top + rows]
            y = self._bounds.y + round((rect.y + top) * self._downsample)
            raw = _unwritten(*strip.shape[:2])
            slide = self._handle.get()
            _read_region(slide, raw.ctypes.data, x, y, self._level, raw.shape[1], raw.shape[0])
            self._handle.check(slide, raw)
            _compose(raw, self._background, strip)
        return out


def _unwritten(height: int, width: int) -> Pixels:
    """Return room for pixels, its corners marked with what no premultiplied pixel can be."""
    raw = np.empty((height, width, 4), np.uint8)
    raw[0, 0] = raw[-1, -1] = np.array([_UNWRITTEN], "<u4").view(np.uint8)
    return raw


def _compose(raw: Pixels, background: tuple[int, int, int], out: Pixels) -> None:
    """Write premultiplied ARGB (one native 32-bit word a pixel, little endian) as RGB."""
    if not np.shares_memory(cv2.cvtColor(raw, cv2.COLOR_BGRA2RGB, dst=out), out):
        raise SourceError("OpenCV has put colours elsewhere than it was asked to")
    opacity = raw.view(np.uint32)
    if np.bitwise_and.reduce(opacity, axis=None) >> 24 == 255:
        return
    # red + (1 - alpha) * background, and so on; the fifth column is added, the result rounds
    weights = np.zeros((3, 5), np.float32)
    weights[:, :3] = np.eye(3)[::-1]
    weights[:, 3] = np.array(background) / -255
    weights[:, 4] = background
    if not np.shares_memory(cv2.transform(raw, weights, dst=out), out):
        raise SourceError("OpenCV has put colours elsewhere than it was asked to")


def _properties(slide: object) -> dict[str, str]:
    names = lowlevel.get_property_names(slide)
    return {name: lowlevel.get_property_value(slide, name) for name in names if name}


def _bounds(slide: object, facts: Mapping[str, str]) -> Rect:
    """Return the part of level 0 that holds the image: all of it, or the bounds if they fit."""
    whole = Rect(0, 0, *lowlevel.get_level_dimensions(slide, 0))
    keys = [f"openslide.bounds-{side}" for side in ("x", "y", "width", "height")]
    if not all(facts.get(key, "").isdecimal() for key in keys):
        return whole
    bounds = Rect(*(int(facts[key]) for key in keys))
    return bounds if not bounds.empty and bounds.intersect(whole) == bounds else whole


def _levels(slide: object, facts: Mapping[str, str], bounds: Rect) -> tuple[Level, ...]:
    levels = []
    whole = lowlevel.get_level_dimensions(slide, 0)
    for index in range(lowlevel.get_level_count(slide)):
        size = lowlevel.get_level_dimensions(slide, index)
        if (bounds.width, bounds.height) != whole:
            downsample = lowlevel.get_level_downsample(slide, index)
            size = tuple(max(1, round(side / downsample)) for side in (bounds.width, bounds.height))
        if max(size) > _LARGEST_SIDE:
            raise ValueError(f"level {index} claims {size[0]} x {size[1]} pixels")
        tile = [
            min(side, int(facts.get(f"openslide.level[{index}].tile-{name}", _DEFAULT_TILE)))
            for side, name in zip(size, ("width", "height"), strict=True)
        ]
        levels.append(Level(*size, *tile))
    return tuple(levels)


def _number(facts: Mapping[str, str], key: str) -> float | None:
    """Return a positive, finite number from the properties, or None."""
    try:
        value = float(facts.get(key, ""))
    except ValueError:
        return None
    return value if 0 < value < 1e9 else None


def _info(slide: object, facts: dict[str, str], bounds: Rect) -> ImageInfo:
    color = int(facts.get("openslide.background-color", "ffffff"), 16)
    mpp_x, mpp_y = (_number(facts, f"openslide.mpp-{axis}") for axis in "xy")
    vendor = facts.get("openslide.vendor", "openslide")
    return ImageInfo(
        format=vendor,
        levels=_levels(slide, facts, bounds),
        bands=3,
        dtype=np.dtype(np.uint8),
        interpretation=Interpretation.RGB,
        mm_x=mpp_x / 1000 if mpp_x else None,
        mm_y=mpp_y / 1000 if mpp_y else None,
        magnification=_number(facts, "openslide.objective-power"),
        icc_profile=lowlevel.read_icc_profile(slide),
        description=facts.get("openslide.comment"),
        associated=tuple(lowlevel.get_associated_image_names(slide)),
        lossy=True,  # all scanners that are left to it compress by JPEG or JPEG 2000
        background=(color >> 16 & 255, color >> 8 & 255, color & 255),
        properties=facts,
        internal={"openslide": facts},
        served_levels=ServedLevels.FINER,
        square_pixels=vendor == "aperio",
        composed=vendor in _OVERLAPPING,
    )


def open_reader(location: Location) -> OpenSlideReader:
    """Open a slide.

    Raises
    ------
    UnsupportedFormatError
        OpenSlide knows no such slide.
    CorruptSourceError
        It knows the kind, but this one is damaged.
    """
    if location.path is None:
        raise UnsupportedFormatError("OpenSlide reads local files only")
    if location.is_directory:
        raise UnsupportedFormatError("OpenSlide opens files, not folders")
    is_tiff = location.head.startswith((b"II", b"MM"))
    if is_tiff:
        check_tiles(location.open_bytes())
    reader = OpenSlideReader(str(location.path))
    if is_tiff:
        # The TIFF backend has refused it: where no pixel can be read, say so now, not later.
        reader.plane(len(reader.info.levels) - 1, 0).read(Rect(0, 0, 1, 1))
    return reader
