"""What scripts look for in the reference's ``tilesource``: ``ziggurat.tilesource``."""

from collections.abc import Iterator, Mapping
from typing import Any

from ziggurat.converter.compat import resample, stylefuncs, utilities
from ziggurat.converter.compat.trees import dictToEtree, etreeToDict
from ziggurat.converter.compat.utilities import nearPowerOfTwo
from ziggurat.readers import exceptions
from ziggurat.readers.constants import (
    NEW_IMAGE_PATH_FLAG,
    TILE_FORMAT_IMAGE,
    TILE_FORMAT_NUMPY,
    TILE_FORMAT_PIL,
    SourcePriority,
    TileInputUnits,
    TileOutputMimeTypes,
    TileOutputPILFormat,
)
from ziggurat.readers.formats.table import FORMATS
from ziggurat.readers.source import iterator as tiledict
from ziggurat.readers.source.iterator import LazyTileDict, TileIterator
from ziggurat.readers.source.open import (
    canRead,
    canReadList,
    getTileSource,
    listExtensions,
    listMimeTypes,
    listSources,
    open,
)
from ziggurat.readers.source.output.encode import ImageBytes
from ziggurat.readers.source.source import Source
from ziggurat.writers.sink.new import new

TileSource = Source
FileTileSource = Source
TileSourceError = exceptions.TileSourceError
TileSourceException = exceptions.TileSourceException
TileGeneralError = exceptions.TileGeneralError
TileGeneralException = exceptions.TileGeneralException
TileSourceRangeError = exceptions.TileSourceRangeError
TileSourceXYZRangeError = exceptions.TileSourceXYZRangeError
TileSourceInefficientError = exceptions.TileSourceInefficientError
TileSourceFileNotFoundError = exceptions.TileSourceFileNotFoundError
TileSourceAssetstoreError = exceptions.TileSourceAssetstoreError
TileSourceAssetstoreException = exceptions.TileSourceAssetstoreException


class _Sources(Mapping[str, type[Source]]):
    """The formats by name. All are opened alike: whichever reads a file does, whoever is asked."""

    def __getitem__(self, name: str) -> type[Source]:
        if name not in self:
            raise KeyError(name)
        return Source

    def __contains__(self, name: object) -> bool:
        return any(row.name == name for row in FORMATS) or name in REFERENCE_SOURCES

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*(row.name for row in FORMATS), *REFERENCE_SOURCES]))

    def __len__(self) -> int:
        return len(list(iter(self)))


# Names of the reference's sources that read what ziggurat reads, whatever it is called here.
REFERENCE_SOURCES = (
    "tiff", "openslide", "ometiff", "tifffile", "dicom", "zarr", "gdal", "rasterio", "vips", "pil",
    "openjpeg", "deepzoom", "multi", "bioformats", "nd2",
)  # fmt: skip

AvailableTileSources: Mapping[str, type[Source]] = _Sources()


def loadTileSources(entryPointName: str = "", sourceDict: object = None) -> None:
    """Do nothing: sources are loaded when a file needs them."""
    del entryPointName, sourceDict


def getSourceNameFromDict(availableSources: Any, pathOrUri: Any, **options: Any) -> str | None:
    """Return the name of the format that reads a file, None where none does."""
    del availableSources, options
    found = canReadList(pathOrUri)
    return next((name for name, readable in found if readable), None)


def make_vsi(url: Any, **options: Any) -> str:
    """Return what :func:`open` takes for a remote file: its URL, as ziggurat reads those itself."""
    del options
    return str(url)


def isGeospatial(path: Any) -> bool:
    """Return True for a file that says where on earth it is; False for all others."""
    return Source.isGeospatial(path)


__all__ = [
    "NEW_IMAGE_PATH_FLAG",
    "TILE_FORMAT_IMAGE",
    "TILE_FORMAT_NUMPY",
    "TILE_FORMAT_PIL",
    "AvailableTileSources",
    "FileTileSource",
    "ImageBytes",
    "LazyTileDict",
    "SourcePriority",
    "TileGeneralError",
    "TileGeneralException",
    "TileInputUnits",
    "TileIterator",
    "TileOutputMimeTypes",
    "TileOutputPILFormat",
    "TileSource",
    "TileSourceAssetstoreError",
    "TileSourceAssetstoreException",
    "TileSourceError",
    "TileSourceException",
    "TileSourceFileNotFoundError",
    "TileSourceInefficientError",
    "TileSourceRangeError",
    "TileSourceXYZRangeError",
    "canRead",
    "canReadList",
    "dictToEtree",
    "etreeToDict",
    "exceptions",
    "getSourceNameFromDict",
    "getTileSource",
    "isGeospatial",
    "listExtensions",
    "listMimeTypes",
    "listSources",
    "loadTileSources",
    "make_vsi",
    "nearPowerOfTwo",
    "new",
    "open",
    "resample",
    "stylefuncs",
    "tiledict",
    "utilities",
]
