"""Decode one encoded tile, knowing nothing but its format: pure, thread-safe, GIL-free inside."""

import math
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np

from ziggurat.readers.encoded import Codec, Photometric, TileFormat
from ziggurat.readers.errors import CorruptSourceError, OptionError, SourceError
from ziggurat.readers.reader import Pixels

_JPEG_SPACE = {Photometric.RGB: 2, Photometric.YCBCR: 3}  # libjpeg's numbers
_RGB = 2


def _jpeg(data: bytes, form: TileFormat, shape: tuple[int, int] | None) -> Pixels:
    if form.bands == 3 and not form.planar:
        return imagecodecs.jpeg8_decode(  # type: ignore[no-any-return]
            data,
            tables=form.tables,
            colorspace=_JPEG_SPACE.get(form.photometric),
            outcolorspace=_RGB,
            shape=shape,
        )
    return imagecodecs.jpeg8_decode(data, tables=form.tables, shape=shape)  # type: ignore[no-any-return]


def _jpeg2000(data: bytes, form: TileFormat, shape: tuple[int, int] | None) -> Pixels:
    del form, shape
    return imagecodecs.jpeg2k_decode(data)  # type: ignore[no-any-return]


def _webp(data: bytes, form: TileFormat, shape: tuple[int, int] | None) -> Pixels:
    del shape
    return imagecodecs.webp_decode(data, hasalpha=form.bands == 4)  # type: ignore[no-any-return]


def _jpegxl(data: bytes, form: TileFormat, shape: tuple[int, int] | None) -> Pixels:
    del form, shape
    return imagecodecs.jpegxl_decode(data)  # type: ignore[no-any-return]


def _jpegxr(data: bytes, form: TileFormat, shape: tuple[int, int] | None) -> Pixels:
    del form, shape
    return imagecodecs.jpegxr_decode(data)  # type: ignore[no-any-return]


PICTURE_CODECS: dict[Codec, Callable[[bytes, TileFormat, tuple[int, int] | None], Pixels]] = {
    Codec.JPEG: _jpeg,
    Codec.JPEG2000: _jpeg2000,
    Codec.WEBP: _webp,
    Codec.JPEGXL: _jpegxl,
    Codec.JPEGXR: _jpegxr,
}

_BYTE_CODECS: dict[Codec, Callable[..., bytes]] = {
    Codec.DEFLATE: imagecodecs.deflate_decode,
    Codec.LZW: imagecodecs.lzw_decode,
    Codec.ZSTD: imagecodecs.zstd_decode,
    Codec.LZMA: imagecodecs.lzma_decode,
    Codec.PACKBITS: imagecodecs.packbits_decode,
}


def _samples(data: bytes, form: TileFormat, shape: tuple[int, int] | None) -> Pixels:
    """Decode a codec of raw samples: bytes, byte order, predictor."""
    if shape is None:
        raise OptionError(f"{form.codec.value} tiles don't know their size: pass shape")
    bands = 1 if form.planar else form.bands
    dtype = np.dtype(form.dtype)
    size = math.prod(shape) * bands * dtype.itemsize
    decompress = _BYTE_CODECS.get(form.codec)
    raw = data if decompress is None else decompress(data, out=size)
    if len(raw) < size:
        raise CorruptSourceError(f"a tile of {size} bytes decodes to {len(raw)} only")
    # The floating point predictor (TIFF technical note 3) stores its bytes in their own order.
    stored = dtype if form.predictor == 3 else dtype.newbyteorder(form.byteorder)
    tile = np.frombuffer(raw, stored, count=math.prod(shape) * bands).reshape(*shape, bands)
    tile = tile.astype(dtype, copy=not tile.flags.writeable)
    if form.predictor == 2:
        return imagecodecs.delta_decode(tile, axis=-2, out=tile)  # type: ignore[no-any-return]
    if form.predictor == 3:
        return imagecodecs.floatpred_decode(tile, axis=-2)  # type: ignore[no-any-return]
    return tile


def can_decode(form: TileFormat) -> bool:
    """Return True where :func:`decode_tile` takes tiles of a format."""
    if form.codec in PICTURE_CODECS:
        return form.bits in (8, 12, 16) or form.codec is not Codec.JPEG
    known = form.codec in _BYTE_CODECS or form.codec is Codec.NONE
    return known and form.predictor in (1, 2, 3) and form.bits == np.dtype(form.dtype).itemsize * 8


def decode_tile(data: bytes, form: TileFormat, shape: tuple[int, int] | None = None) -> Pixels:
    """Decode one tile to (height, width, bands), colours as RGB or gray.

    Parameters
    ----------
    data
        The bytes as stored, shared tables not included (``form.tables``).
    form
        What they are.
    shape
        (height, width) of the tile; needed by codecs of raw samples, else not looked at but
        for JPEG streams whose own size is missing or wrong.

    Raises
    ------
    CorruptSourceError
        The bytes can't be decoded.
    """
    decoder = PICTURE_CODECS.get(form.codec, _samples)
    try:
        tile = decoder(data, form, shape)
    except SourceError:
        raise
    except OptionError:
        raise
    except Exception as error:  # every codec has error classes of its own
        raise CorruptSourceError(f"a {form.codec.value} tile can't be decoded: {error}") from error
    return tile if tile.ndim == 3 else tile[..., np.newaxis]


def fit_tile(tile: Pixels, shape: tuple[int, int, int], fill: Any = 0) -> Pixels:
    """Crop or pad a decoded tile to (height, width, bands): edge tiles may come smaller."""
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
