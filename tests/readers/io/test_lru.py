"""What was used last is kept within a bound, and a forked child begins anew."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

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


def test_what_is_kept_is_told_to_who_closes_it() -> None:
    cache: Lru[str, int] = Lru(2)
    for number, key in enumerate("abc"):
        cache.put(key, number)
    assert sorted(cache.values()) == [1, 2]


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


def test_threads_that_ask_at_once_for_the_first_time_get_the_same_thing() -> None:
    waiting, go, made = threading.Event(), threading.Event(), []

    def make() -> object:
        made.append(object())
        waiting.set()
        assert go.wait(10)
        return made[-1]

    ask = PerProcess(make)
    with ThreadPoolExecutor(2) as pool:
        assert ask.present() is None
        first = pool.submit(ask)
        assert waiting.wait(10)
        second = pool.submit(ask)  # the first is still at it
        go.set()
        assert first.result() is second.result() is made[0] is ask.present()
    assert len(made) == 1


def test_a_child_does_not_wait_for_a_thread_of_its_parent_that_was_making_it() -> None:
    ask = PerProcess(os.getpid)
    ask._locks[os.getpid()] = lock = threading.Lock()
    lock.acquire()  # held in the moment of the fork by a thread that the child hasn't
    child = os.fork()
    if not child:
        os._exit(0 if ask() == os.getpid() else 1)
    assert os.waitpid(child, 0)[1] == 0
