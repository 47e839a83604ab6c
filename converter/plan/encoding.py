"""What is known of a source, and from it: which tiles can be copied, and how others are encoded."""

import json
from dataclasses import dataclass

from ziggurat.converter.plan.options import (
    DEFAULT_QUALITY,
    Compression,
    ConvertOptions,
    Levels,
)
from ziggurat.converter.plan.pictures import PictureFacts
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.codec import PRIVATE_TAGS, Codec, names_of
from ziggurat.readers.model.encoded import EncodedLevel, TileFormat
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.ngff.version import picture_chunk_refusal
from ziggurat.writers.formats.registry import Output

COMMON = frozenset(
    {
        Codec.NONE, Codec.JPEG, Codec.WEBP, Codec.DEFLATE,
        Codec.LZW, Codec.ZSTD, Codec.PACKBITS, Codec.JPEG2000,
    }
)  # fmt: skip
LEAST_QUALITY = 75  # of what is chosen for a source of less


@dataclass(frozen=True, slots=True)
class StoredTiles:
    """What is known of a stored level's encoded tiles, and their mean size in bytes."""

    tiles: EncodedLevel
    mean_bytes: float


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """All that the plan is made from. ``tiles`` has one entry a stored level.

    An entry is None where there is no plain tile grid, or where frames differ in it.
    """

    path: str
    info: ImageInfo
    tiles: tuple[StoredTiles | None, ...]
    quality: int | None = None  # of the JPEG tiles that the pixels come from
    pictures: tuple[PictureFacts, ...] = ()
    smaller: bool = False  # the image is, than the file at ``path``
    notes: tuple[str, ...] = ()  # of what was asked of the image before it is planned


def copy_refusal(
    stored: StoredTiles | None, info: ImageInfo, target: Output, options: ConvertOptions
) -> str | None:
    """Return why a stored level's tiles can't go over as they are; None where they can."""
    if stored is None:
        return "the source has no plain grid of encoded tiles here"
    tiles, form = stored.tiles, stored.tiles.format
    if options.reencode:
        return "all is to be encoded anew"
    refusal = target.load().copy_refusal(tiles, info)
    refusal = refusal or _chunk_refusal(form.codec, info, target, options)
    if refusal is not None:
        return refusal
    if target.tiles == "chunks" and form.zarr is None and form.codec not in target.on_request:
        return f"{target.name} holds no {form.codec.value} {target.tiles}"
    if (form.bands, form.dtype) != (info.bands, info.dtype.name):
        return "its samples are not those of the image as it is read"
    odd = tiles.tile_width % 2 or tiles.tile_height % 2
    if odd and not target.padded and options.levels is Levels.FULL:
        size = f"{tiles.tile_width} x {tiles.tile_height}"
        return f"{target.tiles} of {size} pixels can't be halved"
    return _asked_refusal(stored, target, options)


def _chunk_refusal(
    codec: Codec, info: ImageInfo, target: Output, options: ConvertOptions
) -> str | None:
    """Return why an image's pictures can't be chunks of the version that is asked for."""
    if codec not in target.on_request:
        return None
    return picture_chunk_refusal(options.ome_version, codec.value, info.bands)


def tile_codec_name(form: TileFormat) -> str:
    """Return what a tile is encoded with; of a zarr chunk, the name of its compressor."""
    if form.zarr is None:
        return str(form.codec.value)
    compressor = json.loads(form.zarr)
    return "none" if compressor is None else str(compressor["name"])


def _asked_refusal(stored: StoredTiles, target: Output, options: ConvertOptions) -> str | None:
    """Return why tiles that could be copied are not what was asked for."""
    tiles, form = stored.tiles, stored.tiles.format
    sides = {tiles.tile_width, tiles.tile_height}
    if form.zarr is not None and options.tile_size is not None and sides != {options.tile_size}:
        return f"{target.tiles} of {options.tile_size} pixels were asked for"
    wanted = options.compression
    if wanted is Compression.KEEP:
        return None
    if isinstance(wanted, Codec):
        stands = tile_codec_name(form)
        other = f"{wanted.value} was asked for, the source has {stands}"
        return None if stands == wanted.value else other
    if form.zarr is not None:
        return None
    if form.codec in target.on_request:
        name = form.codec.value
        return f"few programs know {name} {target.tiles} (--compression {name} copies them)"
    if form.tiff_compression in PRIVATE_TAGS and form.tiff_compression not in target.known_tags:
        private = f"{form.codec.value} under its private number {form.tiff_compression}"
        return f"few readers know {private} (--compression keep copies it)"
    if form.codec in COMMON or form.tiff_compression is not None:
        return None
    return f"few readers know {form.codec.value} in TIFF (--compression keep copies it)"


