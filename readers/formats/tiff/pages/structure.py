"""Which TIFF pages are the image, its frames and levels, and which are something beside it."""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import tifffile
from tifffile import TiffPage as Page  # or what tifffile calls a frame, of less tags
from tifffile import TiffPageSeries as Series

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.tiff.pages.description import PageDescription
from ziggurat.readers.model.image import Axis

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
UNORDERED = ("generic", "geotiff", "uniform", "shaped")  # kinds without a plan of their pages
# What descriptions and tables that make no sense end in: tifffile raises whatever comes.
NONSENSE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    SyntaxError,  # of XML
    TypeError,
    ValueError,
    struct.error,
    tifffile.TiffFileError,
    UnsupportedFormatError,
)
_MASK = 4  # photometric interpretation of a transparency mask, and its bit in NewSubfileType
_LARGEST_FRAMES = 1 << 24


@dataclass(frozen=True, slots=True)
class PageData:
    """One page: its keyframe (where the shared facts are) and its own tables.

    ``plane`` counts planes of a contiguous stack that has one page only (ImageJ). ``path`` is
    the file that it is in, where an image has several.
    """

    keyframe: Page
    offsets: Sequence[int]
    counts: Sequence[int]
    tables: bytes | None
    plane: int | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class AssociatedPage:
    """A picture that is no part of the image: what it is called, where that is known.

    A page, or (Philips) a whole JPEG in the description.
    """

    name: str | None
    page: PageData | None
    stream: bytes | None = None


@dataclass(frozen=True)
class TiffStructure:
    """``levels[level][frame]``; None for a frame whose page is missing.

    ``page`` is the first of the image; ``series`` tifffile's view of it, where that was used;
    ``text`` a description of the whole file, where there is one that isn't on that page;
    ``embedded`` what it says of itself, where ziggurat wrote it; ``absent`` the file, by frame,
    that a missing page should be in but that isn't there; ``losses`` what the file holds and this
    doesn't; ``unsure`` the levels that nothing calls so: pixels must tell.
    """

    kind: str
    levels: tuple[tuple[PageData | None, ...], ...]
    axes: tuple[Axis, ...]
    page: Page
    series: Series = None
    associated: tuple[AssociatedPage, ...] = ()
    text: str | None = None
    embedded: PageDescription | None = None
    absent: Mapping[int, str] = field(default_factory=dict)
    losses: tuple[str, ...] = ()
    unsure: frozenset[int] = frozenset()


def page_data(
    page: Page, plane: int | None = None, home: tifffile.TiffFile | None = None
) -> PageData:
    """Return the facts of a tifffile page or frame; ``home`` is the file that was opened."""
    elsewhere = home is not None and page.parent is not home
    return PageData(
        page.keyframe,
        page.dataoffsets,
        page.databytecounts,
        page.jpegtables,
        plane,
        str(page.parent.filehandle.path) if elsewhere else None,
    )


def held(tif: tifffile.TiffFile) -> dict[str, object]:
    """Return what a file holds by its pages alone: what any other reader of it must show."""
    tif.pages.useframes = False
    pages = [tif.pages[number].aspage() for number in range(len(tif.pages))]
    base = next((page for page in pages if not (page.is_reduced or is_mask(page))), pages[0])
    due: dict[str, object] = {
        "width": base.imagewidth,
        "height": base.imagelength,
        "bands": base.samplesperpixel,
        "frames": sum(
            (page.imagewidth, page.imagelength) == (base.imagewidth, base.imagelength)
            and not is_mask(page)
            for page in pages
        ),
    }
    if base.dtype is not None:
        bit = base.dtype.kind == "b"  # others give 0 and 1, which is all but black
        due["sample type"] = "one bit, black or white" if bit else base.dtype.name
    return due


def frame_axes(series: Series) -> tuple[Axis, ...]:
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


