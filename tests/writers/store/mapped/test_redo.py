"""Redo logs as they are found: whole, or of a process that died while it wrote one."""

import contextlib
import errno
import mmap
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import ScratchFullError, SinkError
from ziggurat.readers.io.lock_files import open_lock_file
from ziggurat.writers.store.mapped import blender
from ziggurat.writers.store.mapped.blender import Blender
from ziggurat.writers.store.mapped.journal import Journal
from ziggurat.writers.store.mapped.locks import SLOTS, acquired_at_once, slot_lock
from ziggurat.writers.store.mapped.redo import Part, Slot, Slots


def parts() -> list[Part]:
    pixels = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    inside = slice(1, 3), slice(0, 4)
    return [Part(1, (2, 0), 3, 4, inside, pixels), Part(0, (), 0, 0, inside, pixels[..., :1])]


def test_a_log_is_read_as_it_was_written(tmp_path: Path) -> None:
    Slot(0, str(tmp_path / "redo-0")).write(parts())
    found = Slot(0, str(tmp_path / "redo-0")).read()
    for one, other in zip(found, parts(), strict=True):
        for name in ("array", "frame", "row", "column", "inside"):
            assert getattr(one, name) == getattr(other, name)
        assert one.pixels.dtype == other.pixels.dtype
        assert np.array_equal(one.pixels, other.pixels)


def test_a_log_that_was_cut_short_holds_nothing(tmp_path: Path) -> None:
    slot = Slot(0, str(tmp_path / "redo-0"))
    assert slot.read() == []
    slot.write(parts())
    whole = (tmp_path / "redo-0").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "redo-0").write_bytes(whole[:length])
        assert slot.read() == []


