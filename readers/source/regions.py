"""Regions and thumbnails."""

from collections.abc import Sequence
from typing import Any, Unpack

from ziggurat.readers.constants import TILE_FORMAT_IMAGE, TILE_FORMAT_NUMPY
from ziggurat.readers.errors import OptionError, RegionError
from ziggurat.readers.grid.frames import check_frame
from ziggurat.readers.grid.regions import Window
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.keywords import shares_words
from ziggurat.readers.model.words import (
    Formats,
    Options,
    Output,
    Region,
    Scale,
    TileOffset,
    TileSize,
)
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.hooks import HasImage
from ziggurat.readers.source.image import whole_pixels, window_of, window_pixels
from ziggurat.readers.source.options import OpenOptions
from ziggurat.readers.source.output.encode import (
    chosen_format,
    deliver,
    merged_encoding,
    nothing,
    to_8bit,
)
from ziggurat.readers.source.output.fill import letterbox, wanted_border
from ziggurat.readers.source.place import shown_region
from ziggurat.readers.source.request import (
    Delivery,
    RegionRequest,
    RegionWords,
    ThumbnailWords,
    called_style,
    delivery_of,
    region_request,
)
from ziggurat.readers.source.tiled import write_region

_THUMBNAIL = 256
_SURELY_FITS = 1 << 28  # bytes


class RegionMethods:
    """Pixels of any rectangle at any scale."""

    @shares_words()
    def getRegion(
        self: HasImage,
        format: Formats = None,
        *,
        region: Region | Options | None = None,
        scale: Scale | Options | None = None,
        output: Output | Options | None = None,
        encoding: str | None = None,
        jpegQuality: int | None = None,
        jpegSubsampling: int | None = None,
        tiffCompression: str | None = None,
        frame: int | None = None,
        fill: str | None = None,
        resample: object = True,
        style: Options | str | None = None,
        compression: str | None = None,
        tile_size: TileSize | Options | None = None,
        tile_offset: TileOffset | Options | None = None,
    ) -> tuple[Any, str]:
        """Return a region in a format and size of the caller's choice.

        Parameters
        ----------
        format
            ``'numpy'``, ``'PIL'`` or ``'image'`` (encoded; the default), or a sequence of those
            that will do.
        region
            ``left, top, right, bottom, width, height`` in any sufficient combination, and
            ``units`` (default full-resolution pixels), ``unitsWH``. Negative edges count from
            the right and the bottom. Default: all of the image.
        scale
            ``magnification``, ``mm_x``, ``mm_y``; ``exact`` gives nothing unless a level has
            that scale.
        output
            ``maxWidth``, ``maxHeight``: the largest size of the same shape that fits; wins over
            ``scale``. ``path``: where a ``TILED`` file goes.
        encoding
            See :data:`ziggurat.constants.TileOutputMimeTypes`. ``'TILED'`` writes a tiled TIFF
            file of any size in bounded memory and returns its path.
        frame
            Default: the first.
        fill
            A colour to fill up to maxWidth × maxHeight with; ``'corner:'`` before it keeps the
            picture in the top-left corner instead of the middle; ``'none'``: no filling.
        resample
            True: by areas when reducing, Lanczos when enlarging, nearest for labels. Or one of
            PIL's numbers.
        style
            Default: the one given to ``open``.
        jpegQuality, jpegSubsampling, tiffCompression
            Of what is encoded; default: as given to ``open``.
        compression
            Of a ``TILED`` file, as ``tiffCompression``.
        tile_size, tile_offset
            Accepted for compatibility, as other words of :meth:`tileIterator`: no pixel depends on
            how a region is read.

        Returns
        -------
        (data, format)
            An array of shape (y, x, band) and ``'numpy'``; a PIL image and ``'PIL'``; or
            :class:`ImageBytes` and the MIME type. The array has the image's dtype, or what a style
            makes: float32 from 0 to 255 where it names no dtype. A region with no pixel in it is
            an array of shape (0, 0, bands), a PIL image of no size, or no bytes.

        Raises
        ------
        RegionError, OptionError
            Units, scales or options that can't be meant.
        TileRangeError
            There is no such frame.
        """
        del tile_size, tile_offset
        options = self._options
        parsed = called_style(options, style)
        how = merged_encoding(options, encoding, jpegQuality, jpegSubsampling, tiffCompression)
        tiled = (compression or tiffCompression or "lzw") if encoding == "TILED" else None
        wanted = chosen_format(format, TILE_FORMAT_IMAGE)
        image = self._image()
        sized = output is not None and not (type(output) is dict and not output)
        bare = wanted == TILE_FORMAT_NUMPY and resample is True and not sized
        if bare and scale is None and fill is None and parsed is None and tiled is None:
            pixels = whole_pixels(image, check_frame(image.info, frame), region)
            if pixels is not None:
                return pixels, wanted
        request = RegionRequest(region, scale, output, frame, fill, resample, parsed)
        return read_region(image, request, Delivery(wanted, how, tiled))

    @shares_words()
    def getGeospatialRegion(
        self: HasImage,
        src_projection: str,
        src_gcps: Sequence[Sequence[float]],
        dest_projection: str,
        dest_region: Region | Options,
        **words: Unpack[ThumbnailWords],
    ) -> tuple[Any, str]:
        """Return the pixels of a region on earth, of any image that is put there by control points.

        Parameters
        ----------
        src_projection, src_gcps
            A coordinate reference system, and points ``(x, y, pixel x, pixel y)``: where in it
            full-resolution pixels of the image are. The affine transform that fits all of them
            best counts: pixels are neither turned nor warped.
        dest_projection, dest_region
            The system of ``left``, ``top``, ``right`` and ``bottom``; all four are needed. The
            smallest rectangle of pixels that holds the region is read, as far as there is one.
        **words
            All others of :meth:`getRegion`.

        Returns
        -------
        (data, format)
            As of :meth:`getRegion`.

        Raises
        ------
        ProjectionError
            A projection is unknown, or the points don't say where the image is.
        RegionError
            The region is no region, or has no place in the image's system.
        """
        from ziggurat.readers.geo.units import placed_region  # loads GDAL

        if "region" in words:
            raise OptionError("the region must be given as dest_region alone")
        image = self._image()
        place = placed_region(image.info, src_projection, src_gcps, dest_projection, dest_region)
        words["region"] = place
        return read_words(image, self._options, words, words.get("format"))

    @shares_words()
    def getThumbnail(
        self: HasImage,
        width: int | None = None,
        height: int | None = None,
        **words: Unpack[ThumbnailWords],
    ) -> tuple[Any, str]:
        """Return the whole image within ``width`` × ``height`` (default 256 × 256).

        Of a view in a projection: the part of the world that has pixels. A picture (not an array)
        of samples that aren't 8-bit colours or grays is shown as ``style='auto'`` shows it, where
        no other style was given: it would be black.

        Parameters
        ----------
        width, height
            In pixels; the larger one that fits counts.
        **words
            ``format, region, encoding, jpegQuality, jpegSubsampling, tiffCompression, frame, fill,
            resample, style`` are those of :meth:`getRegion`: with a ``region`` it is a thumbnail of
            that. ``scale`` and ``output`` don't matter.

        Returns
        -------
        (data, format)
            As of :meth:`getRegion`.
        """
        return read_thumbnail(self._image(), self._options, (width, height), words)


