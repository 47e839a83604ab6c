"""Threads that do tasks, and survive whatever is raised in the one that gives them.

:mod:`concurrent.futures` and :mod:`threading` take locks in Python code: Ctrl-C at a wrong moment
leaves one held, and who comes next waits for ever. Queues and threads of the interpreter itself
have no such moment.
"""

import _thread
import weakref
from collections.abc import Callable
from queue import SimpleQueue


class Job[T]:
    """What is to be done, and what came of it."""

    __slots__ = ("_outcome", "_work")

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._outcome: SimpleQueue[tuple[T] | BaseException] = SimpleQueue()

    def do(self) -> None:
        """Do it, on whichever thread."""
        try:
            self._outcome.put((self._work(),))
        except BaseException as error:  # noqa: BLE001  (whoever waits for it gets it)
            self._outcome.put(error)

    def result(self) -> T:
        """Wait for it, once; return or raise what came of it."""
        outcome = self._outcome.get()
        if isinstance(outcome, BaseException):
            try:
                raise outcome
            finally:
                del outcome  # which holds this very frame
        return outcome[0]


class Crew:
    """Up to so many threads; they begin with the first jobs and end with the crew."""

    def __init__(self, threads: int) -> None:
        self._most, self._begun = threads, 0
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._gone: SimpleQueue[None] = SimpleQueue()
        # also where an interrupt came before end(): a queue may be put to from anywhere
        weakref.finalize(self, self._jobs.put, None).atexit = False

    def submit[T](self, work: Callable[[], T]) -> Job[T]:
        """Have something done when its turn comes; at once where no thread can be had."""
        job = Job(work)
        if self._begun < self._most:
            self._begun += 1
            try:
                _thread.start_new_thread(_labour, (self._jobs, self._gone))
            except RuntimeError:  # the system has no more of them
                self._begun -= 1
        if self._begun:
            self._jobs.put(job.do)
        else:
            job.do()
        return job

    def end(self) -> None:
        """Wait until all jobs are done and the threads are gone."""
        self._jobs.put(None)
        for _ in range(self._begun):
            self._gone.get()
        self._begun = 0


def _labour(jobs: "SimpleQueue[Callable[[], None] | None]", gone: "SimpleQueue[None]") -> None:
    while (job := jobs.get()) is not None:
        job()
        del job  # and with it pixels, before the wait for the next
    jobs.put(None)  # for the others
    gone.put(None)
