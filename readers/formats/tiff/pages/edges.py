"""JPEG tiles at the edge that are smaller than the grid, which no TIFF may have, made whole."""

from ziggurat.readers.codecs.decode import decode_tile
from ziggurat.readers.codecs.jpeg_like import can_be_like, jpeg_like, padded
from ziggurat.readers.codecs.stream_size import stream_size
from ziggurat.readers.model.encoded import TileFormat

NOTE = "tiles at the edge are encoded anew: the source has cut them, which other programs refuse"

_LONGEST = 65_500  # of a JPEG's sides, by libjpeg
_LARGEST = 1 << 26  # pixels: a forged size isn't filled


def is_short(form: TileFormat, data: bytes, width: int, height: int) -> bool:
    """Return True where a tile's stream is smaller than (width, height)."""
    size = stream_size(form.codec, data)
    return size is not None and all(size) and (size[0] < width or size[1] < height)


def can_be_whole(form: TileFormat, width: int, height: int) -> bool:
    """Return True where tiles of (width, height) can be made of short ones."""
    return can_be_like(form) and max(width, height) <= _LONGEST and width * height <= _LARGEST


def whole_tile(form: TileFormat, data: bytes, width: int, height: int) -> bytes:
    """Return a tile as it is, or, where it is short, padded by its last row and column."""
    if not is_short(form, data, width, height):
        return data
    return jpeg_like(form, padded(decode_tile(data, form), width, height))
