"""Chunk files: made whole by link, then mapped; a bounded number of them at a time.

A chunk is written from end to end under no name, and is then linked into place: nobody ever sees
half a chunk, who loses the race uses the winner's file, a process killed in between leaves
nothing behind. Its blocks are reserved by that write, so a full disk is an error of this call, and
not a SIGBUS at some later touch of a mapped hole. (``posix_fallocate`` would do so as well, but
ext4 then converts unwritten extents page by page as the mapping is touched: ten times slower.)
"""

import errno
import math
import mmap
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any
from uuid import uuid4

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, ScratchFullError, SinkError
from ziggurat.readers.io.lock_files import forks, renewed
from ziggurat.writers.files.small import NO_ROOM

Array = np.ndarray[Any, np.dtype[Any]]

MAPPED_CHUNKS = 128  # Python's mmap keeps a descriptor for each; many systems allow 1024
# Where the file system can, one write becomes one folio of memory. Large ones are mapped fastest,
# but one that lies across a page table is mapped page by page, and the slower the larger it is.
_WRITTEN_AT_ONCE = 1 << 17
_MADV_POPULATE_WRITE = 23  # madvise(2); Python's mmap has no name for it yet


class ChunkFiles:
    """The chunks of one store as writable arrays. Calls may come from several threads."""

    def __init__(self, scratch: str, vanished: Callable[[], bool]) -> None:
        """Use ``scratch``, a folder on the same file system, for files that have no name yet."""
        self._scratch = scratch
        self._vanished = vanished
        self._nameless = True
        self.forks = forks()
        self.renew()

    def renew(self) -> None:
        """Begin anew in a forked child."""
        self._guard = threading.Lock()
        self._mapped: OrderedDict[str, Array] = OrderedDict()

    def forget(self) -> None:
        """Drop all mappings; arrays that are still in use keep theirs."""
        renewed(self)
        with self._guard:
            self._mapped.clear()

    def mapped(
        self, path: str, shape: tuple[int, ...], dtype: np.dtype[Any], *, touch: bool = False
    ) -> Array | None:
        """Return a chunk that exists as a writable array, or None.

        ``touch`` says that a good part of it will be written: its pages are then made ready in one
        call instead of one by one as they are met.
        """
        renewed(self)
        with self._guard:
            array = self._mapped.get(path)
            if array is not None:
                self._mapped.move_to_end(path)
                return array
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        return self._map(descriptor, path, shape, dtype, touch)

    def create(self, path: str, content: Array) -> bool:
        """Make a chunk of this content (C-contiguous); False where somebody else was faster.

        Raises
        ------
        ScratchFullError
            There is no room for it; nothing was made.
        SinkError
            The store has been removed.
        """
        try:
            descriptor, name = self._open_unlinked()
            try:
                _write_all(descriptor, content)
                return self._link(name or f"/proc/self/fd/{descriptor}", path)
            finally:
                os.close(descriptor)
                if name:
                    os.unlink(name)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise ScratchFullError(
                    error.errno,
                    "no room for another chunk of the sink; what is in stays readable, and "
                    "writing goes on once there is room",
                    path,
                ) from error
            if self._vanished():
                raise SinkError(f"the sink's store has been removed: {self._scratch}") from error
            raise

    def create_and_map(self, path: str, content: Array) -> Array:
        """Make a chunk, or take the one that somebody else has just made."""
        self.create(path, content)
        return self.existing(path, content.shape, content.dtype)

    def existing(
        self, path: str, shape: tuple[int, ...], dtype: np.dtype[Any], *, touch: bool = False
    ) -> Array:
        """Return a chunk that somebody has made.

        Raises
        ------
        SinkError
            It is gone, and so is the store.
        """
        array = self.mapped(path, shape, dtype, touch=touch)
        if array is None:
            raise SinkError(f"the sink's store has been removed: {self._scratch}")
        return array

    def _map(
        self, descriptor: int, path: str, shape: tuple[int, ...], dtype: np.dtype[Any], touch: bool
    ) -> Array:
        size = math.prod(shape) * dtype.itemsize
        try:
            if os.fstat(descriptor).st_size != size:
                raise CorruptSourceError(f"the chunk {path} is not {size} bytes long")
            mapping = mmap.mmap(descriptor, size)
            if touch:
                with suppress(OSError):  # kernels before 5.14 don't know it
                    mapping.madvise(_MADV_POPULATE_WRITE)
        finally:
            os.close(descriptor)
        array: Array = np.frombuffer(mapping, dtype).reshape(shape)
        with self._guard:
            self._mapped[path] = array
            while len(self._mapped) > MAPPED_CHUNKS:
                self._mapped.popitem(last=False)
        return array

    def _open_unlinked(self) -> tuple[int, str]:
        if self._nameless:
            try:
                flags = os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC
                return os.open(self._scratch, flags, 0o666), ""
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
                    raise
                self._nameless = False  # NFS and some others know no files without a name
        name = f"{self._scratch}/new-{uuid4().hex}"
        return os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o666), name

    def _link(self, source: str, path: str) -> bool:
        try:
            # A directory descriptor, even an unused one, is what makes Python call linkat, which
            # alone follows the link in /proc to the nameless file.
            os.link(source, path, src_dir_fd=0, follow_symlinks=True)
        except FileExistsError:
            return False
        return True


def _write_all(descriptor: int, content: Array) -> None:
    view = memoryview(content).cast("B") if content.ndim else memoryview(content)
    offset = 0
    while offset < len(view):
        offset += os.pwrite(descriptor, view[offset : offset + _WRITTEN_AT_ONCE], offset)


Place = tuple[slice, slice]  # rows and columns of a chunk


def paste(target: Array, pixels: Array, mask: Array | None) -> None:
    """Put pixels (y, x, band) into a part of a chunk, where the mask (y, x, 1) lets them."""
    if mask is None:
        target[...] = pixels
    else:
        np.copyto(target, pixels, where=mask)


_staging = threading.local()


@contextmanager
def staged(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    fill: float,
    place: Place,
    pixels: Array,
    mask: Array | None,
) -> Iterator[Array]:
    """Give the content of a new chunk that has these pixels in it, until the block ends.

    It is the pixels themselves where they are a whole chunk, else a buffer that each thread keeps
    and gets back blank: so a chunk costs one pass over memory, and no page of it is touched twice.
    """
    if mask is None and pixels.shape == shape and pixels.flags.c_contiguous:
        yield pixels
        return
    key = shape, dtype, fill
    if getattr(_staging, "key", None) != key:
        _staging.key, _staging.content = key, np.full(shape, fill, dtype)
    content: Array = _staging.content
    _staging.key = None  # a buffer that an error leaves in the middle is not used again
    paste(content[place], pixels, mask)
    yield content
    content[place] = fill
    _staging.key = key


@lru_cache(maxsize=8)
def blank_chunk(shape: tuple[int, ...], dtype: np.dtype[Any], fill: float) -> Array:
    """Return the content of a new chunk; always the same array, which must not be written to."""
    content = np.full(shape, fill, dtype)
    content.flags.writeable = False
    return content
