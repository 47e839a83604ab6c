"""ImageJ hyperstacks: units and steps in the description, ``KEY=VALUE`` lines."""

from collections.abc import Mapping
from typing import Any

from ziggurat.readers.formats.tiff.pages.structure import Structure
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts, number
from ziggurat.readers.model.image import Axis

_MM = {
    "nm": 1e-6,
    "micron": 1e-3,
    "microns": 1e-3,
    "um": 1e-3,
    "µm": 1e-3,  # micro sign
    "μm": 1e-3,  # Greek mu
    "\\u00b5m": 1e-3,  # ImageJ's escape
    "mm": 1.0,
    "cm": 10.0,
    "inch": 25.4,
    "m": 1000.0,
}
_RESOLUTION = (282, 283)


def _axes(axes: tuple[Axis, ...], meta: Mapping[str, Any]) -> tuple[Axis, ...]:
    """Return the axes with the positions that the description gives."""
    steps = {
        "z": (number(meta.get("spacing")), str(meta.get("unit", "")) or None),
        "t": (number(meta.get("finterval")), str(meta.get("tunit", "sec"))),
    }
    found = []
    for axis in axes:
        step, unit = steps.get(axis.name, (None, None))
        if step is not None:
            values = tuple(step * index for index in range(axis.size))
            axis = Axis(axis.name, axis.size, values, unit)
        found.append(axis)
    return tuple(found)


def imagej_facts(structure: Structure) -> VendorFacts:
    """Return the facts of a hyperstack: resolution tags count pixels per the described unit."""
    page = structure.page
    meta: Mapping[str, Any] = page.parent.imagej_metadata or {}
    unit = _MM.get(str(meta.get("unit", "")).lower())
    sizes: list[float | None] = []
    for code in _RESOLUTION:
        value = page.tags.valueof(code)
        good = isinstance(value, tuple) and len(value) == 2 and value[0] and value[1]
        sizes.append(unit * value[1] / value[0] if good and unit else None)
    return VendorFacts(
        format="imagej",
        mm_x=sizes[0],
        mm_y=sizes[1],
        axes=_axes(structure.axes, meta),
        properties={
            f"imagej.{key}": str(value)
            for key, value in meta.items()
            if isinstance(value, str | int | float) and len(str(value)) < 1000
        },
    )
