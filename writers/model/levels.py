"""What a pyramid will consist of, level by level: plain facts that the engine carries out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ziggurat.readers.model.encoded import TileFormat
from ziggurat.readers.model.geometry import grid_shape
from ziggurat.readers.model.reader import Pixels


@dataclass(frozen=True, slots=True)
class Copy:
    """The tiles of a stored level go over byte for byte; sizes and tile grid are the source's."""

    level: int


@dataclass(frozen=True, slots=True)
class Stored:
    """The pixels of a stored level of just this size are decoded and encoded anew."""

    level: int


@dataclass(frozen=True, slots=True)
class Scaled:
    """Tiles of a stored level are decoded at a reduced scale (1/2, 1/4, 1/8) and encoded anew."""

    level: int
    reduction: int


@dataclass(frozen=True, slots=True)
class Cascade:
    """The pixels are halved from the wanted level just above, as they pass."""


Origin = Copy | Stored | Scaled | Cascade

# A tile, shape (tile_height, tile_width, bands), padded at the image's edge unless its level is
# clipped → its bytes. It may be called from several threads at once.
TileEncoder = Callable[[Pixels], bytes]


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """One wanted level.

    ``encode`` and ``format`` (what the encoder makes) are None for :class:`Copy`, whose tags
    come from the copied level of each frame. ``moved`` says that the output takes the tiles of
    a copied level from their file by itself: the engine only halves its pixels, if need be.
    ``clipped`` tiles hold what there is of the image and are not padded; ``overlap`` is how many
    pixels of each neighbour they hold, too.
    """

    width: int
    height: int
    tile_width: int
    tile_height: int
    origin: Origin
    encode: TileEncoder | None
    format: TileFormat | None = None
    moved: bool = False
    clipped: bool = False
    overlap: int = 0

    @property
    def grid(self) -> tuple[int, int]:
        """(columns, rows) of the tile grid."""
        return grid_shape(self.width, self.height, self.tile_width, self.tile_height)


class BlankTile(bytes):
    """The encoded bytes of a tile of nothing but the blank value: one object for all such tiles.

    An output may store it once, and point to it from everywhere.
    """

    __slots__ = ()


class EncodedTile(NamedTuple):  # a large copy makes tens of thousands of them
    """One finished tile on its way to an output; ``data`` is None where nothing is to be stored.

    ``frame`` counts the wanted frames, ``level`` the wanted levels (0 is the largest).
    """

    frame: int
    level: int
    column: int
    row: int
    data: bytes | None
