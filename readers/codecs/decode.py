"""Decode one encoded tile, knowing nothing but its format: pure, thread-safe, GIL-free inside."""

import math
from typing import Any

import imagecodecs
import numpy as np

from ziggurat.readers.codecs.colors import ycbcr_to_rgb
from ziggurat.readers.codecs.filled import check_differences
from ziggurat.readers.codecs.jpeg_decode import decode_jpeg_reduced
from ziggurat.readers.codecs.stream_size import has_subsampled_chroma, jpegxr_end, stream_size
from ziggurat.readers.errors import (
    CorruptSourceError,
    OptionError,
    SourceError,
    UnsupportedFormatError,
)
from ziggurat.readers.model.codec import Codec, function_at
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.reader import Pixels

# Streams may be padded to whole blocks; one that is larger still is forged or misplaced.
_SLACK = 64
_LARGEST_PIXELS = 1 << 28

Shape = tuple[int, int] | None


def jpeg2000(data: bytes, form: TileFormat, shape: Shape) -> object:
    """Decode a JPEG 2000 stream."""
    del shape
    return _without_ycbcr(imagecodecs.jpeg2k_decode(data), data, form)


def webp(data: bytes, form: TileFormat, shape: Shape) -> object:
    """Decode a WebP stream."""
    del shape
    return imagecodecs.webp_decode(data, hasalpha=form.bands == 4)


def jpegxl(data: bytes, form: TileFormat, shape: Shape) -> object:
    """Decode a JPEG XL stream."""
    del form, shape
    return imagecodecs.jpegxl_decode(data)


def jpegxr(data: bytes, form: TileFormat, shape: Shape) -> object:
    """Decode a JPEG XR stream."""
    del form, shape
    missing = jpegxr_end(data) - len(data)
    if missing > 0:  # the library makes up the rest
        raise ValueError(f"it ends {missing} bytes too early")
    return imagecodecs.jpegxr_decode(data)


def _without_ycbcr(tile: Pixels, data: bytes, form: TileFormat) -> Pixels:
    """Turn YCbCr samples that a JPEG 2000 stream doesn't know to be such into RGB.

    Aperio's compression 33003. Where the chroma is subsampled, the decoder has guessed so much
    and done it itself.
    """
    stored = form.photometric is Photometric.YCBCR and tile.ndim == 3 and tile.shape[2] == 3
    if not stored or has_subsampled_chroma(data):
        return tile
    return ycbcr_to_rgb(tile)


def _inflate(data: bytes, form: TileFormat, size: int) -> Any:
    """Return the raw samples' bytes."""
    if form.codec is Codec.NONE:
        return data
    row = form.codec.row
    assert row.decode is not None  # a test walks the table
    if size > (len(data) + 16) * row.expands:
        raise CorruptSourceError(f"{len(data)} bytes can't be a tile of {size}")
    return function_at(row.decode)(data, out=size)


def _samples(data: bytes, form: TileFormat, shape: Shape) -> Pixels:
    """Decode a codec of raw samples: bytes, byte order, predictor."""
    if shape is None:
        raise OptionError(f"{form.codec.value} tiles don't know their size: pass shape")
    bands = 1 if form.planar else form.bands
    dtype = np.dtype(form.dtype)
    count = math.prod(shape) * bands
    raw = _inflate(data, form, count * dtype.itemsize)
    if len(raw) < count * dtype.itemsize:
        raise CorruptSourceError(f"a tile of {count * dtype.itemsize} bytes has {len(raw)} only")
    # The floating point predictor (TIFF technical note 3) stores its bytes in their own order.
    order: Any = "=" if form.predictor == 3 else form.byteorder
    stored = np.frombuffer(raw, dtype.newbyteorder(order), count=count)
    tile = stored.reshape(*shape, bands)
    if form.predictor == 1:
        return tile.astype(dtype, copy=False)
    tile = tile.astype(dtype)
    if form.predictor == 2:
        before = tile[:, 0].copy(), tile[:, 1:2].sum(axis=1, dtype=dtype)
        summed = np.asarray(imagecodecs.delta_decode(tile, axis=-2, out=tile))
        check_differences(summed, *before)
        return summed
    return np.asarray(imagecodecs.floatpred_decode(tile, axis=-2))


def can_decode(form: TileFormat) -> bool:
    """Return True where :func:`decode_tile` takes tiles of a format."""
    if form.codec is Codec.JPEG:
        return form.bits == 8 and (form.bands in (1, 3) or form.planar)
    if not form.codec.row.raw:
        return form.codec.row.decode is not None
    return form.predictor in (1, 2, 3) and form.bits == np.dtype(form.dtype).itemsize * 8


def _check_size(data: bytes, form: TileFormat, shape: Shape) -> None:
    """Refuse a stream that says it is far larger than its tile."""
    size = stream_size(form.codec, data)
    if size is None:
        return
    width, height = size
    if shape is None:
        good = width * height <= _LARGEST_PIXELS
    else:
        good = height <= shape[0] + _SLACK and width <= shape[1] + _SLACK
    if not good:
        raise CorruptSourceError(
            f"a {form.codec.value} stream of {width} x {height} pixels in a tile of "
            f"{shape and (shape[1], shape[0])}"
        )


