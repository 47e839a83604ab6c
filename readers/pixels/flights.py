"""What is being made for the cache, and by whom: nobody makes what another thread has in hand.

A flight is a lock that its owner holds from before it takes a key until it has stored what belongs
there. Who finds a key taken waits for that lock, and looks again. A lock that is free stands for
nobody any more, so that an owner who is interrupted keeps no one waiting for ever.
"""

import os
import threading
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager

_guard = threading.Lock()
_flights: dict[Hashable, threading.Lock] = {}


def take[K: Hashable](keys: Iterable[K], flight: threading.Lock, mine: list[K]) -> None:
    """Take those keys that nobody has in hand, and append them to ``mine``: it never waits.

    The caller holds the flight's lock, in a ``try`` whose ``finally`` releases it, and then calls
    :func:`leave`.
    """
    with _guard:
        for key in keys:
            other = _flights.get(key)
            if other is None or not other.locked():
                _flights[key] = flight
                mine.append(key)


def leave(keys: Iterable[Hashable], flight: threading.Lock) -> None:
    """Let go of keys that were taken."""
    with _guard:
        for key in keys:
            if _flights.get(key) is flight:
                del _flights[key]


@contextmanager
def single_flight(key: Hashable) -> Iterator[None]:
    """Let one thread at a time make what belongs under a key; who comes later may find it there."""
    flight = threading.Lock()
    flight.acquire()
    mine: list[Hashable] = []
    try:
        while True:
            take((key,), flight, mine)
            if mine:
                break
            other = _flights.get(key)
            if other is not None:
                with other:
                    pass
        yield
    finally:
        flight.release()
        leave(mine, flight)


def _after_fork() -> None:
    # the guard may have been held by a thread of the parent, which has no threads here
    global _guard
    _guard = threading.Lock()
    _flights.clear()


os.register_at_fork(after_in_child=_after_fork)
