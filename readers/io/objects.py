"""Objects by name, in a folder or in object storage: listed, read by range, put if absent."""

import errno
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from ziggurat.readers.errors import SourceError, message_of
from ziggurat.readers.io.fork import PerProcess
from ziggurat.readers.io.s3 import endpoint, unsigned
from ziggurat.readers.io.system import NAMELESS

CLOUDS = ("s3://", "s3a://", "gs://", "az://", "abfs://", "abfss://")
TEMPORARY = ".making-"  # what is listed by nobody: a writer died before it gave it its name
FORGOTTEN = 3600.0  # seconds after which nobody is still writing such a file; who is, is told
WAITING = 16  # requests at a time, where many objects are wanted
_ONE_PUT = 64 << 20  # bytes of a file that is put at once, from memory
_NOT_NAMELESS = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL)  # NFS, old kernels


class Objects(Protocol):
    """Where objects lie. A name is a relative path with ``/``; an object appears whole."""

    def names(self, prefix: str) -> list[str]:
        """Return the names below a prefix that ends with ``/``, in order."""

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Return a part of an object, as far as it goes; FileNotFoundError where it isn't."""

    def create(self, name: str, data: bytes) -> bool:
        """Put an object where there is none of its name; False where there is one."""

    def replace(self, name: str, data: bytes) -> None:
        """Put an object, in the place of one of its name."""

    def delete(self, name: str) -> None:
        """Remove an object, if it is there."""

    def sweep(self, prefix: str) -> None:
        """Remove what writers that died below a prefix left unfinished, where that is kept."""


def is_cloud(root: str | os.PathLike[str]) -> bool:
    """Return True for a URL of object storage."""
    return isinstance(root, str) and root.lower().startswith(CLOUDS)


def objects_at(root: str) -> Objects:
    """Return the objects below a folder or a URL.

    Raises
    ------
    SourceError
        The library for object storage is not installed, or the URL can't be meant.
    """
    return CloudObjects(root) if is_cloud(root) else FolderObjects(root)


def side_by_side[T](objects: Objects, call: Callable[[str], T], names: Sequence[str]) -> list[T]:
    """Call with each name, in the order of names; on object storage some wait at a time."""
    if len(names) < 2 or not isinstance(objects, CloudObjects):
        return [call(name) for name in names]
    with ThreadPoolExecutor(WAITING) as pool:
        return list(pool.map(call, names))


def exists(objects: Objects, name: str) -> bool:
    """Return True where there is an object of a name."""
    try:
        objects.read(name, 0, 1)
    except FileNotFoundError:
        return False
    return True


