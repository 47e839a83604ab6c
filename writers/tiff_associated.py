"""Associated images as pages of a TIFF: copied where they are JPEG, else without loss."""

from typing import Any

import numpy as np

from ziggurat.readers.encoded import Codec, EncodedImage, Photometric
from ziggurat.readers.jpeg_stream import parse_header, stream_photometric
from ziggurat.readers.reader import Reader
from ziggurat.writers.tiff_tags import jpeg_colors

_JPEG, _DEFLATE = 7, 8


def associated_page(reader: Reader, name: str) -> tuple[Any, dict[str, Any]] | None:
    """Return tifffile's data and arguments for an associated image, None where it can't be."""
    stored = reader.encoded_associated(name)
    if stored is not None and stored.codec is Codec.JPEG:
        return iter([stored.data]), _jpeg_arguments(stored)
    pixels = reader.read_associated(name)
    if pixels.dtype.kind not in "buif":
        return None
    bands = pixels.shape[2]
    arguments: dict[str, Any] = {"photometric": "rgb" if bands in (3, 4) else "minisblack"}
    if bands in (2, 4):
        arguments["extrasamples"] = [2]  # unassociated alpha
    if bands > 1:
        arguments["planarconfig"] = "contig"
    if pixels.dtype.kind in "ui" and pixels.dtype.itemsize <= 4:
        arguments["predictor"] = 2
    return np.squeeze(pixels, axis=2) if bands == 1 else pixels, {
        **arguments,
        "compression": _DEFLATE,
    }


def _jpeg_arguments(stored: EncodedImage) -> dict[str, Any]:
    """Return the tags of a page of one strip that is a whole JPEG stream."""
    header = parse_header(stored.data)
    shape: tuple[int, ...] = (stored.height, stored.width)
    arguments: dict[str, Any] = {
        "dtype": "uint8",
        "compression": _JPEG,
        "rowsperstrip": stored.height,
        "photometric": "minisblack",
    }
    if header.components == 3:
        shape = (*shape, 3)
        space = stream_photometric(header, Photometric.YCBCR)
        arguments["photometric"] = "ycbcr" if space is Photometric.YCBCR else "rgb"
        arguments["planarconfig"] = "contig"
        arguments |= jpeg_colors(space, header.subsampling)
    return {"shape": shape, **arguments}
