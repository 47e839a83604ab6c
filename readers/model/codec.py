"""The table of codecs: one row each. Whoever asks what a codec is asks its row.

To add one: a file with its functions in ``readers/codecs`` (or ``writers/codecs``, where it is
only written), and one row here. Tag numbers, lossy sets, what outputs take, costs and the names
that a user may give all come from the rows.
"""

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self

from ziggurat.readers.errors import OptionError

_DECODE = "ziggurat.readers.codecs.decode"
_TILES = "ziggurat.writers.codecs.tiles"
_CHUNKS = "ziggurat.writers.codecs.chunks"

_BIO_FORMATS = "Bio-Formats (QuPath, Fiji, OMERO)"
_OPENSLIDE, _LIBVIPS, _GDAL, _CUCIM = "OpenSlide", "libvips", "GDAL", "cuCIM"
_SLIDEIO, _GEOTIFF_JS, _VIV = "slideio", "geotiff.js", "Viv"
# Of zarr's codecs, imagecodecs' are in Python alone: zarr-python has them once they are registered.
_NOT_IMAGECODECS = (
    _BIO_FORMATS, _GDAL, _VIV, "Neuroglancer", "tensorstore",
    "zarr-python (napari, ome-zarr-py) without imagecodecs.zarr.register_codecs()",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecRow:
    """All that is known of a codec. Functions are ``module:name``, loaded when they are used.

    Attributes
    ----------
    aliases
        Other names that a user may give.
    raw
        It packs the bytes of samples: predictors and the order of bytes matter, and a tile does
        not know its size. Others make a picture of their own.
    can_lose, must_lose
        It may change samples; it can't but change them.
    tags
        Of TIFF (tag 259); the first one is written.
    kinds, sizes, bands
        The samples that can be encoded: numpy's letters, bytes, counts; None is any count.
    predicts
        Differences of neighbours pay.
    efforts
        The least and the most effort in its own scale; None: there is nothing to choose.
    decode
        Of raw codecs ``f(data, out=size)``, of others ``f(data, form, shape)``; None: not read.
    encode
        Of raw codecs ``f(samples, form, level)``, of others ``f(form, options)`` that gives the
        format and the encoder of its tiles; None: not written to TIFF.
    chunk
        ``f(info, options)`` that gives the codec of zarr's chunks; None: not written to OME-Zarr.
    zarr
        The name of the codec of zarr whose chunks are pictures of this one, as imagecodecs
        registers it.
    expands
        The most bytes that one byte can decode to, so that a forged size is seen in time.
    grows
        What a code stream may take of its raw size at worst.
    ratio
        Bytes for each byte of pixels, as seen on stained tissue at default settings.
    encode_rate, decode_rate
        Bytes of pixels that one core encodes (shrinking and writing included), or decodes, in a
        second.
    lacking, lacking_chunks
        Common programs that can't read it in a TIFF, in an OME-Zarr.
    """

    aliases: tuple[str, ...] = ()
    raw: bool = False
    can_lose: bool = False
    must_lose: bool = False
    tags: tuple[int, ...] = ()
    kinds: str = "biuf"
    sizes: tuple[int, ...] = (1, 2, 4, 8)
    bands: tuple[int, ...] | None = None
    predicts: bool = False
    efforts: tuple[int, int] | None = None
    decode: str | None = None
    encode: str | None = None
    chunk: str | None = None
    zarr: str | None = None
    expands: int = 1
    grows: float = 1.5
    ratio: float = 0.4
    encode_rate: float = 80e6
    decode_rate: float = 400e6
    lacking: tuple[str, ...] = ()
    lacking_chunks: tuple[str, ...] = ()

    def takes(self, kind: str, size: int, bands: int) -> bool:
        """Return True where samples of a kind and size in bytes, so many a pixel, are taken."""
        return kind in self.kinds and size in self.sizes and (not self.bands or bands in self.bands)

    def names(self, name: str) -> tuple[str, ...]:
        """Return all names of the codec of a name."""
        return (name, *self.aliases)

    @property
    def domain(self) -> str:
        """What it takes, in words."""
        names = {"b": "bool", "u": "unsigned", "i": "signed", "f": "float"}
        kinds = "/".join(names[kind] for kind in "buif" if kind in self.kinds)
        bits = "/".join(str(8 * size) for size in self.sizes)
        bands = "any number of" if self.bands is None else "/".join(map(str, self.bands))
        return f"{kinds} of {bits} bits, {bands} bands"


class Codec(Enum):
    """How the bytes of a tile or chunk are encoded; the value is the name, ``row`` the facts."""

    _value_: str
    row: CodecRow

    NONE = "none", CodecRow(
        aliases=("raw", "uncompressed"), raw=True, tags=(1,), encode=f"{_TILES}:none",
        chunk=f"{_CHUNKS}:none", grows=1.0, ratio=1.0, encode_rate=1000e6, decode_rate=2000e6,
    )  # fmt: skip
    JPEG = "jpeg", CodecRow(
        aliases=("jpg",), can_lose=True, must_lose=True, tags=(7,), kinds="u", sizes=(1,),
        bands=(1, 3), decode="ziggurat.readers.codecs.jpeg_decode:decode_jpeg",
        encode=f"{_TILES}:jpeg", ratio=0.10, encode_rate=700e6, decode_rate=700e6,
        chunk=f"{_CHUNKS}:jpeg", zarr="imagecodecs_jpeg", lacking_chunks=_NOT_IMAGECODECS,
    )  # fmt: skip
    DEFLATE = "deflate", CodecRow(
        aliases=("zip", "zlib", "adobe_deflate", "tiff_adobe_deflate"), raw=True,
        tags=(8, 32946), predicts=True, decode="imagecodecs:deflate_decode",
        encode=f"{_TILES}:deflate", expands=1100, grows=1.01, encode_rate=420e6, efforts=(0, 9),
    )  # fmt: skip
    LZW = "lzw", CodecRow(
        aliases=("tiff_lzw",), raw=True, tags=(5,), predicts=True, decode="imagecodecs:lzw_decode",
        encode=f"{_TILES}:lzw", expands=4096, ratio=0.48, encode_rate=120e6,
        lacking=(_GEOTIFF_JS,),
    )  # fmt: skip
    ZSTD = "zstd", CodecRow(
        aliases=("zstandard",), raw=True, tags=(50000, 34926), predicts=True,
        decode="imagecodecs:zstd_decode", encode=f"{_TILES}:zstd", chunk=f"{_CHUNKS}:zstd",
        expands=1 << 16, grows=1.01, encode_rate=300e6, efforts=(1, 22),
        lacking=(_LIBVIPS, _CUCIM, _SLIDEIO, _VIV),
    )  # fmt: skip
    LZMA = "lzma", CodecRow(
        raw=True, tags=(34925,), predicts=True, decode="imagecodecs:lzma_decode",
        encode=f"{_TILES}:lzma", expands=1 << 16, grows=1.01, encode_rate=3e6,
        efforts=(0, 9),
        lacking=(_BIO_FORMATS, _OPENSLIDE, _LIBVIPS, _SLIDEIO),
    )  # fmt: skip
    WEBP = "webp", CodecRow(
        can_lose=True, tags=(50001,), kinds="u", sizes=(1,), bands=(3, 4),
        decode=f"{_DECODE}:webp", encode=f"{_TILES}:webp", ratio=0.06, encode_rate=40e6,
        efforts=(0, 6), decode_rate=100e6, lacking=(_BIO_FORMATS, _OPENSLIDE, _CUCIM, _SLIDEIO),
    )  # fmt: skip
    JPEG2000 = "jpeg2000", CodecRow(
        aliases=("jp2k", "jp2", "j2k"), can_lose=True, tags=(34712, 33003, 33005), kinds="u",
        sizes=(1, 2), bands=(1, 3, 4), decode=f"{_DECODE}:jpeg2000", encode=f"{_TILES}:jpeg2000",
        ratio=0.12, encode_rate=12e6, decode_rate=60e6,
        lacking=(_OPENSLIDE, _LIBVIPS, _GDAL, _CUCIM, _GEOTIFF_JS),
        chunk=f"{_CHUNKS}:jpeg2000", zarr="imagecodecs_jpeg2k", lacking_chunks=_NOT_IMAGECODECS,
    )  # fmt: skip
    JPEGXL = "jpegxl", CodecRow(
        aliases=("jxl",), can_lose=True, tags=(50002, 52546), kinds="u", sizes=(1, 2),
        bands=(1, 3, 4), decode=f"{_DECODE}:jpegxl", encode=f"{_TILES}:jpegxl", ratio=0.08,
        encode_rate=15e6, decode_rate=60e6, efforts=(1, 9),
        lacking=(_BIO_FORMATS, _OPENSLIDE, _LIBVIPS, _GDAL, _CUCIM, _SLIDEIO, _GEOTIFF_JS),
    )  # fmt: skip
    JPEGXR = "jpegxr", CodecRow(
        aliases=("jxr",), can_lose=True, tags=(22610, 34934), decode=f"{_DECODE}:jpegxr",
        lacking=(_OPENSLIDE, _LIBVIPS, _GDAL, _CUCIM, _SLIDEIO, _GEOTIFF_JS),
    )  # fmt: skip
    PACKBITS = "packbits", CodecRow(
        raw=True, tags=(32773,), decode="imagecodecs:packbits_decode", encode=f"{_TILES}:packbits",
        expands=128, ratio=0.9, encode_rate=300e6, lacking=(_CUCIM,),
    )  # fmt: skip
    BLOSC = "blosc", CodecRow(
        chunk=f"{_CHUNKS}:blosc", ratio=0.50, encode_rate=480e6, decode_rate=1000e6,
        efforts=(0, 9),
    )  # fmt: skip
    GZIP = "gzip", CodecRow(chunk=f"{_CHUNKS}:gzip", decode_rate=1000e6, efforts=(1, 9))
    PNG = (
        "png",
        CodecRow(
            sizes=(1, 2),
            kinds="u",
            bands=(1, 2, 3, 4),
            ratio=0.45,
            encode_rate=30e6,
            efforts=(0, 9),
        ),
    )
    # Known to the backend alone; never copied between formats, and of no known loss.
    OTHER = "other", CodecRow(can_lose=True)

    def __new__(cls, name: str, row: CodecRow) -> Self:
        """Make a member of a name and its facts."""
        member = object.__new__(cls)
        member._value_ = name
        member.row = row
        return member

    @classmethod
    def asked(cls, codec: "str | Codec | None") -> "Codec | None":
        """Return the codec that a caller names; None where none is."""
        return cls.named(codec) if isinstance(codec, str) else codec

    @classmethod
    def named(cls, name: str) -> "Codec":
        """Return the codec of a name or of an alias, in any case.

        Raises
        ------
        OptionError
            There is none.
        """
        lower = name.lower()
        for codec in cls:
            if lower in codec.row.names(codec.value):
                return codec
        raise OptionError(f"codec {name!r} is unsupported; there are {names_of(cls)}")


def check_effort(codec: Codec, effort: int | None) -> None:
    """Refuse an effort that is not in the codec's scale; libraries take the nearest in silence.

    Raises
    ------
    OptionError
        It is none of those that the codec has.
    """
    if effort is None or codec.row.efforts is None:
        return
    least, most = codec.row.efforts
    if not least <= effort <= most:
        raise OptionError(
            f"invalid effort: levels of {codec.value} are {least} to {most}, not {effort}"
        )


def names_of(codecs: Any) -> str:
    """Return the names of codecs, for people."""
    return ", ".join(codec.value for codec in codecs)


@functools.cache
def codec_of_tag(tag: int) -> Codec:
    """Return the codec of a TIFF's compression (tag 259), OTHER for one that is not known."""
    return next((codec for codec in Codec if tag in codec.row.tags), Codec.OTHER)


@functools.cache
def function_at(place: str) -> Callable[..., Any]:
    """Return the function at ``module:name``."""
    module, _, name = place.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


# Aperio's own numbers for JPEG 2000: libtiff, and all that stands on it, can't decode them.
PRIVATE_TAGS = (33003, 33005)
# What a TIFF, and an OME-Zarr, can be written with.
TILE_CODECS: tuple[Codec, ...] = tuple(codec for codec in Codec if codec.row.encode is not None)
_CHUNKED = tuple(codec for codec in Codec if codec.row.chunk is not None)
CHUNK_CODECS: tuple[Codec, ...] = (  # the default first
    Codec.BLOSC,
    *(codec for codec in _CHUNKED if codec.row.zarr is None and codec is not Codec.BLOSC),
)
# Pictures as chunks: few programs read them, so that they are only for who asks.
PICTURE_CHUNKS = tuple(codec for codec in _CHUNKED if codec.row.zarr is not None)
WRITTEN_CODECS = tuple(codec for codec in Codec if codec in (*TILE_CODECS, *CHUNK_CODECS))
