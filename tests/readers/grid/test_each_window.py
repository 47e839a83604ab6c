"""From what is asked to a rectangle and a size: each way to ask, against whole numbers by hand."""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.constants import TileInputUnits
from ziggurat.readers.errors import OptionError, RegionError
from ziggurat.readers.grid.iteration import plan_iteration
from ziggurat.readers.grid.pyramid import Pyramid
from ziggurat.readers.grid.regions import Window, check_keys, clipped, plan_window, region_bounds
from ziggurat.readers.grid.tiles import GridRequest
from ziggurat.readers.grid.units import Unit, parse_unit, pixels_per_unit
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.model.units import length_mm

INFO = ImageInfo("made", (Level(400, 300, 64, 48), Level(200, 150, 64, 48)), 1, np.dtype("u1"),
                 Interpretation.GRAY, mm_x=0.5, mm_y=0.25, magnification=20.0)  # fmt: skip
PYRAMID = Pyramid(INFO)
HERE = {"left": 10, "top": 20, "width": 105, "height": 51}


@each("scale, output, size, found", [
        (None, None, (105, 51), 1), ({}, {}, (105, 51), 1),
        ({"magnification": 10}, None, (52, 25), 2), ({"magnification": 40}, None, (210, 102), 0.5),
        ({"mm_x": 1.0}, None, (52, 25), 2), ({"mm_y": 1.0}, None, (26, 12), 4),
        ({"magnification": 0.3}, None, (1, 1), None),  # the height is rounded up to one
        ({"magnification": 0.1}, None, None, None),  # there is no width left
        (None, {"maxWidth": 50}, (50, 24), 2.1), (None, {"maxHeight": 17}, (35, 17), 3),
        (None, {"maxWidth": 50, "maxHeight": 10}, (20, 10), 5.1),
        (None, {"maxWidth": 50, "maxHeight": 50}, (50, 24), 2.1),
        (None, {"maxWidth": 210}, (210, 102), 0.5), (None, {"maxWidth": 0}, None, None),
        (None, {"maxHeight": 0}, None, None), (None, {"maxWidth": 50, "maxHeight": 0}, None, None),
        ({"magnification": 10}, {"maxWidth": 21}, (21, 10), 5),
        (None, {"maxWidth": None}, (105, 51), 1),
        (None, {"path": "x"}, (105, 51), 1),
        ({"magnification": 10, "exact": True}, None, (52, 25), 2),
        ({"magnification": 9, "exact": True}, None, None, None),
        ({"magnification": 40, "exact": True}, None, None, None),
    ])  # fmt: skip
def test_sizes_that_come_out(scale: Any, output: Any, size: Any, found: float | None) -> None:
    window = plan_window(PYRAMID, HERE, scale, output)
    if size is None:
        assert window is None
        return
    assert window is not None
    assert window.rect == Rect(10, 20, 105, 51)
    assert (window.width, window.height) == size
    if found is not None:
        assert window.scale == pytest.approx(found, abs=1e-3)


@each("region", [{"left": 400}, {"top": 300}, {"left": 50, "right": 50}, {"left": 60, "right": 50},
     {"width": 0}, {"height": 0.4}])  # fmt: skip
def test_nothing_is_left_of_a_region_without_pixels(region: Any) -> None:
    assert plan_window(PYRAMID, region) is None


def test_a_region_is_as_large_as_its_unit_says_whatever_comes_out() -> None:
    """``mag_pixel`` goes by the scale that is asked for, not by the size that comes out."""
    region = {"left": 5, "top": 10, "width": 50, "height": 25, "units": "mag_pixels"}
    due = Rect(10, 20, 100, 50)
    for output, size in ((None, (50, 25)), ({"maxWidth": 20}, (20, 10))):
        found = plan_window(PYRAMID, region, {"magnification": 10}, output)
        assert isinstance(found, Window)
        assert (found.rect, (found.width, found.height)) == (due, size)
    plain = plan_window(PYRAMID, region)
    assert plain is not None
    assert plain.rect == Rect(5, 10, 50, 25)


EDGES = {"left": (30, 0), "right": (90, 0), "width": (40, 0), "top": (12, 1), "bottom": (60, 1),
         "height": (24, 1)}  # fmt: skip
UNITS = {
    "base_pixels": (1.0, 1.0), "mag_pixels": (2.0, 2.0), "fraction": (400.0, 300.0),
    "mm": (2.0, 4.0), "um": (0.002, 0.004), "m": (2000.0, 4000.0),
}  # fmt: skip


def test_each_unit_of_edges_beside_each_of_sizes() -> None:
    """Pixels are twice as wide as high."""
    cases: Any = list(itertools.product(UNITS, UNITS))
    for unit, other in cases:
        for names in (
            ("left", "width", "top", "height"), ("right", "width", "bottom", "height"),
            ("left", "top"), ("right", "bottom"), ("width", "height"),
            ("left", "right", "width", "top", "bottom", "height"),
        ):  # fmt: skip
            words: dict[str, Any] = {"units": unit, "unitsWH": other}
            for name in names:
                pixels, axis = EDGES[name]
                words[name] = pixels / UNITS[other if name in ("width", "height") else unit][axis]
            left, top, right, bottom = 0.0, 0.0, 400.0, 300.0
            if "left" in names:
                left = 30
                right = 70 if "width" in names else right
            elif "right" in names:
                right = 90
                left = 50 if "width" in names else left
            elif "width" in names:
                right = 40
            if "top" in names:
                top = 12
                bottom = 36 if "height" in names else bottom
            elif "bottom" in names:
                bottom = 60
                top = 36 if "height" in names else top
            elif "height" in names:
                bottom = 24
            found = region_bounds(INFO, words, 2.0)
            assert found == pytest.approx((left, top, right, bottom)), (names, words)


