"""What is said of a TIFF's samples that is not heeded, in words: a user must be told."""

import contextlib
import struct
from collections.abc import Iterable, Sequence

import numpy as np
import tifffile

from ziggurat.readers.formats.tiff.pages.structure import is_mask
from ziggurat.readers.views.turned import ORIENTATIONS

ORIENTATION, _PHOTOMETRIC = 274, 262
_MIN_IS_WHITE, _YCBCR = 0, 6
_MOST_PAGES = 64
_LONGEST = 4096
_OF_THE_IMAGE = {
    "orientation": (ORIENTATION,),
    "palette": (320,),
    "resolution": (282, 283, 296),
    "colour profile": (34675,),
    "meaning of further samples": (338,),
}
_AS_THEY_ARE = "they are read as they are stored"
_HEEDED = {1, 2, 3}  # gray, RGB, palette: by whoever reads a TIFF


def not_turned(orientation: int) -> str:
    """Return what is lost where an orientation tag is not heeded."""
    return f"orientation {orientation} of its pixels: they are shown as they are stored"


def negative(page: tifffile.TiffPage) -> str:
    """Return what is lost where zero stays zero, though it is white."""
    return f"zero is white in its samples of {page.dtype}: {_AS_THEY_ARE}"


def is_negative(page: tifffile.TiffPage) -> bool:
    """Return True where zero is white."""
    return int(page.tags.valueof(_PHOTOMETRIC, 1)) == _MIN_IS_WHITE


def of_single_pages(tif: tifffile.TiffFile, base: tifffile.TiffPage) -> tuple[str, ...]:
    """Return what pages of a plain TIFF say of their own, though the image has it but once.

    Of long chains a part is looked at.
    """
    pages = []
    for number in _spread(len(tif.pages)):
        with contextlib.suppress(tifffile.TiffFileError, ValueError, OSError, struct.error):
            pages.append(tif.pages[number].aspage())
    masks = 0 if is_mask(base) else sum(is_mask(page) for page in pages)
    size = base.imagewidth, base.imagelength
    frames = [
        page
        for page in pages
        if (page.imagewidth, page.imagelength) == size and not (is_mask(page) or page.is_reduced)
    ]
    lost = [f"transparency masks: {masks} of its pages are some, and are not read"] if masks else []
    for name, codes in _OF_THE_IMAGE.items():
        other = sum(_said(page, codes) != _said(base, codes) for page in frames)
        if other:
            lost.append(f"the {name} of {other} of its pages: that of the first one stands for all")
    return tuple(lost)


def _spread(count: int) -> Iterable[int]:
    if count <= _MOST_PAGES:
        return range(count)
    return sorted({number * (count - 1) // (_MOST_PAGES - 1) for number in range(_MOST_PAGES)})


def _said(page: tifffile.TiffPage, codes: Sequence[int]) -> list[object]:
    """Return the values of tags; of long ones, their length."""
    found: list[object] = []
    for code in codes:
        tag = page.tags.get(code)
        long = tag is not None and tag.count > _LONGEST
        value = None if tag is None else tag.count if long else tag.value
        found.append(value.tolist() if isinstance(value, np.ndarray) else value)
    return found


def unheeded(tif: tifffile.TiffFile) -> tuple[str, ...]:
    """Return what others that read a TIFF instead of us, GDAL in the main, don't heed."""
    page = tif.pages[0].aspage()
    lost = []
    orientation = page.tags.valueof(ORIENTATION)
    if orientation in ORIENTATIONS:
        lost.append(not_turned(orientation))
    if page.imagedepth > 1:
        lost.append(f"a depth of {page.imagedepth} slices in one page: the first one is read")
    photometric = page.tags.valueof(_PHOTOMETRIC)
    if photometric is None or photometric in _HEEDED:
        return tuple(lost)
    if photometric == _MIN_IS_WHITE:
        lost.append(negative(page))
    elif photometric != _YCBCR or page.bitspersample != 8:
        name = getattr(page.photometric, "name", "unknown")
        lost.append(
            f"the meaning of its samples (TIFF photometric interpretation {int(photometric)}, "
            f"{name}): {_AS_THEY_ARE}"
        )
    return tuple(lost)
