"""Bytes at an offset: what a backend needs of a file, local or remote.

Reads carry their own offset, so that any number of threads, and processes after a fork,
may share one source without moving each other's position.
"""

import errno
import io
import os
import threading
from collections.abc import Buffer
from pathlib import Path
from typing import Protocol

from ziggurat.readers.errors import SourceError, SourceNotFoundError
from ziggurat.readers.io.system import copy_range

_COPY_STEP = 1 << 20


class ByteSource(Protocol):
    """A file read by offset; every method may be called from several threads at once."""

    @property
    def url(self) -> str:
        """What was opened, for messages."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset`` on; fewer only where the file ends.

        Raises
        ------
        SourceError
            The bytes can't be had (disk or network failure, source closed).
        """

    def close(self) -> None:
        """Release the file; reading afterwards is an error. May be called twice."""


class LocalBytes:
    """A local file through ``pread``: no position, so forks and threads share the descriptor."""

    def __init__(self, path: Path) -> None:
        self.url = str(path)
        self._path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise SourceNotFoundError(
                errno.ENOENT, "no such file or directory", str(path)
            ) from error
        except OSError as error:
            raise SourceError(f"{path} can't be read: {error.strerror or error}") from error
        self.size = os.fstat(self._descriptor).st_size

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes from an offset; fewer only at the end of the file."""
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        try:
            data = os.pread(self._descriptor, length, offset)
            if len(data) == length:
                return data
            return data + self._rest(offset + len(data), length - len(data))
        except OSError as error:
            raise SourceError(f"{self.url} can't be read at {offset}: {error.strerror}") from error

    def _rest(self, offset: int, length: int) -> bytes:
        """Finish a read that the kernel cut short (it gives 2 GiB at most in one call)."""
        parts = []
        while length > 0 and (data := os.pread(self._descriptor, length, offset)):
            parts.append(data)
            offset, length = offset + len(data), length - len(data)
        return b"".join(parts)

    def fileno(self) -> int:
        """Return the descriptor.

        Raises
        ------
        SourceError
            It is closed.
        """
        if self._descriptor < 0:
            raise SourceError(f"{self.url} can't be read: it is closed")
        return self._descriptor

    def copy_to(self, offset: int, length: int, descriptor: int, position: int) -> None:
        """Copy bytes to a position of another file: inside the kernel, where that goes.

        Raises
        ------
        SourceError
            They can't be read, or the file ends before.
        OSError
            They can't be written.
        """
        while length > 0:
            count = copy_range(self._descriptor, descriptor, length, offset, position)
            if not count:
                data = self.read(offset, min(length, _COPY_STEP))
                if not data:
                    raise SourceError(f"{self.url} ends at {offset}, {length} bytes too soon")
                count = os.pwrite(descriptor, data, position)
            offset, position, length = offset + count, position + count, length - count

    def close(self) -> None:
        """Close the descriptor."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        if getattr(self, "_descriptor", -1) >= 0:
            self.close()

    def __reduce__(self) -> tuple[type["LocalBytes"], tuple[Path]]:
        return LocalBytes, (self._path,)


class ByteFile(io.RawIOBase):
    """A byte source as a seekable binary file, for libraries that want one (tifffile, zipfile).

    The position belongs to this object: one per thread, or a lock around it.
    """

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._position = 0
        self.name = source.url

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position; past the end is allowed, before the beginning is not."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._source.size}
        position = base[whence] + offset
        if position < 0:
            raise OSError(errno.EINVAL, f"can't seek to {position}", self.name)
        self._position = position
        return position

    def read(self, size: int | None = -1) -> bytes:
        """Return ``size`` bytes, all of the rest by default; fewer only at the end."""
        if size is None or size < 0:
            size = max(0, self._source.size - self._position)
        data = self._source.read(self._position, size)
        self._position += len(data)
        return data

    def readall(self) -> bytes:
        """Return the rest."""
        return self.read()

    def readinto(self, buffer: Buffer) -> int:
        """Fill a buffer, and return how many bytes there were."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


class ThreadFile(ByteFile):
    """The same with a position for each thread, for libraries that move it and then read."""

    def __init__(self, source: ByteSource) -> None:
        self._local = threading.local()
        super().__init__(source)

    @property
    def _position(self) -> int:
        position: int = getattr(self._local, "position", 0)
        return position

    @_position.setter
    def _position(self, position: int) -> None:
        self._local.position = position