def test_edges_below_zero_are_counted_from_the_far_side_in_any_unit() -> None:
    for unit, (across, down) in UNITS.items():
        words = {"left": -50 / across, "right": -10 / across, "top": -30 / down,
                 "bottom": -6 / down, "units": unit}  # fmt: skip
        assert region_bounds(INFO, words, 2.0) == pytest.approx((350, 270, 390, 294)), unit


def test_all_names_of_units_are_known() -> None:
    for name, unit in TileInputUnits.items():
        found = parse_unit(name)
        assert found == Unit(unit, projected=unit == "projection" or unit.startswith("proj4:"))
        assert parse_unit(found) is found
        if isinstance(name, str):
            assert parse_unit(name.upper()) == found
        if found.projected:
            with pytest.raises(RegionError, match="can't be mixed"):
                pixels_per_unit(INFO, found, 1.0)
        elif found.name not in ("base_pixels", "mag_pixels", "fraction"):
            length = length_mm(found.name)
            assert length is not None
            assert pixels_per_unit(INFO, found, 7.0) == (length / 0.5, length / 0.25)
            for missing in ({"mm_x": None}, {"mm_y": None}, {"mm_x": 0.0}):
                with pytest.raises(RegionError, match="need a known pixel size"):
                    pixels_per_unit(dataclasses.replace(INFO, **missing), found, 1.0)


@each("name", ["EPSG:3857", "+proj=merc", "+init=x", "urn:ogc:def", "nad83", "WGS72", 'PROJCS["x"]',
     'ProjCRS["x"]', '{"type": 1}', "crs84"])  # fmt: skip
def test_names_of_systems_on_earth(name: str) -> None:
    assert parse_unit(name) == Unit(name, projected=True)


@each("name", ["foo", "", " ", 5, b"mm", "merc", "nad8", ["mm"]])
def test_names_that_are_none(name: object) -> None:
    with pytest.raises(RegionError, match="no unit"):
        parse_unit(name)


@each("edge", list(EDGES))
def test_edges_that_are_no_numbers(edge: str) -> None:
    cases: Any = ["a", [1], math.nan, math.inf, -math.inf, "nan"]
    for bad in cases:
        with pytest.raises(RegionError, match=f"region {edge} must be"):
            region_bounds(INFO, {edge: bad})


def test_words_that_nobody_knows() -> None:
    assert check_keys("x", None, {"a"}) == {}
    assert check_keys("x", {"a": None, "b": 0}, {"a", "b"}) == {"b": 0}
    with pytest.raises(OptionError, match=r"x has no 'c', 'd'; it knows \['a', 'b'\]"):
        check_keys("x", {"d": None, "c": 1}, {"b", "a"})
    for bad in ("a", [("a", 1)], 5):
        with pytest.raises(OptionError, match="x must be a dictionary"):
            check_keys("x", bad, {"a"})
    for words in ({"region": {"x": 1}}, {"scale": {"x": 1}}, {"output": {"x": 1}}):
        with pytest.raises(OptionError, match="has no 'x'"):
            plan_window(PYRAMID, **words)


@each("bounds, rect", [
        ((0.5, 1.5, 2.5, 3.5), (0, 2, 2, 4)), ((-5, -5, 5, 5), (0, 0, 5, 5)),
        ((390, 290, 500, 500), (390, 290, 400, 300)), ((500, 500, 600, 600), (400, 300, 400, 300)),
        ((9, 9, 3, 3), (9, 9, 9, 9)), ((-9, -9, -3, -3), (0, 0, 0, 0)),
        ((1.49, 1.51, 7.49, 7.51), (1, 2, 7, 8)),
    ])  # fmt: skip
def test_bounds_are_rounded_and_clipped(bounds: Any, rect: Any) -> None:
    found = clipped(INFO, bounds)
    assert (found.x, found.y, found.right, found.bottom) == rect


def test_tiles_and_overlaps_of_another_scale_are_larger_in_both_directions_by_as_much() -> None:
    """Read at 10, shown at 7: 10/7 as many pixels, rounded up, of a core and of an overlap."""
    window = plan_window(PYRAMID, None, {"magnification": 7})
    request = GridRequest({"width": 32, "height": 24}, {"x": 3, "y": 9})
    found = plan_iteration(PYRAMID, window, request)
    assert found is not None
    assert found.scaling == pytest.approx(10 / 7, rel=1e-4)
    assert (found.grid.x.size, found.grid.x.overlap) == (42 + 5, 5)
    assert (found.grid.y.size, found.grid.y.overlap) == (22 + 13, 13)
