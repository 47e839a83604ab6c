"""Threads that need the same stored tile at the same time: one reads it, the others wait for it."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.pixels.cache import ByteCache
from ziggurat.readers.pixels.window import Access, read_level
from ziggurat.readers.views.array import array_reader


def test_a_block_is_read_once_however_many_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.arange(300 * 300, dtype=np.uint16).reshape(300, 300, 1)
    reader = array_reader(pixels)
    read, seen, started = type(reader).read, Counter[Rect](), threading.Barrier(4)

    def slow(self: object, level: int, frame: int, rect: Rect) -> np.ndarray:
        seen[rect] += 1
        time.sleep(0.05)
        return read(reader, level, frame, rect)

    monkeypatch.setattr(type(reader), "read", slow)
    access = Access(reader, ByteCache(1 << 24), "an image")

    def work(x: int) -> bool:
        started.wait()
        found = read_level(access, 0, 0, Rect(x, 0, 40, 40))
        return np.array_equal(found, pixels[:40, x : x + 40])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))
    assert list(seen.values()) == [1]


def test_who_waits_for_a_read_that_fails_reads_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = array_reader(np.ones((100, 100, 1), np.uint8))
    read, calls = type(reader).read, Counter[str]()

    def fails_once(self: object, level: int, frame: int, rect: Rect) -> np.ndarray:
        calls["all"] += 1
        if calls["all"] == 1:
            raise OSError("the first read fails")
        return read(reader, level, frame, rect)

    monkeypatch.setattr(type(reader), "read", fails_once)
    access = Access(reader, ByteCache(1 << 24), "an image")
    with pytest.raises(OSError, match="first read"):
        read_level(access, 0, 0, Rect(0, 0, 10, 10))
    assert read_level(access, 0, 0, Rect(0, 0, 10, 10)).all()
