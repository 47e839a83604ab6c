"""Which frame axis is slower: frame n of a sink is the image that scripts of the reference mean."""

from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import SinkInputError

pytestmark = pytest.mark.usefixtures("kind")


def tile(z: int, c: int) -> np.ndarray:
    return np.full((8, 8, 3), 10 * c + z, np.uint8)


def values(source: ziggurat.Source | ziggurat.Sink) -> list[int]:
    frames = range(source.frames)
    return [int(source.getRegion(format="numpy", frame=n)[0][0, 0, 0]) for n in frames]


@pytest.mark.parametrize("name", ["a.tiff", "a.ome.tiff", "a.zarr"])
def test_of_new_axes_in_one_call_the_last_named_is_the_slowest(tmp_path: Path, name: str) -> None:
    with ziggurat.new() as sink:
        for z in range(3):
            for c in range(2):
                sink.addTile(tile(z, c), z=z, c=c)
        sink.write(tmp_path / name, lossy=False)
        with ziggurat.open(tmp_path / name) as written:
            for source in (sink, written):
                assert source.metadata["IndexStride"] == {"IndexZ": 1, "IndexC": 3}
                assert values(source) == [0, 1, 2, 10, 11, 12]


def test_an_axis_of_a_later_call_is_slower() -> None:
    with ziggurat.new() as sink:
        sink.addTile(tile(0, 0), z=2)
        sink.addTile(tile(0, 0), t=1, c=1)
        assert sink.frameAxes == ["c", "t", "z"]


@pytest.mark.parametrize("axes", ["zcyxs", "zcyx", ["z", "c", "y", "x", "s"]])
def test_axes_name_the_order_of_what_keywords_place(axes: str | list[str]) -> None:
    with ziggurat.new() as sink:
        for z in range(3):
            for c in range(2):
                sink.addTile(tile(z, c), axes=axes, c=c, z=z)
        assert sink.frameAxes == ["z", "c"]
        assert values(sink) == [0, 10, 1, 11, 2, 12]


def test_placed_axes_come_before_those_of_the_tile() -> None:
    with ziggurat.new() as sink:
        stack = np.stack([tile(z, 1) for z in range(3)])
        sink.addTile(stack, axes="tczyxs", t=1, c=1)
        assert sink.frameAxes == ["t", "c", "z"]
        assert values(sink) == [0] * 9 + [10, 11, 12]


def test_axes_that_nothing_places_are_refused() -> None:
    with ziggurat.new() as sink, pytest.raises(SinkInputError, match="don't name the 3 dimensions"):
        sink.addTile(tile(0, 0), axes="zcyxs", c=1)


def test_frames_tell_of_c_t_and_z_where_one_of_them_is() -> None:
    with ziggurat.new() as sink:
        for c in range(2):
            sink.addTile(tile(0, c), c=c)
        entries = sink.getMetadata()["frames"]
        assert [entry["IndexC"] for entry in entries] == [0, 1]
        assert {(entry["IndexT"], entry["IndexZ"]) for entry in entries} == {(0, 0)}
        assert sink.getMetadata()["IndexRange"] == {"IndexC": 2}


def test_frames_of_other_axes_alone_tell_of_these() -> None:
    with ziggurat.new() as sink:
        for n in range(2):
            sink.addTile(tile(0, n), round=n)
        assert set(sink.getMetadata()["frames"][0]) == {"Frame", "Index", "IndexROUND"}
