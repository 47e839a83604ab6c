"""What a sink asks of a store, however that keeps its tiles; above this nobody knows how."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ziggurat.readers.formats.sink_store.keys import Key
from ziggurat.readers.formats.sink_store.layout import StoreLayout
from ziggurat.readers.formats.sink_store.tile import Array, TileInput
from ziggurat.readers.model.reader import Reader


class TileRecord(NamedTuple):  # a resumed run reads a million of them
    """A tile that is in: position and size in pixels, and where it lies on the frame axes.

    ``frame`` maps an axis to its first position, ``frames`` to how many positions the tile
    spans (more than one for tiles of more than three dimensions). ``key`` is what ``addTile`` was
    given, or None.
    """

    x: int
    y: int
    width: int
    height: int
    frame: Mapping[str, int]
    frames: Mapping[str, int]
    masked: bool
    key: Key | None = None


class ImageFacts(Protocol):
    """What is said of an image beside its tiles: by anybody, at any time, and nothing is lost."""

    def attributes(self) -> dict[str, Any]:
        """Return what was said about the image."""

    def change[T](self, change: Callable[[dict[str, object]], T]) -> T:
        """Change the attributes in place, so that no change of anybody else is lost."""

    def keep_picture(self, pixels: Array) -> str:
        """Keep an associated image; return the name by which attributes know it."""

    def values(self) -> list[Mapping[str, object]]:
        """Return what positions stand for; the later say counts."""

    def add_values(self, at: Mapping[str, int], values: Mapping[str, object]) -> None:
        """Say what a position stands for; tiles say it for themselves."""


class TileStore(Protocol):
    """One process's hold on a store of tiles. Calls may come from several threads and forks."""

    root: str
    closed: bool
    identity: str  # tells it from one that is made at its place later; "": the place does

    @property
    def vanished(self) -> bool:
        """True once the store has been removed."""

    @property
    def structure(self) -> StoreLayout:
        """Axes, bands, dtype, tile size, blending as they are now."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes so far: frame axes (slowest first), height, width."""

    @property
    def facts(self) -> ImageFacts:
        """What is said of the image."""

    def refuse_gone(self) -> None:
        """Raise SinkError where the store was closed, or removed."""

    def add(self, tile: TileInput) -> None:
        """Lay one tile, once for a key; when it returns, the tile is in."""

    def add_all(self, tiles: Sequence[TileInput], key: bytes) -> None:
        """Lay the tiles of one task, which have keys of their own; once for the task's key."""

    def reserve(self, corner: TileInput, *, meant: bool = False) -> None:
        """Let the image reach as far as a pixel; ``meant``: its dtype and bands are, too."""

    def add_axes(self, names: Sequence[str]) -> None:
        """Give the image these frame axes, in this order."""

    def has_key(self, key: bytes) -> bool:
        """Return True where the tile of a key is in."""

    def tiles(self) -> Iterator[TileRecord]:
        """Yield the tiles that are in, in the order in which they were finished."""

    def rectangles(self, position: Sequence[int]) -> np.ndarray:
        """Return x, y, width, height of the tiles of one frame, as fields of an array."""

    def reader(self) -> Reader:
        """Return the image as it is now; what dead processes left half done is finished."""

    def publish(self) -> None:
        """Bring what other programs see of the store up to date."""

    def sync(self) -> None:
        """Bring everything that is in onto the disk."""

    def compact(self) -> int:
        """Merge small pieces, where there are any; return how many."""

    def settle(self) -> None:
        """Finish what dead processes left half done."""

    def forget(self) -> None:
        """Give back memory and descriptors that can be had again."""

    def close(self) -> None:
        """Let go of all files; the store stays. May be called twice."""

    def abandon(self) -> None:
        """Let go of all files without waiting for anybody: for the garbage collector."""
