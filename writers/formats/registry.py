"""The table of output containers, and their front door: ``write(reader, path)``.

To add one: a room or a file in this folder that has the functions of
:class:`.contract.Emitter`, and one row in :data:`OUTPUTS`. The sink and the converter ask the
row; nobody else knows its name.
"""

import importlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.checks import one_text
from ziggurat.readers.model.codec import (
    CHUNK_CODECS,
    PICTURE_CHUNKS,
    PRIVATE_TAGS,
    TILE_CODECS,
    Codec,
)
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.views.views import without_associated
from ziggurat.writers.formats.contract import Divisible, Emitter
from ziggurat.writers.formats.layout import check_cog_order
from ziggurat.writers.formats.notes import idle_notes, reader_notes
from ziggurat.writers.model.levels import LevelPlan, Stored
from ziggurat.writers.model.options import WriteOptions
from ziggurat.writers.model.progress import Cancellation, ProgressCallback
from ziggurat.writers.model.report import WriteReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output container: how it is named, who writes it, and what it consists of.

    Attributes
    ----------
    name
        As ``--format`` takes it.
    module
        Has the functions of :class:`Emitter`.
    suffixes
        Endings of names that mean it; the first one is given to outputs in a folder.
    codecs
        What it can be compressed with; the first one is used where nothing else is chosen.
    on_request
        Codecs besides, that few programs read in it: never chosen unless they are asked for.
    tile
        Side of its tiles or chunks, where nobody asks for another.
    geospatial
        None: for all images; True: only for maps, see :func:`is_map`.
    folder
        It is a folder, not a file.
    beside
        It is a file and a folder beside it, named as the file without its ending, and this.
    tiles
        How its tiles are called, for people.
    padded
        Tiles at the right and bottom edge have the full size.
    source_tiles
        Tiles that are encoded take the size of the source's where they can.
    levels_by_library
        A library makes the levels: it takes all the stored ones, or halves (rounding down).
    uniform
        Its levels are all halvings of the first one, and the tiles of all are squares of one size:
        the source's where those of its first level can be copied. Copied tiles are cut at the edge.
    flat
        It has one level of one frame, and no tiles.
    smallest
        Levels of which no side is longer than this are left out, but for the first.
    read_as
        What ``ImageInfo.format`` calls it when it is read back.
    faithful
        Associated images, the ICC profile and what the bands mean are read back as they were.
    signed
        It says that ziggurat wrote it.
    known_tags
        Compressions of TIFF that are private, but known to those who read this container.
    pictures
        Names of the associated images that it has a place for; None: any.
    fixed_effort
        Codecs whose effort what writes it can't choose.
    masked
        Codecs beside which it keeps alpha as a mask, which is all or nothing.
    cog_order
        It is, or can be, laid out as a cloud-optimized TIFF.
    divisible
        Its module has the functions of :class:`Divisible`.
    tree
        ``module:class`` of a :class:`Tree`, where its tiles are objects of their own.
    """

    name: str
    module: str
    suffixes: tuple[str, ...]
    codecs: tuple[Codec, ...]
    tile: int
    on_request: tuple[Codec, ...] = ()
    geospatial: bool | None = None
    folder: bool = False
    beside: str = ""
    tiles: str = "tiles"
    padded: bool = True
    source_tiles: bool = False
    levels_by_library: bool = False
    uniform: bool = False
    flat: bool = False
    smallest: int = 0
    read_as: str = ""
    faithful: bool = False
    signed: bool = True
    known_tags: tuple[int, ...] = ()
    pictures: tuple[str, ...] | None = None
    fixed_effort: tuple[Codec, ...] = ()
    masked: tuple[Codec, ...] = ()
    cog_order: bool = False
    divisible: bool = False
    tree: str | None = None

    def fits(self, name: str, *, placed: bool) -> bool:
        """Return True where a name means this output, for images with(out) a place on earth."""
        return name.endswith(self.suffixes) and self.geospatial in (None, placed)

    def has_level(self, index: int, width: int, height: int) -> bool:
        """Return True where it has a level of such a size at such a place."""
        return index == 0 or max(width, height) > self.smallest

    def folder_beside(self, path: Path) -> Path | None:
        """Return the folder that belongs to an output's file; None where there is none."""
        return path.with_name(path.stem + self.beside) if self.beside else None

    def load(self) -> Emitter:
        """Import the module."""
        module: Emitter = importlib.import_module(self.module)
        return module

    def plan_levels(self, reader: Reader, options: WriteOptions) -> tuple[LevelPlan, ...]:
        """Return the levels that it will have; those of just such a size that are there are taken.

        Raises
        ------
        OptionError
            The compression can't hold the image's samples.
        """
        plan = self.load().plan_levels(reader, options)
        if self.levels_by_library or self.flat or len(reader.info.levels) == 1:
            return tuple(plan)
        sizes = [(level.width, level.height) for level in reader.info.levels]
        return tuple(
            replace(level, origin=Stored(sizes.index((level.width, level.height))))
            if (level.width, level.height) in sizes
            else level
            for level in plan
        )

    def load_divisible(self) -> Divisible:
        """Import the module of an output whose tiles many may make.

        Raises
        ------
        OptionError
            It is none.
        """
        if not self.divisible:
            able = ", ".join(row.name for row in OUTPUTS if row.divisible)
            raise OptionError(
                f"{self.name} can't be written as tasks, unsupported by what writes it; {able} can"
            )
        module: Divisible = importlib.import_module(self.module)
        return module


