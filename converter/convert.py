"""One conversion from end to end: open → plan → run → verify → publish."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from ziggurat.converter.facts import gather_facts
from ziggurat.converter.options import ConvertOptions
from ziggurat.converter.plan import ConversionPlan, make_plan
from ziggurat.converter.prepare import Prepared, prepare
from ziggurat.converter.report import ConversionReport
from ziggurat.readers.errors import ConversionError, TargetExistsError, WriteError
from ziggurat.readers.registry import open_reader
from ziggurat.writers.progress import Cancellation, ProgressCallback

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
    source, output = Path(src).expanduser(), Path(dst).expanduser()
    target = options.target_for(output)
    check_output(source, output, overwrite=options.overwrite)
    started = time.perf_counter()
    with open_reader(source) as reader:
        prepared = prepare(reader, options)
        plan = make_plan(gather_facts(prepared.reader, str(source)), target, options)
        if on_plan is not None:
            on_plan(plan)
        _refuse_losses(plan.losses, options)
        return _run(prepared, plan, output, options, on_progress, cancel, started)


def plan_conversion(
    src: PathLike, dst: PathLike, options: ConvertOptions | None = None
) -> ConversionPlan:
    """Return what :func:`convert` would do, and do nothing."""
    options = options or ConvertOptions()
    source = Path(src).expanduser()
    with open_reader(source) as reader:
        prepared = prepare(reader, options)
        facts = gather_facts(prepared.reader, str(source))
    return make_plan(facts, options.target_for(Path(dst)), options)


def check_output(source: Path, output: Path, *, overwrite: bool) -> None:
    """Refuse an output that is the source, is there already, or has no folder to be in."""
    if output.exists():
        if source.exists() and output.resolve() == source.resolve():
            raise WriteError(f"{output} is the source itself; choose another output")
        if not overwrite:
            message = "exists already; --overwrite (overwrite=True) replaces it"
            raise TargetExistsError(errno.EEXIST, message, str(output))
    folder = output.absolute().parent
    if not folder.is_dir():
        raise WriteError(f"{folder} is not a folder, so {output.name} can't be made in it")
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
    from ziggurat.converter.emit import emit

    written = emit(prepared.reader, plan, output, options, on_progress, cancel)
    return ConversionReport(
        source=plan.source,
        output=str(output),
        plan=plan,
        bytes_written=written.bytes,
        seconds=time.perf_counter() - started,
        losses=(*plan.losses, *written.lost),
        removed=prepared.removed,
    )
