"""Associated images as pages of a TIFF: strips and JPEG streams copied, else without loss."""

from typing import Any

import numpy as np

from ziggurat.readers.codecs.jpeg_stream import parse_header, stream_photometric
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedImage, Photometric, StoredPage
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.writers.formats.tiff.tags import PHOTOMETRIC, has_byteorder, jpeg_colors

_JPEG, _DEFLATE = 7, 8
_MULTIPLE = 16  # TIFF 6.0: of a tile's sides


def associated_page(
    reader: Reader, name: str, *, byteorder: str = "<", tiled: bool = True
) -> tuple[Any, dict[str, Any]] | None:
    """Return tifffile's data and arguments for an associated image, None where it can't be.

    ``byteorder`` is the file's; ``tiled``: a page of tiles would not be taken for a level.
    """
    page = reader.associated(name).stored()
    if page is not None and _fits(page, byteorder, tiled):
        return iter(page.segments), _page_arguments(page)
    stored = reader.associated(name).encoded()
    if stored is not None and stored.codec is Codec.JPEG:
        return iter([stored.data]), _jpeg_arguments(stored)
    pixels = page_pixels(reader, name)
    if pixels.dtype.kind not in "buif":
        return None
    bands = pixels.shape[2]
    arguments: dict[str, Any] = {"photometric": "rgb" if bands in (3, 4) else "minisblack"}
    if bands in (2, 4):
        arguments["extrasamples"] = [2]  # unassociated alpha
    if bands > 1:
        arguments["planarconfig"] = "contig"
    # without a predictor: they are small, and cuCIM dies of Deflate with one
    return np.squeeze(pixels, axis=2) if bands == 1 else pixels, {
        **arguments,
        "compression": _DEFLATE,
    }


def page_pixels(reader: Reader, name: str) -> Pixels:
    """Return an associated image as a page has it: black and white of several bands as bytes."""
    pixels = reader.associated(name).read()
    several = pixels.dtype.kind == "b" and pixels.shape[2] > 1  # tifffile packs bits of one alone
    return pixels.astype(np.uint8) * 255 if several else pixels


def _fits(page: StoredPage, byteorder: str, tiled: bool) -> bool:
    """Return True where a page of this file can have these strips or tiles as they are."""
    form = page.format
    if form.tiff_compression is None or not (form.codec.row.raw or form.codec is Codec.JPEG):
        return False  # JPEG 2000, WebP … need tags or readers of their own, and are decoded
    if has_byteorder(form) and form.byteorder != byteorder:
        return False
    if page.tiled and (
        not tiled or page.segment_width % _MULTIPLE or page.segment_height % _MULTIPLE
    ):
        return False
    if form.codec is Codec.JPEG:
        blocks = 8 * max(form.subsampling or (1, 1))
        whole = page.segment_height == page.height or page.segment_height % blocks == 0
        return whole and form.predictor == 1 and not page.inverted and form.bands in (1, 3)
    if form.codec is Codec.NONE:  # tifffile computes the sizes of these
        return [len(data) for data in page.segments] == _raw_sizes(page)
    return True


def _raw_sizes(page: StoredPage) -> list[int]:
    """Return how many bytes the samples of each strip or tile take."""
    row = page.segment_width * page.format.bands * np.dtype(page.format.dtype).itemsize
    if page.tiled:
        return [row * page.segment_height] * len(page.segments)
    starts = range(0, page.height, page.segment_height)
    return [row * min(page.segment_height, page.height - start) for start in starts]


def _page_arguments(page: StoredPage) -> dict[str, object]:
    """Return the tags of a page like the one that the strips or tiles were stored in."""
    form = page.format
    shape: tuple[int, ...] = (page.height, page.width)
    arguments: dict[str, Any] = {
        "dtype": form.dtype,
        "compression": form.tiff_compression,
        "photometric": "miniswhite" if page.inverted else PHOTOMETRIC[form.photometric],
    }
    if page.tiled:
        arguments["tile"] = (page.segment_height, page.segment_width)
    else:
        arguments["rowsperstrip"] = page.segment_height
    if form.bands > 1:
        shape = (*shape, form.bands)
        arguments["planarconfig"] = "contig"
        arguments["extrasamples"] = page.extra_samples or None
    if form.predictor > 1:
        arguments["predictor"] = form.predictor
    if form.codec is Codec.JPEG:
        arguments["jpegtables"] = form.tables
        arguments |= jpeg_colors(form.photometric, form.subsampling)
    return {"shape": shape, **arguments}


def _jpeg_arguments(stored: EncodedImage) -> dict[str, object]:
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
