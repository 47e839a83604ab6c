"""How the pixels of a TIFF page are cut into tiles or strips: facts of one page, checked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.tiff.pages.samples import SampleRule, Space
from ziggurat.readers.model.codec import Codec, codec_of_tag
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.geometry import grid_shape

_APERIO_YCBCR = 33003  # JPEG 2000 of YCbCr samples, whatever the photometric tag says
_OLD_JPEG, _OLD_JPEG_TABLES = 6, {519, 520, 521}
_YCBCR_CODECS = {6, 7, _APERIO_YCBCR, 34712, 50001}
_MIN_IS_WHITE, _RGB = 0, 2
_PHOTOMETRICS = {
    _MIN_IS_WHITE: Photometric.GRAY,
    1: Photometric.GRAY,
    2: Photometric.RGB,
    3: Photometric.PALETTE,
    4: Photometric.GRAY,  # a transparency mask
    5: Photometric.GRAY,  # CMYK and CIELab become RGB, and are never copied as they are
    6: Photometric.YCBCR,
    8: Photometric.GRAY,
    9: Photometric.GRAY,
}
_PHOTOMETRIC, _ICC, _INK_SET, _DOT_RANGE = 262, 34675, 332, 336
_CMYK_INKS = 1
_ASSOCIATED_ALPHA, _ALPHA = 1, 2
_COLORS = {2: 3, 6: 3, 5: 4, 8: 3, 9: 3}  # bands by photometric tag; others have one

# A side beyond this is forged: the largest slides have some 10^6 pixels a side.
_LARGEST_SIDE = 1 << 26
_LARGEST_TILE_BYTES = 1 << 30
_LARGE_TILE_BYTES = 1 << 26  # a tile of more isn't larger than its page
_SHORT_ROW = 1 << 20  # bytes; of less, whole rows may be missing, which a reader of them says
_LARGE_TILE = 1 << 20  # pixels; decoding one again for each small region would be slow


@dataclass(frozen=True, slots=True)
class SegmentLayout:
    """What all pages of a kind share: sizes, the grid of tiles or strips, how to decode one.

    Strips are a grid of one column. ``planar``: each band has a grid of its own, one after the
    other. ``fallback`` is tifffile's decoder, for what :mod:`ziggurat.readers.codecs.decode` does
    not know. ``rule`` makes the image's samples of the stored ones: ``bands`` of ``format.bands``.
    """

    width: int
    height: int
    tile_width: int
    tile_height: int
    columns: int
    rows: int
    bands: int
    dtype: np.dtype
    tiled: bool
    planar: bool
    format: TileFormat
    fallback: Callable[..., Any]
    rule: SampleRule
    cached: bool = False  # decoded strips and tiles are worth keeping for their neighbours

    @property
    def segments(self) -> int:
        """How many tiles or strips there are."""
        return self.columns * self.rows * (self.format.bands if self.planar else 1)

    @property
    def verbatim(self) -> bool:
        """True where an encoded tile means what its format says, without mending afterwards.

        Tile sizes that no TIFF may have (not a multiple of 16) are no reason to refuse: they
        are common, and readers take them.
        """
        known = self.format.codec is not Codec.OTHER
        return self.tiled and known and not (self.planar or self.rule.changes)

    def segment_shape(self, index: int) -> tuple[int, int, int]:
        """Return (height, width, stored bands) of a tile or strip; the last strip is shorter."""
        height = self.tile_height
        if not self.tiled:
            height = min(height, self.height - index % self.rows * height)
        return height, self.tile_width, 1 if self.planar else self.format.bands


def _photometric_tag(page: tifffile.TiffPage) -> int:
    """Return tag 262; where it is missing, what its samples look like."""
    if _PHOTOMETRIC in page.tags or page.parent.is_ndpi:
        return int(page.photometric)
    if page.colormap is not None:
        return int(Space.PALETTE.value)
    colors = page.samplesperpixel - len(page.extrasamples)
    if int(page.compression) == 7 and page.samplesperpixel == 3:
        return 6
    return 2 if colors in (3, 4) and page.dtype is not None and page.dtype.kind == "u" else 1


def _photometric(page: tifffile.TiffPage) -> Photometric:
    try:
        return _PHOTOMETRICS[_photometric_tag(page)]
    except KeyError:
        raise UnsupportedFormatError(
            f"TIFF photometric interpretation {int(page.photometric)} is left to other readers"
        ) from None


def _dtype(page: tifffile.TiffPage) -> np.dtype:
    if page.dtype is None or page.dtype.kind not in "buif":
        raise UnsupportedFormatError(
            f"TIFF samples of {page.bitspersample} bits, sample format {page.sampleformat}, "
            "can't be read"
        )
    return np.dtype(np.uint8) if page.dtype.kind == "b" else page.dtype.newbyteorder("=")


def _check_sizes(page: tifffile.TiffPage, tile_width: int, tile_height: int, size: int) -> None:
    if min(page.imagewidth, page.imagelength, tile_width, tile_height, page.samplesperpixel) < 1:
        raise CorruptSourceError("a TIFF page without pixels")
    if max(page.imagewidth, page.imagelength) > _LARGEST_SIDE:
        raise CorruptSourceError(
            f"a TIFF page of {page.imagewidth} x {page.imagelength} pixels can't be"
        )
    tile, image = tile_width * tile_height, page.imagewidth * page.imagelength
    if size > _LARGE_TILE_BYTES and tile > 4 * image:
        raise CorruptSourceError(
            f"TIFF tiles of {tile_width} x {tile_height} pixels in a page of "
            f"{page.imagewidth} x {page.imagelength}: damaged or hostile"
        )
    if size > _LARGEST_TILE_BYTES:
        raise UnsupportedFormatError(
            f"TIFF tiles of {tile_width} x {tile_height} pixels are too large to decode"
        )
    if page.imagedepth > 1:
        raise UnsupportedFormatError("TIFF pages with a depth of their own can't be read")


def _tile_format(page: tifffile.TiffPage, dtype: np.dtype, planar: bool) -> TileFormat:
    compression = int(page.compression)
    codec = codec_of_tag(compression)
    odd = isinstance(page.bitspersample, tuple) or page.fillorder != 1 or page.sampleformat == 5
    odd = odd or (codec is Codec.JPEG and _photometric_tag(page) in (5, 8, 9))
    bits = page.bitspersample if isinstance(page.bitspersample, int) else 0
    return TileFormat(
        codec=Codec.OTHER if odd else codec,
        photometric=Photometric.YCBCR if compression == _APERIO_YCBCR else _photometric(page),
        bands=page.samplesperpixel,
        bits=bits,
        dtype=dtype.name,
        # a part of some codecs only: with others, libtiff and all who use it read past the tag
        predictor=int(page.predictor) if codec.row.predicts else 1,
        planar=planar,
        byteorder=page.parent.byteorder,
        tiff_compression=compression,
        lossless=not codec.row.can_lose,
    )


def _rule(page: tifffile.TiffPage, dtype: np.dtype, *, truth: bool) -> SampleRule:
    """Return what becomes of the stored samples.

    Raises
    ------
    UnsupportedFormatError
        Colours of sample types that nobody converts.
    """
    tag, stored = _photometric_tag(page), page.samplesperpixel
    extra = [int(kind) for kind in page.extrasamples]
    colors = min(_COLORS.get(tag, 1), stored)
    bits = page.bitspersample if isinstance(page.bitspersample, int) else 8
    gray = tag in (_MIN_IS_WHITE, 1, 4)
    shown = gray or tag == _RGB  # their largest sample is as light as can be
    space = next((space for space in Space if space.value == tag), None)
    if space is Space.PALETTE and (stored == 1 or page.colormap is None):
        space = None  # indices, whose colours are a fact of the image
    odd = dtype.name not in ("uint8", "uint16") or bits not in (8, 16) or stored < colors
    if space not in (None, Space.PALETTE) and (odd or stored < _COLORS[tag]):
        raise UnsupportedFormatError(
            f"CMYK or Lab of {stored} samples of {bits} bits can't be read"
        )
    if space is Space.CMYK and page.tags.valueof(_INK_SET, _CMYK_INKS) != _CMYK_INKS:
        raise UnsupportedFormatError("inks that are not cyan, magenta, yellow and black")
    return SampleRule(
        colors=colors if gray is False else max(1, stored - len(extra)),
        bits=bits,
        inverted=tag == _MIN_IS_WHITE and dtype.kind == "u",
        scale=255 // ((1 << bits) - 1) if shown and bits in (1, 2, 4) and not truth else 1,
        premultiplied_by=_premultiplied_by(extra, colors, stored, dtype),
        space=space,
        palette=palette_of(page) if space is Space.PALETTE else None,
        profile=_cmyk_profile(page) if space is Space.CMYK else None,
        dots=_dots(page, colors, bits) if space is Space.CMYK else None,
    )


def _premultiplied_by(extra: list[int], colors: int, stored: int, dtype: np.dtype) -> int | None:
    """Return the band that the colours have been multiplied by, None where there is none."""
    whole = stored == colors + len(extra) and dtype.kind in "uf"
    return colors + extra.index(_ASSOCIATED_ALPHA) if whole and _ASSOCIATED_ALPHA in extra else None


def palette_of(page: tifffile.TiffPage) -> NDArray[np.uint8]:
    """Return a page's palette as (index, 3) in 8 bits."""
    colors = np.asarray(page.colormap).reshape(3, -1)
    if colors.max(initial=0) > 255:  # 16 bits as the standard says; some writers use 8
        colors = colors >> 8
    return colors.T.astype(np.uint8)


