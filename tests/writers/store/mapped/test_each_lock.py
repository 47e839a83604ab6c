"""Each lock by itself, and who holds it when: a table of all of them."""

import contextlib
import fcntl
import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat
from tests.writers.store.mapped.free_locks import free
from ziggurat.readers.formats.sink_store.keys import key_hash, key_text
from ziggurat.readers.formats.sink_store.layout import HeaderWord
from ziggurat.readers.io.lock_files import RELEASE, SET
from ziggurat.writers.store.mapped.blender import Blender
from ziggurat.writers.store.mapped.journal import Journal
from ziggurat.writers.store.mapped.locks import (
    ATTRIBUTES,
    EXCLUSIVE,
    EXTENTS,
    GATE,
    NO_CHUNKS,
    NO_STRUCTURE,
    SHARED,
    SLOTS,
    STRIPES,
    acquired_at_once,
    chunk_lock,
    key_lock,
    slot_lock,
)
from ziggurat.writers.store.mapped.redo import Part
from ziggurat.writers.store.mapped.store import Store

TILE = np.full((20, 20, 3), 9, np.uint8)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    ziggurat.new(tmp_path / "s", sizeX=64, sizeY=64, bands=3, dtype="uint8").close()
    with contextlib.closing(Store(tmp_path / "s")) as store:
        yield store


def test_one_change_at_a_time_from_its_beginning_to_its_end(store: Store) -> None:
    """Also beside tiles: what is prepared is of the structure that it began with."""
    seen = []

    def look() -> None:
        seen.append((free(store, GATE), store.header.words[HeaderWord.CHANGE]))

    store.lock.exclusive(look)
    store.lock.prepared(look, look, look)
    assert seen == [(False, 1), (False, 1), (False, 0), (False, 1)]
    assert free(store, GATE)
    store.header.words[HeaderWord.CHANGE] = 1  # as one who died left it
    store.lock._recover = look
    store.lock.shared(lambda: None)
    assert seen[4:] == [(False, 1)]
    assert store.header.words[HeaderWord.CHANGE] == 0


@pytest.mark.parametrize(
    ("held", "told"), [(None, True), (EXCLUSIVE, False), (EXTENTS, False), (GATE, True)]
)
def test_who_is_collected_tells_the_size_where_nobody_is_in_the_way(
    tmp_path: Path, held: bytes | None, told: bool
) -> None:
    """The collector may come in the middle of anything: it waits for nobody."""
    ziggurat.new(tmp_path / "s", sizeX=64, sizeY=64, bands=3, dtype="uint8").close()
    store, text = Store(tmp_path / "s"), tmp_path / "s" / "zarr.json"
    store.locks.held([], lambda _: None)  # now it has a file of locks to use
    store.header.words[HeaderWord.WIDTH] = 77
    store.header.words[HeaderWord.STALE] = 1
    with open(f"{store.root}/.ziggurat/locks", "r+b", buffering=0) as file:
        assert held is None or acquired_at_once(file, held)
        store.abandon()
    assert ("77" in text.read_text()) is told
    store.abandon()  # once is enough


LOCKS = {
    "structure": EXCLUSIVE, "gate": GATE, "sizes": EXTENTS, "attributes": ATTRIBUTES,
    **{f"key {n}": key_lock(n) for n in (0, 1, STRIPES - 1)},
    **{f"log {n}": slot_lock(n) for n in (0, 1, SLOTS - 1)},
    **{f"chunk {n}": chunk_lock(n) for n in (0, 1, STRIPES - 1)},
}  # fmt: skip


def test_each_lock_keeps_others_out_of_what_it_is_for_and_of_nothing_else(store: Store) -> None:
    one, other = store.locks.take(), store.locks.take()
    for name, lock in LOCKS.items():
        assert acquired_at_once(one, lock)
        assert [n for n, wanted in LOCKS.items() if not acquired_at_once(other, wanted)] == [name]
        fcntl.fcntl(other, SET, RELEASE)
        fcntl.fcntl(one, SET, RELEASE)
    assert acquired_at_once(one, SHARED)
    assert acquired_at_once(other, SHARED)
    for file in (one, other):
        file.close()


@pytest.mark.parametrize(("given_back", "first"), [(NO_CHUNKS, "chunk"), (NO_STRUCTURE, "struct")])
def test_what_is_given_back_is_that_alone(store: Store, given_back: bytes, first: str) -> None:
    one, other = store.locks.take(), store.locks.take()
    assert all(acquired_at_once(one, lock) for lock in LOCKS.values())
    fcntl.fcntl(one, SET, given_back)
    had = [name for name, lock in LOCKS.items() if acquired_at_once(other, lock)]
    assert had == [name for name in LOCKS if name.startswith(first)]
    for file in (one, other):
        file.close()


