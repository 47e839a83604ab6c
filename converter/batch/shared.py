"""Many slides to or from object storage, or by an executor: each is cut into tasks."""

import fnmatch
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ziggurat.converter.batch.jobs import (
    AnyJob,
    SharedJob,
    find_sources,
    is_slide_name,
    numbered,
    stem_of,
)
from ziggurat.converter.batch.memory import peak_memory, reset_peak_memory
from ziggurat.converter.batch.proof import output_hash, write_proof
from ziggurat.converter.batch.run import BatchCallback, BatchReport, Outcome, Status, work
from ziggurat.converter.convert import convert
from ziggurat.converter.plan.costs import thread_count
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import (
    OptionError,
    SourceNotFoundError,
    TargetExistsError,
    ZigguratError,
    message_of,
)
from ziggurat.readers.io.objects import CloudObjects, is_cloud
from ziggurat.writers.formats.registry import find_output, output_named
from ziggurat.writers.model.progress import Progress, ProgressCallback
from ziggurat.writers.tasks.desk import is_there


def shared_jobs(sources: Sequence[str], folder: str, options: ConvertOptions) -> list[SharedJob]:
    """Say which slides are meant by paths and URLs, and where each goes below a folder or URL.

    De-identified slides are numbered, as :func:`.jobs.plan_jobs` does.
    A URL that ends with ``/`` is all slides just below it; ``*`` and ``?`` stand in its last part.

    Raises
    ------
    SourceNotFoundError
        Nothing is there.
    OptionError
        No format is said, or two slides have one name.
    """
    folder, suffix = _target(folder, options)
    found: list[str] = []
    for source in sources:
        if is_cloud(source):
            found += _listed(source)
        elif "://" in source:
            found.append(source)
        else:
            found += [str(path) for path in find_sources([Path(source)])]
    if not found:
        raise OptionError(f"there are no slides in {', '.join(sources)}")
    found = list(dict.fromkeys(found))
    if options.deidentify:
        ends = numbered(len(found))
        return [SharedJob(s, f"{folder}/{end}{suffix}") for s, end in zip(found, ends, strict=True)]
    names = [PurePosixPath(source.rstrip("/").rsplit("/", 1)[-1]) for source in found]
    stems = Counter(stem_of(Path(name)) for name in names)
    ends = [stem_of(Path(n)) if stems[stem_of(Path(n))] == 1 else n.name for n in names]
    if len(set(ends)) != len(ends):
        raise OptionError("two sources of one name from two folders: convert the folders apart")
    return [
        SharedJob(source, f"{folder}/{end}{suffix}")
        for source, end in zip(found, ends, strict=True)
    ]


def _target(folder: str, options: ConvertOptions) -> tuple[str, str]:
    parent, _, last = folder.rpartition("/")
    if last.startswith("*"):
        row = find_output(last[1:])
        if row is None or options.format not in (None, row.name):
            raise OptionError(f"{last!r} doesn't say what all shall be, or not what --format says")
        return parent, last[1:]
    if options.format is None:
        raise OptionError(f"say --format, or {folder.rstrip('/')}/*.SUFFIX, for many outputs")
    return folder.rstrip("/"), output_named(options.format).suffixes[0]


def _listed(url: str) -> list[str]:
    """Return the slides that a URL names: itself, those that fit its pattern, those below it."""
    parent, _, last = url.rpartition("/")
    if last and not any(mark in last for mark in "*?["):
        return [url]
    below = {name.split("/", 1)[0] for name in CloudObjects(parent).names("")}
    fits = [name for name in sorted(below) if is_slide_name(name) or name.endswith(".zarr")]
    found = [f"{parent}/{name}" for name in fits if fnmatch.fnmatchcase(name, last or "*")]
    if not found:
        raise SourceNotFoundError(2, "no slides there", url)
    return found


