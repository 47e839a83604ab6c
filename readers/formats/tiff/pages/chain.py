"""The plain chain of pages as an image: what equal pages, smaller ones and SubIFDs are."""

import contextlib
import dataclasses
import struct
from collections.abc import Sequence

import tifffile
from tifffile import TiffPage as Page
from tifffile import TiffPageSeries as Series

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.tiff.pages.structure import (
    UNORDERED,
    AssociatedPage,
    TiffStructure,
    area,
    associated_pages,
    from_series,
    is_level_of,
    is_mask,
    page_data,
    unseen,
)
from ziggurat.readers.model.image import Axis

_COLOURS = {0: "gray", 1: "gray", 2: "colour", 6: "colour"}


def _size(page: Page) -> tuple[int, int]:
    return page.imagewidth, page.imagelength


def _sort(page: Page) -> tuple[object, ...]:
    """Return what pages of one image have in common, however each is stored."""
    photometric = int(page.photometric)
    return (
        *_size(page),
        page.samplesperpixel,
        page.dtype,
        _COLOURS.get(photometric, photometric),
        page.bitspersample == 1,
        is_mask(page),
    )


def _pixels(page: Page) -> int:
    return int(page.imagewidth * page.imagelength)


def _below(tif: tifffile.TiffFile, page: Page) -> list[Page]:
    """Return the pages that hang below one (SubIFDs), those that can be read."""
    found = []
    for number, offset in enumerate(page.subifds or ()):
        with contextlib.suppress(tifffile.TiffFileError, ValueError, OSError, struct.error):
            tif.filehandle.seek(offset)
            found.append(Page(tif, (page.index, number)))
    return found


def _levels_below(below: Sequence[list[Page]], base: object) -> list[list[Page]]:
    """Return the levels that every frame has below it; others can be made from the image."""
    levels: list[list[Page]] = []
    for first in below[0]:
        if not is_level_of(first, base):
            continue
        row = [next((p for p in pages if _sort(p) == _sort(first)), None) for pages in below]
        if all(page is not None for page in row) and all(
            level[0] is not row[0] for level in levels
        ):
            levels.append(row)
    return levels


def _levels_beside(pages: list[Page], base: Page, count: int) -> list[list[Page]]:
    """Return the levels among the pages of the chain: as many smaller ones as there are frames."""
    sizes: dict[tuple[object, ...], list[Page]] = {}
    for page in pages:
        marked = page.is_reduced or (base.is_tiled and page.is_tiled)
        if (marked or count == 1) and is_level_of(page, base):
            sizes.setdefault(_sort(page), []).append(page)
    return [level for level in sizes.values() if len(level) == count]


def _main(tops: list[Page], below: dict[int, list[Page]]) -> Page:
    """Return the page that is the image: the first of the largest that are not called reduced."""
    whole = [page for page in tops if not (is_mask(page) or page.is_reduced)]
    if not whole:  # raw pictures: a preview first, the image below it
        hanging = (page for pages in below.values() for page in pages)
        whole = [page for page in hanging if not (is_mask(page) or page.is_reduced)]
    whole = whole or [page for page in tops if not is_mask(page)] or tops
    return max(whole, key=_pixels)


def _page_count(tif: tifffile.TiffFile) -> int:
    """Return how many pages there are: where a file ends with a page's tags, no other follows.

    tifffile takes the last bytes of those tags for the place of a further page.
    """
    tiff, handle = tif.tiff, tif.filehandle
    for number in range(len(tif.pages)):
        offset = tif.pages[number].offset
        handle.seek(offset)
        (tags,) = struct.unpack(tiff.tagnoformat, handle.read(tiff.tagnosize))
        if offset + tiff.tagnosize + tags * tiff.tagsize >= handle.size:
            return number + 1
    return len(tif.pages)


