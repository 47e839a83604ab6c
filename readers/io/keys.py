"""Keys and their bytes: a folder, a zip, or a place under a URL, as zarr and tile sets lie there.

Three methods are all that reading needs: the bytes of a key, a range of them, and the names
below a prefix. Every store may be used from several threads at once, and after a fork.
"""

import os
import struct
import threading
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ziggurat.readers.errors import CorruptSourceError, SourceError
from ziggurat.readers.io.bytes import ByteFile, ByteSource
from ziggurat.readers.io.fork import PerProcess
from ziggurat.readers.io.lru import Lru
from ziggurat.readers.io.remote import filesystem

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # APPNOTE 4.3.7: signature …, name and extra lengths
_MOST_INFLATED = 1 << 31
_MOST_KEPT = 64 << 20  # of objects that came whole where a part was asked for


class KeyStore(Protocol):
    """Keys like ``0/c/1/2`` and their bytes."""

    url: str

    def get(self, key: str) -> bytes | None:
        """Return the bytes of a key, None where it isn't there."""

    def get_range(self, key: str, offset: int, length: int) -> bytes | None:
        """Return a part of a key's bytes; a negative offset counts from the end.

        Fewer bytes come back only where the value ends.
        """

    def children(self, prefix: str) -> list[str]:
        """Return the names just below a prefix ('' is the root), sorted; [] where untold."""

    def close(self) -> None:
        """Release what is open."""


