"""Where temporary stores live, who owns them, and how they go.

The owner of a temporary store holds a lock on a file in it for as long as it lives. Stores whose
owner is gone, however it went, are removed by the next :func:`ziggurat.new`.
"""

import errno
import fcntl
import io
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

from ziggurat.readers.errors import ScratchFullError, SinkError
from ziggurat.readers.formats.sink_store.layout import FOLDER, StoreLayout, is_store
from ziggurat.readers.io.crew import Crew
from ziggurat.readers.io.lock_files import open_lock_file
from ziggurat.writers.files.small import NO_ROOM
from ziggurat.writers.store.interface import TileStore
from ziggurat.writers.store.kinds import MAPPED, StoreKind

PREFIX = "ziggurat-sink-"
MAKING = ".ziggurat-making-"
OWNER = "owner.lock"
REMOVERS = 8
ABANDONED_SECONDS = 3600  # a store that is still being made after an hour never will be


def make(
    parent: Path,
    structure: StoreLayout,
    sizes: Sequence[int],
    *,
    private: bool = False,
    kind: StoreKind = MAPPED,
) -> Path:
    """Make an empty store under a name that nobody looks for.

    ``private``: nobody else may look into it; the folder for temporary files is everybody's.

    Raises
    ------
    ScratchFullError, SinkError
        There is no room, or the folder can't be written to; nothing is left there.
    """
    folder = parent / f"{MAKING}{uuid4().hex}"
    try:
        folder.mkdir(0o700 if private else 0o777, parents=True)
        kind.create(str(folder), structure, sizes)
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


def claim(store: Path) -> io.FileIO:
    """Own a store; return the file that says so until it is closed."""
    file = open_lock_file(store / FOLDER / OWNER, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


@dataclass(frozen=True, slots=True)
class Ending:
    """How a sink lets go of its store; a temporary one is removed, in its owner's process.

    ``owner`` is that process, ``ownership`` what it has from :func:`claim`.
    """

    store: TileStore
    ownership: io.FileIO | None = None
    owner: int = 0

    def close(self) -> None:
        """Close the store; a temporary one is removed, several chunks at a time."""
        self.store.close()
        self._remove(remove_tree)

    def abandon(self) -> None:
        """Do the same for the garbage collector, which may run in the middle of anything.

        No lock is waited for and no thread started: whoever is interrupted may hold what they need.
        """
        self.store.abandon()
        self._remove(_remove_quietly)

    def _remove(self, remove: Callable[[str], None]) -> None:
        if self.ownership is not None and os.getpid() == self.owner:
            remove(self.store.root)
            self.ownership.close()


def _remove_quietly(root: str) -> None:
    shutil.rmtree(root, ignore_errors=True)


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
    crew = Crew(REMOVERS)
    try:
        jobs = [crew.submit(partial(_remove_files, chunks[n::REMOVERS])) for n in range(REMOVERS)]
        for job in jobs:
            job.result()
    finally:
        crew.end()
    shutil.rmtree(root, ignore_errors=True)


def _remove_files(files: Sequence[str]) -> None:
    for file in files:
        with suppress(OSError):
            os.unlink(file)


def sweep(parent: Path) -> None:
    """Remove temporary stores of this user whose owners are gone.

    Everybody can put things into the folder: links are not followed, and nobody else's is touched.
    """
    try:
        entries = [entry for entry in os.scandir(parent) if entry.name.startswith((PREFIX, MAKING))]
    except OSError:
        return
    for entry in entries:
        try:
            facts = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if facts.st_uid != os.geteuid() or not stat.S_ISDIR(facts.st_mode):
            continue
        if entry.name.startswith(PREFIX):
            _remove_ownerless(Path(entry.path))
        elif time.time() - facts.st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(entry.path, ignore_errors=True)


def _remove_ownerless(store: Path) -> None:
    try:
        file = open_lock_file(store / FOLDER / OWNER, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:  # being removed by its owner just now, or no store of ours
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_tree(store)
    except BlockingIOError:
        pass  # its owner lives
    finally:
        file.close()
