"""From the facts of an image and of its tiles to the tags of a TIFF page; pure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.image import ImageInfo
from ziggurat.writers.model.levels import LevelPlan

PHOTOMETRIC = {
    Photometric.GRAY: "minisblack",
    Photometric.RGB: "rgb",
    Photometric.YCBCR: "ycbcr",
    Photometric.PALETTE: "palette",
}
REDUCED_PAGE = 1  # TIFF 6.0, NewSubfileType
_UNSPECIFIED, _UNASSOCIATED_ALPHA = 0, 2  # ExtraSamples
_GDAL_NODATA = 42113
_CLASSIC_LIMIT = 2**32 - 2**24


def compression_tag(form: TileFormat) -> int:
    """Return tag 259; a copied tile keeps what its source said.

    Raises
    ------
    OptionError
        TIFF has no number for this codec.
    """
    if form.tiff_compression is not None:
        return form.tiff_compression
    if not form.codec.row.tags:
        raise OptionError(f"TIFF has no compression called {form.codec.value}")
    return form.codec.row.tags[0]


def layout_tags(plan: LevelPlan, form: TileFormat, info: ImageInfo) -> dict[str, object]:
    """Return tifffile's arguments for the pixels of one page."""
    shape: tuple[int, ...] = (plan.height, plan.width)
    tags: dict[str, Any] = {
        "dtype": form.dtype,
        "tile": (plan.tile_height, plan.tile_width),
        "compression": compression_tag(form),
        "photometric": PHOTOMETRIC[form.photometric],
        "metadata": None,
    }
    if form.bands > 1:
        shape = (*shape, form.bands)
        tags["planarconfig"] = "contig"
        tags["extrasamples"] = extra_samples(form, info.alpha)
    if form.predictor > 1:
        tags["predictor"] = form.predictor
    if form.codec is Codec.JPEG:
        tags["bitspersample"] = form.bits
        tags["jpegtables"] = form.tables
        tags |= jpeg_colors(form.photometric, form.subsampling)
    if form.photometric is Photometric.PALETTE and info.palette is not None:
        tags["colormap"] = color_map(info.palette, 2**form.bits)
    return {"shape": shape, **tags}


def jpeg_colors(photometric: Photometric, subsampling: tuple[int, int] | None) -> dict[str, object]:
    """Return tifffile's arguments that keep a JPEG page in the colour space of its stream."""
    if photometric is Photometric.YCBCR:
        return {"subsampling": subsampling or (2, 2)}
    if photometric is Photometric.RGB:  # tifffile would take it for YCbCr
        return {"subsampling": (1, 1), "compressionargs": {"outcolorspace": "rgb"}}
    return {}


def extra_samples(form: TileFormat, alpha: bool) -> Sequence[int] | None:
    """Return tag 338: what the samples beyond the colour are."""
    colors = 3 if form.photometric in (Photometric.RGB, Photometric.YCBCR) else 1
    extra = form.bands - colors
    if extra <= 0:
        return None
    return (_UNSPECIFIED,) * (extra - alpha) + (_UNASSOCIATED_ALPHA,) * alpha


def color_map(palette: Sequence[tuple[int, int, int, int]], size: int) -> np.ndarray[Any, Any]:
    """Return tag 320, 16 bits a colour, padded with black to all values of a sample."""
    table = np.zeros((3, size), np.uint16)
    for index, color in enumerate(palette[:size]):
        table[:, index] = [part * 257 for part in color[:3]]
    return table


def page_tags(info: ImageInfo, plan: LevelPlan) -> dict[str, Any]:
    """Return what every page of the image says: scale, colour profile, nodata."""
    tags: dict[str, Any] = {}
    if info.mm_x and info.mm_y:
        # pixels per centimetre at this level's size
        shrunk = (info.width / plan.width, info.height / plan.height)
        tags["resolution"] = (10 / (info.mm_x * shrunk[0]), 10 / (info.mm_y * shrunk[1]))
        tags["resolutionunit"] = "centimeter"
    if info.icc_profile:
        tags["iccprofile"] = info.icc_profile
    value = info.nodata[0] if isinstance(info.nodata, tuple) else info.nodata
    if value is not None:
        tags["extratags"] = [(_GDAL_NODATA, 2, 0, f"{value:.17g}", True)]
    return tags


def needs_bigtiff(pages: Sequence[tuple[LevelPlan, TileFormat]], frames: int, extra: int) -> bool:
    """Return True unless all offsets surely fit into 32 bits.

    Parameters
    ----------
    pages
        The levels of one frame.
    extra
        Bytes that associated images and profiles may take.
    """
    total = extra + 2**20
    for plan, form in pages:
        tiles = plan.grid[0] * plan.grid[1]
        tile = plan.tile_width * plan.tile_height * form.bands * np.dtype(form.dtype).itemsize
        total += frames * (int(tiles * (tile * form.codec.row.grows + 512)) + 4096)
    return total > _CLASSIC_LIMIT


def has_byteorder(form: TileFormat) -> bool:
    """Return True for samples that lie in the byte order of the file."""
    return form.codec.row.raw and form.bits > 8


def common_byteorder(forms: Sequence[TileFormat]) -> str:
    """Return the byte order that all pages of one file share.

    Raises
    ------
    OptionError
        Copied levels disagree.
    """
    orders = {form.byteorder for form in forms if has_byteorder(form)}
    if len(orders) > 1:
        raise OptionError(
            "levels of both byte orders can't be in one TIFF: encode them anew instead of copying"
        )
    return orders.pop() if orders else "<"