def test_two_tiles_of_one_log_have_two_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the clock stands still, or goes back."""
    slot, numbers = Slot(0, str(tmp_path / "redo-0")), []
    for now in (500, 500, 500, 3, 501):
        monkeypatch.setattr(time, "time_ns", lambda now=now: now)
        slot.write(parts())
        numbers.append(slot.sequence)
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_no_room_for_the_words_of_blending_is_said(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise OSError(number, "so it is")

    ziggurat.new(tmp_path / "s", blend="sum").close()
    monkeypatch.setattr(blender, "reserve", failing)
    with pytest.raises(OSError, match="no room" if number != errno.EIO else "so it is") as caught:
        blender._map_words(str(tmp_path / "s"))
    assert isinstance(caught.value, ScratchFullError) == (number != errno.EIO)


def blender_of(sink: ziggurat.Sink) -> Blender:
    found = sink._store.blender
    assert isinstance(found, Blender)
    return found


@contextlib.contextmanager
def taken(sink: ziggurat.Sink, logs: Sequence[int]) -> Iterator[None]:
    """Others have some redo logs at this moment, as they lay tiles."""
    with open(f"{sink.path}/.ziggurat/locks", "r+b", buffering=0) as file:
        assert all(acquired_at_once(file, slot_lock(number)) for number in logs)
        yield


def lay_in_part(
    sink: ziggurat.Sink, value: int, place: tuple[int, int], parts: int, key: str | None = None
) -> None:
    """Lay a tile of 20 x 20 pixels that is in, of which the chunks got the first parts only."""
    found = blender_of(sink)
    real = found._apply

    def apply(structure: Any, changed: Sequence[Part]) -> None:
        real(structure, changed[:parts])
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(found, "_apply", apply)
        sink.addTile(np.full((20, 20), value, np.int32), *place, key=key)


def sums(sink: ziggurat.Sink) -> Any:
    return sink.getRegion(format="numpy", frame=sink.frames - 1)[0][..., 0]


WAYS: dict[str, Callable[[ziggurat.Sink], object]] = {
    "read": sums,
    "the tile again": lambda sink: sink.addTile(np.ones((20, 20), np.int32), 10, 10, key="left"),
    "another band": lambda sink: sink.addTile(np.ones((1, 1, 2), np.int32), 50, 50, z=0),
    "another axis": lambda sink: sink.addTile(np.ones((1, 1), np.int32), 50, 50, z=0, t=0),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("busy", "parts"), [((0, 1), 0), ((0, 1, 2), 5)])
def test_what_was_left_in_any_log_is_finished(
    tmp_path: Path, busy: tuple[int, ...], parts: int, way: str
) -> None:
    """A tile goes to the first log that is free: to a later one where others lay tiles, too."""
    with ziggurat.new(tmp_path / "s", blend="sum", tileSize=16, dtype="int32") as sink:
        sink.addTile(np.full((40, 40), 1, np.int32), z=0)
        with taken(sink, busy):
            lay_in_part(sink, 10, (10, 10), parts, key="left")
        assert np.flatnonzero(blender_of(sink)._slots.busy).tolist() == [len(busy)]
        WAYS[way](sink)
        assert not blender_of(sink)._slots.busy.any()
        assert not any(blender_of(sink)._marks)
        expected = np.ones((40, 40), np.int32)
        expected[10:30, 10:30] = 11
        found = sums(sink)[:40, :40]
        np.testing.assert_array_equal(found, expected)


def test_several_that_were_left_are_all_finished_but_those_of_the_living(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", blend="sum", tileSize=16, dtype="int32") as sink:
        sink.addTile(np.full((64, 64), 1, np.int32))
        for number, place in enumerate([(0, 0), (32, 0), (0, 32)]):
            with taken(sink, range(number)):
                lay_in_part(sink, 10 << number, place, 1)
        found = blender_of(sink)
        assert np.flatnonzero(found._slots.busy).tolist() == [0, 1, 2]
        with taken(sink, [1]):  # its owner is about to finish it
            sink._store.settle()
            assert np.flatnonzero(found._slots.busy).tolist() == [1]
        expected = np.ones((64, 64), np.int32)
        for number, (x, y) in enumerate([(0, 0), (32, 0), (0, 32)]):
            expected[y : y + 20, x : x + 20] += 10 << number
        np.testing.assert_array_equal(sums(sink), expected)


def test_a_chunk_that_went_on_is_not_put_back_to_what_a_log_has(tmp_path: Path) -> None:
    """Whoever lays a tile finishes its own chunks; others of the log may be finished, and newer."""
    with ziggurat.new(tmp_path / "s", blend="sum", tileSize=16, dtype="int32") as sink:
        sink.addTile(np.full((32, 32), 1, np.int32))
        with taken(sink, [1]):
            lay_in_part(sink, 10, (0, 0), 0)
        with taken(sink, [0]):  # so that its log is not taken again, and finished before
            for x, y in ((20, 20), (20, 0), (0, 0)):
                sink.addTile(np.full((2, 2), 100, np.int32), x, y)
        found = sums(sink)
        expected = np.ones((32, 32), np.int32)
        expected[:20, :20] = 11
        for x, y in ((20, 20), (20, 0), (0, 0)):
            expected[y : y + 2, x : x + 2] += 100
        np.testing.assert_array_equal(found, expected)


def test_a_thousand_tiles_are_blended_at_once_and_one_too_many_is_refused(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", blend="sum", tileSize=16, dtype="int32") as sink:
        with taken(sink, range(1000)):
            sink.addTile(np.full((4, 4), 7, np.int32))
        with taken(sink, range(SLOTS)), pytest.raises(SinkError, match="try again"):
            sink.addTile(np.full((4, 4), 7, np.int32), key="late")
        assert (sums(sink) == 7).all()
        assert len(list(sink.tiles())) == 1
        sink.addTile(np.full((4, 4), 7, np.int32), key="late")
        assert (sums(sink) == 14).all()


STEPS: list[tuple[type, str]] = [
    (Slots, "claim"), (Blender, "_hold"), (Blender, "_changed"), (Slot, "write"),
    (Blender, "_mark"), (Journal, "append"), (Blender, "_apply"), (Blender, "_unmark"),
]  # fmt: skip


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("owner", "step"), STEPS)
def test_a_tile_that_is_stopped_at_any_step_is_in_wholly_or_not_at_all(
    tmp_path: Path, owner: type, step: str, after: bool
) -> None:
    with ziggurat.new(tmp_path / "s", blend="sum", tileSize=16, dtype="int32") as sink:
        sink.addTile(np.full((32, 32), 1, np.int32))
        real = getattr(owner, step)

        def stopped(*arguments: Any) -> None:
            if after:
                real(*arguments)
            raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            patch.setattr(owner, step, stopped)
            sink.addTile(np.full((20, 20), 10, np.int32), 5, 5, key="stopped")
        late = STEPS.index((owner, step)) * 2 + after
        is_in = late > STEPS.index((Journal, "append")) * 2
        assert sink.hasKey("stopped") is is_in
        sink.addTile(np.full((2, 2), 100, np.int32), 64, 64)  # with the same log
        sink.addTile(np.full((2, 2), 100, np.int32), 0, 0)  # in one of its chunks
        for now in (is_in, True):
            expected = np.ones((32, 32), np.int32)
            expected[5:25, 5:25] += 10 * now
            expected[:2, :2] += 100
            np.testing.assert_array_equal(sums(sink)[:32, :32], expected)
            sink.addTile(np.full((20, 20), 10, np.int32), 5, 5, key="stopped")


def test_logs_may_come_and_go_while_they_are_looked_through(tmp_path: Path) -> None:
    """The words are shared: other processes begin and end tiles while numpy counts them."""
    words = np.frombuffer(mmap.mmap(-1, SLOTS * 8), np.int64)
    child = os.fork()
    if child == 0:
        while True:
            words[:] = 1 - words
    try:
        with open_lock_file(tmp_path / "locks", os.O_RDWR | os.O_CREAT) as file:
            for _ in range(30):
                seen = [slot.number for slot in Slots(str(tmp_path), words).abandoned(file)]
                assert seen == sorted(set(seen))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
