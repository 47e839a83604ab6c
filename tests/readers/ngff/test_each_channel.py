"""What viewers are told of each channel, of labels, of axes: every entry of an OME-Zarr's words."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation, Level
from ziggurat.readers.ngff.attributes import (
    WrittenLevel,
    image_attributes,
    image_label,
    stored_label,
    versioned,
)
from ziggurat.readers.ngff.layout import ngff_layout
from ziggurat.readers.ngff.version import OmeVersion

KIND = Interpretation
PLAIN = ImageInfo("made", (Level(9, 7, 4, 4),), 1, np.dtype("u2"), KIND.GRAY)


def attributes(info: ImageInfo, version: OmeVersion = OmeVersion.V05, **more: Any) -> Any:
    layout = ngff_layout(info.axes, info.bands)
    levels = [WrittenLevel("a", 9, 7), WrittenLevel("b", 5, 4)]
    return image_attributes(info, layout, levels, version, name="a name", **more)


def channels(info: ImageInfo, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = attributes(info, **more)["ome"]["omero"]["channels"]
    return found


RGB = ["FF0000", "00FF00", "0000FF"]
CYCLE = [*RGB, "FF00FF", "00FFFF", "FFFF00", "FFFFFF"]
C3 = (Axis("c", 3),)
NAMED = (Channel("dye", "#12ab9f", (5.0, 9.0)), Channel("b"), Channel("", "#0000ff"))


@each("facts, labels, colors", [
        ({}, ["Channel 0"], ["FFFFFF"]),
        ({"band_names": ("depth",)}, ["depth"], ["FFFFFF"]),
        ({"channels": (Channel("one", "#010203"),)}, ["one"], ["010203"]),
        ({"bands": 3, "interpretation": KIND.RGB}, ["red", "green", "blue"], RGB),
        ({"bands": 4, "interpretation": KIND.RGB}, ["red", "green", "blue", "alpha"],
         [*RGB, "FFFFFF"]),
        ({"bands": 3, "interpretation": KIND.RGB, "band_names": ("a", "b", "c")},
         ["a", "b", "c"], RGB),
        ({"bands": 2, "interpretation": KIND.MULTIBAND}, ["Band 1", "Band 2"], CYCLE[:2]),
        ({"bands": 9, "interpretation": KIND.MULTIBAND},
         [f"Band {n}" for n in range(1, 10)], [*CYCLE, *CYCLE[:2]]),
        ({"bands": 2, "interpretation": KIND.MULTIBAND, "band_names": ("nir", "swir")},
         ["nir", "swir"], CYCLE[:2]),
        ({"axes": C3}, ["c0", "c1", "c2"], RGB),
        ({"axes": C3, "channels": NAMED}, ["dye", "b", "Channel 2"],
         ["12AB9F", "00FF00", "0000FF"]),
        ({"axes": C3, "channels": NAMED[:2]}, ["c0", "c1", "c2"], RGB),
        ({"axes": (Axis("c", 2),), "bands": 2, "interpretation": KIND.MULTIBAND,
          "channels": NAMED[:2]},
         ["dye Band 1", "dye Band 2", "b Band 1", "b Band 2"], [*CYCLE[:2], *CYCLE[:2]]),
    ])  # fmt: skip
def test_names_and_colours(facts: dict[str, Any], labels: list[str], colors: list[str]) -> None:
    found = channels(dataclasses.replace(PLAIN, **facts))
    assert [channel["label"] for channel in found] == labels
    assert [channel["color"] for channel in found] == colors
    shown = len(found) <= 7
    assert [c["active"] for c in found] == [shown or n < 7 for n in range(len(found))]


@pytest.mark.parametrize(
    ("dtype", "limits"), [("u1", (0, 255)), ("i2", (-32768, 32767)), ("f4", None), ("?", (0, 1))]
)
def test_windows(dtype: str, limits: tuple[int, int] | None) -> None:
    """The channel's own, else what the pixels are like, else all that the type holds."""
    info = dataclasses.replace(PLAIN, dtype=np.dtype(dtype), axes=C3, channels=NAMED)
    low, high = limits or (0.0, 1.0)
    found = [c["window"] for c in channels(info)]
    own = {"start": 5.0, "end": 9.0}
    ends = limits or (5.0, 9.0)
    assert found[0] == {"min": min(ends[0], 5.0), "max": max(ends[1], 9.0)} | own
    assert found[1] == found[2] == {"min": low, "max": high, "start": low, "end": high}
    told = [(-40000.0, 2.0), (1.0, 70000.0), None]
    found = [c["window"] for c in channels(info, windows=told)]
    assert found[0]["start"] == 5.0
    wide = limits or (1.0, 70000.0)
    assert found[1] == {"min": min(wide[0], 1.0), "max": 70000.0, "start": 1.0, "end": 70000.0}
    assert found[2] == {"min": low, "max": high, "start": low, "end": high}
    assert [c["window"] for c in channels(info, windows=told[:2])] == [
        c["window"] for c in channels(info)
    ]


def test_more_channels_than_can_be_listed() -> None:
    for count in (4096, 4097):
        info = dataclasses.replace(PLAIN, axes=(Axis("c", count),))
        assert ("omero" in attributes(info)["ome"]) is (count == 4096)


