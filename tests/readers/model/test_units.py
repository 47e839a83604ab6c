"""The one table of units: symbols, names, and what people write."""

import pytest

from tests.each import each
from ziggurat.readers.constants import TileInputUnits
from ziggurat.readers.model.units import (
    length_mm,
    length_name,
    length_step,
    length_symbol,
    time_name,
    time_seconds,
    time_step,
    time_symbol,
)

# The specification of OME-NGFF 0.4, section "axes": units that readers should know.
LENGTHS = """angstrom attometer centimeter decimeter exameter femtometer foot gigameter hectometer
inch kilometer megameter meter micrometer mile millimeter nanometer parsec petameter picometer
terameter yard yoctometer yottameter zeptometer zettameter"""
TIMES = """attosecond centisecond day decisecond exasecond femtosecond gigasecond hectosecond hour
kilosecond megasecond microsecond millisecond minute nanosecond petasecond picosecond second
terasecond yoctosecond yottasecond zeptosecond zettasecond"""


@each("name", LENGTHS.split())
def test_lengths_of_ngff_keep_their_name(name: str) -> None:
    assert length_name(name) == name
    assert length_name(length_symbol(name)) == name
    assert length_mm(name)


@each("name", TIMES.split())
def test_times_of_ngff_keep_their_name(name: str) -> None:
    assert time_name(name) == name
    assert time_name(time_symbol(name)) == name
    assert time_seconds(name)


@each(
    "spelt, millimetres",
    [("nm", 1e-6), ("um", 1e-3), ("\u03bcm", 1e-3), ("\u00b5m", 1e-3), ("microns", 1e-3),
     ("cm", 10.0), ("inch", 25.4), ("km", 1e6), ("a", 1e-7), ("\u212b", 1e-7),
     ("thou", 0.0254), ("mil", 0.0254), ("pt", 0.352777777777778), ("li", 2.11666666666667),
     ("ft", 304.8),
     ("yd", 914.4), ("mi", 1609344.0), ("ua", 149597870700e3), ("ly", 9460730472580800e3)],
)  # fmt: skip
def test_spellings_are_one_length_without_dust(spelt: str, millimetres: float) -> None:
    assert length_mm(spelt) == millimetres


@each("text", ["", None, "pixel", "reference frame", "s", 3])
def test_what_is_no_length_is_none(text: object) -> None:
    assert length_mm(text) is None
    assert length_symbol(text) is None
    assert length_name(text) is None


def test_the_units_of_regions_are_of_the_table() -> None:
    other = {"base_pixels", "mag_pixels", "fraction", "projection"}
    lengths = {u for u in TileInputUnits.values() if u not in other and not u.startswith("proj4:")}
    assert lengths == {"nm", "um", "mm", "m", "km"}
    assert all(length_mm(unit) for unit in lengths)


@pytest.mark.parametrize(
    ("spelt", "millimetres"), [("MM", 1.0), ("PM", 1e-9), ("Mm", 1e9), ("NM", 1e-6), ("CM", 10.0)]
)
def test_capital_letters_mean_the_usual_unit(spelt: str, millimetres: float) -> None:
    assert length_mm(spelt) == millimetres


@each(
    "step, unit, told",
    [(5, "nm", (5, "nm")), (0.5, "cm", (5000, "µm")), (1, "inch", (25400, "µm")),
     (2, "Å", (0.0002, "µm")), (3, "pixels", (3, "pixels")), (3, "", (3, None))])  # fmt: skip
def test_steps_along_an_axis_are_in_usual_lengths(
    step: float, unit: str, told: tuple[float, str | None]
) -> None:
    assert length_step(step, unit) == told


@pytest.mark.parametrize(
    ("step", "unit", "told"),
    [(5, "ms", (5, "ms")), (2, "h", (7200, "s")), (4, "microsecond", (4e-6, "s"))],
)
def test_steps_in_time_are_in_usual_times(
    step: float, unit: str, told: tuple[float, str | None]
) -> None:
    assert time_step(step, unit) == told
