"""Differences from the reference whose reason is known, each with a check that it is that reason.

A row is a sentence and a predicate; the first row that fits names the difference. Where the
reference is thought to be wrong, the predicate looks at an independent answer: what rasterio
or tifffile reads, areas averaged in another way, what neighbouring tiles share.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from benchmarks.compare.cases import DATA
from ziggurat.readers.grid.pyramid import Pyramid
from ziggurat.readers.grid.regions import plan_window
from ziggurat.readers.model.geometry import Rect

_OWN_AREA = 3.0  # mean difference, of 255, between ours and other averages of the same area
_OWN_LARGER = 9.0  # and other interpolations: kernels are cut off elsewhere, and differ at edges


@dataclass(frozen=True)
class Case:
    """All that is known of one difference."""

    name: str  # of the file
    reader: str  # the reference's class
    source: Any
    what: str
    detail: str
    kind: str = ""
    kwargs: Any = None
    mine: Any = None
    theirs: Any = None

    @property
    def info(self):
        return self.source._image().reader.info

    @property
    def resampled(self):
        return bool({"scale", "output"} & set(self.kwargs or ()))


def _strips(case):
    """The TIFF has strips, or tiles that only are as large as the image."""
    if not case.name.endswith((".tif", ".tiff", ".qptiff")):
        return False
    with tifffile.TiffFile(DATA / case.name) as file:
        page = file.pages[0]
        return not page.is_tiled or page.tilewidth >= page.imagewidth


def _is_map(case):
    return case.info.geo is not None


def _styled(case):
    """Rasterio's source shows maps in a style; unresampled pixels were held against rasterio's."""
    if not case.reader.startswith("Rasterio"):
        return False
    if case.what == "shown in a style":
        return True
    return case.what in ("dtype", "bands", "resampled pixels") and _is_area_mean(case)


def _is_area_mean(case):
    """Ours is the mean of areas (or Pillow's interpolation) of the stored level."""
    asked = (case.kwargs.get(key) for key in ("region", "scale", "output"))
    pyramid = Pyramid(case.info)
    window = plan_window(pyramid, *asked)
    choice = pyramid.best(window.scale)
    rect = pyramid.rect_in(choice, window.rect)
    frame = case.kwargs.get("frame") or 0
    plain = case.source._image().reader.plane(choice.index, frame).read(rect)
    mine = case.mine["pixels"]
    if max(abs(a - b) for a, b in zip(plain.shape, mine.shape, strict=True)) <= 1:
        x, y = round(window.rect.x / choice.scale_x), round(window.rect.y / choice.scale_y)
        level = case.info.levels[choice.index]
        x, y = min(x, level.width - window.width), min(y, level.height - window.height)
        stored = Rect(x, y, window.width, window.height)
        if np.array_equal(
            case.source._image().reader.plane(choice.index, frame).read(stored), mine
        ):
            return True  # a level has the wanted scale: its pixels as they are
    if case.info.alpha:  # colours count by their alpha
        alpha = plain[..., -1:].astype(np.float64)
        sums = _scaled(np.concatenate([plain[..., :-1] * alpha, alpha], axis=2), mine.shape)
        seen = sums[..., -1] > 0
        colors = sums[..., :-1] / np.where(sums[..., -1:] > 0, sums[..., -1:], 1)
        return _near(mine[..., :-1][seen], colors[seen], plain)
    return _near(mine, _scaled(plain, mine.shape), plain)


def _is_stored(case):
    """Ours are the pixels that tifffile reads; nothing was resampled."""
    window = plan_window(Pyramid(case.info), case.kwargs.get("region"))
    rect = window.rect
    with tifffile.TiffFile(DATA / case.name) as file:
        pixels = file.pages[case.kwargs.get("frame") or 0].asarray()
    part = pixels[rect.y : rect.bottom, rect.x : rect.right]
    return np.array_equal(part.reshape(case.mine["pixels"].shape), case.mine["pixels"])


def _scaled(pixels, shape):
    """Scale in another way than ours: shares of areas as matrices, or Pillow's Lanczos."""
    height, width = shape[:2]
    if width > pixels.shape[1] or height > pixels.shape[0]:
        small = Image.Resampling.LANCZOS
        bands = [
            np.asarray(Image.fromarray(band.astype(np.float32)).resize((width, height), small))
            for band in np.moveaxis(pixels, 2, 0)
        ]
        return np.stack(bands, axis=2)
    down, across = (_shares(n, m) for n, m in zip(shape[:2], pixels.shape[:2], strict=True))
    return np.einsum("yY,YXb,xX->yxb", down, pixels.astype(np.float64), across, optimize=True)


def _shares(count, size):
    """Return (count, size): the part of each of ``size`` pixels in each of ``count`` areas."""
    edges = np.arange(count + 1) * (size / count)
    pixel = np.arange(size)
    covered = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.clip(covered, 0, None) * (count / size)


def _near(mine, other, plain):
    full = 255 if plain.dtype == np.uint8 else max(float(np.nanmax(np.abs(plain))), 1e-9)
    difference = np.abs(mine.astype(np.float64) - other)
    if np.isnan(difference).all():
        return True
    larger = mine.size > plain.size
    limit = _OWN_LARGER if larger else _OWN_AREA
    return bool(np.nanmean(difference) <= max(limit * full / 255, 0.5))


def _neighbours_agree(case):
    """In ours, what two neighbours say they share is what they do share."""
    tiles = case.mine["tiles"]
    if any("scaled" in tile for tile in tiles):
        tiles = [{**tile, "width": tile["tile_width"]} for tile in tiles]
        slack = 2 + max(1 / tile["scaled"] for tile in tiles)
        tiles = [
            {
                **tile,
                "tile_overlap": {k: v / tile["scaled"] for k, v in tile["tile_overlap"].items()},
            }
            for tile in tiles
        ]
    else:
        slack = 0
    rows = {}
    for tile in tiles:
        rows.setdefault(tile["level_y"], []).append(tile)
    for row in rows.values():
        for left, right in pairwise(row):
            shared = left["x"] + left["width"] - right["x"]
            told = left["tile_overlap"]["right"] + right["tile_overlap"]["left"]
            if abs(shared - told) > slack:
                return False
    return True


def _scaled_overlap(case):
    return (
        case.what.startswith("tile ")
        and "tile_overlap" in case.kwargs
        and any("scaled" in tile for tile in case.mine["tiles"])
        and not case.kwargs["tile_overlap"]["edges"]
        and _neighbours_agree(case)
    )


def _edge_overlap(case):
    return case.what == "tile overlap" and _neighbours_agree(case)


def _sliver(case):
    """One side of what was asked for is less than a pixel at the wanted scale."""
    if case.what == "tile count":
        return 0 in (len(case.mine["tiles"]), len(case.theirs["tiles"])) and case.resampled
    if case.what != "region size":
        return False
    shapes = [case.mine["pixels"].shape[:2], case.theirs["pixels"].shape[:2]]
    return (0, 0) in shapes and 1 in (*shapes[0], *shapes[1])


def _openslide(case):
    return case.reader.startswith("Openslide")


def _wrong_colors(case):
    return _openslide(case) and case.name.startswith("dicom-wsi/jcupitt")


def _level_numbers(case):
    return case.what in (
        *("metadata tileWidth", "metadata tileHeight", "metadata levels"),
        *("tile level", "level", "tile magnification", "tile gheight", "tile gwidth"),
    )


def _not_square(case):
    return (
        case.reader.startswith("Rasterio")
        and case.what in ("metadata mm_x", "metadata mm_y")
        and case.info.mm_x != case.info.mm_y
    )


def _nowhere(case):
    return (
        case.reader.startswith("Rasterio")
        and case.what in ("metadata mm_x", "metadata mm_y")
        and case.info.mm_x is None
    )


def _better_scale(case):
    return (
        case.what in ("metadata mm_x", "metadata mm_y", "metadata magnification")
        and getattr(case.info, case.what.removeprefix("metadata ")) is not None
        and case.info.format in ("akoya", "ome-tiff")
    )


def _only_here(case):
    return case.what.startswith("metadata ") and case.detail.endswith("| None")


def _zero_size(case):
    return case.what in ("metadata mm_x", "metadata mm_y") and case.detail == "None | 0"


def _frames(case):
    """Both number the frames in the same way; what else is told of them differs."""
    if case.what != "metadata frames":
        return False
    mine, other = case.mine or [{"Frame": 0, "Index": 0}], case.theirs or []
    keys = ("Frame", *(f"Index{axis}" for axis in "CZT"))
    return len(mine) == len(other) and all(
        a[key] == b[key]
        for a, b in zip(mine, other, strict=True)
        for key in keys
        if {*a} & {key} & {*b}
    )


def _anonymous(case):
    """The reference has found frames, and nothing of what they are."""
    return (
        case.what == "metadata frames"
        and len(case.mine or ()) == len(case.theirs or ())
        and all(set(frame) == {"Frame", "Index"} for frame in case.theirs)
    )


def _modulo(case):
    axes = {axis.name for axis in case.info.axes}
    return case.what.startswith("metadata ") and bool(axes - {"c", "z", "t", "xy", "v"})


def _eight_bits(case):
    return (
        case.what in ("dtype", "bands")
        and case.kind == "region"
        and case.theirs["pixels"].dtype != case.info.dtype
        and (_is_area_mean(case) if case.resampled else _is_stored(case))
    )


def _lossy_j2k(case):
    if ".jp2." not in case.name:
        return False
    return case.what == "tile pixels" or (
        case.what == "pixels" and case.detail.startswith("max 1,")
    )


def _areas(case):
    return case.what == "resampled pixels" and _is_area_mean(case)


@dataclass(frozen=True)
class Known:
    """A reason, and which differences have it."""

    why: str
    fits: Callable[[Case], bool]


ROWS = (
    Known(
        "the reference's colours are wrong: OpenSlide believes a DICOM header's RGB, "
        "and the JPEG streams are YCbCr",
        lambda case: _wrong_colors(case) and case.what in (
            "pixels", "resampled pixels", "tile pixels", "alpha added"
        ),
    ),
    Known(
        "slides of OpenSlide have an alpha band there, and are composed over the slide's "
        "background here; the colours are the same",
        lambda case: _openslide(case) and case.what in ("metadata bandCount", "alpha added"),
    ),
    Known(
        "a map's mask is an alpha band there, and no band here; the colours are the same",
        lambda case: case.reader.startswith("Rasterio") and case.what == "alpha added",
    ),
    Known(
        "the reference shows maps in a style of its own (scaled to 8 bits, as float, masked); "
        "ours are the stored values: those that rasterio reads, or their means by area",
        _styled,
    ),
    Known(
        "strips, and tiles as large as the image, are served as squares of 256 here; "
        "the reference serves whole strips, so that its levels have other numbers",
        lambda case: _strips(case) and not _is_map(case) and _level_numbers(case),
    ),
    Known(
        "maps are served as squares of 256; the reference does so only where rasterio reads them",
        lambda case: _is_map(case) and case.reader.startswith("Tiff") and _level_numbers(case),
    ),
    Known(
        "pixels that are not square on the ground have two sizes here, and one mean size there",
        _not_square,
    ),
    Known("an image without a projection has no pixel size on the ground", _nowhere),
    Known("pixel size and objective are the vendor's or OME's here", _better_scale),
    Known("an unknown pixel size is None here, 0 there", _zero_size),
    Known("the reference doesn't tell this, though the file does", _only_here),
    Known("the reference has found the frames, but not their axes and names", _anonymous),
    Known(
        "frames are numbered alike; channel names are told here, and OME's attributes there",
        _frames,
    ),
    Known("OME's modulo annotations are axes here", _modulo),
    Known(
        "the reference takes other than 8-bit pixels through 8 bits or floats; ours have the "
        "file's own type: as tifffile reads them, or means by area",
        _eight_bits,
    ),
    Known(
        "what is less than a pixel high comes as one row here, and as none or one there, "
        "as a rounding error decides",
        _sliver,
    ),
    Known(
        "reductions are means by area here, exactly, and Lanczos of levels that may have been made "
        "so before there: fine textures differ",
        _areas,
    ),
    Known("decoders of lossy JPEG 2000 round differently, by one level", _lossy_j2k),
    Known(
        "the reference forgets to scale half of the overlap, so that the first tile is too short",
        _scaled_overlap,
    ),
    Known(
        "overlaps are told in the pixels of the tile here, and as neighbours really share them; "
        "the reference tells other numbers where tiles are scaled, or cut by the region",
        _edge_overlap,
    ),
)  # fmt: skip


def reason(case):
    """Return why an answer differs, or None."""
    return next((row.why for row in ROWS if row.fits(case)), None)
