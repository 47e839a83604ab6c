"""Tiles: one by one for viewers, and iterators over any region at any scale."""

from typing import Any, Unpack

from ziggurat.readers.constants import TILE_FORMAT_NUMPY
from ziggurat.readers.grid.frames import check_frame
from ziggurat.readers.grid.tiles import GridRequest
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.keywords import shares_words
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
from ziggurat.readers.source.hooks import HasImage
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
            A JPEG tile that the file stores comes byte for byte, unless a style or an edge
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
        """
        return read_single(
            self._image,
            iteration_request(self._options, words, resample),
            delivery_of(self._options, words, format, TILE_FORMAT_NUMPY),
        )

    def tissue_mask(self: HasImage, frame: int | None = None, side: int = 1024) -> Mask:
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
