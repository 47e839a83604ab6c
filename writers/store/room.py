"""Whether there is room for an image, and whether its place is a safe one."""

import errno
import hashlib
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import psutil

from ziggurat.readers.errors import ScratchFullError, SinkError
from ziggurat.readers.formats.sink_store.layout import Header, HeaderWord, StoreLayout
from ziggurat.readers.formats.sink_store.tile import TileInput

# What a page of a mapped file is on one machine another may not see, or may undo, on these.
NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "afs", "ceph", "glusterfs", "9p")


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
            f"the sink's image needs {needed / 1e9:.1f} GB by the expectedCoverage that was given, "
            f"and {free / 1e9:.1f} GB are free; give another path, or a smaller expectedCoverage "
            "where less will be written",
            os.fspath(folder),
        )


def refuse_certain(folder: str | os.PathLike[str], needed: int) -> None:
    """Refuse what is going to be written, and can't fit.

    Raises
    ------
    ScratchFullError
        More bytes are needed than are free.
    """
    free = psutil.disk_usage(os.fspath(folder)).free
    if needed > free:
        raise ScratchFullError(
            errno.ENOSPC, f"{needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free"
        )


def host_word() -> int:
    """Return a number that stands for this machine."""
    try:
        name = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except OSError:
        name = ""
    digest = hashlib.blake2b((name or platform.node()).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "little")


def file_system(path: str) -> str:
    """Return the type of the file system that a path lies on, as the kernel names it."""
    best, kind = "", ""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields, _, rest = line.partition(" - ")
        place = fields.split()[4].replace("\\040", " ")
        inside = path == place or path.startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(best):
            best, kind = place, rest.split()[0]
    return kind


def refuse_too_large(
    root: str, structure: StoreLayout, sizes: Sequence[int], tile: TileInput
) -> None:
    """Say no in time: when room is reserved for an image that the disk can't hold.

    Raises
    ------
    ScratchFullError
        There is no room for an image of ``sizes`` that reaches as far as the tile's corner.
    """
    *axes, height, width = sizes
    ends = (tile.start.get(name, 0) + 1 for name in structure.axes)
    wanted = [max(pair) for pair in zip(axes, ends, strict=True)]
    check_room(root, structure.room([*wanted, max(height, tile.y + 1), max(width, tile.x + 1)]))


def refuse_other_host(root: str, header: Header) -> None:
    """Refuse to map a store that was made by another machine, on a network file system.

    Raises
    ------
    SinkError
        Two machines would lose each other's pixels there, page by page.
    """
    if header.words[HeaderWord.HOST] == host_word():
        return
    kind = file_system(os.path.realpath(root))
    if kind in NETWORK or kind.startswith("fuse."):
        raise SinkError(
            f"the store {root} was made on another machine, and lies on a network file system "
            f"({kind}): mapped files are not safe between machines. Lay tiles from one machine, or "
            "copy the store here first; ziggurat.open reads it from anywhere"
        )
