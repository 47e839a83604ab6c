"""Holds what an output says of itself against what its source says."""

from collections.abc import Iterator

from ziggurat.converter.plan.plan import ConversionPlan
from ziggurat.converter.verify.rasters import has_mask
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.writers.formats.registry import output_read

_KNOWN_AXES = {"t", "z", "c"}
SIZE_TOLERANCE = 1e-3  # of a pixel's size: fractions of TIFF tags and texts round it


def fact_problems(output: ImageInfo, source: ImageInfo, *, own: bool = False) -> Iterator[str]:
    """Yield one sentence for each fact of the source that the output has otherwise.

    Compared are size, frames and their axes, bands, sample type, alpha, colours, pixel sizes,
    the names of channels; of an output of our ``own`` also the ICC profile and which associated
    images there are: what its format has a place for, and what isn't said to be withheld.
    """
    pairs = {
        "size": ((output.width, output.height), (source.width, source.height)),
        "frames": (output.frames, source.frames),
        "bands": (output.bands, source.bands),
        "dtype": (output.dtype.newbyteorder("="), source.dtype.newbyteorder("=")),
    }
    if source.alpha and output.bands == source.bands - 1 and has_mask(output):
        del pairs["bands"]  # what alpha became where the codec has no room for it
    for name, (ours, theirs) in pairs.items():
        if ours != theirs:
            yield f"{name} is {ours}, the source's is {theirs}"
    if output.frames == source.frames:
        yield from _axis_problems(output, source, own=own)
    if output.bands == source.bands:
        yield from _color_problems(output, source)
    yield from _pixel_size_problems(output, source)
    if "channels" not in output.withheld:
        yield from _channel_problems(output, source)
    row = output_read(output)
    if row is not None and row.faithful and (own or not row.signed):
        yield from _missing_pictures(output, source)
        yield from _profile_problems(output, source)


def _color_problems(output: ImageInfo, source: ImageInfo) -> Iterator[str]:
    """Yield what is transparent, or a colour, in one of both alone."""
    if output.alpha != source.alpha:
        words = {True: "is alpha", False: "is no alpha"}
        yield f"the last band {words[output.alpha]}, in the source it {words[source.alpha]}"
    ours, theirs = (info.interpretation is Interpretation.RGB for info in (output, source))
    row = output_read(output)
    if ours != theirs and row is not None and row.faithful:
        names = output.interpretation.value, source.interpretation.value
        yield f"its bands are {names[0]}, the source's {names[1]}"


def _missing_pictures(output: ImageInfo, source: ImageInfo) -> Iterator[str]:
    row = output_read(output)
    places = source.associated if row is None or row.pictures is None else row.pictures
    kept = {*output.associated, *output.withheld}
    missing = (set(source.associated) & set(places)) - kept
    for name in sorted(missing):
        yield f"the source's associated image {name!r} is missing"


def _profile_problems(output: ImageInfo, source: ImageInfo) -> Iterator[str]:
    if "icc_profile" in output.withheld or output.icc_profile == source.icc_profile:
        return
    if output.icc_profile is None:
        yield "the source's ICC profile is missing"
    elif source.icc_profile is not None:
        yield "its ICC profile is not the source's"


def _axis_problems(output: ImageInfo, source: ImageInfo, *, own: bool) -> Iterator[str]:
    """Yield axes that are others; those of one position say nothing, unnamed ones neither.

    Programs of others call an axis what they have a place for.
    """
    ours, theirs = (
        {axis.name: axis.size for axis in info.axes if axis.size > 1} for info in (output, source)
    )
    known = own and set(ours) | set(theirs) <= _KNOWN_AXES
    if ours != theirs and (known or set(ours) == set(theirs)):
        yield f"axes are {ours}, the source's are {theirs}"


def _pixel_size_problems(output: ImageInfo, source: ImageInfo) -> Iterator[str]:
    for name in ("mm_x",) if output.square_pixels else ("mm_x", "mm_y"):
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
