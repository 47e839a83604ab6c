"""Carries a plan out: gives the engine its levels, each with the encoder that it needs."""

from pathlib import Path

from ziggurat.converter.plan.options import ConvertOptions, Layout, Predictor
from ziggurat.converter.plan.plan import ConversionPlan, Step
from ziggurat.readers.errors import ConversionError, ZigguratError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import TileFormat
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader
from ziggurat.writers.formats.registry import write_levels
from ziggurat.writers.model.levels import Copy, LevelPlan, TileEncoder
from ziggurat.writers.model.options import WriteOptions
from ziggurat.writers.model.progress import Cancellation, ProgressCallback
from ziggurat.writers.model.report import WriteReport


def emit(
    reader: Reader,
    plan: ConversionPlan,
    output: Path,
    options: ConvertOptions,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
) -> WriteReport:
    """Write an image as the plan says; it appears at ``output`` when it is complete.

    Raises
    ------
    ConversionError
        What the source says of itself can't be: it is damaged.
    """
    write_options = options_for_writing(plan, options, reader)
    levels = level_plans(plan, reader.info, write_options)
    try:
        return write_levels(
            reader,
            output,
            levels,
            write_options,
            output=plan.target,
            on_progress=on_progress,
            cancel=cancel,
        )
    except (ZigguratError, OSError, MemoryError):
        raise
    except Exception as error:  # libraries refuse with whatever comes what a damaged source says
        raise ConversionError(
            f"{plan.source} can't be written as it says it is: {error}"
        ) from error


def _copied_byteorder(reader: Reader, plan: ConversionPlan) -> str:
    """Return the byte order of raw samples that are copied: a TIFF has but one."""
    for step in plan.steps:
        if isinstance(step.origin, Copy):
            tiles = reader.plane(step.origin.level, 0).encoded()
            if tiles is not None and tiles.format.codec.row.raw and tiles.format.bits > 8:
                return tiles.format.byteorder
    return "<"


def options_for_writing(
    plan: ConversionPlan, options: ConvertOptions, reader: Reader
) -> WriteOptions:
    """Return the writer's options for a plan of an image."""
    unused = plan.target.codecs[0].value  # where all is copied
    codec = Codec.named(next((step.codec for step in plan.steps if step.action != "copy"), unused))
    return WriteOptions(
        lossy=plan.quality is not None,
        compression=codec,
        quality=plan.quality,
        level=options.effort,
        reducer=options.resample,
        predictor=options.predictor is not Predictor.NONE,
        pyramid=options.lower_levels.pyramid if plan.target.name == "tiff" else None,
        tile_size=options.tile_size,
        ome_version=options.ome_version,
        overwrite=options.overwrite,
        cog_order=options.layout is Layout.COG,
        named_after=None if options.deidentify else _without_query(plan.source),
        threads=options.threads,
        max_memory=options.max_memory,
        byteorder=_copied_byteorder(reader, plan),
    )


def _without_query(source: str) -> str:
    """Return a source without what stands behind its URL, which may be a secret."""
    return source.split("?")[0] if "://" in source else source


def level_plans(
    plan: ConversionPlan, info: ImageInfo, options: WriteOptions
) -> tuple[LevelPlan, ...]:
    """Return the plan's levels as the engine takes them."""
    encode: TileEncoder | None = None
    form: TileFormat | None = None
    if plan.encoded_tiles:
        encode, form = plan.target.load().level_encoder(info, options)
    return tuple(_level_plan(step, encode, form) for step in plan.steps)


def _level_plan(step: Step, encode: TileEncoder | None, form: TileFormat | None) -> LevelPlan:
    size = (step.width, step.height, step.tile_width, step.tile_height)
    if isinstance(step.origin, Copy):
        return LevelPlan(*size, step.origin, None)
    return LevelPlan(*size, step.origin, encode, form)
