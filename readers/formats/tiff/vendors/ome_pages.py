"""The frames of an OME-TIFF whose XML and pages don't quite fit, as far as they do."""

import dataclasses
import math
from collections.abc import Sequence

import tifffile

from ziggurat.readers.formats.tiff.pages.chain import chain_structure
from ziggurat.readers.formats.tiff.pages.ome_xml import OmeImage
from ziggurat.readers.formats.tiff.pages.structure import PageData, TiffStructure
from ziggurat.readers.model.image import Axis


def frame_sizes(image: OmeImage, frames: int) -> dict[str, int] | None:
    """Return the sizes of the frame axes, slowest first, where they make just so many frames.

    Bands of a pixel are no channels; a number of channels that isn't told is what is left.
    """
    samples = max(image.samples, default=1)
    sizes = {letter: image.sizes[letter] for letter in image.order}
    if sizes["C"]:
        sizes["C"] = max(1, sizes["C"] // samples)
    else:
        sizes["C"] = max(1, frames // (sizes["Z"] * sizes["T"]))
    return sizes if math.prod(sizes.values()) == frames else None


def image_of(
    images: Sequence[OmeImage], width: int, height: int, frames: int, name: str | None
) -> OmeImage | None:
    """Return which image of the XML the pages are: by name and size, else by their number."""
    exact = [one for one in images if (one.sizes["X"], one.sizes["Y"]) == (width, height)]
    named = [one for one in exact if name is not None and one.name == name]
    counted = [one for one in exact or images if frame_sizes(one, frames) is not None]
    return next(iter((*named, *(one for one in counted if one in exact), *exact, *counted)), None)


def _page_numbers(image: OmeImage, sizes: dict[str, int]) -> list[int] | None:
    """Return the page of each frame as the XML tells it; None where it doesn't, or can't mean it.

    The names of files don't count: this one may have been renamed.
    """
    frames = math.prod(sizes.values())
    if len({name for *_, name in image.places}) > 1:
        return None
    numbers: dict[int, int] = {}
    for place, ifd, count, _ in image.places:
        first = 0
        for letter, size in sizes.items():
            first = first * size + place[letter]
        start, planes = ifd or 0, count if count is not None else (frames if ifd is None else 1)
        for step in range(min(planes, frames)):
            numbers[first + step] = start + step
    found = [numbers.get(frame, -1) for frame in range(frames)]
    return found if sorted(found) == list(range(frames)) else None


def pages_structure(
    tif: tifffile.TiffFile, images: Sequence[OmeImage], reason: str
) -> TiffStructure:
    """Return the plain chain of pages, with the axes of the XML where its numbers fit."""
    plain = chain_structure(tif, "ome")
    frames = len(plain.levels[0])
    image = image_of(images, plain.page.imagewidth, plain.page.imagelength, frames, None)
    sizes = None if image is None else frame_sizes(image, frames)
    text = tif.ome_metadata
    if image is None or sizes is None:
        lost = f"the order of frames that its OME-XML tells, which doesn't fit its pages ({reason})"
        return dataclasses.replace(plain, text=text, losses=(lost,))
    axes = tuple(Axis(letter.lower(), size) for letter, size in sizes.items() if size > 1)
    numbers = _page_numbers(image, sizes) if len(tif.pages) == frames else None
    levels = plain.levels
    if numbers is not None:
        levels = tuple(_ordered(level, numbers) for level in levels)
    return dataclasses.replace(plain, levels=levels, axes=axes, text=text)


def _ordered(
    pages: tuple[PageData | None, ...], numbers: Sequence[int]
) -> tuple[PageData | None, ...]:
    return tuple(pages[number] for number in numbers)