@pytest.mark.parametrize("blend", ["over", "sum", "max"])
def test_what_a_tile_keeps_from_others_until_it_is_in(
    blend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it comes into the journal, and, where it is blended, as it is copied into its chunks."""
    sink = ziggurat.new(tmp_path / "s", tileSize=16, blend=blend)
    sink.addTile(TILE, 200, 0)
    store = sink._store
    assert isinstance(store, Store)
    wanted = {
        "structure": EXCLUSIVE,
        "key": key_lock(key_hash(key_text("mine"))),
        "another key": key_lock(key_hash(key_text("another's"))),
        "log": slot_lock(0),
        "next log": slot_lock(1),
        "sizes": EXTENTS,
        "shared": SHARED,
    }
    if store.blender is not None:
        for row, column in itertools.product(range(2), range(3)):
            inside = slice(0, 1), slice(0, 1)
            stripe = store.blender._stripe(Part(0, (), row, column, inside, TILE))
            wanted[f"chunk {row}, {column}"] = chunk_lock(stripe)
    seen = []

    def look() -> None:
        seen.append({name for name, lock in wanted.items() if not free(store, lock)})

    append, apply = Journal.append, Blender._apply

    def appended(self: Journal, record: bytes) -> None:
        look()
        append(self, record)

    def applied(self: Blender, *arguments: Any) -> None:
        look()
        apply(self, *arguments)

    monkeypatch.setattr(Journal, "append", appended)
    monkeypatch.setattr(Blender, "_apply", applied)
    sink.addTile(TILE[:, :17], 10, 10, key="mine")
    held = {"structure", "key"}
    if blend != "over":
        held |= {"log", "chunk 0, 0", "chunk 0, 1", "chunk 1, 0", "chunk 1, 1"}
    assert seen == [held] * (1 if blend == "over" else 2)
    assert all(free(store, lock) for lock in wanted.values())
    sink.close()


def test_chunks_are_locked_in_one_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two tiles over the same chunks each would else wait for the other, for ever."""
    sink = ziggurat.new(tmp_path / "s", tileSize=16, blend="sum")
    blender = sink._store.blender
    real, seen = blender._hold, list[list[int]]()

    def held(file: Any, structure: Any, stripes: list[int]) -> None:
        seen.append(list(stripes))
        real(file, structure, stripes)

    monkeypatch.setattr(blender, "_hold", held)
    monkeypatch.setattr(blender, "_apply", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        sink.addTile(np.zeros((70, 70, 3), np.uint8) + 1)
    monkeypatch.undo()
    monkeypatch.setattr(blender, "_hold", held)
    sink.getRegion(format="numpy")  # finishes it
    assert [len(stripes) for stripes in seen] == [25, 25]
    assert all(stripes == sorted(set(stripes)) for stripes in seen)
    sink.close()


def test_chunks_of_a_tile_that_was_finished_are_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever kept them and took others could wait for one who does the same."""
    sink = ziggurat.new(tmp_path / "s", tileSize=16, blend="sum")
    blender = sink._store.blender
    assert blender is not None
    with monkeypatch.context() as patch:
        patch.setattr(blender, "_apply", lambda *_: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            sink.addTile(TILE)
    old = [stripe for stripe in range(STRIPES) if blender._marks[stripe]]
    assert len(old) == 4
    seen: list[bool] = []
    append = Journal.append

    def appended(self: Journal, record: bytes) -> None:
        store = sink._store
        assert isinstance(store, Store)
        seen.extend(free(store, chunk_lock(stripe)) for stripe in old)
        append(self, record)

    monkeypatch.setattr(Journal, "append", appended)
    sink.addTile(TILE, 100, 100)  # in the same log, which is finished first
    assert seen == [True] * 4
    sink.close()


def test_who_comes_while_a_change_waits_keeps_nothing_from_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the gate with its shared lock still held it would wait for the change, and that for it."""
    seen = []

    def held(wanted: Any, action: Any) -> None:
        del action
        seen.append((list(wanted), free(store, EXCLUSIVE)))
        store.header.words[HeaderWord.CHANGE] = 0  # it is done

    monkeypatch.setattr(store.locks, "held", held)
    store.header.words[HeaderWord.CHANGE] = 1
    file = store.locks.take()
    store.lock.share(file)
    assert seen == [([GATE], True)]
    assert not free(store, EXCLUSIVE)
    assert free(store, SHARED)
    file.close()