def checked_key(key: str) -> str:
    """Return a key without needless slashes; refuse one that leaves the hierarchy."""
    parts = [part for part in key.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in key:
        raise CorruptSourceError(f"the path {key!r} leads out of the image")
    return "/".join(parts)


class FolderStore:
    """A local folder: a key is a file."""

    def __init__(self, path: Path) -> None:
        self.url = str(path)
        self._root = os.fspath(path)

    def get(self, key: str) -> bytes | None:
        """Return the bytes of a file."""
        return self._read(key, 0, None)

    def get_range(self, key: str, offset: int, length: int) -> bytes | None:
        """Return a part of a file."""
        return self._read(key, offset, length)

    def _read(self, key: str, offset: int, length: int | None) -> bytes | None:
        path = f"{self._root}/{checked_key(key)}"
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise SourceError(f"{path} can't be read: {error.strerror}") from error
        try:
            size = os.fstat(descriptor).st_size
            offset = max(0, size + offset) if offset < 0 else offset
            wanted = size - offset if length is None else min(length, size - offset)
            return _pread(descriptor, wanted, offset)
        except IsADirectoryError:
            return None
        except OSError as error:
            raise SourceError(f"{path} can't be read: {error.strerror}") from error
        finally:
            os.close(descriptor)

    def children(self, prefix: str) -> list[str]:
        """Return the names in a folder."""
        try:
            return sorted(os.listdir(f"{self._root}/{checked_key(prefix)}"))
        except OSError:
            return []

    def close(self) -> None:
        """Nothing is open."""


def _pread(descriptor: int, length: int, offset: int) -> bytes:
    parts = []
    while length > 0 and (data := os.pread(descriptor, length, offset)):
        parts.append(data)
        offset, length = offset + len(data), length - len(data)
    return parts[0] if len(parts) == 1 else b"".join(parts)


@dataclass(frozen=True, slots=True)
class _Entry:
    header: int  # offset of the local header
    stored: int  # compressed size
    size: int
    method: int


class ZipStore:
    """A zip, local or remote: its directory is read once, entries are read by offset."""

    def __init__(self, source: ByteSource) -> None:
        self.url = source.url
        self._source = source
        try:
            with zipfile.ZipFile(ByteFile(source)) as archive:
                self._entries = {i.filename: _entry(i) for i in archive.infolist()}
                self.comment = archive.comment
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            raise CorruptSourceError(f"{self.url} is not a whole zip: {error}") from error
        self._starts: dict[str, int] = {}
        self._tree: dict[str, set[str]] | None = None
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """Return the bytes of an entry."""
        entry = self._entries.get(key := checked_key(key))
        if entry is None:
            return None
        return self._inflated(key, entry, entry.size)

    def get_range(self, key: str, offset: int, length: int) -> bytes | None:
        """Return a part of an entry."""
        entry = self._entries.get(key := checked_key(key))
        if entry is None:
            return None
        offset = max(0, entry.size + offset) if offset < 0 else offset
        length = max(0, min(length, entry.size - offset))
        if entry.method != zipfile.ZIP_STORED:
            return self._inflated(key, entry, offset + length)[offset:]
        return self._source.read(self._data_start(key, entry) + offset, length)

    def _data_start(self, key: str, entry: _Entry) -> int:
        """Return where an entry's bytes begin; its local header alone knows."""
        start = self._starts.get(key)
        if start is None:
            head = self._source.read(entry.header, _LOCAL_HEADER.size)
            if len(head) < _LOCAL_HEADER.size or not head.startswith(b"PK\x03\x04"):
                raise CorruptSourceError(f"{self.url}: there is no entry {key!r} at {entry.header}")
            _, name, extra = _LOCAL_HEADER.unpack(head)
            start = self._starts[key] = entry.header + int(_LOCAL_HEADER.size + name + extra)
        return start

    def _inflated(self, key: str, entry: _Entry, most: int) -> bytes:
        """Return the beginning of an entry; no more of it is inflated than is asked for."""
        data = self._source.read(self._data_start(key, entry), entry.stored)
        if len(data) != entry.stored:
            raise CorruptSourceError(f"{self.url}: entry {key!r} is cut off")
        if entry.method == zipfile.ZIP_STORED:
            return data
        if entry.method != zipfile.ZIP_DEFLATED or entry.size > _MOST_INFLATED:
            raise CorruptSourceError(
                f"{self.url}: entry {key!r} can't be decoded (method {entry.method})"
            )
        try:
            return zlib.decompressobj(-15).decompress(data, min(most, entry.size) or 1)[:most]
        except zlib.error as error:
            raise CorruptSourceError(f"{self.url}: entry {key!r} is damaged: {error}") from error

    def children(self, prefix: str) -> list[str]:
        """Return the names just below a prefix."""
        with self._lock:
            if self._tree is None:
                self._tree = key_tree(list(self._entries))
        return sorted(self._tree.get(checked_key(prefix), ()))

    def close(self) -> None:
        """Close the file."""
        self._source.close()


def _entry(info: zipfile.ZipInfo) -> _Entry:
    return _Entry(info.header_offset, info.compress_size, info.file_size, info.compress_type)


def key_tree(names: list[str]) -> dict[str, set[str]]:
    """Return the names just below each prefix of some keys."""
    tree: dict[str, set[str]] = {}
    for name in names:
        parent, _, last = name.rstrip("/").rpartition("/")
        while last not in tree.setdefault(parent, set()):
            tree[parent].add(last)
            if not parent:
                break
            parent, _, last = parent.rpartition("/")
    return tree


class UrlStore:
    """A hierarchy under a URL, through fsspec.

    Servers that don't answer ranges send all of an object. The part is taken out of it, and the
    last such objects are kept: a shard would else be sent anew for each of its chunks.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._root = filesystem(url)[1].rstrip("/")
        self._files = PerProcess(lambda: filesystem(url)[0])  # its loop doesn't survive a fork
        self._whole: Lru[str, bytes] = Lru(_MOST_KEPT, len)

    def _cat(self, key: str, start: int | None, stop: int | None) -> bytes | None:
        path = f"{self._root}/{checked_key(key)}"
        try:
            return bytes(self._files().cat_file(path, start=start, end=stop))
        except (FileNotFoundError, IsADirectoryError):
            return None
        except Exception as error:  # every file system has its own classes
            raise SourceError(f"{self.url}: {key} can't be read: {error}") from error

    def get(self, key: str) -> bytes | None:
        """Return the bytes of a key."""
        return self._cat(key, None, None)

    def get_range(self, key: str, offset: int, length: int) -> bytes | None:
        """Return a part of a key's bytes."""
        data = self._whole.get(key)
        if data is None:
            data = self._cat(key, offset, offset + length if offset >= 0 else None)
            if data is None or len(data) <= (length if offset >= 0 else -offset):
                return None if data is None else data[:length]
            self._whole.put(key, data)
        return data[offset : offset + length] if offset >= 0 else data[offset:][:length]

    def children(self, prefix: str) -> list[str]:
        """Return the names below a prefix where the file system lists them."""
        path = f"{self._root}/{checked_key(prefix)}".rstrip("/")
        try:
            found = self._files().ls(path, detail=False)
        except Exception:  # noqa: BLE001  every file system has its own classes; many can't list
            return []
        return sorted({str(name).rstrip("/").rsplit("/", 1)[-1] for name in found})

    def close(self) -> None:
        """Nothing is open."""


class SubStore:
    """The part of a store below a prefix."""

    def __init__(self, store: KeyStore, prefix: str) -> None:
        self.url = store.url
        self._store = store
        self._prefix = f"{prefix}/"

    def get(self, key: str) -> bytes | None:
        """Return the bytes of a key."""
        return self._store.get(self._prefix + checked_key(key))

    def get_range(self, key: str, offset: int, length: int) -> bytes | None:
        """Return a part of a key's bytes."""
        return self._store.get_range(self._prefix + checked_key(key), offset, length)

    def children(self, prefix: str) -> list[str]:
        """Return the names below a prefix."""
        return self._store.children(self._prefix + checked_key(prefix))

    def close(self) -> None:
        """Close the whole store."""
        self._store.close()
