"""Regions in coordinates, against the same regions in pixels: each choice of edges and sizes."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.errors import RegionError
from ziggurat.readers.grid.regions import region_bounds
from ziggurat.readers.views.array import array_reader

WIDTH, HEIGHT = 40, 30
INFO = dataclasses.replace(
    array_reader(np.zeros((HEIGHT, WIDTH, 3), np.uint8), tile=16).info, mm_x=0.5, mm_y=0.25
)
# Pixels are two units wide and half a unit high; the corner of the image is at (100, 50).
ACROSS, DOWN, LEFT, TOP = 2.0, 0.5, 100.0, 50.0
ASKED: list[tuple[str, str]] = []


def geo(
    left: float | None, top: float | None, right: float | None, bottom: float | None, units: str
) -> tuple[float, ...]:
    """Return edges in pixels: what is not asked for is the image's edge."""
    ASKED.append(("units", units))
    return (
        0.0 if left is None else (left - LEFT) / ACROSS,
        0.0 if top is None else (TOP - top) / DOWN,
        float(WIDTH) if right is None else (right - LEFT) / ACROSS,
        float(HEIGHT) if bottom is None else (TOP - bottom) / DOWN,
    )


def to_units(name: str, value: float) -> float:
    if name in ("left", "right"):
        return LEFT + value * ACROSS
    if name in ("top", "bottom"):
        return TOP - value * DOWN
    return value * (ACROSS if name == "width" else DOWN)


PIXELS = {"left": 7, "right": 22, "width": 9, "top": 5, "bottom": 17, "height": 6}
CHOICES = [
    names for count in range(5) for names in itertools.combinations(PIXELS, count)
]  # fmt: skip
SIDES = {"width": {"left", "right"}, "height": {"top", "bottom"}}


@each("names", CHOICES)
def test_each_choice_of_edges_and_sizes(names: tuple[str, ...]) -> None:
    """Whether a size is told in coordinates, in pixels or in millimetres."""
    pixels = {name: PIXELS[name] for name in names}
    coordinates = {name: to_units(name, value) for name, value in pixels.items()}
    loose = [size for size, edges in SIDES.items() if size in names and not edges & set(names)]
    if loose:  # where from?
        with pytest.raises(RegionError, match=f"region {loose[0]} in 'EPSG:3857' needs its"):
            region_bounds(INFO, {**coordinates, "units": "EPSG:3857"}, geo=geo)
        return
    due = region_bounds(INFO, pixels)
    found = region_bounds(INFO, {**coordinates, "units": "EPSG:3857"}, geo=geo)
    assert found == pytest.approx(due)
    if not {"width", "height"} & set(names):
        return
    sized = region_bounds(INFO, {**pixels, "unitsWH": "base_pixels"})
    for unit, across, down in (
        ("base_pixels", 1.0, 1.0), ("mm", 0.5, 0.25), ("EPSG:3857", ACROSS, DOWN),
    ):  # fmt: skip
        sizes = {"width": 9 * across, "height": 6 * down}
        mixed = {name: sizes.get(name, value) for name, value in coordinates.items()}
        words = {**mixed, "units": "EPSG:3857", "unitsWH": unit}
        assert region_bounds(INFO, words, geo=geo) == pytest.approx(sized), unit


@each("edge", ["left", "top", "right", "bottom"])
@each("at", [-3.0, -300.0, 0.0, 300.0])
def test_edges_beyond_the_image_are_not_counted_from_its_far_side(edge: str, at: float) -> None:
    """In pixels, a negative edge is counted from the right or the bottom; a place never is."""
    found = region_bounds(INFO, {edge: to_units(edge, at), "units": "projection"}, geo=geo)
    due = {"left": 0.0, "top": 0.0, "right": float(WIDTH), "bottom": float(HEIGHT)}
    due[edge] = max(at, 0.0)
    assert found == pytest.approx(tuple(due.values()))


def test_a_region_that_begins_outside_of_the_image_ends_where_it_says() -> None:
    words: dict[str, Any] = {
        "left": to_units("left", -4), "right": to_units("right", 6),
        "top": to_units("top", -2), "bottom": to_units("bottom", 3), "units": "wgs84",
    }  # fmt: skip
    ASKED.clear()
    assert region_bounds(INFO, words, geo=geo) == pytest.approx((0, 0, 6, 3))
    assert len(ASKED) == 1
    with pytest.raises(RegionError, match="place on earth"):
        region_bounds(INFO, words)
