"""ImageInfo out of a TIFF's tags, its vendor's fields and, where it is ours, its description."""

import contextlib
import dataclasses
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ziggurat.readers.formats.tiff.kinds import find_facts
from ziggurat.readers.formats.tiff.pages.description import PageDescription
from ziggurat.readers.formats.tiff.pages.layout import SegmentLayout, palette_of
from ziggurat.readers.formats.tiff.pages.samples import Space
from ziggurat.readers.formats.tiff.pages.structure import TiffStructure, resolution
from ziggurat.readers.formats.tiff.unheeded import is_negative, negative
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts
from ziggurat.readers.formats.tiff.vendors.kind import TiffKind
from ziggurat.readers.model.encoded import Photometric
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level

if TYPE_CHECKING:
    import tifffile

_ASSOCIATED_ALPHA, _ALPHA = 1, 2
_MM_PER_UNIT = {2: 25.4, 3: 10.0}  # resolution unit: inch, centimetre
# Fewer pixels per inch or centimetre are a printer's or screen's default, not a measurement.
_LEAST_RESOLUTION = 100.0
_RESOLUTIONS, _RESOLUTION_UNIT = (282, 283), 296
_ICC, _GDAL_NODATA = 34675, 42113
_TEXT_TAGS = {
    269: "DocumentName",
    271: "Make",
    272: "Model",
    305: "Software",
    306: "DateTime",
    315: "Artist",
    316: "HostComputer",
    33432: "Copyright",
}
_LONGEST_SHOWN = 1000
_LONGEST_READ = 1 << 16
_HANDY_TILE = 256
_MOST_OBLONG = 8


def _interpretation(
    page: "tifffile.TiffPage", layout: SegmentLayout
) -> tuple[Interpretation, bool]:
    """Return what the bands mean, and whether the last one is alpha."""
    extra = [int(value) for value in page.extrasamples]
    photometric, bands = layout.format.photometric, layout.bands
    if photometric is Photometric.PALETTE and bands == 1:
        return Interpretation.PALETTE, False
    says_alpha = extra[-1:] in ([_ASSOCIATED_ALPHA], [_ALPHA])
    colored = photometric in (Photometric.RGB, Photometric.YCBCR) or layout.rule.space is not None
    if colored and bands in (3, 4):
        return Interpretation.RGB, bands == 4 and (says_alpha or not extra)
    if photometric is Photometric.GRAY and (bands == 1 or (bands == 2 and says_alpha)):
        return Interpretation.GRAY, bands == 2
    return Interpretation.MULTIBAND, says_alpha and bands > 1


def _palette(page: "tifffile.TiffPage") -> tuple[tuple[int, int, int, int], ...] | None:
    if page.colormap is None:
        return None
    return tuple((int(r), int(g), int(b), 255) for r, g, b in palette_of(page))


def _colour_losses(page: object, layout: SegmentLayout) -> tuple[str, ...]:
    """Return what becomes of colours that no output keeps."""
    space = layout.rule.space
    if is_negative(page) and not layout.rule.inverted:
        return (negative(page),)
    if space is None or space is Space.PALETTE:
        return ()
    return (f"its {space.name.replace('_', ' ')} samples: they are read as sRGB",)


def resolution_mm(page: "tifffile.TiffPage") -> tuple[float | None, float | None]:
    """Return millimetres per pixel (x, y) by the resolution tags, where they are believable.

    Anything under 100 pixels per inch or centimetre is taken for a default (72 and 96 dpi
    are on every second picture), as is a resolution without a unit.
    """
    unit = _MM_PER_UNIT.get(int(page.tags.valueof(_RESOLUTION_UNIT, 2)))
    sizes: list[float | None] = []
    for code in _RESOLUTIONS:
        ratio = resolution(page, code) or 0.0
        sizes.append(unit / ratio if unit and ratio >= _LEAST_RESOLUTION else None)
    return sizes[0], sizes[1]


def _nodata(page: "tifffile.TiffPage", dtype: np.dtype) -> float | None:
    text = page.tags.valueof(_GDAL_NODATA)
    if not isinstance(text, str):
        return None
    try:
        value = float(text.strip(" \0").replace(",", "."))
    except ValueError:
        return None
    if dtype.kind == "f":
        return value
    limits = np.iinfo(dtype)
    return value if limits.min <= value <= limits.max and value.is_integer() else None


def _levels(layouts: Sequence[SegmentLayout]) -> tuple[Level, ...]:
    """Return the levels, with a tile size that is good to ask for.

    That is the stored one but for strips and for tiles that are much like strips, as those
    made of an NDPI's restart intervals.
    """
    found = []
    for layout in layouts:
        width, height = layout.tile_width, layout.tile_height
        if not layout.tiled or max(width, height) > _MOST_OBLONG * min(width, height):
            width, height = min(_HANDY_TILE, layout.width), min(_HANDY_TILE, layout.height)
        found.append(Level(layout.width, layout.height, width, height))
    return tuple(found)


