"""What an image adds to the answers of the read API where it knows its place on earth.

GDAL is loaded only for such images, not for every slide.
"""

from ziggurat.readers.grid.regions import GeoBounds
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.pixels.image import Image


def geo_bounds(info: ImageInfo) -> GeoBounds | None:
    """Return what turns bounds in a projection into pixels; None without a place on earth."""
    if info.geo is None:
        return None
    from ziggurat.readers.geo.units import region_to_pixels

    def to_pixels(
        left: float | None,
        top: float | None,
        right: float | None,
        bottom: float | None,
        units: str,
    ) -> tuple[float, ...]:
        return region_to_pixels(info, units, left, top, right, bottom)

    return to_pixels


def geo_metadata(info: ImageInfo) -> dict[str, object]:
    """Return what ``getMetadata`` adds; nothing without a place on earth."""
    if info.geo is None:
        return {}
    from ziggurat.readers.geo import facts

    return facts.geo_metadata(info)


def band_facts(info: ImageInfo, band: int) -> dict[str, object]:
    """Return what ``getBandInformation`` adds to a band (1 …)."""
    if "gdal" not in info.internal:
        return {}
    from ziggurat.readers.geo import facts

    return facts.band_facts(info, band)


def raster_image(image: Image) -> Image | None:
    """Return the image that has the bands as they are stored: of a view, what it shows.

    None where they are others: colours in place of indices.
    """
    if image.info.geo is None:
        return image
    from ziggurat.readers.formats.gdal.projected import ProjectedReader

    view = image.reader
    if not isinstance(view, ProjectedReader):
        return image
    return None if view.source.info.palette is not None else Image(view.source)


def indexed_image(image: Image) -> Image:
    """Return an image with the numbers that a style acts on, where a map shows their colours."""
    if image.info.geo is None:
        return image
    from ziggurat.readers.formats.gdal.projected import ProjectedReader

    view = image.reader
    if not isinstance(view, ProjectedReader) or view.indexed is view:
        return image
    identity = None if image.identity is None else (image.identity, "indices")
    return Image(view.indexed, image.cache, identity, image.keep, image.path)


def native_bands(image: Image, x: int, y: int) -> dict[int, float]:
    """Return the stored values under a full-resolution pixel of a view, by band (1 …)."""
    from ziggurat.readers.formats.gdal.projected import ProjectedReader

    reader = image.reader
    return reader.native_bands(x, y) if isinstance(reader, ProjectedReader) else {}


def shown_region(info: ImageInfo) -> dict[str, int] | None:
    """Return the region of a view that has pixels; None: all of the image."""
    if info.geo is None:
        return None
    from ziggurat.readers.geo.facts import image_rect, is_view

    if not is_view(info):
        return None
    rect = image_rect(info)
    return {"left": rect.x, "top": rect.y, "width": rect.width, "height": rect.height}
