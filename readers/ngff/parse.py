"""OME-NGFF 0.1 to 0.5 metadata into the facts of an image; pure, no I/O.

Sources: https://ngff.openmicroscopy.org (0.1 … 0.5). The other direction is in
:mod:`ziggurat.readers.ngff.attributes`. Where NGFF leaves open what is meant (channels or colour
bands, order of the frames), the answer is the one that large_image's users know: an ``s``
axis, or one, three or four channels without names of their own, are bands; frames count
channels fastest, then z, then t, then any others.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.model.image import (
    Axis,
    Channel,
    ImageInfo,
    Interpretation,
    Level,
    ServedLevels,
)
from ziggurat.readers.model.units import (
    length_mm,
    length_step,
    length_symbol,
    time_step,
    time_symbol,
)
from ziggurat.readers.ngff.facts import facts_from_json
from ziggurat.readers.ngff.layout import BANDS, ArrayLayout, Dimension

OWN_KEY = "ziggurat"
MOST_FRAMES = 1 << 20  # each has an entry in the metadata
_OLD_AXES = "tczyx"  # before 0.3, arrays always had these five
# Of the axes whose scale is a distance: which units are, and what a step is in a usual one.
_UNITS = {"z": (length_symbol, length_step), "t": (time_symbol, time_step)}
_NO_NAME = re.compile(r"(channel|band)[ _]?\d+|red|green|blue|alpha", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NgffAxis:
    """One axis as the metadata tell it."""

    name: str
    unit: str | None = None
    values: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class Multiscale:
    """The arrays of an image, largest first, and the sizes of their pixels where told."""

    paths: tuple[str, ...]
    scales: tuple[tuple[float, ...] | None, ...]
    version: str | None = None
    name: str | None = None
    axes: tuple[NgffAxis, ...] | None = None  # None: 0.1 and 0.2 don't say
    description: str | None = None


@dataclass(frozen=True)
class StoredArray:
    """The facts of one array that the metadata speak of."""

    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]  # of what is decoded as one: the inner chunks of a shard
    dtype: np.dtype
    names: tuple[str | None, ...] | None = None  # zarr v3's dimension_names, or xarray's


@dataclass(frozen=True)
class NgffImage:
    """An image out of its metadata: the facts, where its pixels lie, and which arrays to use."""

    info: ImageInfo
    layout: ArrayLayout
    levels: tuple[int, ...] = field(default=(0,))  # indices into the arrays


def ome_attributes(attributes: Mapping[str, object]) -> Mapping[str, Any]:
    """Return the part of a group's attributes that is OME's: under ``ome`` since 0.5."""
    ome = attributes.get("ome")
    return ome if isinstance(ome, dict) else attributes


def read_multiscale(attributes: Mapping[str, object]) -> Multiscale | None:
    """Return the first multiscale image of a group, None where it has none.

    Raises
    ------
    CorruptSourceError
        There are multiscales, but not as any version of NGFF has them.
    """
    ome = ome_attributes(attributes)
    if "multiscales" not in ome:
        return None
    try:
        return _multiscale(ome["multiscales"][0], ome.get("version"))
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CorruptSourceError(f"the multiscales metadata make no sense: {error!r}") from error


def _multiscale(first: Mapping[str, Any], version: Any) -> Multiscale:
    datasets = first["datasets"]
    common = _scale_of(first)
    scales = [_times(_scale_of(dataset), common) for dataset in datasets]
    axes = first.get("axes")
    extra = first.get("metadata")
    description = extra.get("description") if isinstance(extra, dict) else None
    return Multiscale(
        paths=tuple(str(dataset["path"]) for dataset in datasets),
        scales=tuple(scales),
        version=str(first.get("version") or version or "") or None,
        name=str(first["name"]) if first.get("name") else None,
        axes=None if axes is None else tuple(_axis(axis) for axis in axes),
        description=str(description) if description else None,
    )


def _axis(axis: Any) -> NgffAxis:
    if isinstance(axis, str):  # 0.3
        return NgffAxis(axis.lower())
    values = axis.get("values")  # large_image's own
    unit = axis.get("unit")
    return NgffAxis(
        str(axis["name"]).lower(),
        str(unit) if unit else None,
        tuple(values) if isinstance(values, list) and all(map(_plain, values)) else None,
    )


def _plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _scale_of(holder: Mapping[str, Any]) -> tuple[float, ...] | None:
    for transform in holder.get("coordinateTransformations") or ():
        if transform.get("type") == "scale" and isinstance(transform.get("scale"), list):
            return tuple(float(number) for number in transform["scale"])
    return None


def _times(a: tuple[float, ...] | None, b: tuple[float, ...] | None) -> tuple[float, ...] | None:
    if a is None or b is None or len(a) != len(b):
        return a or b
    return tuple(x * y for x, y in zip(a, b, strict=True))


def read_image(
    attributes: Mapping[str, object], multiscale: Multiscale, arrays: Sequence[StoredArray]
) -> NgffImage:
    """Put together the facts of an image.

    Parameters
    ----------
    attributes
        Of the group (for a plain array: of the array).
    multiscale, arrays
        The arrays it names, in its order.

    Raises
    ------
    CorruptSourceError
        Metadata and arrays contradict each other.
    """
    full = arrays[0]
    axes = _axes_of(multiscale, full)
    try:
        own = _own_facts(attributes, full)
        facts, layout = own or _foreign_facts(attributes, multiscale, axes, full)
        y, x = layout.index("y"), layout.index("x")
        assert y is not None
        assert x is not None
        used = _usable_levels(arrays, y, x)
        levels = tuple(
            Level(a.shape[x], a.shape[y], a.chunk_shape[x], a.chunk_shape[y])
            for a in (arrays[i] for i in used)
        )
        facts = {"mm_x": _mm(multiscale, axes, x), "mm_y": _mm(multiscale, axes, y)} | facts
        info = ImageInfo(
            format="ome-zarr",
            levels=levels,
            dtype=full.dtype,
            served_levels=ServedLevels.TWO_FINER,
            open_format=True,
            chunked=True,
            **facts,
        )
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise CorruptSourceError(f"the image's metadata make no sense: {error}") from error
    if info.frames > MOST_FRAMES:
        raise CorruptSourceError(f"{info.frames} frames must be invalid: {MOST_FRAMES} at most")
    return NgffImage(info, layout, used)


def _axes_of(multiscale: Multiscale, array: StoredArray) -> tuple[NgffAxis, ...]:
    count = len(array.shape)
    axes = multiscale.axes
    if axes is None:
        told = array.names if array.names and all(array.names) else tuple(_OLD_AXES[-count:])
        axes = tuple(NgffAxis(str(name).lower()) for name in told)
    if len(axes) != count or count < 2:
        raise CorruptSourceError(
            f"the metadata name the axes {[a.name for a in axes]}, the array has {count} dimensions"
        )
    names = [axis.name for axis in axes]
    if "x" not in names and "y" not in names:  # latitude, longitude …: the last two are meant
        last = (NgffAxis("y", axes[-2].unit), NgffAxis("x", axes[-1].unit))
        axes, names = (*axes[:-2], *last), [*names[:-2], "y", "x"]
    if len(set(names)) != len(names) or not {"x", "y"} <= set(names):
        raise CorruptSourceError(f"the axes {names} are not those of an image")
    return axes


def _usable_levels(arrays: Sequence[StoredArray], y: int, x: int) -> tuple[int, ...]:
    """Return the arrays that are smaller pictures of the same frames."""
    full, used = arrays[0], [0]
    for number, array in enumerate(arrays[1:], 1):
        before = arrays[used[-1]]
        same = len(array.shape) == len(full.shape) and all(
            a == b for i, (a, b) in enumerate(zip(array.shape, full.shape, strict=True))
            if i not in (x, y)
        )  # fmt: skip
        if (
            same
            and array.dtype == full.dtype
            and array.shape[x] <= before.shape[x]
            and array.shape[y] <= before.shape[y]
            and (array.shape[x], array.shape[y]) != (before.shape[x], before.shape[y])
        ):
            used.append(number)
    return tuple(used)


def pixel_size(multiscale: Multiscale) -> tuple[float | None, float | None]:
    """Return the millimetres of a pixel along x and y, as the scale of level 0 says."""
    axes = multiscale.axes or ()
    places = {axis.name: number for number, axis in enumerate(axes)}
    if not {"x", "y"} <= set(places):
        return None, None
    return _mm(multiscale, axes, places["x"]), _mm(multiscale, axes, places["y"])


def _mm(multiscale: Multiscale, axes: Sequence[NgffAxis], index: int) -> float | None:
    """Return millimetres per pixel along an axis, None where unit or scale is not told."""
    scale = multiscale.scales[0] if multiscale.scales else None
    unit = length_mm(axes[index].unit or "")
    if scale is None or unit is None or len(scale) != len(axes):
        return None
    size = scale[index] * unit
    return size if 0 < size < float("inf") else None


def _own_facts(
    attributes: Mapping[str, object], full: StoredArray
) -> tuple[dict[str, Any], ArrayLayout] | None:
    """Return what this program wrote; None where it didn't, or the array has changed since."""
    own = attributes.get(OWN_KEY)
    if not isinstance(own, dict) or "dimensions" not in own:
        return None
    facts = facts_from_json(own)
    dimensions = tuple(
        Dimension(str(d["name"]), tuple(map(str, d["components"]))) for d in own["dimensions"]
    )
    layout = ArrayLayout(dimensions, facts["axes"], facts["bands"])
    y, x = layout.index("y"), layout.index("x")
    if len(dimensions) != len(full.shape) or y is None or x is None:
        return None
    if layout.shape(full.shape[x], full.shape[y]) != full.shape:
        return None
    return facts, layout


