"""Opening a sink's store by its path, while it grows and when it is damaged."""

import sys
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.errors import CorruptSourceError


def tile(value: int) -> np.ndarray:
    return np.full((256, 256, 3), value, np.uint8)


@pytest.mark.skipif(sys.platform != "linux", reason="stores are written on Linux")
def test_an_open_source_shows_tiles_that_come_later(tmp_path: Path) -> None:
    sink = ziggurat.new(tmp_path / "growing.zarr", tileSize=256)
    sink.addTile(tile(10), 0, 0)
    sink.addTile(tile(20), 256, 256)
    with ziggurat.open(tmp_path / "growing.zarr") as source:
        top = source.levels - 1
        region = {"left": 250, "top": 0, "width": 10, "height": 10}
        for value in (0, 30, 40):  # nothing yet, then a tile, then another in its place
            if value:
                sink.addTile(tile(value), 256, 0)
            served = source.getTile(1, 0, top, numpyAllowed=True)
            assert (served == value).all()
            read = source.getRegion(region=region, format="numpy")[0]
            assert (read[:, :6] == 10).all()
            assert (read[:, 6:] == value).all()
            small = source.getTile(0, 0, 0, numpyAllowed=True)  # shrunk from all four
            assert (small[10, 200] == value).all()
            iterated = [part["tile"][0, 0, 0] for part in source.tileIterator()]
            assert iterated == [10, value, 0, 20]
    sink.close()


@pytest.mark.parametrize("file", ["structure", "header"])
def test_a_damaged_store_is_not_taken_for_a_plain_array(tmp_path: Path, file: str) -> None:
    path = tmp_path / "damaged.zarr"
    sink = ziggurat.new(path)
    sink.addTile(tile(10), 0, 0)
    sink.close()
    damaged = next(one for one in path.rglob(f"*{file}*") if one.stat().st_size > 0)
    damaged.write_bytes(damaged.read_bytes()[:10])
    with pytest.raises(CorruptSourceError, match=f"{file} of the store"):
        ziggurat.open(path)
