"""Holds what an output says of itself against what its source says."""

from collections.abc import Iterator

from ziggurat.converter.plan.plan import ConversionPlan
from ziggurat.readers.model.image import ImageInfo

SIZE_TOLERANCE = 1e-3  # of a pixel's size: fractions of TIFF tags and texts round it


def fact_problems(output: ImageInfo, source: ImageInfo) -> Iterator[str]:
    """Yield one sentence for each fact of the source that the output has otherwise.

    Compared are size, frames and their axes, bands, sample type, alpha, pixel sizes and the
    names of channels; the last two, and axes, where the output's format has a place for them.
    """
    pairs = {
        "size": ((output.width, output.height), (source.width, source.height)),
        "frames": (output.frames, source.frames),
        "bands": (output.bands, source.bands),
        "dtype": (output.dtype.newbyteorder("="), source.dtype.newbyteorder("=")),
    }
    for name, (ours, theirs) in pairs.items():
        if ours != theirs:
            yield f"{name} is {ours}, the source's is {theirs}"
    if output.frames == source.frames:
        yield from _axis_problems(output, source)
    yield from _pixel_size_problems(output, source)
    yield from _channel_problems(output, source)


def _axis_problems(output: ImageInfo, source: ImageInfo) -> Iterator[str]:
    """Yield axes that are others; those of one position say nothing, unnamed ones neither."""
    ours, theirs = (
        {axis.name: axis.size for axis in info.axes if axis.size > 1} for info in (output, source)
    )
    if set(ours) == set(theirs) and ours != theirs:
        yield f"axes are {ours}, the source's are {theirs}"


def _pixel_size_problems(output: ImageInfo, source: ImageInfo) -> Iterator[str]:
    square = output.format == "aperio"  # it has one size for both sides
    for name in ("mm_x",) if square else ("mm_x", "mm_y"):
        ours, theirs = getattr(output, name), getattr(source, name)
        if theirs is None:
            continue
        if ours is None or abs(ours / theirs - 1) > SIZE_TOLERANCE:
            yield f"{name} is {ours}, the source's is {theirs}"


def _channel_problems(output: ImageInfo, source: ImageInfo) -> Iterator[str]:
    ours, theirs = ([channel.name for channel in info.channels] for info in (output, source))
    if ours and any(theirs) and ours != theirs:
        yield f"channel names are {ours}, the source's are {theirs}"


def plan_problems(info: ImageInfo, plan: ConversionPlan) -> Iterator[str]:
    """Yield a sentence where the levels are not those that were planned."""
    ours = [(level.width, level.height) for level in info.levels]
    planned = [(step.width, step.height) for step in plan.steps]
    if ours != planned:
        yield f"its levels are {ours}, planned were {planned}"
