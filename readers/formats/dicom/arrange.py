"""Which focal plane an instance holds, where the planes of a level lie in several instances.

An instance numbers its own planes from 0. Instances of one size and one optical path that hold the
same tiles are different planes: in the order of their depth, or else of their instance numbers.
Parts of a concatenation count as one.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

from ziggurat.readers.errors import UnsupportedFormatError
from ziggurat.readers.formats.dicom.instance import FullGrid, Instance, Place, TileGrid

Unit = list[Instance]  # one instance, or all parts of a concatenation


def arrange(instances: Sequence[Instance]) -> list[Instance]:
    """Return the instances in the order of their numbers, each plane with its number in the level.

    Of copies of one instance the first that is given counts.

    Raises
    ------
    UnsupportedFormatError
        Several instances hold the same tiles, and nothing says how they differ.
    """
    unique: dict[str, Instance] = {}
    for item in instances:
        unique.setdefault(item.uid or str(item.path), item)
    ordered = sorted(unique.values(), key=lambda item: (item.number, item.path.name))
    levels: dict[object, dict[str, Unit]] = defaultdict(dict)
    for item in _paths_apart(ordered):
        key = (item.size, item.paths) if item.kind == "VOLUME" else item.path
        levels[key].setdefault(item.concatenation or str(item.path), []).append(item)
    return [item for units in levels.values() for item in _numbered(list(units.values()))]


def _paths_apart(instances: list[Instance]) -> list[Instance]:
    """Tell optical paths apart by their names, where instances of one size call several the same.

    Instances of one path each may all number it 1.
    """
    said: dict[tuple[object, str], set[str]] = defaultdict(set)
    for item in instances:
        for path, name in item.names.items():
            said[item.size, path].add(name)
    if not any(len(names) > 1 for (_, _), names in said.items()):
        return instances

    def renamed(item: Instance) -> Instance:
        keys = {path: f"{path} {item.names.get(path, '')}" for path in item.paths}
        return dataclasses.replace(
            item,
            paths=tuple(keys.values()),
            names={keys[path]: name for path, name in item.names.items()},
            grids={(keys.get(path, path), z): grid for (path, z), grid in item.grids.items()},
        )

    return [renamed(item) if item.kind == "VOLUME" else item for item in instances]


def _numbered(units: list[Unit]) -> list[Instance]:
    """Number the planes of one level and its optical paths."""
    units = [_in_one_scale(unit) for unit in units]
    if not any(_meet(a, b) for i, a in enumerate(units) for b in units[i + 1 :]):
        return [item for unit in units for item in unit]
    known = [unit[0].depths[0] for unit in units if unit[0].depths]
    held = [1 + max(plane for item in unit for _, plane in item.grids) for unit in units]
    if len(set(known)) == len(units):
        order = sorted(range(len(units)), key=lambda index: known[index])
    elif units[0][0].planes >= sum(held):
        order = list(range(len(units)))
    else:
        names = ", ".join(unit[0].path.name for unit in units)
        raise UnsupportedFormatError(
            f"DICOM instances {names} hold the same tiles, and nothing says how they differ"
        )
    arranged: list[Instance] = []
    first = 0
    for index in order:
        arranged += [_shifted(item, first) for item in units[index]]
        first += held[index]
    return arranged


def _in_one_scale(unit: Unit) -> Unit:
    """Number the depths of all parts of a sparse concatenation together."""
    if len(unit) == 1 or any(isinstance(g, FullGrid) for item in unit for g in item.grids.values()):
        return unit
    scale = sorted({depth for item in unit for depth in item.depths})

    def scaled(item: Instance) -> Instance:
        if len(item.depths) != 1 + max(plane for _, plane in item.grids):
            return item  # a focus of its own for each tile
        grids = {(p, scale.index(item.depths[z])): grid for (p, z), grid in item.grids.items()}
        return dataclasses.replace(item, grids=grids)

    return [scaled(item) for item in unit]


def _meet(unit: Unit, other: Unit) -> bool:
    """Return True where two units hold the same tile of the same place."""
    return any(
        _share(a.grids[place], b.grids[place])
        for a in unit
        for b in other
        for place in a.grids.keys() & b.grids.keys()
    )


def _share(grid: TileGrid, other: TileGrid) -> bool:
    if isinstance(grid, dict) and isinstance(other, dict):
        return bool(grid.keys() & other.keys())
    first, second = (grid, other) if isinstance(grid, FullGrid) else (other, grid)
    if isinstance(second, dict):
        return any(first.get(cell) is not None for cell in second)
    assert isinstance(first, FullGrid)
    assert isinstance(second, FullGrid)
    return True


def _shifted(item: Instance, first: int) -> Instance:
    grids: dict[Place, TileGrid] = {
        (path, plane + first): grid for (path, plane), grid in item.grids.items()
    }
    return dataclasses.replace(item, grids=grids)
