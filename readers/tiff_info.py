"""ImageInfo out of a TIFF's tags and its vendor's description."""

from typing import Any

import numpy as np

from ziggurat.readers.encoded import Photometric
from ziggurat.readers.image import Channel, ImageInfo, Interpretation, Level
from ziggurat.readers.tiff_associated import Associated
from ziggurat.readers.tiff_layout import SegmentLayout
from ziggurat.readers.tiff_structure import Structure
from ziggurat.readers.vendor_facts import VendorFacts
from ziggurat.readers.vendors import vendor_facts

_ASSOCIATED_ALPHA, _ALPHA = 1, 2
_MM_PER_UNIT = {2: 25.4, 3: 10.0}  # resolution unit: inch, centimetre
# Fewer pixels per inch or centimetre are a printer's or screen's default, not a measurement.
_LEAST_RESOLUTION = 100.0


def _interpretation(page: Any, layout: SegmentLayout) -> tuple[Interpretation, bool]:
    """Return what the bands mean, and whether the last one is alpha."""
    extra = [int(value) for value in page.extrasamples]
    photometric, bands = layout.format.photometric, layout.bands
    if photometric is Photometric.PALETTE and bands == 1:
        return Interpretation.PALETTE, False
    says_alpha = len(extra) == 1 and extra[0] in (_ASSOCIATED_ALPHA, _ALPHA)
    if photometric in (Photometric.RGB, Photometric.YCBCR) and bands in (3, 4):
        return Interpretation.RGB, bands == 4
    if photometric is Photometric.GRAY and (bands == 1 or (bands == 2 and says_alpha)):
        return Interpretation.GRAY, bands == 2
    return Interpretation.MULTIBAND, says_alpha


def _palette(page: Any) -> tuple[tuple[int, int, int, int], ...] | None:
    colors = page.colormap
    if colors is None:
        return None
    colors = np.asarray(colors).reshape(3, -1)
    if colors.max(initial=0) > 255:  # 16 bits as the standard says; some writers use 8
        colors = colors >> 8
    return tuple((int(r), int(g), int(b), 255) for r, g, b in colors.T)


def resolution_mm(page: Any) -> tuple[float | None, float | None]:
    """Return millimetres per pixel (x, y) by the resolution tags, where they are believable.

    Anything under 100 pixels per inch or centimetre is taken for a default (72 and 96 dpi
    are on every second picture), as is a resolution without a unit.
    """
    unit = _MM_PER_UNIT.get(int(page.tags.valueof(296, 2)))
    sizes: list[float | None] = []
    for code in (282, 283):
        value = page.tags.valueof(code)
        ratio = (
            value[0] / value[1] if isinstance(value, tuple) and len(value) == 2 and value[1] else 0
        )
        sizes.append(unit / ratio if unit and ratio >= _LEAST_RESOLUTION else None)
    return sizes[0], sizes[1]


def _nodata(page: Any, dtype: np.dtype[Any]) -> float | None:
    text = page.tags.valueof(42113)
    if not isinstance(text, str):
        return None
    try:
        value = float(text.strip(" \0").replace(",", "."))
    except ValueError:
        return None
    return value if dtype.kind == "f" or float(value).is_integer() else None


def _levels(layouts: list[SegmentLayout]) -> tuple[Level, ...]:
    found = []
    for layout in layouts:
        width, height = layout.tile_width, layout.tile_height
        if not layout.tiled:  # strips are no tiles: a size that is good to ask for
            width, height = min(256, layout.width), min(256, layout.height)
        found.append(Level(layout.width, layout.height, width, height))
    return tuple(found)


def image_info(
    structure: Structure,
    layouts: list[SegmentLayout],
    associated: dict[str, Associated],
) -> ImageInfo:
    """Put together all facts of the image."""
    page, layout = structure.series.keyframe, layouts[0]
    facts: VendorFacts = vendor_facts(structure)
    interpretation, alpha = _interpretation(page, layout)
    mm_x, mm_y = facts.mm_x, facts.mm_y
    if mm_x is None or mm_y is None:
        mm_x, mm_y = resolution_mm(page)
    icc = page.tags.valueof(34675)
    nodata = _nodata(page, layout.dtype)
    background = facts.background if layout.dtype == np.uint8 else None
    if background is None and nodata is not None:
        background = nodata
    return ImageInfo(
        format=facts.format,
        levels=_levels(layouts),
        bands=layout.bands,
        dtype=layout.dtype,
        interpretation=interpretation,
        alpha=alpha,
        axes=facts.axes or structure.axes,
        channels=facts.channels or _default_channels(structure),
        mm_x=mm_x,
        mm_y=mm_y,
        magnification=facts.magnification,
        icc_profile=bytes(icc) if icc else None,
        description=page.description or None,
        associated=tuple(associated),
        background=None if background is None else (float(background),) * layout.bands,
        nodata=nodata,
        palette=_palette(page) if interpretation is Interpretation.PALETTE else None,
        properties=facts.properties,
    )


def _default_channels(structure: Structure) -> tuple[Channel, ...]:
    del structure
    return ()