def series_pages(series: Series, home: tifffile.TiffFile) -> tuple[PageData | None, ...]:
    """Return a page for each frame of a series.

    Raises
    ------
    UnsupportedFormatError
        The frames of the series are not its pages.
    """
    sizes = list(zip(series.axes, series.shape, strict=True))
    frames = math.prod(size for letter, size in sizes if letter not in "YXS")
    if not 1 <= frames <= _LARGEST_FRAMES:
        raise CorruptSourceError(f"a TIFF of {frames} frames can't be")
    first = series.keyframe
    if math.prod(size for letter, size in sizes if letter in "YXS") != math.prod(first.shape):
        raise UnsupportedFormatError(
            f"TIFF pages of {first.shape} that make a series of {series.shape} can't be read"
        )
    if series.is_truncated and frames > 1:
        if series.dataoffset is None:
            raise UnsupportedFormatError("a stack in one TIFF page that is not contiguous")
        return tuple(page_data(first, plane) for plane in range(frames))
    pages = list(series)
    if len(pages) != frames:
        raise CorruptSourceError(f"a TIFF of {frames} frames has {len(pages)} pages for them")
    return tuple(None if page is None else page_data(page, home=home) for page in pages)


def resolution(page: Page, code: int) -> float | None:
    """Return pixels per unit, of any type that the tag may have; None where it tells nothing."""
    value = page.tags.valueof(code)
    if isinstance(value, tuple | list) and len(value) in (1, 2):
        below = value[1] if len(value) == 2 else 1
        value = value[0] / below if below else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value < math.inf else None


def is_mask(page: Page) -> bool:
    """Return True for a transparency mask."""
    return int(page.photometric) == _MASK or bool(page.subfiletype & _MASK)


def area(series: Series) -> int:
    """Return how many pixels a plane of a series has."""
    return int(series.keyframe.imagewidth * series.keyframe.imagelength)


def is_level_of(page: Page, base: Page) -> bool:
    """Return True where a page is a smaller version of another, by its kind and proportions."""
    if page.samplesperpixel != base.samplesperpixel or page.dtype != base.dtype:
        return False
    if page.imagewidth >= base.imagewidth and page.imagelength >= base.imagelength:
        return False
    if is_mask(page) or not page.imagewidth or not page.imagelength:
        return False
    across, down = base.imagewidth / page.imagewidth, base.imagelength / page.imagelength
    slack = 1.5  # levels are rounded up or down, once a level
    return bool(
        abs(base.imagelength / across - page.imagelength) <= slack
        or abs(base.imagewidth / down - page.imagewidth) <= slack
    )


def from_series(
    main: Series,
    levels: list[Series],
    associated: Sequence[AssociatedPage],
    home: tifffile.TiffFile,
) -> TiffStructure:
    """Return the structure of an image that is a series with levels, largest first."""
    levels = [levels[0], *sorted(levels[1:], key=area, reverse=True)]
    pages = [series_pages(level, home) for level in levels]
    there = [page is not None for page in pages[0]]  # lower levels that lack one are made anew
    whole = [level for level in pages if [page is not None for page in level] == there]
    axes = frame_axes(main)
    return TiffStructure(main.kind, tuple(whole), axes, main.keyframe, main, tuple(associated))


def unseen(series: Series) -> tuple[str, ...]:
    """Return what is lost of a series of which :func:`associated_pages` shows the first page."""
    count = sum(page is not None for page in series)
    if count < 2 or series.keyframe.is_reduced:
        return ()
    size = f"{series.keyframe.imagewidth} x {series.keyframe.imagelength}"
    return (
        f"{count - 1} of {count} planes of {series.name or 'an image'} ({size} pixels), "
        "which is another image than the one that is read",
    )


def associated_pages(
    series: Series, home: tifffile.TiffFile, name: str | None = None
) -> list[AssociatedPage]:
    """Return a series' first page as one beside the image."""
    page = next((page for page in series if page is not None), None)
    return (
        []
        if page is None
        else [AssociatedPage(name or series.name or None, page_data(page, home=home))]
    )