def _foreign_facts(
    attributes: Mapping[str, object],
    multiscale: Multiscale,
    axes: Sequence[NgffAxis],
    full: StoredArray,
) -> tuple[dict[str, object], ArrayLayout]:
    """Return the facts of an image that somebody else wrote."""
    ome = ome_attributes(attributes)
    channels = _channels(ome)
    sizes = {axis.name: size for axis, size in zip(axes, full.shape, strict=True)}
    bands_axis = _bands_axis(sizes, channels, full.dtype)
    bands = sizes[bands_axis] if bands_axis else 1
    scale = multiscale.scales[0] if multiscale.scales else None
    kept = _frame_axes(axes, scale, sizes, bands_axis, named=any(_has_name(c) for c in channels))
    names = {axis.name for axis in kept} | {"x", "y"}
    dimensions = tuple(
        Dimension(a.name, (BANDS,) if a.name == bands_axis else (a.name,) * (a.name in names))
        for a in axes
    )
    # Colours need three or four bands of integers; ``s`` alone says only that they are samples.
    color = bands in (3, 4) and full.dtype in (np.uint8, np.uint16)
    interpretation = Interpretation.RGB if color else Interpretation.MULTIBAND
    if "image-label" in ome and bands == 1 and full.dtype.kind in "iub":
        interpretation = Interpretation.LABELS
    elif bands == 1:
        interpretation = Interpretation.GRAY
    facts: dict[str, Any] = {
        "bands": bands,
        "interpretation": interpretation,
        "alpha": color and bands == 4,
        "axes": kept,
        "channels": channels if "c" in names and len(channels) == sizes["c"] else (),
        "band_names": tuple(c.name for c in channels) if bands == len(channels) > 1 else (),
        "description": multiscale.description,
    }
    return facts, ArrayLayout(dimensions, kept, bands)


