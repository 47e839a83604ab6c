"""Where an image is: a local path or a URL, with the first bytes for recognising it."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from ziggurat.readers.errors import SourceError, SourceNotFoundError

HEAD_BYTES = 512


@dataclass(frozen=True, slots=True)
class Location:
    """A place to open. ``path`` is None for remote URLs; ``head`` is empty for directories."""

    url: str
    path: Path | None
    head: bytes

    @property
    def name(self) -> str:
        """The last part of the path, lower case."""
        return self.url.rstrip("/").rsplit("/", 1)[-1].lower()

    @property
    def is_directory(self) -> bool:
        """True for a local directory."""
        return self.path is not None and self.path.is_dir()


def locate(path: str | os.PathLike[str]) -> Location:
    """Find what a caller named: a path, ``~``, ``file://`` (remote URLs: see the registry).

    Raises
    ------
    SourceNotFoundError
        Nothing is there.
    SourceError
        It is there, but may not be read.
    """
    text = os.fspath(path)
    local = Path(text.removeprefix("file://")).expanduser()
    try:
        head = b""
        if not local.is_dir():
            with local.open("rb") as file:
                head = file.read(HEAD_BYTES)
    except FileNotFoundError as error:
        raise SourceNotFoundError(errno.ENOENT, "no such file or directory", str(local)) from error
    except OSError as error:
        raise SourceError(f"{local} can't be read: {error.strerror or error}") from error
    return Location(str(local), local, head)
