"""Fields of an SVS description are told apart by bars: a value with one would be two fields."""

import dataclasses

import numpy as np

from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.tiff.svs import describe


def test_a_value_with_a_bar_is_left_out() -> None:
    properties = {"aperio.User": "a", "aperio.Note": "x|MPP = 99", "aperio.Left": 3, "other": "b"}
    info = dataclasses.replace(
        array_reader(np.zeros((4, 4, 3), np.uint8)).info, properties=properties, mm_x=0.0005
    )
    (_, *fields) = describe(info, "4x4").split("|")
    told = dict(field.split(" = ", 1) for field in fields)
    assert told["User"] == "a"
    assert told["MPP"] == "0.5"
    assert {"Note", "Left", "other"}.isdisjoint(told)