def _cmyk_profile(page: tifffile.TiffPage) -> bytes | None:
    profile = page.tags.valueof(_ICC)
    good = isinstance(profile, bytes) and profile[16:20] == b"CMYK"
    return bytes(profile) if good else None


def _dots(page: tifffile.TiffPage, inks: int, bits: int) -> tuple[tuple[int, int], ...] | None:
    """Return the samples of no and of full cover of each ink, None for the whole range.

    Source: TIFF 6.0, section 16 (DotRange): one pair for all inks, or one for each component.
    """
    said = page.tags.valueof(_DOT_RANGE)
    if said is None:
        return None
    ends = [said] if isinstance(said, int) else list(said)
    pairs = list(zip(ends[::2], ends[1::2], strict=False))
    pairs = pairs * inks if len(pairs) == 1 else pairs[:inks]
    whole = all(isinstance(end, int) for end in ends)
    if len(ends) % 2 or len(pairs) < inks or not whole or any(a == b for a, b in pairs):
        raise CorruptSourceError(f"an invalid dot range of CMYK: {str(said)[:60]}")
    return None if set(pairs) == {(0, (1 << bits) - 1)} else tuple(pairs)


def _check_codec(page: tifffile.TiffPage) -> None:
    """Refuse what nobody here decodes: it is not damaged, and others may know it."""
    compression = int(page.compression)
    if compression == _OLD_JPEG and _OLD_JPEG_TABLES & {tag.code for tag in page.tags}:
        raise UnsupportedFormatError("old-style JPEG with its tables in tags")
    if codec_of_tag(compression) is not Codec.OTHER:
        return
    try:
        tifffile.TIFF.DECOMPRESSORS[compression]
    except KeyError as error:
        name = getattr(page.compression, "name", str(compression))
        raise UnsupportedFormatError(f"TIFF compression {compression} ({name})") from error


