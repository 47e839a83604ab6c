"""TIFF: tiled pages with a pyramid, as OpenSlide, QuPath, libvips, GDAL and tifffile open it."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tifffile

from ziggurat.readers.errors import OptionError
from ziggurat.readers.formats.tiff.pages.description import (
    describe_associated,
    describe_frame,
    describe_image,
)
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, TileFormat
from ziggurat.readers.model.geometry import level_sizes
from ziggurat.readers.model.image import GeoReference, ImageInfo
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.ngff.attributes import stored_label
from ziggurat.writers.files.atomic import atomic_file
from ziggurat.writers.files.writebehind import open_write_behind
from ziggurat.writers.formats.map_facts import lost_map_facts
from ziggurat.writers.formats.registry import output_named
from ziggurat.writers.formats.tiff.associated import associated_page
from ziggurat.writers.formats.tiff.cog_order import order_as_cog
from ziggurat.writers.formats.tiff.moved import TileMover, moved_places, with_moves
from ziggurat.writers.formats.tiff.tags import (
    REDUCED_PAGE,
    common_byteorder,
    layout_tags,
    needs_bigtiff,
    page_tags,
)
from ziggurat.writers.formats.tiff.trim import trim_pages
from ziggurat.writers.model.levels import (
    Cascade,
    Copy,
    EncodedTile,
    LevelPlan,
    Stored,
    TileEncoder,
)
from ziggurat.writers.model.options import PyramidStyle, WriteOptions
from ziggurat.writers.model.progress import Cancellation, Meter, ProgressCallback
from ziggurat.writers.pyramid.budget import budget
from ziggurat.writers.pyramid.engine import Builder, build
from ziggurat.writers.pyramid.spool import TileSorter
from ziggurat.writers.resample.halve import shrinker

_TILE_SIZE = output_named("tiff").tile


def plan_levels(reader: Reader, options: WriteOptions) -> tuple[LevelPlan, ...]:
    """Return a ÷2 pyramid down to one tile, all of it encoded anew.

    Raises
    ------
    OptionError
        The compression can't hold the image's samples.
    """
    info = reader.info
    encode, form = level_encoder(info, options)
    shrinker(info, options.reducer)
    side = options.tile_size or _TILE_SIZE
    sizes = level_sizes(info.width, info.height, side)
    if options.pyramid is PyramidStyle.NONE:
        sizes = sizes[:1]
    return tuple(
        LevelPlan(width, height, side, side, Cascade() if index else Stored(0), encode, form)
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
    make: Builder = build,
) -> tuple[str, ...]:
    """Write a TIFF; see :func:`ziggurat.writers.formats.registry.write`."""
    info = reader.info
    style = options.pyramid or (PyramidStyle.SUBIFD if info.frames > 1 else PyramidStyle.PAGES)
    descriptions = [options.description or describe_image(info)]
    descriptions += [describe_frame(frame) for frame in range(1, info.frames)]
    return write_pages(
        reader,
        path,
        levels,
        options,
        Pages(style, descriptions, place=True),
        on_progress=on_progress,
        cancel=cancel,
        make=make,
    )


@dataclass(frozen=True, slots=True)
class Pages:
    """How pages lie, and what they say.

    Parameters
    ----------
    style
        Where lower levels go. Pages follow that of their frame, marked as reduced; of several
        frames, readers that don't heed the mark take them for frames.
    descriptions
        Of the first page of each frame.
    place
        These pages say where on earth they are, too.
    """

    style: PyramidStyle
    descriptions: Sequence[str | None]
    place: bool = False


def write_pages(
    reader: Reader,
    path: Path,
    levels: Sequence[LevelPlan],
    options: WriteOptions,
    pages: Pages,
    *,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
    make: Builder = build,
) -> tuple[str, ...]:
    """Write the pages of all frames, then those of the associated images."""
    info, place = reader.info, pages.place
    levels = with_moves(reader, levels)
    with atomic_file(path, options.overwrite) as staged:
        with open_tiff(staged, reader, levels, options, on_progress, cancel, make) as out:
            for frame in range(info.frames):
                facts: dict[str, Any] = {
                    "software": options.software,
                    "description": pages.descriptions[frame],
                }
                if place and info.geo is not None:
                    facts["extratags"] = _place_tags(info, levels[0])
                _write_frame(out, reader, levels, pages.style, frame, facts)
            lost = [
                write_associated(
                    out.tiff,
                    reader,
                    name,
                    {"description": describe_associated(name), "software": options.software},
                )
                for name in info.associated
            ]
        if options.cog_order:
            order_as_cog(staged, cancel)
    if place and info.geo is not None and not _says_system(info.geo):
        lost.append("the coordinate reference system: GeoTIFF keys can't say it")
    return tuple(loss for loss in lost if loss)


def expected_losses(info: ImageInfo) -> tuple[str, ...]:
    """Return what a TIFF has no place for."""
    losses = lost_map_facts(info, holds_place=True)
    if any(stored_label(info.internal)):
        losses = (*losses, "the colours and properties of labels: OME-Zarr holds them")
    return losses


def cut_image(reader: Reader) -> Reader:
    """Return the image as its tiles are cut: as it is."""
    return reader


def blank_value(info: ImageInfo) -> None:
    """Return None: no tile is left out because of its pixels."""
    del info


def copy_refusal(tiles: EncodedLevel, info: ImageInfo) -> str | None:
    """Return why tiles of this kind can't be a TIFF's; None where they can."""
    del info
    form = tiles.format
    if form.codec is Codec.OTHER:
        return "the source's codec is not one of TIFF"
    if tiles.tile_width % 16 or tiles.tile_height % 16:
        return "the sides of its tiles are no multiples of 16, as TIFF wants them"
    if form.planar and form.bands > 1:
        return "bands are stored apart"
    return None


def level_encoder(info: ImageInfo, options: WriteOptions) -> tuple[TileEncoder, TileFormat]:
    """Return what encodes tiles, and what they are then."""
    from ziggurat.writers.codecs.tiles import tile_codec  # not before: a copy needs none

    codec = tile_codec(info, options, byteorder=options.byteorder)
    return codec.encode, codec.format


def tile_bytes(plan: LevelPlan, info: ImageInfo) -> int:
    """Return how many bytes the samples of one tile take."""
    return plan.tile_width * plan.tile_height * info.bands * info.dtype.itemsize


def level_format(reader: Reader, plan: LevelPlan, frame: int) -> TileFormat:
    """Return what the tiles of a level are, made or copied."""
    if not isinstance(plan.origin, Copy):
        if plan.format is None:
            raise OptionError("an encoded level needs the format of what its encoder makes")
        return plan.format
    encoded: EncodedLevel | None = reader.plane(plan.origin.level, frame).encoded()
    if encoded is None:
        raise OptionError("the source has no tiles to copy")
    if encoded.format.codec is Codec.OTHER or encoded.format.planar:
        raise OptionError("tiles of this kind can't be copied into a TIFF; encode them anew")
    return encoded.format


@dataclass(frozen=True, slots=True)
class OpenTiff:
    """A TIFF on its way: tifffile's writer, and where its tiles come from."""

    tiff: Any
    sorter: TileSorter
    mover: TileMover


