"""Levels of a pyramid that were laid by hand: kept until anything of full resolution changes.

Each is a mapped store of its own inside the sink's; its name says in which state the sink was, so
that a level which has become old is simply one of another name.
"""

import dataclasses
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from ziggurat.readers.errors import SinkError, SinkInputError
from ziggurat.readers.formats.sink_store.layout import Blend, StoreFile, is_mapped_store, store_file
from ziggurat.readers.formats.sink_store.tile import TileInput
from ziggurat.readers.model.geometry import halved
from ziggurat.readers.model.image import ImageInfo, Level
from ziggurat.readers.model.reader import Plane, Reader
from ziggurat.readers.views.views import View
from ziggurat.writers.sink.attached import attached_store
from ziggurat.writers.store import scratch
from ziggurat.writers.store.interface import TileStore
from ziggurat.writers.store.tile_input import coordinate

_FOLDER = "levels"
_DEEPEST = 30
_NAME = re.compile(r"([1-9]|[12][0-9]|30)@[0-9]+")  # whatever else lies there is none of ours


def level_number(level: object) -> int:
    """Return a level, 0 for full resolution; SinkInputError where there is no such level."""
    number = 0 if level is None else coordinate("level", level)
    if number > _DEEPEST:
        raise SinkInputError(f"level must be at most {_DEEPEST}, not {number}")
    return number


def add_to_level(store: TileStore, level: int, tile: TileInput) -> None:
    """Lay a tile on a level below full resolution.

    Raises
    ------
    SinkInputError
        A sink that has no tile of full resolution yet, or is no mapped store.
    """
    if not is_mapped_store(store.root):
        raise SinkInputError("level= is unsupported by a store of kind 'log', which makes its own")
    if not store.structure.dtype:
        raise SinkInputError(f"level {level} needs full resolution first: it goes when that grows")
    place = _folder(store) / _name(store, level)
    if not place.is_dir():
        _make(store, place)
    attached_store(str(place)).add(tile)


def with_given_levels(store: TileStore, reader: Reader) -> tuple[Reader, list[str]]:
    """Return an image with its given levels, and in words those that don't fit it."""
    if not os.path.isdir(_folder(store)):
        return reader, []
    found: list[tuple[Level, Reader]] = []
    unfit = []
    state = _name(store, 0).removeprefix("0")
    for number in sorted(
        int(name.removesuffix(state)) for name in _names(store) if name.endswith(state)
    ):
        given = attached_store(str(_folder(store) / f"{number}{state}")).reader()
        due = _due(reader.info, number)
        if _alike(given.info, reader.info) and given.info.levels[0] == due:
            found.append((due, given))
        else:
            unfit.append(
                f"level {number} as it was laid: {_words(given.info)} is not the same image at"
                f" {due.width} x {due.height} pixels, so it is made anew"
            )
    return (_Leveled(reader, found) if found else reader), unfit


def _folder(store: TileStore) -> Path:
    return store_file(store.root, _FOLDER)


def _names(store: TileStore) -> list[str]:
    with suppress(FileNotFoundError):
        return [name for name in os.listdir(_folder(store)) if _NAME.fullmatch(name)]
    return []


def _name(store: TileStore, level: int) -> str:
    """Return the name of a level in the present state: the journal grows by every tile."""
    return f"{level}@{os.path.getsize(store_file(store.root, StoreFile.JOURNAL))}"


def _make(store: TileStore, place: Path) -> None:
    for name in _names(store):
        if name.split("@")[1] != place.name.split("@")[1]:
            shutil.rmtree(_folder(store) / name, ignore_errors=True)
    structure = dataclasses.replace(store.structure, blend=Blend.OVER, expected=None, generation=0)
    folder = scratch.make(_folder(store), structure, (*store.sizes[:-2], 1, 1))
    try:
        scratch.publish(folder, place)
    except SinkError:
        if not is_mapped_store(place):  # else another worker was first
            raise


def _due(info: ImageInfo, number: int) -> Level:
    level = info.levels[0]
    width, height = level.width, level.height
    for _ in range(number):
        width, height = halved(width), halved(height)
    return Level(width, height, level.tile_width, level.tile_height)


def _alike(given: ImageInfo, info: ImageInfo) -> bool:
    def sizes(image: ImageInfo) -> list[tuple[str, int]]:
        return [(axis.name, axis.size) for axis in image.axes]

    same = (given.dtype, given.bands) == (info.dtype, info.bands)
    return same and sizes(given) == sizes(info)


def _words(info: ImageInfo) -> str:
    return (
        f"{info.frames} frames of {info.width} x {info.height} pixels, "
        f"{info.bands} bands of {info.dtype}"
    )


class _Leveled(View):
    """An image with further levels."""

    def __init__(self, reader: Reader, given: list[tuple[Level, Reader]]) -> None:
        levels = (*reader.info.levels, *(level for level, _ in given))
        super().__init__(reader, dataclasses.replace(reader.info, levels=levels))
        self._given = [one for _, one in given]

    def plane(self, level: int, frame: int) -> Plane:
        """Return the plane of full resolution, or of a given level."""
        if level == 0:
            return self.source.plane(0, frame)
        return self._given[level - 1].plane(0, frame)

    def close(self) -> None:
        """Close all of them."""
        for reader in (self.source, *self._given):
            reader.close()
