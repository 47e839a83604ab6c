"""What people see: tables of an image and of a plan, and a progress bar with time left."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from ziggurat.converter.batch.jobs import Job
from ziggurat.converter.batch.run import BatchCallback, BatchReport, Outcome, Status
from ziggurat.converter.cli.describe import describe
from ziggurat.converter.plan.plan import ConversionPlan
from ziggurat.converter.plan.report import ConversionReport, LevelCheck, VerificationReport
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader
from ziggurat.writers.model import progress

UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size_text(size: float) -> str:
    """Return a number of bytes as people write it."""
    unit = 0
    while size >= 1000 and unit < len(UNITS) - 1:
        size /= 1000
        unit += 1
    return f"{size:.0f} {UNITS[unit]}" if unit == 0 else f"{size:.1f} {UNITS[unit]}"


@contextmanager
def progress_bar(title: str, *, quiet: bool) -> Iterator[progress.ProgressCallback | None]:
    """Give a callback that moves a bar on stderr; None where it is to be quiet."""
    if quiet:
        yield None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True, markup=False), transient=True) as bar:
        task = bar.add_task(title, total=None)

        def tell(event: progress.Progress) -> None:
            # The bar counts bytes; those of the tiles to come are guessed from those written.
            written = event.bytes_written
            total = written * event.total / event.done if event.done else None
            bar.update(task, completed=written, total=total)

        yield tell


@contextmanager
def batch_progress(total: int, *, quiet: bool) -> Iterator[BatchCallback | None]:
    """Give a callback that shows one bar for all slides and one for each in work."""
    if quiet:
        yield None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True, markup=False), transient=True) as bar:
        whole = bar.add_task(f"{total} slides", total=total)
        tasks: dict[Job, TaskID] = {}

        def tell(job: Job, event: progress.Progress | Outcome) -> None:
            if isinstance(event, Outcome):
                bar.advance(whole)
                if job in tasks:
                    bar.remove_task(tasks.pop(job))
                return
            if job not in tasks:
                tasks[job] = bar.add_task(job.source.name)
            bar.update(tasks[job], completed=event.done, total=event.total)

        yield tell


def show_batch(console: Console, errors: Console, report: BatchReport) -> None:
    """Print how many slides were converted, and each that failed with its reason."""
    counts = ", ".join(f"{report.count(status)} {status.value}" for status in Status)
    size = sum(outcome.bytes_written for outcome in report.outcomes)
    console.print(
        f"{len(report.outcomes)} slides: {counts}; {size_text(size)} in {report.seconds:.1f} s",
        highlight=False,
    )
    for outcome in report.outcomes:
        if outcome.status is Status.FAILED:
            errors.print(Text(f"failed: {outcome.job.source}: {outcome.message}"), soft_wrap=True)


def show_info(console: Console, path: str, reader: Reader) -> None:
    """Print an image's facts as tables."""
    info = reader.info
    facts = describe(reader, path)
    console.print(_facts_table(path, info))
    console.print(_levels_table(facts["levels"]))
    if info.axes:
        console.print(_axes_table(info))
    if info.channels:
        table = Table("channel", "name", "colour", title="Channels", title_justify="left")
        for index, channel in enumerate(info.channels):
            table.add_row(str(index), channel.name, channel.color or "")
        console.print(table)
    if info.associated:
        table = Table("name", "size", "codec", title="Associated images", title_justify="left")
        for image in facts["associated"]:
            size = image.get("error") or f"{image['width']} × {image['height']}"
            table.add_row(image["name"], size, image["codec"] or "")
        console.print(table)


def _facts_table(path: str, info: ImageInfo) -> Table:
    table = Table(title=path, show_header=False, title_justify="left")
    kind = f"{info.bands} × {info.dtype.name}, {info.interpretation.value}"
    facts = {
        "format": info.format,
        "read by": info.backend,
        **{f"declined by {name}": reason for name, reason in info.declined.items()},
        **{f"lost {number}": loss for number, loss in enumerate(info.losses, 1)},
        "size": f"{info.width} × {info.height} pixels",
        "samples": kind + (" with alpha" if info.alpha else ""),
        "pixel size": pixel_size_text(info),
        "magnification": "" if info.magnification is None else f"{info.magnification:g}×",
        "ICC profile": size_text(len(info.icc_profile)) if info.icc_profile else "",
        "place on earth": "yes" if info.geo else "",
        **info.properties,
    }
    for name, value in facts.items():
        if value:
            table.add_row(Text(name), Text(str(value)))
    return table


def pixel_size_text(info: ImageInfo) -> str:
    """Return the pixel size in micrometres, or an empty text."""
    if info.mm_x is None or info.mm_y is None:
        return ""
    return f"{info.mm_x * 1000:.6g} × {info.mm_y * 1000:.6g} µm"


