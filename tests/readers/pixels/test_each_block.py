"""The cache against a plain one, and what is put together of blocks of any shape."""

import dataclasses
from collections import OrderedDict

import numpy as np
import pytest

from tests.readers.conftest import LevelsReader
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.pixels import window
from ziggurat.readers.pixels.cache import ByteCache
from ziggurat.readers.pixels.image import Image

INFO = ImageInfo("made", (Level(600, 700, 16, 8),), 1, np.dtype(np.uint8), Interpretation.GRAY)


def test_a_cache_against_a_plain_one() -> None:
    rng, limit = np.random.default_rng(2), 800
    cache, plain = ByteCache(limit), OrderedDict[tuple[str, int], tuple[int, int]]()
    hits = misses = 0
    gone: set[str] = set()

    def drop() -> None:
        for one in [one for one in plain if one[0] in gone]:
            del plain[one]
        gone.clear()

    def used() -> int:
        return sum(size for _, size in plain.values())

    for step in range(1500):
        key = ("ab"[rng.integers(2)], int(rng.integers(9)))
        doing = rng.integers(40)
        if doing == 0:  # they go with what comes next
            gone.add(key[0])
            cache.forget(key[0])
        elif doing == 1:
            limit = int(rng.integers(400, 1200))
            cache.resize(limit)
        elif doing < 18:
            size = int(rng.integers(limit // 12, limit // 7))
            assert cache.takes(size) is (size <= limit // 8)
            cache.put(key, step, size)
            drop()
            if size <= limit // 8:
                plain.pop(key, None)
                plain[key] = step, size
        elif doing < 21:
            other = (key[0], (key[1] + 1) % 9)
            due = [plain.get(one, (None, 0))[0] for one in (key, other)]
            assert [cache.peek(key), *cache.peek_all([key, other])] == [due[0], *due]
        elif doing < 38:
            found = cache.get(key)
            assert found == plain.get(key, (None, 0))[0], step
            if found is not None:
                plain.move_to_end(key)
            hits, misses = hits + (found is not None), misses + (found is None)
        else:
            drop()
            info = cache.info()
            assert (info.items, info.used) == (len(plain), used())
            assert (info.limit, info.hits, info.misses) == (limit, hits, misses)
            assert info.hit_rate == hits / max(1, hits + misses)
        while used() > limit:
            plain.popitem(last=False)


BIG = np.random.default_rng(3).integers(0, 255, (2, 700, 600, 1), np.uint8)


@pytest.mark.parametrize("tile", [(16, 24), (200, 90), (300, 16), (700, 600)])
@pytest.mark.parametrize("keep", [True, False])
def test_blocks_of_any_shape_are_told_apart(tile: tuple[int, int], keep: bool) -> None:
    level = Level(600, 700, *tile)
    info = dataclasses.replace(INFO, levels=(level,))
    image = Image(LevelsReader([BIG], info), ByteCache(1 << 24), object()).keeping(keep)
    places = [(0, 0, 600, 700), (250, 250, 30, 30), (590, 0, 10, 700), (0, 690, 600, 10),
              (263, 255, 1, 1), (100, 500, 400, 150)]  # fmt: skip
    for frame in (0, 1, 0):
        for place in [*places, *places[::-1]]:
            rect = Rect(*place)
            found = window.read_level(image, 0, frame, rect)
            due = BIG[frame, rect.y : rect.bottom, rect.x : rect.right]
            np.testing.assert_array_equal(found, due, str((frame, rect)))
            found[...] = 0
