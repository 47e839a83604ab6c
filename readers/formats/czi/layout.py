"""What the subblocks of a CZI make: scenes, planes, levels. No pixels are read.

A scene is a place of the stage with a rectangle of its own; scenes are frames of the axis ``xy``,
each laid into the top-left corner of a frame that has room for the largest.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.czi.file import Subblock
from ziggurat.readers.formats.czi.plane import Mosaic
from ziggurat.readers.model.geometry import Rect, ceil_div
from ziggurat.readers.model.image import Level

# CZI's letters, slowest first: block, view, phase, rotation, illumination, time, channel, depth
_AXES = "BVHRITCZ"
_LARGEST_SIDE = 2**31 - 1
_DENSE_PIXELS = 2**36  # below, no size is suspicious, however little is in it
_SCATTERED = 10_000  # pixels of the rectangle for each stored one
_SPARSE_PLANES = 64  # places of the axes for each subblock
_TILE = 512  # where subblocks overlap or are large
_SMALLEST_TILE, _LARGEST_TILE = 64, 2048  # of tiles as they are stored
_CELLS = 64  # a side of the grid that says where a level has pixels

Position = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Scene:
    """One scene: its number, its rectangle in the file's pixels, its levels by downsample."""

    number: int
    rect: Rect
    planes: Mapping[int, Mapping[Position, Mosaic]]  # downsample → position → what is there


@dataclass(frozen=True)
class Layout:
    """All scenes, the positions on the axes that number the planes, and the levels they share."""

    scenes: tuple[Scene, ...]
    axes: tuple[tuple[str, tuple[int, ...]], ...]  # letter, and the places that there are
    downsamples: tuple[int, ...]
    levels: tuple[Level, ...]
    left_out: tuple[int, ...]  # downsamples of levels that don't show all of the image

    def mosaic(self, level: int, scene: int, position: Position) -> Mosaic:
        """Return what is stored of a plane; nothing where it has no subblock."""
        return self.scenes[scene].planes[self.downsamples[level]].get(position, Mosaic())

    def positions(self) -> list[Position]:
        """Return the positions of all planes of a scene, in the order of their frames."""
        found: list[Position] = [()]
        for letter, places in self.axes:
            found = [(*one, (letter, place)) for one in found for place in places]
        return [tuple(sorted(one)) for one in found]

    @property
    def blank_planes(self) -> int:
        """How many planes have no subblock."""
        due = len(self.scenes) * math.prod(len(places) for _, places in self.axes)
        return due - sum(len(scene.planes[1]) for scene in self.scenes)


def _off(block: Subblock, factor: int) -> float:
    """Return by how many stored pixels a subblock misses the size that a downsample gives it."""
    wide, high = block.rect.width / factor - block.width, block.rect.height / factor - block.height
    return max(abs(wide), abs(high))


def _snapped(blocks: Iterable[Subblock]) -> dict[int, list[Subblock]]:
    """Sort subblocks of lower resolution by their downsample, a whole number.

    The last tile of a row tells it badly, its stored size being rounded: the larger ones go first,
    and a small one is of the downsample, among theirs, that its sizes are nearest to.
    """
    found: dict[int, list[Subblock]] = {}
    for block in sorted(blocks, key=lambda one: -one.width * one.height):
        ratio = block.rect.width / block.width
        if block.height > block.width:
            ratio = block.rect.height / block.height
        fitting = {one: off for one in found if (off := _off(block, one)) < 1}
        near = min(fitting, key=lambda one: fitting[one], default=round(ratio))
        if near > 1:
            found.setdefault(near, []).append(block)
    return {
        factor: sorted(members, key=lambda one: one.mosaic) for factor, members in found.items()
    }


def _around(blocks: Sequence[Subblock]) -> Rect:
    x, y = (min(getattr(block.rect, side) for block in blocks) for side in "xy")
    right = max(block.rect.right for block in blocks)
    bottom = max(block.rect.bottom for block in blocks)
    return Rect(x, y, right - x, bottom - y)


def _planes(
    blocks: Sequence[Subblock], origin: Rect, factor: int, letters: str
) -> dict[Position, Mosaic]:
    """Return the subblocks by plane, each with its place in pixels of the level."""
    by_plane: dict[Position, list[Subblock]] = defaultdict(list)
    for block in blocks:
        position = dict(block.position)
        by_plane[tuple((letter, position.get(letter, 0)) for letter in sorted(letters))].append(
            block
        )
    left, top = round(origin.x / factor), round(origin.y / factor)
    made = {}
    for plane, members in by_plane.items():
        places = []
        for block in members:
            x, y = round(block.rect.x / factor) - left, round(block.rect.y / factor) - top
            size = block.rect.width, block.rect.height
            places.append(Rect(x, y, *(size if factor == 1 else (block.width, block.height))))
        made[plane] = Mosaic(tuple(members), tuple(places))
    return made


