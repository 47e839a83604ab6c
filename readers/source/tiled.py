"""A region as a ``TILED`` file: strip by strip, with its border, its scale and its place."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ziggurat.readers.errors import OptionError
from ziggurat.readers.grid.regions import Window
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.model.words import Options
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.image import window_pixels
from ziggurat.readers.source.output.export import Export, Tag, write_tiled_region
from ziggurat.readers.source.output.fill import Border, bordered_rows, letterbox
from ziggurat.readers.source.request import Delivery, RegionRequest

_GDAL_NODATA = 42113  # a private tag of TIFF


def write_region(
    image: Image,
    frame: int,
    window: Window,
    request: RegionRequest,
    delivery: Delivery,
    border: Border | None,
) -> Path:
    """Write a region as a tiled TIFF, in bounded memory, and return where it is.

    Raises
    ------
    OptionError
        It was to go over the image that is read.
    """
    path = _wanted_path(request.output)
    if path is not None and _same_file(path, image.path):
        raise OptionError(f"{path} is the image that is read; write to another path")
    resample, style = request.resample, request.style

    def plain(top: int, height: int) -> Pixels:
        first = round(window.rect.height * top / window.height)
        last = round(window.rect.height * (top + height) / window.height)
        part = Rect(window.rect.x, window.rect.y + first, window.rect.width, last - first)
        strip = Window(part, window.width, height, window.scale)
        return window_pixels(image, frame, strip, resample, style)[0]

    corner = Window(Rect(window.rect.x, window.rect.y, 1, 1), 1, 1, 1.0)
    sample, alpha = window_pixels(image, frame, corner, resample, style)
    rows: Callable[[int, int], Pixels] = plain
    size = window.width, window.height
    if border is not None:
        rows = bordered_rows(plain, window.height, border, alpha=alpha)
        one = replace(border, width=1, height=1, x=0, y=0)
        sample, alpha = letterbox(sample, one, alpha=alpha)
        size = border.width, border.height
    export = Export(
        rows,
        (size[1], size[0], sample.shape[2]),
        sample.dtype,
        compression=(delivery.tiled or "lzw").lower(),
        quality=delivery.encoding.jpeg_quality,
        alpha=alpha,
        resolution=image.pyramid.resolution.at(window.scale),
        tags=_place_tags(image.info, window, border, plain=style is None),
    )
    return write_tiled_region(export, path)


def _place_tags(
    info: ImageInfo, window: Window, border: Border | None, *, plain: bool
) -> list[Tag]:
    """Return the tags that say where on earth a region is, and of stored pixels its nodata."""
    tags: list[Tag] = []
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


def _wanted_path(output: Options | None) -> Path | None:
    path = (output or {}).get("path")
    if path is None or isinstance(path, str | os.PathLike):
        return None if path is None else Path(path)
    raise OptionError(f"output path must be a path, not {path!r}")


def _same_file(one: Path, other: str | None) -> bool:
    try:
        return other is not None and os.path.samefile(one, other)
    except OSError:  # one of them isn't there, or is a URL
        return False
