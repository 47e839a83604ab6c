"""Where an image is: a local path or a URL, with the first bytes for recognising it."""

import errno
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ziggurat.readers.errors import CorruptSourceError, SourceError, SourceNotFoundError
from ziggurat.readers.io.bytes import ByteSource, LocalBytes
from ziggurat.readers.io.documents import DocumentStore
from ziggurat.readers.io.keys import KeyStore, UrlStore
from ziggurat.readers.io.remote import RemoteBytes

HEAD_BYTES = 512
_ARCHIVES = (b"PK\x03\x04", b"SQLite format 3\0", b"ZISRAWFILE", b"\x70\0\0\0")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_MADE = ("large_image://", "multi://")
_ZARR_2 = (".zattrs", ".zgroup")
_OF_SEGMENTS = ".ziggurat/log.json"


@dataclass(frozen=True, slots=True)
class Location:
    """A place to open. ``path`` is None for remote URLs; ``head`` is empty for directories."""

    url: str
    path: Path | None
    head: bytes
    remote_directory: bool = False  # a zarr hierarchy under a URL
    made: bool = False  # no file: the URL itself says what the image is
    inside: str = ""  # a place within an archive, which ``path`` is then: a.zarr.zip/B/03/0
    _opened: ByteSource | None = field(default=None, repr=False, compare=False)
    _keys: KeyStore | None = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The last part of the path, lower case, without a URL's query."""
        if self.made:
            return ""
        path = self.url if self.path is not None else urlsplit(self.url).path
        return path.rstrip("/").rsplit("/", 1)[-1].lower()

    @property
    def is_directory(self) -> bool:
        """True for a local directory and for a remote zarr hierarchy."""
        if self.head or self.path is None:  # asked for each format: no look at the disk
            return self.remote_directory
        return self.remote_directory or self.path.is_dir()

    @property
    def is_remote(self) -> bool:
        """True for URLs that are read through fsspec."""
        return self.path is None and not self.made

    def open_bytes(self) -> ByteSource:
        """Return the file as bytes by offset (remote: the one that gave the head).

        Raises
        ------
        SourceError
            It can't be read, or is a directory.
        """
        if self.is_directory:
            raise SourceError(f"{self.url} is a directory")
        if self._opened is not None:
            return self._opened
        return LocalBytes(self.path) if self.path is not None else RemoteBytes(self.url)

    def open_keys(self) -> KeyStore:
        """Return what lies below a URL by its keys: metadata that were read are not asked again."""
        return self._keys or UrlStore(self.url)

    def finish_opening(self) -> None:
        """From now on single tiles are read, and no more of a remote file than is asked for."""
        if isinstance(self._opened, RemoteBytes):
            self._opened.opening = False


def locate(path: str | os.PathLike[str]) -> Location:
    """Find what a caller named: a path, ``~``, a ``file://``, ``https://`` or ``s3://`` URL.

    A path may go on within a zip or a database: what is in it is the backend's to find.

    Raises
    ------
    SourceNotFoundError
        Nothing is there.
    CorruptSourceError
        An empty file.
    SourceError
        It is there, but may not be read, or is a pipe or device.
    """
    text = os.fspath(path)
    if text.lower().startswith("file://"):
        text = unquote(text[len("file://") :].removeprefix("localhost"))
    elif isinstance(path, str) and text.startswith(_MADE):
        return Location(text, None, b"", made=True)
    elif isinstance(path, str) and _URL.match(text):
        return _locate_remote(text)
    return _locate_local(Path(os.path.expanduser(text)))


def _locate_local(path: Path) -> Location:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return Location(str(path), path, b"")
        if not stat.S_ISREG(mode):  # opening a pipe would wait for its writer, for ever
            raise SourceError(f"{path} is neither a file nor a directory")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except NotADirectoryError as error:
        archive = _archive_above(path)
        if archive is not None:
            return archive
        raise SourceNotFoundError(errno.ENOENT, "no such file or directory", str(path)) from error
    except FileNotFoundError as error:
        if path.name in _ZARR_2 and (path.parent / "zarr.json").is_file():
            return _locate_local(path.parent)  # scripts name a folder by what zarr v2 has in it
        raise SourceNotFoundError(errno.ENOENT, "no such file or directory", str(path)) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        said = getattr(error, "strerror", None) or error
        raise SourceError(f"{str(path)!r} can't be read: {said}") from error
    if not head:
        raise CorruptSourceError(f"{path} is empty")
    return Location(str(path), path, head)


def _archive_above(path: Path) -> Location | None:
    """Return the archive that a path leads into, None where there is none on its way."""
    for parent in path.parents:
        if parent.is_file():
            with parent.open("rb") as file:
                head = file.read(HEAD_BYTES)
            if not head.startswith(_ARCHIVES):
                return None
            return Location(str(path), parent, head, inside=path.relative_to(parent).as_posix())
    return None


def _locate_remote(url: str) -> Location:
    name = urlsplit(url).path.rstrip("/").rsplit("/", 1)[-1].lower()
    if url.endswith("/") or name.endswith(".zarr"):
        found = _remote_directory(url)
        if found is None:
            raise SourceNotFoundError(errno.ENOENT, "no zarr hierarchy there", url)
        return found
    try:
        source = RemoteBytes(url)
    except SourceError:
        found = _remote_directory(url)
        if found is None:
            raise
        return found
    source.opening = True
    if source.size == 0:
        raise CorruptSourceError(f"{url} is empty")
    return Location(url, None, source.read(0, HEAD_BYTES), _opened=source)


def _remote_directory(url: str) -> Location | None:
    """Return a hierarchy under a URL, None where nothing says that one is there."""
    store = DocumentStore(url)
    try:
        there = store.is_hierarchy or store.get_range(_OF_SEGMENTS, 0, 1) is not None
    except SourceError:
        return None
    return Location(url, None, b"", remote_directory=True, _keys=store) if there else None
