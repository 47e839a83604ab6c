"""A key's tile is one object, however often it is laid: a retry neither doubles nor fails."""

from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.formats.sink_store.log import layout


@pytest.mark.parametrize("blend", ["over", "sum"])
def test_a_keyed_tile_is_put_once(tmp_path: Path, blend: str) -> None:
    tile = np.full((20, 30), 7, np.uint8)
    root = tmp_path / "store"
    with ziggurat.new(root, store="log", blend=blend) as sink:
        for _ in range(3):
            sink.addTile(tile, key="task 1")
        segments = [path for path in (root / layout.SEGMENTS).iterdir() if path.is_file()]
        assert len(segments) == 1
        sink.addTile(tile, x=30, key="task 2")
        assert len(list((root / layout.SEGMENTS).iterdir())) == 2
        np.testing.assert_array_equal(
            sink.getRegion(format="numpy")[0][..., 0], np.full((20, 60), 7)
        )
