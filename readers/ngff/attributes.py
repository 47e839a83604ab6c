"""The facts of an image into OME-NGFF 0.5 or 0.4 attributes; pure, no I/O."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ziggurat.readers.model.geometry import halved
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation
from ziggurat.readers.model.units import length_name, time_name
from ziggurat.readers.ngff.facts import facts_to_json
from ziggurat.readers.ngff.layout import BANDS, ArrayLayout, Dimension
from ziggurat.readers.ngff.parse import OWN_KEY, ome_attributes
from ziggurat.readers.ngff.version import OmeVersion

_CYCLE = ("#ff0000", "#00ff00", "#0000ff", "#ff00ff", "#00ffff", "#ffff00", "#ffffff")
_RGB = (("red", "#ff0000"), ("green", "#00ff00"), ("blue", "#0000ff"), ("alpha", "#ffffff"))
_MOST_CHANNELS = 4096  # more are not channels that a viewer can list


@dataclass(frozen=True, slots=True)
class WrittenLevel:
    """One level's array: where it is, and its size."""

    path: str
    width: int
    height: int


def image_attributes(
    info: ImageInfo,
    layout: ArrayLayout,
    levels: Sequence[WrittenLevel],
    version: OmeVersion,
    *,
    name: str,
    associated: dict[str, str] | None = None,
    averaged: bool = True,
    windows: Sequence[tuple[float, float] | None] = (),
) -> dict[str, object]:
    """Return the attributes of an image's group.

    Parameters
    ----------
    info, layout, levels
        What is written; ``layout`` from :func:`ziggurat.readers.ngff.layout.ngff_layout`.
    name
        Shown by viewers.
    associated
        Path of each associated image's group by name.
    averaged
        Lower levels were made by averaging, so that their first pixel's centre is not the
        centre of the first full-resolution pixel; False where pixels were picked.
    windows
        For each stored channel what to show where the image itself doesn't say.
    """
    multiscale: dict[str, Any] = {
        "name": name,
        "axes": [_axis(d, info) for d in layout.dimensions],
        "datasets": [_dataset(info, layout, levels[0], level, averaged) for level in levels],
    }
    ome: dict[str, Any] = {"multiscales": [multiscale]}
    if info.interpretation is Interpretation.LABELS:
        ome["image-label"] = image_label(info, version)
    elif channels := _omero_channels(info, layout, windows):
        ome["omero"] = _omero(channels, layout, name)
    own = facts_to_json(info) | {
        "dimensions": [{"name": d.name, "components": d.components} for d in layout.dimensions],
        "associated": associated or {},
    }
    return versioned(ome, version) | {OWN_KEY: own}


def fill_value(info: ImageInfo) -> float:
    """Return what chunks hold that are not stored: the background where it is one number."""
    values = set(info.background or ())
    if len(values) != 1:
        return 0
    value = values.pop()
    if info.dtype.kind == "f":
        return float(value) if np.isfinite(value) else 0
    return int(value) if value == np.asarray(value).astype(info.dtype) else 0


def versioned(ome: dict[str, Any], version: OmeVersion) -> dict[str, Any]:
    """Put OME's part of a group's attributes where the version wants it, and name the version."""
    if version is OmeVersion.V05:
        return {"ome": {"version": version.value, **ome}}
    for part in (*ome.get("multiscales", ()), ome.get("omero")):
        if part is not None:
            part["version"] = version.value
    return ome


def image_label(info: ImageInfo, version: OmeVersion) -> dict[str, object]:
    """Return what says that an image is a label map, with its colours and properties.

    They are those that an OME-Zarr told, else its palette's. NGFF's schemas want one colour at
    least: without any, 0 is told to be transparent.
    """
    colors, properties = stored_label(info.internal)
    if not colors:
        palette = info.palette or ((0, 0, 0, 0),)
        colors = [{"label-value": value, "rgba": list(rgba)} for value, rgba in enumerate(palette)]
    return {
        "version": version.value,
        "colors": colors,
        **({"properties": properties} if properties else {}),
    }


