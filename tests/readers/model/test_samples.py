"""Numbers of samples: rounded into any type, and which of them are no data."""

from typing import Any

import numpy as np

from tests.each import each
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.model.samples import cast_rounded, nodata_by_band, stay_valid

INTEGERS = [f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)]


@each("name", INTEGERS)
def test_numbers_are_rounded_and_stay_within_their_type(name: str) -> None:
    dtype, limits = np.dtype(name), np.iinfo(name)
    ends = [float(limits.min), float(limits.max)]
    values = [0.0, 0.5, 1.5, 2.49, -0.4, 99.6, -1e300, 1e300, *ends, ends[0] * 2 - 1, ends[1] * 2]
    found = cast_rounded(np.array(values), dtype)
    assert found.dtype == dtype
    due = [min(max(int(np.rint(value)), limits.min), limits.max) for value in values]
    assert found.tolist() == due


@each("name", INTEGERS)
def test_a_value_that_happens_to_be_nodata_becomes_its_neighbour(name: str) -> None:
    limits = np.iinfo(name)
    for value, due in ((limits.max, limits.max - 1), (limits.min, limits.min + 1), (7, 8)):
        if float(value) == int(value):
            found = stay_valid(np.array([[[value]]], name), (float(value),))
            assert found.ravel().tolist() == [due], value


@each(
    "bands, alpha, nodata, due",
    [(1, False, None, None), (2, False, 0.0, (0.0, 0.0)), (2, True, 0.0, (0.0, None)),
     (4, True, (1.0, 2.0, 3.0, 4.0), (1.0, 2.0, 3.0, None)), (2, True, (None, 4.0), None),
     (2, False, (None, 4.0), (None, 4.0)), (2, False, (None, None), None)])  # fmt: skip
def test_alpha_has_no_nodata(bands: int, alpha: bool, nodata: Any, due: Any) -> None:
    level, kind = Level(4, 4, 4, 4), Interpretation.MULTIBAND
    info = ImageInfo("made", (level,), bands, np.dtype("u1"), kind, alpha=alpha, nodata=nodata)
    assert nodata_by_band(info) == due