def _has_name(channel: Channel) -> bool:
    return not _NO_NAME.fullmatch(channel.name.strip())


def _bands_axis(
    sizes: Mapping[str, int], channels: Sequence[Channel], dtype: np.dtype
) -> str | None:
    if BANDS in sizes:
        return BANDS
    # slides have their colours as channels without names; deeper samples are measurements
    if dtype == np.uint8 and sizes.get("c") in (3, 4) and not any(_has_name(c) for c in channels):
        return "c"
    return None


def _frame_axes(
    axes: Sequence[NgffAxis],
    scale: Sequence[float] | None,
    sizes: Mapping[str, int],
    bands_axis: str | None,
    *,
    named: bool,
) -> tuple[Axis, ...]:
    """Return the frame axes, slowest first; of those with one position only a named channel."""
    told = scale if scale and len(scale) == len(axes) else ()
    steps = {axis.name: step for axis, step in zip(axes, told, strict=False)}
    kept = [
        axis for axis in axes
        if axis.name not in ("x", "y", bands_axis)
        and (sizes[axis.name] > 1 or (axis.name == "c" and named) or axis.values)
    ]  # fmt: skip
    order = {"t": 1, "z": 2, "c": 3}
    kept.sort(key=lambda axis: axis.name, reverse=True)
    kept.sort(key=lambda axis: order.get(axis.name, 0))
    return tuple(_frame_axis(axis, sizes[axis.name], steps.get(axis.name)) for axis in kept)


def _frame_axis(axis: NgffAxis, size: int, step: float | None) -> Axis:
    """Return an axis with the values that are listed, else as far apart as the scale says.

    Without a unit the scale says nothing: NGFF asks for a number, and 1 is what writers put there.
    """
    if axis.values and len(axis.values) == size:
        return Axis(axis.name, size, axis.values, axis.unit)
    known, even = _UNITS.get(axis.name, (None, None))
    if even and known and known(axis.unit or "") and size > 1 and step and 0 < step < math.inf:
        step, unit = even(step, axis.unit)
        return Axis(axis.name, size, tuple(step * number for number in range(size)), unit)
    return Axis(axis.name, size, None, axis.unit)


def _channels(ome: Mapping[str, object]) -> tuple[Channel, ...]:
    omero = ome.get("omero")
    listed = omero.get("channels") if isinstance(omero, dict) else None
    if not isinstance(listed, list):
        return ()
    return tuple(_channel(c, i) for i, c in enumerate(listed) if isinstance(c, dict))


def _channel(channel: Mapping[str, object], number: int) -> Channel:
    color = channel.get("color")
    window = channel.get("window")
    shown = None
    if isinstance(window, dict):
        low, high = window.get("start"), window.get("end")
        if isinstance(low, int | float) and isinstance(high, int | float):
            shown = (float(low), float(high))
    good = isinstance(color, str) and re.fullmatch(r"#?[0-9a-fA-F]{6}", color)
    return Channel(
        str(channel.get("label") or f"Channel {number}"),
        "#" + str(color).lstrip("#").lower() if good else None,
        shown,
    )
