"""An image's facts as JSON and back: what OME-Zarr has no place for goes under ``ziggurat``."""

import base64
import binascii
import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

from ziggurat.readers.model.image import (
    GIVEN,
    Axis,
    Channel,
    GeoReference,
    GroundControlPoint,
    ImageInfo,
    Interpretation,
)

VERSION = 1
_SIZES = ("mm_x", "mm_y", "magnification")
_PLAIN = ("alpha", *_SIZES, "description", "background", "band_names", "withheld")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


def facts_to_json(info: ImageInfo) -> dict[str, object]:
    """Return all facts but levels, dtype, names of associated images and ``internal``.

    What is at its default is left out.
    """
    facts: dict[str, Any] = {
        "version": VERSION,
        "bands": info.bands,
        "interpretation": info.interpretation.value,
        "axes": [_axis_to_json(axis) for axis in info.axes],
        "channels": [dataclasses.asdict(channel) for channel in info.channels],
        "icc_profile": base64.b64encode(info.icc_profile or b"").decode("ascii"),
        "nodata": info.nodata,
        "palette": info.palette,
        "geo": dataclasses.asdict(info.geo) if info.geo else None,
        "properties": dict(info.properties),
        "given": info.given,
    }
    facts |= {name: getattr(info, name) for name in _PLAIN}
    return {name: _jsonable(value) for name, value in facts.items() if value or value == 0}


def _axis_to_json(axis: Axis) -> dict[str, object]:
    facts = dataclasses.asdict(axis)
    return {name: value for name, value in facts.items() if value is not None}


def _jsonable(value: object) -> object:
    """Return a value as JSON knows it; floats that JSON doesn't know become their names."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if hasattr(value, "item"):  # numpy's scalars
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _number(value: object) -> Any:
    """Undo what :func:`_jsonable` did to a float."""
    return float(value["float"]) if isinstance(value, dict) else value


def _value(value: object) -> float | None:
    return None if value is None else float(_number(value))


def _size(value: object) -> float:
    size = float(_number(value))
    if not 0 < size < math.inf:
        raise ValueError(f"{value!r} is no size of a pixel, nor a magnification")
    return size


def _scalar(value: object) -> Any:
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ValueError(f"{value!r} can't be a position's value")
    return value


def facts_from_json(facts: Mapping[str, object]) -> dict[str, Any]:
    """Return keyword arguments for :class:`ImageInfo`.

    Raises
    ------
    ValueError
        The facts are not what :func:`facts_to_json` writes.
    """
    try:
        return _facts_from_json(facts)
    except (LookupError, TypeError, AttributeError, OverflowError, binascii.Error) as error:
        raise ValueError(f"bad facts under 'ziggurat': {error!r}") from error


def _facts_from_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = {name: _size(facts[name]) for name in _SIZES if name in facts}
    known["alpha"] = facts.get("alpha") is True
    if facts.get("description"):
        known["description"] = str(facts["description"])
    if facts.get("background"):
        known["background"] = tuple(float(_number(v)) for v in facts["background"])
    for name in ("band_names", "withheld"):
        known[name] = tuple(map(str, facts.get(name, ())))
    known["bands"] = int(facts["bands"])
    known["interpretation"] = Interpretation(facts["interpretation"])
    known["axes"] = tuple(_axis_from_json(axis) for axis in facts.get("axes", ()))
    known["channels"] = tuple(_channel_from_json(item) for item in facts.get("channels", ()))
    known["properties"] = dict(facts.get("properties", {}))
    if isinstance(facts.get("given"), Mapping):
        given = facts["given"]
        known["internal"] = {name: given[name] for name in GIVEN if name in given}
    if facts.get("icc_profile"):
        known["icc_profile"] = base64.b64decode(facts["icc_profile"], validate=True)
    nodata = facts.get("nodata")
    known["nodata"] = tuple(map(_value, nodata)) if isinstance(nodata, list) else _value(nodata)
    if palette := facts.get("palette"):
        known["palette"] = tuple((int(r), int(g), int(b), int(a)) for r, g, b, a in palette)
    if facts.get("geo"):
        known["geo"] = _geo_from_json(facts["geo"])
    return known


def _axis_from_json(axis: Mapping[str, Any]) -> Axis:
    values, unit = axis.get("values"), axis.get("unit")
    kept, by_frame = _scalars(values), _scalars(axis.get("by_frame"))
    unit = None if unit is None else str(unit)
    return Axis(str(axis["name"]), int(axis["size"]), kept, unit, by_frame)


def _scalars(values: Any) -> tuple[Any, ...] | None:
    return None if values is None else tuple(_scalar(_number(value)) for value in values)


def _channel_from_json(channel: Mapping[str, Any]) -> Channel:
    window = channel.get("window")
    kept = None if window is None else (float(_number(window[0])), float(_number(window[1])))
    color = channel.get("color")
    if color is not None and not _COLOR.fullmatch(color):
        raise ValueError(f"{color!r} is no colour of a channel")
    return Channel(str(channel["name"]), color, kept)


def _geo_from_json(geo: Mapping[str, Any]) -> GeoReference:
    transform = geo.get("transform")
    points = tuple(
        GroundControlPoint(*(float(p[n]) for n in ("pixel_x", "pixel_y", "x", "y")))
        for p in geo.get("gcps", ())
    )
    if transform is None:
        return GeoReference(str(geo["projection"]), None, points)
    a, b, c, d, e, f = (float(number) for number in transform)
    return GeoReference(str(geo["projection"]), (a, b, c, d, e, f), points)
