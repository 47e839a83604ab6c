"""An opened image with all that its parts have in common: how it is cut, what tiles become."""

from collections.abc import Sequence
from dataclasses import replace

from ziggurat.readers.model.codec import function_at
from ziggurat.readers.model.geometry import ceil_div
from ziggurat.writers.formats.contract import Tree
from ziggurat.writers.model.levels import Cascade, Copy, EncodedTile
from ziggurat.writers.pyramid.budget import Budget, budget
from ziggurat.writers.resample.halve import shrinker
from ziggurat.writers.tasks.cut import Part, Run, Size, cut, parts_of
from ziggurat.writers.tasks.parcel import Parcel
from ziggurat.writers.tasks.part import Making, base_grid, part_tiles
from ziggurat.writers.tasks.recipe import Opened


class Division:
    """A write, cut into parts; everybody who opens the same image cuts it the same way.

    Parameters
    ----------
    part_bytes
        Bytes of pixels that a part reads, about.
    """

    def __init__(self, opened: Opened, part_bytes: int) -> None:
        self.opened = opened
        self.module = opened.output.load_divisible()
        self.reader = self.module.cut_image(opened.reader)
        info, levels = self.reader.info, opened.levels
        self.shrink = shrinker(info, opened.options.reducer)
        pixel_bytes = info.bands * info.dtype.itemsize
        grids = [
            (1, 1) if isinstance(plan.origin, Cascade) else base_grid(self.reader, plan)
            for plan in levels
        ]
        self.runs = cut(
            levels, grids, info.frames, pixel_bytes, part_bytes, halo=self.shrink.halo > 0
        )
        self.sparse = self.module.blank_value(info)
        self.tree: Tree | None = None
        if opened.output.tree is not None:
            make = function_at(opened.output.tree)
            self.tree = make(self.reader, levels, opened.options, self._blocks())
        working = [run for run in self.runs if self._has_work(run)]
        self.parts: Sequence[Part] = tuple(parts_of(working, info.frames))

    def _has_work(self, run: Run) -> bool:
        """Return False for what is copied into one file: the end does that, from the source."""
        made = self.opened.levels[run.first : run.first + run.inside]
        copied = all(isinstance(plan.origin, Copy) for plan in made)
        return self.tree is not None or run.top is not None or not copied

    def _blocks(self) -> list[Size | None]:
        """Return how many tiles of each level a part makes, across and down; None: no part does."""
        blocks: list[Size | None] = [None] * len(self.opened.levels)
        for run in self.runs:
            for shift in range(run.inside):
                plan = self.opened.levels[run.first + shift]
                tile = (plan.tile_width, plan.tile_height)
                sides = [
                    plan.grid[axis]
                    if run.grid[axis] == 1
                    else ceil_div(run.block[axis] >> shift, tile[axis])
                    for axis in (0, 1)
                ]
                blocks[run.first + shift] = sides[0], sides[1]
        return blocks

    def budget(self, threads: int | None = None) -> Budget:
        """Return what the engine may use; ``threads`` where the options don't say."""
        options = self.opened.options
        plan, info = self.opened.levels[0], self.reader.info
        size = plan.tile_width * plan.tile_height * info.bands * info.dtype.itemsize
        return budget(replace(options, threads=options.threads or threads), size)

    def make(self, part: Part) -> tuple[list[EncodedTile], Parcel]:
        """Carry out a part: return the tiles that are objects of their own, and the rest."""
        levels = self.opened.levels
        making = Making(self.reader, levels, self.shrink, self.budget(1), self.sparse)
        chunks: list[EncodedTile] = []
        parcel = Parcel()
        for tile in part_tiles(making, part):
            if tile.level == part.run.top:
                parcel.tops.append(tile)
            elif self.tree is not None:
                chunks.append(tile)
            elif not isinstance(levels[tile.level].origin, Copy):
                parcel.tiles.append(tile)
        return chunks, parcel
