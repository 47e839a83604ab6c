"""Remote files through fsspec or obstore, read by range through a small cache of blocks.

Opening a slide is many small reads close to each other (tags, tile tables), then tiles of
some ten kilobytes: aligned blocks make one request of many small reads. With 20 ms of latency
and 50 Mbit/s, 64 KiB was fastest for opening, single tiles and regions together (16 to 256 tried).
The first and the last blocks of a file come together: its directories are there, and opening it
then takes a few requests, each of which costs more than its bytes. The first one tells the size.
Whoever reads on where the last fetch ended gets twice as much each time: long tables of tiles.
"""

import errno
import importlib.util
import time
from typing import Any

from ziggurat.readers.errors import SourceError, SourceNotFoundError
from ziggurat.readers.io.cloud_files import CloudFiles, split_url
from ziggurat.readers.io.fork import PerProcess
from ziggurat.readers.io.lru import Lru
from ziggurat.readers.io.objects import is_cloud
from ziggurat.readers.io.opening import Answer, can_tell, read_range
from ziggurat.readers.io.s3 import fsspec_options

BLOCK_BYTES = 64 * 1024
AHEAD_BLOCKS = 4  # at the beginning of a file, and of each piece while it is opened
TAIL_BLOCKS = 8  # directories of small levels lie there
MOST_BLOCKS = 16  # in one fetch of what is read in a row
CACHE_BYTES = 32 * 1024 * 1024
WHOLE_BYTES = 256 * 1024 * 1024  # the most that is fetched from servers without ranges
_TRIES = 3
_EXTRAS = {"http": "http", "https": "http"}
_BY_S3FS = ("s3", "s3a")  # where it is installed


