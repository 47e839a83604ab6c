"""Chunk files: made whole by link, then mapped; a bounded number of them at a time.

A chunk is written from end to end under no name, and is then linked into place: nobody ever sees
half a chunk, who loses the race uses the winner's file, a process killed in between leaves
nothing behind. Its blocks are reserved by that write, so a full disk is an error of this call, and
not a SIGBUS at some later touch of a mapped hole. (``posix_fallocate`` would do so as well, but
ext4 then converts unwritten extents page by page as the mapping is touched: ten times slower.)
"""

import errno
import io
import itertools
import math
import mmap
import os
import resource
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from uuid import uuid4

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, ScratchFullError, SinkError
from ziggurat.readers.io.lock_files import opened
from ziggurat.readers.io.system import NAMELESS
from ziggurat.writers.files.small import NO_ROOM

Array = np.ndarray

MAPPED_CHUNKS = 128  # Python's mmap keeps a descriptor for each; many systems allow 1024
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)
# Where the file system can, one write becomes one folio of memory. Large ones are mapped fastest,
# but one that lies across a page table is mapped page by page, and the slower the larger it is.
_WRITTEN_AT_ONCE = 1 << 17
_MADV_POPULATE_WRITE = 23  # madvise(2); Python's mmap has no name for it yet


class _Mappings:
    """The chunks that this process has mapped, of all stores: the last used ones.

    Each costs a descriptor, of which a process may have few. All calls here are single ones of C,
    so they need no lock, and no interrupt leaves one held.
    """

    def __init__(self) -> None:
        self._arrays: OrderedDict[tuple[int, str], Array] = OrderedDict()

    def get(self, key: tuple[int, str]) -> Array | None:
        array = self._arrays.get(key)
        if array is not None:
            with suppress(KeyError):  # another thread has just dropped it
                self._arrays.move_to_end(key)
        return array

    def put(self, key: tuple[int, str], array: Array) -> None:
        self._arrays[key] = array
        most = min(MAPPED_CHUNKS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)
        while len(self._arrays) > most:
            self.drop_oldest()

    def drop_oldest(self) -> None:
        with suppress(KeyError):
            self._arrays.popitem(last=False)

    def drop(self, owner: int) -> None:
        for key in [key for key in list(self._arrays) if key[0] == owner]:
            self._arrays.pop(key, None)

    def clear(self) -> None:
        self._arrays.clear()


_mappings = _Mappings()
_numbers = itertools.count()


def roomy_opened(path: str, flags: int) -> io.FileIO:
    """Open a file of a store, with fewer chunks mapped where descriptors have run out.

    Raises
    ------
    SinkError
        There is none even so.
    """
    try:
        return opened(path, flags)
    except OSError as error:
        if error.errno not in NO_DESCRIPTOR:
            raise
    _mappings.clear()
    try:
        return opened(path, flags)
    except OSError as error:
        if error.errno not in NO_DESCRIPTOR:
            raise
        raise SinkError(f"too many open files (ulimit -n): {path} can't be opened") from error


class ChunkFiles:
    """The chunks of one store as writable arrays. Calls may come from several threads."""

    def __init__(self, scratch: str, vanished: Callable[[], bool]) -> None:
        """Use ``scratch``, a folder on the same file system, for files that have no name yet."""
        self._scratch = scratch
        self._vanished = vanished
        self._nameless = True
        self._number = next(_numbers)

    def forget(self) -> None:
        """Drop all mappings; arrays that are still in use keep theirs."""
        _mappings.drop(self._number)

    def mapped(
        self, path: str, shape: tuple[int, ...], dtype: np.dtype, *, touch: bool = False
    ) -> Array | None:
        """Return a chunk that exists as a writable array, or None.

        ``touch`` says that a good part of it will be written: its pages are then made ready in one
        call instead of one by one as they are met.
        """
        array = _mappings.get((self._number, path))
        if array is not None:
            return array
        try:
            file = roomy_opened(path, os.O_RDWR)
        except FileNotFoundError:
            return None
        return self._map(file, path, shape, dtype, touch)

    def create(self, path: str, content: Array) -> bool:
        """Make a chunk of this content (C-contiguous); False where somebody else was faster.

        Raises
        ------
        ScratchFullError
            There is no room for it; nothing was made.
        SinkError
            The store has been removed.
        """
        name = ""
        try:
            file = self._open_nameless()
            if file is None:
                name = f"{self._scratch}/new-{uuid4().hex}"
                file = roomy_opened(name, os.O_CREAT | os.O_EXCL | os.O_RDWR)
            with file:
                _write_all(file.fileno(), content)
                return self._link(name or f"/proc/self/fd/{file.fileno()}", path)
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
        finally:
            if name:
                with suppress(FileNotFoundError):
                    os.unlink(name)

    def create_and_map(self, path: str, content: Array) -> Array:
        """Make a chunk, or take the one that somebody else has just made."""
        self.create(path, content)
        return self.existing(path, content.shape, content.dtype)

    def existing(
        self, path: str, shape: tuple[int, ...], dtype: np.dtype, *, touch: bool = False
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
        self, file: io.FileIO, path: str, shape: tuple[int, ...], dtype: np.dtype, touch: bool
    ) -> Array:
        size = math.prod(shape) * dtype.itemsize
        with file:
            if os.fstat(file.fileno()).st_size != size:
                raise CorruptSourceError(f"the chunk {path} is not {size} bytes long")
            mapping = _roomy_mmap(file.fileno(), size)
            if touch:
                with suppress(OSError):  # kernels before 5.14 don't know it
                    mapping.madvise(_MADV_POPULATE_WRITE)
        array: Array = np.frombuffer(mapping, dtype).reshape(shape)
        _mappings.put((self._number, path), array)
        return array

    def _open_nameless(self) -> io.FileIO | None:
        """Return a new file without a name; None where the file system knows no such thing."""
        if self._nameless and NAMELESS:
            try:
                return roomy_opened(self._scratch, NAMELESS | os.O_RDWR)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
                    raise
                self._nameless = False  # NFS and some others
        return None

    def _link(self, source: str, path: str) -> bool:
        try:
            # A directory descriptor, even an unused one, is what makes Python call linkat, which
            # alone follows the link in /proc to the nameless file.
            os.link(source, path, src_dir_fd=0, follow_symlinks=True)
        except FileExistsError:
            return False
        return True


def _roomy_mmap(descriptor: int, size: int) -> mmap.mmap:
    try:
        return mmap.mmap(descriptor, size)
    except OSError as error:
        if error.errno not in NO_DESCRIPTOR:
            raise
    _mappings.clear()
    return mmap.mmap(descriptor, size)


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
    dtype: np.dtype,
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
    # Taken away while it is in use: what an error leaves in the middle is not used again, and a
    # signal handler that lays a tile meanwhile gets one of its own.
    kept, _staging.kept = getattr(_staging, "kept", None), None
    content: Array = kept[1] if kept and kept[0] == key else np.full(shape, fill, dtype)
    paste(content[place], pixels, mask)
    yield content
    content[place] = fill
    _staging.kept = key, content


@lru_cache(maxsize=8)
def blank_chunk(shape: tuple[int, ...], dtype: np.dtype, fill: float) -> Array:
    """Return the content of a new chunk; always the same array, which must not be written to."""
    content = np.full(shape, fill, dtype)
    content.flags.writeable = False
    return content
