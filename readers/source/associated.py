"""Associated images: label, macro, thumbnail and whatever else a file carries."""

from typing import Any

from ziggurat.readers.constants import TILE_FORMAT_IMAGE
from ziggurat.readers.grid.regions import fit
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.keywords import shares_words
from ziggurat.readers.model.words import Formats
from ziggurat.readers.pixels.resample import Resample, resize
from ziggurat.readers.source.hooks import HasImage
from ziggurat.readers.source.output.encode import (
    ImageBytes,
    chosen_format,
    deliver,
    merged_encoding,
)


class AssociatedMethods:
    """The pictures beside the picture."""

    def getAssociatedImagesList(self: HasImage) -> list[str]:
        """Return the names of the associated images."""
        return sorted(self._image().info.associated)

    @shares_words()
    def getAssociatedImage(
        self: HasImage,
        imageKey: str,
        width: int | None = None,
        height: int | None = None,
        *,
        encoding: str | None = None,
        format: Formats = None,
        jpegQuality: int | None = None,
        jpegSubsampling: int | None = None,
        tiffCompression: str | None = None,
    ) -> tuple[Any, str] | None:
        """Return an associated image as (data, format or MIME type), or None where it isn't there.

        Parameters
        ----------
        imageKey
            One of :meth:`getAssociatedImagesList`.
        width, height
            Fit it into this size; default: as it is.
        encoding, format, jpegQuality, jpegSubsampling, tiffCompression
            As in :meth:`getRegion`. A stored JPEG that is asked for as JPEG, in its own size and
            without a wish for quality, comes as it is stored.

        Returns
        -------
        (data, format) or None
            As of :meth:`getRegion`, of the associated image's own bands and dtype.
        """
        reader = self._image().reader
        if imageKey not in reader.info.associated:
            return None
        how = merged_encoding(
            self._options, encoding, jpegQuality, jpegSubsampling, tiffCompression
        )
        wanted = chosen_format(format, TILE_FORMAT_IMAGE)
        width = None if width is None else whole_number("width", width, 1)
        height = None if height is None else whole_number("height", height, 1)
        untouched = width is None and height is None and jpegQuality is None
        if wanted == TILE_FORMAT_IMAGE and how.name == "JPEG" and untouched:
            stored = reader.associated(imageKey).encoded()
            if stored is not None and stored.codec is Codec.JPEG:
                return ImageBytes(stored.data, how.mime_type), how.mime_type
        pixels = reader.associated(imageKey).read()
        alpha = pixels.shape[2] in (2, 4)
        if width is not None or height is not None:
            across, down, _ = fit(pixels.shape[1], pixels.shape[0], width, height)
            pixels = resize(pixels, across, down, Resample.AREA, alpha=alpha)
        return deliver(pixels, wanted, how, alpha=alpha)