def _segment_size(
    page: tifffile.TiffPage,
    photometric: Photometric,
    dtype: np.dtype,
    tiled: bool,
    intervals: bool,
) -> tuple[int, int]:
    """Return (width, height) of a page's tiles or strips, after a check of all sizes."""
    width = page.tilewidth if tiled else page.imagewidth
    height = page.tilelength if tiled else (page.rowsperstrip or page.imagelength)
    bands = 1 if int(page.planarconfig) == 2 else page.samplesperpixel
    size = 0  # uncompressed strips are read by rows, restart intervals one by one
    if tiled or (int(page.compression) != 1 and not intervals):
        size = width * height * bands * dtype.itemsize
    _check_sizes(page, width, height, size)
    _check_codec(page)
    if photometric is Photometric.YCBCR and int(page.compression) not in _YCBCR_CODECS:
        raise UnsupportedFormatError("YCbCr samples that are not JPEG are left to other readers")
    return width, height


def page_layout(
    page: tifffile.TiffPage,
    *,
    intervals: bool = False,
    truth: bool = False,
    fallback: Callable[..., object] | None = None,
) -> SegmentLayout:
    """Read the layout of a page, and refuse what can't be.

    Parameters
    ----------
    page
        A page with tags.
    intervals
        It is one JPEG that will be read by its restart intervals.
    truth
        Samples of one bit are True and False, not black and white.
    fallback
        Decoder to use instead of the page's own, which is made while its file is open.

    Raises
    ------
    CorruptSourceError
        Sizes that make no sense.
    UnsupportedFormatError
        Pixels of a kind that other readers know better.
    """
    photometric, dtype = _photometric(page), _dtype(page)
    truth = truth and page.bitspersample == 1
    if truth:
        dtype = np.dtype(np.bool_)
    planar = int(page.planarconfig) == 2 and page.samplesperpixel > 1
    tiled = bool(page.is_tiled) and not intervals
    tile_width, tile_height = _segment_size(page, photometric, dtype, tiled, intervals)
    columns, rows = grid_shape(page.imagewidth, page.imagelength, tile_width, tile_height)
    rule = _rule(page, dtype, truth=truth)
    return SegmentLayout(
        width=page.imagewidth,
        height=page.imagelength,
        tile_width=tile_width,
        tile_height=tile_height,
        columns=columns,
        rows=rows,
        bands=rule.bands(page.samplesperpixel),
        dtype=dtype,
        tiled=tiled,
        planar=planar,
        format=_tile_format(page, dtype, planar),
        fallback=page.decode if fallback is None else fallback,
        rule=rule,
        cached=not tiled or tile_width * tile_height >= _LARGE_TILE,
    )


