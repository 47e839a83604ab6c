"""The order of tiles in a store of segments, and reading one that changes meanwhile."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.formats.sink_store import reader as stores
from ziggurat.readers.formats.sink_store.keys import key_order, key_text
from ziggurat.readers.formats.sink_store.log.segment import Segment
from ziggurat.readers.formats.sink_store.log.view import _ordered
from ziggurat.readers.model.geometry import Rect


def entry(value: int, key: str | None = None) -> dict[str, Any]:
    facts: dict[str, Any] = {"x": value, "y": 0, "axes": [], "start": {}, "values": {}, "key": key}
    return facts | {"shape": [1, 1, 1], "dtype": "uint8", "blank": False}


def test_tiles_are_laid_by_key_then_by_time_whatever_their_segments_are_called() -> None:
    """Segments of a moment by their names, tiles of one as they came; of a key the first."""
    told = [
        ("d", 5, [entry(1), entry(2), entry(3, "2")]), ("a", 7, [entry(4), {"reach": {}}]),
        ("c", 7, [entry(5), entry(6, "10")]), ("b", 9, [entry(7), entry(8, "2")]),
    ]  # fmt: skip
    segments = [Segment(name, name, 0, time, entries) for name, time, entries in told]
    for order in (segments, segments[::-1]):
        laid = [one.entry["x"] for one in _ordered(order)]
        assert laid == [8, 6, 1, 2, 4, 5, 7]


def test_keys_are_sorted_numbers_by_size_then_texts_then_tuples() -> None:
    keys = [-12, -3, 0, 2, 11, "", "10", "9", (-2,), (-1, "b"), (5,), ("a", 1)]
    texts = [key_text(key) for key in keys]
    assert sorted(set(texts), key=key_order) == texts


@pytest.mark.skipif(sys.platform != "linux", reason="stores are written on Linux")
def test_a_look_at_a_store_that_changes_meanwhile_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.zarr"
    sink = ziggurat.new(path, tileSize=64)
    sink.addTile(np.full((64, 64), 200, np.uint8), 0, 0)
    real, waiting = stores._read_chunk, [True]

    def late(*arguments: Any) -> None:
        if waiting:  # the first look has its places: now all chunks become others
            waiting.clear()
            sink.addTile(np.full((64, 64), 70_000, np.int64), 64, 0)
        real(*arguments)

    with stores.StoreReader(path) as reader:
        monkeypatch.setattr(stores, "_read_chunk", late)
        assert (reader.read(0, Rect(0, 0, 64, 64)) == 200).all()
        assert not waiting
    sink.close()
