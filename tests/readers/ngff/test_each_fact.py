"""Each fact of an image through JSON and back, and each number of an OME-Zarr's levels."""

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.model.image import (
    Axis,
    Channel,
    GeoReference,
    GroundControlPoint,
    ImageInfo,
    Interpretation,
    Level,
)
from ziggurat.readers.ngff.attributes import (
    WrittenLevel,
    fill_value,
    image_attributes,
    level_factor,
)
from ziggurat.readers.ngff.facts import facts_from_json, facts_to_json
from ziggurat.readers.ngff.layout import ngff_layout
from ziggurat.readers.ngff.version import OmeVersion

# What the arrays themselves tell, and what is about the file that was read: not kept as a fact.
ELSEWHERE = {
    "format", "levels", "dtype", "associated", "losses", "lossy", "served_levels", "open_format",
    "square_pixels", "composed", "chunked", "backend", "declined",
}  # fmt: skip
PLAIN = ImageInfo("made", (Level(4, 4, 4, 4),), 2, np.dtype("f4"), Interpretation.MULTIBAND)
FACTS: dict[str, list[Any]] = {
    "bands": [1, 7],
    "interpretation": [kind for kind in Interpretation if kind is not PLAIN.interpretation],
    "alpha": [True],
    "axes": [
        (Axis("t", 3, (0.0, 1.5, 4.0), "second", (0.0, 1.5, 4.0)), Axis("z", 1)),
        (Axis("q", 2, (0, 7), None, (0, 1)),),
        (Axis("q", 2, ("a", "b")),),
        (Axis("q", 3, (math.inf, -math.inf, -0.5), "unheard of"),),
        (Axis("t", 2, (0, 5)), Axis("c", 2, None, "x", (0, 1, 2, 3))),
    ],
    "channels": [
        (Channel("b", "#00ff7f", (0.0, 9.5)), Channel("a"), Channel("", None, (-math.inf, 0.0))),
    ],
    "mm_x": [0.25],
    "mm_y": [1e-7],
    "magnification": [2.5],
    "icc_profile": [b"\0\xffprofile"],
    "description": ["<a & b>\n画像"],
    "background": [(0.0, 0.0), (1.0, -math.inf)],
    "nodata": [0.0, -1.5, math.inf, (None, 0.0), (None, None), (0.0, 3.0)],
    "palette": [((0, 1, 2, 3), (255, 254, 253, 0))],
    "band_names": [("two", "one")],
    "geo": [
        GeoReference("EPSG:4326", (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)),
        GeoReference("", None, (GroundControlPoint(1.0, 2.0, 3.0, 4.0),) * 2),
        GeoReference("EPSG:3857"),
    ],
    "properties": [{"b": "2", "a": ["x", {"y": 0.5}], "none": None}],
    "internal": [
        {"imageDescription": "by hand"}, {"additionalMetadata": {"k": [1, "2"]}},
    ],
    "withheld": [("label", "icc_profile")],
}  # fmt: skip


def through(info: ImageInfo) -> dict[str, Any]:
    return facts_from_json(json.loads(json.dumps(facts_to_json(info), allow_nan=False)))


def test_the_facts_are_all_looked_at() -> None:
    assert {field.name for field in dataclasses.fields(ImageInfo)} - ELSEWHERE == set(FACTS)
    parts: list[Any] = [one for values in FACTS.values() for value in values
                        for one in (value if isinstance(value, tuple) else (value,))]  # fmt: skip
    for kind in (Axis, Channel, GeoReference):
        for field in dataclasses.fields(kind):
            values = [getattr(one, field.name) for one in parts if isinstance(one, kind)]
            assert len(set(values)) > 1, f"{kind.__name__}.{field.name} is always the same"


@each("name, value", [(name, value) for name, values in FACTS.items() for value in values])
def test_each_fact_comes_back_and_changes_no_other(name: str, value: Any) -> None:
    info = dataclasses.replace(PLAIN, **{name: value})
    known = dataclasses.asdict(dataclasses.replace(PLAIN, **through(info)))
    assert known == dataclasses.asdict(info)
    if name != "internal":
        assert known != dataclasses.asdict(PLAIN)
    assert type(getattr(dataclasses.replace(PLAIN, **through(info)), name)) is type(value)


def test_nan_comes_back_as_itself() -> None:
    info = dataclasses.replace(
        PLAIN, nodata=math.nan, background=(math.nan, 0.0), axes=(Axis("t", 2, (math.nan, 1.0)),)
    )
    found = through(info)
    assert math.isnan(found["nodata"])
    assert math.isnan(found["background"][0])
    assert math.isnan(found["axes"][0].values[0])


@each("value", [np.float32(0.5), np.int64(3), np.bool_(True), math.nan, -math.inf, "x", 0, False])
def test_numbers_of_any_make_are_json(value: Any) -> None:
    made = facts_to_json(dataclasses.replace(PLAIN, properties={"p": value}))
    json.dumps(made, allow_nan=False)
    assert isinstance(made["properties"], dict)


@pytest.mark.parametrize("name", ["mm_x", "mm_y", "magnification"])
def test_sizes_that_cannot_be_are_refused(name: str) -> None:
    cases: Any = [0, -1, math.nan, math.inf, "wide", None, [1]]
    for bad in cases:
        made = facts_to_json(PLAIN) | {name: bad}
        with pytest.raises(ValueError, match=r"."):
            facts_from_json(made)


NO_VALUES: list[Any] = [[], {"a": 1}, {}]
FLAWED: list[dict[str, Any]] = [
    *({"channels": [{"name": "a", "color": c}]} for c in ("#12345", "12345678", "#gg0000")),
    *({"axes": [{"name": "t", "size": 1, key: [bad]}]}
      for key in ("values", "by_frame") for bad in NO_VALUES),
    {"palette": [[0, 1, 2]]}, {"icc_profile": "a"}, {"bands": "many"}, {"interpretation": "RGB"},
    {"geo": {"projection": "x", "transform": [1, 2, 3, 4, 5]}},
]  # fmt: skip


