"""How tiles are encoded for TIFF: the encoders, and the check that one fits an image.

``tile_codec(info, options)`` refuses in one sentence what can't be, before anything is
written, and gives the facts of the code stream with the function that makes it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import imagecodecs
import numpy as np

from ziggurat.readers.errors import OptionError, WriteError
from ziggurat.readers.model.codec import TILE_CODECS, Codec, check_effort, function_at, names_of
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.reader import Pixels
from ziggurat.writers.codecs.jpeg_tables import abbreviated
from ziggurat.writers.model.levels import TileEncoder
from ziggurat.writers.model.options import Subsampling, WriteOptions

DEFAULT_QUALITY = 90
_QUICK_QUALITY = 90
_REPEATS = 6  # of zlib-ng: masks and labels as small as zlib's 6 makes them, in half the time
_STEP = 6  # decibels: half the error
_HARDLY_ANY = 100  # times smaller than its pixels is a tile with hardly anything on it
_SIMPLE = 12  # where ISA-L saves that much of one band, a search for long repeats saves a lot more


@dataclass(frozen=True, slots=True)
class TileCodec:
    """What the tiles of a level are and the function that makes them."""

    format: TileFormat
    encode: TileEncoder


Samples = Pixels | bytes  # of a tile, as they are packed


def _raw_bytes(form: TileFormat) -> Callable[[Pixels], Samples]:
    """Return the function that turns a tile into the samples to compress."""
    if form.dtype == "bool":
        return lambda tile: np.packbits(tile[..., 0], axis=-1).tobytes()
    stored = np.dtype(form.dtype).newbyteorder(">" if form.byteorder == ">" else "<")
    if form.predictor == 2:
        return lambda tile: _differences(tile).astype(stored, copy=False)
    if form.predictor == 3:
        return lambda tile: imagecodecs.floatpred_encode(
            np.ascontiguousarray(tile, stored), axis=-2
        )
    return lambda tile: np.ascontiguousarray(tile, stored)


def _differences(tile: Pixels) -> Pixels:
    """Return each sample minus its left neighbour, modulo its bits (TIFF 6.0 section 14)."""
    out = np.empty(tile.shape, tile.dtype)
    out[:, 0] = tile[:, 0]
    np.subtract(tile[:, 1:], tile[:, :-1], out=out[:, 1:])
    return out


def none(samples: Samples, form: TileFormat, level: int | None) -> bytes:
    """Return the samples as they are."""
    del form, level
    return samples if isinstance(samples, bytes) else samples.tobytes()


def deflate(samples: Samples, form: TileFormat, level: int | None) -> bytes:
    """Pack by Deflate: fast where there is noise, thoroughly where there are long repeats."""
    if level is not None:
        return _deflated(samples, level)
    if form.predictor == 1:
        return _deflated_thoroughly(samples)
    return _deflated_as_suits(samples, form.bands)


def _deflated(data: Samples, level: int) -> bytes:
    """Compress with ISA-L unless a level asks for more than it can (its level 1 equals zlib 6)."""
    if level <= 3:
        from isal import isal_zlib  # not before: tiles that are copied need no encoder

        return bytes(isal_zlib.compress(data, level))
    return bytes(imagecodecs.deflate_encode(data, level))


def _deflated_as_suits(data: Samples, bands: int) -> bytes:
    """Compress noise fast, masks and labels well: for those ISA-L takes twice zlib's bytes."""
    packed = _deflated(data, 1)
    if bands > 1 or _SIMPLE * len(packed) > memoryview(data).nbytes:
        return packed
    return _deflated_thoroughly(data)


def _deflated_thoroughly(data: Samples) -> bytes:
    """Search for long repeats, which ISA-L does not: libdeflate of that size takes longer."""
    return bytes(imagecodecs.zlibng_encode(data, _REPEATS))


def lzw(samples: Samples, form: TileFormat, level: int | None) -> bytes:
    """Pack by LZW."""
    del form, level
    return bytes(imagecodecs.lzw_encode(samples))


def packbits(samples: Samples, form: TileFormat, level: int | None) -> bytes:
    """Pack runs of equal bytes."""
    del form, level
    if not isinstance(samples, bytes):  # the stride of a single band may be anything, but not here
        samples = samples.reshape(-1).reshape(samples.shape)
    return bytes(imagecodecs.packbits_encode(samples))


def zstd(samples: Samples, form: TileFormat, level: int | None) -> bytes:
    """Pack by Zstandard: 8-bit differences by level 1, twice as fast as 3 and no larger."""
    if level is None:
        level = 1 if form.bits == 8 and form.predictor != 1 else 3
    return bytes(imagecodecs.zstd_encode(samples, level))