@contextmanager
def open_tiff(
    staged: Path,
    reader: Reader,
    levels: Sequence[LevelPlan],
    options: WriteOptions,
    on_progress: ProgressCallback | None,
    cancel: Cancellation | None,
    make: Builder,
) -> Iterator[OpenTiff]:
    """Give a TIFF to write to: as big as it has to be, in the byte order of what is copied."""
    info = reader.info
    forms = [level_format(reader, plan, 0) for plan in levels]
    pictures = sum(reader.associated(name).read().nbytes for name in info.associated)
    extra = pictures * 2 + info.frames * len(levels) * len(info.icc_profile or b"")
    big = needs_bigtiff(list(zip(levels, forms, strict=True)), info.frames, extra)
    order = common_byteorder(forms)
    meter = Meter(info.frames * sum(p.grid[0] * p.grid[1] for p in levels), on_progress)
    tiles = made_tiles(reader, levels, options, meter, cancel, make)
    with open_write_behind(staged) as file:
        mover = TileMover(file, meter, cancel)
        with (
            closing(TileSorter(tiles, staged.parent)) as sorter,
            tifffile.TiffWriter(file, bigtiff=big, byteorder=order, ome=False) as tiff,
        ):
            yield OpenTiff(tiff, sorter, mover)
    mover.finish(staged)
    trim_pages(staged)


