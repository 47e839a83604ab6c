"""Forks while threads of the parent read and write: a child never waits for a lock it inherited."""

import gc
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import ziggurat

THREADS = 3  # of each child
SECONDS = 60  # a child that takes longer hangs


def full(value: float, *shape: int) -> np.ndarray:
    return np.full(shape, value, np.uint8)


@contextmanager
def busy(*tasks: Callable[[], object]) -> Iterator[None]:
    """Do all of these again and again, each in a thread of its own."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def loop(task: Callable[[], object]) -> None:
        try:
            while not stop.is_set():
                task()
        except BaseException as error:  # noqa: BLE001 - told below, where it fails the test
            errors.append(error)

    threads = [threading.Thread(target=loop, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not errors


def fork(work: Callable[[], None]) -> int:
    """Do something in a forked child; return how it ended. One that hangs ends by SIGALRM."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def check_forks(folder: Path, forks: int) -> None:
    over = ziggurat.new(folder / "over", tileSize=64)
    over.addTile(full(1, 300, 300, 3))
    total = ziggurat.new(folder / "sum", sizeX=400, sizeY=400, blend="sum", tileSize=64)
    total.addTile(full(1, 8, 8, 1))
    handles = pickle.dumps((over, total))

    def discard() -> None:
        """Leave a sink to the garbage collector, which closes it wherever it happens to run."""
        sink = ziggurat.new(folder / "over", mode="join")
        sink.ring = sink
        del sink
        gc.collect()

    def child() -> None:
        def lay() -> None:
            mine, sums = pickle.loads(handles)
            sums.addTile(full(1, 50, 50, 1), 300, 300)
            mine.addTile(full(2, 90, 90, 3), 400, 10)
            mine.getRegion(format="numpy")
            sums.tiles()

        threads = [threading.Thread(target=lay) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        over.addTile(full(2, 90, 90, 3), 400, 10)
        for thread in threads:
            thread.join()

    with busy(
        lambda: over.addTile(full(1, 300, 300, 3)),
        lambda: over.getRegion(format="numpy"),
        lambda: total.addTile(full(1, 200, 200, 1)),
        lambda: pickle.loads(handles)[0].isWritten(0, 0, 300, 300),
        discard,
    ):
        for number in range(forks):
            axis = {f"a{number * 7 // forks}": 1}  # a new one now and then, while a child is made
            growing = threading.Thread(
                target=over.addTile, args=(full(3, 20, 20, 3), 0, 400), kwargs=axis
            )
            growing.start()
            status = fork(child)
            growing.join()
            assert status == 0
    assert total.getPixel(region={"left": 310, "top": 310})["value"] == [THREADS * forks]
    assert over.getPixel(region={"left": 410, "top": 20})["value"] == [2, 2, 2]


def test_a_child_that_is_forked_while_threads_work_lays_tiles(tmp_path: Path) -> None:
    check_forks(tmp_path, 3)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_forks_while_threads_work(tmp_path: Path) -> None:
    check_forks(tmp_path, int(os.environ.get("ZIGGURAT_FORKS", "400")))
