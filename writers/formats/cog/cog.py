"""Cloud-optimized GeoTIFF through GDAL's COG driver: rasters that know where on earth they are."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from osgeo import gdal

from ziggurat.readers.errors import OptionError, WriteError
from ziggurat.readers.formats.gdal.reader import GdalReader
from ziggurat.readers.geo.gdal_calls import checked
from ziggurat.readers.model.codec import Codec, check_effort, names_of
from ziggurat.readers.model.encoded import EncodedLevel
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.writers.files.atomic import atomic_file
from ziggurat.writers.formats.cog.progress import GdalProgress
from ziggurat.writers.formats.cog.raster import described, fed, lost_facts
from ziggurat.writers.formats.notes import mask_losses
from ziggurat.writers.formats.registry import output_named
from ziggurat.writers.model.levels import Cascade, LevelPlan, Stored, TileEncoder
from ziggurat.writers.model.options import PyramidStyle, WriteOptions
from ziggurat.writers.model.progress import Cancellation, ProgressCallback
from ziggurat.writers.model.reducers import Reducer
from ziggurat.writers.pyramid.budget import budget

_TILE_SIZE = output_named("cog").tile
_LEAST_TILE = 128  # of the driver
DEFAULT_QUALITY = 90
_FED_SHARE = (
    0.4  # of the work: pixels go to a plain raster first, where GDAL can't read them itself
)

_CODECS = output_named("cog").codecs  # the driver has our names in capitals
_PREDICTED = (Codec.DEFLATE, Codec.LZW, Codec.ZSTD)
# Twice as fast as the driver's own, at the same size where there is a predictor.
_LEVELS = {Codec.DEFLATE: 1, Codec.ZSTD: 3}
_RESAMPLING = {
    Reducer.MEAN: "AVERAGE",
    Reducer.NEAREST: "NEAREST",
    Reducer.MODE: "MODE",
    Reducer.LANCZOS3: "LANCZOS",
    Reducer.CUBIC: "CUBIC",
}


def plan_levels(reader: Reader, options: WriteOptions) -> tuple[LevelPlan, ...]:
    """Return the stored levels where they go down to one tile, else a ÷2 pyramid that does.

    Raises
    ------
    OptionError
        A GeoTIFF can't hold the image, or the driver doesn't know an option.
    """
    creation_options(reader.info, options, levels=1, reuse=False)
    side = options.tile_size or _TILE_SIZE
    sizes = cog_sizes(reader.info.width, reader.info.height, side)
    stored = [(level.width, level.height) for level in reader.info.levels]
    if isinstance(reader, GdalReader) and max(stored[-1]) <= side:
        sizes = stored
    if options.pyramid is PyramidStyle.NONE:
        sizes = sizes[:1]
    return tuple(
        LevelPlan(width, height, side, side, Cascade() if index else Stored(0), _encoded_by_gdal)
        for index, (width, height) in enumerate(sizes)
    )


def expected_losses(info: ImageInfo) -> tuple[str, ...]:
    """Return what a COG has no place for."""
    losses = []
    if info.associated:
        losses.append(f"associated images {sorted(info.associated)}: a COG has none")
    if info.frames > 1:
        losses.append("all frames but the first: a COG has one")
    return tuple(losses)


def copy_refusal(tiles: EncodedLevel, info: ImageInfo) -> str:
    """Return why no tile is copied."""
    del tiles, info
    return "GDAL writes all tiles of a COG"


def level_encoder(info: ImageInfo, options: WriteOptions) -> tuple[TileEncoder, None]:
    """Return what stands in the place of an encoder."""
    del info, options
    return _encoded_by_gdal, None


def cog_sizes(width: int, height: int, side: int) -> list[tuple[int, int]]:
    """Return the level sizes that the driver makes: halves, odd ones rounded down."""
    sizes = [(width, height)]
    while max(sizes[-1]) > side:
        sizes.append((max(1, sizes[-1][0] // 2), max(1, sizes[-1][1] // 2)))
    return sizes


def emit(
    reader: Reader,
    path: Path,
    levels: Sequence[LevelPlan],
    options: WriteOptions,
    *,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
) -> tuple[str, ...]:
    """Write a COG; see :func:`ziggurat.writers.formats.registry.write`.

    A raster that GDAL reads itself is handed over whole, with masks, rational polynomials and all
    that it knows; any other image is fed through a plain temporary raster beside the output.
    """
    stored = [(level.width, level.height) for level in reader.info.levels]
    reuse = stored == [(plan.width, plan.height) for plan in levels]
    raster = reader if isinstance(reader, GdalReader) else None
    direct = raster is not None
    total = sum(plan.grid[0] * plan.grid[1] for plan in levels)
    progress = GdalProgress(total, on_progress, cancel)
    chosen = creation_options(reader.info, options, levels=len(levels), reuse=reuse and direct)
    with atomic_file(path, options.overwrite) as staged, ExitStack() as stack:
        if raster is not None:
            source = described(raster.handles.private(), options)
        else:
            plain = staged.parent / "pixels.tif"
            first = progress.part(0, _FED_SHARE)
            source = stack.enter_context(fed(reader, plain, options, first))
        part = progress.part(0 if direct else _FED_SHARE, 1)
        words = _create(staged, source, chosen, part)
        codec = _compression(reader.info, options)
        lost = mask_losses(output_named("cog"), reader.info, codec)
        return (*lost, *lost_facts(reader, staged, direct=direct), *map(_as_loss, words))


def _create(
    staged: Path, source: gdal.Dataset, chosen: list[str], progress: GdalProgress
) -> list[str]:
    """Let GDAL write the file; return its warnings."""
    words: list[str] = []
    what = f"{staged.name} could not be written"
    try:
        written = checked(
            what,
            lambda: gdal.GetDriverByName("COG").CreateCopy(
                str(staged), source, options=chosen, callback=progress.callback
            ),
            WriteError,
            heard=words,
        )
        checked(what, written.Close, WriteError, again=False, heard=words)
    except WriteError:
        progress.check()  # what stopped GDAL says more than GDAL
        raise
    progress.check()
    return words


def creation_options(
    info: ImageInfo, options: WriteOptions, *, levels: int, reuse: bool
) -> list[str]:
    """Return the options of the COG driver.

    Parameters
    ----------
    info, options
        The image and the caller's wishes.
    levels
        How many, with the full resolution.
    reuse
        Take the source's overviews as they are.

    Raises
    ------
    OptionError
        Something that the driver or the format can't do.
    """
    _check_image(info)
    compression = _compression(info, options)
    if compression not in _CODECS:
        raise OptionError(
            f"a COG must be compressed with one of {names_of(_CODECS)}, not {compression.value}"
        )
    side = options.tile_size or _TILE_SIZE
    if side < _LEAST_TILE:
        raise OptionError(f"the tiles of a COG must be at least {_LEAST_TILE} pixels, not {side}")
    chosen = {
        "COMPRESS": compression.value.upper(),
        "BLOCKSIZE": side,
        "BIGTIFF": "IF_SAFER",
        "NUM_THREADS": budget(options, side * side * info.bands * info.dtype.itemsize).threads,
        "RESAMPLING": _resampling(info, options),
        "OVERVIEWS": "NONE" if levels == 1 else "AUTO" if reuse else "IGNORE_EXISTING",
        **_compression_options(info, options, compression),
    }
    if not reuse and levels > 1:
        chosen["OVERVIEW_COUNT"] = levels - 1
    return [f"{name}={value}" for name, value in chosen.items()]


def _compression(info: ImageInfo, options: WriteOptions) -> Codec:
    return options.compression or default_compression(info, options.lossy)


def default_compression(info: ImageInfo, lossy: bool) -> Codec:
    """Return JPEG for colour pictures where loss is allowed; measured values stay what they are."""
    picture = info.interpretation is Interpretation.RGB and info.dtype == "uint8"
    whole = info.bands == 3 and info.nodata is None
    return Codec.JPEG if lossy and picture and whole else Codec.DEFLATE


def _check_image(info: ImageInfo) -> None:
    if info.frames > 1:
        raise OptionError(
            f"a GeoTIFF holds one frame, not {info.frames}; choose one, or write an OME-Zarr"
        )
    if info.geo is None:
        raise OptionError("a COG is for images that say where on earth they are")


def _compression_options(
    info: ImageInfo, options: WriteOptions, compression: Codec
) -> dict[str, object]:
    names = info.interpretation in (Interpretation.LABELS, Interpretation.PALETTE)
    if compression in (Codec.JPEG, Codec.WEBP):
        bands = (1, 3, 4) if compression is Codec.JPEG else (3, 4)
        if info.dtype != "uint8" or info.bands not in bands:
            raise OptionError(
                f"{compression.value} takes {' or '.join(map(str, bands))} bands of uint8; this "
                f"image has {info.bands} of {info.dtype}"
            )
        if names and compression is Codec.JPEG:
            raise OptionError("jpeg would change values that are names; use deflate or zstd")
        lossless = compression is Codec.WEBP and (names or not options.lossy)
        return {"QUALITY": 100 if lossless else (options.quality or DEFAULT_QUALITY)}
    chosen: dict[str, object] = {}
    if compression in _PREDICTED and options.predictor and not names and _predictable(info):
        chosen["PREDICTOR"] = "YES"
    if compression in _LEVELS:
        check_effort(compression, options.level)
        chosen["LEVEL"] = _LEVELS[compression] if options.level is None else options.level
    return chosen


def _predictable(info: ImageInfo) -> bool:
    """Return True for samples of a type's own width: the driver keeps 12 bits as 12 bits."""
    bands = info.internal.get("gdal", {}).get("bands", ())
    return info.dtype.kind in "iuf" and not any("bits" in band for band in bands)


def _resampling(info: ImageInfo, options: WriteOptions) -> str:
    if options.reducer is None:
        names = info.interpretation in (Interpretation.LABELS, Interpretation.PALETTE)
        return "MODE" if names else "AVERAGE"
    if options.reducer not in _RESAMPLING:
        able = ", ".join(known.value for known in _RESAMPLING)
        raise OptionError(f"GDAL makes overviews by {able}, not by {options.reducer.value}")
    return _RESAMPLING[options.reducer]


def _as_loss(word: str) -> str:
    return f"GDAL: {word}"


def _encoded_by_gdal(tile: Pixels) -> bytes:
    """Stand where a plan wants an encoder: the driver has its own."""
    del tile
    raise OptionError("tiles of a COG are encoded by GDAL")
