"""OME-Zarr 0.5 (zarr v3) and 0.4 (zarr v2), as a folder or written straight into one zip.

Metadata come first, then chunks as the pyramid engine gives them: a zarr hierarchy has no order
among chunks, so nothing waits and nothing is spooled. ``.ozx`` follows RFC-9 of OME-NGFF.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ziggurat.readers.errors import OptionError
from ziggurat.readers.formats.zarr.compressors import codec_as_v2
from ziggurat.readers.model.codec import PICTURE_CHUNKS
from ziggurat.readers.model.encoded import EncodedLevel, TileFormat
from ziggurat.readers.model.geometry import Rect, level_sizes
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.ngff.attributes import (
    WrittenLevel,
    fill_value,
    image_attributes,
    image_label,
    versioned,
)
from ziggurat.readers.ngff.layout import ArrayLayout, ngff_layout
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.writers.codecs.chunks import ChunkCodec, chunk_codec, picture_codec
from ziggurat.writers.files.atomic import atomic_directory, atomic_file
from ziggurat.writers.files.keys import FolderWriter, Keys, KeyWriter
from ziggurat.writers.formats.map_facts import lost_map_facts
from ziggurat.writers.formats.registry import output_named
from ziggurat.writers.formats.zarr.associated import AssociatedImages
from ziggurat.writers.formats.zarr.display_windows import sampled_windows
from ziggurat.writers.formats.zarr.nodes import ArraySpec, array_documents, group_documents
from ziggurat.writers.formats.zarr.picture_tiles import ChunkReader, picture_refusal
from ziggurat.writers.formats.zarr.shards import ArrayChunks, shard_shape
from ziggurat.writers.formats.zarr.sqlite import SqliteWriter
from ziggurat.writers.formats.zarr.target import write_documents, zip_writer
from ziggurat.writers.model.levels import (
    Cascade,
    Copy,
    EncodedTile,
    LevelPlan,
    Stored,
    TileEncoder,
)
from ziggurat.writers.model.options import PyramidStyle, WriteOptions
from ziggurat.writers.model.progress import Cancellation, ProgressCallback
from ziggurat.writers.model.reducers import Reducer
from ziggurat.writers.pyramid.budget import budget
from ziggurat.writers.pyramid.engine import Builder, build
from ziggurat.writers.resample.halve import shrinker

SQLITE_SUFFIXES = output_named("ome-zarr-sqlite").suffixes
_CHUNK_SIZE = output_named("ome-zarr").tile
_LABEL_PATH = "labels/map"


def plan_levels(reader: Reader, options: WriteOptions) -> tuple[LevelPlan, ...]:
    """Return a ÷2 pyramid down to one chunk, all of it encoded anew.

    Raises
    ------
    OptionError
        The compression is not one of zarr's.
    """
    info = reader.info
    codec = chunk_codec(info, options)
    side = options.tile_size or _CHUNK_SIZE
    sizes = level_sizes(info.width, info.height, side)
    if options.pyramid is PyramidStyle.NONE:
        sizes = sizes[:1]
    return tuple(
        LevelPlan(
            width,
            height,
            min(side, _even(width)),
            min(side, _even(height)),
            Cascade() if index else Stored(0),
            codec.encode,
        )
        for index, (width, height) in enumerate(sizes)
    )


def expected_losses(info: ImageInfo) -> tuple[str, ...]:
    """Return what an OME-Zarr has no place for."""
    return lost_map_facts(info, holds_place=True)


def cut_image(reader: Reader) -> Reader:
    """Return the image as its chunks are cut: copied pictures all of one size and format."""
    return ChunkReader(reader)


def blank_value(info: ImageInfo) -> float:
    """Return the value of which chunks are left out."""
    return fill_value(info)


def copy_refusal(tiles: EncodedLevel, info: ImageInfo) -> str | None:
    """Return why tiles of this kind can't be chunks; None where they can."""
    if tiles.format.codec in PICTURE_CHUNKS:
        return picture_refusal(tiles, info)
    if tiles.format.zarr is None:
        return "its tiles are no chunks of a zarr array with one common compressor"
    return None


def level_encoder(info: ImageInfo, options: WriteOptions) -> tuple[TileEncoder, None]:
    """Return what encodes chunks."""
    return chunk_codec(info, options).encode, None


def _even(size: int) -> int:
    return size + size % 2


