"""ziggurat: slides and rasters in, open tiled pyramids out, tiles from many workers in between.

Names are loaded on first use, so that ``import ziggurat`` itself imports no imaging library.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ziggurat.converter.convert import convert
    from ziggurat.converter.options import ConvertOptions
    from ziggurat.readers import constants, errors, exceptions
    from ziggurat.readers.cache import cachesClear, cachesInfo, setCacheSize
    from ziggurat.readers.opening import (
        canRead,
        canReadList,
        getTileSource,
        listExtensions,
        listMimeTypes,
        listSources,
        open,
    )
    from ziggurat.readers.source import Source
    from ziggurat.writers.sink import Sink, new

__version__ = "0.1.0"

_HOMES = {
    "Source": "ziggurat.readers.source",
    "open": "ziggurat.readers.opening",
    "getTileSource": "ziggurat.readers.opening",
    "canRead": "ziggurat.readers.opening",
    "canReadList": "ziggurat.readers.opening",
    "listSources": "ziggurat.readers.opening",
    "listExtensions": "ziggurat.readers.opening",
    "listMimeTypes": "ziggurat.readers.opening",
    "cachesClear": "ziggurat.readers.cache",
    "cachesInfo": "ziggurat.readers.cache",
    "setCacheSize": "ziggurat.readers.cache",
    "Sink": "ziggurat.writers.sink",
    "new": "ziggurat.writers.sink",
    "convert": "ziggurat.converter.convert",
    "ConvertOptions": "ziggurat.converter.options",
}
_MODULES = ("constants", "errors", "exceptions")

__all__ = [
    "ConvertOptions",
    "Sink",
    "Source",
    "cachesClear",
    "cachesInfo",
    "canRead",
    "canReadList",
    "constants",
    "convert",
    "errors",
    "exceptions",
    "getTileSource",
    "listExtensions",
    "listMimeTypes",
    "listSources",
    "new",
    "open",
    "setCacheSize",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"ziggurat.{name}")
    raise AttributeError(f"module 'ziggurat' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
