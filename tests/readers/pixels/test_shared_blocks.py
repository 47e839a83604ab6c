"""Threads that need the same stored tile at the same time: one reads it, the others wait for it."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import numpy as np
import pytest

from tests.hooked import HookedArray
from ziggurat.readers.io.system import core_count
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import DecodedPlane, Part, Pixels, Plane, Reader
from ziggurat.readers.pixels import threads
from ziggurat.readers.pixels.cache import ByteCache
from ziggurat.readers.pixels.flights import _flights, leave, single_flight, take
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.pixels.threads import spare_cores
from ziggurat.readers.pixels.window import read_level
from ziggurat.readers.views.array import array_reader


def test_a_block_is_read_once_however_many_want_it() -> None:
    pixels = np.arange(300 * 300, dtype=np.uint16).reshape(300, 300, 1)
    seen, started = Counter[Rect](), threading.Barrier(4)

    class Slow(HookedArray):
        def read(self, level: int, frame: int, rect: Rect) -> Pixels:
            seen[rect] += 1
            time.sleep(0.05)
            return super().read(level, frame, rect)

    access = Image(Slow(pixels, array_reader(pixels).info), ByteCache(1 << 24), "an image")

    def work(x: int) -> bool:
        started.wait()
        found = read_level(access, 0, 0, Rect(x, 0, 40, 40))
        return np.array_equal(found, pixels[:40, x : x + 40])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))
    assert list(seen.values()) == [1]


def test_who_waits_for_a_read_that_fails_reads_itself() -> None:
    pixels, calls = np.ones((100, 100, 1), np.uint8), Counter[str]()

    class FailsOnce(HookedArray):
        def read(self, level: int, frame: int, rect: Rect) -> Pixels:
            calls["all"] += 1
            if calls["all"] == 1:
                raise OSError("the first read fails")
            return super().read(level, frame, rect)

    access = Image(FailsOnce(pixels, array_reader(pixels).info), ByteCache(1 << 24), "an image")
    with pytest.raises(OSError, match="first read"):
        read_level(access, 0, 0, Rect(0, 0, 10, 10))
    assert read_level(access, 0, 0, Rect(0, 0, 10, 10)).all()


class Together(DecodedPlane):
    """A plane that fills many arrays at once, and counts what it was asked for."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels, self.seen = pixels, Counter[Rect]()
        self.calls: list[int] = []
        self.wait = 0.0

    @property
    def together(self) -> bool:
        return True

    def read(self, rect: Rect) -> Pixels:
        self.seen[rect] += 1
        return self.pixels[rect.y : rect.bottom, rect.x : rect.right].copy()

    def fill(self, parts: Sequence[Part], threads: int = 1, shown: Part | None = None) -> None:
        self.calls.append(len(parts))
        time.sleep(self.wait)
        super().fill(parts, threads, shown)


class TogetherReader(Reader):
    def __init__(self, pixels: Pixels) -> None:
        self.info = array_reader(pixels, tile=256).info
        self.one = Together(pixels)

    def plane(self, level: int, frame: int) -> Plane:
        del level, frame
        return self.one


@pytest.fixture
def many(rng: np.random.Generator) -> TogetherReader:
    return TogetherReader(rng.integers(0, 255, (900, 1100, 3), np.uint8))


def test_missing_blocks_are_asked_for_in_one_call_and_kept(many: TogetherReader) -> None:
    image = Image(many, ByteCache(1 << 26), "an image")
    rect = Rect(20, 30, 1080, 870)
    for _ in range(2):
        due = many.one.pixels[30:, 20:]
        np.testing.assert_array_equal(read_level(image, 0, 0, rect), due)
    assert many.one.calls == [20]
    assert set(many.one.seen.values()) == {1}


def test_a_cache_that_takes_nothing_costs_nothing(many: TogetherReader) -> None:
    image = Image(many, ByteCache(0), "an image")
    read_level(image, 0, 0, Rect(300, 300, 400, 10))
    assert many.one.seen == {Rect(300, 300, 400, 10): 1}


