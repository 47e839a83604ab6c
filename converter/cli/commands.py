"""What the commands do once their options are understood: run, then show.

Tables and bars are loaded where somebody looks at them: they take longer than a small slide.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from json import dumps
from pathlib import Path

from ziggurat.converter.batch.jobs import (
    AnyJob,
    Job,
    find_sources,
    holds_slides,
    left_out,
    plan_jobs,
    split_pattern,
)
from ziggurat.converter.batch.record import Records
from ziggurat.converter.batch.run import BatchCallback, BatchReport, Outcome, Status, run_batch
from ziggurat.converter.cli.lines import batch_line, outcome_line, report_lines
from ziggurat.converter.cli.looking import Show
from ziggurat.converter.convert import convert, plan_conversion, plan_tasks
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.plan.report import plain
from ziggurat.converter.recipe import refuse_losses
from ziggurat.readers.errors import OptionError, ZigguratError, message_of
from ziggurat.writers.formats.registry import find_output
from ziggurat.writers.model.progress import Progress, ProgressCallback


def convert_paths(given: argparse.Namespace, options: ConvertOptions) -> int:
    """Convert one slide to a name, or all that are named into a folder; return the exit code."""
    if len(given.paths) < 2:
        raise OptionError("name a source and an output: ziggurat convert IN OUT")
    show = Show(quiet=given.quiet, json=given.json)
    *sources, last = given.paths
    if given.plan is not None:
        return _write_plan(given, options, show)
    output = Path(last)
    named = find_output(output.name) is not None or (output.suffix and not output.is_dir())
    slide = len(sources) == 1 and not holds_slides(Path(sources[0])) and "*" not in output.name
    one = slide and named and not (output.is_dir() and output.suffix != ".zarr")
    if one:
        refuse_idle_jobs(given)
    if one and (given.dry_run or not is_kept(given)):
        convert_one(sources[0], output, options, show, dry_run=given.dry_run)
        return 0
    records = Records(given.report, given.log)
    if one:
        if "://" in sources[0]:
            raise OptionError("--report, --log and --resume must be given with files, not a URL")
        return _run_jobs(
            [Job(Path(sources[0]), output)], output.parent, options, show, jobs=1,
            resume=given.resume, records=records, unread={},
        )  # fmt: skip
    folder, options = split_pattern(output, options)
    return convert_many(
        sources,
        folder,
        options,
        show,
        dry_run=given.dry_run,
        jobs=given.jobs,
        resume=given.resume,
        records=records,
    )


def is_kept(given: argparse.Namespace) -> bool:
    """Return whether what becomes of slides shall be kept, or is gone by: the ways of a batch."""
    return bool(given.report is not None or given.log is not None or given.resume)


def refuse_idle_jobs(given: argparse.Namespace) -> None:
    """Refuse slides at a time where there is one: threads are what it would be split into."""
    if given.jobs != 1:
        raise OptionError(
            "--jobs must be given with several slides, it is how many are in work at a time; for "
            "one, --threads is how many work at it"
        )


def _write_plan(given: argparse.Namespace, options: ConvertOptions, show: Show) -> int:
    """Write the conversion of one slide as tasks."""
    *sources, last = given.paths
    if given.dry_run or given.dask is not None or is_kept(given) or given.jobs != 1:
        raise OptionError(
            "--plan converts nothing: it must be given without --dry-run, --dask, --jobs, "
            "--report, --log and --resume"
        )
    if len(sources) != 1 or holds_slides(Path(sources[0])):
        raise OptionError("as a plan, slides must be converted one by one")
    plan = plan_tasks(sources[0], last, options)
    try:
        plan.save(given.plan)
    except OSError:
        plan.cancel()  # nobody could go on with what was begun beside the output
        raise
    if show.json:
        print(dumps(plan.to_json(), indent=2))
    elif not show.quiet:
        print(f"{plan.count} tasks: ziggurat emit {given.plan} --part I --of N, then --finish")
    return 0


def convert_one(
    source: str,
    output: Path | str,
    options: ConvertOptions,
    show: Show,
    *,
    dry_run: bool,
    executor: Executor | None = None,
) -> None:
    """Convert one image, or print the plan for it."""
    if dry_run:
        plan = plan_conversion(source, output, options)
        if show.json:
            print(dumps(plain(plan), indent=2))
        elif not show.quiet:
            from ziggurat.converter.cli import display

            display.show_plan(plan)
        refuse_losses(plan.losses, options)
        return
    with _bar(Path(source).name, show) as on_progress:
        report = convert(source, output, options, on_progress=on_progress, executor=executor)
    if show.json:
        print(report.to_json())
    elif not show.quiet:
        print(*report_lines(report), sep="\n")
        if report.verification is not None:
            from ziggurat.converter.cli import display

            display.show_verification(report.verification)


@contextmanager
def _bar(title: str, show: Show) -> Iterator[ProgressCallback | None]:
    if not show.bar:
        yield None
        return
    from ziggurat.converter.cli.bars import progress_bar

    with progress_bar(title) as on_progress:
        yield on_progress


def plan_many(work: Sequence[AnyJob], options: ConvertOptions, show: Show) -> int:
    """Print the plan of every slide; return 1 where any can't be planned, else 0."""
    failed = 0
    for job in work:
        try:
            convert_one(str(job.source), job.output, options, show, dry_run=True)
        except ZigguratError as error:
            failed = 1
            print(f"failed: {job.source}: {message_of(error)}", file=sys.stderr)
    return failed


