"""DeepZoom: ``x.dzi`` with its tiles in ``x_files``, or all of it in one zip, ``x.szi``.

All levels come from the pyramid engine in one pass, down to one pixel, as viewers want them. Tiles
are 254 pixels wide and hold one more of each neighbour, so that no seams are seen between them,
unless they are copied or another size is asked for: those hold no more than their own.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from ziggurat.readers.codecs.jpeg_decode import complete_stream
from ziggurat.readers.codecs.jpeg_stream import merge_tables
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.codec import Codec, check_effort
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect, cell_rect, level_sizes
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.reader import Reader
from ziggurat.writers.codecs.tiles import default_compression, whole_jpeg
from ziggurat.writers.files.atomic import atomic_file
from ziggurat.writers.files.keys import FolderWriter, KeyWriter
from ziggurat.writers.files.zipstore import ZipWriter
from ziggurat.writers.formats.deepzoom import documents
from ziggurat.writers.formats.map_facts import lost_map_facts
from ziggurat.writers.formats.registry import output_named
from ziggurat.writers.model.levels import Cascade, Copy, EncodedTile, LevelPlan, Stored, TileEncoder
from ziggurat.writers.model.options import PyramidStyle, WriteOptions
from ziggurat.writers.model.progress import Cancellation, ProgressCallback
from ziggurat.writers.pyramid.budget import budget
from ziggurat.writers.pyramid.engine import build
from ziggurat.writers.resample.halve import shrinker

_DZI, _SZI = output_named("dzi"), output_named("szi")
_TILE, _OVERLAP = _DZI.tile, 1
_SUFFIXES = {Codec.JPEG: "jpeg", Codec.PNG: "png"}
_PICTURES = (Interpretation.RGB, Interpretation.GRAY)


def plan_levels(reader: Reader, options: WriteOptions) -> tuple[LevelPlan, ...]:
    """Return a ÷2 pyramid down to one tile, all of it encoded anew.

    Raises
    ------
    OptionError
        There are several frames, or neither JPEG nor PNG holds such samples.
    """
    info = reader.info
    if options.pyramid is PyramidStyle.NONE:
        raise OptionError("DeepZoom has all levels: pyramid 'none' is for TIFF and OME-Zarr")
    encode, form = level_encoder(info, options)
    side = options.tile_size or _TILE
    return tuple(
        LevelPlan(*size, side, side, Cascade() if index else Stored(0), encode, form)
        for index, size in enumerate(level_sizes(info.width, info.height, side))
    )


def expected_losses(info: ImageInfo) -> tuple[str, ...]:
    """Return what a DeepZoom image has no place for."""
    lost = list(lost_map_facts(info, holds_place=False))
    if info.interpretation is Interpretation.PALETTE:
        lost.append("the palette: its indices are shown as gray")
    if info.band_names or any(channel.name for channel in info.channels):
        lost.append("the names of the channels")
    if "additionalMetadata" in info.given:
        lost.append("additional metadata: .tiff, .svs and .zarr hold them")
    if info.nodata is not None:
        lost.append("the value that stands for nothing")
    return tuple(lost)


def copy_refusal(tiles: EncodedLevel, info: ImageInfo) -> str | None:
    """Return why tiles of this kind can't be files of their own; None where they can."""
    form, size = tiles.format, (tiles.tile_width, tiles.tile_height)
    if form.codec is not Codec.JPEG or form.lossless or form.bits != 8 or form.planar:
        return "browsers show JPEG of 8 bits"
    if info.interpretation not in _PICTURES or form.photometric is Photometric.PALETTE:
        return "JPEG in a browser is gray or in colours"
    if size[0] != size[1] or size[0] % 2:
        return f"DeepZoom wants squares of even size, not {size[0]} x {size[1]}"
    return None


def level_encoder(info: ImageInfo, options: WriteOptions) -> tuple[TileEncoder, TileFormat]:
    """Return what encodes tiles, and what they are then; raises as :func:`plan_levels`."""
    codec = options.compression or default_compression(info, options.lossy)
    if options.compression is None and codec is not Codec.JPEG:
        codec = Codec.PNG
    _check(info, codec, options)
    form = TileFormat(
        codec=codec,
        photometric=Photometric.RGB if info.bands > 2 else Photometric.GRAY,
        bands=info.bands,
        bits=8 * info.dtype.itemsize,
        dtype=info.dtype.name,
        lossless=codec is Codec.PNG,
    )
    return _encoder(codec, info, options), form


def _encoder(codec: Codec, info: ImageInfo, options: WriteOptions) -> TileEncoder:
    if codec is not Codec.PNG:
        return whole_jpeg(info.bands, options)
    check_effort(codec, options.level)
    return lambda tile: documents.png(tile, options.level)


def _check(info: ImageInfo, codec: Codec, options: WriteOptions) -> None:
    if info.frames > 1:
        raise OptionError(
            f"DeepZoom holds one frame, not {info.frames}; choose one (--frames, frames=), or "
            ".ome.tiff or .zarr for all"
        )
    if codec not in _SUFFIXES:
        raise OptionError(f"{codec.value} is not for DeepZoom, whose tiles are jpeg or png")
    if not documents.holds(codec, info):
        raise OptionError(
            f"{codec.value} takes {codec.row.domain}; this image has {info.bands} bands of "
            f"{info.dtype}; choose bands (--bands, bands=), or .tiff or .zarr, which hold them"
        )
    exact = not options.lossy or info.interpretation not in _PICTURES
    if exact and codec.row.must_lose:
        raise OptionError(f"{codec.value} can't keep every value, which is asked for; png does")


