"""One conversion from end to end: open → plan → run → verify → publish."""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ziggurat.converter.deidentify.leaks import find_leaks
from ziggurat.converter.plan.facts import gather_facts
from ziggurat.converter.plan.options import ConvertOptions, Verify
from ziggurat.converter.plan.plan import ConversionPlan, make_plan
from ziggurat.converter.plan.report import ConversionReport, VerificationReport
from ziggurat.converter.prepare.pictures import with_planned_pictures
from ziggurat.converter.prepare.prepare import Prepared, prepare
from ziggurat.readers.errors import (
    ConversionError,
    TargetExistsError,
    VerificationError,
    WriteError,
)
from ziggurat.readers.formats.registry import open_reader
from ziggurat.writers.formats.registry import Output, is_map, output_parts
from ziggurat.writers.model.progress import Cancellation, ProgressCallback

PathLike = str | os.PathLike[str]


def convert(
    src: PathLike,
    dst: PathLike,
    options: ConvertOptions | None = None,
    *,
    on_progress: ProgressCallback | None = None,
    on_plan: Callable[[ConversionPlan], None] | None = None,
    cancel: Cancellation | None = None,
) -> ConversionReport:
    """Convert one image; the output appears under its name only when it is complete.

    Parameters
    ----------
    src, dst
        What to read, and what to make; the suffix of ``dst`` says what it will be.
    options
        See :class:`ConvertOptions`.
    on_progress, on_plan
        Called now and then with how far it is, and once with the plan before the work starts.
    cancel
        Cancel it from another thread and the work stops; no output is left.

    Returns
    -------
    The plan, what it cost, what was lost, and, where asked for, the result of the check.

    Raises
    ------
    SourceError
        The source can't be opened or read.
    OptionError
        The options can't be meant for this source.
    TargetExistsError
        The output is there and ``overwrite`` is off.
    ConversionError
        ``strict``, and something would be lost.
    VerificationError
        The output is not what it should be; it was thrown away.
    """
    options = options or ConvertOptions()
    source, output = source_text(src), Path(os.path.expanduser(dst))
    options.output_for(output)  # refuses a name that says nothing before anything is opened
    check_output(source, output, overwrite=options.overwrite)
    started = time.perf_counter()
    with open_reader(source) as reader:
        prepared = prepare(reader, source, options)
        plan = plan_for(prepared, source, output, options)
        if on_plan is not None:
            on_plan(plan)
        _refuse_losses(plan.losses, options)
        return _run(prepared, plan, output, options, on_progress, cancel, started)


def plan_conversion(
    src: PathLike, dst: PathLike, options: ConvertOptions | None = None
) -> ConversionPlan:
    """Return what :func:`convert` would do, and do nothing."""
    options = options or ConvertOptions()
    source = source_text(src)
    with open_reader(source) as reader:
        return plan_for(prepare(reader, source, options), source, Path(dst), options)


def source_text(src: PathLike) -> str:
    """Return a source as text: a Path would take a slash from a URL."""
    text = os.fspath(src)
    return text if "://" in text else str(Path(os.path.expanduser(text)))


def plan_for(
    prepared: Prepared, source: str, output: Path, options: ConvertOptions
) -> ConversionPlan:
    """Return the plan for an image that is opened and prepared."""
    reader = prepared.reader
    target = options.output_for(output, placed=is_map(reader.info))
    facts = gather_facts(reader, source, smaller=prepared.smaller, remade=prepared.remade)
    return make_plan(facts, target, options)


def check_output(source: str, output: Path, *, overwrite: bool) -> None:
    """Refuse an output that is the source, is there already, or has no folder to be in."""
    if output.exists():
        if Path(source).exists() and output.resolve() == Path(source).resolve():
            raise WriteError(f"{output} is the source itself; choose another output")
        if not overwrite:
            message = "exists already; --overwrite (overwrite=True) replaces it"
            raise TargetExistsError(errno.EEXIST, message, str(output))
    folder = output.absolute().parent
    if not folder.is_dir():
        raise WriteError(f"there is no folder {folder} to make {output.name} in; make it first")
    if not os.access(folder, os.W_OK):
        raise WriteError(f"{folder} can't be written to, so {output.name} can't be made in it")


def _refuse_losses(losses: tuple[str, ...], options: ConvertOptions) -> None:
    if options.strict and losses:
        raise ConversionError(f"strict, and this would be lost: {'; '.join(losses)}")


def _run(
    prepared: Prepared,
    plan: ConversionPlan,
    output: Path,
    options: ConvertOptions,
    on_progress: ProgressCallback | None,
    cancel: Cancellation | None,
    started: float,
) -> ConversionReport:
    # Here, so that planning and --dry-run load no encoders.
    from ziggurat.converter.emit import emit

    reader = with_planned_pictures(prepared.reader, plan.pictures)
    checked = options.deidentify or options.verify is not Verify.NONE
    verification = None
    if not checked:
        written = emit(reader, plan, output, options, on_progress, cancel)
    else:
        with _staged(output, plan.target, options) as staged:
            written = emit(reader, plan, staged, options, on_progress, cancel)
            verification = _check(prepared, plan, staged, options)
    losses = tuple(dict.fromkeys((*plan.losses, *written.lost)))
    return ConversionReport(
        source=plan.source,
        output=str(output),
        plan=plan,
        bytes_written=written.bytes,
        seconds=time.perf_counter() - started,
        losses=losses,
        removed=prepared.removed,
        verification=verification,
        searched=len(prepared.secrets),
    )


@contextmanager
def _staged(output: Path, target: Output, options: ConvertOptions) -> Iterator[Path]:
    """Give a path beside the output; what is there in the end is published, if nothing is wrong."""
    from ziggurat.writers.files.atomic import atomic_directory, atomic_file

    if not target.folder:
        with atomic_file(output, options.overwrite, target.folder_beside(output)) as staged:
            yield staged
        return
    with atomic_directory(output, options.overwrite) as staged:
        staged.rmdir()  # the writer makes it, and wants nothing to be there
        yield staged


def _check(
    prepared: Prepared, plan: ConversionPlan, staged: Path, options: ConvertOptions
) -> VerificationReport | None:
    """Look at a finished output before anybody else can.

    Raises
    ------
    VerificationError
        Something in it is wrong, or something is in it that should have gone.
    """
    parts = output_parts(staged)
    leaks = [leak for part in parts for leak in find_leaks(part, prepared.secrets)]
    if leaks:
        raise VerificationError(f"not de-identified: {len(leaks)} texts are left: {leaks[0]!r} …")
    if options.verify is Verify.NONE:
        return None
    from ziggurat.converter.verify.verify import verify_against  # only a check needs all of it

    report = verify_against(
        staged,
        prepared.reader,
        plan.source,
        full=options.verify is Verify.FULL,
        plan=plan,
    )
    if not report.ok:
        raise VerificationError(f"the output was wrong and thrown away: {report.problems[0]}")
    return report