def convert_many(
    paths: Sequence[str],
    folder: Path,
    options: ConvertOptions,
    show: Show,
    *,
    dry_run: bool,
    jobs: int,
    resume: bool,
    records: Records | None = None,
) -> int:
    """Convert many slides into a folder; return 1 where any failed, else 0."""
    named = [Path(path) for path in paths]
    work = plan_jobs(find_sources(named, folder), folder, options, named)
    unread = dict(sorted(left_out(named, folder).items()))
    others = ", ".join(f"{n} {suffix}" for suffix, n in unread.items())
    if not work:
        rest = f"; left out: {others}" if others else ""
        raise OptionError(f"there are no slides in {', '.join(paths)}{rest}")
    if others and not show.quiet:
        print(f"left out, as no slides that are read: {others}", file=sys.stderr)
    if dry_run:
        if unread and show.json:
            print(dumps({"left_out": unread}, indent=2))
        return plan_many(work, options, show)
    folder.mkdir(parents=True, exist_ok=True)
    return _run_jobs(
        work, folder, options, show, jobs=jobs, resume=resume,
        records=records or Records(None, None), unread=unread,
    )  # fmt: skip


def _run_jobs(
    work: Sequence[Job],
    folder: Path,
    options: ConvertOptions,
    show: Show,
    *,
    jobs: int,
    resume: bool,
    records: Records,
    unread: Mapping[str, int],
) -> int:
    with records as kept, telling(len(work), show) as tell:
        kept.left_out(unread)
        report = run_batch(
            work, options, workers=jobs, resume=resume, folder=folder,
            on_event=noting(kept, tell), hashes=kept.wanted,
        )  # fmt: skip
    return show_batch(report, show, {"left_out": unread})


def noting(kept: Records, tell: BatchCallback | None) -> BatchCallback:
    """Return what keeps each outcome as it comes, and tells of all events."""

    def on_event(job: AnyJob, event: Progress | Outcome) -> None:
        if isinstance(event, Outcome):
            kept.add(event)
        if tell:
            tell(job, event)

    return on_event


def show_batch(report: BatchReport, show: Show, more: Mapping[str, object]) -> int:
    """Print how a batch ended; return 1 where any slide failed, else 0."""
    if show.json:
        print(dumps({**plain(report), **more}, indent=2))
    else:
        if not show.quiet:
            print(batch_line(report))
        for outcome in report.outcomes:
            if outcome.status is Status.FAILED:
                print(outcome_line(outcome), file=sys.stderr)
    return 1 if report.count(Status.FAILED) else 0


@contextmanager
def telling(count: int, show: Show) -> Iterator[BatchCallback | None]:
    """Give what is told of events: bars to a terminal, a line a slide to a pipe."""
    if not show.talks:
        yield None
        return
    if show.bar:
        from ziggurat.converter.cli.bars import batch_progress

        with batch_progress(count) as tell_bars:
            yield tell_bars
        return

    def tell(job: AnyJob, event: Progress | Outcome) -> None:
        del job
        if isinstance(event, Outcome) and event.status is not Status.FAILED:
            print(outcome_line(event), flush=True)

    yield tell
