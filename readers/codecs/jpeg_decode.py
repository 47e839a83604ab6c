"""JPEG tiles of eight bits to pixels: the fast way where it gives the same, or else the sure one.

Both are libjpeg-turbo with its accurate transforms. simplejpeg is a fifth faster, but takes the
colour space from the stream's markers alone and nothing that is damaged; imagecodecs is told the
colour space and decodes what there is.
"""

from functools import lru_cache
from typing import Any

import imagecodecs
import simplejpeg

from ziggurat.readers.codecs.jpeg_stream import marked_prefix, merge_tables
from ziggurat.readers.codecs.stream_size import stream_size
from ziggurat.readers.codecs.tile_memory import tile_memory
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.reader import Pixels

_JPEG_SPACE = {Photometric.RGB: 2, Photometric.YCBCR: 3}  # libjpeg's numbers
_RGB = 2


def decode_jpeg(data: bytes, form: TileFormat, shape: tuple[int, int] | None) -> Any:
    """Return the pixels of a JPEG stream: (height, width, 3) in RGB, or (height, width).

    Parameters
    ----------
    data
        The stream, without ``form.tables``.
    form
        Its colour space, bands and tables.
    shape
        (height, width), for streams that leave their height open.
    """
    check_end(data, form)
    if form.bands != 3 or form.planar:
        return imagecodecs.jpeg8_decode(data, tables=form.tables, shape=shape)
    if form.lossless:  # libjpeg converts no colours of these
        return imagecodecs.jpeg8_decode(
            data, tables=form.tables, colorspace=_RGB, outcolorspace=_RGB, shape=shape
        )
    stream = complete_stream(data, form)
    if stream is not None:
        try:
            place = None if shape is None else tile_memory(*shape, 3)
            return simplejpeg.decode_jpeg(stream, buffer=place)
        except ValueError:
            pass  # damaged, or no picture of three bands
    return imagecodecs.jpeg8_decode(
        data,
        tables=form.tables,
        colorspace=_JPEG_SPACE.get(form.photometric),
        outcolorspace=_RGB,
        shape=shape,
    )


def reduced_jpeg(stream: bytes, reduction: int) -> Pixels | None:
    """Return a picture of three bands at 1/``reduction`` by libjpeg's scaled inverse transform.

    The pixels are OpenCV's, which takes a tenth longer. None where simplejpeg does not take the
    stream, or gives another size.

    Parameters
    ----------
    stream
        With all tables and markers.
    reduction
        2, 4 or 8.
    """
    size = stream_size(Codec.JPEG, stream)
    if size is None:
        return None
    width, height = (-(-side // reduction) for side in size)
    try:  # without the least sizes it decodes at full size
        tile: Pixels = simplejpeg.decode_jpeg(
            stream, min_height=height, min_width=width, min_factor=reduction
        )
    except ValueError:
        return None
    return tile if tile.shape == (height, width, 3) else None


def check_end(data: bytes, form: TileFormat) -> None:
    """Refuse a stream that is cut short: libjpeg makes up what is missing, without a word.

    A sound one may lack its end marker, and nothing but that.

    Raises
    ------
    ValueError
        Pixels are missing.
    """
    if b"\xff\xd9" in data:
        return
    stream = merge_tables(data, form.tables) + b"\xff\xd9"
    try:
        simplejpeg.decode_jpeg(stream, "GRAY")  # no guessing: any warning is an error
    except ValueError as error:
        raise ValueError(f"it ends too early ({error})") from error


def complete_stream(data: bytes, form: TileFormat) -> bytes | None:
    """Return a tile of three colours as a stream of its own; None where markers can't say it."""
    prefix = _prefix(form.tables, form.photometric) if form.bands == 3 else None
    # JFIF says YCbCr, whatever the container says: only libjpeg itself can be told otherwise
    if prefix is None or (form.photometric is Photometric.RGB and b"JFIF" in data[:32]):
        return None
    return prefix + data[2:]


@lru_cache(256)
def _prefix(tables: bytes | None, photometric: Photometric) -> bytes | None:
    """Return what stands for a stream's first two bytes; None where that can't be said so."""
    if photometric not in _JPEG_SPACE or (tables and b"JFIF" in tables):
        return None
    return marked_prefix(tables, photometric)
