"""What the commands do once their options are understood: run, then show."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from json import dumps
from pathlib import Path

from rich.console import Console

from ziggurat.converter.batch.jobs import Job, find_sources, left_out, plan_jobs
from ziggurat.converter.batch.run import Status, run_batch
from ziggurat.converter.cli import display
from ziggurat.converter.cli.describe import describe
from ziggurat.converter.convert import convert, plan_conversion
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.plan.report import plain
from ziggurat.converter.verify.verify import verify_alone, verify_pair
from ziggurat.readers.errors import OptionError, ZigguratError, message_of
from ziggurat.readers.formats.registry import open_reader


@dataclass(frozen=True, slots=True)
class Show:
    """How much to print, and for whom."""

    quiet: bool
    json: bool

    @property
    def bar(self) -> bool:
        """Whether there is somebody to look at a progress bar."""
        return not (self.quiet or self.json) and sys.stderr.isatty()


def convert_one(
    source: str, output: Path, options: ConvertOptions, show: Show, *, dry_run: bool
) -> None:
    """Convert one image, or print the plan for it."""
    console = Console(markup=False)
    if dry_run:
        plan = plan_conversion(source, output, options)
        if show.json:
            print(dumps(plain(plan), indent=2))
        elif not show.quiet:
            display.show_plan(console, plan)
        return
    with display.progress_bar(Path(source).name, quiet=not show.bar) as on_progress:
        report = convert(source, output, options, on_progress=on_progress)
    if show.json:
        print(report.to_json())
    elif not show.quiet:
        display.show_report(console, report)


def show_image(path: str, *, json: bool) -> None:
    """Print what is in an image."""
    with open_reader(path) as reader:
        if json:
            print(dumps(describe(reader, path), indent=2))
        else:
            display.show_info(Console(markup=False), path, reader)


def verify(source: str, output: str | None, show: Show, *, full: bool) -> bool:
    """Check an output, or the one file that is named; return whether all is well."""
    if output is None:
        report = verify_alone(source, full=full)
    else:
        report = verify_pair(source, output, full=full)
    if show.json:
        print(dumps({"ok": report.ok, **plain(report)}, indent=2))
    elif not show.quiet:
        display.show_verification(Console(markup=False), report)
    return report.ok


def _plan_many(work: Sequence[Job], options: ConvertOptions, show: Show) -> int:
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
) -> int:
    """Convert many slides into a folder; return 1 where any failed, else 0."""
    named = [Path(path) for path in paths]
    work = plan_jobs(find_sources(named, folder), folder, options, named)
    others = ", ".join(f"{n} {suffix}" for suffix, n in sorted(left_out(named, folder).items()))
    if not work:
        rest = f"; left out: {others}" if others else ""
        raise OptionError(f"there are no slides in {', '.join(paths)}{rest}")
    if others:
        print(f"left out, as no slides that are read: {others}", file=sys.stderr)
    if dry_run:
        return _plan_many(work, options, show)
    folder.mkdir(parents=True, exist_ok=True)
    with display.batch_progress(len(work), quiet=not show.bar) as on_event:
        report = run_batch(
            work, options, workers=jobs, resume=resume, folder=folder, on_event=on_event
        )
    if show.json:
        print(dumps(plain(report), indent=2))
    else:
        display.show_batch(
            Console(quiet=show.quiet, markup=False), Console(stderr=True, markup=False), report
        )
    return 1 if report.count(Status.FAILED) else 0
