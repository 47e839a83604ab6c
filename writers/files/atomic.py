"""Outputs that appear whole or not at all.

All of one write lives in a hidden staging folder beside its target (so on the same file
system): the output under its own name, and whatever spools it needs. When the output is
complete it is flushed to disk and renamed into place, and the folder vanishes. A process that
is killed leaves at most the folder; the next write to the same target finds it, sees by
its lock that nobody works in it any more, and sweeps it away.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ziggurat.readers.errors import TargetExistsError, WriteError, ZigguratError
from ziggurat.readers.formats.sink_store.layout import is_store
from ziggurat.readers.io.lock_files import opened
from ziggurat.writers.files.system import exchange, rename_new, sync_file_system_of

STAGING_PREFIX = ".ziggurat-part-"
_LOCK_NAME, _REPLACED = ".lock", ".replaced"
_LONGEST_NAME = 255
_ORPHAN_SECONDS = 600.0  # a folder without a lock file: being made just now, or left behind
ZARR_MARKS = frozenset({"zarr.json", ".zgroup", ".zattrs", ".zarray"})


@contextmanager
def atomic_file(
    path: str | os.PathLike[str], overwrite: bool = False, folder: Path | None = None
) -> Iterator[Path]:
    """Give a path to write a file to; publish the file under its name when the block ends.

    Parameters
    ----------
    path
        The target. Its folder must exist.
    overwrite
        Whether an existing file may be replaced. A folder never is.
    folder
        One beside the file that belongs to it, if any. It is made beside the path that is given,
        appears just before the file, and is replaced only together with it.

    Yields
    ------
    Path
        ``<staging folder>/<name of the target>``; its parent takes further temporary files.

    Raises
    ------
    TargetExistsError
        The target is there and ``overwrite`` is False, or it is a folder.
    WriteError
        The system said no (disk full, permission, no such folder); nothing is left.
    """
    target = Path(path)
    check_target(target, overwrite=overwrite, folder=False)
    with _reported(target):
        if folder is not None:
            _refuse_strange(folder, target)
        with _staging(target) as staging:
            yield staging / target.name
            if folder is None:
                _publish_file(staging / target.name, target, overwrite)
            else:
                _publish_pair(staging, target, folder)


@contextmanager
def atomic_directory(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[Path]:
    """Give a path to make a folder at; publish it under its name when the block ends.

    As :func:`atomic_file`. An existing folder is exchanged in one step, so that under the
    target's name there is always one whole store; it is replaced only where it is a zarr
    store or empty, so that a slip of the pen can't remove other things; a sink's store never is.
    """
    target = Path(path)
    check_target(target, overwrite=overwrite, folder=True)
    with _reported(target), _staging(target) as folder:
        staged = folder / target.name
        staged.mkdir()
        yield staged
        sync_file_system_of(staged)
        _publish_directory(staged, target, folder, overwrite)


def check_target(target: Path, *, overwrite: bool, folder: bool) -> None:
    """Refuse what :func:`atomic_file`, or for a ``folder`` :func:`atomic_directory`, refuses.

    Raises
    ------
    TargetExistsError, WriteError
        As they do.
    """
    with _reported(target):
        _refuse_existing(target, overwrite)
        if folder:
            _refuse_foreign(target)
        elif target.is_dir():
            raise TargetExistsError(errno.EEXIST, "is a folder; name a file", str(target))


def publish_directory(staged: Path, target: Path, folder: Path, *, overwrite: bool) -> None:
    """Flush a finished folder, and give it its name, as :func:`atomic_directory` does.

    ``folder`` is one beside the target for what is replaced; it is the caller's to remove.
    """
    check_target(target, overwrite=overwrite, folder=True)
    with _reported(target):
        sync_file_system_of(staged)
        _publish_directory(staged, target, folder, overwrite)


@contextmanager
def _reported(target: Path) -> Iterator[None]:
    try:
        yield
    except ZigguratError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"could not be written, nothing is left under its name: {reason}"
        raise WriteError(error.errno or errno.EIO, message, str(target)) from error


def _refuse_existing(target: Path, overwrite: bool) -> None:
    if not target.parent.is_dir():
        raise WriteError(errno.ENOENT, "there is no such folder; make it first", str(target.parent))
    if not overwrite and os.path.lexists(target):
        raise TargetExistsError(errno.EEXIST, "exists; say overwrite to replace it", str(target))


def _refuse_foreign(target: Path) -> None:
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise TargetExistsError(errno.EEXIST, "is a file; a folder can't replace it", str(target))
    if is_store(target):
        raise TargetExistsError(
            errno.EEXIST, "is the store of a sink, which may be in use; not replaced", str(target)
        )
    names = {entry.name for entry in os.scandir(target)}
    if names and ZARR_MARKS.isdisjoint(names):
        raise TargetExistsError(
            errno.EEXIST, "is a folder that holds no zarr store; it is not replaced", str(target)
        )


def _refuse_strange(folder: Path, target: Path) -> None:
    """Refuse a folder that is there without the file that it would belong to."""
    if os.path.lexists(folder) and not (folder.is_dir() and os.path.lexists(target)):
        raise TargetExistsError(
            errno.EEXIST, f"is there, but no {target.name} it belongs to; not replaced", str(folder)
        )


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    sweep(target)
    folder = target.parent / f"{STAGING_PREFIX}{os.urandom(4).hex()}-{short_tail(target.name)}"
    try:
        folder.mkdir(mode=0o700)
        # a file, not a descriptor: an interrupt that takes it from us closes it, too
        made = folder / f"{_LOCK_NAME}.new"
        with opened(made, os.O_RDWR | os.O_CREAT, 0o600) as lock:
            _try_lock(lock.fileno())
            made.rename(folder / _LOCK_NAME)  # whoever sweeps never finds it unlocked
            yield folder
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def short_tail(name: str) -> str:
    """Return what ends the name of a target's staging folder; names may have 255 bytes."""
    data = os.fsencode(name)
    if len(data) <= _LONGEST_NAME - len(STAGING_PREFIX) - 9:
        return name
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # somebody has it, or this file system has no locks: then nothing is swept
    return True


