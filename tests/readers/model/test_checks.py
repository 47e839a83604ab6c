"""Arguments that are no whole numbers or no members are refused in the same words everywhere."""

from enum import Enum
from typing import Any

import numpy as np
import pytest

from ziggurat.readers.errors import OptionError, TileRangeError
from ziggurat.readers.model.checks import one_of, whole_number


class Color(Enum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), 3.0, np.float32(3), "3", " 3 "])
def test_whole_numbers_of_any_kind_are_taken(value: Any) -> None:
    number = whole_number("bins", value, 1)
    assert (number, type(number)) == (3, int)


@pytest.mark.parametrize(
    "value", [True, np.True_, 3.5, "3.5", "x", None, np.nan, np.inf, [3], 0, -1]
)
def test_what_is_none_is_refused_by_its_name(value: Any) -> None:
    with pytest.raises(OptionError, match="bins must be a whole number of 1 or more, not"):
        whole_number("bins", value, 1)


def test_the_kind_of_error_is_the_callers() -> None:
    with pytest.raises(TileRangeError, match=r"frame must be a whole number, not 1\.5"):
        whole_number("frame", 1.5, error=TileRangeError)


def test_members_are_found_by_value_or_as_they_are() -> None:
    assert one_of("color", "red", Color) is one_of("color", Color.RED, Color) is Color.RED
    with pytest.raises(OptionError, match="color must be one of 'red', 'blue', not 'green'"):
        one_of("color", "green", Color)
