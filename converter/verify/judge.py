"""Judges what a comparison found: how far a codec, and a level that was made, may be off."""

import dataclasses
from collections.abc import Iterator

from ziggurat.converter.plan.plan import ConversionPlan
from ziggurat.converter.plan.report import LevelCheck
from ziggurat.converter.verify.compare import matching_level
from ziggurat.converter.verify.halved import WAYS, WIDE
from ziggurat.converter.verify.rasters import raster_loses, raster_quality
from ziggurat.readers.codecs.jpeg_quality import jpeg_quality
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.views.resampled import NEAREST

# Of 8-bit samples, beside the detail that is there to be lost: a lossy codec drops what is finer
# than its quality keeps, and so does every filter that halves. Flat areas have none to lose.
MEAN_LIMIT, TAIL_LIMIT = 12.0, 64.0
SHRUNK_LIMIT = 30.0  # in the mean, of a level held against the source shrunk in another way
_DC_STEP = 18  # of quality 50, the coarser of luma and chroma
_OTHER_STEP = 2.0  # of codecs whose steps nobody has looked up
_CHOSEN = 2.0  # times the detail; seen of maxima five levels down in small bright dots: 1.8
SHIFT_LIMIT = 0.2  # pixels; programs that don't agree where a pixel is are half of one apart
ROUNDING_LIMIT = 0.02  # of a JPEG's coefficients; what was seen of good ones is up to 0.005
STRANGE_LIMIT = 0.05  # of names in a level that others made: they may choose from further up


def ways(plan: ConversionPlan | None) -> tuple[str, ...]:
    """Return in which of the known ways missing levels may have been made.

    The plan says which.
    """
    if plan is None:
        return tuple(WAYS)
    name = plan.resample or "mean"
    return (name if name in WAYS else WIDE,)


def judged(
    check: LevelCheck, output: Reader, source: Reader, plan: ConversionPlan | None
) -> LevelCheck:
    """Return the check with its limits; None in ``mean_limit`` says that it must be equal."""
    mean, tail = _limits(check, output, source, plan)
    bias = _bias_limit(check, output) if tail is not None else None
    made = _is_made(check.level, output, source, plan)
    return dataclasses.replace(
        check,
        mean_limit=mean,
        tail_limit=tail,
        bias_limit=bias,
        shift=min(check.shift, check.shift_above) if made else check.shift,
        shift_limit=None if tail is None else SHIFT_LIMIT,
        beyond_limit=None if tail is None or made else ROUNDING_LIMIT,
    )


def level_problems(check: LevelCheck, output: Reader, plan: ConversionPlan | None) -> Iterator[str]:
    """Yield what is wrong with a judged level."""
    lossy = _is_lossy(output, check.level, plan)
    same = check.identical if lossy else check.checked - check.different
    if check.compared in ("bytes", "pixels") and same > check.different > 0:
        yield f"level {check.level}: {check.different} tiles are damaged, {same} are the source's"
    elif not check.different:
        return
    elif check.mean_limit is None:
        yield f"level {check.level} differs from the source in {check.different} tiles"
    elif check.mean_error > check.mean_limit:
        yield (
            f"level {check.level} is {check.mean_error:.3g} off the source in the mean, which may "
            f"be {check.mean_limit:.3g}"
        )
    elif check.tail_limit is not None and check.tail_error > check.tail_limit:
        yield (
            f"level {check.level} has pixels that are {check.tail_error:.3g} off the source "
            f"(99.9 % may be up to {check.tail_limit:.3g})"
        )
    elif check.bias_limit is not None and check.bias > check.bias_limit:
        yield (
            f"level {check.level} has a tile that is {check.bias:.3g} lighter or darker than the "
            f"source in the mean, which may be {check.bias_limit:.3g}"
        )
    elif check.shift_limit is not None and check.shift > check.shift_limit:
        other = "the level above" if check.compared == "level above" else "the source"
        yield f"level {check.level} lies {check.shift:.2g} pixels beside {other}"
    elif check.beyond_limit is not None and check.beyond > check.beyond_limit:
        yield (
            f"level {check.level} has lost more than its quality: {check.beyond:.0%} of its "
            f"coefficients are off by more than rounding, which may be {check.beyond_limit:.0%}"
        )


