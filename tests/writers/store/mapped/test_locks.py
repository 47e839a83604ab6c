"""The locks between processes: each taken out of the code makes one of these fail."""

import contextlib
import fcntl
import itertools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat
from tests.writers.store.mapped.free_locks import free
from ziggurat.readers.formats.sink_store.layout import HeaderWord
from ziggurat.writers.store.mapped import waiting
from ziggurat.writers.store.mapped.locks import (
    ATTRIBUTES,
    EXCLUSIVE,
    EXTENTS,
    SHARED,
)
from ziggurat.writers.store.mapped.store import Store
from ziggurat.writers.store.mapped.waiting import holders

TILE = np.full((20, 20, 3), 9, np.uint8)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    ziggurat.new(tmp_path / "s", sizeX=64, sizeY=64, bands=3, dtype="uint8").close()
    with contextlib.closing(Store(tmp_path / "s")) as store:
        yield store


def test_while_a_tile_is_laid_no_other_process_changes_the_structure(store: Store) -> None:
    assert free(store, EXCLUSIVE)
    seen = []
    store.lock.shared(lambda: seen.append((free(store, EXCLUSIVE), free(store, SHARED))))
    assert seen == [(False, True)]
    assert free(store, EXCLUSIVE)
    store.close()


def test_while_the_structure_changes_no_other_process_lays_a_tile(store: Store) -> None:
    seen = []

    def change() -> None:
        seen.append((free(store, SHARED), store.header.words[HeaderWord.CHANGE]))

    store.lock.exclusive(change)
    assert seen == [(False, 1)]
    assert free(store, SHARED)
    assert store.header.words[HeaderWord.CHANGE] == 0
    store.close()


def test_tiles_are_laid_while_a_change_is_prepared(store: Store) -> None:
    seen = []
    store.lock.prepared(
        lambda: seen.append(free(store, SHARED)),
        lambda: seen.append(free(store, SHARED)),
        lambda: seen.append(free(store, SHARED)),
    )
    assert seen == [False, True, False]
    store.close()


def test_a_counter_of_two_processes_is_right(store: Store, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")

    def count() -> None:
        for _ in range(200):
            store.locks.held(
                [EXTENTS], lambda _: counter.write_text(str(int(counter.read_text()) + 1))
            )

    child = os.fork()
    if child == 0:
        count()
        os._exit(0)
    count()
    assert os.waitpid(child, 0)[1] == 0
    assert counter.read_text() == "400"
    store.close()


# what an exception takes from its owner is closed as it goes, which Python remarks on
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("blend", ["over", "sum", "weighted"])
def test_whatever_is_raised_wherever_no_lock_stays_held(
    blend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception out of every single call that a tile makes to lock something."""
    sink = ziggurat.new(tmp_path / "s", tileSize=16, blend=blend)
    sink.addTile(TILE)
    real = fcntl.fcntl

    class Stopped(BaseException):
        pass

    for after in (False, True):
        for number in itertools.count():
            left = [number]

            def stopping(
                file: int, command: int, *rest: bytes, left: list[int] = left, after: bool = after
            ) -> object:
                if command not in (fcntl.F_OFD_SETLK, fcntl.F_OFD_SETLKW):
                    return real(file, command, *rest)
                left[0] -= 1
                unlocks = rest[0][:2] == fcntl.F_UNLCK.to_bytes(2, "little")
                if left[0] == -1 and not after and not unlocks:
                    raise Stopped
                done = real(file, command, *rest)
                if left[0] == -1 and after:
                    raise Stopped
                return done

            with monkeypatch.context() as patch:
                patch.setattr(fcntl, "fcntl", stopping)
                with contextlib.suppress(Stopped):
                    sink.addTile(TILE, 5, 5)
            store = sink._store
            assert isinstance(store, Store)
            assert free(store, EXCLUSIVE, EXTENTS)
            if left[0] >= 0:
                break  # it was the last one
        assert number > 1
    sink.addTile(np.full((20, 20, 4), 9, np.uint8), 100, 100, z=1)
    assert sink.bandCount == 4
    sink.close()


def test_who_waits_long_is_told_for_whom(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SECONDS", 0.1)
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        store.lock.shared(lambda: (os.write(ready[1], b"x"), os.read(go[0], 1)))
        os._exit(0)
    os.close(ready[1])
    assert os.read(ready[0], 1)
    os.close(ready[0])
    assert holders(str(store.root) + "/.ziggurat/locks") == [child]
    told: list[str] = []

    def heard(*arguments: object) -> None:
        told.append(arguments[0] % arguments[1:])
        os.write(go[1], b"x")  # only now the other one lets go

    monkeypatch.setattr(waiting._log, "warning", heard)
    store.lock.exclusive(lambda: None)
    os.waitpid(child, 0)
    assert len(told) == 1
    assert f"process {child}" in told[0]
    assert store.root in told[0]
    store.close()


def test_a_killed_holder_holds_nothing(store: Store) -> None:
    ready = os.pipe()
    child = os.fork()
    if child == 0:
        store.lock.exclusive(lambda: (os.write(ready[1], b"x"), time.sleep(60)))
        os._exit(0)
    os.close(ready[1])
    assert os.read(ready[0], 1)
    os.close(ready[0])
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    store.lock.shared(lambda: None)
    assert store.header.words[HeaderWord.CHANGE] == 0  # and what it began has been seen to
    store.close()


def test_sizes_grow_while_nobody_else_makes_them_grow(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of two would take the larger of what was and what it has: one of them might be lost."""
    grow, seen = Store._grow_sizes, []

    def watched(self: Store, *arguments: Any) -> None:
        seen.append(free(self, EXTENTS))
        grow(self, *arguments)

    monkeypatch.setattr(Store, "_grow_sizes", watched)
    with ziggurat.new(store.root, mode="join") as sink:
        sink.addTile(TILE, 100, 0)
        sink.addTile(TILE, 100, 0)  # it is as large already
        sink.reserve(300, 300)
    assert seen == [False, False]


def test_attributes_are_changed_while_nobody_else_does(store: Store) -> None:
    """Read, changed and written in one: of two who say something neither is lost."""

    def change(attributes: dict[str, object]) -> None:
        assert not free(store, ATTRIBUTES)
        attributes["said"] = 1

    store.facts.change(change)
    assert store.facts.attributes() == {"said": 1}
    assert free(store, ATTRIBUTES)


def test_a_file_of_locks_that_was_closed_is_not_taken_again(store: Store) -> None:
    """As those of its parent are, in a forked child."""
    files = [store.locks.take() for _ in range(3)]
    files[1].close()
    files[2].close()
    store.locks.free.extend(files)
    taken = [store.locks.take(), store.locks.take()]
    assert taken[0] is files[0]
    assert not any(file.closed for file in taken)
    for file in taken:
        file.close()
