"""The tiles of one task, laid together and once."""

from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from ziggurat.readers.formats.sink_store.keys import Key, key_text
from ziggurat.readers.formats.sink_store.tile import TileInput
from ziggurat.writers.store.interface import TileStore
from ziggurat.writers.store.tile_input import tile_input


class Task:
    """Tiles that go in when the ``with`` block ends, and not at all where that raises.

    Made by :meth:`ziggurat.Sink.task`. They wait in memory until then.
    """

    def __init__(self, store: TileStore, key: Key) -> None:
        self._store, self._key = store, key
        self._name = key_text(key)
        self._tiles: list[TileInput] = []

    def addTile(
        self,
        tile: object,
        x: int = 0,
        y: int = 0,
        mask: object = None,
        axes: str | Sequence[str] | None = None,
        weight: object = None,
        **positions: object,
    ) -> None:
        """Add a tile, as :meth:`ziggurat.Sink.addTile` does; its key is ``(task key, number)``.

        Parameters
        ----------
        tile, x, y, mask, axes, weight, **positions
            As in :meth:`ziggurat.Sink.addTile`.

        Raises
        ------
        SinkInputError
            A tile, mask, position or weight that can't be taken.
        """
        key = (self._key, len(self._tiles))
        given = tile_input(tile, x, y, mask, axes, weight, positions, key)
        # the caller may use his arrays again for the next tile
        weight = given.weight
        self._tiles.append(
            replace(
                given,
                pixels=given.pixels.copy(),
                mask=None if given.mask is None else given.mask.copy(),
                weight=weight if weight is None or isinstance(weight, str) else weight.copy(),
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is None and self._tiles:
            self._store.add_all(self._tiles, self._name)
        self._tiles = []
