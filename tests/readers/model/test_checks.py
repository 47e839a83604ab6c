"""Arguments that are no whole numbers or no members are refused in the same words everywhere."""

from enum import Enum
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.errors import OptionError, TileRangeError
from ziggurat.readers.model.checks import finite_number, one_of, one_text, whole_number


class Color(Enum):
    RED = "red"
    BLUE = "blue"


@each("value", [3, np.int64(3), np.uint8(3), 3.0, np.float32(3), "3", " 3 "])
def test_whole_numbers_of_any_kind_are_taken(value: Any) -> None:
    number = whole_number("bins", value, 1)
    assert (number, type(number)) == (3, int)


@each("value", [True, np.True_, 3.5, "3.5", "x", None, np.nan, np.inf, [3], 0, -1])
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


@pytest.mark.parametrize("value", [8, 4096, 17, "x"])
def test_limits_and_multiples_are_told(value: Any) -> None:
    with pytest.raises(OptionError, match="tile must be a multiple of 16 from 16 to 1024, not"):
        whole_number("tile", value, 16, most=1024, multiple=16)
    assert whole_number("tile", 512, 16, most=1024, multiple=16) == 512


@each("value", [True, "1", None, 1j, np.nan, -0.1, 1.1, 10**400])
def test_shares_are_numbers_within_limits(value: Any) -> None:
    with pytest.raises(OptionError, match="share must be a number from 0 to 1, not"):
        finite_number("share", value, 0, most=1)
    assert finite_number("share", np.float32(0.5), 0, most=1) == 0.5


def test_what_is_endless_or_zero_is_no_size() -> None:
    with pytest.raises(OptionError, match="mm_x must be a number above 0, not 0"):
        finite_number("mm_x", 0, above=0)
    with pytest.raises(OptionError, match="mm_x must be a finite number, not inf"):
        finite_number("mm_x", np.inf)


@pytest.mark.parametrize("value", ["Keep", None, 1, ["keep"]])
def test_texts_are_taken_as_they_stand(value: Any) -> None:
    with pytest.raises(OptionError, match="associated must be one of 'keep', 'drop', not"):
        one_text("associated", value, ("keep", "drop"))
    assert one_text("associated", "drop", ("keep", "drop")) == "drop"


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(OptionError) as caught:
        one_text("store", "x" * 10_000, ("log",))
    assert len(str(caught.value)) < 200
