"""Tiles: one by one for viewers, and iterators over any region at any scale."""

from collections.abc import Mapping, Sequence
from typing import Any

from ziggurat.readers.constants import TILE_FORMAT_NUMPY
from ziggurat.readers.grid.frames import check_frame
from ziggurat.readers.grid.iteration import plan_iteration
from ziggurat.readers.grid.levels import best_level
from ziggurat.readers.grid.scales import tile_size as served_size
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.keywords import shares_words
from ziggurat.readers.pixels.tiles import (
    check_tile,
    padded_tile,
    read_tile,
    stored_jpeg,
    tile_window,
)
from ziggurat.readers.source.encode import (
    ImageBytes,
    chosen_format,
    deliver,
    merged_encoding,
    pictured,
)
from ziggurat.readers.source.fill import color_pixel
from ziggurat.readers.source.hooks import SourceHooks
from ziggurat.readers.source.image import geo_bounds, window_pixels
from ziggurat.readers.source.iterator import LazyTileDict, TileIterator, TileLoader
from ziggurat.readers.source.masks import asked_mask, covered_tiles, tissue_of

Options = Mapping[str, Any]


class TileMethods(SourceHooks):
    """Tiles of the conceptual levels, and of any grid over any region."""

    @shares_words()
    def getTile(
        self,
        x: int,
        y: int,
        z: int,
        pilImageAllowed: bool = False,
        numpyAllowed: bool | str = False,
        sparseFallback: bool = False,
        frame: int | None = None,
        *,
        encoding: str | None = None,
    ) -> Any:
        """Return one tile of a conceptual ÷2 level, in the encoding given to ``open``.

        Parameters
        ----------
        x, y, z
            Column, row and level; level 0 is the smallest.
        pilImageAllowed, numpyAllowed
            Return a PIL image, or (and rather) an array of shape (y, x, band), instead of bytes.
        sparseFallback
            Accepted for compatibility. Tiles that a file leaves out are always served, as its
            background.
        frame
            Default: the first.
        encoding
            Default: that given to ``open``.

        Returns
        -------
        ImageBytes, PIL image or array
            A JPEG tile that the file stores comes byte for byte, unless a style or an edge
            colour asks for other pixels. Tiles are of full size; what is beyond the image is
            background, or cut off or coloured as ``edge`` told ``open``.

        Raises
        ------
        TileRangeError
            No such tile, level or frame.
        """
        del sparseFallback
        image = self._image()
        info = image.info
        check_tile(info, x, y, z)
        number = check_frame(info, frame)
        how = merged_encoding(self._options, encoding)
        wanted = "numpy" if numpyAllowed else "PIL" if pilImageAllowed else "image"
        style = self._style(None)
        window = tile_window(info, x, y, z)
        whole = (window.width, window.height) == served_size(info)
        if (
            wanted == "image"
            and how.name == "JPEG"
            and style is None
            and (whole or not self._options.edge)
        ):
            data = stored_jpeg(image, number, x, y, z)
            if data is not None:
                return ImageBytes(data, how.mime_type)
        if style is None:
            pixels, alpha = read_tile(image, number, x, y, z), info.alpha
            if wanted != "numpy" and how.name != "TIFF":
                pixels, alpha = pictured(pixels, info)
        else:
            pixels, alpha = window_pixels(
                image, number, window, None, style, eight_bit=wanted != "numpy"
            )
        if not self._options.crop_edges:
            color = self._options.edge_color
            pixel = (
                color_pixel(color, pixels.shape[2], pixels.dtype, alpha=alpha) if color else None
            )
            pixels = padded_tile(info, pixels, pixel)
        if wanted == "numpy" and not pixels.flags.writeable:
            pixels = pixels.copy()
        return deliver(pixels, wanted, how, alpha=alpha)[0]

    def getTileMimeType(self) -> str:
        """Return the MIME type of encoded tiles."""
        return merged_encoding(self._options).mime_type

    @shares_words()
    def getTileCount(
        self,
        *,
        region: Options | None = None,
        scale: Options | None = None,
        output: Options | None = None,
        tile_size: Options | None = None,
        tile_overlap: Options | None = None,
        tile_offset: Options | None = None,
        tile_position: int | Options | None = None,
        resample: Any = True,
        format: str | Sequence[str] | None = None,
        encoding: str | None = None,
        frame: int | None = None,
        style: Options | str | None = None,
    ) -> int:
        """Return how many tiles the grid of :meth:`tileIterator` has.

        ``tile_position``, ``format``, ``encoding``, ``frame`` and ``style`` don't change that:
        they are accepted so that the same arguments serve both.
        """
        del tile_position, format, encoding, frame, style
        info = self._image().info
        plan = plan_iteration(
            info,
            region,
            scale,
            output,
            tile_size,
            tile_overlap,
            tile_offset,
            resample=_resampled(resample),
            geo=geo_bounds(info),
        )
        return plan.grid.count if plan else 0

    @shares_words()
    def tileIterator(
        self,
        format: str | Sequence[str] | None = TILE_FORMAT_NUMPY,
        resample: Any = True,
        *,
        region: Options | None = None,
        scale: Options | None = None,
        output: Options | None = None,
        tile_size: Options | None = None,
        tile_overlap: Options | None = None,
        tile_offset: Options | None = None,
        tile_position: int | Options | None = None,
        encoding: str | None = None,
        jpegQuality: int | None = None,
        jpegSubsampling: int | None = None,
        tiffCompression: str | None = None,
        frame: int | None = None,
        style: Options | str | None = None,
        prefetch: int = 0,
        mask: Any = None,
        min_coverage: float = 0.0,
    ) -> TileIterator:
        """Return an iterator over the tiles of a region, row by row.

        Parameters
        ----------
        format, region, scale, output, encoding, frame, style
            As in :meth:`getRegion`; the default format is numpy.
        resample
            False or None: tiles come at the scale of the stored level just finer than asked.
        tile_size
            ``width`` and ``height`` as they come out; one of them alone means a square. Default:
            the size of ``getTile``'s.
        tile_overlap
            ``x``, ``y``: pixels that neighbours share, part of the tile size. ``edges``: tiles at
            the border are shorter by the half overlap that isn't there, instead of all starting
            from a full first tile.
        tile_offset
            ``left``, ``top``: where a corner of the grid is, in pixels of the level that is read.
            ``auto``: at the region's corner.
        tile_position
            Yield only this tile: its number, or a dictionary of ``position``, ``region_x`` and
            ``region_y``, or ``level_x`` and ``level_y``.
        prefetch
            Threads that read ahead, in order; tiles come loaded then.
        mask
            Yield only tiles that lie in it: an array (y, x) of the whole image in any size, zero or
            False outside; a function that makes one of a thumbnail, uint8 (y, x, band); or
            ``'tissue'``, see :meth:`tissue_mask`.
        min_coverage
            The share of a tile that must be in the mask, from 0 (any part of it) to 1.

        Yields
        ------
        LazyTileDict
            Facts of the tile (``x``, ``y``, ``width``, ``height``, ``gx`` …); ``tile`` and
            ``format`` are loaded when first looked at. Edge tiles end with the region.
        """
        prefetch = whole_number("prefetch", prefetch, 0)
        info = self._image().info
        number = check_frame(info, frame)
        how = merged_encoding(
            self._options, encoding, jpegQuality, jpegSubsampling, tiffCompression
        )
        wanted = chosen_format(format, TILE_FORMAT_NUMPY)
        parsed = self._style(style)
        plan = plan_iteration(
            info,
            region,
            scale,
            output,
            tile_size,
            tile_overlap,
            tile_offset,
            resample=_resampled(resample),
            geo=geo_bounds(info),
        )
        if plan is None:
            return TileIterator(None)
        shared = plan.shares_tiles(best_level(info, plan.level_scale), info)
        loader = TileLoader(self, plan, number, wanted, how, resample, parsed, shared)
        if tile_position is None:
            among = None
            if mask is not None:
                image = self._image()
                where = asked_mask(mask, image, number, parsed)
                among = covered_tiles(plan, where, info, min_coverage)
            return TileIterator(loader, prefetch=prefetch, among=among)
        return TileIterator(loader, plan.grid.index(tile_position), single=True)

    @shares_words()
    def getSingleTile(
        self,
        format: str | Sequence[str] | None = TILE_FORMAT_NUMPY,
        resample: Any = True,
        *,
        region: Options | None = None,
        scale: Options | None = None,
        output: Options | None = None,
        tile_size: Options | None = None,
        tile_overlap: Options | None = None,
        tile_offset: Options | None = None,
        tile_position: int | Options = 0,
        encoding: str | None = None,
        frame: int | None = None,
        style: Options | str | None = None,
    ) -> LazyTileDict | None:
        """Return one tile of an iteration (default the first), or None where it isn't there."""
        tiles = self.tileIterator(
            format,
            resample,
            region=region,
            scale=scale,
            output=output,
            tile_size=tile_size,
            tile_overlap=tile_overlap,
            tile_offset=tile_offset,
            tile_position=tile_position,
            encoding=encoding,
            frame=frame,
            style=style,
        )
        return next(tiles, None)

    def tissue_mask(self, frame: int | None = None, side: int = 1024) -> Any:
        """Return where a stained slide has tissue, as booleans of shape (y, x).

        Tissue is what is more saturated than Otsu's threshold, on a thumbnail of the whole image
        with at most ``side`` pixels a side; dust is left out. For
        ``tileIterator(mask='tissue', min_coverage=0.1)``.

        Raises
        ------
        OptionError
            The image has no colours.
        """
        image = self._image()
        number = check_frame(image.info, frame)
        return tissue_of(image, number, whole_number("side", side, 1))


def _resampled(resample: Any) -> bool:
    return resample is not None and resample is not False
