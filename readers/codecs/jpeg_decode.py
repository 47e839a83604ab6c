"""JPEG tiles of eight bits to pixels: the fast way where it gives the same, or else the sure one.

Both are libjpeg-turbo with its accurate transforms. simplejpeg is a fifth faster, and tells what
libjpeg warns of; but it takes the colour space from the stream's markers alone, and few samplings.
imagecodecs is told the colour space, and hides the warnings.

libjpeg never fails for damaged pixels: it makes some up and warns. Warnings of what touches no
pixel, such as padding behind the last block, are common in the files of scanners.
"""

from collections.abc import Buffer
from functools import lru_cache
from typing import Any

import imagecodecs
import numpy as np
import simplejpeg

from ziggurat.readers.codecs.filled import checked_fill
from ziggurat.readers.codecs.jpeg_stream import (
    marked_prefix,
    merge_tables,
    with_adobe_marker,
)
from ziggurat.readers.codecs.jpeg_warnings import count_scans, is_end_padding, mended
from ziggurat.readers.codecs.stream_size import stream_size
from ziggurat.readers.codecs.tile_memory import tile_memory
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.reader import Pixels

_JPEG_SPACE = {Photometric.RGB: 2, Photometric.YCBCR: 3}  # libjpeg's numbers
_RGB = 2
_END, _SCAN = b"\xff\xd9", b"\xff\xda"
_MOST_SCANS = 100  # encoders make ten; each goes over all blocks, were it of a single byte

# libjpeg's warnings (jerror.h, JWRN_*), of which simplejpeg tells the first.
_NO_END = "Premature end of JPEG file"
_DAMAGED = ("Corrupt JPEG data", "Inconsistent progression", "Invalid SOS parameters", _NO_END)
_MOST_MENDS = 10  # warnings that are put right: padding behind each of ten scans


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

    Raises
    ------
    ValueError
        libjpeg makes up some of the pixels, or can't decode it at all.
    """
    colors = form.bands == 3 and not form.planar
    stream = complete_stream(data, form) if colors and not form.lossless else None
    if stream is not None:
        place = None if shape is None else tile_memory(*shape, 3)
        pixels = _watched(stream, "RGB", buffer=place)
        if pixels is not None:
            return pixels
        check_end(data)
    else:
        gray = check_jpeg(data, form.tables)
        if gray is not None and not colors:
            return gray
    if not colors:
        return imagecodecs.jpeg8_decode(data, tables=form.tables, shape=shape)
    space = _RGB if form.lossless else _JPEG_SPACE.get(form.photometric)  # those aren't converted
    return imagecodecs.jpeg8_decode(
        data, tables=form.tables, colorspace=space, outcolorspace=_RGB, shape=shape
    )


def decode_jpeg_reduced(data: bytes, form: TileFormat, reduction: int) -> Any:
    """Return the pixels of a JPEG stream at 1/2, 1/4 or 1/8, by libjpeg's scaled transform.

    Raises
    ------
    ValueError
        libjpeg makes up some of the pixels, or can't decode it at all.
    """
    stream = complete_stream(data, form)
    if stream is None:
        stream = merge_tables(data, form.tables)
        if form.bands == 3:
            stream = with_adobe_marker(stream, form.photometric)
    size = stream_size(Codec.JPEG, stream)
    width, height = (-(-side // reduction) for side in size or (0, 0))
    if min(width, height) < 1:
        raise ValueError("no picture's size is in it")
    if max(width, height) > 1:  # of a single pixel, simplejpeg would take the smallest scale
        pixels = _watched(  # without the least sizes it decodes at full size
            stream,
            "RGB" if form.bands == 3 else "GRAY",
            min_factor=reduction,
            min_height=height,
            min_width=width,
        )
        if pixels is not None and pixels.shape[:2] == (height, width):
            return pixels
    import cv2  # for what simplejpeg does not take; most conversions never load it

    full = decode_jpeg(data, form, None)
    if full.shape[1::-1] != size:
        raise ValueError(f"{full.shape} came where {size} pixels are due")
    return cv2.resize(full, (width, height), interpolation=cv2.INTER_AREA)


def check_jpeg(data: bytes, tables: bytes | None = None) -> Pixels | None:
    """Refuse a stream of which libjpeg makes up some of the pixels, where that can be seen.

    For those that other calls decode, which leave libjpeg's warnings out. Where the stream is
    one of grey pixels, they are returned.

    Raises
    ------
    ValueError
        It is cut short, or damaged.
    """
    stream = merge_tables(data, tables)
    pixels: Pixels | None = _watched(stream, "GRAY")  # the codes of all components are read
    if pixels is None:
        check_end(data)
        return None
    return pixels if simplejpeg.decode_jpeg_header(stream, strict=False)[2] == "Gray" else None


def check_end(data: bytes) -> None:
    """Refuse a stream without an end: for kinds whose damage libjpeg never tells.

    Raises
    ------
    ValueError
        Pixels may be missing.
    """
    if _END not in data:
        raise ValueError("it ends too early: there is no end marker")


def decode_picture(stream: Buffer, space: str, out: Pixels) -> bool:
    """Fill an array with a whole picture of eight bits, False where that can't be done so.

    Raises
    ------
    ValueError
        libjpeg makes up some of the pixels.
    """
    pixels = _watched(bytes(stream), space, buffer=out)
    return pixels is not None and pixels.shape == out.shape and np.shares_memory(pixels, out)


def _watched(stream: bytes, space: str, **how: object) -> Any:
    """Decode, and raise if libjpeg warns that it makes up pixels; None where it can't at all."""
    if stream.count(_SCAN) > _MOST_SCANS and count_scans(stream) > _MOST_SCANS:
        raise ValueError(f"more than {_MOST_SCANS} scans of one picture are not decoded")
    said, ended = "", True
    for _ in range(_MOST_MENDS):
        try:
            return _decoded(stream, space, how)
        except ValueError as error:
            said = str(error)
        if said == _NO_END and ended:  # a sound stream may lack its end, and nothing but that
            stream, ended = stream + _END, False
            continue
        better = mended(stream, said)
        if better is None:
            break
        stream = better
    if ended and is_end_padding(said, stream):  # behind it comes nothing that could be damaged
        return _decoded(stream, space, {**how, "strict": False})
    if said.startswith(_DAMAGED) or not ended:  # then the end has become a part of something else
        raise ValueError(f"libjpeg makes up a part of it: {said}")
    return None