def lzma(samples: Samples, form: TileFormat, level: int | None) -> bytes:
    """Pack by LZMA: small and slow."""
    del form
    return bytes(imagecodecs.lzma_encode(samples, level))


def jpeg(form: TileFormat, options: WriteOptions) -> tuple[TileFormat, TileEncoder]:
    """Return the format and the encoder of JPEG tiles without the tables that they share."""
    whole = whole_jpeg(form.bands, options)
    if form.bands == 3:
        sampling = options.subsampling.factors
        form = replace(form, photometric=Photometric.YCBCR, subsampling=sampling)
    tables, shorten = abbreviated(whole(np.zeros((16, 16, form.bands), np.uint8)))
    return replace(form, tables=tables), lambda tile: shorten(whole(tile))


def whole_jpeg(bands: int, options: WriteOptions) -> TileEncoder:
    """Return the encoder of JPEG streams that stand for themselves, of one or three bands."""
    quality, sampling = options.quality or DEFAULT_QUALITY, options.subsampling
    coarse = bands == 3 and sampling is not Subsampling.S444
    quick = coarse and quality <= _QUICK_QUALITY
    return (_quick_jpeg if quick else _exact_jpeg)(quality, sampling)


def _quick_jpeg(quality: int, sampling: Subsampling) -> TileEncoder:
    """Return libjpeg-turbo's quick transform for RGB: a tenth less time, the same size.

    Beside what coarse chroma loses it costs little: at quality 90, 0.02 dB of a slide, 0.15 dB of
    a smooth picture. Where chroma is kept, or above 90, it would be up to 1 dB.
    """
    import simplejpeg  # not before: tiles that are copied need no encoder

    chroma = sampling.value.replace(":", "")
    return lambda tile: simplejpeg.encode_jpeg(_in_rows(tile), quality, "RGB", chroma)


def _in_rows(tile: Pixels) -> Pixels:
    """Return a tile whose rows are whole; a part of a larger array stays where it is.

    simplejpeg takes those; copying them cost 4 to 8 % of a whole write.
    """
    down, across, step = tile.strides
    whole = step == 1 and across == tile.shape[2] and down >= across * tile.shape[1]
    return tile if whole else np.ascontiguousarray(tile)


def _exact_jpeg(quality: int, sampling: Subsampling) -> TileEncoder:
    """Return an encoder with libjpeg's exact transform (OpenCV's is the fastest that has it)."""
    import cv2  # not before: see above

    samplings = {
        Subsampling.S444: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        Subsampling.S422: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
        Subsampling.S420: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    }
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, samplings[sampling]]

    def encode(tile: Pixels) -> bytes:
        plain = cv2.cvtColor(tile, cv2.COLOR_RGB2BGR) if tile.shape[2] == 3 else tile
        done, data = cv2.imencode(".jpg", plain, settings)
        if not done or len(data) == 0:
            raise WriteError(f"OpenCV could not encode a tile of {plain.shape} as JPEG")
        return data.tobytes()

    return encode


def webp(form: TileFormat, options: WriteOptions) -> tuple[TileFormat, TileEncoder]:
    """Return the format and the encoder of WebP tiles."""
    if form.lossless:
        return form, lambda tile: bytes(
            imagecodecs.webp_encode(np.ascontiguousarray(tile), lossless=True, method=options.level)
        )
    quality = options.quality or DEFAULT_QUALITY
    return form, lambda tile: bytes(
        imagecodecs.webp_encode(
            np.ascontiguousarray(tile), level=quality, lossless=False, method=options.level
        )
    )


def _picture(tile: Pixels) -> Pixels:
    return np.ascontiguousarray(tile if tile.shape[2] > 1 else tile[..., 0])


def jpeg2000(form: TileFormat, options: WriteOptions) -> tuple[TileFormat, TileEncoder]:
    """Return the format and the encoder of JPEG 2000 code streams."""
    if form.lossless:
        return form, lambda tile: bytes(
            imagecodecs.jpeg2k_encode(_picture(tile), reversible=True, codecformat="j2k")
        )
    # OpenJPEG aims at a PSNR in decibels, of all components together: 90 asks for 42
    psnr = 24 + (options.quality or DEFAULT_QUALITY) // 5

    def encode(tile: Pixels) -> bytes:
        picture, data = _picture(tile), b""
        for aim in range(psnr, psnr + 4 * _STEP, _STEP):
            data = bytes(
                imagecodecs.jpeg2k_encode(picture, level=aim, reversible=False, codecformat="j2k")
            )
            if len(data) * _HARDLY_ANY > picture.nbytes or _keeps_means(picture, data):
                break
        return data

    return form, encode


