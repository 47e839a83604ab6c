"""The reference's names for our errors, so that existing ``except`` clauses keep working.

There one class, ``TileSourceError``, is raised for nearly everything: images, options, sinks.
"""

from ziggurat.readers.errors import (
    CorruptSourceError,
    InefficientSourceError,
    SourceNotFoundError,
    TileRangeError,
    ZigguratError,
)

TileGeneralError = ZigguratError
TileSourceError = ZigguratError
TileSourceRangeError = TileRangeError
TileSourceXYZRangeError = TileRangeError
TileSourceMalformedError = CorruptSourceError
TileSourceFileNotFoundError = SourceNotFoundError
TileSourceInefficientError = InefficientSourceError

TileGeneralException = TileGeneralError
TileSourceException = TileSourceError
TileSourceFileNotFoundException = TileSourceFileNotFoundError


class TileSourceAssetstoreError(ZigguratError):
    """Never raised: files are not kept in an asset store here."""


class TileCacheError(ZigguratError):
    """Never raised: there is one cache, in memory."""


class TileCacheConfigurationError(TileCacheError):
    """Never raised, for the same reason."""


TileSourceAssetstoreException = TileSourceAssetstoreError

__all__ = [
    "TileCacheConfigurationError",
    "TileCacheError",
    "TileGeneralError",
    "TileGeneralException",
    "TileSourceAssetstoreError",
    "TileSourceAssetstoreException",
    "TileSourceError",
    "TileSourceException",
    "TileSourceFileNotFoundError",
    "TileSourceFileNotFoundException",
    "TileSourceInefficientError",
    "TileSourceMalformedError",
    "TileSourceRangeError",
    "TileSourceXYZRangeError",
]
