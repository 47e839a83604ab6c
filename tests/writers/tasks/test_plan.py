"""A write as tasks gives the pixels of a write by one, whatever ran when, twice, or was killed."""

import multiprocessing
import os
import pickle
import random
import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import ziggurat
from tests import preloaded
from tests.faults import Call, Disk
from ziggurat.readers.errors import OptionError, TargetExistsError, WriteError
from ziggurat.writers.model.progress import Progress
from ziggurat.writers.sink.sink import Sink
from ziggurat.writers.tasks.plan import WritePlan

SMALL = 14_000  # bytes of pixels of a task: some six tasks of a test's image


def _sink(kind: str = "mapped", dtype: type = np.uint8, bands: int = 3) -> Sink:
    """Return a sink of 170 x 145 pixels with holes in it."""
    rng = np.random.default_rng(5)
    sink = ziggurat.new(store=kind)
    for number, (y, x) in enumerate((y, x) for y in range(0, 145, 49) for x in range(0, 170, 43)):
        if number % 5 == 1:
            continue
        tile: np.ndarray[Any, Any] = rng.integers(
            0, 250, (min(49, 145 - y), min(43, 170 - x), bands)
        )
        tile[:15] = 9
        sink.addTile(tile.astype(dtype), x=x, y=y, key=number)
    sink.mm_x = sink.mm_y = 0.001
    return sink


def _carry_out(plan: WritePlan, seed: int = 1) -> None:
    """Carry out every task twice, in a random order, as another process would get it."""
    tasks = [pickle.loads(pickle.dumps(task)) for task in (*plan.tasks, *plan.tasks)]
    random.Random(seed).shuffle(tasks)
    for task in tasks:
        task()


def _assert_same(one: Path, other: Path) -> None:
    with ziggurat.open(one) as a, ziggurat.open(other) as b:
        assert a.getMetadata() == b.getMetadata()
        ours, theirs = a._image().reader, b._image().reader
        assert ours.info.levels == theirs.info.levels
        for level, facts in enumerate(ours.info.levels):
            for frame in range(ours.info.frames):
                np.testing.assert_array_equal(
                    ours.plane(level, frame).read(facts.rect),
                    theirs.plane(level, frame).read(facts.rect),
                )


def _left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


CASES: list[tuple[str, dict[str, Any]]] = [
    (".zarr", {}),
    (".zarr", {"omeVersion": "0.4", "compression": "zstd"}),
    (".zarr", {"resample": "lanczos3"}),
    (".zarr.zip", {}),
    (".tiff", {}),
    (".tiff", {"lossy": False, "resample": "cubic"}),
    (".ome.tiff", {"compression": "lzw"}),
    (".svs", {}),
]


@pytest.mark.parametrize(
    ("suffix", "options", "kind"),
    [*((*case, "mapped") for case in CASES), (".zarr", {}, "log"), (".svs", {}, "log")],
)
def test_tasks_write_what_one_writes(
    tmp_path: Path, suffix: str, options: dict[str, Any], kind: str
) -> None:
    whole, parted = tmp_path / f"a{suffix}", tmp_path / "parted" / f"a{suffix}"
    parted.parent.mkdir()
    with _sink(kind) as sink:
        report = sink.write(whole, tileSize=32, **options)
        plan = sink.plan(parted, tileSize=32, partBytes=SMALL, **options)
        assert plan.count > 3
        _carry_out(plan)
        assert not parted.exists()
        ended = plan.finish()
    assert (ended.levels, ended.lost, ended.path) == (report.levels, report.lost, parted)
    _assert_same(whole, parted)
    assert _left(parted.parent) == []


