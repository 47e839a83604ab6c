"""Two workers in the same chunk at the same moment, and words that must not be each other's."""

import itertools
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.formats.sink_store.layout import LockByte
from ziggurat.writers.store.mapped import locks
from ziggurat.writers.store.mapped.chunks import Array, ChunkFiles
from ziggurat.writers.store.mapped.store import Store


@pytest.mark.parametrize(("blend", "masked"), [("over", False), ("over", True), ("mean", False)])
def test_a_chunk_that_another_worker_makes_meanwhile_keeps_the_tiles_of_both(
    tmp_path: Path, blend: str, masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ziggurat.new(tmp_path / "s", blend=blend, dtype="float32", bands=1) as sink:
        other = ziggurat.new(tmp_path / "s", mode="join")
        create = ChunkFiles.create
        late = [True]

        def slow(files: ChunkFiles, path: str, content: Array) -> bool:
            if late and "weight" not in path:
                late.clear()
                if blend == "over":
                    other.addTile(np.full((8, 8), 3.0, np.float32), 8, 0)
                else:  # blending holds the chunk's lock: what is made meanwhile is blank
                    create(files, path, np.zeros_like(content))
            return create(files, path, content)

        monkeypatch.setattr(ChunkFiles, "create", slow)
        mask = np.ones((8, 8), bool) if masked else None
        sink.addTile(np.full((8, 8), 7.0, np.float32), 0, 0, mask=mask)
        if blend != "over":
            other.addTile(np.full((8, 8), 3.0, np.float32), 8, 0)
        assert not late
        row = sink.getRegion(format="numpy")[0][0, :, 0]
        assert row.tolist() == [7.0] * 8 + [3.0] * 8
        other.close()


def test_marks_of_chunks_and_of_redo_logs_are_words_of_their_own(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", blend="mean", dtype="float32", bands=1):
        store = Store(tmp_path / "s")
        assert store.blender is not None
        marks, busy = store.blender._marks, store.blender._slots.busy
        assert (len(marks), len(busy)) == (locks.STRIPES, locks.SLOTS)
        busy[:] = 1
        assert not any(marks)
        busy[:] = 0
        for stripe in range(len(marks)):
            marks[stripe] = 1
        assert not busy.any()
        marks[:] = memoryview(bytes(8 * len(marks))).cast("q")
        store.close()


def test_no_lock_stands_for_two_things() -> None:
    ranges = {
        "one": [[0], [1], [2], [3]],
        "keys": [_byte(locks.key_lock(n)) for n in (0, 1, locks.STRIPES - 1, 2**64 - 1)],
        "slots": [_byte(locks.slot_lock(n)) for n in (0, locks.SLOTS - 1)],
        "chunks": [_byte(locks.chunk_lock(n)) for n in (0, locks.STRIPES - 1)],
    }
    spans = [(min(map(min, each)), max(map(max, each))) for each in ranges.values()]
    assert all(one[1] < other[0] for one, other in itertools.pairwise(spans))
    assert len({_byte(locks.key_lock(n))[0] for n in range(100)}) == 100
    assert spans[-1][0] == LockByte.CHUNKS


def _byte(request: bytes) -> list[int]:
    """Return the bytes of a file that a request for a lock is for (struct flock of fcntl(2))."""
    start, length = np.frombuffer(request[8:24], np.int64).tolist()
    return list(range(start, start + length))
