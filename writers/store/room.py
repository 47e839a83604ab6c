"""Whether there is room for an image, asked before the first tile."""

import errno
import os

import psutil

from ziggurat.readers.errors import ScratchFullError


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
