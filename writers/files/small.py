"""Small files that are replaced whole: a reader sees the old one or the new one, never a part."""

import errno
import json
import os
from pathlib import Path
from uuid import uuid4

from ziggurat.readers.errors import ScratchFullError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside it and rename it into place.

    Raises
    ------
    ScratchFullError
        There is no room; the old file is untouched.
    """
    target = os.fspath(path)
    temporary = f"{path.parent}/.{path.name}-{uuid4().hex}"
    try:
        Path(temporary).write_bytes(content)
        os.replace(temporary, target)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise ScratchFullError(
                error.errno, "no room for a small file of the sink's store", target
            ) from error
        raise
    finally:  # whatever stops it, even Ctrl-C twice, nothing is left lying about
        try:  # noqa: SIM105 - suppress() is Python, and could be interrupted before the call
            os.unlink(temporary)
        except FileNotFoundError:
            pass


def write_json(path: Path, content: object) -> None:
    """Write JSON whole; without line breaks, for which Python would have to encode by itself."""
    replace_file(path, json.dumps(content).encode())
