"""Exactly once: a tile with a key counts once, whoever lays it again, and whoever died before."""

import os
import pickle
import signal
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import SinkInputError
from ziggurat.writers.store.mapped.store import Store

pytestmark = pytest.mark.usefixtures("kind")
ONE_MACHINE = pytest.mark.parametrize("kind", ["mapped"], indirect=True)  # its own ways to die

MODES = ("over", "mean", "max", "min", "sum", "weighted")


class Died(BaseException):
    """Stands for a process that ends in the middle."""


def die(*_: object) -> None:
    raise Died


def values(sink: ziggurat.Sink) -> list[float]:
    return [float(v) for v in sink.getRegion(format="numpy")[0][0, [0, 25, 35], 0]]


@pytest.mark.parametrize("mode", MODES)
def test_a_key_is_laid_once(mode: str, tmp_path: Path) -> None:
    one, other = np.full((30, 30), 10, np.uint8), np.full((30, 30), 20, np.uint8)
    with ziggurat.new(tmp_path / "once", blend=mode) as sink:
        sink.addTile(one)
        sink.addTile(other, 20, 0)
        expected = values(sink)
    with ziggurat.new(tmp_path / "again", blend=mode) as sink:
        handle = pickle.loads(pickle.dumps(sink))
        for lay in (sink, handle, sink):
            lay.addTile(one, key="task-0")
            lay.addTile(other, 20, 0, key=("task", 1))
        assert values(sink) == expected
        assert [tile.key for tile in sink.tiles()] == ["task-0", ("task", 1)]
    with ziggurat.new(tmp_path / "again", mode="resume", blend=mode) as sink:
        assert sink.hasKey(("task", 1))
        assert not sink.hasKey("task-2")
        sink.addTile(other, 20, 0, key=("task", 1))
        assert values(sink) == expected


DEATHS = ["in the middle", "before", "after"]


@ONE_MACHINE
@pytest.mark.parametrize(
    ("mode", "moment"),
    [  # in the middle all modes differ, before and after it they take turns
        pytest.param(mode, moment, marks=() if not m or m == 1 + n % 2 else pytest.mark.slow)
        for n, mode in enumerate(MODES)
        for m, moment in enumerate(DEATHS)
    ],
)
def test_a_retry_after_a_death_counts_once(mode: str, moment: str, tmp_path: Path) -> None:
    path = tmp_path / "s"
    ziggurat.new(path, sizeX=64, sizeY=64, bands=1, dtype="uint8", blend=mode, tileSize=16).close()
    child = os.fork()
    if child == 0:
        sink = ziggurat.new(path, mode="join")
        store = sink._store
        assert isinstance(store, Store)

        def kill(*_: object) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        sink.addTile(np.full((40, 40), 3, np.uint8), key=1)
        if moment == "before":
            store.journal.append = kill
        elif moment == "in the middle" and store.blender is not None:
            store.blender._apply = kill
        sink.addTile(np.full((40, 40), 5, np.uint8), 10, 10, key=2)
        kill()
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    with ziggurat.new(path, mode="join") as sink, ziggurat.new(blend=mode) as right:
        for key, (value, at) in enumerate(((3, 0), (5, 10)), 1):
            sink.addTile(np.full((40, 40), value, np.uint8), at, at, key=key)
            right.addTile(np.full((40, 40), value, np.uint8), at, at)
        found = sink.getRegion(format="numpy")[0][:50, :50]
        assert np.array_equal(found, right.getRegion(format="numpy")[0])
        assert sorted(str(tile.key) for tile in sink.tiles()) == ["1", "2"]


@ONE_MACHINE
def test_a_retry_of_an_interrupted_tile_finishes_it_for_all_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = ziggurat.new(tmp_path / "s", blend="sum", tileSize=16)
    store = sink._store
    assert isinstance(store, Store)
    assert store.blender is not None
    with monkeypatch.context() as patch:
        patch.setattr(store.blender, "_apply", die)
        with pytest.raises(Died):
            sink.addTile(np.full((40, 40), 5, np.uint8), key="a")
    sink.addTile(np.full((40, 40), 5, np.uint8), key="a")
    with ziggurat.open(tmp_path / "s") as source:  # it knows nothing of redo logs
        assert (source.getRegion(format="numpy")[0] == 5).all()
    sink.close()


def test_two_processes_lay_one_key_at_the_same_moment(tmp_path: Path) -> None:
    sink = ziggurat.new(tmp_path / "s", sizeX=50, sizeY=50, bands=1, dtype="int64", blend="sum")
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            for key in range(40):
                sink.addTile(np.ones((20, 20), np.uint8), key % 7, 0, key=key)
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    assert int(sink.getRegion(format="numpy")[0].sum()) == 40 * 400
    assert sorted(tile.key for tile in sink.tiles()) == list(range(40))
    sink.close()


def test_keys_come_back_as_they_were_given(kind: str, tmp_path: Path) -> None:
    keys = ["a", "", "ü" * 100, "x" * 998, 0, -5, 2**80, (), ("f-9", 0, 1), (("a", 1), "b"), "1", 1]
    with ziggurat.new(tmp_path / "s", tileSize=16) as sink:
        for key in keys:
            sink.addTile(np.ones((2, 2), np.uint8), z=1, key=key)
        sink.addTile(np.ones((2, 2), np.uint8), z=1)
        sink.addTile(np.ones((2, 2), np.uint8), z=1, key=np.int64(7))
        found = [(type(tile.key), tile.key) for tile in sink.tiles()]
        given = [(type(key), key) for key in (*keys, None, 7)]
        if kind == "log":  # told in the order of keys, those without one last
            found, given = sorted(found, key=str), sorted(given, key=str)
        assert found == given


@pytest.mark.parametrize("key", [1.5, int, b"a", True, ("a", 0.5), "x" * 1001])
def test_what_can_be_no_key(key: object) -> None:
    with ziggurat.new() as sink:
        with pytest.raises(SinkInputError, match="key"):
            sink.addTile(np.ones((2, 2), np.uint8), key=key)
        assert not list(sink.tiles())


def test_key_is_no_axis() -> None:
    with ziggurat.new() as sink, pytest.raises(SinkInputError, match="'key' can't be the name"):
        sink.addTile(np.ones((2, 2, 2), np.uint8), axes=["key", "y", "x"])
