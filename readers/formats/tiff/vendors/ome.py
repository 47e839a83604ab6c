"""OME-TIFF: the images, frames and facts that its OME-XML describes."""

import contextlib
import dataclasses
import re
from pathlib import Path
from typing import Any

import tifffile

from ziggurat.readers.errors import SourceError, UnsupportedFormatError
from ziggurat.readers.formats.tiff.pages.chain import with_unseen
from ziggurat.readers.formats.tiff.pages.ome_xml import OmeImage, companion_name, parse_ome
from ziggurat.readers.formats.tiff.pages.structure import (
    NONSENSE,
    AssociatedPage,
    TiffStructure,
    area,
    associated_pages,
    from_series,
)
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts
from ziggurat.readers.formats.tiff.vendors.kind import TiffKind, series_kind
from ziggurat.readers.formats.tiff.vendors.ome_files import absent_files
from ziggurat.readers.formats.tiff.vendors.ome_pages import image_of, pages_structure
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.image import Axis, Channel, ServedLevels

_ASSOCIATED = ("label", "macro", "thumbnail", "overview")
_POSITIONS = "xy"  # the axis of several images of one kind: places on the slide or plate
_HEAD = 1000  # declarations and comments come before the root
_START, _END = re.compile(r"<(?:\w+:)?OME\s"), re.compile(r"</(?:\w+:)?OME>")
_LARGEST_COMPANION = 1 << 28


def mended_xml(description: str) -> str | None:
    """Return OME-XML without what follows its end, None where nothing does: tifffile wants none."""
    if not description.lstrip("\ufeff \t\r\n").startswith("<"):
        return None  # other texts may quote OME-XML: what it was that an output was made of
    ends = [match.end() for match in _END.finditer(description)]
    if not ends or not _START.search(description[:_HEAD]) or not description[ends[-1] :].strip():
        return None
    return description[: ends[-1]]


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


def _joined(structures: list[TiffStructure], names: list[str]) -> TiffStructure:
    """Put images of one kind together: a slowest axis counts them."""
    first = structures[0]
    distinct = tuple(names) if len(set(names)) == len(names) and all(names) else None
    axis = Axis(_POSITIONS, len(structures), distinct)
    levels = tuple(
        tuple(page for one in structures for page in one.levels[level])
        for level in range(len(first.levels))
    )
    return dataclasses.replace(first, levels=levels, axes=(axis, *first.axes))


def _series_structure(tif: tifffile.TiffFile) -> TiffStructure:
    """Return the structure as tifffile makes it of the XML.

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
    associated: list[AssociatedPage] = []
    for series in every:
        if series not in alike:
            associated += associated_pages(series, tif, _associated_name(series.name))
    made = [from_series(series, list(series.levels), (), tif) for series in alike]
    joined = made[0] if len(made) == 1 else _joined(made, [series.name for series in alike])
    absent: dict[int, str] = {}
    if any(page is None for page in joined.levels[0]):
        absent = absent_files(tif, every, alike)
    found = dataclasses.replace(
        joined, associated=tuple(associated), text=tif.ome_metadata, absent=absent
    )
    return with_unseen(found, [series for series in every if series not in alike])


def _with_losses(structure: TiffStructure, tif: tifffile.TiffFile) -> TiffStructure:
    """Return a structure that says which frames have no page, and which pages no frame."""
    losses = list(structure.losses)
    first = structure.levels[0]
    blank = sum(page is None and frame not in structure.absent for frame, page in enumerate(first))
    if blank:
        losses.append(f"{blank} of {len(first)} frames that its OME-XML tells of have no page")
    used = {page.index for series in tif.series for page in series if page is not None}
    if not any(page and page.path for page in first) and len(used) < len(tif.pages):
        losses.append(f"{len(tif.pages) - len(used)} pages that its OME-XML doesn't tell of")
    return dataclasses.replace(structure, losses=tuple(losses))


def ome_structure(tif: tifffile.TiffFile) -> TiffStructure:
    """Return the structure: the largest image that is no label or macro, and those like it.

    Where the XML doesn't fit the pages, these are the frames, with the axes of the XML if there
    are as many as it tells of.
    """
    try:
        return _with_losses(_series_structure(tif), tif)
    except NONSENSE as error:
        reason = str(error) or type(error).__name__
    images: list[OmeImage] = []
    with contextlib.suppress(SourceError):
        images = parse_ome(tif.ome_metadata or "")
    proper = [image for image in images if _associated_name(image.name) is None]
    return pages_structure(tif, proper or images, reason)


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


def _channels(structure: TiffStructure, image: OmeImage) -> tuple[Channel, ...]:
    """Return the channels, where they are the positions of the channel axis."""
    count = next((axis.size for axis in structure.axes if axis.name == "c"), 1)
    return image.channels if len(image.channels) == count else ()


def ome_facts(structure: TiffStructure) -> VendorFacts:
    """Return what the XML says of the image."""
    images = parse_ome(structure.text) if structure.text else []
    page, frames = structure.page, len(structure.levels[0])
    name = None if structure.series is None else structure.series.name
    image = image_of(images, page.imagewidth, page.imagelength, frames, name)
    if image is None:
        return VendorFacts(
            format="ome-tiff",
            trust_resolution=False,
            served_levels=ServedLevels.THREE_FINER,
            open_format=True,
        )
    return VendorFacts(
        format="ome-tiff",
        mm_x=image.mm_x,
        mm_y=image.mm_y,
        magnification=image.magnification,
        axes=tuple(_axis(axis, image) for axis in structure.axes),
        channels=_channels(structure, image),
        properties=image.properties,
        trust_resolution=False,
        served_levels=ServedLevels.THREE_FINER,
        open_format=True,
    )


def _recognises(tif: tifffile.TiffFile) -> bool:
    return series_kind(tif) == "ome"


OME = TiffKind("ome", _recognises, ome_structure, ome_facts)
