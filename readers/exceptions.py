"""The reference's names for our errors, so that existing ``except`` clauses keep working."""

from ziggurat.readers.errors import (
    CorruptSourceError,
    SourceError,
    SourceNotFoundError,
    TileRangeError,
    ZigguratError,
)

TileGeneralError = ZigguratError
TileSourceError = SourceError
TileSourceRangeError = TileRangeError
TileSourceXYZRangeError = TileRangeError
TileSourceMalformedError = CorruptSourceError
TileSourceFileNotFoundError = SourceNotFoundError

TileGeneralException = TileGeneralError
TileSourceException = TileSourceError
TileSourceFileNotFoundException = TileSourceFileNotFoundError

__all__ = [
    "TileGeneralError",
    "TileGeneralException",
    "TileSourceError",
    "TileSourceException",
    "TileSourceFileNotFoundError",
    "TileSourceFileNotFoundException",
    "TileSourceMalformedError",
    "TileSourceRangeError",
    "TileSourceXYZRangeError",
]
