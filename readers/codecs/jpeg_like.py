"""Pixels as a tile of the kind that others are: where few must be made among those copied."""

import imagecodecs
import numpy as np

from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.reader import Pixels

_QUALITY = 95  # of the few tiles that lose a generation


def can_be_like(form: TileFormat) -> bool:
    """Return True where :func:`jpeg_like` makes tiles of a format."""
    if form.codec is Codec.JPEG2000:
        plain = form.photometric is not Photometric.YCBCR and not form.planar
        return plain and form.codec.row.takes("u", np.dtype(form.dtype).itemsize, form.bands)
    return form.codec is Codec.JPEG and form.bits == 8 and form.bands in (1, 3)


def jpeg_like(form: TileFormat, pixels: Pixels) -> bytes:
    """Return pixels (y, x, band) in the colour space and subsampling of a format.

    A JPEG has tables of its own, which win over shared ones (ITU-T T.81, B.2.4); JPEG 2000 is
    lossless.
    """
    if form.codec is Codec.JPEG2000:
        plain = np.ascontiguousarray(pixels if form.bands > 1 else pixels[..., 0])
        return bytes(imagecodecs.jpeg2k_encode(plain, reversible=True, codecformat="j2k"))
    if form.bands == 1:
        return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels[..., 0]), level=_QUALITY))
    ycbcr = form.photometric is Photometric.YCBCR
    return bytes(
        imagecodecs.jpeg8_encode(
            np.ascontiguousarray(pixels),
            level=_QUALITY,
            colorspace="RGB",
            outcolorspace="YCBCR" if ycbcr else "RGB",
            subsampling=form.subsampling or (1, 1),
        )
    )


def padded(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return pixels (y, x, band) made larger by their last row and column."""
    spare = (0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0)
    return np.pad(pixels, spare, mode="edge")