def _levels_table(levels: list[dict[str, Any]]) -> Table:
    columns = ("level", "size", "tiles", "codec", "downsample")
    table = Table(*columns, title="Levels", title_justify="left")
    for index, level in enumerate(levels):
        table.add_row(
            str(index),
            f"{level['width']} × {level['height']}",
            f"{level['tile_width']} × {level['tile_height']}",
            level["codec"] or "",
            f"{level['downsample']:.4g}",
        )
    return table


def _axes_table(info: ImageInfo) -> Table:
    title = f"{info.frames} frames"
    table = Table("axis", "positions", "values", "unit", title=title, title_justify="left")
    for axis in info.axes:
        values = ", ".join(str(value) for value in axis.values or ())
        table.add_row(axis.name, str(axis.size), values, axis.unit or "")
    return table


def show_plan(console: Console, plan: ConversionPlan) -> None:
    """Print what will be done, level by level, with the reasons and with what it will cost."""
    table = Table(
        "level", "size", "tiles", "action", "about",
        title=f"{plan.source} → {plan.target.name}", title_justify="left",
    )  # fmt: skip
    reasons: dict[str, list[int]] = {}
    for index, step in enumerate(plan.steps):
        reasons.setdefault(step.reason, []).append(index)
        table.add_row(
            str(index),
            f"{step.width} × {step.height}",
            f"{step.tiles} of {step.tile_width} × {step.tile_height}",
            f"{step.action} {step.codec}",
            size_text(step.expected_bytes),
        )
    console.print(table)
    for reason, levels in reasons.items():
        console.print(f"level {_spans(levels)}: {reason}", highlight=False, soft_wrap=True)
    console.print(
        f"about {size_text(plan.expected_bytes)}, {_time_text(plan.expected_seconds)}, "
        f"{size_text(plan.expected_memory)} of memory",
        highlight=False,
    )
    show_losses(console, plan.losses)
    show_notes(console, plan.notes)


def _spans(numbers: list[int]) -> str:
    """Return ascending numbers in words: 0-2, 5."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def _time_text(seconds: float) -> str:
    if seconds < 1:
        return "less than a second"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def show_losses(console: Console, losses: tuple[str, ...]) -> None:
    """Print what is lost, one line each."""
    for loss in losses:
        text = Text.assemble(("lost:", "yellow"), f" {loss}")
        console.print(text, highlight=False, soft_wrap=True)


def show_notes(console: Console, notes: tuple[str, ...]) -> None:
    """Print what is good to know, one line each."""
    for note in notes:
        console.print(Text("note: ", "cyan") + Text(note), highlight=False, soft_wrap=True)


def show_report(console: Console, report: ConversionReport) -> None:
    """Print a finished conversion in a few lines."""
    rate = report.bytes_written / max(report.seconds, 1e-9)
    console.print(
        f"{report.output}: {size_text(report.bytes_written)} in {report.seconds:.2f} s "
        f"({size_text(rate)}/s), {report.plan.copied_tiles} tiles copied, "
        f"{report.plan.encoded_tiles} encoded",
        highlight=False,
        soft_wrap=True,
    )
    for item in report.removed:
        console.print(f"removed: {item}", highlight=False, soft_wrap=True)
    show_losses(console, report.losses)
    show_notes(console, report.plan.notes)
    if report.verification is not None:
        show_verification(console, report.verification)


def show_verification(console: Console, report: VerificationReport) -> None:
    """Print what a check found."""
    table = Table("level", "compared", "tiles", "different", "max", "99.9 %", "mean error")
    for check in report.levels:
        table.add_row(
            str(check.level),
            check.compared,
            f"{check.checked} of {check.total}",
            str(check.different),
            f"{check.max_error:g}",
            f"{check.tail_error:.4g}",
            f"{check.mean_error:.4g}",
        )
    if report.levels:
        console.print(table)
    for check in report.levels:
        reason = tolerance_text(check)
        if reason:
            console.print(reason, highlight=False, soft_wrap=True, markup=False)
    for problem in report.problems:
        console.print(Text(f"wrong: {problem}"), soft_wrap=True)
    between = "" if report.source is None else f"{report.path} against {report.source}: "
    verdict = "verified" if report.ok else "NOT what it should be"
    console.print(f"{between}{verdict}", highlight=False, soft_wrap=True, markup=False)


def tolerance_text(check: LevelCheck) -> str:
    """Return why a level may differ, and by how much; empty where nothing differs, or may."""
    if not check.different or check.mean_limit is None:
        return ""
    why = {
        "level above": "halves the level above, which may be off by what its codec loses",
        "shrunk pixels": "is compared with the source shrunk, and no two ways to shrink agree",
    }.get(check.compared, "is of a lossy codec, or made from another level")
    tail = "" if check.tail_limit is None else f", {check.tail_limit:.3g} for 99.9 % of samples"
    limit = f"{check.mean_limit:.3g} in the mean{tail}; single samples may be off by more"
    return f"level {check.level} {why}: up to {limit}"