def test_what_is_not_kept_is_read_as_far_as_it_is_wanted(many: TogetherReader) -> None:
    cache = ByteCache(1 << 26)
    rect = Rect(300, 300, 400, 10)
    read_level(Image(many, cache, "an image"), 0, 0, Rect(256, 256, 256, 256))
    many.one.seen.clear()
    found = read_level(Image(many, cache, "an image", keep=False), 0, 0, rect)
    np.testing.assert_array_equal(found, many.one.pixels[300:310, 300:700])
    assert many.one.seen == {Rect(512, 300, 188, 10): 1}
    many.one.seen.clear()
    found = read_level(Image(many, None, None), 0, 0, rect)
    np.testing.assert_array_equal(found, many.one.pixels[300:310, 300:700])
    assert many.one.seen == {rect: 1}


def test_threads_that_want_the_same_blocks_read_each_once(many: TogetherReader) -> None:
    many.one.wait = 0.05
    image, started = Image(many, ByteCache(1 << 26), "an image"), threading.Barrier(6)

    def work(number: int) -> bool:
        started.wait()
        rect = Rect(0, 0, 768, 768)
        due = many.one.pixels[rect.y : rect.bottom, rect.x : rect.right]
        return np.array_equal(read_level(image, 0, 0, rect), due)

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(work, range(6)))
    assert set(many.one.seen.values()) == {1}


def test_turns_are_free_again_after_an_error(many: TogetherReader) -> None:
    image = Image(many, ByteCache(1 << 26), "an image")
    broken = mock.patch.object(many.one, "read", side_effect=OSError("the disk is gone"))
    with broken, pytest.raises(OSError, match="disk"):
        read_level(image, 0, 0, Rect(0, 0, 600, 600))
    assert read_level(image, 0, 0, Rect(0, 0, 600, 600)).any()


def taken(keys: str) -> tuple[threading.Lock, list[str]]:
    """Take what is free of some keys."""
    flight, mine = threading.Lock(), list[str]()
    flight.acquire()
    take(keys, flight, mine)
    return flight, mine


def test_a_key_is_in_one_flight_at_a_time() -> None:
    flight, mine = taken("ab")
    other, rest = taken("bc")
    assert (mine, rest) == (["a", "b"], ["c"])
    flight.release()
    leave(mine, flight)
    last, free = taken("abc")
    assert free == ["a", "b"]
    for keys, one in ((rest, other), (free, last)):
        one.release()
        leave(keys, one)
    assert not _flights


def test_who_is_interrupted_before_it_lets_go_of_its_keys_keeps_nobody_waiting() -> None:
    flight, _ = taken("ab")
    flight.release()  # and no more
    with single_flight("a"):
        assert taken("ab")[1] == ["b"]
    _flights.clear()


def test_those_who_wait_for_a_flight_make_it_one_after_the_other() -> None:
    flight, _ = taken("a")
    under_way, most, started = 0, [], threading.Barrier(5)

    def work(_: int) -> None:
        nonlocal under_way
        started.wait()
        with single_flight("a"):
            under_way += 1
            most.append(under_way)
            time.sleep(0.001)
            under_way -= 1

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(work, number) for number in range(4)]
        started.wait()
        assert not most
        flight.release()
        leave("a", flight)
        for one in done:
            one.result(30)
    assert most == [1, 1, 1, 1]
    assert not _flights


def test_callers_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_left", {})
    with spare_cores() as alone, spare_cores() as second:
        assert alone == core_count()
        assert second == max(1, core_count() // 2)
    with spare_cores() as again:
        assert again == alone


def test_a_caller_between_two_regions_still_has_its_core(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(threads, "_left", {})
    monkeypatch.setattr(threads.time, "monotonic", lambda: now)

    def other() -> None:
        with spare_cores():
            pass

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    with spare_cores() as found:
        assert found == max(1, core_count() // 2)
    now += 1
    with spare_cores() as found:
        assert found == core_count()
    assert len(threads._left) == 1
