"""Growing by bands or dtype: costs what was written, and waits for nobody who needn't wait."""

import threading
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import ScratchFullError
from ziggurat.writers.store.mapped import growth, rewrite
from ziggurat.writers.store.mapped.journal import Journal
from ziggurat.writers.store.mapped.store import Store


def lay(sink: ziggurat.Sink, count: int) -> None:
    for n in range(count):
        sink.addTile(np.full((16, 16, 3), n % 200 + 1, np.uint8), n % 20 * 16, n // 20 * 16)


@pytest.mark.parametrize("blend", ["over", "mean"])
def test_growth_looks_at_each_record_and_each_chunk_once(
    blend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = []
    for count in (25, 100):
        looked: list[int] = []
        with ziggurat.new(tmp_path / f"{count}", tileSize=16, blend=blend) as sink:
            lay(sink, count)
            real_pieces, real_file = Journal.pieces, np.fromfile

            def pieces(self: Journal, position: int = 0, looked=looked, real=real_pieces):  # type: ignore[no-untyped-def]
                for piece, end in real(self, position):
                    looked.append(len(piece))
                    yield piece, end

            def fromfile(*arguments, looked=looked, real=real_file):  # type: ignore[no-untyped-def]
                looked.append(1)
                return real(*arguments)

            with monkeypatch.context() as patch:
                patch.setattr(Journal, "pieces", pieces)
                patch.setattr(rewrite.np, "fromfile", fromfile)
                sink.addTile(np.full((16, 16, 4), 9, np.uint8), 400, 0)
            found = sink.getRegion(format="numpy")[0]
            assert found[0, 20].tolist() == [2, 2, 2, 255]
            assert found[0, 330].tolist() == [0, 0, 0, 0]
        work.append(sum(looked))
    assert work[1] <= 4.5 * work[0]


@pytest.mark.parametrize(
    ("blend", "change"),
    [("over", "bands"), ("sum", "bands"), ("weighted", "dtype"),
     pytest.param("over", "dtype", marks=pytest.mark.slow),
     pytest.param("weighted", "bands", marks=pytest.mark.slow)],
)  # fmt: skip
def test_tiles_laid_while_chunks_are_rewritten_are_not_lost(
    blend: str, change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = ziggurat.new(tmp_path / "s", tileSize=16, blend=blend)
    other = ziggurat.new(tmp_path / "s", mode="join")
    lay(sink, 24)
    store = sink._store
    assert isinstance(store, Store)
    real = rewrite.Rewriting.all

    def slow(self: rewrite.Rewriting) -> None:
        real(self)
        # in another thread, which would wait for ever if the change kept others out by now
        pixels = np.full((20, 20, 3), 100, np.uint8)
        thread = threading.Thread(target=other.addTile, args=(pixels, 24, 8))
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
        other.addTile(pixels, 1000, 1000)  # a chunk that was not there

    monkeypatch.setattr(rewrite.Rewriting, "all", slow)
    if change == "bands":
        sink.addTile(np.full((16, 16, 4), 9, np.uint8), 400, 0)
    else:
        sink.addTile(np.full((16, 16, 3), 9, np.float32), 400, 0)
    found = sink.getRegion(format="numpy")[0]
    assert found[1010, 1010, :3].tolist() == [100] * 3
    over = {"over": 100, "sum": 102, "weighted": 51}[blend]
    assert found[10, 30, 0] == over
    assert found[10, 5, 0] == 1
    if change == "bands" and blend != "sum":
        assert found[1010, 1010, 3] == 255
    for one in (sink, other):
        one.addTile(np.full((16, 16, sink.bandCount), 7, np.uint8), 600, 0)
    assert len(list(sink.tiles())) == 24 + 2 + 1 + 2
    assert not (tmp_path / "s" / ".ziggurat" / "next").exists()
    other.close()
    sink.close()


def test_an_interrupted_preparation_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = ziggurat.new(tmp_path / "s", tileSize=16)
    lay(sink, 30)
    before = sink.getRegion(format="numpy")[0]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rewrite.Rewriting, "_one", stop)
        with pytest.raises(KeyboardInterrupt):
            sink.addTile(np.full((16, 16, 4), 9, np.uint8), 400, 0)
    assert sink.bandCount == 3
    assert np.array_equal(sink.getRegion(format="numpy")[0], before)
    assert not (tmp_path / "s" / ".ziggurat" / "next").exists()
    sink.addTile(np.full((16, 16, 4), 9, np.uint8), 400, 0)
    assert sink.bandCount == 4
    sink.close()


@pytest.mark.parametrize(
    ("blend", "tile", "size"),
    [
        ("over", np.zeros((4, 4, 4), np.uint8), 4), ("over", np.zeros((4, 4, 3), np.uint16), 6),
        ("over", np.ones((4, 4, 5), np.float32), 20), ("sum", np.ones((4, 4, 4), np.uint8), 32),
        ("max", np.ones((4, 4, 3), np.float64), 24),
    ],
)  # fmt: skip
def test_the_room_that_growth_takes_is_known_before_anything_is_made(
    tmp_path: Path, blend: str, tile: np.ndarray, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All chunks, each in its new size: the old ones go only when the new ones are whole."""
    asked: list[int] = []

    def refuse(root: str, needed: int) -> None:
        assert not list((tmp_path / "s" / ".ziggurat" / "next").rglob("c.*")), root
        asked.append(needed)
        raise ScratchFullError(28, "no room")

    with ziggurat.new(tmp_path / "s", tileSize=16, blend=blend) as sink:
        lay(sink, 24)
        before = sink.getRegion(format="numpy")[0]
        with monkeypatch.context() as patch:
            patch.setattr(growth, "refuse_certain", refuse)
            with pytest.raises(ScratchFullError, match="no room"):
                sink.addTile(tile + 1)
        assert asked == [24 * 16 * 16 * size]
        assert np.array_equal(sink.getRegion(format="numpy")[0], before)
        assert not (tmp_path / "s" / ".ziggurat" / "next").exists()
