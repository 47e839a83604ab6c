"""The front door of every output: ``write(reader, path)``; the name decides the format."""

import importlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader
from ziggurat.writers.model.levels import LevelPlan
from ziggurat.writers.model.options import WriteOptions
from ziggurat.writers.model.progress import Cancellation, ProgressCallback


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What was written. ``lost`` says in words what the target could not carry."""

    path: Path
    bytes: int
    seconds: float
    levels: int
    lost: tuple[str, ...] = ()


class Emitter(Protocol):
    """What the module of an output format has: two functions."""

    def plan_levels(self, reader: Reader, options: WriteOptions) -> Sequence[LevelPlan]:
        """Return the levels to write, all encoded anew; refuse here what can't be written."""

    def emit(
        self,
        reader: Reader,
        path: Path,
        levels: Sequence[LevelPlan],
        options: WriteOptions,
        *,
        on_progress: ProgressCallback | None,
        cancel: Cancellation | None,
    ) -> tuple[str, ...]:
        """Write the output atomically; return what it could not carry, in words."""


@dataclass(frozen=True, slots=True)
class Target:
    """One output format: its name, its module, the endings of names that mean it.

    ``geospatial`` says for which images: None is all, True only those with a place on earth.
    """

    name: str
    module: str
    suffixes: tuple[str, ...]
    geospatial: bool | None = None

    def fits(self, name: str, info: ImageInfo) -> bool:
        """Return True where this format is meant."""
        placed = info.geo is not None
        return name.endswith(self.suffixes) and self.geospatial in (None, placed)

    def load(self) -> Emitter:
        """Import the module."""
        return importlib.import_module(self.module)


# Order matters: the first row that fits.
TARGETS: tuple[Target, ...] = (
    Target("ome-tiff", "ziggurat.writers.formats.tiff.ome_tiff", (".ome.tif", ".ome.tiff")),
    Target("cog", "ziggurat.writers.formats.cog.cog", (".tif", ".tiff"), geospatial=True),
    Target("tiff", "ziggurat.writers.formats.tiff.tiff", (".tif", ".tiff", ".btf", ".tf8")),
    Target("svs", "ziggurat.writers.formats.tiff.svs", (".svs",)),
    Target("ome-zarr", "ziggurat.writers.formats.zarr.ome_zarr", (".zarr",)),
    Target("ome-zarr-zip", "ziggurat.writers.formats.zarr.ome_zarr", (".zip", ".ozx")),
    Target("flat", "ziggurat.writers.formats.flat", (".png", ".jpg", ".jpeg", ".webp")),
)


def target_for(path: str | os.PathLike[str], info: ImageInfo) -> Target:
    """Return the format that a name means for an image.

    Raises
    ------
    OptionError
        No format has such an ending.
    """
    name = os.fspath(path).rstrip("/").lower()
    for row in TARGETS:
        if row.fits(name, info):
            return row
    known = sorted({suffix for row in TARGETS for suffix in row.suffixes})
    raise OptionError(f"{Path(path).name!r} says no format; endings are {', '.join(known)}")


def target_named(name: str) -> Target:
    """Return the format of a name.

    Raises
    ------
    OptionError
        There is none of that name.
    """
    for row in TARGETS:
        if row.name == name:
            return row
    raise OptionError(f"no format {name!r}; there are {', '.join(row.name for row in TARGETS)}")


def write(
    reader: Reader,
    path: str | os.PathLike[str],
    options: WriteOptions | None = None,
    *,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
) -> WriteReport:
    """Write an image with all its frames, levels, metadata and associated images.

    Parameters
    ----------
    reader
        Where pixels and all facts come from. It is read from several threads.
    path
        The output; its ending decides the format (see :data:`TARGETS`).
    options
        None: lossy where that suits the image, in the format's own layout.

    Raises
    ------
    OptionError
        The format can't hold the image, or the options contradict; nothing is written.
    TargetExistsError
        The output exists and overwriting was not asked for.
    WriteError, SourceError, CancelledError
        It failed on the way; nothing is left under the name.
    """
    options = options or WriteOptions()
    levels = target_for(path, reader.info).load().plan_levels(reader, options)
    return write_levels(reader, path, levels, options, on_progress=on_progress, cancel=cancel)


def write_levels(
    reader: Reader,
    path: str | os.PathLike[str],
    levels: Sequence[LevelPlan],
    options: WriteOptions,
    *,
    format: str | None = None,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
) -> WriteReport:
    """Write an image by a plan of one's own, with levels to copy, to scale or to encode.

    As :func:`write`; ``format`` names one of :data:`TARGETS` where the ending doesn't say it.
    """
    begin = time.perf_counter()
    target = Path(os.path.expanduser(path))
    row = target_for(target, reader.info) if format is None else target_named(format)
    emitter = row.load()
    lost = emitter.emit(reader, target, levels, options, on_progress=on_progress, cancel=cancel)
    return WriteReport(
        target, disk_bytes(target), time.perf_counter() - begin, len(levels), tuple(lost)
    )


def disk_bytes(path: Path) -> int:
    """Return the size of a file, or of all files below a folder."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