@pytest.mark.parametrize(
    ("dtype", "bands", "size"), [(np.uint16, 1, 6_000), (np.float32, 5, 4_000), (np.uint8, 4, 1)]
)
@pytest.mark.parametrize("suffix", [".zarr", ".ome.tiff"])
def test_samples_and_sizes_of_tasks(
    tmp_path: Path, dtype: type, bands: int, size: int, suffix: str
) -> None:
    with _sink("mapped", dtype, bands) as sink:
        sink.write(tmp_path / f"a{suffix}", tileSize=64)
        plan = sink.plan(tmp_path / f"b{suffix}", tileSize=64, partBytes=size)
        _carry_out(plan)
        plan.finish()
    _assert_same(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")


@pytest.mark.parametrize(
    ("suffix", "size", "resample"),
    [  # one frame a task, two, four and then two, all six
        *product([".zarr", ".ome.tiff"], [1, 40_000, 60_000, 1 << 26], [None]),
        (".zarr", 40_000, "lanczos3"),
        (".ome.tiff", 60_000, "cubic"),
    ],
)
def test_frames_and_channels(tmp_path: Path, suffix: str, size: int, resample: str | None) -> None:
    rng = np.random.default_rng(2)
    with ziggurat.new() as sink:
        for z in range(3):
            for t in range(2):
                sink.addTile(rng.integers(0, 9, (90, 80, 2), np.uint8), z=z, t=t)
        sink.channelNames = ["DAPI", "GFP"]
        sink.write(tmp_path / f"a{suffix}", tileSize=48, resample=resample)
        plan = sink.plan(tmp_path / f"b{suffix}", tileSize=48, partBytes=size, resample=resample)
        _carry_out(plan)
        plan.finish()
    _assert_same(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")


def test_labels_have_the_most_frequent_value_and_a_crop_holds(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        sink.addTile(np.random.default_rng(1).integers(0, 3, (200, 300, 1), np.uint8))
        sink.crop = (31, 17, 211, 150)
        sink.minWidth = 260
        sink.write(tmp_path / "a.zarr", tileSize=32, resample="mode")
        plan = sink.plan(tmp_path / "b.zarr", tileSize=32, resample="mode", partBytes=5_000)
        _carry_out(plan)
        plan.finish()
    _assert_same(tmp_path / "a.zarr", tmp_path / "b.zarr")


def test_a_part_of_several_chunks_is_one_shard(tmp_path: Path) -> None:
    with _sink() as sink:
        plan = sink.plan(tmp_path / "a.zarr", tileSize=16, partBytes=SMALL)
        _carry_out(plan)
        plan.finish()
    array = zarr.open_array(tmp_path / "a.zarr" / "0", mode="r")
    assert array.shards is not None
    files = [f for f in (tmp_path / "a.zarr" / "0" / "c").rglob("*") if f.is_file()]
    assert len(files) <= plan.count
    assert array[:].shape[-2:] == (145, 170)


class _Others:
    """Workers that know nothing of what is open here, as those of another machine."""

    def __enter__(self) -> Executor:
        self._pool = ProcessPoolExecutor(2, mp_context=preloaded.ready())
        return self._pool

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()


def test_an_executor_does_the_work(tmp_path: Path) -> None:
    seen: list[Progress] = []
    with _sink() as sink, _Others() as pool:
        sink.write(tmp_path / "a.ome.tiff", tileSize=32)
        report = sink.write(
            tmp_path / "b.ome.tiff", tileSize=32, executor=pool, onProgress=seen.append
        )
    assert report.path == tmp_path / "b.ome.tiff"
    assert seen[-1].done == seen[-1].total == 1
    _assert_same(tmp_path / "a.ome.tiff", tmp_path / "b.ome.tiff")
    assert _left(tmp_path) == []


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _run_and_die(task: Callable[[], int], after: int) -> None:
    """Carry a task out, and die at its n-th new file."""
    made = 0
    replace = os.replace

    def counted(*names: Any) -> None:
        nonlocal made
        made += 1
        if made == after:
            _die()
        replace(*names)

    os.replace = counted
    task()


@pytest.mark.parametrize("after", [1, 2])
def test_a_killed_task_leaves_nothing_that_counts(tmp_path: Path, after: int) -> None:
    with _sink() as sink:
        sink.write(tmp_path / "a.zarr", tileSize=32)
        plan = sink.plan(tmp_path / "b.zarr", tileSize=32, partBytes=SMALL)
        worker = multiprocessing.get_context("fork").Process(
            target=_run_and_die, args=(plan.tasks[0], after)
        )
        worker.start()
        worker.join(60)
        assert worker.exitcode == -signal.SIGKILL
        assert 0 in plan.missing()
        with pytest.raises(WriteError, match=f"{plan.count} of {plan.count} tasks"):
            plan.finish()
        _carry_out(plan)
        plan.finish()
    _assert_same(tmp_path / "a.zarr", tmp_path / "b.zarr")
    names = {path.name for path in (tmp_path / "b.zarr").rglob("*")}
    assert not [name for name in names if name.startswith(".")]


def test_a_task_that_comes_too_late_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with _sink() as sink:
        plan = sink.plan(tmp_path / "a.zarr", tileSize=32, partBytes=SMALL)
        _carry_out(plan)
        plan.finish()
        for late in (plan.tasks[0], plan.finish):
            with pytest.raises(WriteError, match="finished or cancelled"):
                late()
    assert _left(tmp_path) == []


def test_a_cancelled_plan_leaves_nothing(tmp_path: Path) -> None:
    with _sink() as sink:
        plan = sink.plan(tmp_path / "a.tiff", tileSize=32, partBytes=SMALL)
        plan.tasks[0]()
        plan.cancel()
        with pytest.raises(WriteError, match="finished or cancelled"):
            plan.tasks[1]()
    assert list(tmp_path.iterdir()) == []


def test_a_sink_that_changed_is_told(tmp_path: Path) -> None:
    with _sink() as sink:
        plan = sink.plan(tmp_path / "a.tiff", tileSize=32, partBytes=SMALL)
        sink.addTile(np.zeros((5, 5, 3), np.uint8), key="late")
        anew = pickle.loads(pickle.dumps(plan))
        from ziggurat.writers.tasks import plan as plans

        plans._open.clear()  # what another process has not
        with pytest.raises(WriteError, match="has changed since the plan was made"):
            anew.tasks[0]()
        plan.cancel()


class _Broken(ThreadPoolExecutor):
    """Loses the third task."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Give a task to a thread."""
        if args[0].number == 2:
            future: Future[Any] = Future()
            future.set_exception(MemoryError("the worker is gone"))
            return future
        return super().submit(fn, *args, **kwargs)


@pytest.mark.parametrize("suffix", [".zarr", ".tiff"])
def test_what_was_there_stays_where_a_task_fails(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ziggurat.writers.tasks import plan as plans

    target = tmp_path / f"a{suffix}"
    with _sink() as sink, _Broken(2) as pool:
        sink.write(target, tileSize=64)
        before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
        monkeypatch.setattr(plans, "PART_BYTES", SMALL)
        with pytest.raises(MemoryError, match="the worker is gone"):
            sink.write(target, tileSize=32, executor=pool)
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before
    with ziggurat.open(target) as source:
        assert len(source._image().reader.info.levels) == 3


class _Running(Future[Any]):
    """A task that a worker has begun: it can't be taken back, only waited for."""

    def __init__(self, task: Callable[[], int]) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()
        self.task, self.waited = task, False

    def result(self, timeout: float | None = None) -> int:
        """Carry it out now."""
        del timeout
        self.waited = True
        return self.task()


class _Busy(Executor):
    """Loses the first task while it is at all the others."""

    def __init__(self) -> None:
        self.running: list[_Running] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Lose a task, or begin it."""
        del kwargs
        if args[0].number == 0:
            lost: Future[Any] = Future()
            lost.set_exception(MemoryError("the worker is gone"))
            return lost
        self.running.append(_Running(lambda: fn(*args)))
        return self.running[-1]


@pytest.mark.parametrize("suffix", [".zarr", ".tiff"])
def test_tasks_under_way_are_waited_for_before_all_is_removed(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ziggurat.writers.tasks import plan as plans

    monkeypatch.setattr(plans, "PART_BYTES", SMALL)
    pool = _Busy()
    with _sink() as sink, pytest.raises(MemoryError, match="the worker is gone"):
        sink.write(tmp_path / f"a{suffix}", tileSize=32, executor=pool)
    assert len(pool.running) > 2
    assert all(task.waited for task in pool.running)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".zarr", ".tiff"])
def test_what_tasks_wrote_is_on_the_disk_before_it_has_its_name(
    memory_path: Path, suffix: str, disk: Disk
) -> None:
    target = memory_path / f"a{suffix}"
    with _sink() as sink:
        plan = sink.plan(target, tileSize=64, partBytes=SMALL)
        _carry_out(plan)
        disk.spoil(None, None)
        plan.finish()
    calls = disk.calls
    (named,) = [n for n, call in enumerate(calls) if (call.kind, call.path) == ("rename", target)]
    assert calls[named - 1] == Call("syncfs" if target.is_dir() else "fsync", calls[named].source)
    assert calls[named + 1] == Call("fsync", memory_path)


@pytest.mark.parametrize("suffix", [".zarr", ".tiff"])
def test_an_output_is_replaced_only_where_that_is_said(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"a{suffix}"
    with _sink() as sink:
        sink.write(target, tileSize=64)
        with pytest.raises(TargetExistsError):
            sink.plan(target, overwriteAllowed=False)
        plan = sink.plan(target, tileSize=32)
        _carry_out(plan)
        plan.finish()
    with ziggurat.open(target) as source:
        assert len(source._image().reader.info.levels) == 4
    assert _left(tmp_path) == []


def test_what_can_not_be_cut_is_told(tmp_path: Path) -> None:
    with _sink() as sink:
        with pytest.raises(OptionError, match="png can't be written as tasks"):
            sink.plan(tmp_path / "a.png")
        with pytest.raises(OptionError, match="one byte"):
            sink.plan(tmp_path / "a.tiff", partBytes=0)
        with pytest.raises(WriteError, match="no such folder"):
            sink.plan(tmp_path / "none" / "a.tiff")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_the_task_may_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _sink() as sink:
        plan = sink.plan(tmp_path / "a.zarr", tileSize=32, partBytes=SMALL)

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", full)
            with pytest.raises(WriteError, match="task 0 could not be written: No space"):
                plan.tasks[0]()
        _carry_out(plan)
        plan.finish()
        sink.write(tmp_path / "b.zarr", tileSize=32)
    _assert_same(tmp_path / "b.zarr", tmp_path / "a.zarr")