_ROOM = "ziggurat.writers.formats"
_DEFLATE_FIRST = (Codec.DEFLATE, *(codec for codec in TILE_CODECS if codec is not Codec.DEFLATE))

# Order matters: the first row that fits.
OUTPUTS: tuple[Output, ...] = (
    Output(
        name="ome-tiff", module=f"{_ROOM}.tiff.ome_tiff", suffixes=(".ome.tiff", ".ome.tif"),
        codecs=_DEFLATE_FIRST, tile=256, source_tiles=True, divisible=True, read_as="ome-tiff",
        faithful=True,
    ),
    Output(
        name="cog", module=f"{_ROOM}.cog.cog", suffixes=(".tif", ".tiff"), geospatial=True,
        codecs=(Codec.DEFLATE, Codec.NONE, Codec.JPEG, Codec.LZW, Codec.ZSTD, Codec.WEBP),
        fixed_effort=(Codec.WEBP,), masked=(Codec.JPEG,), tile=512, levels_by_library=True,
        pictures=(), cog_order=True, read_as="GTiff",
    ),
    Output(
        name="tiff", module=f"{_ROOM}.tiff.tiff",
        suffixes=(".tiff", ".tif", ".ptif", ".btf", ".tf8"), codecs=_DEFLATE_FIRST, tile=256,
        source_tiles=True, cog_order=True, divisible=True, read_as="tiff", faithful=True,
    ),
    Output(
        name="svs", module=f"{_ROOM}.tiff.svs", suffixes=(".svs",), codecs=_DEFLATE_FIRST,
        tile=256, source_tiles=True, known_tags=PRIVATE_TAGS, smallest=1024, divisible=True,
        pictures=("label", "macro", "thumbnail"), read_as="aperio", faithful=True, signed=False,
    ),
    Output(
        name="ome-zarr", module=f"{_ROOM}.zarr.ome_zarr", suffixes=(".zarr",), folder=True,
        codecs=CHUNK_CODECS, on_request=PICTURE_CHUNKS, tile=512, tiles="chunks", padded=False,
        divisible=True, tree=f"{_ROOM}.zarr.parts:ZarrTree", read_as="ome-zarr", faithful=True,
    ),
    Output(
        name="ome-zarr-zip", module=f"{_ROOM}.zarr.ome_zarr",
        suffixes=(".zarr.zip", ".zip", ".ozx"), codecs=CHUNK_CODECS, on_request=PICTURE_CHUNKS,
        tile=512, tiles="chunks", padded=False, divisible=True, read_as="ome-zarr", faithful=True,
    ),
    Output(
        name="ome-zarr-sqlite", module=f"{_ROOM}.zarr.ome_zarr",
        suffixes=(".zarr.db", ".db", ".sqlite"), codecs=CHUNK_CODECS, tile=512, tiles="chunks",
        padded=False, divisible=True, read_as="ome-zarr", faithful=True,
    ),
    Output(
        name="dzi", module=f"{_ROOM}.deepzoom.deepzoom", suffixes=(".dzi",), beside="_files",
        codecs=(Codec.PNG, Codec.JPEG), tile=254, padded=False, uniform=True, read_as="deepzoom",
    ),
    Output(
        name="szi", module=f"{_ROOM}.deepzoom.deepzoom", suffixes=(".szi",),
        codecs=(Codec.PNG, Codec.JPEG), tile=254, padded=False, uniform=True, read_as="deepzoom",
    ),
    Output(
        name="png", module=f"{_ROOM}.flat", suffixes=(".png",), codecs=(Codec.PNG,), tile=0,
        flat=True, pictures=(),
    ),
    Output(
        name="jpeg", module=f"{_ROOM}.flat", suffixes=(".jpg", ".jpeg"), codecs=(Codec.JPEG,),
        tile=0, flat=True, pictures=(),
    ),
    Output(
        name="webp", module=f"{_ROOM}.flat", suffixes=(".webp",), codecs=(Codec.WEBP,), tile=0,
        flat=True, pictures=(),
    ),
)  # fmt: skip