@pytest.mark.parametrize(
    ("axes", "rdefs"),
    [
        ((), {"model": "greyscale"}), (C3, {"model": "color"}),
        ((Axis("t", 2),), {"model": "greyscale", "defaultT": 0}),
        ((Axis("z", 2),), {"model": "greyscale", "defaultZ": 0}),
        ((Axis("t", 2), Axis("c", 2), Axis("z", 3)),
         {"model": "color", "defaultT": 0, "defaultZ": 0}),
    ],
)  # fmt: skip
def test_what_is_shown_first(axes: tuple[Axis, ...], rdefs: dict[str, Any]) -> None:
    omero = attributes(dataclasses.replace(PLAIN, axes=axes))["ome"]["omero"]
    assert omero["rdefs"] == rdefs
    assert omero["name"] == "a name"


@pytest.mark.parametrize("version", list(OmeVersion))
def test_each_version_has_its_words_where_it_wants_them(version: OmeVersion) -> None:
    info = dataclasses.replace(PLAIN, axes=C3)
    made = attributes(info, version, associated={"label": "x/label"})
    own = made.pop("ziggurat")
    assert own["associated"] == {"label": "x/label"}
    assert [d["name"] for d in own["dimensions"]] == ["c", "y", "x"]
    if version is OmeVersion.V05:
        assert list(made) == ["ome"]
        assert made["ome"]["version"] == "0.5"
        assert "version" not in made["ome"]["multiscales"][0]
        made = made["ome"]
    else:
        assert made["multiscales"][0]["version"] == made["omero"]["version"] == version.value
    (multiscale,) = made["multiscales"]
    assert multiscale["name"] == "a name"
    assert [entry["path"] for entry in multiscale["datasets"]] == ["a", "b"]
    assert versioned({}, OmeVersion.V04) == {}


@each(
    "axis, kind, unit",
    [
        (Axis("t", 2, None, "s"), "time", "second"),
        (Axis("t", 2, None, "millisecond"), "time", "millisecond"),
        (Axis("t", 2, None, "micrometer"), "time", None),
        (Axis("z", 2, None, "µm"), "space", "micrometer"),
        (Axis("z", 2, None, "nm"), "space", "nanometer"),
        (Axis("z", 2, None, "second"), "space", None),
        (Axis("c", 2, None, "nm"), "channel", None),
        (Axis("z", 2), "space", None),
    ],
)
def test_kinds_and_units_of_axes(axis: Axis, kind: str, unit: str | None) -> None:
    info = dataclasses.replace(PLAIN, axes=(axis,), mm_y=0.5)
    told, y, x = attributes(info)["ome"]["multiscales"][0]["axes"]
    assert told == {"name": axis.name, "type": kind} | ({"unit": unit} if unit else {})
    assert y == {"name": "y", "type": "space", "unit": "micrometer"}
    assert x == {"name": "x", "type": "space"}


COLOR = {"label-value": 3, "rgba": [1, 2, 3, 4]}


@each("colors, kept", [
        ([COLOR], [COLOR]), ([COLOR, {"label-value": 1.5, "rgba": [0, 0, 255]}], None),
        ([{"label-value": True, "rgba": [1, 2, 3]}, COLOR], [COLOR]),
        ([{"label-value": "3", "rgba": [1, 2, 3]}, COLOR], [COLOR]),
        ([{"rgba": [1, 2, 3]}, 5, None, COLOR], [COLOR]),
        ([{"label-value": 1, "rgba": [1, 2]}, COLOR], [COLOR]),
        ([{"label-value": 1, "rgba": [1, 2, 3, 4, 5]}, COLOR], [COLOR]),
        ([{"label-value": 1, "rgba": [1, 2, 256]}, COLOR], [COLOR]),
        ([{"label-value": 1, "rgba": [1, 2, -1]}, COLOR], [COLOR]),
        ([{"label-value": 1, "rgba": [1, 2, 0.5]}, COLOR], [COLOR]),
        ([{"label-value": 1, "rgba": (1, 2, 3)}, COLOR], [COLOR]),
        ([{"label-value": 1}, COLOR], [COLOR]),
        ({"label-value": 3}, []), (None, []),
    ])  # fmt: skip
def test_colours_of_labels_that_an_ome_zarr_tells(colors: Any, kept: Any) -> None:
    kept = colors if kept is None else kept
    good, endless = {"label-value": 1, "area": 5}, {"label-value": 2, "area": math.nan}
    label = {"colors": colors, "properties": [good, endless, {"area": 3}]}
    internal = {"zarr": {"base": {"ome": {"image-label": label}}}}
    assert stored_label(internal) == (kept, [good])
    info = dataclasses.replace(PLAIN, interpretation=KIND.LABELS, internal=internal)
    made: Any = image_label(info, OmeVersion.V04)
    assert made["version"] == "0.4"
    assert made["colors"] == (kept or [{"label-value": 0, "rgba": [0, 0, 0, 0]}])
    assert made["properties"] == [good]
    ome = attributes(info)["ome"]
    assert ome["image-label"] == made | {"version": "0.5"}
    assert "omero" not in ome


def test_labels_without_colours_have_those_of_the_palette() -> None:
    info = dataclasses.replace(
        PLAIN, interpretation=KIND.LABELS, palette=((0, 0, 0, 0), (9, 8, 7, 255))
    )
    made: Any = image_label(info, OmeVersion.V05)
    assert made["colors"] == [
        {"label-value": 0, "rgba": [0, 0, 0, 0]}, {"label-value": 1, "rgba": [9, 8, 7, 255]},
    ]  # fmt: skip
    assert "properties" not in made
    others: list[dict[str, Any]] = [{}, {"zarr": 5}, {"zarr": {"base": 5}}, {"zarr": {"base": {}}}]
    for internal in others:
        assert stored_label(internal) == ([], [])
