"""OME-TIFF: the images, frames and facts that its OME-XML describes."""

import dataclasses
from pathlib import Path
from typing import Any

import tifffile

from ziggurat.readers.errors import UnsupportedFormatError
from ziggurat.readers.formats.tiff.pages.ome_xml import OmeImage, companion_name, parse_ome
from ziggurat.readers.formats.tiff.pages.structure import (
    Beside,
    Structure,
    area,
    beside,
    from_series,
)
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts
from ziggurat.readers.formats.tiff.vendors.ome_files import absent_files
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.image import Axis, Channel

_ASSOCIATED = ("label", "macro", "thumbnail", "overview")
_POSITIONS = "xy"  # the axis of several images of one kind: places on the slide or plate
_LARGEST_COMPANION = 1 << 28


def companion_xml(location: Location, description: str) -> str | None:
    """Return the text of the companion file that a file of pixels points to, where it is there."""
    name = companion_name(description)
    if not name or location.path is None or Path(name).name != name:
        return None
    path = location.path.parent / name
    if not path.is_file() or path.stat().st_size > _LARGEST_COMPANION:
        return None
    return path.read_text(encoding="utf-8", errors="replace")


def _associated_name(name: str) -> str | None:
    """Return which associated image an OME image of some name is, None for pictures proper."""
    low = name.lower()
    return next((known for known in _ASSOCIATED if known in low), None)


def _alike(one: Any, other: Any) -> bool:
    """Return True for series that can be positions of one image."""
    sizes = [level.keyframe.shape for level in one.levels]
    return (
        one.axes == other.axes
        and one.shape == other.shape
        and one.dtype == other.dtype
        and sizes == [level.keyframe.shape for level in other.levels]
    )


def _joined(structures: list[Structure], names: list[str]) -> Structure:
    """Put images of one kind together: a slowest axis counts them."""
    first = structures[0]
    distinct = tuple(names) if len(set(names)) == len(names) and all(names) else None
    axis = Axis(_POSITIONS, len(structures), distinct)
    levels = tuple(
        tuple(page for one in structures for page in one.levels[level])
        for level in range(len(first.levels))
    )
    return dataclasses.replace(first, levels=levels, axes=(axis, *first.axes))


def ome_structure(tif: tifffile.TiffFile) -> Structure:
    """Return the structure: the largest image that is no label or macro, and those like it.

    Raises
    ------
    UnsupportedFormatError
        There are no pixels that its XML knows of.
    """
    every = [series for series in tif.series if series.kind == "ome"]
    if not every:
        raise UnsupportedFormatError("an OME-TIFF whose XML describes no pixels of it")
    proper = [series for series in every if _associated_name(series.name) is None] or every[:1]
    main = max(proper, key=area)  # the first of the largest: some begin with an overview
    alike = [series for series in proper if _alike(series, main)]
    others: list[Beside] = []
    for series in every:
        if series not in alike:
            others += beside(series, tif, _associated_name(series.name))
    made = [from_series(series, list(series.levels), (), tif) for series in alike]
    joined = made[0] if len(made) == 1 else _joined(made, [series.name for series in alike])
    absent: dict[int, str] = {}
    if any(page is None for page in joined.levels[0]):
        absent = absent_files(tif, every, alike)
    return dataclasses.replace(joined, others=tuple(others), text=tif.ome_metadata, absent=absent)


def _described(structure: Structure, images: list[OmeImage]) -> OmeImage | None:
    """Return the image of the XML that a structure was made from, by name and size."""
    page = structure.page
    name = structure.series.name
    sizes = (page.imagewidth, page.imagelength)
    fitting = [one for one in images if (one.sizes["X"], one.sizes["Y"]) == sizes]
    named = [one for one in fitting if one.name == name]
    return next(iter(named or fitting), None)


def _axis(axis: Axis, image: OmeImage) -> Axis:
    """Return an axis with what the XML says of its positions."""
    for modulo in image.modulo:
        if axis.name.startswith(modulo.kind) and len(modulo.values) == axis.size:
            return Axis(axis.name, axis.size, modulo.values, modulo.unit)
    if axis.name == "z" and image.z_values and len(image.z_values) == axis.size:
        return Axis("z", axis.size, image.z_values, "µm")
    if axis.name == "t" and image.t_values and len(image.t_values) == axis.size:
        return Axis("t", axis.size, image.t_values, image.t_unit)
    return axis


def _channels(structure: Structure, image: OmeImage) -> tuple[Channel, ...]:
    """Return the channels, where they are the positions of the channel axis."""
    count = next((axis.size for axis in structure.axes if axis.name == "c"), 1)
    return image.channels if len(image.channels) == count else ()


def ome_facts(structure: Structure) -> VendorFacts:
    """Return what the XML says of the image."""
    image = _described(structure, parse_ome(structure.text)) if structure.text else None
    if image is None:
        return VendorFacts(format="ome-tiff", trust_resolution=False)
    return VendorFacts(
        format="ome-tiff",
        mm_x=image.mm_x,
        mm_y=image.mm_y,
        magnification=image.magnification,
        axes=tuple(_axis(axis, image) for axis in structure.axes),
        channels=_channels(structure, image),
        properties=image.properties,
        trust_resolution=False,
    )
