"""One tile of a conceptual level, as a viewer gets it."""

from dataclasses import dataclass

from ziggurat.readers.constants import TILE_FORMAT_IMAGE, TILE_FORMAT_NUMPY
from ziggurat.readers.grid.frames import check_frame
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.pixels import tiles
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.image import window_pixels
from ziggurat.readers.source.output.encode import ImageBytes, deliver, pictured
from ziggurat.readers.source.output.fill import color_pixel
from ziggurat.readers.source.request import Delivery
from ziggurat.readers.style.parse import Style


@dataclass(frozen=True, slots=True)
class TileRequest:
    """Which tile, and what becomes of it at the image's edge.

    ``crop``: it ends with the image. ``color`` (``#rrggbb``) fills it up instead of the background.
    """

    x: int
    y: int
    z: int
    frame: int | None = None
    style: Style | None = None
    crop: bool = False
    color: str | None = None


def read_tile(image: Image, request: TileRequest, delivery: Delivery) -> object:
    """Return a tile as encoded bytes, a PIL image or an array (y, x, band).

    Raises
    ------
    TileRangeError
        No such tile, level or frame.
    """
    tiles.check_tile(image.pyramid, request.x, request.y, request.z)
    frame = check_frame(image.info, request.frame)
    if delivery.format == TILE_FORMAT_IMAGE and delivery.encoding.name == "JPEG":
        data = _as_stored(image, frame, request)
        if data is not None:
            return ImageBytes(data, delivery.encoding.mime_type)
    pixels, alpha = _tile_pixels(image, frame, request, delivery)
    if not request.crop:
        pixel = None
        if request.color:
            pixel = color_pixel(request.color, pixels.shape[2], pixels.dtype, alpha=alpha)
        pixels = tiles.padded_tile(image.pyramid, pixels, pixel)
    if delivery.format == TILE_FORMAT_NUMPY and not pixels.flags.writeable:
        pixels = pixels.copy()
    return deliver(pixels, delivery.format, delivery.encoding, alpha=alpha)[0]


def _as_stored(image: Image, frame: int, request: TileRequest) -> bytes | None:
    """Return the file's own JPEG stream; None where there is none that will do."""
    if request.style is not None:
        return None
    x, y, z = request.x, request.y, request.z
    if request.crop or request.color:
        window = tiles.tile_window(image.pyramid, x, y, z)
        if (window.width, window.height) != image.pyramid.tile_size:
            return None
    return tiles.stored_jpeg(image, frame, x, y, z)


def _tile_pixels(
    image: Image, frame: int, request: TileRequest, delivery: Delivery
) -> tuple[Pixels, bool]:
    """Return the pixels of what of a tile is inside the image, and whether the last is alpha."""
    x, y, z = request.x, request.y, request.z
    if request.style is not None:
        window = tiles.tile_window(image.pyramid, x, y, z)
        shown = delivery.format != TILE_FORMAT_NUMPY
        return window_pixels(image, frame, window, None, request.style, eight_bit=shown)
    pixels = tiles.read_tile(image, frame, x, y, z)
    return pictured(pixels, image.info) if delivery.shown else (pixels, image.info.alpha)
