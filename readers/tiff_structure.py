"""Which TIFF pages are the image, its frames and levels, and which are something beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import tifffile

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.image import Axis

# Frame axes by tifffile's letters (its AXES_NAMES), in the words of the field.
_AXIS_NAMES = {
    "A": "angle",
    "E": "lambda",
    "H": "lifetime",
    "L": "exposure",
    "P": "phase",
    "R": "tile",
    "V": "event",
}
_UNORDERED = ("generic", "geotiff", "uniform", "shaped")  # kinds without a plan of their pages
_MASK = 4  # photometric interpretation of a transparency mask
_LARGEST_FRAMES = 1 << 24


@dataclass(frozen=True, slots=True)
class PageData:
    """One page: its keyframe (where the shared facts are) and its own tables.

    ``plane`` counts planes of a contiguous stack that has one page only (ImageJ).
    """

    keyframe: tifffile.TiffPage
    offsets: Sequence[int]
    counts: Sequence[int]
    tables: bytes | None
    plane: int | None = None
    parent: Any = None  # the TiffFile it is in


@dataclass(frozen=True)
class Structure:
    """``levels[level][frame]``; None for a frame whose page is missing."""

    kind: str
    levels: tuple[tuple[PageData | None, ...], ...]
    axes: tuple[Axis, ...]
    series: Any
    others: tuple[Any, ...] = ()  # the file's further series, not part of the image
    properties: dict[str, str] = field(default_factory=dict)


def page_data(page: Any, plane: int | None = None) -> PageData:
    """Return the facts of a tifffile page or frame."""
    return PageData(
        page.keyframe, page.dataoffsets, page.databytecounts, page.jpegtables, plane, page.parent
    )


def frame_axes(series: Any) -> tuple[Axis, ...]:
    """Return the frame axes of a series, slowest first; axes of length one are left out."""
    axes: list[Axis] = []
    for letter, size in zip(series.axes, series.shape, strict=True):
        if letter in "YXS" or size == 1:
            continue
        name = _AXIS_NAMES.get(letter, letter.lower())
        while any(axis.name == name for axis in axes):
            name += "2"
        axes.append(Axis(name, size))
    return tuple(axes)


def series_pages(series: Any) -> tuple[PageData | None, ...]:
    """Return a page for each frame of a series.

    Raises
    ------
    UnsupportedFormatError
        The frames of the series are not its pages.
    """
    frames = math.prod(
        size for letter, size in zip(series.axes, series.shape, strict=True) if letter not in "YXS"
    )
    if frames > _LARGEST_FRAMES:
        raise CorruptSourceError(f"a TIFF of {frames} frames can't be")
    first = series.keyframe
    plane_shape = [n for a, n in zip(series.axes, series.shape, strict=True) if a in "YXS"]
    if math.prod(plane_shape) != math.prod(first.shape):
        raise UnsupportedFormatError(
            f"TIFF pages of {first.shape} that make a series of {series.shape} can't be read"
        )
    if len(series._pages) == 1 and frames > 1:
        if series.dataoffset is None and series.is_truncated:
            raise UnsupportedFormatError("a truncated TIFF series that is not contiguous")
        if series.is_truncated:
            return tuple(page_data(first, plane) for plane in range(frames))
    pages = list(series)
    if len(pages) != frames:
        raise CorruptSourceError(f"a TIFF of {frames} frames has {len(pages)} pages for them")
    return tuple(None if page is None else page_data(page) for page in pages)


def _is_mask(series: Any) -> bool:
    page = series.keyframe
    return int(page.photometric) == _MASK or bool(page.subfiletype & 4)


def _area(series: Any) -> int:
    return int(series.keyframe.imagewidth * series.keyframe.imagelength)


def is_level_of(page: Any, base: Any) -> bool:
    """Return True where a page is a smaller version of another, by its kind and proportions."""
    if page.samplesperpixel != base.samplesperpixel or page.dtype != base.dtype:
        return False
    if page.imagewidth >= base.imagewidth and page.imagelength >= base.imagelength:
        return False
    if int(page.photometric) == _MASK or not page.imagewidth or not page.imagelength:
        return False
    across, down = base.imagewidth / page.imagewidth, base.imagelength / page.imagelength
    slack = 1.5  # levels are rounded up or down, once a level
    return bool(
        abs(base.imagelength / across - page.imagelength) <= slack
        or abs(base.imagewidth / down - page.imagewidth) <= slack
    )


def _extra_levels(main: Any, others: list[Any]) -> list[Any]:
    """Return series that are further levels of the main one, though tifffile didn't say so."""
    base = main.keyframe
    found = []
    for series in others:
        page = series.keyframe
        marked = page.is_reduced or page.is_subifd or (base.is_tiled and page.is_tiled)
        if marked and len(series) == len(main) and is_level_of(page, base):
            found.append(series)
    return found


def choose(tif: tifffile.TiffFile) -> Structure:
    """Choose the image among a file's series.

    Raises
    ------
    CorruptSourceError
        There is no image in it.
    UnsupportedFormatError
        A kind that other readers know better.
    """
    every = list(tif.series)
    if not every:
        raise CorruptSourceError("a TIFF without an image")
    main = every[0]
    if main.kind in _UNORDERED:
        tops = [s for s in every if not _is_mask(s) and not s.keyframe.is_reduced] or every
        main = max(tops, key=_area)
    others = [series for series in every if series is not main]
    levels = list(main.levels)
    if main.kind in _UNORDERED:
        extra = _extra_levels(main, others)
        levels += [level for series in extra for level in series.levels]
        others = [series for series in others if series not in extra and not _is_mask(series)]
    levels = [levels[0], *sorted(levels[1:], key=_area, reverse=True)]
    pages = [series_pages(level) for level in levels]
    whole = [level for level in pages if len(level) == len(pages[0])]
    return Structure(main.kind, tuple(whole), frame_axes(main), main, tuple(others))
