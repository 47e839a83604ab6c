"""The reference's configuration, as far as it means something here: ``ziggurat.config``.

Scripts set what they need for the reference; a key that ziggurat has no use for is kept and
given back, and a debug message says so.
"""

import logging
from typing import Any

import psutil

from ziggurat.readers.io.system import core_count
from ziggurat.readers.pixels.cache import setCacheSize
from ziggurat.readers.source.options import set_default_encoding

ConfigValues: dict[str, Any] = {
    "logger": logging.getLogger("ziggurat"),
    "logprint": logging.getLogger("ziggurat"),
    "cache_backend": "python",
    "cache_python_memory_portion": 32,
    "cache_tilesource_memory_portion": 8,
    "cache_tilesource_maximum": 0,
    "cache_sources": True,
    "max_small_image_size": 4096,
    "icc_correction": False,
}

__all__ = [
    "ConfigValues",
    "cpu_count",
    "getConfig",
    "getLogger",
    "minimizeCaching",
    "setConfig",
    "total_memory",
]

_MINIMAL = 256  # the portion of memory that minimizeCaching leaves to tiles


def getConfig(key: str | None = None, default: object = None) -> Any:
    """Return one value, or ``default`` where nobody has set it; without a key all of them."""
    if key is None:
        return ConfigValues
    return ConfigValues.get(key, default)


def setConfig(key: str, value: Any) -> None:
    """Set a value.

    ``cache_python_memory_portion`` n makes the tile cache as large as one n-th of the memory;
    ``default_encoding`` is that of tiles where nobody says it, ``default_projection`` that of maps
    which ``large_image_source_gdal`` and ``_rasterio`` open. Other keys are kept and change
    nothing: sources are not cached, and files are told by their content.
    """
    if key == "cache_python_memory_portion":
        setCacheSize(total_memory() // max(1, int(float(value))))
    elif key == "default_encoding":
        set_default_encoding(value or "JPEG")
    elif key == "default_projection":
        pass  # what stands for the reference's readers of maps asks for it
    elif ConfigValues.get(key) != value:
        getLogger().debug("the configuration %s = %r changes nothing in ziggurat", key, value)
    ConfigValues[key] = value


def getLogger(key: str | None = None, default: logging.Logger | None = None) -> logging.Logger:
    """Return the logger that is set under a key (``logger`` by default), ziggurat's without any."""
    found = ConfigValues.get(key or "logger") or default
    return found if isinstance(found, logging.Logger) else logging.getLogger("ziggurat")


def minimizeCaching(mode: str | None = None) -> None:
    """Keep as little as possible: of tiles (``'tile'``), of sources (``'source'``) or of both."""
    if mode is None or str(mode).lower().startswith("source"):
        setConfig("cache_tilesource_maximum", 1)
    if mode is None or str(mode).lower().startswith("tile"):
        setConfig("cache_python_memory_portion", _MINIMAL)


def cpu_count(logical: bool = True) -> int:
    """Return how many processors this process may use; with False, no more than there are cores."""
    usable = core_count()
    return usable if logical else max(1, min(usable, psutil.cpu_count(logical=False) or usable))


def total_memory() -> int:
    """Return the machine's memory in bytes."""
    return int(psutil.virtual_memory().total)