def sweep(target: Path) -> None:
    """Remove staging folders that killed writers of this target left behind."""
    for folder in target.parent.iterdir():
        name = folder.name
        if not name.startswith(STAGING_PREFIX) or name[len(STAGING_PREFIX) + 9 :] != short_tail(
            target.name
        ):
            continue
        if _abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _abandoned(folder: Path) -> bool:
    try:
        lock = opened(folder / _LOCK_NAME, os.O_RDWR)
    except OSError:
        try:
            return time.time() - folder.stat().st_mtime > _ORPHAN_SECONDS
        except FileNotFoundError:
            return False  # its owner has just finished
    with lock:
        return _try_lock(lock.fileno())


def _publish_file(staged: Path, target: Path, overwrite: bool) -> None:
    with opened(staged, os.O_RDONLY) as file:
        os.fsync(file.fileno())
    if overwrite:
        os.replace(staged, target)
    else:
        _rename_new(staged, target)
    _sync_name(target)


def _publish_pair(staging: Path, target: Path, folder: Path) -> None:
    """Let a file and its folder appear: the file is never seen with another folder than its own.

    What goes wrong on the way is undone, step by step.
    """
    sync_file_system_of(staging)
    replaced = staging / _REPLACED
    replaced.mkdir()
    steps = [(path, replaced / path.name) for path in (target, folder) if os.path.lexists(path)]
    steps += [(staging / path.name, path) for path in (folder, target)]
    try:
        for old, new in steps:
            _rename_new(old, new)
    except BaseException:
        if os.path.lexists(staging / target.name):  # else an interrupt came after the last step
            for old, new in reversed(steps):
                if not os.path.lexists(old):
                    os.rename(new, old)
        raise
    _sync_name(target)


def _publish_directory(staged: Path, target: Path, folder: Path, overwrite: bool) -> None:
    if not overwrite or not os.path.lexists(target):
        _rename_new(staged, target)
    elif not exchange(staged, target):
        old = folder / _REPLACED
        os.rename(target, old)
        try:
            os.rename(staged, target)
        except OSError:
            os.rename(old, target)
            raise
    _sync_name(target)


def _rename_new(staged: Path, target: Path) -> None:
    """Rename where nothing is; of two writers at once only one can win."""
    try:
        if rename_new(staged, target):
            return
        there = os.path.lexists(target)
    except FileExistsError:
        there = True
    if there:
        raise TargetExistsError(errno.EEXIST, "was made meanwhile by another", str(target))
    os.rename(staged, target)


def _sync_name(target: Path) -> None:
    """Bring the new name of an output onto the disk; whatever happens, it is there already."""
    try:
        _sync_directory(target.parent)
    except OSError as error:
        message = (
            "is whole under its name, but its folder could not be flushed to the disk, and a "
            f"power failure now may bring back what was there before: {error.strerror}"
        )
        raise WriteError(error.errno or errno.EIO, message, str(target)) from error


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems can't sync folders
            raise
    finally:
        os.close(descriptor)