def decode_tile(data: bytes, form: TileFormat, shape: Shape = None) -> Pixels:
    """Decode one tile to (height, width, bands), colours as RGB or gray.

    Parameters
    ----------
    data
        The bytes as stored, shared tables not included (``form.tables``).
    form
        What they are.
    shape
        (height, width) of the tile; needed by codecs of raw samples. Picture codecs know
        theirs, and are refused where they are larger than this.

    Returns
    -------
    The tile; where a codec knows its size, of that size. It may be read-only.

    Raises
    ------
    CorruptSourceError
        The bytes can't be decoded.
    OptionError
        No shape was given for a codec that needs it.
    """
    row = form.codec.row
    try:
        if row.raw:
            return _checked(_samples(data, form, shape), shape and (shape[1], shape[0]), form)
        if row.decode is None:
            raise UnsupportedFormatError(f"tiles of {form.codec.value} can't be decoded")
        _check_size(data, form, shape)
        tile: object = function_at(row.decode)(data, form, shape)
    except (SourceError, OptionError):
        raise
    except Exception as error:  # every codec has error classes of its own
        raise CorruptSourceError(f"a {form.codec.value} tile can't be decoded: {error}") from error
    return _checked(tile, stream_size(form.codec, data), form)


def _checked(tile: object, size: tuple[int, int] | None, form: TileFormat) -> Pixels:
    """Return (height, width, bands); no library's quiet failure passes as a tile.

    ``size`` is (width, height), None or with zeros where the stream does not know.
    """
    if isinstance(tile, np.ndarray) and tile.ndim in (2, 3) and tile.dtype.kind in "buif":
        known = size is not None and min(size) > 0
        if not known or (tile.shape[1], tile.shape[0]) == size:
            return tile if tile.ndim == 3 else tile[..., np.newaxis]
    found = f"{tile.shape}" if isinstance(tile, np.ndarray) else type(tile).__name__
    raise CorruptSourceError(
        f"a {form.codec.value} tile can't be decoded: {found} came where {size} pixels are due"
    )


def fit_tile(tile: Pixels, shape: tuple[int, int, int], fill: object = 0) -> Pixels:
    """Crop or pad a decoded tile to (height, width, bands): edge tiles may come smaller.

    Raises
    ------
    CorruptSourceError
        It has fewer bands.
    """
    if tile.shape == shape:
        return tile
    if tile.shape[2] < shape[2]:
        raise CorruptSourceError(f"a tile of {tile.shape[2]} bands where {shape[2]} are due")
    tile = tile[: shape[0], : shape[1], : shape[2]]
    if tile.shape == shape:
        return tile
    full = np.full(shape, fill, tile.dtype)
    full[: tile.shape[0], : tile.shape[1]] = tile
    return full


def _reduced_jpeg2000(data: bytes, form: TileFormat, reduction: int) -> Pixels:
    """Leave the finest wavelet levels out; where a stream has too few, average the rest.

    The wavelet's low pass is centred on every second sample, not between two: the result
    is displaced by (reduction - 1) / 2 full pixels against a mean of blocks.
    """
    import cv2

    skip = reduction.bit_length() - 1
    while True:
        try:
            tile = imagecodecs.jpeg2k_decode(data, skipres=skip)
            break
        except imagecodecs.Jpeg2kError:
            if skip == 0:
                raise
            skip -= 1
    tile = _without_ycbcr(tile, data, form)
    rest = reduction >> skip
    if rest == 1:
        return tile
    size = (math.ceil(tile.shape[1] / rest), math.ceil(tile.shape[0] / rest))
    return np.asarray(cv2.resize(tile, size, interpolation=cv2.INTER_AREA))


def can_reduce(form: TileFormat) -> bool:
    """Return True where :func:`decode_tile_reduced` takes tiles of a format."""
    if form.codec is Codec.JPEG:
        return can_decode(form) and form.bands in (1, 3) and not form.lossless
    return form.codec is Codec.JPEG2000


def decode_tile_reduced(
    data: bytes, form: TileFormat, reduction: int, shape: Shape = None
) -> Pixels:
    """Decode one JPEG or JPEG 2000 tile at 1/2, 1/4 or 1/8 of its size, without the full one.

    Parameters
    ----------
    data, form, shape
        As for :func:`decode_tile`; ``shape`` is that of the full tile.
    reduction
        2, 4 or 8.

    Returns
    -------
    (height, width, bands), sizes divided and rounded up; where ``shape`` is given, of just
    that size over ``reduction``.

    Raises
    ------
    CorruptSourceError
        The bytes can't be decoded.
    OptionError
        A codec or reduction that can't be; see :func:`can_reduce`.
    """
    if reduction not in (2, 4, 8) or not can_reduce(form):
        raise OptionError(f"{form.codec.value} tiles can't be decoded at 1/{reduction}")
    _check_size(data, form, shape)
    reduced = decode_jpeg_reduced if form.codec is Codec.JPEG else _reduced_jpeg2000
    try:
        tile = reduced(data, form, reduction)
    except SourceError:
        raise
    except Exception as error:  # every codec has error classes of its own
        raise CorruptSourceError(f"a {form.codec.value} tile can't be decoded: {error}") from error
    width, height = stream_size(form.codec, data) or (0, 0)
    tile = _checked(tile, (-(-width // reduction), -(-height // reduction)), form)
    if shape is None:
        return tile
    return fit_tile(tile, (-(-shape[0] // reduction), -(-shape[1] // reduction), form.bands))
