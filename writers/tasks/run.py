"""Carries a plan out on an executor: anything of the shape of ``concurrent.futures``."""

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from typing import Any

from ziggurat.writers.model.progress import Cancellation, Progress, ProgressCallback
from ziggurat.writers.model.report import WriteReport
from ziggurat.writers.tasks.plan import WritePlan, WriteTask


def carry_out(task: WriteTask) -> int:
    """Carry out one task: a function that pickles by its name."""
    return task()


def run_plan(
    plan: WritePlan,
    executor: Executor | None,
    *,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
    check: Callable[[Path], object] | None = None,
) -> WriteReport:
    """Carry out all tasks of a plan, then finish it; where anything fails, nothing is left.

    Parameters
    ----------
    executor
        Has ``submit(function, argument)``, which returns what has ``result()``. None: the tasks
        are done here, one after the other.
    on_progress, cancel, check
        See :meth:`WritePlan.finish`.
    """
    token = cancel or Cancellation()
    futures: list[Any] = []
    try:
        tasks = plan.tasks
        if executor is not None:
            futures = [executor.submit(carry_out, task) for task in tasks]
        size = 0
        for number, task in enumerate(tasks):
            token.check()
            size += task() if executor is None else futures[number].result()
            if on_progress is not None:
                on_progress(Progress(number + 1, len(tasks), size))
        return plan.finish(cancel=token, check=check)
    except BaseException:
        _stop(futures)
        with suppress(Exception):  # what went wrong first is what counts
            plan.cancel()
        raise


def _stop(futures: list[Any]) -> None:
    """Take back what has not begun, and wait for the rest: nothing may be put after the end."""
    running = [future for future in futures if not future.cancel()]
    for future in running:
        with suppress(BaseException):
            future.result()