def chain_structure(tif: tifffile.TiffFile, kind: str, unused: str | None = None) -> TiffStructure:
    """Return the structure of a file by its pages alone.

    Pages of the size and samples of the largest are the frames, in their order, however each is
    compressed; smaller versions of them (marked as such, or below them) are levels, everything
    else is beside the image.

    Parameters
    ----------
    tif
        The opened file.
    kind
        What it is called.
    unused
        What could not be used of it, where there is more to it than its pages.

    Raises
    ------
    CorruptSourceError
        There is no image in it.
    """
    tif.pages.useframes = False
    tif.pages._clear()
    tops = [tif.pages[number].aspage() for number in range(_page_count(tif))]
    tops = [page for page in tops if page.imagewidth and page.imagelength]
    if not tops:
        raise CorruptSourceError("a TIFF without an image")
    below = {page.offset: _below(tif, page) for page in tops}
    base = _main(tops, below)
    among = tops if any(page is base for page in tops) else [base]
    frames = [
        page for page in among if _sort(page) == _sort(base) and page.is_reduced == base.is_reduced
    ]
    taken = {page.offset for page in frames}
    rest = [page for page in tops if page.offset not in taken]
    levels = _levels_beside(rest, base, len(frames))
    levels += _levels_below([below.get(frame.offset, []) for frame in frames], base)
    levels.sort(key=lambda level: _pixels(level[0]), reverse=True)
    used = {page.offset for level in levels for page in level} | taken
    associated = [
        page
        for page in (*rest, *(page for pages in below.values() for page in pages))
        if page.offset not in used and not is_mask(page)
    ]
    associated = [page for page in associated if not _is_spare_level(page, base)]
    axes = (Axis("i", len(frames)),) if len(frames) > 1 else ()
    return TiffStructure(
        kind=kind,
        levels=tuple(tuple(page_data(page) for page in level) for level in (frames, *levels)),
        axes=axes,
        page=frames[0],
        associated=tuple(AssociatedPage(None, page_data(page)) for page in associated),
        losses=() if unused is None else (unused,),
        unsure=frozenset(
            number for number, level in enumerate(levels, 1) if not _is_marked(level[0])
        ),
    )


def _is_marked(page: Page) -> bool:
    """Return True where a page itself says that it is a smaller version of another."""
    return bool(page.is_reduced or page.is_subifd)


def _is_spare_level(page: Page, base: Page) -> bool:
    """Return True for a level below some frames only: it is the image once more."""
    return bool(page.is_subifd) and is_level_of(page, base)


def _extra_levels(main: Series, others: list[Series]) -> list[Series]:
    """Return series that are further levels of the main one, though tifffile didn't say so."""
    base = main.keyframe
    found = []
    for series in others:
        page = series.keyframe
        marked = page.is_reduced or page.is_subifd or (base.is_tiled and page.is_tiled)
        if marked and len(series) == len(main) and is_level_of(page, base):
            found.append(series)
    return found


def broken_off(tif: tifffile.TiffFile) -> str | None:
    """Return what is lost of a file whose chain of pages leads to where no page is."""
    position = tif.pages.next_page_offset
    if not len(tif.pages) or position is None or tif.is_ndpi:
        return None
    tif.filehandle.seek(position)
    size = tif.tiff.offsetsize
    data = tif.filehandle.read(size)
    if len(data) < size:
        return None  # the file ends with the tags of its last page: nothing is said to follow
    (following,) = struct.unpack(tif.tiff.offsetformat, data)
    if not following:
        return None
    return (
        f"further pages: the chain of {len(tif.pages)} pages leads on to byte {following:,} of "
        f"{tif.filehandle.size:,}, where there is none; the file is cut short or damaged"
    )


def _left_out(tif: tifffile.TiffFile, every: list[Series]) -> bool:
    """Return True where some page of the chain is in no series: a description said too little."""
    levels = (level for series in every for level in series.levels)
    used = {page.index for level in levels for page in level if page is not None}
    return any(number not in used for number in range(len(tif.pages)))


def structure_from_series(tif: tifffile.TiffFile) -> TiffStructure:
    """Choose the image among the series of a file without a plan of its own.

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
    if main.kind in ("generic", "geotiff") or (main.kind in UNORDERED and _left_out(tif, every)):
        return chain_structure(tif, main.kind)
    if main.kind not in UNORDERED:
        associated = [one for series in every[1:] for one in associated_pages(series, tif)]
        return with_unseen(from_series(main, list(main.levels), associated, tif), every[1:])
    tops = [s for s in every if not is_mask(s.keyframe) and not s.keyframe.is_reduced] or every
    main = max(tops, key=area)
    rest = [series for series in every if series is not main]
    extra = _extra_levels(main, rest)
    levels = [*main.levels, *(level for series in extra for level in series.levels)]
    rest = [series for series in rest if series not in extra and not is_mask(series.keyframe)]
    associated = [one for series in rest for one in associated_pages(series, tif)]
    return with_unseen(from_series(main, levels, associated, tif), rest)


def with_unseen(structure: TiffStructure, others: Sequence[Series]) -> TiffStructure:
    """Return a structure that tells what series beside the image hold, and nobody sees."""
    lost = [loss for series in others for loss in unseen(series)]
    return dataclasses.replace(structure, losses=(*structure.losses, *lost))
