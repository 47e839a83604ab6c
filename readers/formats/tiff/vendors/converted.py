"""TIFFs of the reference's converter: what their frames are is said in JSON on the first page.

The whole metadata of the source stands in it: ``IndexRange`` and ``IndexStride`` of its axes, an
entry for each frame, names of channels. Frames are pages in their order, with lower levels
below each or after it; associated images are further pages whose description is their name.
"""

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from typing import Any

import tifffile

from ziggurat.readers.formats.tiff.pages.chain import chain_structure
from ziggurat.readers.formats.tiff.pages.structure import AssociatedPage, TiffStructure
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts, number
from ziggurat.readers.formats.tiff.vendors.kind import TiffKind
from ziggurat.readers.model.image import Axis, Channel, ServedLevels

KIND = "large_image"
_MARK = "large_image_converter"
_NAME = re.compile(r"[\w .-]{1,100}")


def _said(page: tifffile.TiffPage) -> Mapping[str, Any]:
    """Return what the converter wrote on a page; nothing where it is of somebody else."""
    text = page.description
    if not text.startswith("{") or _MARK not in text:
        return {}
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) and isinstance(said.get(_MARK), dict) else {}


def _metadata(said: Mapping[str, object]) -> Mapping[str, Any]:
    found = said.get("metadata")
    return found if isinstance(found, dict) else {}


def _axes(metadata: Mapping[str, Any], frames: int) -> tuple[Axis, ...]:
    """Return the frame axes, slowest first; none where what is said of them doesn't fit."""
    sizes, strides = metadata.get("IndexRange"), metadata.get("IndexStride")
    if not isinstance(sizes, dict) or not isinstance(strides, dict):
        return ()
    names = sorted((name for name in sizes if sizes[name] > 1), key=lambda name: -strides[name])
    due = 1
    for name in reversed(names):
        if strides[name] != due:
            return ()
        due *= sizes[name]
    if math.prod(sizes[name] for name in names) != frames:
        return ()
    entries = [entry for entry in metadata.get("frames", []) if isinstance(entry, dict)]
    return tuple(
        _axis(name.removeprefix("Index"), sizes[name], metadata, entries) for name in names
    )


def _axis(
    name: str, size: int, metadata: Mapping[str, object], entries: list[dict[str, Any]]
) -> Axis:
    known: dict[int, Any] = {}
    for entry in entries:
        if entry.get(f"Value{name}") is not None:
            known.setdefault(entry.get(f"Index{name}", 0), entry[f"Value{name}"])
    facts = metadata.get(f"Value{name}")
    unit = facts.get("units") if isinstance(facts, dict) else None
    listed = tuple(known.get(at) for at in range(size)) if known else None
    return Axis(name.lower(), size, listed, unit if isinstance(unit, str) else None)


def converted_structure(tif: tifffile.TiffFile) -> TiffStructure:
    """Return the structure: the chain of pages, its frames and associated images named."""
    said = _said(tif.pages.first)
    plain = chain_structure(tif, KIND)
    original = said.get("image_description")
    return dataclasses.replace(
        plain,
        axes=_axes(_metadata(said), len(plain.levels[0])) or plain.axes,
        associated=tuple(_named(one) for one in plain.associated),
        text=original if isinstance(original, str) else None,
    )


def _named(one: AssociatedPage) -> AssociatedPage:
    text = "" if one.page is None else one.page.keyframe.description
    return dataclasses.replace(one, name=text) if _NAME.fullmatch(text) else one


def converted_facts(structure: TiffStructure) -> VendorFacts:
    """Return scale and channels; the resolution tags have the size of a pixel, too."""
    said = _said(structure.page)
    metadata = _metadata(said)
    names = said.get("channels") or metadata.get("channels") or ()
    channels = [axis.size for axis in structure.axes if axis.name == "c"]
    fits = isinstance(names, list) and channels == [len(names)]
    return VendorFacts(
        format="tiff",
        mm_x=number(metadata.get("mm_x")),
        mm_y=number(metadata.get("mm_y")),
        magnification=number(metadata.get("magnification")),
        channels=tuple(Channel(str(name)) for name in names) if fits else None,
        served_levels=ServedLevels.TWO_FINER,
        open_format=True,
    )


def _recognises(tif: tifffile.TiffFile) -> bool:
    return bool(_said(tif.pages.first))


CONVERTED = TiffKind(KIND, _recognises, converted_structure, converted_facts)