@dataclass(frozen=True)
class Planned:
    """All that is known before the first pixel is read."""

    info: ImageInfo
    version: OmeVersion
    layout: ArrayLayout
    arrays: tuple[ArraySpec, ...]
    documents: dict[str, bytes]


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
    """Write an OME-Zarr; see :func:`ziggurat.writers.formats.registry.write`.

    In SQLite it is OME-Zarr 0.4 whatever was asked for: only zarr 2 opens such stores.
    """
    if path.name.lower().endswith(SQLITE_SUFFIXES):
        options = replace(options, ome_version=OmeVersion.V04)
    _check(path, options)
    reader = cut_image(reader)
    shrink = shrinker(reader.info, options.reducer)
    associated = AssociatedImages(reader, options)
    arrays = array_specs(reader, levels, options)
    plan = planned(reader, path.name, levels, arrays, options, associated)
    with _target(path, options) as target:
        write_documents(target, plan.documents)
        associated.write(target)
        tiles = make(
            reader,
            levels,
            shrink,
            budget(options, _tile_bytes(levels[0], reader.info)),
            sparse=plan.arrays[0].fill,
            on_progress=on_progress,
            cancel=cancel,
        )
        with closing(tiles):  # here: a thread that the collector ends may hold what it waits for
            write_chunks(tiles, plan.info, plan.arrays, target, plan.version)
    return associated.lost


def _check(path: Path, options: WriteOptions) -> None:
    if path.name.lower().endswith(".ozx") and options.ome_version is not OmeVersion.V05:
        raise OptionError(f".ozx must be OME-Zarr 0.5 or later, not {options.ome_version.value}")


def _level_codecs(
    reader: Reader, levels: Sequence[LevelPlan], options: WriteOptions
) -> list[ChunkCodec]:
    """Return each level's codec: the chosen one, or what copied chunks were encoded with."""
    chosen = chunk_codec(reader.info, options)
    codecs = []
    for number, level in enumerate(levels):
        codec: ChunkCodec | None = chosen
        if isinstance(level.origin, Copy):
            encoded = reader.plane(level.origin.level, 0).encoded()
            codec = copied_codec(encoded.format, options.ome_version) if encoded else None
        if codec is None:
            raise OptionError(f"level {number} can't be copied into an OME-Zarr; encode it anew")
        codecs.append(codec)
    return codecs


def copied_codec(form: TileFormat, version: OmeVersion) -> ChunkCodec | None:
    """Return the codec of chunks that can be copied as they are; None for tiles of other kinds.

    Raises
    ------
    OptionError
        They are pictures of several bands, which zarr v2 can't hold.
    """
    if form.codec in PICTURE_CHUNKS:
        return picture_codec(form, version, _not_encoded)
    if form.zarr is None:
        return None
    codec = json.loads(form.zarr)
    return ChunkCodec(codec, codec_as_v2(codec), _not_encoded)


def _not_encoded(data: Any) -> bytes:
    raise OptionError(f"{len(data)} samples can't be encoded: their level was to be copied")


def _tile_bytes(plan: LevelPlan, info: ImageInfo) -> int:
    return plan.tile_width * plan.tile_height * info.bands * info.dtype.itemsize


@contextmanager
def _target(path: Path, options: WriteOptions) -> Iterator[KeyWriter]:
    name = path.name.lower()
    if name.endswith(SQLITE_SUFFIXES):
        with atomic_file(path, options.overwrite) as staged, SqliteWriter(staged) as database:
            yield database
    elif name.endswith((".zip", ".ozx")):
        with (
            atomic_file(path, options.overwrite) as staged,
            zip_writer(staged, options.ome_version is OmeVersion.V05) as target,
        ):
            yield target
    else:
        with atomic_directory(path, options.overwrite) as staged:
            yield FolderWriter(staged)


def array_specs(
    reader: Reader,
    levels: Sequence[LevelPlan],
    options: WriteOptions,
    shards: Sequence[tuple[int, int] | None] | None = None,
) -> tuple[ArraySpec, ...]:
    """Return the arrays of all levels.

    ``shards``: how many (columns, rows) of chunks each level has in a shard, None for none;
    without it, as many as suit its size.
    """
    info = reader.info
    layout = ngff_layout(info.axes, info.bands)
    base = f"{_LABEL_PATH}/" if _are_labels(info) else ""
    codecs = _level_codecs(reader, levels, options)
    specs = []
    for number, (level, codec) in enumerate(zip(levels, codecs, strict=True)):
        spec = _array(info, layout, level, f"{base}{number}", codec, options.ome_version)
        if shards is not None:
            several = shards[number]
            *rest, height, width = spec.chunk_shape
            shape = several and (*rest, several[1] * height, several[0] * width)
            spec = replace(spec, shard_shape=shape)
        specs.append(spec)
    return tuple(specs)


