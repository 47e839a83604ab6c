"""Frames and their axes: numbers, positions and the dictionaries of the public metadata."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ziggurat.readers.errors import TileRangeError
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.image import Axis, ImageInfo

PLAIN = "frame"  # the axis of frames of which nobody knows what they are


def check_frame(info: ImageInfo, frame: int | None) -> int:
    """Return the frame number; None is the first.

    Raises
    ------
    TileRangeError
        There is no such frame.
    """
    if frame is None:
        return 0
    number = whole_number("frame", frame, error=TileRangeError)
    if not 0 <= number < info.frames:
        raise TileRangeError(
            f"there are {info.frames} frames, 0 to {info.frames - 1}, not {number}"
        )
    return number


def frame_axes(info: ImageInfo, frame: int) -> dict[str, int]:
    """Return the position of a frame on each axis; ``{'frame': n}`` where there are no axes."""
    number = check_frame(info, frame)
    return info.frame_position(number) if info.axes else {"frame": number}


def axes_frame(info: ImageInfo, position: Mapping[str, int]) -> int:
    """Return the frame at a position. Axis names in any case; ``frame`` alone is a short cut.

    Raises
    ------
    TileRangeError
        An axis that isn't there, or a position outside of it.
    """
    if position.get("frame") is not None:
        return check_frame(info, position["frame"])
    named = {name.lower(): index for name, index in position.items() if name != "frame"}
    try:
        return info.frame_number(named)
    except (KeyError, IndexError) as error:
        raise TileRangeError(str(error.args[0])) from error


def index_name(axis: Axis) -> str:
    """Return the public name of an axis' positions, as ``IndexC``."""
    return f"Index{axis.name.upper()}"


def strides(info: ImageInfo) -> dict[str, int]:
    """Return how many frames lie between neighbours on each axis, in frame order."""
    found, stride = {}, 1
    for axis in reversed(info.axes):
        found[axis.name] = stride
        stride *= axis.size
    return found


def channel_names(info: ImageInfo) -> list[str] | None:
    """Return the names of the channels where the image tells them."""
    return [channel.name for channel in info.channels] or None


def frames_metadata(info: ImageInfo) -> dict[str, object]:
    """Return the keys that ``getMetadata`` has for images of several frames, else nothing."""
    if info.frames < 2:
        return {}
    steps = strides(info)
    long_axes = [axis for axis in info.axes if axis.size > 1 and axis.name != PLAIN]
    result: dict[str, Any] = {"frames": _frame_list(info)}
    if long_axes:
        result["IndexRange"] = {index_name(axis): axis.size for axis in long_axes}
        result["IndexStride"] = {index_name(axis): steps[axis.name] for axis in long_axes}
    names = channel_names(info)
    if names:
        result["channels"] = names
        result["channelmap"] = {name: number for number, name in enumerate(names)}
    for axis in info.axes:
        if axis.values is not None:
            result[f"Value{axis.name.upper()}"] = _value_facts(axis, info)
    return result


def _frame_list(info: ImageInfo) -> list[dict[str, object]]:
    """Return one dictionary per frame.

    ``Index`` counts the frames without regard to channels: all channels of one place share it.
    An image that has one of the axes c, t and z is told to be at 0 on the others: scripts that
    copy frames look at all three.
    """
    names = channel_names(info)
    usual = {"IndexC": 0, "IndexT": 0, "IndexZ": 0}
    known = {} if usual.keys().isdisjoint(map(index_name, info.axes)) else usual
    values = {axis.name: info.frame_values(axis) for axis in info.axes if axis.values is not None}
    found = []
    for number in range(info.frames):
        position = info.frame_position(number)
        entry: dict[str, Any] = {"Frame": number, **known}
        index = 0
        for axis in info.axes:
            if axis.name != PLAIN:
                entry[index_name(axis)] = position[axis.name]
            if axis.name != "c":
                index = index * axis.size + position[axis.name]
            if axis.values is not None:
                entry[f"Value{axis.name.upper()}"] = values[axis.name][number]
        entry["Index"] = index
        if names and "c" in position and position["c"] < len(names):
            entry["Channel"] = names[position["c"]]
        found.append(entry)
    return found


def _value_facts(axis: Axis, info: ImageInfo) -> dict[str, object]:
    """Return what is known of an axis' values; ``uniform``: no frame differs at its position."""
    values = list(axis.values or ())
    alike = {isinstance(value, str) for value in values}
    ordered = len(alike) == 1 and None not in values
    plain = values if ordered else np.array(values, object)
    return {
        "values": values,
        "uniform": info.frame_values(axis) == info.frame_values(replace(axis, by_frame=None)),
        "units": axis.unit,
        "min": min(values) if ordered else None,
        "max": max(values) if ordered else None,
        "datatype": np.array(plain).dtype.name,
    }