def copy_problems(check: LevelCheck, plan: ConversionPlan) -> Iterator[str]:
    """Yield a copied level whose tiles are not the source's byte for byte.

    Tiles that are cut at the edge, and have markers of their own, can't be: pixels tell.
    """
    if check.level < len(plan.steps) and not plan.target.uniform:
        step = plan.steps[check.level]
        if step.action == "copy" and check.compared != "bytes":
            yield f"level {check.level} was to be copied, but its tiles are others"


def _limits(
    check: LevelCheck, output: Reader, source: Reader, plan: ConversionPlan | None
) -> tuple[float | None, float | None]:
    info, lossy = output.info, _is_lossy(output, check.level, plan)
    if not lossy and not _is_made(check.level, output, source, plan):
        return None, None
    if info.interpretation in NEAREST:
        return _named_limits(check, plan)
    unit = sample_unit(info, check)
    if check.compared == "shrunk pixels":
        return SHRUNK_LIMIT * unit + check.detail, None
    return MEAN_LIMIT * unit + check.detail, TAIL_LIMIT * unit + check.tail_detail


def _bias_limit(check: LevelCheck, output: Reader) -> float:
    """Return how far the mean of a tile may be off: half a step of what blocks are rounded to.

    Chroma is rounded as coarsely as luma, and weighs up to twice in a colour. A level that halves
    another one has the rounding of both.
    """
    tiles = output.plane(check.level, 0).encoded()
    step = _OTHER_STEP
    if tiles is not None and tiles.format.codec is Codec.JPEG:
        stream = tiles.format.tables or next(
            (data for c in range(tiles.columns) if (data := tiles.tile(c, 0))), b""
        )
        step = _jpeg_step(jpeg_quality(stream) or 50)
    elif tiles is None and (quality := raster_quality(output.info)) is not None:
        step = _jpeg_step(quality)
    twice = 2 if check.compared == "level above" else 1
    # of what a codec adds around an edge, the largest is chosen: only means cancel it
    chosen = 0.0 if check.way in ("mean", WIDE) else _CHOSEN * check.detail
    return twice * (1.5 + 1.5 * step) * sample_unit(output.info, check) + chosen


def _jpeg_step(quality: int) -> float:
    """Return by what the mean of a block is rounded, ITU-T T.81, K.1."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    return _DC_STEP * max(scale, 1) / 100 / 8


def _named_limits(
    check: LevelCheck, plan: ConversionPlan | None
) -> tuple[float | None, float | None]:
    if check.compared != "level above":
        return float("inf"), None  # there is more than one way to choose, and none to be off
    return (None if plan is not None else STRANGE_LIMIT), None


def _is_lossy(output: Reader, level: int, plan: ConversionPlan | None) -> bool:
    """Return whether values may be lost; the plan tells where there are no tiles to ask."""
    tiles = output.plane(level, 0).encoded()
    if tiles is not None:
        return not tiles.format.lossless
    if plan is None:
        # of tiles that lie over each other (DeepZoom), and of GDAL's, that is all
        return output.info.lossy or raster_loses(output.info)
    return Codec.named(plan.steps[0].codec).row.can_lose


def _is_made(level: int, output: Reader, source: Reader, plan: ConversionPlan | None) -> bool:
    """Return True for a level that is not the pixels of one that the source has."""
    if plan is not None and level < len(plan.steps):
        return plan.steps[level].action in ("scale", "cascade")
    return level > 0 or matching_level(source, output.info.levels[level]) is None


def sample_unit(info: ImageInfo, check: LevelCheck) -> float:
    """Return how many times wider than 8 bits the samples are; of floats, what is seen of them."""
    if info.dtype.kind == "f" or info.dtype.itemsize > 2:
        return max(check.detail, check.tail_detail) / 255
    return 257.0 if info.dtype.itemsize == 2 else 1.0
