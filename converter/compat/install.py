"""Import names of the reference, for programs that can't be changed: only when asked for."""

import importlib.machinery
import json
import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import ziggurat
from ziggurat.converter.compat import cache_util, command, config, conversion, tilesource
from ziggurat.readers import constants, exceptions
from ziggurat.readers.errors import ZigguratError
from ziggurat.readers.formats.sink_store.layout import is_store
from ziggurat.readers.formats.table import SYNTHETIC
from ziggurat.readers.model.keywords import tolerate
from ziggurat.readers.source import iterator
from ziggurat.readers.source.open import Path
from ziggurat.readers.source.source import Source
from ziggurat.writers.sink.sink import Sink

NAME = "large_image"
VERSION = "1.35.6"  # the version whose interface is followed, for programs that ask
_MODULES: dict[str, ModuleType] = {
    "cache_util": cache_util,
    "cache_util.base": cache_util,
    "cache_util.cache": cache_util,
    "config": config,
    "constants": constants,
    "exceptions": exceptions,
    "tilesource": tilesource,
    "tilesource.base": tilesource,
    "tilesource.geo": tilesource,
    "tilesource.resample": tilesource.resample,
    "tilesource.stylefuncs": tilesource.stylefuncs,
    "tilesource.tiledict": iterator,
    "tilesource.tileiterator": iterator,
    "tilesource.utilities": tilesource.utilities,
}
_SOURCES = (*tilesource.REFERENCE_SOURCES, "dummy", "mapnik", "test")


def install_as_large_image() -> None:
    """Let ``import large_image`` give ziggurat, in this process, with its submodules.

    ``large_image_source_*`` and ``large_image_converter`` are there, too, and keywords that nobody
    knows are ignored with a debug message, as the reference does, instead of being an error.
    Call it before anything imports these names; a second call changes nothing.

    Raises
    ------
    ZigguratError
        The reference itself has been imported already in this process.
    """
    present = sys.modules.get(NAME)
    if present is not None:
        if getattr(present, "__ziggurat__", False):
            return
        raise ZigguratError(
            f"{NAME} has been imported already in this process; install ziggurat before that"
        )
    tolerate()
    package = _module(NAME, lambda name: getattr(ziggurat, name))
    package.__path__ = []
    made = {NAME: package}
    for name, module in _MODULES.items():
        made[f"{NAME}.{name}"] = module
        if "." not in name:
            package.__dict__[name] = module
    for name in _SOURCES:
        made[f"{NAME}_source_{name}"] = _source_module(f"{NAME}_source_{name}")
    converter = _module(f"{NAME}_converter", lambda name: getattr(conversion, name))
    converter.__path__ = []
    converter.__dict__["__main__"] = command
    made |= {f"{NAME}_converter": converter, f"{NAME}_converter.__main__": command}
    sys.modules.update(made)


def _source_module(name: str) -> ModuleType:
    """Return what stands for one of the reference's readers: it opens whatever ziggurat reads."""

    def find(wanted: str) -> Any:
        if wanted.endswith("TileSource"):
            return _open_made if name.endswith("_test") else Source
        if wanted in ("canRead", "new"):
            return getattr(ziggurat, wanted)
        raise AttributeError(f"module {name!r} has no attribute {wanted!r}")

    module = _module(name, find)
    module.__dict__["open"] = _open_made if name.endswith("_test") else _open
    if name.endswith(("_gdal", "_rasterio")):
        module.__dict__["open"] = _open_map
    return module


def _open_made(path: object = None, *arguments: Any, **keywords: Any) -> Source:
    """Return the picture of the reference's test source, whatever path is given."""
    made = isinstance(path, str) and path.startswith(SYNTHETIC)
    return ziggurat.open(str(path) if made else SYNTHETIC, *(arguments or ("PNG",)), **keywords)


def _open_map(path: Path, *arguments: Any, **keywords: Any) -> Source | Sink:
    """Open a map in the projection that is configured, where none is given."""
    projection = config.getConfig("default_projection")
    given = arguments or "projection" in keywords
    if projection and not given and ziggurat.tilesource.isGeospatial(path):
        keywords["projection"] = projection
    return _open(path, *arguments, **keywords)


def _open(path: Path | Mapping[str, Any], *arguments: Any, **keywords: Any) -> Source | Sink:
    """Open an image; a sink's store to write into it, as workers of the reference's sinks do."""
    if isinstance(path, Mapping) or (isinstance(path, str) and path.lstrip().startswith("{")):
        path = "multi://" + (path if isinstance(path, str) else json.dumps(path))
    if is_store(os.fspath(path)):
        return ziggurat.new(path, mode="join")
    return ziggurat.open(path, *arguments, **keywords)


def _module(name: str, find: object) -> ModuleType:
    module = ModuleType(name, f"ziggurat under the name {name}.")
    module.__dict__.update(
        __getattr__=find,
        __version__=VERSION,
        __ziggurat__=True,
        __spec__=importlib.machinery.ModuleSpec(name, None),
    )
    return module
