"""Is a smaller page the image once more, or another picture? Where nothing says so, pixels do."""

import dataclasses

import numpy as np

from ziggurat.readers.formats.tiff.pages.missing import ReadLevel
from ziggurat.readers.formats.tiff.pages.structure import AssociatedPage, TiffStructure
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Level
from ziggurat.readers.model.reader import Pixels

_SIDE = 256  # pixels of a sample of the smaller one
_PLACES = (0.5, 0.1, 0.9)  # of the samples, across and down
_BLOCK = 8  # means of so many pixels a side are compared: resampling and compression differ
_CLOSE, _OF_CONTRAST = 0.02, 0.35  # of the samples' range, and of the mean deviation


def _samples(size: int) -> list[int]:
    """Return where samples along one side begin."""
    room = max(0, size - _SIDE)
    return sorted({round(room * place) for place in _PLACES}) if room else [0]


def _means(pixels: Pixels) -> Pixels:
    """Return the means of blocks; incomplete ones at the edge are left out."""
    rows, columns = (max(1, min(_BLOCK, side)) for side in pixels.shape[:2])
    height, width = pixels.shape[0] // rows, pixels.shape[1] // columns
    cut = pixels[: height * rows, : width * columns].astype(np.float64)
    return np.asarray(cut.reshape(height, rows, width, columns, -1).mean(axis=(1, 3)))


def _alike(small: Pixels, large: Pixels) -> bool:
    """Return True where a picture is a larger one made small: by means, or by leaving out."""
    import cv2  # few files have such pages

    height, width = small.shape[:2]
    across, down = large.shape[1] / width, large.shape[0] / height
    area = cv2.resize(large.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    contrast = float(np.ptp(small.astype(np.float64), axis=None))
    blurred, wanted = _means(small), _means(area.reshape(height, width, -1))
    spread = float(np.abs(wanted - wanted.mean(axis=(0, 1))).mean())
    if float(np.abs(blurred - wanted).mean()) <= max(_CLOSE * contrast, _OF_CONTRAST * spread):
        return True
    for shift in (0.0, 0.5):  # every n-th pixel of a picture that is all noise
        rows = np.minimum(((np.arange(height) + shift) * down).astype(int), large.shape[0] - 1)
        columns = np.minimum(((np.arange(width) + shift) * across).astype(int), large.shape[1] - 1)
        if float((large[rows][:, columns] == small).mean()) > 0.9:
            return True
    return False


def find_strangers(
    read: ReadLevel, levels: tuple[Level, ...], unsure: frozenset[int]
) -> frozenset[int]:
    """Return which of the unsure levels show another picture than the next larger one."""
    strangers: set[int] = set()
    above = 0
    for level in range(1, len(levels)):
        if level in unsure and not _is_level(read, levels, level, above):
            strangers.add(level)
        else:
            above = level
    return frozenset(strangers)


def _is_level(read: ReadLevel, levels: tuple[Level, ...], level: int, above: int) -> bool:
    small, large = levels[level], levels[above]
    across, down = large.width / small.width, large.height / small.height
    for y in _samples(small.height):
        for x in _samples(small.width):
            part = Rect(x, y, min(_SIDE, small.width - x), min(_SIDE, small.height - y))
            left, top = int(x * across), int(y * down)
            right = min(large.width, max(left + 1, round(part.right * across)))
            bottom = min(large.height, max(top + 1, round(part.bottom * down)))
            whole = Rect(left, top, right - left, bottom - top)
            if not _alike(read(level, 0, part), read(above, 0, whole)):
                return False
    return True


def without_strangers(structure: TiffStructure, strangers: frozenset[int]) -> TiffStructure:
    """Return a structure whose levels of another picture are beside the image."""
    moved = [
        AssociatedPage(None, page)
        for number in sorted(strangers)
        for page in structure.levels[number]
        if page is not None
    ]
    return dataclasses.replace(
        structure,
        levels=tuple(
            pages for number, pages in enumerate(structure.levels) if number not in strangers
        ),
        associated=(*moved, *structure.associated),
        unsure=frozenset(),
    )