def is_map(info: ImageInfo) -> bool:
    """Return True for a raster with a place on earth; frames with a place are pages, no COG."""
    return info.geo is not None and info.frames == 1


def find_output(path: str | os.PathLike[str], *, placed: bool = False) -> Output | None:
    """Return the output that a name means, None where it means none.

    ``placed``: the image has a place on earth.
    """
    name = os.fspath(path).rstrip("/").lower()
    return next((row for row in OUTPUTS if row.fits(name, placed=placed)), None)


def output_read(info: ImageInfo) -> Output | None:
    """Return the first output that is read back under the format's name of an image."""
    return next((row for row in OUTPUTS if row.read_as == info.format), None)


def output_for(path: str | os.PathLike[str], *, placed: bool = False) -> Output:
    """Return the output that a name means, as :func:`find_output`.

    Raises
    ------
    OptionError
        No output has such an ending.
    """
    row = find_output(path, placed=placed)
    if row is None:
        known = sorted({suffix for row in OUTPUTS for suffix in row.suffixes})
        raise OptionError(
            f"{Path(path).name!r} doesn't say what it shall be; known are {', '.join(known)}"
        )
    return row


def output_named(name: str, *, placed: bool = False) -> Output:
    """Return the output of a name; with a place on earth a TIFF is a COG.

    Raises
    ------
    OptionError
        There is none of that name.
    """
    rows = {row.name: row for row in OUTPUTS}
    return rows[one_text("format", "cog" if placed and name == "tiff" else name, rows)]


def write(
    reader: Reader,
    path: str | os.PathLike[str],
    options: WriteOptions | None = None,
    *,
    output: str | None = None,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
) -> WriteReport:
    """Write an image with all its frames, levels, metadata and associated images.

    Parameters
    ----------
    reader
        Where pixels and all facts come from. It is read from several threads.
    path
        The output; its ending decides the format (see :data:`OUTPUTS`).
    options
        None: lossy where that suits the image, in the format's own layout.
    output
        The format by its name, whatever the ending says.

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
    if not options.associated:
        reader = without_associated(reader)
    placed = is_map(reader.info)
    row = output_for(path, placed=placed) if output is None else output_named(output, placed=placed)
    levels = row.plan_levels(reader, options)
    report = write_levels(
        reader, path, levels, options, output=row, on_progress=on_progress, cancel=cancel
    )
    return replace(report, notes=(*report.notes, *idle_notes(row, options, levels)))


def write_levels(
    reader: Reader,
    path: str | os.PathLike[str],
    levels: Sequence[LevelPlan],
    options: WriteOptions,
    *,
    output: Output | None = None,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
) -> WriteReport:
    """Write an image by a plan of one's own, with levels to copy, to scale or to encode.

    As :func:`write`; ``output`` says as what; None: as the name says.
    """
    begin = time.perf_counter()
    target = Path(os.path.expanduser(path))
    row = output or output_for(target, placed=is_map(reader.info))
    if options.cog_order:
        check_cog_order(row, reader.info.frames, options.pyramid)
    emitter = row.load()
    lost = emitter.emit(reader, target, levels, options, on_progress=on_progress, cancel=cancel)
    told = tuple(dict.fromkeys((*emitter.expected_losses(reader.info), *lost)))
    codecs = [plan.format.codec.value for plan in levels if plan.format is not None]
    return WriteReport(
        path=target,
        bytes=sum(disk_bytes(part) for part in output_parts(target)),
        seconds=time.perf_counter() - begin,
        levels=len(levels),
        lost=told,
        notes=tuple(reader_notes(row, codecs)),
    )


def output_parts(path: Path) -> list[Path]:
    """Return the file or folder of an output, and the folder beside it where it has one."""
    row = find_output(path)
    folder = None if row is None else row.folder_beside(path)
    return [path, *([folder] if folder is not None and folder.is_dir() else [])]


def disk_bytes(path: Path) -> int:
    """Return the size of a file, or of all files below a folder."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
