"""What is one object, and what is another: tiles by key or without, stores at one place."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import SinkError, SinkInputError
from ziggurat.readers.formats.sink_store.log import layout
from ziggurat.writers.store.log.store import LogStore, create_log


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


def test_tiles_without_keys_are_each_one_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that two workers lay at the same moment, and the same tile twice."""
    tile = np.full((2, 2), 7, np.uint8)
    with ziggurat.new(tmp_path / "s", store="log", blend="sum") as sink:
        with monkeypatch.context() as patch:
            patch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
            for _ in range(3):
                sink.addTile(tile)
        assert len(list(sink.tiles())) == 3
        assert (sink.getRegion(format="numpy")[0] == 21).all()


def test_a_store_is_not_made_where_one_is(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", store="log", tileSize=32) as sink:
        sink.addTile(np.full((2, 2), 7, np.uint8))
        structure = sink._store.structure
    with pytest.raises(SinkError, match="mode='join'"):
        create_log(str(tmp_path / "s"), structure, (1, 1))
    with ziggurat.new(tmp_path / "s", mode="join") as sink:
        assert (sink.getRegion(format="numpy")[0] == 7).all()


@pytest.mark.parametrize("change", ["another time", "another file", "gone"])
def test_a_store_at_the_place_of_another_is_told_by_the_file_that_makes_it(
    tmp_path: Path, change: str
) -> None:
    """File systems give the number of a file that is gone to the next one."""
    ziggurat.new(tmp_path / "s", store="log").close()
    store, made = LogStore(tmp_path / "s"), tmp_path / "s" / layout.DECLARED
    assert not store.vanished
    found = made.stat()
    if change == "another time":
        os.utime(made, ns=(found.st_atime_ns, found.st_mtime_ns + 1000))
    else:
        content = made.read_bytes()
        made.rename(tmp_path / "kept")
        if change == "another file":
            made.write_bytes(content)
            os.utime(made, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert store.vanished
    with pytest.raises(SinkError, match="has been removed"):
        store.has_key(b"1")


@pytest.mark.parametrize(
    ("before", "key", "taken"),
    [
        (None, None, True), (None, 5, False), (3, 5, True), (5, 3, False), (3, None, True),
        ("b", "a", False), ("a", "b", True),
    ],
)  # fmt: skip
def test_more_bands_that_are_no_colours_come_after_fewer(
    tmp_path: Path, before: int | str | None, key: int | str | None, taken: bool
) -> None:
    """In the order of keys, tiles without one last; else what is in would not fit any more."""
    with ziggurat.new(tmp_path / "s", store="log") as sink:
        sink.addTile(np.full((2, 2, 5), 7, np.float32), key=before)
        wider = np.full((2, 2, 7), 9, np.float32)
        if taken:
            sink.addTile(wider, 2, 0, key=key)
        else:
            with pytest.raises(SinkInputError, match="later key"):
                sink.addTile(wider, 2, 0, key=key)
        found = sink.getRegion(format="numpy")[0]
        assert found.shape == ((2, 4, 7) if taken else (2, 2, 5))
        assert (found[:, :2, :5] == 7).all()
