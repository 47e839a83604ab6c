"""The cache of strips, and the pool of sibling files."""

from pathlib import Path

import numpy as np
import pytest

from ziggurat.readers.codecs.segment_cache import SegmentCache
from ziggurat.readers.errors import SourceNotFoundError
from ziggurat.readers.io.siblings import SiblingBytes, SiblingFiles


def test_the_least_recently_used_goes_first() -> None:
    cache = SegmentCache(300)
    arrays = [np.full(100, index, np.uint8) for index in range(4)]
    for index in range(3):
        cache.put(index, arrays[index])
    assert cache.get(0) is arrays[0]
    cache.put(3, arrays[3])
    assert cache.get(1) is None
    assert [cache.get(index) is arrays[index] for index in (0, 2, 3)] == [True] * 3


def test_what_is_too_large_is_not_kept() -> None:
    cache = SegmentCache(50)
    cache.put("a", np.zeros(51, np.uint8))
    assert cache.get("a") is None


def test_replacing_counts_once() -> None:
    cache = SegmentCache(200)
    for _ in range(5):
        cache.put("a", np.zeros(100, np.uint8))
    cache.put("b", np.zeros(100, np.uint8))
    assert cache.get("a") is not None
    assert cache.get("b") is not None


def test_few_siblings_are_open_at_a_time(tmp_path: Path) -> None:
    files = SiblingFiles(limit=2)
    sources = []
    for index in range(5):
        (tmp_path / str(index)).write_bytes(bytes([index]) * 10)
        sources.append(SiblingBytes(files, str(tmp_path / str(index))))
    for index in (0, 4, 2, 2, 0, 1, 3):
        assert sources[index].read(3, 4) == bytes([index]) * 4
        assert len(files._open) <= 2
    assert sources[1].size == 10
    files.close()
    assert not files._open


def test_a_sibling_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError):
        SiblingBytes(SiblingFiles(), str(tmp_path / "none"))