@each("change", FLAWED)
def test_facts_of_other_kinds_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        facts_from_json(facts_to_json(PLAIN) | change)


def levels_of(info: ImageInfo, sizes: list[tuple[int, int]], **more: Any) -> list[dict[str, Any]]:
    """Return scale and translation of each level by the name of the axis."""
    layout = ngff_layout(info.axes, info.bands)
    levels = [WrittenLevel(str(number), *size) for number, size in enumerate(sizes)]
    made: Any = image_attributes(info, layout, levels, OmeVersion.V05, name="x", **more)["ome"]
    (multiscale,) = made["multiscales"]
    found = []
    for entry in multiscale["datasets"]:
        named: dict[str, Any] = {"path": entry["path"]}
        for step in entry["coordinateTransformations"]:
            values = step[step["type"]]
            axes = [axis["name"] for axis in multiscale["axes"]]
            named[step["type"]] = dict(zip(axes, values, strict=True))
        named["units"] = {axis["name"]: axis.get("unit") for axis in multiscale["axes"]}
        found.append(named)
    return found


@each("averaged", [True, False])
@each("mm_x, mm_y", [(None, None), (0.002, 0.0005), (0.002, None)])
def test_where_the_pixels_of_a_level_lie(
    mm_x: float | None, mm_y: float | None, averaged: bool
) -> None:
    """A pixel that is a mean lies in the middle of those it was made of."""
    info = dataclasses.replace(PLAIN, mm_x=mm_x, mm_y=mm_y, axes=(Axis("z", 2),))
    sizes = [(100, 36), (50, 36), (25, 9), (10, 9)]
    pixel = {"x": 1000 * mm_x if mm_x else 1.0, "y": 1000 * mm_y if mm_y else 1.0}
    factors = [(1, 1), (2, 1), (4, 4), (10, 4)]
    for level, factor in zip(levels_of(info, sizes, averaged=averaged), factors, strict=True):
        by_axis = dict(zip("xy", factor, strict=True))
        for name, times in by_axis.items():
            assert level["scale"][name] == pytest.approx(pixel[name] * times)
            shift = level.get("translation", {}).get(name, 0.0)
            assert shift == pytest.approx(pixel[name] * (times - 1) / 2 if averaged else 0.0)
        assert all(level["scale"][name] == 1 for name in level["scale"] if name not in "xy")
        assert level["units"]["x"] == ("micrometer" if mm_x else None)
        assert level["units"]["y"] == ("micrometer" if mm_y else None)


@each("values, unit, step", [
        ((0.0, 2.5, 5.0), "micrometer", 2.5),
        ((7.0, 7.5), "micrometer", 0.5),
        ((1, 4, 7), "micrometer", 3.0),
        ((0.0, 0.1, 0.2, 0.30000000000000004), "micrometer", 0.1),
        ((0.0, 2.5, 6.0), "micrometer", 1.0),  # uneven
        ((0.0, 2.5, 5.0, 5.0), "micrometer", 1.0),
        ((0.0, 1.0, 3.0), "micrometer", 1.0),
        ((5.0, 2.5, 0.0), "micrometer", 1.0),  # downwards: no scale says that
        ((2.0, 2.0), "micrometer", 1.0),
        ((3.0,), "micrometer", 1.0),
        (("1", "2"), "micrometer", 1.0),
        ((0.0, 2.5, 5.0), None, 1.0),
        (None, "micrometer", 1.0),
    ])  # fmt: skip
def test_the_distance_of_planes_is_told_where_it_is_even(
    values: Any, unit: str | None, step: float
) -> None:
    names: Any = [("z", True), ("t", True), ("angle", False)]
    for name, kept in names:
        said = "second" if unit is not None and name == "t" else unit
        axis = Axis(name, len(values or (0, 0)), values, said)
        info = dataclasses.replace(PLAIN, bands=1, axes=(axis,))
        for level in levels_of(info, [(8, 6), (4, 3)]):
            (axis_name,) = set(level["scale"]) - {"x", "y", "c"}
            assert level["scale"][axis_name] == pytest.approx(step if kept else 1.0)
            assert level.get("translation", {}).get(axis_name, 0) == 0
            if kept:
                assert level["units"][axis_name] == said


@each("full", [1, 7, 8, 100, 741, 1001])
def test_a_size_that_halving_gives_is_a_power_of_two(full: int) -> None:
    """Rounded up or down, however often, as long as the sizes tell which power it is."""
    up, factor = full, 1
    assert level_factor(full, full) == 1
    while up > 2 * factor:
        up, factor = (up + 1) // 2, factor * 2
        assert level_factor(full, up) == level_factor(full, full // factor) == factor
    assert level_factor(1000, 300) == 1000 / 300


@each("background, dtype, due", [
        (None, "u1", 0), ((255.0, 255.0), "u1", 255), ((255.0, 254.0), "u1", 0),
        ((0.5, 0.5), "u1", 0), ((0.5, 0.5), "f4", 0.5), ((256.0, 256.0), "u1", 0),
        ((-1.0, -1.0), "i2", -1), ((math.inf, math.inf), "f4", 0), ((), "u1", 0),
    ])  # fmt: skip
def test_what_chunks_hold_that_are_not_stored(background: Any, dtype: str, due: float) -> None:
    info = dataclasses.replace(PLAIN, dtype=np.dtype(dtype), background=background)
    with np.errstate(invalid="ignore"):
        found = fill_value(info)
    assert (found, type(found)) == (due, type(found))
