"""Arrays of levels are indexed as numpy's are, and frames are told by their axes alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

INDICES: list[Any] = [
    np.s_[:], np.s_[3], np.s_[-1, -2], np.s_[2:9, 4:30], np.s_[::3, ::5], np.s_[::-1, ::-1],
    np.s_[::-3, 25:3:-4], np.s_[-2::-7, -30::6], np.s_[5:5], np.s_[30:2, 1], np.s_[..., 1],
    np.s_[4, ..., 2], np.s_[:, :, ::-1], np.s_[2:8, 3, 0:2], np.s_[40:-60:-11, 7], np.s_[-100:3],
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(INDICES)))
def test_any_index(number: int, made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    pixels = gradient[:41, :53]
    source, index = made_source(pixels, tile=16, levels=1), INDICES[number]
    for array, due in ((source, pixels), (source.level_arrays()[1], None)):
        whole = array[:] if due is None else due
        np.testing.assert_array_equal(array[index], whole[index])


@pytest.mark.parametrize(
    ("axes", "told"),
    [("i", {"IndexI"}), ("z", {"IndexC", "IndexT", "IndexZ"}),
     ("c", {"IndexC", "IndexT", "IndexZ"}), ("q", {"IndexQ"})],
)  # fmt: skip
def test_what_is_told_of_a_frame(
    axes: str, told: set[str], made_source: Callable[..., Any]
) -> None:
    source = made_source(np.zeros((3, 20, 30), np.uint8), f"{axes}yx")
    for number, entry in enumerate(source.metadata["frames"]):
        assert set(entry) == told | {"Frame", "Index"}
        assert {entry[key] for key in told} <= {0, number}
