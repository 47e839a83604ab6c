"""Tiles of fewer bands, or of wider floats, in another image: nothing is lost unsaid."""

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import SinkInputError
from ziggurat.readers.formats.sink_store.layout import MAX_AXES


def test_gray_with_alpha_keeps_its_alpha_among_colours() -> None:
    with ziggurat.new() as sink:
        sink.addTile(np.full((10, 10, 4), (10, 20, 30, 200), np.uint8))
        sink.addTile(np.full((10, 10, 2), (90, 40), np.uint8), x=10)
        sink.addTile(np.full((10, 10, 3), (1, 2, 3), np.uint8), x=20)
        sink.addTile(np.full((10, 10, 1), 7, np.uint8), x=30)
        pixels = sink.getRegion(format="numpy")[0][5, 5::10]
    assert pixels.tolist() == [[10, 20, 30, 200], [90, 90, 90, 40], [1, 2, 3, 255], [7, 7, 7, 255]]


@pytest.mark.parametrize("value", [1e300, -1e300])
def test_a_number_too_large_for_the_sinks_floats_is_refused(value: float) -> None:
    with ziggurat.new(dtype="float32") as sink:
        sink.addTile(np.full((4, 4), np.inf))
        sink.addTile(np.full((4, 4), np.nan), x=4)
        with pytest.raises(SinkInputError, match="float32 can't hold"):
            sink.addTile(np.full((4, 4), value), x=8)
        assert sink.sizeX == 8


def test_so_many_axes_and_no_more() -> None:
    names = [f"a{number}" for number in range(MAX_AXES + 1)]
    with ziggurat.new() as sink:
        with pytest.raises(SinkInputError, match=f"up to {MAX_AXES}"):
            sink.frameAxes = names
        sink.frameAxes = names[1:]
        sink.addTile(np.zeros((4, 4), np.uint8), a3=1)
        assert sink.frameAxes == names[1:]
