"""SVS: a TIFF in the order and with the descriptions of Aperio's, for tools that want one.

The order of pages is full resolution, thumbnail, lower levels, label, macro, as openslide's and
Bio-Formats' notes on the format say. What Aperio has no field for is not carried.
"""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import GIVEN_FIELD, Axis, ImageInfo, given_text
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.model.units import length_mm
from ziggurat.readers.views.resampled import ResampledReader
from ziggurat.writers.files.atomic import atomic_file
from ziggurat.writers.formats.map_facts import lost_map_facts
from ziggurat.writers.formats.registry import output_named
from ziggurat.writers.formats.tiff import tiff as plain
from ziggurat.writers.formats.tiff.moved import with_moves
from ziggurat.writers.model.levels import LevelPlan
from ziggurat.writers.model.options import WriteOptions
from ziggurat.writers.model.progress import Cancellation, ProgressCallback
from ziggurat.writers.pyramid.engine import Builder, build

_HEADER = "Aperio Image Library vFS90 01"  # the one that tools look for is the first word
# Aperio's own use of NewSubfileType. Every page says it: Bio-Formats takes one that doesn't for
# a label or macro.
_LEVEL = 0
_SUBFILE = {"label": 1, "macro": 9}
_PREFIX = "aperio."
_ROW = output_named("svs")
_SQUARE = 1e-3  # difference of sides that is none
_ROWS = 16  # of a thumbnail that are made at once, to bound the memory

copy_refusal = plain.copy_refusal
cut_image = plain.cut_image
blank_value = plain.blank_value
level_encoder = plain.level_encoder


def plan_levels(reader: Reader, options: WriteOptions) -> tuple[LevelPlan, ...]:
    """Return the levels of a TIFF that are larger than a thumbnail, as Aperio has them.

    Bio-Formats takes the thumbnail for the smallest level, and leaves the smallest one out.
    """
    levels = plain.plan_levels(reader, options)
    return tuple(p for n, p in enumerate(levels) if _ROW.has_level(n, p.width, p.height))


def expected_losses(info: ImageInfo) -> tuple[str, ...]:
    """Return what an SVS has no place for."""
    losses = []
    axes = sorted({axis.name for axis in info.axes if axis.size > 1} - {"z"})
    if axes:
        losses.append(f"what axes {axes} are: an SVS has focal planes, and all frames become that")
    if info.mm_x and info.mm_y and abs(info.mm_x / info.mm_y - 1) > _SQUARE:
        losses.append("pixels that are not square: an SVS has one size for both sides")
    extra = sorted(set(info.associated) - {"label", "macro", "thumbnail"})
    if extra:
        losses.append(f"associated images {extra}: an SVS has label, macro and thumbnail")
    return (*losses, *lost_map_facts(info, holds_place=False))


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
    """Write an SVS; see :func:`ziggurat.writers.formats.registry.write`."""
    levels = with_moves(reader, levels)
    with (
        atomic_file(path, options.overwrite) as staged,
        plain.open_tiff(staged, reader, levels, options, on_progress, cancel, make) as out,
    ):
        lost = _write_pages(out, reader, levels, options)
    return tuple(lost)


def _write_pages(
    out: plain.OpenTiff,
    reader: Reader,
    levels: Sequence[LevelPlan],
    options: WriteOptions,
) -> list[str]:
    info = reader.info
    lost = [
        f"associated image {name!r}: an SVS has label, macro and thumbnail"
        for name in info.associated
        if name not in ("label", "macro", "thumbnail")
    ]
    for frame, (index, plan) in product(range(info.frames), enumerate(levels)):
        extra: dict[str, Any] = {
            "software": False,
            "subfiletype": _LEVEL,
            "description": options.description or describe(info, level_line(info, plan), frame),
        }
        plain.write_level(out, reader, levels, frame, index, extra)
        if frame or index:
            continue
        if "thumbnail" in info.associated:
            lost += _write_picture(out.tiff, reader, "thumbnail")
        else:
            _write_made_thumbnail(out.tiff, reader)
    for name in ("label", "macro"):
        if name in info.associated:
            lost += _write_picture(out.tiff, reader, name)
    return lost