def _cover(
    mosaic: Mosaic, width: float, height: float
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Return, for the middles of a coarse grid's cells, whether there are pixels."""
    cells = np.zeros((_CELLS, _CELLS), bool)
    for place in mosaic.places:
        columns = [round(edge / width * _CELLS) for edge in (place.x, place.right)]
        rows = [round(edge / height * _CELLS) for edge in (place.y, place.bottom)]
        cells[max(0, rows[0]) : max(0, rows[1]), max(0, columns[0]) : max(0, columns[1])] = True
    return cells


def _shows_all(full: Mapping[Position, Mosaic], small: Mapping[Position, Mosaic], rect: Rect,
               factor: int) -> bool:  # fmt: skip
    """Return True where a level has pixels wherever the full resolution has them."""
    for position, mosaic in full.items():
        if position not in small:
            return False
        above = _cover(mosaic, rect.width, rect.height)
        below = _cover(small[position], rect.width / factor, rect.height / factor)
        if (above & ~below).any():
            return False
    return True


def _axes(
    blocks: Sequence[Subblock], scenes: int, url: str
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return the axes with more than one place, slowest first.

    Raises
    ------
    CorruptSourceError
        There would be far more planes than subblocks.
    """
    places: dict[str, set[int]] = defaultdict(set)
    for block in blocks:
        for letter, place in block.position:
            places[letter].add(place)
    if not set(places) <= set(_AXES):
        raise UnsupportedFormatError(f"{url}: axes {sorted(places)} are not supported")
    planes = scenes * math.prod(len(found) for found in places.values())
    if planes > _SPARSE_PLANES * len(blocks):
        raise CorruptSourceError(f"{url} claims {planes} planes in {len(blocks)} subblocks")
    return tuple(
        (letter, tuple(sorted(places[letter]))) for letter in _AXES if len(places[letter]) > 1
    )


def _check_size(rect: Rect, blocks: Sequence[Subblock], url: str) -> None:
    """Refuse a rectangle that its subblocks can't fill."""
    stored = sum(block.width * block.height for block in blocks)
    area = rect.width * rect.height
    if max(rect.width, rect.height) > _LARGEST_SIDE or area > max(
        _DENSE_PIXELS, _SCATTERED * stored
    ):
        raise CorruptSourceError(
            f"{url} claims {rect.width} x {rect.height} pixels and stores {stored}: damaged"
        )


def _level(scenes: Sequence[Scene], factor: int) -> Level:
    """Return a level with room for all scenes, its tiles as stored where they are a plain grid."""
    width = max(ceil_div(scene.rect.width, factor) for scene in scenes)
    height = max(ceil_div(scene.rect.height, factor) for scene in scenes)
    mosaics = [one for scene in scenes for one in scene.planes[factor].values()]
    every = [place for mosaic in mosaics for place in mosaic.places]
    first = max(every, key=lambda place: place.width * place.height)
    tile = Level(width, height, min(width, first.width), min(height, first.height))
    sides = first.width, first.height
    usual = min(sides) >= _SMALLEST_TILE and max(sides) <= _LARGEST_TILE
    if usual and all(one.grid(tile) for one in mosaics):
        return tile
    return Level(width, height, min(width, _TILE), min(height, _TILE))


def lay_out(found: Iterable[tuple[Subblock, bool]], url: str, only: int | None) -> Layout:
    """Return the layout of the subblocks, each with whether it is of full resolution.

    Parameters
    ----------
    found
        In the order in which they are laid.
    url
        For messages.
    only
        The number of the scene that is wanted, None for all.

    Raises
    ------
    SourceError
        The subblocks make no image, or there is no such scene.
    """
    sorts: tuple[list[Subblock], list[Subblock]] = ([], [])
    for block, is_full in found:
        sorts[not is_full].append(block)
    full, rest = sorts
    numbers = sorted({block.scene for block in full} - {-1}) or [-1]
    if only is not None and only not in [max(0, number) for number in numbers]:
        there = ", ".join(str(max(0, number)) for number in numbers)
        raise SourceError(f"{url} has no scene {only}; there are {there}")
    if only is not None:
        numbers = [number for number in numbers if max(0, number) == only]
    chosen = [block for block in full if block.scene in (-1, *numbers)]
    axes = _axes(chosen, len(numbers), url)
    letters = "".join(letter for letter, _ in axes)
    small = _snapped(rest)
    scenes = []
    for number in numbers:
        own = [block for block in chosen if block.scene in (-1, number)]
        rect = _around(own)
        _check_size(rect, own, url)
        planes = {1: _planes(own, rect, 1, letters)}
        for factor, members in small.items():
            mine = [block for block in members if block.scene in (-1, number)]
            planes[factor] = _planes(mine, rect, factor, letters)
        scenes.append(Scene(max(0, number), rect, planes))
    whole, left_out = [1], list[int]()
    for factor in sorted(small):
        shown = all(_shows_all(one.planes[1], one.planes[factor], one.rect, factor)
                    for one in scenes)  # fmt: skip
        (whole if shown else left_out).append(factor)
    levels = tuple(_level(scenes, factor) for factor in whole)
    return Layout(tuple(scenes), axes, tuple(whole), levels, tuple(left_out))
