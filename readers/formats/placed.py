"""What says where on earth it is: rasters by GDAL, pages of a TIFF by the TIFF backend.

GDAL takes a page for a raster and shows the first one; the TIFF backend knows frames, axes
and channels, and nothing of earth.
"""

import dataclasses

from ziggurat.readers.errors import UnsupportedFormatError
from ziggurat.readers.formats.gdal.georeferenced import is_georeferenced
from ziggurat.readers.formats.tiff.reader import open_reader as open_pages
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.views.views import View


def open_reader(location: Location) -> Reader:
    """Open a georeferenced picture with GDAL; of a TIFF of several pages, only its place.

    Raises
    ------
    UnsupportedFormatError
        It does not say where it is; other backends read it.
    SourceError
        The raster or its pages can't be read.
    """
    if not is_georeferenced(location):
        raise UnsupportedFormatError("nothing in it says where on earth it is")
    # this row is asked of every TIFF, and loading GDAL takes longer than opening one
    from ziggurat.readers.formats.gdal.reader import open_reader as open_raster

    raster = open_raster(location)
    if raster.info.internal["gdal"]["pages"] == 1:
        return raster
    with raster:
        facts = raster.info
    pages = open_pages(location)
    return View(pages, _placed(pages.info, facts))


def _placed(info: ImageInfo, facts: ImageInfo) -> ImageInfo:
    """Return the facts of the pages with those of the map."""
    labels = facts.interpretation is Interpretation.LABELS
    return dataclasses.replace(
        info,
        interpretation=facts.interpretation if labels else info.interpretation,
        mm_x=facts.mm_x,
        mm_y=facts.mm_y,
        nodata=facts.nodata if info.nodata is None else info.nodata,
        band_names=info.band_names or (facts.band_names if facts.bands == info.bands else ()),
        geo=facts.geo,
        internal={**info.internal, **facts.internal},
    )
