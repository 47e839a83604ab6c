"""Converting to object storage, and by workers of Dask: one slide, or many."""

import argparse
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from ziggurat.converter.batch.jobs import SharedJob, holds_slides
from ziggurat.converter.batch.record import Records
from ziggurat.converter.batch.shared import run_shared, shared_jobs
from ziggurat.converter.cli.commands import (
    convert_one,
    is_kept,
    noting,
    plan_many,
    refuse_idle_jobs,
    show_batch,
    telling,
)
from ziggurat.converter.cli.looking import Show
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import OptionError
from ziggurat.readers.io.objects import is_cloud
from ziggurat.writers.formats.registry import find_output


def convert_shared(given: argparse.Namespace, options: ConvertOptions) -> int:
    """Convert one slide to a name, or all that are named below a folder or URL.

    Returns
    -------
    The exit code.
    """
    *sources, last = given.paths
    if not sources:
        raise OptionError("name a source and an output: ziggurat convert IN OUT")
    show = Show(quiet=given.quiet, json=given.json)
    one = _is_one(sources, last)
    if one:
        refuse_idle_jobs(given)
    if one and (given.dry_run or not is_kept(given)):
        with _executor(given.dask) as executor:
            convert_one(sources[0], last, options, show, dry_run=given.dry_run, executor=executor)
        return 0
    jobs = [SharedJob(sources[0], last)] if one else shared_jobs(sources, last, options)
    if given.dry_run:
        return plan_many(jobs, options, show)
    if not is_cloud(last):
        for folder in {Path(job.output).parent for job in jobs}:
            folder.mkdir(parents=True, exist_ok=True)
    with (
        Records(given.report, given.log) as kept,
        telling(len(jobs), show) as tell,
        _executor(given.dask) as executor,
    ):
        report = run_shared(
            jobs, options, workers=given.jobs, executor=executor, resume=given.resume,
            on_event=noting(kept, tell), hashes=kept.wanted,
        )  # fmt: skip
    return show_batch(report, show, {})


def _is_one(sources: list[str], last: str) -> bool:
    """Return True where one slide is named, and its output by a name of its own."""
    name = last.rsplit("/", 1)[-1]
    if len(sources) != 1 or find_output(name) is None or "*" in name:
        return False
    url = sources[0]
    many = url.endswith("/") or "*" in url.rsplit("/", 1)[-1]
    return not (many if "://" in url else holds_slides(Path(url)) or "*" in url)


@contextmanager
def _executor(address: str | None) -> Iterator[Executor | None]:
    """Give what does tasks on a Dask cluster; None: this process does them."""
    if address is None:
        yield None
        return
    try:
        dask = import_module("distributed")
    except ImportError as error:
        raise OptionError("--dask needs a package: pip install distributed") from error
    try:
        # no default: one that never came to be would keep this process's other work waiting
        client = dask.Client(address, timeout="30s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise OptionError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        yield client.get_executor()
