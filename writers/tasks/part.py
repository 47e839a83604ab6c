"""One part of a write: the engine on a block of the image, its tiles put at their places."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.readers.views.views import CropReader, LevelsReader
from ziggurat.writers.model.levels import Cascade, Copy, EncodedTile, LevelPlan, Scaled, Stored
from ziggurat.writers.pyramid.budget import Budget
from ziggurat.writers.pyramid.engine import build
from ziggurat.writers.pyramid.scaled import read_scaled
from ziggurat.writers.resample.halve import Shrinker
from ziggurat.writers.tasks.cut import Part, Size
from ziggurat.writers.tasks.parcel import packed_pixels


@dataclass(frozen=True, slots=True)
class Making:
    """What all parts of a write have in common; ``sparse`` as the engine has it."""

    reader: Reader
    levels: Sequence[LevelPlan]
    shrink: Shrinker
    budget: Budget
    sparse: float | None


def base_grid(reader: Reader, plan: LevelPlan) -> Size:
    """Return the sizes on whose multiples a level that is read may be cut."""
    if not isinstance(plan.origin, Scaled):
        return plan.tile_width, plan.tile_height
    encoded = reader.plane(plan.origin.level, 0).encoded()
    if encoded is None:
        raise OptionError("the source has no tiles to scale")
    return encoded.tile_width // plan.origin.reduction, encoded.tile_height // plan.origin.reduction


def part_tiles(making: Making, part: Part) -> Iterator[EncodedTile]:
    """Yield the tiles of a part, and pixels of the level that it leaves behind.

    The latter are of level ``part.run.top``, in cells of :meth:`Run.top_cell`, packed.
    """
    run, levels = part.run, making.levels
    plans = [_in_block(part, levels, level) for level in range(run.first, run.first + run.inside)]
    filtered = making.shrink.halo > 0
    if run.top is not None and not filtered:
        plans.append(_top_plan(part, levels))
    tiles = build(
        _block(making.reader, part, levels[run.first]),
        plans,
        making.shrink,
        making.budget,
        frames=range(part.first_frame, part.last_frame),
        sparse=making.sparse,
    )
    with closing(tiles):
        for tile in tiles:
            yield _placed(tile, part, levels)
    if run.top is not None and filtered:
        yield from _filtered(making, part)


def _block(reader: Reader, part: Part, plan: LevelPlan) -> Reader:
    """Return the pixels and tiles of a part's block as an image."""
    assert not isinstance(plan.origin, Cascade)
    level = LevelsReader(reader, [plan.origin.level])
    rect = part.rect(plan, part.run.first)
    if isinstance(plan.origin, Scaled):
        r = plan.origin.reduction
        rect = Rect(rect.x * r, rect.y * r, rect.width * r, rect.height * r)
    return CropReader(level, rect.intersect(level.info.levels[0].rect))


def _in_block(part: Part, levels: Sequence[LevelPlan], level: int) -> LevelPlan:
    plan = levels[level]
    rect = part.rect(plan, level)
    origin = plan.origin
    if isinstance(origin, Stored | Copy | Scaled):
        origin = replace(origin, level=0)
    return replace(plan, width=rect.width, height=rect.height, origin=origin, moved=False)


def _top_plan(part: Part, levels: Sequence[LevelPlan]) -> LevelPlan:
    assert part.run.top is not None
    rect = part.rect(levels[part.run.top], part.run.top)
    height = min(rect.height, part.run.top_cell(levels)[1])
    return LevelPlan(rect.width, rect.height, rect.width, height, Cascade(), packed_pixels)


def _placed(tile: EncodedTile, part: Part, levels: Sequence[LevelPlan]) -> EncodedTile:
    level = tile.level + part.run.first
    plan = levels[level]
    rect = part.rect(plan, level)
    width, height = plan.tile_width, plan.tile_height
    if level == part.run.top:
        width, height = part.run.top_cell(levels)
    frame = tile.frame + part.first_frame
    column, row = tile.column + rect.x // width, tile.row + rect.y // height
    return EncodedTile(frame, level, column, row, tile.data)


def _filtered(making: Making, part: Part) -> Iterator[EncodedTile]:
    """Halve a block whose filter looks at pixels beyond it."""
    run, levels = part.run, making.levels
    base = levels[run.first]
    assert run.top is not None
    rect, whole = part.rect(base, run.first), Rect(0, 0, base.width, base.height)
    halo, step = making.shrink.halo, 2 * run.top_cell(levels)[1]
    for frame in range(part.first_frame, part.last_frame):
        read = _base_pixels(making, base, frame)
        for top in range(rect.y, rect.bottom, step):
            core = Rect(rect.x, top, rect.width, min(step, rect.bottom - top))
            outer = Rect(
                max(0, core.x - halo), max(0, core.y - halo),
                core.width + 2 * halo, core.height + 2 * halo,
            )  # fmt: skip
            outer = outer.intersect(whole)
            small = making.shrink(read(outer), core.shift(-outer.x, -outer.y))
            yield EncodedTile(frame, run.top, part.column, top // step, packed_pixels(small))


def _base_pixels(making: Making, base: LevelPlan, frame: int) -> Callable[[Rect], Pixels]:
    """Return what reads a rectangle of a level that is read."""
    assert not isinstance(base.origin, Cascade)
    plane = making.reader.plane(base.origin.level, frame)
    if not isinstance(base.origin, Scaled):
        return plane.read
    encoded, reduction = plane.encoded(), base.origin.reduction
    if encoded is None:
        raise OptionError("the source has no tiles to scale")
    return lambda rect: read_scaled(encoded, reduction, rect, 0)
