"""The end of a write: the levels that no part made, all that is no tile, and the output's name."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from ziggurat.readers.errors import OptionError, TargetExistsError
from ziggurat.readers.io.objects import CloudObjects, FolderObjects, Objects, is_cloud
from ziggurat.writers.files.atomic import atomic_file
from ziggurat.writers.files.keys import ObjectsWriter
from ziggurat.writers.formats.contract import Tree
from ziggurat.writers.formats.notes import reader_notes
from ziggurat.writers.formats.registry import disk_bytes
from ziggurat.writers.model.progress import Cancellation, ProgressCallback
from ziggurat.writers.model.report import WriteReport
from ziggurat.writers.tasks.desk import Desk, FolderDesk, parts_there
from ziggurat.writers.tasks.division import Division
from ziggurat.writers.tasks.made import MadeTiles
from ziggurat.writers.tasks.parcel import Parcels

Ended = tuple[tuple[str, ...], int]  # what was lost, in words; bytes of the output


def end(
    division: Division,
    desk: Desk,
    target: str,
    on_progress: ProgressCallback | None,
    cancel: Cancellation | None,
    check: Callable[[Path], object] | None = None,
) -> WriteReport:
    """Finish a write whose parts are all there; the output appears under its name at the end.

    Raises
    ------
    OptionError
        The output is to be looked at before it appears, and object storage can't hide it.
    TargetExistsError, WriteError, SourceError, CancelledError
        It failed; what the parts left is still there, and it may be tried again.
    """
    begin = time.perf_counter()
    opened = division.opened
    check = check or opened.check
    if check is not None and is_cloud(target):
        raise OptionError("verifying and de-identifying must be written to a local disk first")
    if division.tree is not None:
        lost, size = _tree(division, division.tree, desk, target, on_progress, cancel, check)
    elif is_cloud(target):
        lost, size = _uploaded(division, desk, target, on_progress, cancel)
    else:
        made = MadeTiles(division.runs, Parcels(desk.parts, parts_there(desk)))
        lost = _file(division, made, Path(target), on_progress, cancel, check)
        size = disk_bytes(Path(target))
    codecs = [plan.format.codec.value for plan in opened.levels if plan.format is not None]
    told = (*division.module.expected_losses(opened.reader.info), *lost, *opened.lost)
    return WriteReport(
        path=target if is_cloud(target) else Path(target),
        bytes=size,
        seconds=time.perf_counter() - begin,
        levels=len(opened.levels),
        lost=tuple(dict.fromkeys(told)),
        notes=tuple(reader_notes(opened.output, codecs)),
    )


def _tree(
    division: Division,
    tree: Tree,
    desk: Desk,
    target: str,
    on_progress: ProgressCallback | None,
    cancel: Cancellation | None,
    check: Callable[[Path], object] | None,
) -> Ended:
    """Put what parts did not, and last what makes it an image; a folder then gets its name."""
    opened = division.opened
    parcels = Parcels(desk.parts, parts_there(desk))
    writer = ObjectsWriter(desk.tree())
    tiles = MadeTiles(division.runs, parcels, tops=True)(
        division.reader,
        opened.levels,
        division.shrink,
        division.budget(),
        sparse=division.sparse,
        on_progress=on_progress,
        cancel=cancel,
    )
    with closing(tiles):
        tree.put(writer, tiles)
    lost = tree.finish(writer, target.rstrip("/").rsplit("/", 1)[-1])
    if isinstance(desk, FolderDesk):
        if check is not None:
            check(desk.staged)
        desk.publish(overwrite=opened.options.overwrite)
    return lost, parcels.written + writer.written


def _file(
    division: Division,
    made: MadeTiles,
    target: Path,
    on_progress: ProgressCallback | None,
    cancel: Cancellation | None,
    check: Callable[[Path], object] | None,
) -> tuple[str, ...]:
    """Write the one file that all tiles go into."""
    opened = division.opened

    def emit(path: Path) -> tuple[str, ...]:
        return division.module.emit(
            opened.reader,
            path,
            opened.levels,
            opened.options,
            on_progress=on_progress,
            cancel=cancel,
            make=made,
        )

    if check is None:
        return emit(target)
    with atomic_file(target, opened.options.overwrite) as staged:
        lost = emit(staged)
        check(staged)
    return lost


def _uploaded(
    division: Division,
    desk: Desk,
    target: str,
    on_progress: ProgressCallback | None,
    cancel: Cancellation | None,
) -> Ended:
    """Write the file on a local disk, from parts that are fetched whole, and put it by parts."""
    parent, _, name = target.rstrip("/").rpartition("/")
    with tempfile.TemporaryDirectory(prefix="ziggurat-end-") as folder:
        local, names = FolderObjects(folder), parts_there(desk)
        _fetch(desk.parts, local, names)
        made = MadeTiles(division.runs, Parcels(local, names))
        file = Path(folder) / name
        lost = _file(division, made, file, on_progress, cancel, None)
        if not CloudObjects(parent).upload(name, file, replace=division.opened.options.overwrite):
            raise TargetExistsError(f"{target} was put by somebody else meanwhile")
        return lost, file.stat().st_size


def _fetch(source: Objects, target: Objects, names: Sequence[str]) -> None:
    for name in names:
        target.replace(name, source.read(name))
