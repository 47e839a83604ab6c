"""TIFF: tiled pages with a pyramid, as OpenSlide, QuPath, libvips, GDAL and tifffile open it."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import tifffile

from ziggurat.readers.encoded import Codec, EncodedLevel, TileFormat
from ziggurat.readers.errors import OptionError, WriteError
from ziggurat.readers.geometry import level_sizes
from ziggurat.readers.image import ImageInfo
from ziggurat.readers.reader import Reader
from ziggurat.readers.tiff_description import (
    describe_associated,
    describe_frame,
    describe_image,
)
from ziggurat.writers.atomic import atomic_file
from ziggurat.writers.budget import budget
from ziggurat.writers.codecs import tile_codec
from ziggurat.writers.layout import Cascade, Copy, LevelPlan, Stored
from ziggurat.writers.options import PyramidStyle, WriteOptions
from ziggurat.writers.progress import Cancellation, ProgressCallback
from ziggurat.writers.pyramid import build
from ziggurat.writers.resample import shrinker
from ziggurat.writers.spool import TileSorter
from ziggurat.writers.tiff_associated import associated_page
from ziggurat.writers.tiff_tags import (
    REDUCED_PAGE,
    common_byteorder,
    layout_tags,
    needs_bigtiff,
    page_tags,
)
from ziggurat.writers.writebehind import open_write_behind

TILE_SIZE = 256


def plan_levels(reader: Reader, options: WriteOptions) -> tuple[LevelPlan, ...]:
    """Return a ÷2 pyramid down to one tile, all of it encoded anew.

    Raises
    ------
    OptionError
        The compression can't hold the image's samples.
    """
    info = reader.info
    codec = tile_codec(info, options)
    shrinker(info, options.reducer)
    side = options.tile_size or TILE_SIZE
    sizes = level_sizes(info.width, info.height, side)
    if options.pyramid is PyramidStyle.NONE:
        sizes = sizes[:1]
    return tuple(
        LevelPlan(
            width, height, side, side, Cascade() if index else Stored(0), codec.encode, codec.format
        )
        for index, (width, height) in enumerate(sizes)
    )


def emit(
    reader: Reader,
    path: Path,
    levels: Sequence[LevelPlan],
    options: WriteOptions,
    *,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
) -> tuple[str, ...]:
    """Write a TIFF; see :func:`ziggurat.writers.write.write`."""
    info = reader.info
    style = options.pyramid or (PyramidStyle.SUBIFD if info.frames > 1 else PyramidStyle.PAGES)
    descriptions = [options.description or describe_image(info)]
    descriptions += [describe_frame(frame) for frame in range(1, info.frames)]
    return write_pages(
        reader, path, levels, options, style, descriptions, on_progress=on_progress, cancel=cancel
    )


def write_pages(
    reader: Reader,
    path: Path,
    levels: Sequence[LevelPlan],
    options: WriteOptions,
    style: PyramidStyle,
    descriptions: Sequence[str | None],
    *,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
) -> tuple[str, ...]:
    """Write the pages of all frames, then those of the associated images.

    Parameters
    ----------
    style
        Where lower levels go. Pages are for one frame only: readers would take the levels of
        one frame for the next frame.
    descriptions
        Of the first page of each frame.
    """
    info = reader.info
    if style is PyramidStyle.PAGES and info.frames > 1 and len(levels) > 1:
        raise OptionError(
            f"pages of levels and of {info.frames} frames can't be told apart; use subifd"
        )
    shrink = shrinker(info, options.reducer)
    with atomic_file(path, options.overwrite) as staged:
        tiles = build(
            reader,
            levels,
            shrink,
            budget(options, tile_bytes(levels[0], info)),
            on_progress=on_progress,
            cancel=cancel,
        )
        with (
            closing(TileSorter(tiles, staged.parent)) as sorter,
            open_tiff(staged, reader, levels) as tiff,
        ):
            for frame in range(info.frames):
                _write_frame(
                    tiff, reader, levels, sorter, options, style, frame, descriptions[frame]
                )
            lost = [
                write_associated(
                    tiff,
                    reader,
                    name,
                    {"description": describe_associated(name), "software": options.software},
                )
                for name in info.associated
            ]
    return tuple(loss for loss in lost if loss)


def tile_bytes(plan: LevelPlan, info: ImageInfo) -> int:
    """Return how many bytes the samples of one tile take."""
    return plan.tile_width * plan.tile_height * info.bands * info.dtype.itemsize


def level_format(reader: Reader, plan: LevelPlan, frame: int) -> TileFormat:
    """Return what the tiles of a level are, made or copied."""
    if not isinstance(plan.origin, Copy):
        if plan.format is None:
            raise OptionError("an encoded level needs the format of what its encoder makes")
        return plan.format
    encoded: EncodedLevel | None = reader.encoded(plan.origin.level, frame)
    if encoded is None:
        raise OptionError("the source has no tiles to copy")
    if encoded.format.codec is Codec.OTHER or encoded.format.planar:
        raise OptionError("tiles of this kind can't be copied into a TIFF; encode them anew")
    return encoded.format


@contextmanager
def open_tiff(staged: Path, reader: Reader, levels: Sequence[LevelPlan]) -> Iterator[Any]:
    """Give a TIFF writer: as big as it has to be, in the byte order of what is copied."""
    info = reader.info
    forms = [level_format(reader, plan, 0) for plan in levels]
    pictures = sum(reader.read_associated(name).nbytes for name in info.associated)
    extra = pictures * 2 + info.frames * len(levels) * len(info.icc_profile or b"")
    big = needs_bigtiff(list(zip(levels, forms, strict=True)), info.frames, extra)
    order = common_byteorder(forms)
    with (
        open_write_behind(staged) as file,
        tifffile.TiffWriter(file, bigtiff=big, byteorder=order, ome=False) as tiff,
    ):
        yield tiff


def _write_frame(
    tiff: Any,
    reader: Reader,
    levels: Sequence[LevelPlan],
    sorter: TileSorter,
    options: WriteOptions,
    style: PyramidStyle,
    frame: int,
    description: str | None,
) -> None:
    below = style is PyramidStyle.SUBIFD
    for index in range(len(levels)):
        extra: dict[str, Any] = {"software": options.software}
        if index == 0:
            extra["subifds"] = len(levels) - 1 if below else None
            extra["description"] = description
        else:
            extra["subfiletype"] = REDUCED_PAGE
        write_level(tiff, reader, levels, sorter, frame, index, extra)


def write_level(
    tiff: Any,
    reader: Reader,
    levels: Sequence[LevelPlan],
    sorter: TileSorter,
    frame: int,
    index: int,
    extra: dict[str, Any],
) -> None:
    """Write one level of one frame as a page; ``extra`` are further arguments of tifffile's."""
    plan = levels[index]
    columns, rows = plan.grid
    arguments = layout_tags(plan, level_format(reader, plan, frame), reader.info)
    arguments |= page_tags(reader.info, plan) | extra
    try:
        tiff.write(sorter.level(frame, index, columns * rows), **arguments)
    except StopIteration as error:
        raise WriteError(f"level {index} of frame {frame} ended early") from error


def write_associated(tiff: Any, reader: Reader, name: str, extra: dict[str, Any]) -> str | None:
    """Write one associated image; return what went wrong with it, if that is not fatal."""
    page = associated_page(reader, name)
    if page is None:
        return f"associated image {name!r} has samples that TIFF can't hold"
    data, arguments = page
    tiff.write(data, metadata=None, **(arguments | extra))
    return None
