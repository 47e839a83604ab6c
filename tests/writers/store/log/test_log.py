"""A store of segments: exactly once, whatever ran when, and nothing half done to be seen."""

import pickle
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

import ziggurat
from tests import preloaded
from tests.writers.store.log.log_worker import TASKS, TILES, lay, lay_and_die, tile
from ziggurat.readers.errors import CorruptSourceError, SinkError, SinkInputError, SourceError
from ziggurat.writers.sink.attached import attached_store

MODES = ("over", "mean", "max", "min", "sum", "weighted")


def pictures(sink: ziggurat.Sink) -> list[np.ndarray]:
    return [sink.getRegion(format="numpy", frame=frame)[0] for frame in (0, 1)]


def one_by_one(folder: Path, mode: str) -> list[np.ndarray]:
    """Return what one process makes of all tiles in order, in mapped chunks."""
    with ziggurat.new(folder / "alone", blend=mode, tileSize=32) as sink:
        for task in range(TASKS):
            for number in range(TILES):
                sink.addTile(**tile(task, number, mode))
        return pictures(sink)


@pytest.mark.parametrize("handle", ["pickled anew", "kept"])
def test_a_store_made_at_the_place_of_another_is_not_taken_for_it(
    tmp_path: Path, handle: str
) -> None:
    """Workers outlive stores: a second run at the same path must not meet the first one's facts."""
    with ziggurat.new(tmp_path / "s", blend="over", store="log") as first:
        kept = pickle.loads(sent := pickle.dumps(first))
        kept.addTile(np.zeros((8, 8), np.uint8))
    shutil.rmtree(tmp_path / "s")
    with ziggurat.new(tmp_path / "s", blend="sum", store="log") as second:
        for _ in range(2):
            pickle.loads(pickle.dumps(second)).addTile(np.full((8, 8), 3, np.uint16))
        with pytest.raises(SinkError, match=r"removed|closed"):
            kept.addTile(np.ones((8, 8), np.uint8)) if handle == "kept" else pickle.loads(sent)
        assert (second.getRegion(format="numpy")[0] == 6).all()


