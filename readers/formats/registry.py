"""Finds the backend that reads a file. A row is loaded only when a file looks like its kind."""

import dataclasses
import importlib
import os
from collections.abc import Callable, Mapping

from ziggurat.readers.errors import LeftToOthersError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.table import DICOM_MAGIC, FORMATS, Format
from ziggurat.readers.formats.unread import unread_kind
from ziggurat.readers.io.location import Location, locate
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader

_SPARE_DESCRIPTORS = 8


def _load(row: Format) -> Callable[[Location], Reader]:
    try:
        module = importlib.import_module(row.module)
    except ImportError as error:  # a library without a build for this machine
        raise UnsupportedFormatError(f"can't be loaded here ({error})") from error
    opener: Callable[[Location], Reader] = module.open_reader
    return opener


def given(info: ImageInfo) -> dict[str, object]:
    """Return what a backend must give of a file that another one knows, but can't read."""
    return {
        "width": info.width,
        "height": info.height,
        "sample type": info.dtype.name,
        "bands": info.bands,
        "frames": info.frames,
    }


def _shortfall(info: ImageInfo, due: Mapping[str, object]) -> str | None:
    """Return in words what a backend shows otherwise than a file holds it, None if nothing."""
    seen = given(info)
    found = [f"{key} {seen[key]} of {wanted}" for key, wanted in due.items() if seen[key] != wanted]
    return f"shows {', '.join(found)}" if found else None


def _descriptors_left() -> bool:
    """Return False where a library that wants a few files open would be refused them.

    Few say so: they call the file damaged, or of no known kind.
    """
    taken = []
    try:
        for _ in range(_SPARE_DESCRIPTORS):
            taken.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return False
    finally:
        for descriptor in taken:
            os.close(descriptor)
    return True


class _Search:
    """What the backends have said of a file so far.

    ``left``: one knows the kind, and leaves the pixels to others. ``failure``: one knows it, and
    what is wrong with it.
    """

    def __init__(self, location: Location) -> None:
        self._location = location
        self._declined: dict[str, str] = {}
        self._left: LeftToOthersError | None = None
        self.failure: SourceError | None = None

    def refused(self, row: Format, reason: object) -> None:
        """Note that a backend does not read it."""
        self._declined[row.name] = str(reason)

    def ask(self, row: Format) -> Reader | None:
        """Return what a backend makes of it, None where it declines."""
        try:
            reader = self._accepted(row, _load(row)(self._location))
        except LeftToOthersError as error:
            self._left = self._left or error
            self.refused(row, error)
        except UnsupportedFormatError as error:
            self.refused(row, error)
        except SourceError as error:
            self.refused(row, error)
            # a TIFF header in the preamble of a DICOM file need not lead to a TIFF
            alien = self._location.head.startswith(b"DICM", 128) and DICOM_MAGIC not in row.magics
            if not alien and (self._left is None or self._left.due is None):
                self.failure = self.failure or error
        else:
            return reader
        return None

    def _accepted(self, row: Format, reader: Reader) -> Reader:
        """Return a reader with the names of those who were asked, if it shows all there is."""
        due = None if self._left is None else self._left.due
        lack = None if due is None else _shortfall(reader.info, due)
        if lack is not None:
            reader.close()
            raise UnsupportedFormatError(f"not asked to read it, for it {lack}")
        unheeded = () if self._left is None else self._left.losses
        reader.info = dataclasses.replace(
            reader.info,
            backend=row.name,
            declined=dict(self._declined),
            losses=(*reader.info.losses, *unheeded),
        )
        return reader

    def error(self) -> SourceError:
        """Return what to raise when nobody reads it."""
        url = self._location.url
        if self._location.path is not None and not _descriptors_left():
            return SourceError(
                f"{url} can't be opened: too many open files in this process; close some, or raise "
                "the limit (ulimit -n)"
            )
        if self.failure is not None:
            if self._location.path is None or self._location.path.name in str(self.failure):
                return self.failure
            found = type(self.failure)(f"{url}: {self.failure}")
            found.__cause__ = self.failure
            return found
        said = "; ".join(f"{name}: {reason}" for name, reason in self._declined.items())
        if self._left is not None:
            return UnsupportedFormatError(f"{url} is not supported: {self._left} ({said})")
        said = said or "no backend takes such a name or beginning"
        return UnsupportedFormatError(f"{url} is not an image that can be opened ({said})")


def open_reader(path: str | os.PathLike[str], formats: tuple[Format, ...] | None = None) -> Reader:
    """Open an image with the first backend that accepts it (of ``formats``; default: all).

    Who reads it, and who declined and why, is in ``info.backend`` and ``info.declined``. Where
    the backend that knows a kind best leaves a file to others, they get it only if they show its
    own sample type, bands, frames and size.

    Raises
    ------
    SourceNotFoundError
        Nothing is there.
    CorruptSourceError, SourceError
        A backend knows the kind of file, and says what is wrong with this one.
    UnsupportedFormatError
        No backend knows it, or none can read all of it; the message lists what each one said.
    """
    location = locate(path)
    unread = None if location.is_directory else unread_kind(location.name)
    search = _Search(location)
    for row in FORMATS if formats is None else formats:
        if unread is not None and not row.strange:
            continue
        if not row.fits(location):
            if not row.any_file and row.recognises(location):
                search.refused(row, "reads local files only; download it")
            continue
        if row.any_file and (search.failure is not None or location.inside):
            break  # recognised as damaged, or a place in an archive: guessing would not mend it
        reader = search.ask(row)
        if reader is not None:
            location.finish_opening()
            return reader
        if row.owns and search.failure is not None:
            break
    if unread is not None and search.failure is None:
        raise UnsupportedFormatError(
            f"{location.url}: {unread.name} is not supported (not read yet); {unread.instead}"
        )
    raise search.error()
