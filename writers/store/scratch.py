"""Where temporary stores live, who owns them, and how they go.

The owner of a temporary store holds a lock on a file in it for as long as it lives. Stores whose
owner is gone, however it went, are removed by the next :func:`ziggurat.new`.
"""

import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from ziggurat.readers.errors import ScratchFullError, SinkError
from ziggurat.readers.formats.sink_store.layout import FOLDER, Structure, is_store
from ziggurat.readers.io.lock_files import close_lock_file, open_lock_file
from ziggurat.writers.files.small import NO_ROOM
from ziggurat.writers.store.store import create_store

PREFIX = "ziggurat-sink-"
MAKING = ".ziggurat-making-"
OWNER = "owner.lock"
REMOVERS = 8
ABANDONED_SECONDS = 3600  # a store that is still being made after an hour never will be


def make(parent: Path, structure: Structure, sizes: Sequence[int]) -> Path:
    """Make an empty store under a name that nobody looks for.

    Raises
    ------
    ScratchFullError, SinkError
        There is no room, or the folder can't be written to; nothing is left there.
    """
    folder = parent / f"{MAKING}{uuid4().hex}"
    try:
        folder.mkdir(parents=True)
        create_store(str(folder), structure, sizes)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        if error.errno in NO_ROOM:
            raise ScratchFullError(
                errno.ENOSPC, "no room for a sink's store", str(parent)
            ) from error
        raise SinkError(f"a sink's store can't be made in {parent}: {error}") from error
    return folder


def publish(folder: Path, target: Path) -> None:
    """Give a store its name.

    Raises
    ------
    SinkError
        There is something of that name.
    """
    try:
        folder.rename(target)
    except (OSError, ValueError) as error:  # a ValueError: a name with a zero byte
        shutil.rmtree(folder, ignore_errors=True)
        hint = "; mode='join' goes on with it" if is_store(target) else ""
        raise SinkError(f"a new sink needs a place of its own; {target} is there{hint}") from error


def existing_parent(path: Path) -> Path:
    """Return the nearest folder above a path that exists."""
    return next((parent for parent in path.parents if parent.is_dir()), path)


def temporary_folder() -> Path:
    """Return the folder for temporary stores: what ``TMPDIR`` says, or the system's own."""
    return Path(tempfile.gettempdir())


def claim(store: Path) -> int:
    """Own a store; return the descriptor that says so until it is closed."""
    descriptor = open_lock_file(store / FOLDER / OWNER, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def discard(close: Callable[[], None], store: str, ownership: int, owner: int) -> None:
    """Close a temporary store and remove it; in any other process than its owner only close."""
    close()
    if os.getpid() == owner:
        remove_tree(store)
        close_lock_file(ownership)


def remove_tree(root: str | os.PathLike[str]) -> None:
    """Remove a store, as far as it can be; several chunks at a time.

    Giving blocks back can take milliseconds a file (a disk mounted with ``discard``, a network),
    and the waits go side by side.
    """
    chunks = [
        f"{folder}/{name}"
        for folder, _, names in os.walk(root)
        for name in names
        if name.startswith("c.")
    ]
    try:
        with ThreadPoolExecutor(REMOVERS) as pool:
            list(pool.map(_remove_files, (chunks[n::REMOVERS] for n in range(REMOVERS))))
    except RuntimeError:  # Python starts no threads any more once it is on its way out
        pass
    shutil.rmtree(root, ignore_errors=True)


def _remove_files(files: Sequence[str]) -> None:
    for file in files:
        with suppress(OSError):
            os.unlink(file)


def sweep(parent: Path) -> None:
    """Remove temporary stores whose owners are gone."""
    for entry in parent.glob(f"{PREFIX}*"):
        _remove_ownerless(entry)
    for entry in parent.glob(f"{MAKING}*"):
        try:
            old = time.time() - entry.stat().st_mtime > ABANDONED_SECONDS
        except FileNotFoundError:
            continue
        if old:
            shutil.rmtree(entry, ignore_errors=True)


def _remove_ownerless(store: Path) -> None:
    try:
        descriptor = open_lock_file(store / FOLDER / OWNER, os.O_RDWR)
    except OSError:  # being removed by its owner just now, or somebody else's
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_tree(store)
    except BlockingIOError:
        pass  # its owner lives
    finally:
        close_lock_file(descriptor)