def read_region(image: Image, request: RegionRequest, delivery: Delivery) -> tuple[object, str]:
    """Return (data, format or MIME type) of a region, as :meth:`RegionMethods.getRegion`."""
    info = image.info
    number = check_frame(info, request.frame)
    window = window_of(image, request)
    wanted, how = delivery.format, delivery.encoding
    if window is None:
        return nothing(info.bands, info.dtype, wanted, how)
    border = wanted_border(request.fill, window.width, window.height, request.output)
    if delivery.tiled is not None:
        return write_region(image, number, window, request, delivery, border), "image/tiff"
    _check_size(window, info)
    pixels, alpha = window_pixels(
        image, number, window, request.resample, request.style, eight_bit=delivery.shown
    )
    if border is not None:
        if wanted != TILE_FORMAT_NUMPY:
            pixels = to_8bit(pixels, alpha=alpha)
        pixels, alpha = letterbox(pixels, border, alpha=alpha)
    return deliver(pixels, wanted, how, alpha=alpha)


def read_thumbnail(
    image: Image, options: OpenOptions, size: tuple[int | None, int | None], words: ThumbnailWords
) -> tuple[object, str]:
    """Return (data, format or MIME type) of the whole image within a size, (width, height)."""
    width = None if size[0] is None else whole_number("width", size[0], 2)
    height = None if size[1] is None else whole_number("height", size[1], 2)
    if width is None and height is None:
        width = height = _THUMBNAIL
    words["output"] = Output(maxWidth=width, maxHeight=height)
    words["scale"] = None
    if words.get("region") is None:
        words["region"] = shown_region(image.info)
    if words.get("style") is None and _shows_nothing(image.info, options, words):
        words["style"] = "auto"
    return read_words(image, options, words, words.get("format"))


def read_words(
    image: Image, options: OpenOptions, words: RegionWords, format: Formats
) -> tuple[object, str]:
    """Return (data, format or MIME type) of the region that the words of a call ask for."""
    request = region_request(options, words, words.get("resample", True), words.get("fill"))
    delivery = delivery_of(options, words, format)
    if words.get("encoding") == "TILED":
        tiled = words.get("compression") or words.get("tiffCompression") or "lzw"
        delivery = Delivery(delivery.format, delivery.encoding, tiled)
    return read_region(image, request, delivery)


def _shows_nothing(info: ImageInfo, options: OpenOptions, words: ThumbnailWords) -> bool:
    """Return True for a picture for the eye of what is none of 8 bits, as long as no style is."""
    exact = chosen_format(words.get("format"), TILE_FORMAT_IMAGE) == TILE_FORMAT_NUMPY
    if exact or (words.get("encoding") or "").upper() in ("TIFF", "TILED"):
        return False
    plain = info.interpretation in (Interpretation.RGB, Interpretation.GRAY)
    return called_style(options, None) is None and not (plain and info.dtype == "uint8")


def _check_size(window: Window, info: ImageInfo) -> None:
    size = window.width * window.height * info.bands * info.dtype.itemsize
    if size < _SURELY_FITS:
        return
    import psutil

    memory = psutil.virtual_memory().total
    if size > memory:
        raise RegionError(
            f"{window.width} x {window.height} pixels are {size / 2**30:.0f} GiB, more than this"
            f" machine's {memory / 2**30:.0f} GiB of memory; ask for less, or for a file of any"
            " size with encoding='TILED'"
        )