def emit(
    reader: Reader,
    path: Path,
    levels: Sequence[LevelPlan],
    options: WriteOptions,
    *,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
) -> tuple[str, ...]:
    """Write a DeepZoom image; see :func:`ziggurat.writers.formats.registry.write`."""
    info, tile = reader.info, levels[0].tile_width
    codec = Codec.JPEG if levels[0].format is None else levels[0].format.codec
    if any(plan.format is not None and plan.format.codec is not codec for plan in levels):
        raise OptionError(
            "the tiles of a DeepZoom image must be of one codec, those that are copied too"
        )
    encode = _encoder(codec, info, options)
    overlap = _OVERLAP if tile == _TILE else 0
    plans = _all_levels(levels, encode, overlap)
    shrink = shrinker(info, options.reducer)
    lost: list[str] = []
    with _target(path, options) as (target, base):
        folder = f"{base}_files"
        described = documents.description(info, tile, overlap, _SUFFIXES[codec])
        target.write(f"{base}{path.suffix if _is_folder(path) else '.dzi'}", described)
        _write_facts(reader, path, target, base, lost)
        room = budget(options, tile * tile * info.bands * info.dtype.itemsize)
        tiles = build(reader, plans, shrink, room, on_progress=on_progress, cancel=cancel)
        finish = _finisher(reader, plans, encode)
        with closing(tiles):  # here: a thread that the collector ends may hold what it waits for
            for one in tiles:
                place = f"{len(plans) - 1 - one.level}/{one.column}_{one.row}"
                target.write(f"{folder}/{place}.{_SUFFIXES[codec]}", finish(one))
    return tuple(lost)


def _is_folder(path: Path) -> bool:
    """Return True for a file with a folder beside it, False for a zip."""
    name = path.name.lower()
    if not name.endswith((*_DZI.suffixes, *_SZI.suffixes)):
        raise OptionError(f"a DeepZoom image must be called .dzi or .szi, not {path.name!r}")
    return name.endswith(_DZI.suffixes)


def _all_levels(
    levels: Sequence[LevelPlan], encode: TileEncoder, overlap: int
) -> tuple[LevelPlan, ...]:
    """Return the levels with what they overlap, and those below them down to one pixel."""
    side = levels[0].tile_width
    if any((plan.tile_width, plan.tile_height) != (side, side) for plan in levels):
        raise OptionError(
            "the tiles of a DeepZoom image must be squares, of one size in all levels"
        )
    sizes = level_sizes(levels[0].width, levels[0].height, 1)
    if [(plan.width, plan.height) for plan in levels] != sizes[: len(levels)]:
        raise OptionError(
            "the levels of a DeepZoom image must be halvings, rounded up, of the first"
        )
    below = [LevelPlan(*size, side, side, Cascade(), encode) for size in sizes[len(levels) :]]
    return tuple(
        plan if plan.encode is None else replace(plan, clipped=True, overlap=overlap)
        for plan in (*levels, *below)
    )


@contextmanager
def _target(path: Path, options: WriteOptions) -> Iterator[tuple[KeyWriter, str]]:
    """Give where keys go, and what the names of all that belongs to the image begin with."""
    stem = os.fsencode(path.stem).decode("utf-8", "replace")
    if _is_folder(path):
        with atomic_file(path, options.overwrite, _DZI.folder_beside(path)) as staged:
            yield FolderWriter(staged.parent), path.stem
    else:
        with atomic_file(path, options.overwrite) as staged, ZipWriter(staged) as target:
            yield target, f"{stem}/{stem}"


def _write_facts(reader: Reader, path: Path, target: KeyWriter, base: str, lost: list[str]) -> None:
    info, folder = reader.info, f"{base}_files"
    root = folder if _is_folder(path) else base.rpartition("/")[0]
    target.write(f"{folder}/{documents.PROPERTIES}", documents.properties(info))
    if not _is_folder(path):
        target.write(f"{root}/{documents.SCAN_PROPERTIES}", documents.scan_properties(info))
    if info.icc_profile:  # in no tile: it may be many times the size of one
        target.write(f"{folder}/{documents.PROFILE}", info.icc_profile)
    for name, data in documents.associated(reader, lost):
        target.write(f"{root}/{documents.ASSOCIATED}/{name}", data)


def _finisher(
    reader: Reader, plans: Sequence[LevelPlan], encode: TileEncoder
) -> Callable[[EncodedTile], bytes]:
    """Return the function that makes a file of its own of each tile.

    Copied tiles get the tables that they shared. Those that reach over the edge of the image, and
    those that the source doesn't have, are encoded anew.
    """
    sources = [plan.origin.level if isinstance(plan.origin, Copy) else None for plan in plans]
    planes = [None if level is None else reader.plane(level, 0) for level in sources]
    stored = [None if plane is None else plane.encoded() for plane in planes]

    def finish(tile: EncodedTile) -> bytes:
        plan, plane, level = plans[tile.level], planes[tile.level], stored[tile.level]
        if plane is None or level is None:
            assert tile.data is not None, "no target value is left out of an encoded level"
            return tile.data
        cell = cell_rect(tile.column, tile.row, plan.tile_width, plan.tile_height)
        inside = cell.intersect(Rect(0, 0, plan.width, plan.height))
        whole = _stream(tile.data, level.format) if tile.data and inside == cell else None
        return encode(plane.read(inside)) if whole is None else whole

    return finish


def _stream(data: bytes, form: TileFormat) -> bytes | None:
    """Return a tile as a JPEG file; None where its colours can't be told to a browser."""
    return merge_tables(data, form.tables) if form.bands == 1 else complete_stream(data, form)