def _texts(page: "tifffile.TiffPage") -> dict[str, str]:
    """Return the tags that are texts, as ``tiff.NAME``."""
    found = {}
    for code, name in _TEXT_TAGS.items():
        value = page.tags.valueof(code)
        if isinstance(value, str) and value.strip() and len(value) < _LONGEST_SHOWN:
            found[f"tiff.{name}"] = value.strip()
    return found


def _shown(value: object) -> Any:
    """Return a tag's value as JSON has it, long ones cut off."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, tuple | np.ndarray):
        return f"{len(value)} values" if len(value) > 16 else [_shown(one) for one in value]
    if isinstance(value, str):
        return value if len(value) < _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + " …"
    if isinstance(value, bool | int | float):
        return value.value if hasattr(value, "value") else value
    return str(value)[:_LONGEST_SHOWN]


def _shown_tags(page: "tifffile.TiffPage") -> dict[str, Any]:
    """Return the tags of a page; long ones are not read for this, and damaged ones left out."""
    found = {}
    for tag in page.tags:
        if tag.count > _LONGEST_READ:
            found[tag.name] = f"{tag.count} values"
            continue
        with contextlib.suppress(ValueError, OSError, struct.error):
            found[tag.name] = _shown(tag.value)
    return found


def _internal(structure: TiffStructure) -> dict[str, Any]:
    page = structure.page
    return {
        "kind": structure.kind,
        "byteorder": page.parent.byteorder,
        "bigtiff": bool(page.parent.is_bigtiff),
        "pages": len(page.parent.pages),
        "tags": _shown_tags(page),
    }


def _background(facts: VendorFacts, layout: SegmentLayout, nodata: float | None) -> float | None:
    """Return the colour of missing tiles: the vendor's, else nodata."""
    if facts.background is not None and layout.dtype == np.uint8:
        return facts.background
    return nodata


def image_info(
    structure: TiffStructure,
    layouts: Sequence[SegmentLayout],
    associated: Sequence[str],
    kind: TiffKind,
) -> ImageInfo:
    """Put together all facts of the image. The file must still be open."""
    page, layout = structure.page, layouts[0]
    facts = find_facts(structure, kind)
    interpretation, alpha = _interpretation(page, layout)
    mm_x, mm_y = facts.mm_x, facts.mm_y
    if facts.trust_resolution and (mm_x is None or mm_y is None):
        mm_x, mm_y = resolution_mm(page)
    icc = page.tags.valueof(_ICC)
    converted = layout.rule.space not in (None, Space.PALETTE)
    nodata = _nodata(page, layout.dtype)
    background = _background(facts, layout, nodata)
    info = ImageInfo(
        format=facts.format,
        levels=_levels(layouts),
        bands=layout.bands,
        dtype=layout.dtype,
        interpretation=interpretation,
        alpha=alpha,
        axes=structure.axes if facts.axes is None else facts.axes,
        channels=facts.channels or (),
        mm_x=mm_x,
        mm_y=mm_y,
        magnification=facts.magnification,
        icc_profile=icc if isinstance(icc, bytes) and icc and not converted else None,
        description=facts.given.get("imageDescription")
        or structure.text
        or page.description
        or None,
        associated=tuple(associated),
        lossy=not layout.format.lossless,
        background=None if background is None else (float(background),) * layout.bands,
        nodata=nodata,
        palette=_palette(page) if interpretation is Interpretation.PALETTE else None,
        properties={**_texts(page), **facts.properties},
        internal={**_internal(structure), **facts.given},
        losses=(*structure.losses, *_colour_losses(page, layout)),
        withheld=facts.withheld,
        served_levels=facts.served_levels,
        open_format=facts.open_format,
        square_pixels=facts.square_pixels,
    )
    return info if structure.embedded is None else _as_described(info, structure.embedded)


def _as_described(info: ImageInfo, embedded: PageDescription) -> ImageInfo:
    """Return the facts as a TIFF of ours describes them, where they fit its pixels."""
    facts: dict[str, Any] = {"description": None, **embedded.facts}
    for name in ("background", "band_names"):
        if len(facts.get(name, ())) != info.bands:
            facts.pop(name, None)
    if isinstance(facts.get("nodata"), tuple) and len(facts["nodata"]) != info.bands:
        facts.pop("nodata")
    facts.pop("bands_apart", None)
    facts["internal"] = {**info.internal, **facts.pop("given", {})}
    facts.pop("axes", None)  # the structure was made by them
    return dataclasses.replace(info, **facts)
