"""Where temporary stores live, who owns them, and whether there is room.

The owner of a temporary store holds a lock on a file in it for as long as it lives. Stores whose
owner is gone, however it went, are removed by the next :func:`ziggurat.new`.
"""

import errno
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import psutil

from ziggurat.readers.errors import ScratchFullError
from ziggurat.readers.flocks import close_lock_file, open_lock_file
from ziggurat.readers.store_layout import FOLDER

PREFIX = "ziggurat-sink-"
MAKING = ".ziggurat-making-"
OWNER = "owner.lock"
ABANDONED_SECONDS = 3600  # a store that is still being made after an hour never will be


def making_folder(parent: str | os.PathLike[str]) -> Path:
    """Make a folder in which a store is made before it gets its name."""
    folder = Path(parent, f"{MAKING}{uuid4().hex}")
    folder.mkdir(parents=True)
    return folder


def temporary_folder() -> Path:
    """Return the folder for temporary stores: what ``TMPDIR`` says, or the system's own."""
    return Path(tempfile.gettempdir())


def claim(store: Path) -> int:
    """Own a store; return the descriptor that says so until it is closed."""
    descriptor = open_lock_file(store / FOLDER / OWNER, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def release(store: str, descriptor: int, owner: int) -> None:
    """Remove a temporary store; in any other process than its owner do nothing."""
    if os.getpid() != owner:
        return
    shutil.rmtree(store, ignore_errors=True)
    close_lock_file(descriptor)


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
        shutil.rmtree(store, ignore_errors=True)
    except BlockingIOError:
        pass  # its owner lives
    finally:
        close_lock_file(descriptor)


def check_room(folder: str | os.PathLike[str], needed: float) -> None:
    """Refuse an image that can't fit on the disk.

    Raises
    ------
    ScratchFullError
        More bytes are needed than are free.
    """
    free = psutil.disk_usage(os.fspath(folder)).free
    if needed > free:
        raise ScratchFullError(
            errno.ENOSPC,
            f"the sink's image needs {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; give "
            "another path, or expectedCoverage=… where only a part will be written",
            os.fspath(folder),
        )
