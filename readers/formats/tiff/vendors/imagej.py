"""ImageJ hyperstacks: units and steps in the description, ``KEY=VALUE`` lines."""

from collections.abc import Mapping
from typing import Any

import tifffile

from ziggurat.readers.formats.tiff.pages.chain import structure_from_series
from ziggurat.readers.formats.tiff.pages.structure import TiffStructure, resolution
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts, number
from ziggurat.readers.formats.tiff.vendors.kind import TiffKind, series_kind
from ziggurat.readers.model.image import Axis, ServedLevels
from ziggurat.readers.model.units import length_mm, length_step, time_step

_RESOLUTION = (282, 283)


def _unit(meta: Mapping[str, object], axis: str) -> str:
    """Return the unit of an axis: its own, else that of x."""
    return str(meta.get(f"{axis}unit") or meta.get("unit") or "")


def _axes(axes: tuple[Axis, ...], meta: Mapping[str, Any]) -> tuple[Axis, ...]:
    """Return the axes with the positions that the description gives."""
    z_step, t_step = number(meta.get("spacing")), number(meta.get("finterval"))
    steps: dict[str, tuple[float, str | None]] = {}
    if z_step is not None:
        steps["z"] = length_step(z_step, _unit(meta, "z"))
    if t_step is not None:
        steps["t"] = time_step(t_step, meta.get("tunit") or "s")
    found = []
    for axis in axes:
        if axis.name in steps:
            step, unit = steps[axis.name]
            values = tuple(float(f"{step * index:.15g}") for index in range(axis.size))
            axis = Axis(axis.name, axis.size, values, unit)
        found.append(axis)
    return tuple(found)


def _size_mm(
    structure: TiffStructure, meta: Mapping[str, object], axis: str, code: int
) -> float | None:
    """Return the size of a pixel: the resolution tag counts pixels per the described unit."""
    unit = length_mm(_unit(meta, axis))
    ratio = resolution(structure.page, code)
    return unit / ratio if unit and ratio else None


def imagej_facts(structure: TiffStructure) -> VendorFacts:
    """Return the facts of a hyperstack."""
    page = structure.page
    meta: Mapping[str, Any] = page.parent.imagej_metadata or {}
    return VendorFacts(
        format="imagej",
        mm_x=_size_mm(structure, meta, "x", _RESOLUTION[0]),
        mm_y=_size_mm(structure, meta, "y", _RESOLUTION[1]),
        axes=_axes(structure.axes, meta),
        served_levels=ServedLevels.EVERY,
        open_format=True,
        properties={
            f"imagej.{key}": str(value)
            for key, value in meta.items()
            if isinstance(value, str | int | float) and len(str(value)) < 1000
        },
    )


def _recognises(tif: tifffile.TiffFile) -> bool:
    return series_kind(tif) == "imagej"


IMAGEJ = TiffKind("imagej", _recognises, structure_from_series, imagej_facts)
