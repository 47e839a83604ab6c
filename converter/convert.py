"""One conversion from end to end: open → plan → run → verify → publish."""

import errno
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ziggurat.converter.plan.options import ConvertOptions, Verify
from ziggurat.converter.plan.plan import ConversionPlan
from ziggurat.converter.plan.report import ConversionReport, VerificationReport
from ziggurat.converter.prepare.pictures import with_planned_pictures
from ziggurat.converter.prepare.prepare import Prepared, prepare
from ziggurat.converter.recipe import (
    ConversionRecipe,
    PathLike,
    check_output_of,
    plan_for,
    refuse_losses,
    source_text,
)
from ziggurat.readers.errors import OptionError, TargetExistsError, WriteError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.io.objects import is_cloud
from ziggurat.writers.formats.registry import Output
from ziggurat.writers.model.progress import Cancellation, ProgressCallback

if TYPE_CHECKING:  # planning and --dry-run load no encoders
    from ziggurat.writers.tasks.plan import WritePlan
    from ziggurat.writers.tasks.recipe import Recipe


def convert(
    src: PathLike,
    dst: PathLike,
    options: ConvertOptions | None = None,
    *,
    on_progress: ProgressCallback | None = None,
    on_plan: Callable[[ConversionPlan], None] | None = None,
    cancel: Cancellation | None = None,
    executor: Executor | None = None,
) -> ConversionReport:
    """Convert one image; the output appears under its name only when it is complete.

    Parameters
    ----------
    src, dst
        What to read, and what to make; the suffix of ``dst`` says what it will be. Either may be a
        URL (``s3://``, ``gs://``, ``az://``; sources also ``https://``).
    options
        See :class:`ConvertOptions`.
    on_progress, on_plan
        Called now and then with how far it is, and once with the plan before the work starts.
    cancel
        Cancel it from another thread and the work stops; no output is left.
    executor
        Does the work in tasks: a ``ProcessPoolExecutor``, Dask's ``client.get_executor()``, or
        anything that has ``submit``. Workers open the source themselves.

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
    if executor is not None or is_cloud(dst):
        return _convert_by_tasks(src, dst, options, executor, on_progress, on_plan, cancel)
    source, output = source_text(src), Path(os.path.expanduser(dst))
    options.output_for(output)  # refuses a name that says nothing before anything is opened
    check_output(source, output, overwrite=options.overwrite)
    started = time.perf_counter()
    with open_reader(source) as reader:
        prepared = prepare(reader, source, options)
        plan = plan_for(prepared, source, output, options)
        if on_plan is not None:
            on_plan(plan)
        refuse_losses(plan.losses, options)
        return _run(prepared, plan, output, options, on_progress, cancel, started)


def plan_conversion(
    src: PathLike, dst: PathLike, options: ConvertOptions | None = None
) -> ConversionPlan:
    """Return what :func:`convert` would do, and do nothing."""
    options = options or ConvertOptions()
    source = source_text(src)
    with open_reader(source) as reader:
        return plan_for(prepare(reader, source, options), source, Path(dst), options)


def check_output(source: str, output: Path, *, overwrite: bool) -> None:
    """Refuse an output that is the source, is there already, or has no folder to be in."""
    if output.exists():
        real = Path(source).resolve()
        if Path(source).exists() and output.resolve() in (real, *real.parents):
            raise WriteError(f"{output} is the source itself, or holds it; choose another output")
        if not overwrite:
            message = "exists already; --overwrite (overwrite=True) replaces it"
            raise TargetExistsError(errno.EEXIST, message, str(output))
    folder = output.absolute().parent
    if not folder.is_dir():
        raise WriteError(f"there is no folder {folder} to make {output.name} in; make it first")
    if not os.access(folder, os.W_OK):
        raise WriteError(f"{folder} can't be written to, so {output.name} can't be made in it")


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
            verification = check_output_of(prepared, plan, staged, options)
            verification = verification and replace(verification, path=str(output))
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


def plan_tasks(
    src: PathLike,
    dst: PathLike,
    options: ConvertOptions | None = None,
    *,
    part_bytes: int | None = None,
) -> "WritePlan":
    """Cut a conversion into tasks for many workers or machines; nothing is converted yet.

    See :meth:`ziggurat.Sink.plan`; all must see the source under the same name.

    Parameters
    ----------
    src, dst, options
        As of :func:`convert`.
    part_bytes
        Bytes of pixels that a task reads, about; default: 64 MiB.

    Raises
    ------
    SourceError, OptionError, TargetExistsError, ConversionError
        As :func:`convert`.
    """
    from ziggurat.writers.tasks.plan import make_plan as cut_write

    options = options or ConvertOptions()
    source = source_text(src)
    if "://" not in source:
        source = os.path.abspath(source)
    target = os.fspath(dst)
    if not is_cloud(target):
        target = os.path.abspath(os.path.expanduser(target))
        check_output(source, Path(target), overwrite=options.overwrite)
    elif options.deidentify or options.verify is not Verify.NONE:
        raise OptionError(
            "an output on object storage can't be looked at before it is seen: deidentify or "
            "verify it on a local disk, then copy it there"
        )
    elif f"{source.rstrip('/')}/".startswith(f"{target.rstrip('/')}/"):
        raise WriteError(f"{target} is the source itself, or holds it; choose another output")
    options.output_for(Path(target))
    recipe = ConversionRecipe(source, target, options)
    return cut_write(
        recipe, target, part_bytes=part_bytes, clear=is_cloud(target) and options.overwrite
    )


def load_plan(path: PathLike) -> "WritePlan":
    """Return a plan that :meth:`WritePlan.save` wrote.

    Raises
    ------
    OptionError
        It is none.
    """
    from ziggurat.writers.sink.output import SinkRecipe
    from ziggurat.writers.tasks.plan import plan_from_json

    kinds: dict[str, type[Recipe]] = {kind.kind: kind for kind in (SinkRecipe, ConversionRecipe)}
    try:
        facts = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise OptionError(f"{os.fspath(path)} is no plan of a write: {error}") from error
    return plan_from_json(facts, kinds)


def _convert_by_tasks(
    src: PathLike,
    dst: PathLike,
    options: ConvertOptions,
    executor: Executor | None,
    on_progress: ProgressCallback | None,
    on_plan: Callable[[ConversionPlan], None] | None,
    cancel: Cancellation | None,
) -> ConversionReport:
    from ziggurat.writers.tasks.run import run_plan

    started = time.perf_counter()
    source = source_text(src)
    found: list[VerificationReport | None] = []
    with open_reader(source) as reader:
        prepared = prepare(reader, source, options)
        plan = plan_for(prepared, source, Path(dst), options)
        if on_plan is not None:
            on_plan(plan)
        work = plan_tasks(src, dst, options)

        def check(staged: Path) -> None:
            report = check_output_of(prepared, plan, staged, options)
            found.append(report and replace(report, path=work.target))

        checked = options.deidentify or options.verify is not Verify.NONE
        written = run_plan(
            work, executor, on_progress=on_progress, cancel=cancel, check=check if checked else None
        )
    return ConversionReport(
        source=plan.source,
        output=work.target,
        plan=plan,
        bytes_written=written.bytes,
        seconds=time.perf_counter() - started,
        losses=tuple(dict.fromkeys((*plan.losses, *written.lost))),
        removed=prepared.removed,
        verification=found[0] if found else None,
        searched=len(prepared.secrets),
    )