def run_shared(
    jobs: Sequence[SharedJob],
    options: ConvertOptions,
    *,
    workers: int,
    executor: Executor | None = None,
    resume: bool = False,
    on_event: BatchCallback | None = None,
    hashes: bool = False,
) -> BatchReport:
    """Convert slides, ``workers`` of them at a time, by the tasks of each.

    ``hashes``: outcomes have the SHA-256 of outputs on a disk; a de-identified one has it in any
    case, in the proof beside it.

    A worker of the executor that dies costs the tasks in its hands, which are done again; without
    an executor each slide has a process, which costs that slide when it dies. A bad one stops no
    other. ``resume`` skips what is there: an output appears when it is finished. What is to be
    de-identified is made anew: it can't be told from what is there whether it was.
    """
    if workers < 1:
        raise OptionError(f"jobs is how many slides are in work at a time, not {workers}")
    started = time.perf_counter()
    outcomes: dict[SharedJob, Outcome] = {}
    if executor is None:
        events = _in_processes(jobs, options, workers, resume, hashes)
    else:
        events = _by_executor(jobs, options, workers, executor, resume, hashes)
    for job, event in events:
        if isinstance(event, Outcome):
            outcomes[job] = event
        if on_event is not None:
            on_event(job, event)
    return BatchReport(tuple(outcomes[job] for job in jobs), time.perf_counter() - started)


def _in_processes(
    jobs: Sequence[SharedJob], options: ConvertOptions, count: int, resume: bool, hashes: bool
) -> Iterator[tuple[SharedJob, Progress | Outcome]]:
    """Give each slide a process of this machine: what ends one of them stops no other."""
    options = replace(options, threads=options.threads or max(1, thread_count(None) // count))
    do = _resumed_here if resume else _done_here
    yield from work(deque(jobs), options, count, do, hashes=hashes)


def _by_executor(
    jobs: Sequence[SharedJob],
    options: ConvertOptions,
    count: int,
    executor: Executor,
    resume: bool,
    hashes: bool,
) -> Iterator[tuple[SharedJob, Outcome]]:
    """Cut slides into tasks on a thread each: the work is done by others."""
    with ThreadPoolExecutor(count) as pool:
        futures = {
            pool.submit(_one, job, options, None, hashes, executor=executor, resume=resume): job
            for job in jobs
        }
        for future in as_completed(futures):
            yield futures[future], future.result()


def _done_here(
    job: AnyJob, options: ConvertOptions, tell: ProgressCallback, hashes: bool
) -> Outcome:
    return _one(job, options, tell, hashes)


def _resumed_here(
    job: AnyJob, options: ConvertOptions, tell: ProgressCallback, hashes: bool
) -> Outcome:
    return _one(job, options, tell, hashes, resume=True)


def _one(
    job: AnyJob,
    options: ConvertOptions,
    tell: ProgressCallback | None,
    hashes: bool,
    *,
    executor: Executor | None = None,
    resume: bool = False,
) -> Outcome:
    assert isinstance(job, SharedJob)
    if executor is None:
        reset_peak_memory()
    try:
        there = is_there(job.output) if is_cloud(job.output) else Path(job.output).exists()
        if there and resume and not options.deidentify:
            return Outcome(job, Status.SKIPPED, "done before")
        if there and resume:  # nothing tells by which rules it was made, if by any
            options = replace(options, overwrite=True)
        if there and not options.overwrite:
            raise TargetExistsError(f"{job.output} exists already; --overwrite replaces it")
        report = convert(job.source, job.output, options, on_progress=tell, executor=executor)
        output, sha256 = Path(job.output), None
        if (hashes or options.deidentify) and not is_cloud(job.output):
            sha256 = output_hash(output)
        if options.deidentify and sha256 is not None:
            source = None if "://" in job.source else Path(job.source)
            write_proof(source, output, report, sha256)
    except (ZigguratError, OSError, MemoryError) as error:
        return Outcome(job, Status.FAILED, message_of(error))
    except Exception as error:  # noqa: BLE001  (one bad slide must not stop the others)
        return Outcome(job, Status.FAILED, f"{type(error).__name__}: {error}")
    written, seconds = report.bytes_written, report.seconds
    peak = peak_memory() if executor is None else 0
    return Outcome(job, Status.DONE, "", written, seconds, report, sha256, peak)
