"""JPEG tiles at the edge that are smaller than the grid, which no TIFF may have, made whole."""

import imagecodecs
import numpy as np

from ziggurat.readers.codecs.decode import decode_tile
from ziggurat.readers.codecs.stream_size import stream_size
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat

NOTE = "tiles at the edge are encoded anew: the source has cut them, which other programs refuse"
_QUALITY = 95  # of the few tiles that lose a generation


def is_short(form: TileFormat, data: bytes, width: int, height: int) -> bool:
    """Return True where a tile's stream is smaller than (width, height)."""
    size = stream_size(form.codec, data)
    return size is not None and all(size) and (size[0] < width or size[1] < height)


def can_mend(form: TileFormat) -> bool:
    """Return True where :func:`whole_tile` takes tiles of a format."""
    return form.codec is Codec.JPEG and form.bits == 8 and form.bands in (1, 3)


def whole_tile(form: TileFormat, data: bytes, width: int, height: int) -> bytes:
    """Return a tile as it is, or, where it is short, padded by its last row and column."""
    if not is_short(form, data, width, height):
        return data
    tile = decode_tile(data, form)
    padding = ((0, height - tile.shape[0]), (0, width - tile.shape[1]), (0, 0))
    full = np.pad(tile, padding, mode="edge")
    if form.bands == 1:
        return bytes(imagecodecs.jpeg8_encode(full[..., 0], level=_QUALITY))
    across, down = form.subsampling or (1, 1)
    ycbcr = form.photometric is Photometric.YCBCR
    return bytes(
        imagecodecs.jpeg8_encode(
            full,
            level=_QUALITY,
            colorspace="RGB",
            outcolorspace="YCBCR" if ycbcr else "RGB",
            subsampling=(across, down),
        )
    )
