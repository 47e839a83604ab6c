"""Threads that need the same stored tile at the same time: one reads it, the others wait for it."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.hooked import HookedArray
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.pixels.cache import ByteCache
from ziggurat.readers.pixels.window import Image, read_level
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
