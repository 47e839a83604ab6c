"""Processes of a batch: who gets which slide, what a dead one costs, and how all of them end."""

import signal
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ziggurat.converter.batch import run as batch
from ziggurat.converter.batch.jobs import Job
from ziggurat.converter.batch.run import Outcome, Status, work
from ziggurat.converter.plan.options import ConvertOptions

JOBS = [Job(Path(name), Path(f"o/{name}")) for name in "abcdef"]


class _Process:
    """Stands for a process, and for the pipe to it: it tells what each job's script says."""

    def __init__(self, scripts: dict[str, list[str]]) -> None:
        self.scripts, self.told = scripts, deque[str]()
        self.exitcode: int | None = None
        self.job: Job | None = None
        self.calls: list[str] = []

    def send(self, job: Job) -> None:
        assert self.job is None, "one slide at a time"
        assert self.is_alive()
        self.job = job
        self.told = deque(self.scripts.get(job.source.name, ["half", "done"]))

    def recv(self) -> Any:
        assert self.job is not None
        word, job = self.told.popleft(), self.job
        if word.startswith("dies"):
            self.exitcode = int(word[4:])
            raise EOFError
        if word == "half":
            return "half"
        self.job = None
        return Outcome(job, Status(word))

    def is_alive(self) -> bool:
        return self.exitcode is None

    def close(self) -> None:
        self.calls.append("close")

    def terminate(self) -> None:
        self.calls.append("terminate")

    def join(self, *_: float) -> None:
        self.calls.append("join")

    def kill(self) -> None:
        self.calls.append("kill")


def begun(
    monkeypatch: pytest.MonkeyPatch, scripts: dict[str, list[str]], jobs: list[Job] = JOBS
) -> tuple[list[_Process], Any]:
    """Return who is started, and what stands for the waiting for pipes: the last one is ready."""
    started: list[_Process] = []

    def start(options: Any, do: Any, *, hashes: bool) -> Any:
        assert (options, do, hashes) == (ConvertOptions(), print, True)
        started.append(_Process(scripts))
        return batch._Worker(started[-1], started[-1])

    def wait(pipes: Any) -> Any:
        assert pipes, "there is somebody to wait for"
        assert all(pipe.job is not None for pipe in pipes)
        return pipes[-1:]

    monkeypatch.setattr(batch, "_start", start)
    monkeypatch.setattr(batch, "wait", wait)
    return started, work(deque(jobs), ConvertOptions(), 2, print, hashes=True)


@pytest.mark.parametrize(
    ("scripts", "most"),
    [
        ({}, 2), ({"c": ["half", "failed"], "f": ["skipped"]}, 2),
        ({"b": ["half", "dies-9"]}, 3), ({"f": ["dies1"], "a": ["dies-11"]}, 4),
        ({name: ["dies1"] for name in "abcdef"}, 6),
    ],
)  # fmt: skip
def test_every_slide_has_one_outcome_whoever_dies(
    monkeypatch: pytest.MonkeyPatch, scripts: dict[str, list[str]], most: int
) -> None:
    started, events = begun(monkeypatch, scripts)
    heard = list(events)
    outcomes = {event.job: event for _, event in heard if isinstance(event, Outcome)}
    assert sorted(outcomes, key=str) == JOBS
    assert len([event for _, event in heard if isinstance(event, Outcome)]) == len(JOBS)
    for job, event in heard:
        assert event == "half" or event.job == job
    for job, outcome in outcomes.items():
        end = scripts.get(job.source.name, ["done"])[-1]
        if not end.startswith("dies"):
            assert outcome.status == end
            continue
        assert outcome.status is Status.FAILED
        code = int(end[4:])
        said = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        assert outcome.message == f"its process was {said}".replace("was ended", "ended")
    assert len(started) <= most
    for process in started:
        if process.is_alive():
            assert process.calls[0] == "close"  # which is how it hears that there is no more
            assert process.calls[1:] == ["join", "kill"], "it is not dead by then"


def test_workers_are_no_more_than_slides(monkeypatch: pytest.MonkeyPatch) -> None:
    started, _ = begun(monkeypatch, {})
    assert len(list(work(deque(JOBS[:1]), ConvertOptions(), 5, print, hashes=True))) == 2
    assert len(started) == 1
    assert list(work(deque(), ConvertOptions(), 5, print, hashes=True)) == []
    assert len(started) == 1


def test_who_is_at_work_is_stopped_when_the_batch_is(monkeypatch: pytest.MonkeyPatch) -> None:
    started, events = begun(monkeypatch, {"a": ["half"] * 9, "b": ["half"] * 9})
    next(events)
    events.close()
    assert [process.calls[:2] for process in started] == [["close", "terminate"]] * 2
    scripts = {"a": ["half"] * 9, "b": ["done"]}
    started, events = begun(monkeypatch, scripts, JOBS[:2])
    assert [next(events)[0] for _ in range(2)] == JOBS[1::-1]
    events.close()
    assert ["terminate" in process.calls for process in started] == [True, False]


def test_progress_is_told_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter((1.0, 1.1, 1.3, 1.45, 9.0))
    monkeypatch.setattr(batch, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    heard: list[Any] = []
    tell = batch._teller(SimpleNamespace(send=heard.append))
    for number in range(5):
        tell(number)
    assert heard == [0, 2, 4]