def _decoded(stream: bytes, space: str, how: dict[str, Any]) -> Any:
    """Let simplejpeg decode, into a place that is ours or one of its own."""
    place = how.get("buffer")
    if place is None:
        return simplejpeg.decode_jpeg(stream, space, **how)
    pixels = checked_fill(place, lambda: simplejpeg.decode_jpeg(stream, space, **how))
    if pixels.nbytes == place.nbytes:
        return pixels
    return simplejpeg.decode_jpeg(stream, space, **{**how, "buffer": None})  # it is a smaller one


def complete_stream(data: bytes, form: TileFormat) -> bytes | None:
    """Return a tile of three colours as a stream of its own; None where markers can't say it."""
    prefix = stream_prefix(form) if form.bands == 3 else None
    # JFIF says YCbCr, whatever the container says: only libjpeg itself can be told otherwise
    if prefix is None or (form.photometric is Photometric.RGB and b"JFIF" in data[:32]):
        return None
    return prefix + data[2:]


def stream_prefix(form: TileFormat) -> bytes | None:
    """Return what stands for the first two bytes of tiles, so that each is a stream of its own.

    None where markers can't say all that a decoder has to know. RGB tiles that say JFIF are the
    caller's business: see :func:`complete_stream`.
    """
    if form.bands == 3:
        return _prefix(form.tables, form.photometric)
    return marked_prefix(form.tables, Photometric.GRAY)


@lru_cache(256)
def _prefix(tables: bytes | None, photometric: Photometric) -> bytes | None:
    """Return what stands for a stream's first two bytes; None where that can't be said so."""
    if photometric not in _JPEG_SPACE or (tables and b"JFIF" in tables):
        return None
    return marked_prefix(tables, photometric)
