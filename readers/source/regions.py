"""Regions, thumbnails and single pixels."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ziggurat.readers.constants import TILE_FORMAT_IMAGE, TILE_FORMAT_NUMPY
from ziggurat.readers.errors import OptionError, RegionError
from ziggurat.readers.grid.frames import check_frame
from ziggurat.readers.grid.regions import Window
from ziggurat.readers.grid.scales import native_resolution
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.keywords import shares_words
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.encode import (
    Encoding,
    chosen_format,
    deliver,
    merged_encoding,
    nothing,
    to_8bit,
)
from ziggurat.readers.source.export import export_tiled
from ziggurat.readers.source.fill import Border, bordered_rows, letterbox, wanted_border
from ziggurat.readers.source.hooks import SourceHooks
from ziggurat.readers.source.image import window_of, window_pixels
from ziggurat.readers.style.parse import Style

_THUMBNAIL = 256
_GDAL_NODATA = 42113  # a private tag of TIFF
_SURELY_FITS = 1 << 28  # bytes
Options = Mapping[str, Any]


class RegionMethods(SourceHooks):
    """Pixels of any rectangle at any scale."""

    @shares_words()
    def getRegion(
        self,
        format: str | Sequence[str] | None = None,
        *,
        region: Options | None = None,
        scale: Options | None = None,
        output: Options | None = None,
        encoding: str | None = None,
        jpegQuality: int | None = None,
        jpegSubsampling: int | None = None,
        tiffCompression: str | None = None,
        frame: int | None = None,
        fill: str | None = None,
        resample: Any = True,
        style: Mapping[str, Any] | str | None = None,
        compression: str | None = None,
        tile_size: Options | None = None,
        tile_offset: Options | None = None,
    ) -> tuple[Any, Any]:
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
        compression
            Of a ``TILED`` file, as ``tiffCompression``.
        tile_size, tile_offset
            Accepted for compatibility, as other words of :meth:`tileIterator`: no pixel depends on
            how a region is read.

        Returns
        -------
        (data, format)
            An array of shape (y, x, band) and ``'numpy'``; a PIL image and ``'PIL'``; or
            :class:`ImageBytes` and the MIME type. A region with no pixel in it is an array of
            shape (0, 0, bands), a PIL image of no size, or no bytes.

        Raises
        ------
        RegionError, OptionError
            Units, scales or options that can't be meant.
        TileRangeError
            There is no such frame.
        """
        del tile_size, tile_offset
        image = self._image()
        info = image.info
        number = check_frame(info, frame)
        window = window_of(image, region, scale, output)
        wanted = chosen_format(format, TILE_FORMAT_IMAGE)
        how = merged_encoding(
            self._options, encoding, jpegQuality, jpegSubsampling, tiffCompression
        )
        parsed = self._style(style)
        if window is None:
            return nothing(info.bands, info.dtype, wanted, how)
        border = wanted_border(fill, window.width, window.height, output)
        if encoding == "TILED":
            compression = compression or tiffCompression or "lzw"
            made = self._tiled(
                image, number, window, resample, parsed, output, compression, how, border
            )
            return made, "image/tiff"
        _check_size(window, info)
        shown = wanted != "numpy" and how.name != "TIFF"
        pixels, alpha = window_pixels(image, number, window, resample, parsed, eight_bit=shown)
        if border is not None:
            if wanted != "numpy":
                pixels = to_8bit(pixels, alpha=alpha)
            pixels, alpha = letterbox(pixels, border, alpha=alpha)
        return deliver(pixels, wanted, how, alpha=alpha)

    def getGeospatialRegion(
        self,
        src_projection: str,
        src_gcps: Sequence[Sequence[float]],
        dest_projection: str,
        dest_region: Mapping[str, float],
        **options: Any,
    ) -> tuple[Any, Any]:
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
        options
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

        if "region" in options:
            raise OptionError("the region must be given as dest_region alone")
        info = self._reader().info
        region = placed_region(info, src_projection, src_gcps, dest_projection, dest_region)
        return self.getRegion(region=region, **options)

    def _image_region(self) -> Options | None:
        info = self._reader().info
        if info.geo is None:
            return None
        from ziggurat.readers.geo.facts import image_rect, is_view  # loads GDAL

        if not is_view(info):
            return None
        rect = image_rect(info)
        return {"left": rect.x, "top": rect.y, "width": rect.width, "height": rect.height}

    def _tiled(
        self,
        image: Image,
        frame: int,
        window: Window,
        resample: Any,
        style: Style | None,
        output: Options | None,
        compression: str,
        how: Encoding,
        border: Border | None,
    ) -> Path:
        path = (output or {}).get("path")
        if path is not None and _same_file(path, self._file()):
            raise OptionError(f"{path} is the image that is read; write to another path")

        def plain(top: int, height: int) -> Pixels:
            first = round(window.rect.height * top / window.height)
            last = round(window.rect.height * (top + height) / window.height)
            part = Rect(window.rect.x, window.rect.y + first, window.rect.width, last - first)
            strip = Window(part, window.width, height, window.scale)
            return window_pixels(image, frame, strip, resample, style)[0]

        sample, alpha = window_pixels(
            image,
            frame,
            Window(Rect(window.rect.x, window.rect.y, 1, 1), 1, 1, 1.0),
            resample,
            style,
        )
        rows: Callable[[int, int], Pixels] = plain
        size = window.width, window.height
        tags = _place_tags(image.info, window, border, plain=style is None)
        if border is not None:
            rows = bordered_rows(plain, window.height, border, alpha=alpha)
            one = replace(border, width=1, height=1, x=0, y=0)
            sample, alpha = letterbox(sample, one, alpha=alpha)
            size = border.width, border.height
        return export_tiled(
            rows,
            (size[1], size[0], sample.shape[2]),
            sample.dtype,
            path=path,
            compression=compression.lower(),
            quality=how.jpeg_quality,
            resolution=native_resolution(image.info).at(window.scale),
            alpha=alpha,
            tags=tags,
        )

    @shares_words()
    def getThumbnail(
        self,
        width: int | None = None,
        height: int | None = None,
        *,
        format: str | Sequence[str] | None = None,
        encoding: str | None = None,
        jpegQuality: int | None = None,
        jpegSubsampling: int | None = None,
        tiffCompression: str | None = None,
        frame: int | None = None,
        fill: str | None = None,
        region: Options | None = None,
        resample: Any = True,
        style: Mapping[str, Any] | str | None = None,
    ) -> tuple[Any, Any]:
        """Return the whole image within ``width`` × ``height`` (default 256 × 256).

        Of a view in a projection: the part of the world that has pixels. A picture (not an array)
        of samples that aren't 8-bit colours or grays is shown as ``style='auto'`` shows it, where
        no other style was given: it would be black.

        The other parameters and the result are those of :meth:`getRegion`: with a ``region`` it
        is a thumbnail of that.
        """
        width = None if width is None else whole_number("width", width, 2)
        height = None if height is None else whole_number("height", height, 2)
        if width is None and height is None:
            width = height = _THUMBNAIL
        exact = chosen_format(format, TILE_FORMAT_IMAGE) == TILE_FORMAT_NUMPY or (
            encoding is not None and encoding.upper() in ("TIFF", "TILED")
        )
        return self.getRegion(
            format,
            region=self._image_region() if region is None else region,
            output={"maxWidth": width, "maxHeight": height},
            encoding=encoding,
            jpegQuality=jpegQuality,
            jpegSubsampling=jpegSubsampling,
            tiffCompression=tiffCompression,
            frame=frame,
            fill=fill,
            resample=resample,
            style=style if exact else self._showing(style),
        )

    def _showing(self, style: Mapping[str, Any] | str | None) -> Mapping[str, Any] | str | None:
        """Return the style that shows something: ``auto`` for what is no 8-bit picture."""
        info = self._reader().info
        plain = info.interpretation in (Interpretation.RGB, Interpretation.GRAY)
        if style is not None or self._style(None) is not None:
            return style
        return None if plain and info.dtype == "uint8" else "auto"


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


def _place_tags(
    info: ImageInfo, window: Window, border: Border | None, *, plain: bool
) -> list[Any]:
    """Return the tags that say where on earth a region is, and of stored pixels its nodata."""
    tags: list[Any] = []
    if plain and isinstance(info.nodata, int | float):
        tags.append((_GDAL_NODATA, 2, 0, f"{info.nodata:.17g}", True))
    if info.geo is not None:
        from ziggurat.readers.geo.facts import region_geo  # loads GDAL
        from ziggurat.readers.geo.geotiff import geo_tags

        place = region_geo(info.geo, window.rect, (window.width, window.height))
        if border is not None:
            whole = Rect(-border.x, -border.y, border.width, border.height)
            place = region_geo(place, whole, (border.width, border.height))
        tags += geo_tags(place)
    return tags


def _same_file(one: Any, other: str | None) -> bool:
    try:
        return other is not None and os.path.samefile(one, other)
    except OSError:  # one of them isn't there, or is a URL
        return False