def _are_labels(info: ImageInfo) -> bool:
    return info.interpretation is Interpretation.LABELS and info.dtype.kind in "iu"


def planned(
    reader: Reader,
    name: str,
    levels: Sequence[LevelPlan],
    arrays: tuple[ArraySpec, ...],
    options: WriteOptions,
    associated: AssociatedImages,
) -> Planned:
    """Return all that is known before the first pixel is read; ``name`` is the output's."""
    info, version = reader.info, options.ome_version
    layout = ngff_layout(info.axes, info.bands)
    windows = sampled_windows(reader, layout)
    labels = _are_labels(info)
    base = f"{_LABEL_PATH}/" if labels else ""
    reducer = shrinker(info, options.reducer).reducer
    shown = name.partition(".")[0] or name

    def attributes(below: str) -> dict[str, Any]:
        written = [
            WrittenLevel(a.path.removeprefix(below), level.width, level.height)
            for a, level in zip(arrays, levels, strict=True)
        ]
        return image_attributes(
            info, layout, written, version,
            name=shown, associated=associated.paths, averaged=reducer is not Reducer.NEAREST,
            windows=windows,
        )  # fmt: skip

    zarr = version.zarr_format
    documents = group_documents("", attributes(""), zarr)
    if labels:
        documents |= _label_documents(info, attributes(base), version)
    for array in arrays:
        documents |= array_documents(array, zarr)
    return Planned(info, version, layout, arrays, documents | associated.documents)


def _label_documents(
    info: ImageInfo, attributes: dict[str, Any], version: OmeVersion
) -> dict[str, bytes]:
    """Return the groups that make a label map one of NGFF's labels; the arrays are the image's."""
    zarr = version.zarr_format
    folder, _, name = _LABEL_PATH.partition("/")
    listed = versioned({"labels": [name]}, version)
    label = image_label(info, version) | {"source": {"image": "../../"}}
    ome = attributes["ome"] if version is OmeVersion.V05 else attributes
    ome["image-label"] = label
    return group_documents(folder, listed, zarr) | group_documents(_LABEL_PATH, attributes, zarr)


def _array(
    info: ImageInfo,
    layout: ArrayLayout,
    level: LevelPlan,
    path: str,
    codec: ChunkCodec,
    version: OmeVersion,
) -> ArraySpec:
    chunk = layout.chunk_shape(level.tile_width, level.tile_height)
    several = None
    if version.zarr_format == 3:
        several = shard_shape(layout, chunk, *level.grid, info.dtype.itemsize)
    return ArraySpec(
        path=path,
        shape=layout.shape(level.width, level.height),
        chunk_shape=chunk,
        dtype=info.dtype,
        fill=fill_value(info),
        codec=codec,
        names=tuple(d.name for d in layout.dimensions),
        shard_shape=several,
        attributes=_place(info),
    )


def _place(info: ImageInfo) -> dict[str, object]:
    """Return GDAL's attribute of an array that lies on earth."""
    if info.geo is None or not info.geo.projection:
        return {}
    from ziggurat.readers.geo.crs import parse_crs  # loads GDAL, which few images need

    return {"_CRS": {"wkt": parse_crs(info.geo.projection).ExportToWkt(["FORMAT=WKT2_2019"])}}


def write_chunks(
    tiles: Iterable[EncodedTile],
    info: ImageInfo,
    specs: Sequence[ArraySpec],
    target: Keys,
    version: OmeVersion,
) -> None:
    """Put tiles where they belong, in their chunks and shards."""
    arrays = [ArrayChunks(spec, target, version.zarr_format) for spec in specs]
    place = _places(info, ngff_layout(info.axes, info.bands))
    for tile in tiles:
        arrays[tile.level].add((*place(tile.frame), tile.row, tile.column), tile.data)


def _places(info: ImageInfo, layout: ArrayLayout) -> Callable[[int], tuple[int, ...]]:
    """Return the function from a frame to its place in the chunk grid, without y and x."""
    corner, single = Rect(0, 0, 1, 1), layout.chunk_shape(1, 1)
    known: dict[int, tuple[int, ...]] = {}

    def place(frame: int) -> tuple[int, ...]:
        if frame not in known:
            known.clear()
            box = layout.window(info.frame_position(frame), corner)
            starts = zip(box, single, strict=True)
            known[frame] = tuple(start // size for (start, _), size in starts)[:-2]
        return known[frame]

    return place