def made_tiles(
    reader: Reader,
    levels: Sequence[LevelPlan],
    options: WriteOptions,
    meter: Meter,
    cancel: Cancellation | None,
    make: Builder,
) -> Iterator[EncodedTile]:
    """Return the engine's tiles; none where all levels are moved."""
    shrink = shrinker(reader.info, options.reducer)
    if all(plan.moved for plan in levels):
        return iter(())
    room = budget(options, tile_bytes(levels[0], reader.info))
    return make(reader, levels, shrink, room, on_progress=meter.made, cancel=cancel)


def _write_frame(
    out: OpenTiff,
    reader: Reader,
    levels: Sequence[LevelPlan],
    style: PyramidStyle,
    frame: int,
    facts: dict[str, object],
) -> None:
    """Write all levels of a frame; ``facts`` are arguments of tifffile's for the first."""
    below = style is PyramidStyle.SUBIFD
    for index in range(len(levels)):
        if index == 0:
            extra = {**facts, "subifds": len(levels) - 1 if below else None}
        else:
            extra = {"software": facts["software"], "subfiletype": REDUCED_PAGE}
        write_level(out, reader, levels, frame, index, extra)


def _place_tags(info: ImageInfo, plan: LevelPlan) -> list[Any]:
    """Return the tags of a full-size page with its place on earth."""
    from ziggurat.readers.geo.geotiff import geo_tags  # loads GDAL

    assert info.geo is not None, "asked for maps only"
    return [*page_tags(info, plan).get("extratags", ()), *geo_tags(info.geo)]


def _says_system(geo: GeoReference) -> bool:
    from ziggurat.readers.geo.geotiff import says_system  # loads GDAL

    return says_system(geo)


def write_level(
    out: OpenTiff,
    reader: Reader,
    levels: Sequence[LevelPlan],
    frame: int,
    index: int,
    extra: dict[str, object],
) -> None:
    """Write one level of one frame as a page; ``extra`` are further arguments of tifffile's."""
    plan = levels[index]
    arguments = layout_tags(plan, level_format(reader, plan, frame), reader.info)
    arguments |= page_tags(reader.info, plan) | extra
    places = moved_places(reader, plan, frame)
    if places is not None:
        out.mover.write(out.tiff, places, index, arguments)
        return
    columns, rows = plan.grid
    tiles = out.sorter.level(frame, index, columns * rows)
    if plan.encode is None or plan.grid == (1, 1):
        out.tiff.write(tiles, **arguments)
    else:
        out.mover.write_sharing(out.tiff, tiles, arguments)


def write_associated(
    tiff: Any, reader: Reader, name: str, extra: dict[str, Any], *, tiled: bool = True
) -> str | None:
    """Write one associated image; return what went wrong with it, if that is not fatal.

    ``tiled``: its page may be one of tiles, where it has been that.
    """
    page = associated_page(reader, name, byteorder=tiff.tiff.byteorder, tiled=tiled)
    if page is None:
        return f"associated image {name!r} has samples that TIFF can't hold"
    data, arguments = page
    tiff.write(data, metadata=None, **(arguments | extra))
    return None
