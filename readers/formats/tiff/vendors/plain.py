"""TIFFs of a vendor that has no rules here, or of none."""

import tifffile

from ziggurat.readers.formats.tiff.pages.chain import structure_from_series
from ziggurat.readers.formats.tiff.pages.structure import UNORDERED, TiffStructure
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts, micrometres, number
from ziggurat.readers.formats.tiff.vendors.kind import TiffKind
from ziggurat.readers.model.image import ServedLevels


def plain_facts(structure: TiffStructure) -> VendorFacts:
    """Return what tifffile found out of a file."""
    series = structure.series
    if series is None or series.kind in UNORDERED:
        if structure.kind == "geotiff":
            return VendorFacts(format="geotiff", served_levels=ServedLevels.EVERY, open_format=True)
        return VendorFacts(format="tiff", served_levels=ServedLevels.TWO_FINER, open_format=True)
    scale = series.mpp or (None, None)
    return VendorFacts(
        format="tiff",
        mm_x=micrometres(scale[0]),
        mm_y=micrometres(scale[1]),
        magnification=number(series.attrs.get("magnification")),
        served_levels=ServedLevels.TWO_FINER,
        open_format=True,
    )


def _any(tif: tifffile.TiffFile) -> bool:
    del tif
    return True


PLAIN = TiffKind(
    "tiff",
    _any,
    structure_from_series,
    plain_facts,
    turned=True,
    keep_when_deidentified=(
        "tiff.resolutionunit",
        "tiff.xresolution",
        "tiff.yresolution",
    ),
)