def _keeps_means(picture: Pixels, data: bytes) -> bool:
    """Return False where a JPEG 2000 stream made a whole tile lighter or darker.

    OpenJPEG stops far from its aim, by up to 15 dB, where a tile is all but flat: the background
    of a slide becomes a chessboard.
    """
    found = np.asarray(imagecodecs.jpeg2k_decode(data))
    means = picture.mean(axis=(0, 1)) - found.mean(axis=(0, 1))
    return bool(np.abs(means).max() <= np.iinfo(picture.dtype).max / 255)


def jpegxl(form: TileFormat, options: WriteOptions) -> tuple[TileFormat, TileEncoder]:
    """Return the format and the encoder of JPEG XL code streams."""
    effort = options.level
    if form.lossless:
        return form, lambda tile: bytes(
            imagecodecs.jpegxl_encode(_picture(tile), lossless=True, effort=effort)
        )
    quality = options.quality or DEFAULT_QUALITY
    distance = 0.1 + (100 - quality) * 0.09  # libjxl's own mapping from JPEG's scale, 30 to 100
    return form, lambda tile: bytes(
        imagecodecs.jpegxl_encode(_picture(tile), distance=distance, effort=effort)
    )


def takes(codec: Codec, info: ImageInfo) -> bool:
    """Return True where tiles of an image can be encoded with a codec."""
    row, kind = codec.row, info.dtype
    return row.encode is not None and row.takes(kind.kind, kind.itemsize, info.bands)


def default_compression(info: ImageInfo, lossy: bool) -> Codec:
    """Return what most readers open: JPEG for 8-bit pictures where loss is allowed."""
    picture = info.interpretation in (Interpretation.RGB, Interpretation.GRAY)
    if lossy and picture and takes(Codec.JPEG, info):
        return Codec.JPEG
    return Codec.DEFLATE


def tile_codec(info: ImageInfo, options: WriteOptions, *, byteorder: str = "<") -> TileCodec:
    """Return how the tiles of an image are encoded in a TIFF.

    Raises
    ------
    OptionError
        The chosen compression can't hold these samples (the message names those that can), or
        has no such level of effort.
    """
    compression = options.compression or default_compression(info, options.lossy)
    row = compression.row
    able = [codec for codec in TILE_CODECS if takes(codec, info)]
    if info.dtype.kind == "b" and info.bands > 1:
        raise OptionError(
            f"TIFF packs one band of bool, not {info.bands}; write uint8 or an OME-Zarr"
        )
    if compression not in able:
        limit = "is not for TIFF" if row.encode is None else f"takes {row.domain}"
        raise OptionError(
            f"{compression.value} {limit}; this image has {info.bands} bands of {info.dtype}"
            + (f", for which there are {names_of(able)}" if able else ", which TIFF can't hold")
        )
    check_effort(compression, options.level)
    names = info.interpretation in (Interpretation.LABELS, Interpretation.PALETTE)
    exact = names or not options.lossy
    if exact and row.must_lose:
        kept = names_of(codec for codec in able if not codec.row.must_lose)
        raise OptionError(
            f"{compression.value} would change {'label' if names else 'pixel'} values"
            f"{'' if names else ', which lossy=False forbids'}; lossless are {kept}"
        )
    form = TileFormat(
        codec=compression,
        photometric=_photometric(info),
        bands=info.bands,
        bits=1 if info.dtype.kind == "b" else 8 * info.dtype.itemsize,
        dtype=info.dtype.name,
        predictor=_predictor(info) if row.predicts and options.predictor else 1,
        byteorder=byteorder,
        lossless=exact or not row.can_lose,
    )
    return _made(form, options)


def _made(form: TileFormat, options: WriteOptions) -> TileCodec:
    encode = function_at(form.codec.row.encode or "")
    if not form.codec.row.raw:
        return TileCodec(*encode(form, options))
    samples, level = _raw_bytes(form), options.level
    return TileCodec(form, lambda tile: encode(samples(tile), form, level))


def _photometric(info: ImageInfo) -> Photometric:
    if info.interpretation is Interpretation.PALETTE and info.palette and info.bands == 1:
        return Photometric.PALETTE
    if info.interpretation is Interpretation.RGB and info.bands >= 3:
        return Photometric.RGB
    return Photometric.GRAY


def _predictor(info: ImageInfo) -> int:
    """Return TIFF's predictor: differences of labels only make them longer."""
    if info.interpretation in (Interpretation.LABELS, Interpretation.PALETTE):
        return 1
    # not 3, which is for floats: Bio-Formats refuses it, and fastslide reads it as nonsense
    return 2 if info.dtype.kind in "iu" and info.dtype.itemsize <= 4 else 1
