"""An opened image: the public read API over whichever backend takes the file."""

import itertools
import os
import threading
import weakref
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Self

from ziggurat.readers.errors import SourceError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.checks import one_of
from ziggurat.readers.pixels.cache import file_identity, forget, tile_cache
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.api import ReadMethods
from ziggurat.readers.source.options import OpenOptions
from ziggurat.readers.style.access import effective_style

_openings = itertools.count()


class Source(ReadMethods):
    """One opened image.

    It may be used from several threads at once; in a forked child it opens the file anew; it
    pickles as its path and options. Close it, or use it in a ``with`` statement, where files
    shall be released at a known moment.
    """

    def __init__(
        self, path: str | os.PathLike[str], options: OpenOptions | str | None = None, **named: Any
    ) -> None:
        """Open an image, as :func:`ziggurat.open`: by a record of options, or by their names."""
        if isinstance(options, str):
            named["encoding"], options = options, None
        self._path = _absolute(os.fsdecode(path))
        self._options = options or OpenOptions(**named)
        self._lock = threading.Lock()
        self._closed = False
        self._forget: Callable[[], object] | None = None  # what is cached for this opening alone
        effective_style(self._options.style)  # a style that can't be meant is an error now
        self._opened = self._open()

    def _open(self) -> tuple[int, Image]:
        identity = _identity(self._path)
        options = self._options
        reader = open_reader(self._path)
        if options.projection is not None:
            from ziggurat.readers.formats.gdal.projected import Warp, project  # loads GDAL

            view = (options.projection, options.unitsPerPixel, options.warp)
            identity = (identity, *view) if identity is not None else None
            warp = one_of("warp", options.warp, Warp)
            reader = project(reader, self._path, options.projection, options.unitsPerPixel, warp)
        if reader.volatile:
            identity = None
        elif identity is None or reader.scattered:
            # what can't be told apart is cached for this one opening
            identity = (self._path, os.getpid(), next(_openings))
            finalizer = weakref.finalize(reader, forget, identity)
            finalizer.atexit = False
            self._forget = finalizer
        cache = None if options.noCache else tile_cache()
        return os.getpid(), Image(reader, cache, identity, path=self._path)

    def _image(self) -> Image:
        opened = self._opened
        if self._closed:
            raise SourceError(f"{self._path} was closed; open it again")
        if opened[0] == os.getpid():
            return opened[1]
        # forked: file positions are shared with the parent, so this process opens its own
        if not self._lock.acquire(timeout=60):
            self._lock = threading.Lock()
            self._lock.acquire()
        try:
            if self._opened[0] != os.getpid():
                self._opened = self._open()
            return self._opened[1]
        finally:
            self._lock.release()

    @property
    def largeImagePath(self) -> str:
        """The path or URL that was opened."""
        return self._path

    def close(self) -> None:
        """Release the files; reading afterwards is an error. May be called twice."""
        if not self._closed:
            self._closed = True
            if self._opened[0] == os.getpid():
                self._opened[1].reader.close()
                if self._forget is not None:
                    self._forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._path, self._options)

    def __repr__(self) -> str:
        return f"Source({self._path!r})"


def _identity(path: str) -> Hashable:
    """Return what names this state of a file; None for URLs and folders, which don't tell."""
    if "://" in path and not path.startswith("file://"):
        return None
    local = Path(path.removeprefix("file://"))
    return None if os.path.isdir(local) else file_identity(local, str(local))


def _absolute(path: str) -> str:
    """Return a path that holds from any working directory; URLs as they are."""
    return path if "://" in path else os.path.abspath(os.path.expanduser(path))
