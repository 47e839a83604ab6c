"""How GDAL is let near a file: which drivers, which virtual rasters, and where its words go."""

import os
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from osgeo import gdal

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.geo.gdal_calls import checked
from ziggurat.readers.io.s3 import gdal_options

# Rasters of one picture in one file. Left out on purpose: containers of many things (netCDF,
# HDF), web services, and drivers that take a connection string instead of a file.
_DRIVERS = [
    "GTiff",
    "JP2OpenJPEG",
    "JP2KAK",
    "JP2ECW",
    "ECW",
    "MrSID",
    "JPEG",
    "PNG",
    "WEBP",
    "GIF",
    "BMP",
    "HFA",
    "ENVI",
    "EHdr",
    "AAIGrid",
    "NITF",
    "DTED",
    "SRTMHGT",
    "USGSDEM",
    "ISIS3",
    "ILWIS",
    "RST",
    "SAGA",
    "GSAG",
    "GSBG",
    "KRO",
    "ERS",
    "PCIDSK",
    "GPKG",
    "MBTiles",
    "LERC",
    "VRT",
]

# What no file may make GDAL do, and, for remote ones, no look around in their folder.
FENCE = {"GDAL_VRT_ENABLE_PYTHON": "NO"}
_REMOTE_FENCE = {**FENCE, "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}

_VRT_SOURCES = {"SourceFilename", "SourceDataset", "Source", "GeoLocDataset"}
_VRT_MOST_FILES = 100_000
_VRT_DEEPEST = 4
_VRT_MOST_BYTES = 256 << 20


@cache
def raster_drivers() -> tuple[str, ...]:
    """Return the drivers of this GDAL build that files may be opened with."""
    return tuple(name for name in _DRIVERS if gdal.GetDriverByName(name) is not None)


def raster_endings() -> tuple[str, ...]:
    """Return the endings of names that the drivers of this GDAL build know, each with its dot."""
    told = (gdal.GetDriverByName(name).GetMetadata() for name in raster_drivers())
    texts = (m.get(gdal.DMD_EXTENSIONS) or m.get(gdal.DMD_EXTENSION) or "" for m in told)
    return tuple(f".{ending}" for text in texts for ending in text.lower().split())


@contextmanager
def quiet_gdal() -> Iterator[None]:
    """Keep GDAL's warnings of this thread away from stderr; errors are exceptions anyway."""
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        yield
    finally:
        gdal.PopErrorHandler()


def gdal_name(url: str) -> str:
    """Return what GDAL calls a local path or a remote URL.

    Raises
    ------
    UnsupportedFormatError
        A scheme that GDAL has no file system for.
    """
    scheme, found, rest = url.partition("://")
    if not found:
        return os.path.abspath(url)  # absolute: never taken for a connection string
    systems = {
        "http": "/vsicurl/",
        "https": "/vsicurl/",
        "s3": "/vsis3/",
        "gs": "/vsigs/",
        "az": "/vsiaz/",
    }
    if scheme.lower() not in systems:
        raise UnsupportedFormatError(f"GDAL reads {', '.join(systems)} URLs, not {scheme}://")
    return systems[scheme.lower()] + (url if scheme.lower().startswith("http") else rest)


class Handles:
    """The open datasets of one file: one a level, thread-safe, opened anew after a fork."""

    def __init__(self, name: str) -> None:
        self.name = name
        remote = name.startswith("/vsi")
        self.options = _REMOTE_FENCE if remote else FENCE
        if name.startswith("/vsis3/"):
            self.options = {**self.options, **gdal_options()}
        self._drivers = [d for d in raster_drivers() if not (remote and d == "VRT")]
        self._open: dict[tuple[int, int], gdal.Dataset] = {}
        self._lock = threading.Lock()
        self._closed = False

    def dataset(self, level: int = 0) -> gdal.Dataset:
        """Return the dataset of a level; any thread may read from it.

        Raises
        ------
        UnsupportedFormatError
            No driver knows the file.
        CorruptSourceError
            A driver knows it, and could not open it.
        """
        key = (os.getpid(), level)
        with self._lock:
            if self._closed:
                raise SourceError(f"{self.name} is closed")
            if key not in self._open:
                self._open[key] = self._new(level)
            return self._open[key]

    def private(self) -> gdal.Dataset:
        """Return a dataset of the caller's own, for one thread."""
        return self._new(0, shared=False)

    def close(self) -> None:
        """Let go of all datasets."""
        with self._lock:
            self._closed = True
            self._open.clear()

    def _new(self, level: int, *, shared: bool = True) -> gdal.Dataset:
        flags = gdal.OF_RASTER | (gdal.OF_THREAD_SAFE if shared else 0)
        options = [f"OVERVIEW_LEVEL={level - 1}"] if level else []
        with gdal.config_options(self.options):
            try:
                name = os.fsencode(self.name)  # as bytes: it need not be UTF-8
                return checked(
                    f"GDAL can't open {self.name}",
                    lambda: gdal.OpenEx(
                        name, flags, allowed_drivers=self._drivers, open_options=options
                    ),
                )
            except CorruptSourceError as error:
                said = str(error)
                if "unsupported" in said.lower():
                    raise UnsupportedFormatError(said) from error
                if "not recognized as being" not in said:
                    raise
        raise UnsupportedFormatError(f"GDAL knows no raster format like that of {self.name}")


def check_virtual(path: Path) -> None:
    """Refuse a virtual raster (VRT) that leads out of this machine's plain files, or runs code.

    Raises
    ------
    SourceError
        It names URLs, connection strings or raw bytes, or wants Python to be run.
    CorruptSourceError
        It is no XML, or its files are missing or refer to each other too deeply.
    """
    _check_virtual(path, (), [0])


def _check_virtual(path: Path, parents: Sequence[Path], count: list[int]) -> None:
    if len(parents) >= _VRT_DEEPEST or path in parents:
        raise CorruptSourceError(f"{path}: virtual rasters nested too deeply, or in a circle")
    for name, relative in _virtual_sources(path):
        count[0] += 1
        if count[0] > _VRT_MOST_FILES:
            raise CorruptSourceError(f"{path} refers to more than {_VRT_MOST_FILES} files")
        source = path.parent / name if relative else Path(name)
        if not source.is_file():
            raise SourceError(
                f"{path} refers to {name!r}, which is no file on this machine; "
                "virtual rasters may refer to local files only"
            )
        with source.open("rb") as file:
            head = file.read(512)
        if is_virtual(head):
            _check_virtual(source, (*parents, path), count)


def is_virtual(head: bytes) -> bool:
    """Return True where a file begins like a virtual raster."""
    return b"<VRT" in head


def _virtual_sources(path: Path) -> Iterator[tuple[str, bool]]:
    if path.stat().st_size > _VRT_MOST_BYTES:
        raise CorruptSourceError(f"{path} is too large for a virtual raster")
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, ValueError) as error:
        raise CorruptSourceError(f"{path} is no well-formed XML: {error}") from error
    for element in root.iter():
        text = (element.text or "").strip()
        if element.attrib.get("subClass") == "VRTRawRasterBand":
            raise SourceError(f"{path} takes raw bytes of other files for pixels; that is refused")
        if element.tag == "PixelFunctionLanguage" and text.lower() == "python":
            raise SourceError(f"{path} wants Python code to be run; that is refused")
        if "/vsi" in text:
            raise SourceError(f"{path} refers to {text[:200]!r}; only local files are followed")
        if element.tag in _VRT_SOURCES and text:
            relative = element.attrib.get("relativeToVRT", "0")
            yield text, relative in {"1", "true", "YES", "yes", "TRUE"}
