"""Tiles: one by one for viewers, and iterators over any region at any scale."""

from collections.abc import Iterator
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from ziggurat.readers.constants import TILE_FORMAT_NUMPY
from ziggurat.readers.errors import OptionError
from ziggurat.readers.grid.frames import check_frame
from ziggurat.readers.grid.regions import Window, wanted_scale
from ziggurat.readers.grid.tiles import GridRequest
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.keywords import shares_words
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.model.words import (
    Formats,
    Options,
    Output,
    Region,
    Scale,
    TileOffset,
    TileOverlap,
    TilePosition,
    TileSize,
)
from ziggurat.readers.pixels.patches import checked_places, in_batches, patch_size, read_windows
from ziggurat.readers.pixels.resample import parse_resample
from ziggurat.readers.source.hooks import HasImage
from ziggurat.readers.source.image import window_pixels
from ziggurat.readers.source.iterator import (
    LazyTileDict,
    TileIterator,
    iterate,
    planned,
    read_single,
)
from ziggurat.readers.source.masks import Mask, tissue_of
from ziggurat.readers.source.one_tile import TileRequest, read_tile
from ziggurat.readers.source.output.encode import chosen_format, merged_encoding
from ziggurat.readers.source.request import (
    CountWords,
    Delivery,
    GridWords,
    IterationRequest,
    RegionRequest,
    called_style,
    delivery_of,
    iteration_request,
)


