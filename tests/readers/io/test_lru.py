"""What was used last is kept within a bound, and a forked child begins anew."""

import os

from ziggurat.readers.io.fork import PerProcess
from ziggurat.readers.io.lru import Lru


def test_what_was_not_asked_for_the_longest_goes() -> None:
    cache: Lru[str, bytes] = Lru(6, len)
    cache.put("a", b"123")
    cache.put("b", b"456")
    assert cache.get("a") == b"123"
    cache.put("c", b"789")
    assert [cache.get(key) for key in "abc"] == [b"123", None, b"789"]


def test_a_value_in_place_of_another_counts_once() -> None:
    cache: Lru[str, bytes] = Lru(6, len)
    for _ in range(3):
        cache.put("a", b"123")
    cache.put("b", b"456")
    assert cache.get("a") == b"123"


def test_the_last_one_stays_however_large_it_is() -> None:
    cache: Lru[str, bytes] = Lru(2, len)
    cache.put("a", b"1")
    cache.put("b", b"12345")
    assert (cache.get("a"), cache.get("b")) == (None, b"12345")
    cache.clear()
    assert cache.get("b") is None


def test_a_forked_child_begins_anew() -> None:
    cache: Lru[str, int] = Lru(5)
    cache.put("a", 1)
    made = PerProcess(os.getpid)
    assert made() == os.getpid()
    cache._lock.acquire()  # as a thread of the parent may have it in the moment of the fork
    child = os.fork()
    if not child:
        good = cache.get("a") is None and made() == os.getpid()
        os._exit(0 if good else 1)
    cache._lock.release()
    assert os.waitpid(child, 0)[1] == 0
    assert cache.get("a") == 1
