"""The further files of an image that is spread over several: opened when read, few at a time."""

from pathlib import Path

from ziggurat.readers.io.bytes import ByteSource, LocalBytes

_MOST_OPEN = 64  # a time series may be of thousands of files, and descriptors are few


class SiblingFiles:
    """A pool of open files. Forgotten ones close when their last read is done."""

    def __init__(self, limit: int = _MOST_OPEN) -> None:
        self._limit = limit
        self._open: dict[str, LocalBytes] = {}

    def get(self, path: str) -> LocalBytes:
        """Return a file, opened now or before. Threads at once may open one twice; that is all."""
        found = self._open.get(path)
        if found is None:
            found = LocalBytes(Path(path))
            while len(self._open) >= self._limit:
                self._open.pop(next(iter(list(self._open))), None)
            self._open[path] = found
        return found

    def close(self) -> None:
        """Close them all."""
        for path in list(self._open):
            file = self._open.pop(path, None)
            if file is not None:
                file.close()


class SiblingBytes:
    """One of the files as a byte source."""

    def __init__(self, files: SiblingFiles, path: str) -> None:
        self._files = files
        self.url = path
        self.size = files.get(path).size

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes from an offset; fewer only at the end of the file."""
        return self._files.get(self.url).read(offset, length)

    def close(self) -> None:
        """Do nothing: the pool closes."""


def source_of(path: str | None, own: ByteSource, files: SiblingFiles) -> ByteSource:
    """Return the source of a page: the opened file, or the other one that it is in."""
    return own if path is None else SiblingBytes(files, path)
