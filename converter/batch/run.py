"""Many slides at once: worker processes, each with one slide; a bad slide stops no other."""

import contextlib
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ziggurat.converter.batch.jobs import AnyJob, Job
from ziggurat.converter.batch.ledger import Ledger
from ziggurat.converter.batch.memory import peak_memory, reset_peak_memory
from ziggurat.converter.batch.proof import output_hash, write_proof
from ziggurat.converter.convert import convert
from ziggurat.converter.plan.costs import thread_count
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.plan.report import ConversionReport
from ziggurat.converter.prepare.prepare import prepare
from ziggurat.converter.recipe import plan_for
from ziggurat.converter.verify.verify import verify_against
from ziggurat.readers.errors import OptionError, WriteError, ZigguratError, message_of
from ziggurat.readers.formats.registry import open_reader
from ziggurat.writers.model.progress import Progress, ProgressCallback

PROGRESS_SECONDS = 0.2  # between two events of one slide


class Status(StrEnum):
    """How a job of a batch ended."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One finished job; ``message`` says why it failed or was skipped."""

    job: AnyJob
    status: Status
    message: str = ""
    bytes_written: int = 0
    seconds: float = 0.0
    report: ConversionReport | None = None
    sha256: str | None = None  # of the output, where hashes are wanted
    peak_memory: int = 0  # bytes


@dataclass(frozen=True, slots=True)
class BatchReport:
    """All jobs of a batch, in the order in which they were given."""

    outcomes: tuple[Outcome, ...]
    seconds: float

    def count(self, status: Status) -> int:
        """Return how many jobs ended so."""
        return sum(outcome.status is status for outcome in self.outcomes)


BatchCallback = Callable[[AnyJob, Progress | Outcome], None]
Doing = Callable[[AnyJob, ConvertOptions, ProgressCallback, bool], Outcome]  # known by its name


