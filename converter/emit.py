"""Carries a plan out: gives the engine its levels, each with the encoder that it needs."""

from pathlib import Path

from ziggurat.converter.options import ConvertOptions, Target
from ziggurat.converter.plan import ConversionPlan, Step
from ziggurat.readers.encoded import Codec
from ziggurat.readers.image import ImageInfo
from ziggurat.readers.reader import Reader
from ziggurat.writers.codecs import TileCodec, tile_codec
from ziggurat.writers.layout import Copy, LevelPlan
from ziggurat.writers.options import Compression, PyramidStyle, WriteOptions
from ziggurat.writers.progress import Cancellation, ProgressCallback
from ziggurat.writers.write import WriteReport, write_levels


def emit(
    reader: Reader,
    plan: ConversionPlan,
    output: Path,
    options: ConvertOptions,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
) -> WriteReport:
    """Write an image as the plan says; it appears at ``output`` when it is complete."""
    write_options = options_for_writing(plan, options)
    levels = level_plans(plan, reader.info, write_options)
    return write_levels(
        reader, output, levels, write_options, on_progress=on_progress, cancel=cancel
    )


def options_for_writing(plan: ConversionPlan, options: ConvertOptions) -> WriteOptions:
    """Return the writer's options for a plan."""
    codec = next((step.codec for step in plan.steps if step.action != "copy"), Codec.DEFLATE)
    style = PyramidStyle.PAGES if plan.target is Target.SVS else None
    return WriteOptions(
        lossy=codec is Codec.JPEG,
        compression=Compression(codec.value),
        quality=options.quality,
        tile_size=options.tile_size,
        pyramid=style,
        overwrite=options.overwrite,
        threads=options.threads,
        max_memory=options.max_memory,
    )


def level_plans(
    plan: ConversionPlan, info: ImageInfo, options: WriteOptions
) -> tuple[LevelPlan, ...]:
    """Return the plan's levels as the engine takes them."""
    encoders: dict[Codec, TileCodec] = {}
    return tuple(_level_plan(step, info, options, encoders) for step in plan.steps)


def _level_plan(
    step: Step, info: ImageInfo, options: WriteOptions, encoders: dict[Codec, TileCodec]
) -> LevelPlan:
    size = (step.width, step.height, step.tile_width, step.tile_height)
    if isinstance(step.origin, Copy):
        return LevelPlan(*size, step.origin, None)
    if step.codec not in encoders:
        encoders[step.codec] = tile_codec(info, options)
    codec = encoders[step.codec]
    return LevelPlan(*size, step.origin, codec.encode, codec.format)
