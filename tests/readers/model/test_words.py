"""The dictionaries that are given out have the keys that their types tell an editor."""

from pathlib import Path
from typing import get_type_hints

import numpy as np
import tifffile

import ziggurat
from ziggurat.readers.model.words import (
    AxisValues,
    FrameMetadata,
    ImageMetadata,
    TileFacts,
)


def test_what_is_given_is_what_the_types_say(tmp_path: Path) -> None:
    pixels = np.zeros((2, 3, 40, 50), np.uint16)
    axes = {"axes": "ZCYX", "Channel": {"Name": ["a", "b", "c"]}}
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, metadata=axes)
    with ziggurat.open(tmp_path / "a.ome.tif") as source:
        metadata = source.getMetadata()
        assert metadata.keys() <= get_type_hints(ImageMetadata).keys()
        assert ImageMetadata.__required_keys__ <= metadata.keys()
        for frame in metadata["frames"]:
            assert frame.keys() <= get_type_hints(FrameMetadata).keys()
        plain = next(iter(source.tileIterator(format="numpy")))
        smaller = next(iter(source.tileIterator(format="numpy", output={"maxWidth": 20})))
        known = get_type_hints(TileFacts).keys()
        assert plain.keys() <= known
        assert smaller.keys() <= known
        assert plain.keys() | smaller.keys() == known


def test_axes_with_values_say_what_they_stand_for() -> None:
    with ziggurat.new() as sink:
        sink.addTile(np.zeros((8, 8), np.uint8), z=0, z_value=1.5)
        sink.addTile(np.zeros((8, 8), np.uint8), z=1, z_value=2.5)
        values = sink.getMetadata()["ValueZ"]
        assert values.keys() == get_type_hints(AxisValues).keys()


def test_a_sink_without_a_tile_has_all_keys() -> None:
    with ziggurat.new() as sink:
        assert ImageMetadata.__required_keys__ == sink.getMetadata().keys()
