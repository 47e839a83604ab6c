"""All that is told of a file, and all its pixels, against what was put into it."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.image import ImageInfo

Array = np.ndarray[Any, np.dtype[Any]]
_APART = {"levels", "axes", "channels", "properties", "internal", "backend", "declined", "geo"}


def told(info: ImageInfo) -> dict[str, Any]:
    """Return the facts of an image that are not the usual ones, as plain values."""
    found: dict[str, Any] = {
        "levels": [(one.width, one.height, one.tile_width, one.tile_height) for one in info.levels],
        "axes": [(one.name, one.size, one.values, one.unit) for one in info.axes],
        "channels": [(one.name, one.color, one.window) for one in info.channels],
    }
    for field in dataclasses.fields(info):
        value = getattr(info, field.name)
        if field.name not in _APART and value != field.default:
            found[field.name] = value
    found["dtype"], found["interpretation"] = info.dtype.name, info.interpretation.value
    if "served_levels" in found:
        found["served_levels"] = info.served_levels.value
    if info.geo is not None:
        found["transform"] = info.geo.transform
    return {name: value for name, value in found.items() if value != []}


def _near(due: dict[str, Any], name: str) -> Any:
    told = due.get(name)
    return None if told is None else pytest.approx(told, rel=due.get("about", 1e-9))


def check(path: Path, planes: list[Array], due: dict[str, Any]) -> None:
    """Compare facts, all pixels of all levels (frame, y, x, band), and what a user is told."""
    due = dict(due)
    served, beside = due.pop("served"), due.pop("beside", {})
    tile_width, tile_height = due.pop("tile", due["levels"][0][2:])  # what users are served
    due["associated"] = tuple(beside)
    with open_reader(path) as reader:
        found = {"associated": (), **told(reader.info)}
        for name in ("mm_x", "mm_y"):
            assert found.pop(name, None) == _near(due, name)
        assert found == {k: v for k, v in due.items() if k not in ("mm_x", "mm_y", "about")}
        for level, stored in enumerate(planes):
            for frame, pixels in enumerate(stored):
                rect = reader.info.levels[level].rect
                np.testing.assert_array_equal(reader.plane(level, frame).read(rect), pixels)
        for name, pixels in beside.items():
            np.testing.assert_array_equal(reader.associated(name).read(), pixels)
    width, height = due["levels"][0][:2]
    with ziggurat.open(path) as source:
        facts: dict[str, Any] = dict(source.getMetadata())
    shown = {
        "levels": served, "sizeX": width, "sizeY": height, "tileWidth": tile_width,
        "tileHeight": tile_height, "dtype": due["dtype"], "bandCount": due["bands"],
    }  # fmt: skip
    assert {name: facts[name] for name in shown} == shown
    for name in ("mm_x", "mm_y"):
        assert facts[name] == _near(due, name)
    if "magnification" in due:
        assert facts["magnification"] == due["magnification"]
    axes = {f"Index{one[0].upper()}": one[1] for one in due.get("axes", ())}
    assert facts.get("IndexRange", {}) == axes
    assert facts.get("channels", []) == [one[0] for one in due.get("channels", ())]