class TileMethods:
    """Tiles of the conceptual levels, and of any grid over any region."""

    @shares_words()
    def getTile(
        self: HasImage,
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
            The array has shape (y, x, band), and the image's dtype unless a style makes another
            one. A JPEG tile that the file stores comes byte for byte, unless a style or an edge
            colour asks for other pixels. Tiles are of full size; what is beyond the image is
            background, or cut off or coloured as ``edge`` told ``open``.

        Raises
        ------
        TileRangeError
            No such tile, level or frame.
        """
        del sparseFallback
        options = self._options
        wanted = "numpy" if numpyAllowed else "PIL" if pilImageAllowed else "image"
        request = TileRequest(
            x, y, z, frame, called_style(options, None), options.crop_edges, options.edge_color
        )
        return read_tile(
            self._image(), request, Delivery(wanted, merged_encoding(options, encoding))
        )

    def getTileMimeType(self: HasImage) -> str:
        """Return the MIME type of encoded tiles."""
        return merged_encoding(self._options).mime_type

    @shares_words()
    def getTileCount(self: HasImage, **words: Unpack[CountWords]) -> int:
        """Return how many tiles the grid of :meth:`tileIterator` has.

        Parameters
        ----------
        **words
            ``region, scale, output, tile_size, tile_overlap, tile_offset, resample`` as there; its
            others don't change that: they are accepted so that the same arguments serve both.
        """
        plan = planned(
            self._image(), iteration_request(self._options, words, words.get("resample", True))
        )
        return plan.grid.count if plan else 0

    @shares_words()
    def tileIterator(
        self: HasImage,
        format: Formats = TILE_FORMAT_NUMPY,
        resample: object = True,
        *,
        region: Region | Options | None = None,
        scale: Scale | Options | None = None,
        output: Output | Options | None = None,
        tile_size: TileSize | Options | None = None,
        tile_overlap: TileOverlap | Options | None = None,
        tile_offset: TileOffset | Options | None = None,
        tile_position: int | TilePosition | Options | None = None,
        encoding: str | None = None,
        jpegQuality: int | None = None,
        jpegSubsampling: int | None = None,
        tiffCompression: str | None = None,
        frame: int | None = None,
        style: Options | str | None = None,
        prefetch: int = 0,
        mask: object = None,
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
            Yield only tiles that lie in it: an array (y, x) of bool or numbers, of the whole image
            in any size, zero or False outside; a function that makes one of a thumbnail, uint8
            (y, x, band); or ``'tissue'``, see :meth:`tissue_mask`.
        min_coverage
            The share of a tile that must be in the mask, from 0 (any part of it) to 1.

        Yields
        ------
        LazyTileDict
            Facts of the tile (``x``, ``y``, ``width``, ``height`` in pixels of the output, ``gx``,
            ``gy`` … in those of full resolution); ``tile``, an array of shape (y, x, band) and the
            dtype of :meth:`getRegion`'s, and ``format`` are loaded when first looked at. Edge tiles
            end with the region.
        """
        options = self._options
        parsed = called_style(options, style)
        how = merged_encoding(options, encoding, jpegQuality, jpegSubsampling, tiffCompression)
        request = IterationRequest(
            RegionRequest(region, scale, output, frame, None, resample, parsed),
            GridRequest(tile_size, tile_overlap, tile_offset),
            tile_position,
            prefetch,
            mask,
            min_coverage,
        )
        return iterate(
            self._image, request, Delivery(chosen_format(format, TILE_FORMAT_NUMPY), how)
        )

    @shares_words()
    def getSingleTile(
        self: HasImage,
        format: Formats = TILE_FORMAT_NUMPY,
        resample: object = True,
        **words: Unpack[GridWords],
    ) -> LazyTileDict | None:
        """Return one tile of an iteration (default the first), or None where it isn't there.

        Parameters
        ----------
        format, resample, **words
            As in :meth:`tileIterator`.

        Returns
        -------
        LazyTileDict or None
            As of :meth:`tileIterator`.
        """
        return read_single(
            self._image,
            iteration_request(self._options, words, resample),
            delivery_of(self._options, words, format, TILE_FORMAT_NUMPY),
        )

    def tissue_mask(self: HasImage, frame: int | None = None, side: int = 1024) -> Mask:
        """Return where a stained slide has tissue, as an array of bool of shape (y, x).

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

    def patches(
        self: HasImage,
        places: ArrayLike,
        size: int | tuple[int, int],
        scale: Scale | None = None,
        *,
        batch: int = 32,
        frame: int | None = None,
        resample: object = True,
        style: Options | str | None = None,
        prefetch: int = 0,
        threads: int | None = None,
    ) -> Iterator[Pixels]:
        """Return an iterator over patches of one size at any places, in batches, in their order.

        Of each stored tile only what is wanted is decoded, all of a batch in one call without the
        interpreter's lock where the native kernel runs; nothing is kept in the tile cache.

        Parameters
        ----------
        places
            Array (patch, 2) of whole numbers: x and y of the left top corners, in
            full-resolution pixels. Patches must lie within the image.
        size
            Width and height of the patches as they come out; one number means a square.
        scale
            ``magnification``, ``mm_x``, ``mm_y`` as in :meth:`getRegion`. Default: full resolution.
        batch
            How many patches an array holds; the last one may hold fewer.
        frame, resample, style
            As in :meth:`getRegion`.
        prefetch
            How many batches to read ahead, in one more thread, while the caller works.
        threads
            How many to use for a batch at most. Default: as many as cores that no other call
            of this process uses. In worker processes of a data loader: 1.

        Yields
        ------
        array of shape (batch, height, width, bands)
            Of the image's dtype, or what the style makes.

        Raises
        ------
        RegionError
            Places that are no such array, or a patch that is not within the image.
        OptionError
            Sizes, scales or options that can't be meant.
        """
        image = self._image()
        info = image.info
        number = check_frame(info, frame)
        batch = whole_number("batch", batch, 1)
        prefetch = whole_number("prefetch", prefetch, 0)
        if threads is not None:
            threads = whole_number("threads", threads, 1)
        width, height = patch_size(size)
        factor = wanted_scale(image.pyramid, scale)
        if factor is None:
            raise OptionError(f"no level has just the scale {dict(scale or {})}")
        span = max(1, round(width * factor)), max(1, round(height * factor))
        corners = checked_places(places, span, info)
        parsed, method = called_style(self._options, style), parse_resample(resample, info)

        def read(first: int, last: int) -> Pixels:
            now = self._image().keeping(False)
            windows = [
                Window(Rect(x, y, *span), width, height, factor)
                for x, y in corners[first:last].tolist()
            ]
            if parsed is None:
                return read_windows(now, number, windows, method, threads)
            return np.stack([window_pixels(now, number, w, resample, parsed)[0] for w in windows])

        return in_batches(read, range(0, len(corners), batch), batch, prefetch)