class FolderObjects:
    """Objects that are files. ``link`` gives a finished file its name, once: also over NFS.

    ``making`` is a folder of the same file system where files lie until they are finished, for
    :meth:`replace`; None: beside their targets. It and the root are not made where they are not.
    """

    def __init__(self, root: str | Path, making: Path | None = None) -> None:
        self._root, self._making = Path(root), making

    def _place(self, name: str) -> Path:
        """Return where an object lies: below the root, whatever name a file of others tells.

        Raises
        ------
        SourceError
            It would lie elsewhere.
        """
        if name.startswith("/") or ".." in name.split("/") or "\0" in name:
            raise SourceError(
                f"{name!r} is an invalid name of an object of {self._root}: it must be a path "
                "within"
            )
        return self._root / name

    def names(self, prefix: str) -> list[str]:
        """Return the names below a prefix, in order."""
        try:
            found = os.listdir(self._place(prefix))
        except FileNotFoundError:
            return []
        return sorted(prefix + name for name in found if not name.startswith(TEMPORARY))

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Return a part of a file."""
        with open(self._place(name), "rb") as file:
            file.seek(start)
            left = max(0, os.fstat(file.fileno()).st_size - start)
            return file.read(left if length is None else min(length, left))  # forged: 2**60

    def create(self, name: str, data: bytes) -> bool:
        """Put a file where there is none of its name."""
        target = self._place(name)
        linked = self._link_nameless(target, data)
        if linked is not None:
            return linked
        with self._made(target, data) as temporary:
            try:
                os.link(temporary, target)
            except FileExistsError:
                # An NFS server may have linked it and its answer got lost: the client asks again.
                return os.stat(temporary).st_nlink == 2
            return True

    def _link_nameless(self, target: Path, data: bytes) -> bool | None:
        """Put a file that has no name before its own: whoever is killed leaves nothing.

        Returns
        -------
        None where this file system has no such files, or the folder isn't there.
        """
        if not NAMELESS:
            return None
        folder = self._making or target.parent
        try:
            descriptor = os.open(folder, os.O_WRONLY | NAMELESS | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in _NOT_NAMELESS:
                return None
            raise
        try:
            _write_all(descriptor, data)
            # with a folder's descriptor Python calls linkat(2), which follows the link
            os.link(f"/proc/self/fd/{descriptor}", target, src_dir_fd=descriptor)
        except FileExistsError:
            return False
        except FileNotFoundError:  # without /proc
            return None
        finally:
            os.close(descriptor)
        return True

    def replace(self, name: str, data: bytes) -> None:
        """Put a file in the place of another."""
        target = self._place(name)
        with self._made(target, data) as temporary:
            if self._making is not None:
                self._make_folders(target.parent)
            os.replace(temporary, target)

    def delete(self, name: str) -> None:
        """Remove a file, if it is there."""
        self._place(name).unlink(missing_ok=True)

    def sweep(self, prefix: str) -> None:
        """Remove unfinished files that nobody has written to for an hour.

        No process is asked for: it may run on another host, or in another container. One that is
        still at work then can't give its file its name, and says so.
        """
        with suppress(FileNotFoundError), os.scandir(self._place(prefix)) as found:
            for one in found:
                with suppress(FileNotFoundError):
                    old = one.name.startswith(TEMPORARY)
                    if old and time.time() - one.stat().st_mtime > FORGOTTEN:
                        os.unlink(one.path)

    def _made(self, target: Path, data: bytes) -> "_Made":
        folder = self._making or target.parent
        return _Made(folder / f"{TEMPORARY}{uuid4().hex}", data, parents=self._making is None)

    def _make_folders(self, folder: Path) -> None:
        """Make the folders below the root, which may have been removed and shall stay so."""
        if folder != self._root and not folder.is_dir():
            self._make_folders(folder.parent)
            folder.mkdir(exist_ok=True)


class _Made:
    """A finished file under a name of its own, which goes at the end."""

    def __init__(self, path: Path, data: bytes, *, parents: bool) -> None:
        self._path, self._data, self._parents = path, data, parents

    def __enter__(self) -> Path:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            descriptor = os.open(self._path, flags, 0o666)
        except FileNotFoundError:
            if not self._parents:
                raise
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, flags, 0o666)
        try:
            try:
                _write_all(descriptor, self._data)
            finally:
                os.close(descriptor)
        except BaseException:
            self.__exit__()
            raise
        return self._path

    def __exit__(self, *_: object) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._path)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


class CloudObjects:
    """Objects of S3, GCS or Azure, through obstore. Keys come from the environment, never from us.

    The connection is made anew after a fork: threads of the library do not survive one.
    """

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/")
        self._connected = PerProcess(lambda: connection(self._root))
        self._connected()

    def names(self, prefix: str) -> list[str]:
        """Return the names below a prefix, in order."""
        import obstore

        batches: Iterator[Any] = iter(obstore.list(self._connected(), prefix.rstrip("/")))
        try:
            return sorted(str(entry["path"]) for batch in batches for entry in batch)
        except Exception as error:
            raise self._failed(prefix, error) from error

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Return a part of an object."""
        import obstore
        from obstore.exceptions import NotFoundError

        try:
            if length is None and not start:
                return bytes(obstore.get(self._connected(), name).bytes())
            end = start + (length if length is not None else 1 << 40)
            return bytes(obstore.get_range(self._connected(), name, start=start, end=end))
        except (NotFoundError, FileNotFoundError) as error:
            raise FileNotFoundError(name) from error
        except Exception as error:
            raise self._failed(name, error) from error

    def create(self, name: str, data: bytes) -> bool:
        """Put an object where there is none of its name, by ``If-None-Match``."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            obstore.put(self._connected(), name, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        except Exception as error:
            raise self._failed(name, error) from error
        return True

    def replace(self, name: str, data: bytes) -> None:
        """Put an object in the place of another."""
        import obstore

        try:
            obstore.put(self._connected(), name, data)
        except Exception as error:
            raise self._failed(name, error) from error

    def upload(self, name: str, path: Path, *, replace: bool) -> bool:
        """Put a local file of any size, in parts; it appears whole.

        Returns
        -------
        False where there is one of its name, and it is not to be replaced. Of large files that is
        asked just before: the end of an upload in parts takes no condition here.
        """
        import obstore

        if not replace and path.stat().st_size <= _ONE_PUT:
            return self.create(name, path.read_bytes())
        if not replace and exists(self, name):
            return False
        try:
            obstore.put(self._connected(), name, path)
        except Exception as error:
            raise self._failed(name, error) from error
        return True

    def delete(self, name: str) -> None:
        """Remove an object, if it is there."""
        import obstore
        from obstore.exceptions import NotFoundError

        try:
            obstore.delete(self._connected(), name)
        except (NotFoundError, FileNotFoundError):
            return
        except Exception as error:
            raise self._failed(name, error) from error

    def sweep(self, prefix: str) -> None:
        """Nothing is to be seen of an object that was not finished."""

    def _failed(self, name: str, error: Exception) -> SourceError:
        return SourceError(f"{self._root}/{name} can't be reached: {message_of(error)}")


def connection(root: str) -> Any:
    """Return obstore's store for a URL.

    Raises
    ------
    SourceError
        It can't be used.
    """
    try:
        from obstore.store import from_url
    except ImportError as error:
        raise SourceError(
            f"{root.split(':', 1)[0]}:// needs a package that is not installed: "
            "pip install 'ziggurat[cloud]'"
        ) from error

    options: dict[str, Any] = {}
    if root.lower().startswith(("s3://", "s3a://")):
        url = endpoint()
        options = {"skip_signature": True} if unsigned() else {}
        if url is not None:
            options["endpoint"] = url
            options["client_options"] = {"allow_http": url.startswith("http://")}
    try:
        return from_url(root, **options)
    except Exception as error:  # the library has many classes of its own
        raise SourceError(f"{root} can't be used: {message_of(error)}") from error
