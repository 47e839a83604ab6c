"""Progress bars on stderr, for whoever looks at it."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
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

from ziggurat.converter.batch.jobs import AnyJob
from ziggurat.converter.batch.run import BatchCallback, Outcome
from ziggurat.writers.model import progress


@contextmanager
def progress_bar(title: str) -> Iterator[progress.ProgressCallback]:
    """Give a callback that moves a bar on stderr."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(escape(title), total=None)

        def tell(event: progress.Progress) -> None:
            # The bar counts bytes; those of the tiles to come are guessed from those written.
            written = event.bytes_written
            total = written * event.total / event.done if event.done else None
            bar.update(task, completed=written, total=total)

        yield tell


@contextmanager
def batch_progress(total: int) -> Iterator[BatchCallback]:
    """Give a callback that shows one bar for all slides and one for each in work."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        whole = bar.add_task(f"{total} slides", total=total)
        tasks: dict[AnyJob, TaskID] = {}

        def tell(job: AnyJob, event: progress.Progress | Outcome) -> None:
            if isinstance(event, Outcome):
                bar.advance(whole)
                if job in tasks:
                    bar.remove_task(tasks.pop(job))
                return
            if job not in tasks:
                tasks[job] = bar.add_task(escape(job.name))
            bar.update(tasks[job], completed=event.done, total=event.total)

        yield tell
