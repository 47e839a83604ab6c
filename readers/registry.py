"""The ordered table of formats. A row is loaded only when a file looks like its kind."""

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from ziggurat.readers.errors import SourceError, UnsupportedFormatError
from ziggurat.readers.location import Location, locate
from ziggurat.readers.reader import Reader


@dataclass(frozen=True, slots=True)
class Format:
    """One row: a backend module with ``open_reader(location) -> Reader`` and what it takes.

    ``magics`` are leading bytes; ``suffixes`` lower-case endings of the name. A file is
    tried with a row when either fits. ``directories`` says that folders may be images too.
    """

    name: str
    module: str
    suffixes: tuple[str, ...] = ()
    magics: tuple[bytes, ...] = ()
    directories: bool = False
    any_file: bool = False  # the last resorts, tried with anything

    def fits(self, location: Location) -> bool:
        """Return True where this backend is worth a try."""
        if location.is_directory:
            return self.directories
        return (
            self.any_file
            or location.name.endswith(self.suffixes)
            or any(location.head.startswith(magic) for magic in self.magics)
        )


TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# Order matters: the first row that accepts a file reads it.
FORMATS: tuple[Format, ...] = (
    Format("store", "ziggurat.readers.store", directories=True),
    Format("ome-zarr", "ziggurat.readers.ome_zarr", (".zip", ".ozx"), directories=True),
    Format("tiff", "ziggurat.readers.tiff", magics=TIFF_MAGICS),
    Format(
        "openslide",
        "ziggurat.readers.openslide",
        (".mrxs", ".vms", ".vmu", ".dcm", ".svslide", ".bif", ".tif", ".svs"),
        directories=True,
    ),
    Format("vips", "ziggurat.readers.vips", any_file=True),
    Format("gdal", "ziggurat.readers.gdal", any_file=True),
)


def _load(row: Format) -> Callable[[Location], Reader]:
    return importlib.import_module(row.module).open_reader  # type: ignore[no-any-return]


def open_reader(path: str | os.PathLike[str]) -> Reader:
    """Open an image with the first backend that accepts it.

    Raises
    ------
    SourceNotFoundError
        Nothing is there.
    CorruptSourceError, SourceError
        A backend knows the kind of file, and says what is wrong with this one.
    UnsupportedFormatError
        No backend knows it; the message lists what each one said.
    """
    location = locate(path)
    refusals: list[str] = []
    failure: SourceError | None = None
    for row in FORMATS:
        if not row.fits(location):
            continue
        try:
            return _load(row)(location)
        except UnsupportedFormatError as error:
            refusals.append(f"{row.name}: {error}")
        except SourceError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    said = "; ".join(refusals) or "no backend takes such a name or beginning"
    raise UnsupportedFormatError(f"{location.url} is not an image that can be opened ({said})")
