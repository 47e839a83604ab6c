"""Threads that do the engine's tasks: in any order of interrupts they end, and tell what came."""

import _thread
import gc
import threading
from functools import partial
from operator import floordiv
from typing import Any

import pytest

from tests.readers.io.labouring import labouring
from ziggurat.readers.io.crew import Crew


def test_jobs_tell_what_came_of_them_and_the_threads_go() -> None:
    crew = Crew(3)
    jobs = [crew.submit(partial(floordiv, 10, number)) for number in (5, 0, 2)]
    assert jobs[2].result() == 5
    with pytest.raises(ZeroDivisionError):
        jobs[1].result()
    assert jobs[0].result() == 2
    crew.end()
    assert labouring() == []


def test_so_many_work_side_by_side_and_no_more() -> None:
    crew, meet = Crew(2), threading.Barrier(2, timeout=60)
    jobs = [crew.submit(meet.wait) for _ in range(4)]
    assert sorted(job.result() for job in jobs) == [0, 0, 1, 1]
    ran = [crew.submit(threading.get_ident) for _ in range(8)]
    assert len({job.result() for job in ran}) <= 2
    crew.end()


def test_a_crew_that_nobody_ended_goes_with_its_owner() -> None:
    crew = Crew(2)
    assert crew.submit(lambda: 7).result() == 7
    del crew
    gc.collect()
    assert labouring() == []


@pytest.mark.parametrize("had", [0, 1])
def test_a_system_without_threads_gets_its_work_done(
    monkeypatch: pytest.MonkeyPatch, had: int
) -> None:
    real, begun = _thread.start_new_thread, 0

    def start(*arguments: Any) -> int:
        nonlocal begun
        begun += 1
        if begun > had:
            raise RuntimeError("can't start new thread")
        return real(*arguments)

    monkeypatch.setattr(_thread, "start_new_thread", start)
    crew = Crew(4)
    jobs = [crew.submit(partial(pow, number, 2)) for number in range(20)]
    assert [job.result() for job in jobs] == [number**2 for number in range(20)]
    crew.end()
