"""The names of the ways to halve an image; light, so that options don't import numpy's crowd."""

from enum import StrEnum


class Reducer(StrEnum):
    """How a 2 x 2 block (or, for the last two, a wider neighbourhood) becomes one pixel."""

    MEAN = "mean"
    NEAREST = "nearest"
    MODE = "mode"
    MEDIAN = "median"
    MAX = "max"
    MIN = "min"
    LANCZOS3 = "lanczos3"
    CUBIC = "cubic"
