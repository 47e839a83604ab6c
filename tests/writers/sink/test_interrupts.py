"""Interrupts: whatever is raised at whatever moment, no lock stays held, a tile counts once."""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

import ziggurat
from ziggurat.writers.store.mapped.locks import EXCLUSIVE, EXTENTS, Locks, acquired_at_once
from ziggurat.writers.store.mapped.store import Store

# what an exception takes from its owner is closed as it goes, which Python remarks on
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
MODES = ("over", "mean", "max", "min", "sum", "weighted")


class Interrupt(BaseException):
    """Stands for Ctrl-C, an alarm, a test's time-out."""


def interrupted(work: Callable[[], object], at: int) -> bool:
    """Do something, with an exception at one of the moments at which Python looks for signals.

    Those are the beginning of a function and the return of one of C; the moments are counted.
    Return False where the work was done before.
    """
    left = at

    def hook(frame: FrameType, event: str, argument: object) -> None:
        nonlocal left
        del frame, argument
        if event in ("call", "c_return"):
            left -= 1
            if left < 0:
                sys.setprofile(None)
                raise Interrupt

    try:
        sys.setprofile(hook)
        work()
        return False
    except Interrupt:
        return True
    except SystemError as error:  # what CPython makes of one that is raised below C's os.fspath
        if isinstance(error.__cause__, Interrupt):
            return True
        raise
    finally:
        sys.setprofile(None)


def nothing_held(store: Store) -> bool:
    """Return True where somebody else can have every lock at once."""
    locks = Locks(store.root)
    file = locks.take()
    with file:
        return acquired_at_once(file, EXCLUSIVE) and acquired_at_once(file, EXTENTS)


def check_every_moment(mode: str, folder: Path, step: int) -> int:
    """Interrupt a tile at every so-manieth moment and lay it again by its key."""
    sink = ziggurat.new(folder / mode, blend=mode, tileSize=16, dtype="int32", bands=1)
    right = ziggurat.new(blend=mode, tileSize=16, dtype="int32", bands=1)
    store = sink._store
    assert isinstance(store, Store)
    moments, going = 0, True
    while going:
        at, moments = moments, moments + step
        tile = np.full((20, 20), at % 50 + 1, np.int32)
        place = {"x": at % 97, "y": at // 7 % 60}

        def lay(tile: np.ndarray = tile, place: dict[str, int] = place, at: int = at) -> None:
            sink.addTile(tile, **place, key=at)

        going = interrupted(lay, at)
        assert nothing_held(store)
        lay()
        right.addTile(tile, **place)
    expected = right.getRegion(format="numpy")[0]
    assert np.array_equal(sink.getRegion(format="numpy")[0], expected)
    with ziggurat.open(folder / mode) as source:
        assert np.array_equal(source.getRegion(format="numpy")[0], expected)
    assert sorted(tile.key for tile in sink.tiles()) == list(range(0, moments, step))
    private = {path.name for path in (folder / mode / ".ziggurat").iterdir()}
    assert not [name for name in private if name.startswith((".", "new-", "next", "change"))]
    right.close()
    sink.close()
    return moments


@pytest.mark.parametrize("mode", ["over", "sum", "weighted"])
def test_an_interrupt_at_any_moment_of_a_tile(mode: str, memory_path: Path) -> None:
    assert check_every_moment(mode, memory_path, 11) > 90


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("mode", MODES)
def test_an_interrupt_at_every_moment_of_a_tile(mode: str, tmp_path: Path) -> None:
    check_every_moment(mode, tmp_path, 1)


@pytest.mark.parametrize("step", [97, pytest.param(7, marks=pytest.mark.slow)])
def test_an_interrupt_at_any_moment_of_growth(step: int, memory_path: Path) -> None:
    at, going = 0, True
    while going:
        sink = ziggurat.new(memory_path / f"{at}", tileSize=16)
        store = sink._store
        assert isinstance(store, Store)
        sink.addTile(np.full((20, 20, 3), 7, np.uint8))
        wider = np.full((20, 20, 4), 9, np.uint16)
        going = interrupted(lambda: sink.addTile(wider, 30, 0, z=1, key="wider"), at)  # noqa: B023
        assert nothing_held(store)
        sink.addTile(wider, 30, 0, z=1, key="wider")
        first = sink.getRegion(format="numpy", frame=0)[0]
        second = sink.getRegion(format="numpy", frame=1)[0]
        assert first[5, 5].tolist() == [7, 7, 7, 65535]
        assert second[5, 40].tolist() == [9, 9, 9, 9]
        assert [tile.key for tile in sink.tiles()] == [None, "wider"]
        sink.close()
        at += step
    assert at > 500


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("mode", MODES)
def test_one_ctrl_c_a_program(mode: str, tmp_path: Path) -> None:
    """Programs that lay tiles until Ctrl-C comes: each ends, and what is in is right."""
    chance = random.Random(3)
    for trial in range(int(os.environ.get("ZIGGURAT_INTERRUPTS", "100"))):
        path = tmp_path / f"{trial}"
        ready = os.pipe()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            status = 1
            try:
                with ziggurat.new(path, tileSize=16, blend=mode) as sink:
                    os.write(ready[1], b"x")
                    number = 0
                    while True:
                        sink.addTile(np.full((13, 13), 3, np.uint8), number % 20 * 13, key=number)
                        number += 1
            except KeyboardInterrupt:
                status = 0
            finally:
                os._exit(status)
        os.close(ready[1])
        assert os.read(ready[0], 1)
        os.close(ready[0])
        time.sleep(chance.uniform(0.001, 0.04))
        os.kill(child, signal.SIGINT)
        killer = threading.Timer(30, os.kill, (child, signal.SIGKILL))
        killer.start()
        assert os.waitpid(child, 0)[1] == 0
        killer.cancel()
        with ziggurat.new(path, mode="join") as sink:
            count = len(list(sink.tiles()))
            for number in range(count + 1):
                sink.addTile(np.full((13, 13), 3, np.uint8), number % 20 * 13, key=number)
            found = sink.getRegion(format="numpy")[0][0, ::13, 0]
            laid = np.bincount(np.arange(count + 1) % 20)[: len(found)]
            assert found.tolist() == (3 * laid if mode == "sum" else 3 * (laid > 0)).tolist()
