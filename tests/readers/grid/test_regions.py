"""Regions in any unit, against plain arithmetic and each other."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.each import each
from ziggurat.readers.errors import OptionError, RegionError
from ziggurat.readers.grid.pyramid import Pyramid
from ziggurat.readers.grid.regions import (
    Window,
    clipped,
    fit,
    plan_window,
    region_bounds,
    wanted_scale,
)
from ziggurat.readers.grid.units import parse_unit, pixels_per_unit
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.views.array import array_reader

PLAIN = array_reader(np.zeros((2967, 2220, 3), np.uint8), tile=240).info
INFO = dataclasses.replace(PLAIN, mm_x=0.000499, mm_y=0.000499, magnification=20.0)


def rect(region: dict, scale: float = 1.0, info: ImageInfo = INFO) -> tuple[int, int, int, int]:
    found = clipped(info, region_bounds(info, region, scale))
    return found.x, found.y, found.right, found.bottom


@each(
    "region, expected",
    [
        ({}, (0, 0, 2220, 2967)),
        ({"left": 10, "top": 10}, (10, 10, 2220, 2967)),
        ({"left": -100, "top": -50}, (2120, 2917, 2220, 2967)),
        ({"right": -100, "width": 50, "height": 3}, (2070, 0, 2120, 3)),
        ({"left": 10.4, "top": 10.5, "width": 100.5, "height": 11.5}, (10, 10, 111, 22)),
        ({"right": 100, "width": 200}, (0, 0, 100, 2967)),
        ({"left": 5, "right": 100, "width": 20}, (5, 0, 100, 2967)),  # both edges win
        ({"left": 0.25, "right": 0.5, "units": "fraction"}, (555, 0, 1110, 2967)),
        ({"left": 3000, "width": 10}, (2220, 0, 2220, 2967)),
        ({"left": 100, "right": 50}, (100, 0, 100, 2967)),
        ({"left": None, "units": None}, (0, 0, 2220, 2967)),
    ],
)
def test_edges_and_sizes(region: dict, expected: tuple[int, ...]) -> None:
    assert rect(region) == expected


def test_sizes_may_have_a_unit_of_their_own() -> None:
    region = {"left": 0.1, "top": 0.1, "width": 100, "height": 50, "units": "mm"}
    left, top, right, bottom = rect({**region, "unitsWH": "base_pixels"})
    assert (left, top, right - left, bottom - top) == (200, 200, 100, 50)
    for far in ({"right": 1.0, "bottom": 0.9}, {"right": -0.1}):  # sizes are meant
        found = rect({**region, **far, "unitsWH": "base_pixels"})
        assert found == (left, top, right, bottom)
    assert rect({"right": 100, "width": 0.01, "unitsWH": "fraction"}) == (78, 0, 100, 2967)
    edges = {"left": 10, "right": 60, "top": 5, "bottom": 9, "unitsWH": "base_pixels"}
    assert rect(edges) == (10, 5, 60, 9)  # no size is given
    assert rect({**edges, "height": 20}) == (10, 5, 60, 25)


def test_mag_pixels_follow_the_scale() -> None:
    region = {"left": 100, "top": 0, "width": 100, "height": 100, "units": "mag_pixels"}
    assert rect(region, 4.0) == (400, 0, 800, 400)


@each("name", ["nm", "micron", "µm", "μm", "Millimeters", "m", "km"])
def test_lengths_agree_with_each_other(name: str) -> None:
    per_mm = {
        "nm": 1e6,
        "micron": 1e3,
        "µm": 1e3,
        "μm": 1e3,
        "Millimeters": 1,
        "m": 1e-3,
        "km": 1e-6,
    }
    x, y = pixels_per_unit(INFO, parse_unit(name), 1.0)
    assert x * per_mm[name] == pytest.approx(1 / 0.000499)
    assert y == x


def test_a_length_needs_a_pixel_size() -> None:
    with pytest.raises(RegionError, match=r"'mm' need a known pixel size.*'fraction'"):
        rect({"left": 1, "units": "mm"}, info=PLAIN)


def test_unknown_names_are_errors_that_name_the_known() -> None:
    with pytest.raises(RegionError, match=r"no unit 'foo'.*fraction"):
        rect({"units": "foo"})
    with pytest.raises(OptionError, match=r"region has no 'lefft'.*'left'"):
        rect({"lefft": 3})
    with pytest.raises(OptionError, match=r"scale has no 'mag'"):
        wanted_scale(Pyramid(INFO), {"mag": 3})
    with pytest.raises(RegionError, match="left must be a number, not 'a'"):
        rect({"left": "a"})
    with pytest.raises(RegionError, match="finite"):
        rect({"left": float("nan")})
    with pytest.raises(RegionError, match="'projection' need an image with a place on earth"):
        rect({"left": 3, "units": "projection"})


@pytest.mark.parametrize("bad", [-1, 100.5, "7.5", True])
def test_output_limits_are_whole_numbers(bad: object) -> None:
    with pytest.raises(OptionError, match="output maxWidth must be a whole number"):
        plan_window(Pyramid(INFO), output={"maxWidth": bad})


def test_nothing_fits_into_no_width() -> None:
    assert plan_window(Pyramid(INFO), output={"maxWidth": 0}) is None


@each(
    "region, arguments, size",
    [
        ((1000, 900), {"scale": {"magnification": 10}}, (500, 450)),
        ((1000, 900), {"scale": {"magnification": 7}}, (349, 314)),
        ((1000, 900), {"scale": {"mm_x": 0.001}}, (498, 449)),
        ((1000, 900), {"scale": {"mm_x": 0.001, "mm_y": 0.002}}, (352, 317)),
        ((1000, 900), {"scale": {"magnification": 40}}, (2000, 1800)),
        ((1000, 900), {"scale": {"magnification": 0}}, (1000, 900)),
        ((1000, 900), {"output": {"maxWidth": 1}}, (1, 1)),
        ((1000, 900), {"output": {"maxWidth": 100, "maxHeight": 10}}, (11, 10)),
        ((1000, 900), {"output": {"maxWidth": 5000}}, (5000, 4500)),
        ((1000, 900), {"output": {"maxWidth": 100}, "scale": {"magnification": 7}}, (100, 90)),
    ],
)
def test_sizes_that_come_out(region: tuple[int, int], arguments: dict, size: tuple) -> None:
    place = {"left": 100, "top": 150, "width": region[0], "height": region[1]}
    window = plan_window(Pyramid(INFO), place, **arguments)
    assert window is not None
    assert (window.width, window.height) == size
    assert window.rect == Rect(100, 150, *region)


def test_exact_scales_are_those_of_levels() -> None:
    assert wanted_scale(Pyramid(INFO), {"magnification": 5, "exact": True}) == 4
    assert wanted_scale(Pyramid(INFO), {"magnification": 7, "exact": True}) is None
    assert wanted_scale(Pyramid(INFO), {"magnification": 40, "exact": True}) is None
    assert plan_window(Pyramid(INFO), scale={"magnification": 7, "exact": True}) is None


def test_a_scale_must_be_positive() -> None:
    with pytest.raises(OptionError, match="magnification must be a number greater than zero"):
        wanted_scale(Pyramid(INFO), {"magnification": -3})
    with pytest.raises(OptionError, match="mm_x must be a number, not 'a'"):
        wanted_scale(Pyramid(INFO), {"mm_x": "a"})


sizes = st.integers(1, 5000)


@given(sizes, sizes, st.integers(1, 3000), st.one_of(st.none(), st.integers(1, 3000)))
def test_what_fits_fits_and_is_as_large_as_can_be(
    width: int, height: int, max_width: int, max_height: int | None
) -> None:
    across, down, scale = fit(width, height, max_width, max_height)
    limit = 16 * max_width if max_height is None else max_height
    assert 1 <= across <= max_width
    assert 1 <= down <= limit
    assert across == max_width or down == limit
    assert abs(across * scale - width) <= scale or across == 1
    assert abs(down * scale - height) <= scale or down == 1


def test_a_sliver_does_not_become_endless() -> None:
    assert fit(16, 718, 78, None)[:2] == (27, 1248)
    assert fit(16, 718, None, 900)[:2] == (20, 900)


def test_where_a_rounded_width_is_its_limit_the_height_is_too() -> None:
    assert fit(416, 3007, 6, 47)[:2] == (6, 47)  # seen in the reference's answers
    assert fit(3007, 416, 47, 6)[:2] == (47, 6)


units = st.sampled_from(["base_pixels", "mm", "um", "fraction", "mag_pixels"])


@given(st.integers(0, 2000), st.integers(0, 2900), st.integers(1, 220), st.integers(1, 60), units)
def test_the_same_region_in_any_unit_is_the_same(
    left: int, top: int, width: int, height: int, unit: str
) -> None:
    x, y = pixels_per_unit(INFO, parse_unit(unit), 3.0)
    region = {
        "left": left / x,
        "top": top / y,
        "width": width / x,
        "height": height / y,
        "units": unit,
    }
    assert rect(region, 3.0) == (left, top, min(left + width, 2220), min(top + height, 2967))
    other = {
        "right": (left + width) / x,
        "bottom": (top + height) / y,
        "width": width / x,
        "height": height / y,
        "units": unit,
    }
    assert rect(other, 3.0) == rect(region, 3.0)


@given(
    st.dictionaries(
        st.sampled_from(["left", "top", "right", "bottom", "width", "height"]),
        st.floats(-1e4, 1e4),
    ),
    st.floats(0.2, 50),
)
def test_whatever_is_asked_stays_inside_the_image(region: dict, shrink: float) -> None:
    window = plan_window(Pyramid(INFO), region, {"magnification": 20 / shrink})
    if window is not None:
        assert isinstance(window, Window)
        assert window.rect == window.rect.intersect(INFO.levels[0].rect)
        assert not window.rect.empty
        assert window.width >= 1 <= window.height


@each("across", [("left", "right"), ("left", "width"), ("width", "right")])
@each("down", [("top", "bottom"), ("top", "height"), ("height", "bottom")])
def test_sizes_in_a_projection_are_from_the_top_down(
    across: tuple[str, str], down: tuple[str, str]
) -> None:
    every = {"left": 10, "right": 35, "width": 25, "top": 90, "bottom": 60, "height": 30}
    asked: list[object] = []

    def geo(*edges: Any) -> tuple[float, ...]:
        asked.append(edges)
        return 100.0, 200.0, 150.0, 260.0

    region = {key: every[key] for key in (*across, *down)} | {"units": "EPSG:3857"}
    assert region_bounds(INFO, region, geo=geo) == (100, 200, 150, 260)
    assert asked == [(10, 90, 35, 60, "EPSG:3857")]
