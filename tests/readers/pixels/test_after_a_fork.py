"""A forked child has none of the parent's threads: whatever they held or made is made anew."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from ziggurat.readers.pixels import cache, flights, threads


def held() -> Any:
    """Return a lock that a thread which is no longer there will never release."""
    lock = threading.Lock()
    lock.acquire()
    return lock


@pytest.fixture
def parent(monkeypatch: pytest.MonkeyPatch) -> cache.ByteCache:
    """Leave all shared things of this process as a fork may find them; they come back after it."""
    busy = cache.ByteCache(1000)
    busy.put("key", b"parent", 10)
    monkeypatch.setattr(busy, "_lock", held())
    monkeypatch.setattr(cache, "_cache", busy)
    monkeypatch.setattr(cache, "_made_lock", held())
    monkeypatch.setattr(flights, "_guard", held())
    monkeypatch.setattr(flights, "_flights", {"key": held()})
    monkeypatch.setattr(threads, "_lock", held())
    monkeypatch.setattr(threads, "_pool", object())
    monkeypatch.setattr(threads, "_callers", 5)
    monkeypatch.setattr(threads, "_left", {1: 0.0})
    return busy


def test_the_cache_of_a_child_is_its_own(parent: cache.ByteCache) -> None:
    cache._after_fork()
    mine = cache.tile_cache()
    assert mine is not parent
    assert not mine._lock.locked()
    assert not cache._made_lock.locked()
    mine.put("key", b"child", 10)
    assert mine.get("key") == b"child"
    assert cache.cachesInfo()["tileCache"]["items"] == 1


def test_nobody_of_the_parent_is_waited_for(parent: cache.ByteCache) -> None:
    del parent
    flights._after_fork()
    assert not flights._guard.locked()
    assert flights._flights == {}
    with flights.single_flight("key"):
        assert list(flights._flights) == ["key"]
    assert flights._flights == {}


def test_the_threads_of_a_child_are_its_own(parent: cache.ByteCache) -> None:
    del parent
    threads._forget_pool()
    assert not threads._lock.locked()
    assert (threads._pool, threads._callers, threads._left) == (None, 0, {})


def test_a_file_is_known_by_each_of_its_facts(tmp_path: Path) -> None:
    """Rewritten in place within the second, longer, another of its name: none is the old one."""
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"12345")
    second = 1_700_000_000 * 10**9
    os.utime(path, ns=(second, second))
    known = [cache.file_identity(path, "url")]
    assert known[0] == cache.file_identity(path, "url")
    known.append(cache.file_identity(path, "another url"))
    for later in (1, 999, 10**6, 10**9 - 1, 10**9):
        os.utime(path, ns=(second, second + later))
        known.append(cache.file_identity(path, "url"))
    path.write_bytes(b"123456")
    os.utime(path, ns=(second, second))
    known.append(cache.file_identity(path, "url"))
    other.write_bytes(b"12345")  # another file of the first one's size and time
    os.utime(other, ns=(second, second))
    known.append(cache.file_identity(other, "url"))
    assert len(set(known)) == len(known) == 9
    assert cache.file_identity(None, "url") is None
    assert cache.file_identity(tmp_path / "none", "url") is None
    assert cache.file_identity(Path("a\0b"), "url") is None


def test_what_was_asked_for_together_goes_last() -> None:
    kept = cache.ByteCache(80)
    for key in "abcdefgh":
        kept.put(key, key, 10)
    assert kept.get_all(["a", "x", "c"]) == ["a", None, "c"]
    assert kept.peek_all(["b", "x"]) == ["b", None]  # that is no use of it
    kept.put_all([("i", "i", 10), ("j", "j", 10)])
    assert kept.peek_all(["a", "b", "c", "d"]) == ["a", None, "c", None]
    assert (kept.info().hits, kept.info().misses) == (2, 1)
