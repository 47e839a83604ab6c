"""What one call does with an image: from a caller's words to a window, and from that to pixels."""

from ziggurat.readers.grid.regions import Window, plan_window
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.pixels.resample import parse_resample
from ziggurat.readers.pixels.window import read_window
from ziggurat.readers.source.output.encode import pictured
from ziggurat.readers.source.place import geo_bounds, indexed_image
from ziggurat.readers.source.request import RegionRequest
from ziggurat.readers.style.access import styled_window
from ziggurat.readers.style.parse import Style


def window_of(image: Image, request: RegionRequest) -> Window | None:
    """Return what a caller asks for, None where nothing is left of it."""
    geo = None if image.info.geo is None else geo_bounds(image.info)
    return plan_window(image.pyramid, request.region, request.scale, request.output, geo)


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
