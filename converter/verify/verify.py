"""Is an output what it should be? Its structure, its metadata, its tiles against the source."""

import os
from collections.abc import Iterator
from pathlib import Path

from ziggurat.converter.plan.plan import ConversionPlan
from ziggurat.converter.plan.report import LevelCheck, VerificationReport
from ziggurat.converter.prepare.cuts import with_cuts
from ziggurat.converter.verify.compare import compare_levels, matching_level
from ziggurat.converter.verify.structure import decoding_problems, structure_problems
from ziggurat.readers.errors import SourceError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.views.resampled import NEAREST

# Mean error over 8-bit samples that a lossy codec may make at a level both have; others scale.
LOSSY_LIMIT = 12.0
MADE_LIMIT = 30.0  # of a made level against the source shrunk in another way
BLOCK_LIMIT = 60.0  # of any 16 x 16 pixels: more is no loss, but damage


def verify(
    output: str | os.PathLike[str],
    source: str | os.PathLike[str] | None = None,
    *,
    full: bool = False,
) -> VerificationReport:
    """Check an output, and hold it against its source where one is given.

    Parameters
    ----------
    output, source
        Paths; without a source only the structure is checked.
    full
        Look at every tile, not at a sample; without a source: decode every one.

    Raises
    ------
    SourceError
        One of them can't be opened at all.
    """
    path = Path(os.path.expanduser(output))
    if source is None:
        with open_reader(path) as reader:
            problems = structure_problems(path, reader, full=full)
            if full and not problems:
                problems.extend(decoding_problems(reader))
        return VerificationReport(str(path), None, (), tuple(problems))
    with open_reader(source) as reference:
        return verify_against(path, with_cuts(reference), str(source), full=full)


def verify_against(
    path: Path,
    reference: Reader,
    name: str,
    *,
    full: bool,
    plan: ConversionPlan | None = None,
) -> VerificationReport:
    """Check an output against the image that it was made from.

    With the plan, a level that was to be copied must be equal byte for byte.
    """
    with open_reader(path) as output:
        problems = structure_problems(path, output, full=full)
        problems.extend(_fact_problems(output.info, reference.info))
        if plan is not None:
            problems.extend(_level_problems(output.info, plan))
        checks: list[LevelCheck] = []
        if not problems:
            try:
                checks.extend(compare_levels(output, reference, full=full))
            except SourceError as error:
                problems.append(f"can't be compared: {error}")
        for check in checks:
            problems.extend(_pixel_problems(check, output, reference, plan))
        if plan is not None:
            problems.extend(_copy_problems(checks, plan))
    return VerificationReport(str(path), name, tuple(checks), tuple(problems))


def _fact_problems(output: ImageInfo, source: ImageInfo) -> Iterator[str]:
    pairs = {
        "size": ((output.width, output.height), (source.width, source.height)),
        "frames": (output.frames, source.frames),
        "bands": (output.bands, source.bands),
        "dtype": (output.dtype.newbyteorder("="), source.dtype.newbyteorder("=")),
    }
    for name, (ours, theirs) in pairs.items():
        if ours != theirs:
            yield f"{name} is {ours}, the source's is {theirs}"
    square = output.format == "aperio"  # it has one size for both sides
    for name in ("mm_x",) if square else ("mm_x", "mm_y"):
        ours, theirs = getattr(output, name), getattr(source, name)
        if theirs is not None and (ours is None or abs(ours / theirs - 1) > 1e-3):
            yield f"{name} is {ours}, the source's is {theirs}"


def _level_problems(info: ImageInfo, plan: ConversionPlan) -> Iterator[str]:
    ours = [(level.width, level.height) for level in info.levels]
    planned = [(step.width, step.height) for step in plan.steps]
    if ours != planned:
        yield f"its levels are {ours}, planned were {planned}"


def _pixel_problems(
    check: LevelCheck, output: Reader, source: Reader, plan: ConversionPlan | None
) -> Iterator[str]:
    """Judge one level. Lossy codecs, and levels that were made anew, may be a little off."""
    if check.identical > check.different > 0:
        yield (
            f"level {check.level}: {check.different} tiles are damaged, "
            f"{check.identical} are the source's own"
        )
        return
    if not check.different:
        return
    tiles = output.plane(check.level, 0).encoded()
    lossless = _lossless(plan) if tiles is None else tiles.format.lossless
    made = _is_made(check.level, output, source, plan)
    if lossless and not made:
        yield f"level {check.level} differs from the source in {check.different} tiles"
        return
    if made and source.info.interpretation in NEAREST:
        return  # names are not averaged, and there is more than one way to choose one of four
    limit = (MADE_LIMIT if made else LOSSY_LIMIT) * _sample_range(output.info)
    if check.mean_error > limit:
        yield f"level {check.level} is {check.mean_error:.3g} off the source in the mean"
    elif check.worst_error > BLOCK_LIMIT * _sample_range(output.info):
        yield f"level {check.level} has pixels that are {check.worst_error:.3g} off the source"


def _lossless(plan: ConversionPlan | None) -> bool:
    """Return whether an output without tiles to ask, such as a flat picture, has every value."""
    return plan is None or not Codec.named(plan.steps[0].codec).row.can_lose


def _is_made(level: int, output: Reader, source: Reader, plan: ConversionPlan | None) -> bool:
    """Return True for a level that is not the pixels of one that the source has."""
    if plan is not None and level < len(plan.steps):
        return plan.steps[level].action in ("scale", "cascade")
    return level > 0 or matching_level(source, output.info.levels[level]) is None


def _sample_range(info: ImageInfo) -> float:
    """Return how many times wider than 8 bits the samples are."""
    return 257.0 if info.dtype.itemsize == 2 else 1.0


def _copy_problems(checks: list[LevelCheck], plan: ConversionPlan) -> Iterator[str]:
    for check, step in zip(checks, plan.steps, strict=False):
        if step.action == "copy" and check.compared != "bytes":
            yield f"level {check.level} was to be copied, but its tiles are others"
