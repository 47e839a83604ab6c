"""From pixels to what a caller wants: a numpy array, a PIL image or an encoded picture."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Self

import numpy as np

from ziggurat.readers.constants import (
    TILE_FORMAT_IMAGE,
    TILE_FORMAT_NUMPY,
    TILE_FORMAT_PIL,
    TILE_FORMATS,
    TileOutputMimeTypes,
)
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.codec import TILE_CODECS, Codec, names_of
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.model.words import Formats
from ziggurat.readers.source.options import OpenOptions, check_encoding, check_jpeg

if TYPE_CHECKING:  # workers that want arrays never load it
    import PIL.Image

_PIL_NAMES = {"JFIF": "JPEG"}
_OPAQUE = ("BMP", "DIB", "EPS", "MPO", "PCX", "PPM", "SGI")  # formats without alpha
# What tifffile packs by itself; the others need settings that a call has no words for.
_TIFF_CODECS = (*(codec for codec in TILE_CODECS if codec.row.raw), Codec.JPEG)
_PHOTOMETRIC_RGB = (3, 4)


class ImageBytes(bytes):
    """An encoded picture; knows its MIME type, and notebooks show it."""

    mimetype: str | None

    def __new__(cls, source: bytes = b"", mimetype: str | None = None) -> Self:  # noqa: D102
        self = super().__new__(cls, source)
        self.mimetype = mimetype
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[bytes, str | None]]:
        return type(self), (bytes(self), self.mimetype)

    def _repr_png_(self) -> bytes | None:
        return bytes(self) if self.mimetype == "image/png" else None

    def _repr_jpeg_(self) -> bytes | None:
        return bytes(self) if self.mimetype == "image/jpeg" else None

    def __repr__(self) -> str:
        return f"ImageBytes<{len(self)}> ({self.mimetype})"


@dataclass(frozen=True, slots=True)
class Encoding:
    """How to encode a picture."""

    name: str = "JPEG"
    jpeg_quality: int = 95
    jpeg_subsampling: int = 0
    tiff_compression: str = "raw"

    def __post_init__(self) -> None:
        check_encoding(self.name)
        quality, subsampling = check_jpeg(self.jpeg_quality, self.jpeg_subsampling)
        object.__setattr__(self, "jpeg_quality", quality)
        object.__setattr__(self, "jpeg_subsampling", subsampling)
        tiff_codec(self.tiff_compression)

    @property
    def mime_type(self) -> str:
        """The MIME type of what comes out."""
        return TileOutputMimeTypes[self.name]


def tiff_codec(name: str) -> Codec:
    """Return the codec that ``tiffCompression`` names; the empty name is none.

    Raises
    ------
    OptionError
        There is none of that name, or it is not for TIFFs that are made in memory.
    """
    for codec in _TIFF_CODECS:
        if (name.lower() or Codec.NONE.value) in codec.row.names(codec.value):
            return codec
    raise OptionError(f"tiffCompression must be one of {names_of(_TIFF_CODECS)}, not {name!r}")


def merged_encoding(
    options: OpenOptions,
    name: str | None = None,
    quality: int | None = None,
    subsampling: int | None = None,
    compression: str | None = None,
) -> Encoding:
    """Return the encoding of a call: its own wishes, and those of ``open`` for the rest."""
    if name is None and quality is None and subsampling is None and compression is None:
        return _opened_encoding(
            options.encoding, options.jpegQuality, options.jpegSubsampling, options.tiffCompression
        )
    return Encoding(
        options.encoding if name is None else name,
        options.jpegQuality if quality is None else quality,
        options.jpegSubsampling if subsampling is None else subsampling,
        options.tiffCompression if compression is None else compression,
    )


@lru_cache(64)
def _opened_encoding(name: str, quality: int, subsampling: int, compression: str) -> Encoding:
    """Return the encoding that ``open`` was told: nearly every call takes it, checked once."""
    return Encoding(name, quality, subsampling, compression)


def chosen_format(formats: Formats, default: str) -> str:
    """Return the format to give: numpy where it is allowed, then PIL, then an encoded image.

    A single name or a sequence of those that will do.
    """
    if formats is None:
        return default
    if isinstance(formats, str) and formats in TILE_FORMATS:
        return formats
    single = isinstance(formats, str) or not isinstance(formats, Iterable)
    allowed = (formats,) if single else tuple(formats)
    unknown = [name for name in allowed if name not in TILE_FORMATS]
    if unknown or not allowed:
        raise OptionError(f"format must be one or more of {TILE_FORMATS}, not {formats!r}")
    return next(name for name in TILE_FORMATS if name in allowed)


def deliver(pixels: Pixels, wanted: str, encoding: Encoding, *, alpha: bool) -> tuple[object, str]:
    """Return (data, format or MIME type) of an array of shape (y, x, band)."""
    if wanted == TILE_FORMAT_NUMPY:
        return pixels, TILE_FORMAT_NUMPY
    if wanted == TILE_FORMAT_PIL:
        return to_pil(pixels, alpha=alpha), TILE_FORMAT_PIL
    assert wanted == TILE_FORMAT_IMAGE
    return encoded(pixels, encoding, alpha=alpha), encoding.mime_type


def nothing(bands: int, dtype: np.dtype, wanted: str, encoding: Encoding) -> tuple[object, str]:
    """Return (data, format or MIME type) of a region without a pixel: no picture can be empty."""
    if wanted == TILE_FORMAT_NUMPY:
        return np.zeros((0, 0, bands), dtype), TILE_FORMAT_NUMPY
    if wanted == TILE_FORMAT_PIL:
        import PIL.Image

        return PIL.Image.new("RGB" if bands >= 3 else "L", (0, 0)), TILE_FORMAT_PIL
    return ImageBytes(b"", encoding.mime_type), encoding.mime_type


def palette_colors(pixels: Pixels, palette: Sequence[tuple[int, int, int, int]]) -> Pixels:
    """Return the RGBA colours, uint8 (y, x, 4), of indices; unknown ones are transparent."""
    table = np.zeros((len(palette) + 1, 4), np.uint8)
    table[:-1] = palette
    indices = pixels[..., 0].astype(np.intp)
    known = (indices >= 0) & (indices < len(palette))
    return table[np.where(known, indices, len(palette))]


def pictured(pixels: Pixels, info: ImageInfo) -> tuple[Pixels, bool]:
    """Return stored pixels as they are shown, and whether their last band is alpha.

    Colours stand for the indices of a palette, and bands that the file calls red, green, blue
    and alpha come in this order, wherever they lie.
    """
    if info.palette is not None:
        return palette_colors(pixels, info.palette), True
    if info.interpretation is not Interpretation.MULTIBAND:
        return pixels, info.alpha
    names = [name.lower() for name in info.band_names]
    if not {"red", "green", "blue"} <= set(names):
        return pixels, info.alpha
    order = [names.index(name) for name in ("red", "green", "blue")]
    alpha = info.alpha or "alpha" in names
    if alpha:
        order.append(info.bands - 1 if info.alpha else names.index("alpha"))
    return pixels[..., order], alpha


def to_8bit(pixels: Pixels, *, alpha: bool = False) -> Pixels:
    """Return pixels as uint8: what pictures for the eye have.

    Unsigned integers keep their leading 8 bits; signed ones are shifted to start at 0 first;
    those of 64 bits, which nobody measures with, are taken as 0-255, as floats are: clipped, the
    same in every tile; NaN is 0. Other ranges are what styles are for. With ``alpha`` the last
    band goes from 0 to the type's largest number, or to 1.
    """
    shown = _to_8bit(pixels)
    if alpha and pixels.shape[2] > 1 and pixels.dtype not in (np.uint8, np.bool_):
        shown[..., -1] = _alpha_8bit(pixels[..., -1])
    return shown


def _alpha_8bit(alpha: Pixels) -> Pixels:
    if alpha.dtype.kind == "f":
        values = np.nan_to_num(alpha, nan=0.0)
        opaque = 1.0 if values.size == 0 or values.max() <= 1 else 255.0  # a style's are bytes
    else:
        values, opaque = alpha, float(np.iinfo(alpha.dtype).max)
    scaled: Pixels = np.clip(values.astype(np.float64) / opaque * 255, 0, 255)
    return scaled.astype(np.uint8)


def _to_8bit(pixels: Pixels) -> Pixels:
    kind, size = pixels.dtype.kind, pixels.dtype.itemsize
    if pixels.dtype == np.uint8:
        return pixels
    if kind == "b":
        return pixels.astype(np.uint8) * np.uint8(255)
    if size == 8 and kind in "iu":
        return np.asarray(np.clip(pixels, 0, 255), np.uint8)
    if kind == "u":
        return (pixels >> (8 * size - 8)).astype(np.uint8)
    if kind == "i":
        unsigned = pixels.view(f"{pixels.dtype.byteorder}u{size}") ^ (1 << (8 * size - 1))
        return (unsigned >> (8 * size - 8)).astype(np.uint8)
    values = np.nan_to_num(pixels.astype(np.float32), nan=0.0)
    return np.clip(values, 0, 255).astype(np.uint8)


def to_pil(pixels: Pixels, *, alpha: bool) -> "PIL.Image.Image":
    """Return an 8-bit PIL image of mode L, LA, RGB or RGBA."""
    import PIL.Image

    data = to_8bit(pixels, alpha=alpha)
    bands = data.shape[2]
    if bands == 1:
        return PIL.Image.fromarray(np.ascontiguousarray(data[..., 0]))
    if bands == 2:
        return (
            PIL.Image.fromarray(np.ascontiguousarray(data), "LA")
            if alpha
            else PIL.Image.fromarray(np.ascontiguousarray(data[..., 0]))
        )
    keep = 4 if bands == 4 and alpha else 3
    return PIL.Image.fromarray(np.ascontiguousarray(data[..., :keep]))


def encoded(pixels: Pixels, encoding: Encoding, *, alpha: bool) -> ImageBytes:
    """Return an encoded picture; TIFF keeps the dtype and all bands, the others show 8 bits."""
    if encoding.name in ("TIFF", "TILED"):
        return ImageBytes(_tiff(pixels, encoding), encoding.mime_type)
    image = to_pil(pixels, alpha=alpha)
    name = _PIL_NAMES.get(encoding.name, encoding.name)
    output = io.BytesIO()
    if name == "XBM":  # one bit a pixel
        image = _without_alpha(image).convert("1")
    if name == "JPEG":
        image = _without_alpha(image)
        image.save(
            output, name, quality=encoding.jpeg_quality, subsampling=encoding.jpeg_subsampling
        )
    elif name in _OPAQUE:
        _without_alpha(image).save(output, name)
    else:
        image.save(output, name)
    return ImageBytes(output.getvalue(), encoding.mime_type)


def _without_alpha(image: "PIL.Image.Image") -> "PIL.Image.Image":
    return image.convert({"LA": "L", "RGBA": "RGB"}.get(image.mode, image.mode))


def check_jpeg_in_tiff(dtype: np.dtype, bands: int) -> None:
    """Refuse JPEG compression for what it can't hold: it would be cut, or fail by its content."""
    if dtype != np.uint8 or bands not in (1, 3):
        raise OptionError(
            f"JPEG in TIFF holds one or three bands of uint8, not {bands} of {dtype};"
            " take lzw, deflate or zstd"
        )


def _tiff(pixels: Pixels, encoding: Encoding) -> bytes:
    import tifffile  # heavy, and rarely needed

    bands = pixels.shape[2]
    codec = tiff_codec(encoding.tiff_compression)
    if codec is Codec.JPEG:
        check_jpeg_in_tiff(pixels.dtype, bands)
    color = bands in _PHOTOMETRIC_RGB and pixels.dtype.kind in "u"
    output = io.BytesIO()
    tifffile.imwrite(
        output,
        pixels if bands > 1 else pixels[..., 0],
        photometric="rgb" if color else "minisblack",
        planarconfig="contig" if bands > 1 else None,
        extrasamples=["unassalpha"] if color and bands == 4 else None,
        compression=codec.row.tags[0],
        compressionargs={"level": encoding.jpeg_quality} if codec is Codec.JPEG else None,
        metadata=None,
    )
    return output.getvalue()