def stored_label(
    internal: Mapping[str, object],
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Return the colours and properties of labels, of what an OME-Zarr says in its own words."""
    zarr = internal.get("zarr")
    base = zarr.get("base") if isinstance(zarr, Mapping) else None
    label = ome_attributes(base).get("image-label") if isinstance(base, Mapping) else None
    if not isinstance(label, Mapping):
        return [], []
    return (
        [entry for entry in _entries(label, "colors") if _is_color(entry.get("rgba"))],
        [entry for entry in _entries(label, "properties") if _is_json(entry)],
    )


def _entries(label: Mapping[str, object], name: str) -> list[dict[str, object]]:
    entries = label.get(name)
    if not isinstance(entries, list):
        return []
    known = [entry for entry in entries if isinstance(entry, dict)]
    return [entry for entry in known if type(entry.get("label-value")) in (int, float)]


def _is_color(rgba: object) -> bool:
    return (
        isinstance(rgba, list)
        and len(rgba) in (3, 4)
        and all(type(value) is int and 0 <= value <= 255 for value in rgba)
    )


def _is_json(value: object) -> bool:
    """Return True for what may be written again: ECMA-404 has no NaN."""
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return False
    return True


def _axis(dimension: Dimension, info: ImageInfo) -> dict[str, Any]:
    axis: dict[str, Any] = {"name": dimension.name}
    if dimension.kind:
        axis["type"] = dimension.kind
    unit = _unit(dimension, info)
    return axis | ({"unit": unit} if unit else {})


def _unit(dimension: Dimension, info: ImageInfo) -> str | None:
    if dimension.name in ("x", "y"):
        return "micrometer" if getattr(info, f"mm_{dimension.name}") else None
    told = next((a.unit for a in info.axes if (a.name,) == dimension.components), None)
    name = {"time": time_name, "space": length_name}.get(dimension.kind or "")
    return None if told is None or name is None else name(told)


def _step(dimension: Dimension, axes: Sequence[Axis]) -> float:
    """Return the distance between the positions of a z or t axis where it is even, else 1."""
    axis = next((a for a in axes if (a.name,) == dimension.components), None)
    values = axis.values if axis and axis.name in ("t", "z") and axis.unit else None
    if not values or len(values) < 2 or not all(isinstance(v, int | float) for v in values):
        return 1.0
    steps = np.diff(np.asarray(values, np.float64))
    return float(steps[0]) if steps[0] > 0 and np.allclose(steps, steps[0]) else 1.0


def level_factor(full: int, small: int) -> float:
    """Return how many full-resolution pixels one pixel spans: exact powers of two where halved."""
    size, factor = full, 1
    while size > 1 and size > small:
        size, factor = halved(size), factor * 2
        if size == small or full // factor == small:
            return float(factor)
    return full / small


def _dataset(
    info: ImageInfo,
    layout: ArrayLayout,
    full: WrittenLevel,
    level: WrittenLevel,
    averaged: bool,
) -> dict[str, object]:
    factors = {
        "x": level_factor(full.width, level.width),
        "y": level_factor(full.height, level.height),
    }
    scale, shift = [], []
    for dimension in layout.dimensions:
        factor = factors.get(dimension.name)
        if factor is None:
            scale.append(_step(dimension, info.axes))
            shift.append(0.0)
        else:
            pixel = (getattr(info, f"mm_{dimension.name}") or 0) * 1000 or 1.0
            scale.append(pixel * factor)
            shift.append(pixel * (factor - 1) / 2 if averaged else 0.0)
    transforms: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if any(shift):
        transforms.append({"type": "translation", "translation": shift})
    return {"path": level.path, "coordinateTransformations": transforms}


def _omero(channels: list[dict[str, object]], layout: ArrayLayout, name: str) -> dict[str, object]:
    rdefs: dict[str, Any] = {"model": "color" if len(channels) > 1 else "greyscale"}
    if layout.index("t") is not None:
        rdefs["defaultT"] = 0
    if layout.index("z") is not None:
        rdefs["defaultZ"] = 0
    return {"name": name, "channels": channels, "rdefs": rdefs}


def _omero_channels(
    info: ImageInfo, layout: ArrayLayout, windows: Sequence[tuple[float, float] | None]
) -> list[dict[str, object]]:
    """Return one entry for each position on the stored channel dimension."""
    channels = _band_channels(info)
    holder = layout.index("c")
    if holder is None:
        holder = layout.index(BANDS)
    components = layout.dimensions[holder].components if holder is not None else ()
    for axis in reversed([a for a in info.axes if a.name in components]):
        own = info.channels if axis.name == "c" and len(info.channels) == axis.size else None
        channels = [
            _within(own[i] if own else None, axis, i, band, i * len(channels) + j, alone)
            for i in range(axis.size)
            for j, band in enumerate(channels)
            for alone in [len(channels) == 1]
        ]
    if len(channels) > _MOST_CHANNELS:
        return []
    if len(channels) == 1 and len(info.channels) == 1:
        channels = [info.channels[0]]
    if len(windows) == len(channels):
        channels = [
            replace(channel, window=channel.window or window)
            for channel, window in zip(channels, windows, strict=True)
        ]
    return [_omero_channel(c, i, info.dtype, len(channels)) for i, c in enumerate(channels)]


def _band_channels(info: ImageInfo) -> list[Channel]:
    names = info.band_names if len(info.band_names) == info.bands else ()
    if info.bands == 1:
        return [Channel(names[0] if names else "", "#ffffff")]
    if info.interpretation is Interpretation.RGB and info.bands <= len(_RGB):
        known = list(_RGB[: info.bands])
        return [Channel(names[i] if names else n, color) for i, (n, color) in enumerate(known)]
    return [
        Channel(names[i] if names else f"Band {i + 1}", _CYCLE[i % len(_CYCLE)])
        for i in range(info.bands)
    ]


def _within(
    own: Channel | None, axis: Axis, position: int, band: Channel, number: int, alone: bool
) -> Channel:
    """Name a channel by its position on an axis, and by what is folded below it."""
    name = own.name if own else f"{axis.name}{position}"
    if alone and not band.name:
        color = own.color if own and own.color else _CYCLE[number % len(_CYCLE)]
        return Channel(name, color, own.window if own else None)
    return Channel(f"{name} {band.name}".strip(), band.color, own.window if own else band.window)


def _omero_channel(channel: Channel, number: int, dtype: np.dtype, count: int) -> dict[str, object]:
    low, high = _range(dtype)
    start, end = channel.window or (low, high)
    if dtype.kind == "f":  # no range of its own
        low, high = start, end
    return {
        "active": count <= len(_CYCLE) or number < len(_CYCLE),
        "coefficient": 1,
        "color": (channel.color or _CYCLE[number % len(_CYCLE)]).lstrip("#").upper(),
        "family": "linear",
        "inverted": False,
        "label": channel.name or f"Channel {number}",
        "window": {"min": min(low, start), "max": max(high, end), "start": start, "end": end},
    }


def _range(dtype: np.dtype) -> tuple[float, float]:
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return int(limits.min), int(limits.max)
    return 0.0, 1.0
