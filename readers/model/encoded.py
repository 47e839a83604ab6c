"""Tiles as they are stored: codec, colour facts and bytes, for copying without decoding."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from ziggurat.readers.io.bytes import LocalBytes
from ziggurat.readers.model.codec import Codec


class Photometric(Enum):
    """The colour space that a tile's samples are stored in."""

    GRAY = "gray"
    RGB = "rgb"
    YCBCR = "ycbcr"
    PALETTE = "palette"


@dataclass(frozen=True, slots=True)
class TileFormat:
    """All that a decoder needs to know beside the bytes of one tile.

    The facts follow the code stream where it disagrees with the container. ``tables`` is an
    abbreviated JPEG stream (TIFF tag 347). ``subsampling`` is (horizontal, vertical), 1 to 4.
    ``planar`` means one band per tile. ``byteorder`` is ``<`` or ``>`` and matters for
    codecs of raw samples.
    """

    codec: Codec
    photometric: Photometric
    bands: int
    bits: int
    dtype: str  # numpy's name of the sample type
    subsampling: tuple[int, int] | None = None
    tables: bytes | None = None
    predictor: int = 1  # TIFF 6.0 tag 317: 1 none, 2 horizontal, 3 floating point
    planar: bool = False
    byteorder: str = "<"
    tiff_compression: int | None = None  # the tag's value where the source is a TIFF
    lossless: bool = False
    zarr: str | None = None  # of a zarr chunk, (band, y, x): JSON of its v3 codec


@dataclass(frozen=True)
class EncodedLevel:
    """One stored level of one frame as a grid of encoded tiles.

    ``tile(column, row)`` gives the bytes exactly as stored, or None where the source has no
    tile there (sparse or zero bytes). Tiles at the right and bottom edge are full size and
    padded, as TIFF has them. It may be called from several threads at once. ``note`` says in
    words how the tiles come about where they are not plainly stored so. ``intervals``: they are
    put together out of restart intervals, and could as well be cut otherwise.
    """

    format: TileFormat
    width: int
    height: int
    tile_width: int
    tile_height: int
    columns: int
    rows: int
    tile: Callable[[int, int], bytes | None]
    note: str | None = None
    intervals: bool = False


@dataclass(frozen=True, slots=True)
class TilePlaces:
    """Where the tiles of one level and frame lie in a local file, row by row.

    An offset or a count of zero says that there is no such tile.
    """

    source: LocalBytes
    offsets: Sequence[int]
    counts: Sequence[int]

    @property
    def complete(self) -> bool:
        """True where no tile is missing."""
        return all(self.counts) and all(self.offsets)


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A whole associated image as the strips or tiles of a TIFF page, for a page like it.

    ``segments`` are the bytes exactly as stored, row by row; none is missing. Strips are as wide
    as the image and ``segment_height`` rows high, the last one maybe less; ``tiled`` ones are
    all of full size. ``extra_samples`` is tag 338; ``inverted``: zero is white.
    """

    format: TileFormat
    width: int
    height: int
    segment_width: int
    segment_height: int
    tiled: bool
    inverted: bool
    extra_samples: tuple[int, ...]
    segments: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A whole associated image as one complete, self-contained code stream."""

    codec: Codec
    width: int
    height: int
    data: bytes