def run_batch(
    jobs: Sequence[Job],
    options: ConvertOptions,
    *,
    workers: int = 1,
    resume: bool = False,
    folder: Path | None = None,
    on_event: BatchCallback | None = None,
    hashes: bool = False,
) -> BatchReport:
    """Convert many slides in worker processes.

    Parameters
    ----------
    jobs
        The slides and where they go; folders are made as needed.
    workers
        How many slides are in work at the same time; the threads are shared out among them.
    resume
        Skip jobs whose output is there and was made from the same source with the same
        options; an output of which that isn't known is held against its source first, or made
        anew where it is to be de-identified.
    folder
        Where it is noted what is done; by default, with the first output.
    on_event
        Called with progress, and once with the outcome of each job.
    hashes
        Whether outcomes shall have the SHA-256 of outputs; that of a de-identified one is made
        in any case, for the proof beside it.
    """
    if workers < 1:
        raise OptionError(f"jobs must be how many slides are in work at a time, not {workers}")
    started = time.perf_counter()
    options = replace(options, threads=options.threads or max(1, thread_count(None) // workers))
    ledger = Ledger(folder or jobs[0].output.parent, options) if jobs else None
    outcomes: dict[Job, Outcome] = {}
    todo: deque[Job] = deque()
    for job in jobs:
        if resume and ledger is not None and _is_done(job, ledger, options):
            outcomes[job] = Outcome(job, Status.SKIPPED, "done before")
            if on_event:
                on_event(job, outcomes[job])
        else:
            todo.append(job)
    if resume:  # what is there by now was looked at, and isn't the wanted output
        options = replace(options, overwrite=True)
    made = [made for job in todo for made in _make_folders(job.output.parent)]
    for job, event in work(todo, options, workers, _convert, hashes=hashes):
        if isinstance(event, Outcome):
            if event.status is Status.DONE and ledger is not None:
                event = _noted(ledger, job, event)
            outcomes[job] = event
        if on_event:
            on_event(job, event)
    for empty in reversed(made):  # of slides that failed
        with contextlib.suppress(OSError):
            empty.rmdir()
    return BatchReport(tuple(outcomes[job] for job in jobs), time.perf_counter() - started)


def _noted(ledger: Ledger, job: Job, outcome: Outcome) -> Outcome:
    """Note an output in the ledger; what keeps it from that stops no other slide, but is told."""
    try:
        ledger.add(job)
    except WriteError as error:
        return replace(outcome, message=str(error))
    return outcome


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and those that it is in; return the new ones, the outer first."""
    new = [one for one in (folder, *folder.parents) if not one.exists()][::-1]
    for one in new:
        one.mkdir(exist_ok=True)
    return new


def _is_done(job: Job, ledger: Ledger, options: ConvertOptions) -> bool:
    """Return True where the output is there and known, or found to be right."""
    if not job.output.exists():
        return False
    if ledger.knows(job):
        return True
    if options.deidentify:  # which texts are in it, by which rules, no check of pixels tells
        return False
    try:
        with open_reader(job.source) as reader:
            prepared = prepare(reader, str(job.source), options)
            plan = plan_for(prepared, str(job.source), job.output, options)
            report = verify_against(
                job.output, prepared.reader, str(job.source), full=False, plan=plan
            )
    except (ZigguratError, OSError):
        return False  # whatever it is, it is made anew, and the reason is told then
    if report.ok:
        with contextlib.suppress(WriteError):  # the next run looks at it once more
            ledger.add(job)
    return report.ok


@dataclass
class _Worker[J: AnyJob]:
    """A process, the pipe to it, and what it is at."""

    process: BaseProcess
    pipe: Connection
    job: J | None = None

    def give(self, job: J) -> None:
        self.job = job
        self.pipe.send(job)


def work[J: AnyJob](
    todo: deque[J], options: ConvertOptions, count: int, do: Doing, *, hashes: bool
) -> Iterator[tuple[J, Progress | Outcome]]:
    """Keep processes busy; yield what they tell. One that dies is replaced by a new one.

    ``do`` is a function of a module, called there with a job, the options, what takes progress,
    and ``hashes``.
    """
    workers: list[_Worker[J]] = []
    try:
        while todo or any(worker.job for worker in workers):
            busy = sum(worker.job is not None for worker in workers)
            while len(workers) < min(count, len(todo) + busy):
                workers.append(_start(options, do, hashes=hashes))
            for worker in workers:
                if worker.job is None and todo:
                    worker.give(todo.popleft())
            ready = set(wait([worker.pipe for worker in workers if worker.job]))
            for worker in [w for w in workers if w.pipe in ready]:
                event = _listen(worker)
                if worker.job is None:
                    continue
                yield worker.job, event
                if isinstance(event, Outcome):
                    worker.job = None
                    if not worker.process.is_alive():
                        workers.remove(worker)
    finally:
        _stop(workers)


def _listen[J: AnyJob](worker: _Worker[J]) -> Progress | Outcome:
    try:
        event: Progress | Outcome = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join()
        code = worker.process.exitcode
        reason = f"its process ended with code {code}"
        if code is not None and code < 0:
            reason = f"its process was killed by {signal.Signals(-code).name}"
        assert worker.job is not None
        return Outcome(worker.job, Status.FAILED, reason)
    return event


def _start[J: AnyJob](options: ConvertOptions, do: Doing, *, hashes: bool) -> _Worker[J]:
    # spawn: nothing of this process, its threads and its locks is in the workers.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, options, do, hashes), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _stop[J: AnyJob](workers: list[_Worker[J]]) -> None:
    for worker in workers:
        worker.pipe.close()
        if worker.job is not None:
            worker.process.terminate()  # its staging folder goes away on the way out
    for worker in workers:
        worker.process.join(20)
        if worker.process.is_alive():
            worker.process.kill()


def _serve(pipe: Connection, options: ConvertOptions, do: Doing, hashes: bool) -> None:
    """Do what comes through the pipe until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and says so
    signal.signal(signal.SIGTERM, _leave)
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(do(job, options, _teller(pipe), hashes))


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    raise SystemExit(128 + number)


def _teller(pipe: Connection) -> ProgressCallback:
    """Return what sends progress now and then."""
    last = 0.0

    def tell(event: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > PROGRESS_SECONDS:
            last = now
            pipe.send(event)  # fails when the parent is gone: then this work ends, too

    return tell


def _convert(job: AnyJob, options: ConvertOptions, tell: ProgressCallback, hashes: bool) -> Outcome:
    assert isinstance(job, Job)
    try:
        reset_peak_memory()
        report = convert(job.source, job.output, options, on_progress=tell)
        peak = peak_memory()
        sha256 = output_hash(job.output) if hashes or options.deidentify else None
        if options.deidentify and sha256 is not None:
            write_proof(job.source, job.output, report, sha256)
    except (ZigguratError, OSError, MemoryError) as error:
        return Outcome(job, Status.FAILED, message_of(error))
    except Exception as error:  # noqa: BLE001  (one bad slide must not stop the others)
        return Outcome(job, Status.FAILED, f"{type(error).__name__}: {error}")
    return Outcome(job, Status.DONE, "", report.bytes_written, report.seconds, report, sha256, peak)