def _write_picture(tiff: object, reader: Reader, name: str) -> list[str]:
    info = reader.info
    height, width = reader.associated(name).read().shape[:2]
    line = f"{name} {width}x{height}"
    if name == "thumbnail":
        line = f"{info.width}x{info.height} -> {width}x{height} - "
    extra: dict[str, Any] = {"software": False, "description": describe(info, line)}
    extra["subfiletype"] = _SUBFILE.get(name, _LEVEL)
    loss = plain.write_associated(tiff, reader, name, extra, tiled=False)  # those are levels
    return [] if loss is None else [loss]


def _write_made_thumbnail(tiff: Any, reader: Reader) -> None:
    """Write a thumbnail of a slide that has none: readers take the second page for one."""
    info = reader.info
    longer = max(info.width, info.height)
    factor = longer / max(1, min(_ROW.smallest, longer // 2))  # smaller than every level
    width, height = (max(1, round(side / factor)) for side in (info.width, info.height))
    small = ResampledReader(reader, width, height)
    rows = [
        small.plane(0, 0).read(Rect(0, y, width, min(_ROWS, height - y)))
        for y in range(0, height, _ROWS)
    ]
    pixels = np.concatenate(rows)
    kind = "rgb" if info.bands in (3, 4) else "minisblack"
    description = describe(info, f"{info.width}x{info.height} -> {width}x{height} - ")
    tiff.write(
        pixels[..., 0] if info.bands == 1 else pixels,
        photometric=kind,
        planarconfig="contig" if info.bands > 1 else None,
        compression="adobe_deflate",  # tag 8: cuCIM does not know the old number
        subfiletype=_LEVEL,
        description=description,
        software=False,
        metadata=None,
    )


def level_line(info: ImageInfo, plan: LevelPlan) -> str:
    """Return the second line of a level's description: its sizes and tiles."""
    full = f"{info.width}x{info.height}"
    tile = f"({plan.tile_width}x{plan.tile_height})"
    if (plan.width, plan.height) == (info.width, info.height):
        return f"{full} [0,0 {full}] {tile}"
    return f"{full} {tile} -> {plan.width}x{plan.height}"


def _offset(info: ImageInfo, frame: int) -> float:
    """Return how high a focal plane lies in micrometres; its number where that isn't known."""
    alone = [axis for axis in info.axes if axis.size > 1]
    (axis,) = alone if len(alone) == 1 else (Axis("z", 1),)
    unit = length_mm(axis.unit)
    if axis.name != "z" or axis.values is None or unit is None:
        return frame
    value = axis.values[frame]
    return value * unit * 1000 if isinstance(value, int | float) else frame


def describe(info: ImageInfo, line: str, frame: int = 0) -> str:
    """Return an Aperio description: a header, a line of sizes, and fields behind bars."""
    fields = {
        name.removeprefix(_PREFIX): value
        for name, value in info.properties.items()
        if name.startswith(_PREFIX) and isinstance(value, str) and "|" not in value
    }
    if info.magnification is not None:
        fields["AppMag"] = f"{info.magnification:g}"
    if info.mm_x is not None:
        fields["MPP"] = f"{info.mm_x * 1000:.6g}"
    if info.withheld:
        fields["Withheld"] = ", ".join(info.withheld)
    if info.given:
        fields[GIVEN_FIELD] = given_text(info.given)
    if info.frames > 1:
        fields |= {"OffsetZ": f"{_offset(info, frame):g}", "TotalDepth": f"{info.frames}"}
    said = "".join(f"|{name} = {value}" for name, value in fields.items())
    return f"{_HEADER} \r\n{line}{said}"
