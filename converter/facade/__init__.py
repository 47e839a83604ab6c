"""ziggurat: slides and rasters in, open tiled pyramids out, tiles from many workers in between.

Names are loaded on first use, so that ``import ziggurat`` itself imports no imaging library.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ziggurat.readers.io import late_imports as _late_imports  # it has forks wait for imports

if TYPE_CHECKING:
    from ziggurat.converter.compat import cache_util, config, tilesource
    from ziggurat.converter.compat.install import install_as_large_image
    from ziggurat.converter.convert import convert, load_plan, plan_conversion, plan_tasks
    from ziggurat.converter.plan.options import ConvertOptions
    from ziggurat.converter.plan.plan import ConversionPlan
    from ziggurat.converter.plan.report import ConversionReport, VerificationReport
    from ziggurat.converter.verify.verify import verify
    from ziggurat.readers import constants, errors, exceptions
    from ziggurat.readers.pixels.cache import cachesClear, cachesInfo, setCacheSize
    from ziggurat.readers.source.open import (
        canRead,
        canReadList,
        getTileSource,
        listExtensions,
        listMimeTypes,
        listSources,
        open,
    )
    from ziggurat.readers.source.source import Source
    from ziggurat.writers.formats.arrays import write
    from ziggurat.writers.model.options import WriteOptions
    from ziggurat.writers.model.progress import Cancellation, Progress
    from ziggurat.writers.model.report import WriteReport
    from ziggurat.writers.sink.new import new
    from ziggurat.writers.sink.sink import Sink
    from ziggurat.writers.sink.task import Task
    from ziggurat.writers.tasks.plan import WritePlan

__version__ = "0.1.0"  # the one place: pyproject.toml reads it here

_HOMES = {
    "Source": "ziggurat.readers.source.source",
    "open": "ziggurat.readers.source.open",
    "getTileSource": "ziggurat.readers.source.open",
    "canRead": "ziggurat.readers.source.open",
    "canReadList": "ziggurat.readers.source.open",
    "listSources": "ziggurat.readers.source.open",
    "listExtensions": "ziggurat.readers.source.open",
    "listMimeTypes": "ziggurat.readers.source.open",
    "cachesClear": "ziggurat.readers.pixels.cache",
    "cachesInfo": "ziggurat.readers.pixels.cache",
    "setCacheSize": "ziggurat.readers.pixels.cache",
    "Sink": "ziggurat.writers.sink.sink",
    "new": "ziggurat.writers.sink.new",
    "Task": "ziggurat.writers.sink.task",
    "convert": "ziggurat.converter.convert",
    "plan_conversion": "ziggurat.converter.convert",
    "plan_tasks": "ziggurat.converter.convert",
    "load_plan": "ziggurat.converter.convert",
    "WritePlan": "ziggurat.writers.tasks.plan",
    "ConversionPlan": "ziggurat.converter.plan.plan",
    "ConversionReport": "ziggurat.converter.plan.report",
    "VerificationReport": "ziggurat.converter.plan.report",
    "verify": "ziggurat.converter.verify.verify",
    "install_as_large_image": "ziggurat.converter.compat.install",
    "ConvertOptions": "ziggurat.converter.plan.options",
    "write": "ziggurat.writers.formats.arrays",
    "WriteOptions": "ziggurat.writers.model.options",
    "WriteReport": "ziggurat.writers.model.report",
    "Cancellation": "ziggurat.writers.model.progress",
    "Progress": "ziggurat.writers.model.progress",
}
_MODULES = ("cache_util", "config", "constants", "errors", "exceptions", "tilesource", "viewer")

__all__ = [
    "Cancellation",
    "ConversionPlan",
    "ConversionReport",
    "ConvertOptions",
    "Progress",
    "Sink",
    "Source",
    "Task",
    "VerificationReport",
    "WriteOptions",
    "WritePlan",
    "WriteReport",
    "cache_util",
    "cachesClear",
    "cachesInfo",
    "canRead",
    "canReadList",
    "config",
    "constants",
    "convert",
    "errors",
    "exceptions",
    "getTileSource",
    "install_as_large_image",
    "listExtensions",
    "listMimeTypes",
    "listSources",
    "load_plan",
    "new",
    "open",
    "plan_conversion",
    "plan_tasks",
    "setCacheSize",
    "tilesource",
    "verify",
    "write",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        _late_imports.come_first()
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"ziggurat.{name}")
    raise AttributeError(f"module 'ziggurat' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
