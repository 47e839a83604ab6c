"""What the module of an output must have, for the row in :mod:`.registry` that names it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ziggurat.readers.model.encoded import EncodedLevel, TileFormat
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader
from ziggurat.writers.files.keys import Keys
from ziggurat.writers.model.levels import EncodedTile, LevelPlan, TileEncoder
from ziggurat.writers.model.options import WriteOptions
from ziggurat.writers.model.progress import Cancellation, ProgressCallback

if TYPE_CHECKING:  # planning alone needs no engine
    from ziggurat.writers.pyramid.engine import Builder


class Emitter(Protocol):
    """What the module of an output has."""

    def plan_levels(self, reader: Reader, options: WriteOptions) -> Sequence[LevelPlan]:
        """Return the levels to write, all encoded anew; refuse here what can't be written."""

    def emit(
        self,
        reader: Reader,
        path: Path,
        levels: Sequence[LevelPlan],
        options: WriteOptions,
        *,
        on_progress: ProgressCallback | None,
        cancel: Cancellation | None,
    ) -> tuple[str, ...]:
        """Write the output atomically; return what it could not carry, in words."""

    def expected_losses(self, info: ImageInfo) -> tuple[str, ...]:
        """Return one sentence for each thing of an image that the output has no place for."""

    def copy_refusal(self, tiles: EncodedLevel, info: ImageInfo) -> str | None:
        """Return why the tiles of a stored level can't go over as they are; None: they can."""

    def level_encoder(
        self, info: ImageInfo, options: WriteOptions
    ) -> tuple[TileEncoder | None, TileFormat | None]:
        """Return what encodes tiles, and what they are then; None where that is not ours."""


class Divisible(Emitter, Protocol):
    """What the module of an output has besides, whose tiles may be made elsewhere, by many."""

    def cut_image(self, reader: Reader) -> Reader:
        """Return the image as its tiles are cut: a band as a frame, where they are channels."""

    def blank_value(self, info: ImageInfo) -> float | None:
        """Return the value of which tiles are left out; None: none is."""

    def emit(
        self,
        reader: Reader,
        path: Path,
        levels: Sequence[LevelPlan],
        options: WriteOptions,
        *,
        on_progress: ProgressCallback | None = None,
        cancel: Cancellation | None = None,
        make: "Builder" = ...,
    ) -> tuple[str, ...]:
        """Write the output of the tiles that ``make`` gives, as :meth:`Emitter.emit`."""


class Tree(Protocol):
    """An output of many objects, each of which is put by one of many; see zarr's."""

    def __init__(
        self,
        reader: Reader,
        levels: Sequence[LevelPlan],
        options: WriteOptions,
        blocks: Sequence[tuple[int, int] | None],
    ) -> None:
        """``blocks``: (columns, rows) of tiles of a level that go together; None: all of them."""

    def put(self, target: Keys, tiles: Iterable[EncodedTile]) -> None:
        """Put tiles."""

    def finish(self, target: Keys, name: str) -> tuple[str, ...]:
        """Put what makes them an image; return what could not be carried over."""
