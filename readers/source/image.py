"""What one call does with an image: from a caller's words to a window, and from that to pixels."""

from ziggurat.readers.grid.regions import Window, plan_window
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.pixels.resample import parse_resample
from ziggurat.readers.pixels.window import read_level, read_window
from ziggurat.readers.source.output.encode import pictured
from ziggurat.readers.source.place import geo_bounds, indexed_image
from ziggurat.readers.source.request import RegionRequest
from ziggurat.readers.style.access import styled_window
from ziggurat.readers.style.parse import Style

_PLACE = {"left", "top", "width", "height"}
_SMALL = 4 << 20  # pixels: of more, the plan is no part of the time


def window_of(image: Image, request: RegionRequest) -> Window | None:
    """Return what a caller asks for, None where nothing is left of it."""
    geo = None if image.info.geo is None else geo_bounds(image.info)
    return plan_window(image.pyramid, request.region, request.scale, request.output, geo)


def whole_pixels(image: Image, frame: int, region: object) -> Pixels | None:
    """Return a region of whole full-resolution pixels, all in the image; None where it is no such.

    Nothing of it has to be planned, which would take as long as finding its tiles in the cache.
    """
    if type(region) is not dict or region.keys() != _PLACE:
        return None
    x, y, width, height = region["left"], region["top"], region["width"], region["height"]
    if not type(x) is type(y) is type(width) is type(height) is int:
        return None
    full = image.info.levels[0]
    inside = 0 <= x <= full.width - width and 0 <= y <= full.height - height
    if not inside or width < 1 or height < 1 or width * height > _SMALL:
        return None
    if image.pyramid.best(1.0).index:
        return None
    return read_level(image, 0, frame, Rect(x, y, width, height))


def window_pixels(
    image: Image,
    frame: int,
    window: Window,
    resample: object,
    style: Style | None,
    *,
    eight_bit: bool = False,
) -> tuple[Pixels, bool]:
    """Return the pixels (y, x, band) of a window as they go out, and whether the last is alpha.

    ``eight_bit`` says that they will be shown: a palette's colours stand for its indices then,
    and styles may round.
    """
    if style is not None:
        stored = indexed_image(image) if style.bands or style.preset else image
        method = parse_resample(resample, stored.info)
        pixels = styled_window(stored, frame, window, method, style, eight_bit=eight_bit)
        return pixels, pixels.shape[2] in (2, 4)
    info = image.info
    pixels = read_window(image, frame, window, parse_resample(resample, info))
    return pictured(pixels, info) if eight_bit else (pixels, info.alpha)