def test_a_handle_of_a_store_on_object_storage_knows_another_one(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", store="log") as first:
        place, identity = first._store.root, first._store.identity
        kept = attached_store(place, identity)
        with mock.patch.object(type(kept), "vanished", False):  # nobody asks there
            shutil.rmtree(tmp_path / "s")
            with ziggurat.new(tmp_path / "s", store="log") as second:
                assert attached_store(place, second._store.identity) is not kept
                with pytest.raises(SinkError, match="another one made"):
                    attached_store(place, identity)


@pytest.fixture(scope="module")
def workers() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(4, mp_context=preloaded.ready()) as pool:
        yield pool


@pytest.mark.parametrize("mode", MODES)
def test_doubled_and_killed_tasks_count_once(
    mode: str, tmp_path: Path, workers: ProcessPoolExecutor
) -> None:
    sink = ziggurat.new(tmp_path / "s", blend=mode, store="log", tileSize=32)
    if mode in ("over", "sum"):
        child = preloaded.ready().Process(target=lay_and_die, args=(sink, 3, mode))
        child.start()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        assert not list(sink.tiles())
    order = np.random.default_rng(5).permutation([*range(TASKS)] * 2)
    for done in [workers.submit(lay, sink, int(task), mode) for task in order]:
        done.result()
    expected = [("task", task) for task in range(TASKS)]
    assert [one.key for one in sink.tiles()] == [(k, n) for k in expected for n in range(TILES)]
    for found, right in zip(pictures(sink), one_by_one(tmp_path, mode), strict=True):
        assert found.dtype == right.dtype
        assert np.array_equal(found, right)
    files = [path.name for path in (tmp_path / "s/.ziggurat/segments").iterdir()]
    assert len(files) == TASKS
    assert all(name.startswith("t-") for name in files)
    sink.close()


def test_a_tile_counts_once_by_its_key_whatever_it_came_with(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", blend="sum", store="log") as sink:
        with sink.task("job") as task:
            task.addTile(np.full((4, 4), 2, np.uint8))
        sink.addTile(np.full((4, 4), 2, np.uint8), key=("job", 0))
        assert (sink.getRegion(format="numpy")[0] == 2).all()
        assert sink.hasKey(("job", 0))


def test_keys_are_in_the_order_of_numbers(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", store="log") as sink:
        for number in (10, 9, 100, 2):
            sink.addTile(np.full((2, 2), number, np.uint8), key=("t", number))
        assert [one.key for one in sink.tiles()] == [("t", n) for n in (2, 9, 10, 100)]
        assert (sink.getRegion(format="numpy")[0] == 100).all()


def test_a_task_that_raises_lays_nothing(tmp_path: Path) -> None:
    sink = ziggurat.new(tmp_path / "s", store="log")

    def fails() -> None:
        with sink.task("a") as task:
            task.addTile(np.ones((2, 2), np.uint8))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert not list(sink.tiles())
    assert not list((tmp_path / "s/.ziggurat").rglob(".making-*"))
    sink.close()


@pytest.mark.parametrize("store", ["log", "mapped"])
def test_a_task_takes_arrays_as_they_were(tmp_path: Path, store: str) -> None:
    buffer, mask = np.full((2, 2), 1, np.uint8), np.array([[True, False]] * 2)
    with ziggurat.new(tmp_path / "s", store=store) as sink:
        with sink.task("a") as task:
            task.addTile(buffer, mask=mask)
            buffer[...], mask[...] = 9, True
            task.addTile(buffer, 2, mask=mask)
            mask[...] = False
        assert sink.getRegion(format="numpy")[0][0, :, 0].tolist() == [1, 0, 9, 9]


@pytest.mark.parametrize("store", ["log", "mapped"])
def test_a_task_takes_weights_as_they_were(tmp_path: Path, store: str) -> None:
    weight = np.ones((1, 2))
    with ziggurat.new(tmp_path / "s", store=store, blend="weighted") as sink:
        with sink.task("a") as task:
            task.addTile(np.full((1, 2), 10.0), weight=weight)
            weight[...] = 3
            task.addTile(np.full((1, 2), 50.0), weight=weight)
        assert sink.getRegion(format="numpy")[0].ravel().tolist() == [40, 40]


def test_it_is_read_while_it_grows_and_joined_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with ziggurat.new(path, store="log") as sink:
        sink.addTile(np.full((4, 4), 7, np.uint8))
        sink.mm_x = 0.5
        with ziggurat.open(path) as source:
            sink.addTile(np.full((4, 4), 8, np.uint8), 4)
            assert source.sizeX == 4  # as it was when it was opened
        with ziggurat.open(path) as source:
            assert source.getRegion(format="numpy")[0][0, :, 0].tolist() == [7] * 4 + [8] * 4
            assert source.getMetadata()["mm_x"] == 0.5
        other = ziggurat.new(path, mode="join")
        other.addTile(np.full((4, 4), 9, np.uint8), 8)
        assert sink.sizeX == 12
        assert sink.isWritten(0, 0, 12, 4)
    assert len(pickle.dumps(other)) < 400
    other.close()


def test_attributes_said_by_many_are_all_kept(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", store="log") as sink:
        other = pickle.loads(pickle.dumps(sink))
        sink.mm_x = 0.25
        other.magnification = 40
        sink.addTile(np.ones((2, 2), np.uint8), z=1, z_value=3.5)
        name = other.addAssociatedImage(np.full((3, 4, 3), 5, np.uint8))
        assert (sink.magnification, other.mm_x) == (40, 0.25)
        assert (sink.getAssociatedImage(name, format="numpy")[0] == 5).all()
        assert sink.frameValues is not None
        assert sink.frameValues[1, 0] == 3.5


def test_damaged_tiles_are_refused_and_not_shown(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", store="log") as sink:
        sink.addTile(np.random.default_rng(1).integers(0, 255, (40, 40), dtype=np.uint8), key=1)
        (file,) = (tmp_path / "s/.ziggurat/segments").iterdir()
        data = bytearray(file.read_bytes())
        data[-5] ^= 1
        file.write_bytes(data)
        with pytest.raises(CorruptSourceError, match="damaged"):
            sink.getRegion(format="numpy")


def test_tiles_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    one = ziggurat.new(tmp_path / "s", store="log")
    other = ziggurat.new(tmp_path / "s", mode="join")
    one.addTile(np.zeros((4, 4, 3), np.uint8) + 1, key="three")
    other.addTile(np.zeros((4, 4, 5), np.float32) + 1, key="five")
    with pytest.raises(SourceError, match="contradict"):
        one.getRegion(format="numpy")
    with pytest.raises(SinkInputError, match="bands"):
        other.addTile(np.zeros((4, 4, 3), np.uint8) + 1)
    one.close()
    other.close()


def test_a_sum_past_64_bits_is_refused_when_it_is_read(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", store="log", blend="sum") as sink:
        for key in range(2):
            sink.addTile(np.full((2, 2), 2**63, np.uint64), key=key)
        with pytest.raises(SourceError, match="past what"):
            sink.getRegion(format="numpy")


def test_what_can_not_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SinkInputError, match="store must be one of"):
        ziggurat.new(tmp_path / "a", store="other")
    with pytest.raises(SinkInputError, match="must be 'log'"):
        ziggurat.new("s3://bucket/a", store="mapped")
    ziggurat.new(tmp_path / "s", store="log").close()
    with pytest.raises(SinkError, match="is there"):
        ziggurat.new(tmp_path / "s", store="log")
    with pytest.raises(SinkInputError, match="not of the kind"):
        ziggurat.new(tmp_path / "s", mode="join", store="mapped")


@pytest.mark.parametrize("store", ["log", "mapped"])
def test_a_blank_pixel_asks_for_room_and_is_of_no_dtype(tmp_path: Path, store: str) -> None:
    """Any image holds a zero, so it changes no dtype behind the first tile either."""
    with ziggurat.new(tmp_path / "s", store=store) as sink:
        sink.addTile(np.zeros((1, 1), np.uint8), 9, 5)
        sink.addTile(np.full((2, 2, 5), 0.5, np.float32))
        assert (sink.sizeX, sink.sizeY, sink.bandCount, sink.dtype) == (10, 6, 5, np.float32)
    with ziggurat.new(tmp_path / "t", store=store) as sink:
        sink.addTile(np.ones((2, 2), np.uint8))
        sink.addTile(np.zeros((1, 1), np.float32), 9, 5)
        assert (sink.sizeX, sink.sizeY, sink.bandCount, sink.dtype) == (10, 6, 1, np.uint8)


@pytest.mark.parametrize(
    ("blend", "bad", "words"),
    [
        ("over", {"weight": "hann"}, "takes no weight"),
        ("weighted", {"weight": "flat"}, "weight must be one of"),
        ("weighted", {"weight": np.full((4, 4), 1e6)}, "the largest must be near 1"),
        ("mean", {"mask": np.tri(4)[..., None] > [0, 0, 2]}, "the same for all bands"),
        ("over", {"tile": np.ones((4, 4, 2), np.float32)}, "doesn't fit an image of 3 bands"),
        ("mean", {"tile": np.full((4, 4, 3), 2**60)}, r"changes integers beyond 2\^53"),
    ],
)
def test_of_a_task_with_a_tile_that_can_not_be_taken_nothing_is_put(
    tmp_path: Path, blend: str, bad: dict[str, Any], words: str
) -> None:
    good = np.ones((4, 4, 3), np.float32)
    with ziggurat.new(tmp_path / "s", store="log", blend=blend) as sink:
        task = sink.task(1)
        task.addTile(good)
        task.addTile(**{"tile": good, "x": 4, **bad})
        with pytest.raises(SinkInputError, match=words):
            task.__exit__(None, None, None)
        assert not list(sink.tiles())
        with sink.task(1) as task:  # the task that is mended is put under the same key
            task.addTile(good)
        assert len(list(sink.tiles())) == 1
