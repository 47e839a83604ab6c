"""What of a map an output has no place for: each fact alone is told, and nothing that is none."""

import dataclasses
from typing import Any

import numpy as np

from tests.each import each
from ziggurat.readers.model.image import GeoReference
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.map_facts import lost_map_facts


def lost(bands: list[dict[str, Any]], **facts: Any) -> tuple[str, ...]:
    plain = array_reader(np.zeros((8, 8, len(bands)), np.uint8)).info
    gdal = {"bands": bands, **facts.pop("gdal", {})}
    holds_place = facts.pop("holds_place", True)
    info = dataclasses.replace(plain, internal={"gdal": gdal}, **facts)
    return lost_map_facts(info, holds_place=holds_place)


@each("number", [0, 1, 2])
@each(
    "facts, words",
    [
        ({"scale": 1.0, "offset": 0.0, "units": ""}, ""),
        ({"mask": "all valid"}, ""),
        ({"mask": "nodata"}, ""),
        ({"scale": 0.1}, "scale of bands"),
        ({"scale": 0.0}, "scale of bands"),
        ({"offset": 1.0}, "offset of bands"),
        ({"offset": -273.15, "scale": 1.0}, "offset of bands"),
        ({"units": "m"}, "units of bands"),
        ({"scale": 2.0, "units": "m"}, "scale, units of bands"),
        ({"categories": ["a", "b"]}, "category names"),
        ({"mask": "per dataset"}, "the mask that is no band"),
        ({"mask": "band"}, "the mask that is no band"),
    ],
)
def test_a_fact_of_any_band(facts: dict[str, Any], words: str, number: int) -> None:
    bands: list[dict[str, Any]] = [{}, {}, {}]
    bands[number] = facts
    told = lost(bands)
    assert len(told) == bool(words)
    assert all(sentence.startswith(words) for sentence in told)


def test_facts_of_the_whole() -> None:
    place = GeoReference("EPSG:3857", (0, 1, 0, 0, 0, -1))
    assert lost([{}], geo=place) == ()
    assert len(lost([{}], geo=place, holds_place=False)) == 1
    assert "rational polynomials" in lost([{}], gdal={"rpc": {"LINE_OFF": "1"}})[0]
    assert lost([{}, {"mask": "per dataset"}], alpha=True) == ()
