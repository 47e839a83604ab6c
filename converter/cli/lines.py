"""Plain lines: what most commands say, without any library for tables and colours."""

from collections.abc import Iterator

from ziggurat.converter.batch.run import BatchReport, Outcome, Status
from ziggurat.converter.cli.texts import size_text
from ziggurat.converter.plan.report import ConversionReport, LevelCheck


def report_lines(report: ConversionReport) -> Iterator[str]:
    """Yield what a finished conversion did; what a check found is shown apart."""
    rate = report.bytes_written / max(report.seconds, 1e-9)
    yield (
        f"{report.output}: {size_text(report.bytes_written)} in {report.seconds:.2f} s "
        f"({size_text(rate)}/s), {report.plan.copied_tiles} tiles copied, "
        f"{report.plan.encoded_tiles} encoded"
    )
    for item in report.removed:
        yield f"removed: {item}"
    for note in report.plan.notes:
        yield f"note: {note}"
    yield from loss_lines(report.losses)


def loss_lines(losses: tuple[str, ...]) -> Iterator[str]:
    """Yield what is lost, one line each."""
    for loss in losses:
        yield f"lost: {loss}"


def outcome_line(outcome: Outcome) -> str:
    """Return what became of one slide of a batch."""
    if outcome.status is Status.FAILED:
        return f"failed: {outcome.job.source}: {outcome.message}"
    if outcome.status is Status.SKIPPED:
        return f"skipped: {outcome.job.source}: {outcome.message}"
    lost = 0 if outcome.report is None else len(outcome.report.losses)
    told = f", {lost} things lost" if lost else ""
    told += f"; {outcome.message}" if outcome.message else ""
    return (
        f"done: {outcome.job.source} -> {outcome.job.output}: "
        f"{size_text(outcome.bytes_written)} in {outcome.seconds:.1f} s{told}"
    )


def batch_line(report: BatchReport) -> str:
    """Return how many slides ended how."""
    counts = ", ".join(f"{report.count(status)} {status.value}" for status in Status)
    size = sum(outcome.bytes_written for outcome in report.outcomes)
    return f"{len(report.outcomes)} slides: {counts}; {size_text(size)} in {report.seconds:.1f} s"


def tolerance_text(check: LevelCheck) -> str:
    """Return why a level may differ, and by how much; empty where nothing differs, or may."""
    if not check.checked:
        return f"level {check.level} was not compared: a mask weighs what it was made of"
    if not check.different or check.mean_limit is None:
        return ""
    why = {
        "level above": "halves the level above, which may be off by what its codec loses",
        "shrunk pixels": "is compared with the source shrunk, and no two ways to shrink agree",
    }.get(check.compared, "is of a lossy codec, or made from another level")
    tail = "" if check.tail_limit is None else f", {check.tail_limit:.3g} for 99.9 % of samples"
    limit = f"{check.mean_limit:.3g} in the mean{tail}; single samples may be off by more"
    return f"level {check.level} {why}: up to {limit}"