def check_segments(
    layout: SegmentLayout, offsets: Sequence[int], counts: Sequence[int], file_size: int
) -> None:
    """Check a page's table of tiles or strips against its grid and the file.

    Raises
    ------
    CorruptSourceError
        Too few entries, or data where the file has none.
    """
    wanted = layout.segments
    if len(offsets) < wanted or len(counts) < wanted:
        raise CorruptSourceError(
            f"a TIFF page of {layout.width} x {layout.height} pixels needs {wanted} tiles or "
            f"strips, but its tables name {min(len(offsets), len(counts))}"
        )
    if np.asarray([*offsets[:1], *counts[:1]]).dtype.kind not in "iu":
        raise CorruptSourceError(
            "the places of a TIFF page's tiles or strips must be whole numbers"
        )
    start = np.asarray(offsets[:wanted], dtype=np.float64)  # forged values overflow integers
    size = np.asarray(counts[:wanted], dtype=np.float64)
    if not layout.tiled and np.any((start > 0) & (size == 0)):  # what is not stored has no place
        raise CorruptSourceError(
            "strips that have a place in the file, but no bytes: it is damaged"
        )
    row = layout.width * (1 if layout.planar else layout.format.bands) * layout.format.bits // 8
    plain = layout.format.codec is Codec.NONE and not layout.tiled
    if plain and np.any(size > 0) and row > max(_SHORT_ROW, float(size.max())):
        raise CorruptSourceError(
            f"strips of at most {size.max():.0f} bytes where a row of pixels has {row}: the page's "
            "width or its samples a pixel are damaged"
        )
    lost = int(np.count_nonzero((start >= file_size) & (size > 0)))
    if lost:
        raise CorruptSourceError(
            f"{lost} of {wanted} tiles or strips lie behind the end of the file ({file_size} "
            "bytes): it is truncated or damaged"
        )
