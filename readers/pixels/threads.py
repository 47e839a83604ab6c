"""One pool of reading threads for the process, made anew after a fork."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from ziggurat.readers.io.system import core_count

_lock = threading.Lock()
_pool: tuple[int, ThreadPoolExecutor] | None = None
_callers = 0  # threads that are in run_all or have spare cores now
_left: dict[int, float] = {}  # when threads gave their spare cores back
_BETWEEN = 2e-3  # seconds: who asks for region after region, has cores again within less


def reading_pool() -> ThreadPoolExecutor:
    """Return the pool. Nothing that runs in it may wait for something else in it."""
    global _pool
    if _pool is None or _pool[0] != os.getpid():
        with _lock:
            if _pool is None or _pool[0] != os.getpid():
                _pool = (os.getpid(), ThreadPoolExecutor(core_count(), "ziggurat-read"))
    return _pool[1]


def run_all(jobs: Sequence[Callable[[], None]]) -> None:
    """Run jobs on the pool and in the calling thread; the first error is raised.

    All of them have ended when this returns, however it does. Where as many callers as cores are
    at it, each does its own jobs: handing them over would only cost.
    """
    global _callers
    with _lock:
        _callers += 1
    try:
        if len(jobs) < 2 or _callers >= core_count():
            for job in jobs:
                job()
        else:
            _share(jobs)
    finally:
        with _lock:
            _callers -= 1


@contextmanager
def spare_cores() -> Iterator[int]:
    """Yield how many threads the caller may use, itself among them: callers share the cores.

    Who had some a moment ago counts, too: it is between two regions, and a helper that is begun
    meanwhile would be in its way.
    """
    global _callers
    me = threading.get_ident()
    with _lock:
        _left.pop(me, None)
        _callers += 1
        callers = _callers
        if _left:
            since = time.monotonic() - _BETWEEN
            for thread in [thread for thread, when in _left.items() if when < since]:
                del _left[thread]
            callers += len(_left)
    try:
        yield max(1, core_count() // callers)
    finally:
        with _lock:
            _callers -= 1
            _left[me] = time.monotonic()


def _share(jobs: Sequence[Callable[[], None]]) -> None:
    futures = [reading_pool().submit(job) for job in jobs[1:]]
    error: BaseException | None = None
    try:
        jobs[0]()
    except BaseException as raised:  # noqa: BLE001  (raised again below, after the others ended)
        error = raised
    for job, future in zip(jobs[1:], futures, strict=True):
        try:
            # what no thread has begun yet is done here: a busy pool never delays its caller
            if error is None and future.cancel():
                job()
            else:
                future.result()
        except BaseException as raised:  # noqa: BLE001
            error = error or raised
    if error is not None:
        raise error


def _forget_pool() -> None:
    # locks and threads of the parent don't work in a forked child
    global _lock, _pool, _callers
    _lock, _pool, _callers = threading.Lock(), None, 0
    _left.clear()


os.register_at_fork(after_in_child=_forget_pool)