def filesystem(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for a URL, or what has its shape, and the path in it.

    Raises
    ------
    SourceError
        The scheme is unknown, or what it needs is not installed.
    """
    from fsspec.core import url_to_fs

    scheme = url.split("://", 1)[0].lower()
    if is_cloud(url) and not (scheme in _BY_S3FS and _installed("s3fs")):
        root, path = split_url(url)
        return CloudFiles(root), path
    try:
        files, path = url_to_fs(url, **(fsspec_options() if scheme in _BY_S3FS else {}))
    except ImportError as error:
        extra = _EXTRAS.get(scheme)
        hint = f"pip install 'ziggurat[{extra}]'" if extra else str(error)
        raise SourceError(f"{scheme}:// needs a package that is not installed: {hint}") from error
    except Exception as error:  # some connect at once, and every one has its own classes
        raise SourceError(f"{url} can't be opened: {error}") from error
    return files, path


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


class RemoteBytes:
    """A remote file of a fixed size, read by range.

    Blocks of ``block`` bytes are kept, least recently used ones dropped beyond ``cache``
    bytes. Runs of missing blocks are fetched by one request.
    """

    def __init__(self, url: str, block: int = BLOCK_BYTES, cache: int = CACHE_BYTES) -> None:
        self.url = url
        self._block = block
        self._cache_blocks = max(1, cache // block)
        self._ahead = min(AHEAD_BLOCKS, max(1, self._cache_blocks // 4))
        self._tail = min(TAIL_BLOCKS, max(1, self._cache_blocks // 4))
        self.opening = False  # True while directories are read, each with its tables behind it
        self._blocks: Lru[int, bytes] = Lru(self._cache_blocks)
        self._closed = False
        self._path = filesystem(url)[1]
        self._files = PerProcess(lambda: filesystem(url)[0])  # its threads don't survive a fork
        self._fetched = (0, 0)  # blocks after the last fetch begin here; how many it had
        self._whole: bytes | None = None
        self._scheme = url.split("://", 1)[0].lower()
        first = self._beginning()
        self._tells, self._state = first is not None, first.state if first else None
        if first is not None:
            self.size = first.size
            self._keep(self._cut(0, first.data))
            return
        facts = self._guarded(lambda: self._files().info(self._path))
        size = facts.get("size")
        if facts.get("type") == "directory" or size is None:
            raise SourceError(f"{url} can't be read by range: its size is not told")
        self.size = size
        if not self._answers_ranges():
            self._whole = self._fetch_whole()

    size: int

    def _beginning(self) -> Answer | None:
        """Return the first blocks and the size, None where they can't be had in one."""
        if not can_tell(self._files(), self._scheme):
            return None
        length = self._ahead * self._block
        try:
            found = self._ask(0, length)
        except Exception:  # noqa: BLE001  asked again below, where errors get their words
            return None
        right = found and not found.start and len(found.data) == min(length, found.size)
        return found if right else None

    def _answers_ranges(self) -> bool:
        """Ask an HTTP server for the end alone: many don't say, and send all of the file.

        The end is kept: what opens a file looks there, too.
        """
        if self._scheme not in ("http", "https") or self.size < 2:
            return True
        first = max(0, self._blocks_in_all - self._tail)
        start = max(1, first * self._block)  # from the very first byte, all of it is no sign

        def probe() -> bytes | None:
            with self._files().open(self._path, "rb", size=self.size, cache_type="none") as file:
                file.seek(start)
                try:
                    data: bytes = file.read(self.size - start)
                except ValueError:  # how fsspec says that the server began at byte 0
                    return None
            return data if len(data) == self.size - start else None

        found = self._guarded(probe)
        if found is not None and start == first * self._block:
            self._keep(self._cut(first, found))
        return found is not None

    @property
    def _blocks_in_all(self) -> int:
        return -(-self.size // self._block)

    def _cut(self, first: int, data: bytes) -> dict[int, bytes]:
        """Return bytes as blocks, from block ``first`` on."""
        starts = range(0, len(data), self._block)
        return {first + n: data[at : at + self._block] for n, at in enumerate(starts)}

    def _fetch_whole(self) -> bytes:
        """Get all of a small file from a server that doesn't answer ranges."""
        if self.size > WHOLE_BYTES:
            raise SourceError(
                f"{self.url}: the server answers no byte ranges, and {self.size} bytes are too "
                f"many to fetch at once; download the file, then open it"
            )
        data: bytes = self._guarded(lambda: self._files().cat_file(self._path))
        return data

    def _guarded(self, call: Any) -> Any:
        """Call fsspec; try again where trying again may help, and speak of the URL in errors."""
        for attempt in range(_TRIES):
            try:
                return call()
            except SourceError:  # it was tried as often as it helps, and speaks of the URL
                raise
            except FileNotFoundError as error:
                said = f"nothing there ({error.__cause__ or 'not found'})"  # or no such server
                raise SourceNotFoundError(errno.ENOENT, said, self.url) from error
            except PermissionError as error:
                raise SourceError(f"{self.url} may not be read: {error}") from error
            except Exception as error:  # every file system has its own classes
                keyless = type(error).__name__ == "NoCredentialsError"
                hopeless = keyless or 400 <= getattr(error, "status", 0) < 500
                if attempt == _TRIES - 1 or hopeless:
                    said = str(error) or type(error).__name__
                    if keyless:
                        said += "; set AWS_NO_SIGN_REQUEST=YES to read a public bucket"
                    raise SourceError(f"{self.url} can't be read: {said}") from error
                time.sleep(0.2 * 4**attempt)
        raise AssertionError("the last attempt raises")

    def _fetch(self, start: int, stop: int) -> bytes:
        if self._tells:
            data = self._told(self._guarded(lambda: self._ask(start, stop)), start)
        else:
            files = self._files()
            data = self._guarded(lambda: files.cat_file(self._path, start=start, end=stop))
        if len(data) != stop - start:
            raise SourceError(
                f"{self.url}: asked for {stop - start} bytes at {start}, got {len(data)}; "
                f"has the file changed?"
            )
        return data

    def _ask(self, start: int, stop: int) -> Answer | None:
        return read_range(self._files(), self._path, self._scheme, start, stop)

    def _told(self, found: Answer | None, start: int) -> bytes:
        """Return the bytes of an answer that says that they are those that were asked for."""
        if found is None or (found.start, found.size) != (start, self.size):
            got = f"those at {found.start} of {found.size}" if found else "something else"
            raise SourceError(
                f"{self.url}: asked for bytes at {start} of {self.size}, the server sent {got}; "
                "has the file changed?"
            )
        if found.state != self._state:
            raise SourceError(f"{self.url} has changed since it was opened: open it again")
        return found.data

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes from an offset; fewer only at the end of the file."""
        if self._closed:
            raise SourceError(f"{self.url} is closed")
        stop = min(offset + length, self.size)
        if stop <= offset:
            return b""
        if self._whole is not None:
            return self._whole[offset:stop]
        first, last = offset // self._block, (stop - 1) // self._block
        if last - first >= self._cache_blocks // 4:  # a long read would only push others out
            return self._fetch(offset, stop)
        data = b"".join(self._get(first, last))
        skip = offset - first * self._block
        return data[skip : skip + stop - offset]

    def _get(self, first: int, last: int) -> list[bytes]:
        """Return the blocks ``first`` to ``last``, fetching what is missing in one request."""
        kept = {index: self._blocks.get(index) for index in range(first, last + 1)}
        found = {index: block for index, block in kept.items() if block is not None}
        missing = [index for index in range(first, last + 1) if index not in found]
        if missing:
            begin, end = self._widened(missing[0], missing[-1])
            data = self._fetch(begin * self._block, min((end + 1) * self._block, self.size))
            self._fetched = (end + 1, end + 1 - begin)
            fresh = self._cut(begin, data)
            found.update(fresh)
            self._keep(fresh)
        return [found[index] for index in range(first, last + 1)]

    def _widened(self, first: int, last: int) -> tuple[int, int]:
        """Return the blocks to fetch for some that are missing: at its ends all of the end."""
        count = self._blocks_in_all
        after, before = self._fetched
        ahead = self._ahead if self.opening or first < self._ahead else 1
        if first == after:
            ahead = max(ahead, min(2 * before, MOST_BLOCKS, max(1, self._cache_blocks // 4)))
        last = max(last, min(first + ahead, count) - 1)
        if last >= count - self._tail:
            first, last = min(first, max(0, count - self._tail)), count - 1
        return first, last

    def _keep(self, blocks: dict[int, bytes]) -> None:
        for index, block in blocks.items():
            self._blocks.put(index, block)

    def close(self) -> None:
        """Forget the blocks."""
        self._closed = True
        self._blocks.clear()

    def __reduce__(self) -> tuple[type["RemoteBytes"], tuple[str, int, int]]:
        return RemoteBytes, (self.url, self._block, self._cache_blocks * self._block)
