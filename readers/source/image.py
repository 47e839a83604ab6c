"""What one call does with an image: from a caller's words to a window, and from that to pixels."""

from collections.abc import Mapping
from typing import Any

from ziggurat.readers.grid.regions import GeoBounds, Window, plan_window
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.pixels.resample import parse_resample
from ziggurat.readers.pixels.window import read_window
from ziggurat.readers.source.encode import pictured
from ziggurat.readers.style.access import styled_window
from ziggurat.readers.style.parse import Style


def geo_bounds(info: ImageInfo) -> GeoBounds | None:
    """Return what turns bounds in a projection into pixels; None without a place on earth."""
    if info.geo is None:
        return None
    from ziggurat.readers.geo.units import region_to_pixels  # loads GDAL

    def to_pixels(
        left: float | None,
        top: float | None,
        right: float | None,
        bottom: float | None,
        units: str,
    ) -> tuple[float, ...]:
        return region_to_pixels(info, units, left, top, right, bottom)

    return to_pixels


def window_of(
    image: Image,
    region: Mapping[str, Any] | None,
    scale: Mapping[str, Any] | None,
    output: Mapping[str, Any] | None,
) -> Window | None:
    """Return what a caller asks for, None where nothing is left of it."""
    info = image.info
    geo = None if info.geo is None else geo_bounds(info)
    return plan_window(info, region, scale, output, geo)


def window_pixels(
    image: Image,
    frame: int,
    window: Window,
    resample: Any,
    style: Style | None,
    *,
    eight_bit: bool = False,
) -> tuple[Pixels, bool]:
    """Return the pixels (y, x, band) of a window as they go out, and whether the last is alpha.

    ``eight_bit`` says that they will be shown: a palette's colours stand for its indices then,
    and styles may round.
    """
    if style is not None:
        stored = _indexed(image) if style.bands or style.preset else image
        method = parse_resample(resample, stored.info)
        pixels = styled_window(stored, frame, window, method, style, eight_bit=eight_bit)
        return pixels, pixels.shape[2] in (2, 4)
    info = image.info
    pixels = read_window(image, frame, window, parse_resample(resample, info))
    return pictured(pixels, info) if eight_bit else (pixels, info.alpha)


def _indexed(image: Image) -> Image:
    """Return an image with the numbers that a style acts on, where a map shows their colours."""
    if image.info.geo is None:
        return image
    from ziggurat.readers.formats.gdal.projected import ProjectedReader  # loads GDAL

    view = image.reader
    if not isinstance(view, ProjectedReader) or view.indexed is view:
        return image
    identity = None if image.identity is None else (image.identity, "indices")
    return Image(view.indexed, image.cache, identity, image.keep)