def encode_codec(facts: SourceFacts, target: Output, options: ConvertOptions) -> str:
    """Return the codec of tiles that are encoded.

    Where none is asked for: JPEG for 8-bit pictures that were lossy already, where the target
    takes it; else the target's own (Deflate in TIFF, blosc in OME-Zarr).

    Raises
    ------
    OptionError
        The codec that is asked for is not one of the target's.
    """
    wanted = options.compression
    if isinstance(wanted, Codec):
        able = (*target.codecs, *target.on_request)
        if wanted not in able:
            raise OptionError(
                f"{wanted.value} is not for {target.name}, which takes {names_of(able)}"
            )
        refusal = _chunk_refusal(wanted, facts.info, target, options)
        if refusal is not None:
            raise OptionError(f"{refusal}; choose OME-Zarr 0.5 or another compression")
        return str(wanted.value)
    info = facts.info
    colors = info.bands - info.alpha
    picture = info.interpretation in (Interpretation.RGB, Interpretation.GRAY)
    simple = picture and info.dtype.name == "uint8" and not info.alpha and colors in (1, 3)
    able = (*target.codecs, *(target.on_request if wanted is Compression.KEEP else ()))
    jpeg = simple and is_lossy(facts) and Codec.JPEG in able
    jpeg = jpeg and _chunk_refusal(Codec.JPEG, info, target, options) is None
    return str((Codec.JPEG if jpeg else target.codecs[0]).value)


def encode_quality(
    codec: Codec, facts: SourceFacts, target: Output, options: ConvertOptions
) -> int | None:
    """Return the quality that tiles are encoded with; None: every value stays what it is.

    Unless a lossy codec or a quality is asked for, only what was lossy already is encoded with
    loss. A JPEG slide that is encoded anew (cropped, shrunk) needs no more than what it had.
    """
    row, asked = codec.row, isinstance(options.compression, Codec) or options.quality is not None
    names = facts.info.interpretation in (Interpretation.LABELS, Interpretation.PALETTE)
    if not row.can_lose or (names and not row.must_lose):
        return None
    if options.quality == 0:
        if row.must_lose:
            raise OptionError(
                f"quality 0 keeps every value, which {codec.value} can't; give 1 or more"
            )
        return None
    if not (row.must_lose or asked or is_lossy(facts)):
        return None
    if options.quality is not None:
        return options.quality
    anew = options.reencode or copy_refusal(facts.tiles[0], facts.info, target, options)
    if facts.quality is None or not anew:
        return DEFAULT_QUALITY
    return min(DEFAULT_QUALITY, max(LEAST_QUALITY, facts.quality))


def is_lossy(facts: SourceFacts) -> bool:
    """Return True for pixels that have been through a lossy codec already."""
    first = facts.tiles[0]
    if first is None:
        return facts.info.lossy
    codec = first.tiles.format.codec
    return not first.tiles.format.lossless and codec.row.can_lose and codec is not Codec.OTHER


def encode_tile_size(
    facts: SourceFacts, target: Output, options: ConvertOptions
) -> tuple[int, int]:
    """Return (width, height) of tiles that are encoded: as asked, as in the source, or usual."""
    if options.tile_size is not None:
        return options.tile_size, options.tile_size
    info, first = facts.info, facts.tiles[0]
    level = info.levels[0]
    if target.uniform and first is not None and not copy_refusal(first, info, target, options):
        return first.tiles.tile_width, first.tiles.tile_height
    if target.flat:
        return level.width, level.height
    if not target.source_tiles:
        return target.tile, target.tile
    size = level.tile_width, level.tile_height
    usable = all(side % 16 == 0 and 128 <= side <= 1024 for side in size)
    return size if usable else (target.tile, target.tile)
