"""What GDAL knows about a raster, as ImageInfo."""

import math
from typing import Any

import numpy as np
from osgeo import gdal

from ziggurat.readers.errors import CorruptSourceError, ProjectionError, SourceError
from ziggurat.readers.geo.crs import image_corners, mean_meters_per_pixel, meters_per_pixel
from ziggurat.readers.model.image import (
    GIVEN_FIELD,
    GeoReference,
    GroundControlPoint,
    ImageInfo,
    Interpretation,
    Level,
    given_facts,
)

_GEOTIFF = "GTiff"  # GDAL's name of the driver
_LARGEST_BLOCK = 1 << 28  # samples; GDAL decodes blocks whole
NOMINAL_TILE = 256  # where the file's own blocks are strips, or no sensible tiles
_MOST_BANDS = 10_000

_DTYPES = {
    gdal.GDT_Byte: "u1",
    gdal.GDT_Int8: "i1",
    gdal.GDT_UInt16: "u2",
    gdal.GDT_Int16: "i2",
    gdal.GDT_UInt32: "u4",
    gdal.GDT_Int32: "i4",
    gdal.GDT_UInt64: "u8",
    gdal.GDT_Int64: "i8",
    gdal.GDT_Float16: "f2",
    gdal.GDT_Float32: "f4",
    gdal.GDT_Float64: "f8",
    gdal.GDT_CInt16: "c8",
    gdal.GDT_CInt32: "c16",
    gdal.GDT_CFloat16: "c8",
    gdal.GDT_CFloat32: "c8",
    gdal.GDT_CFloat64: "c16",
}


def describe(dataset: gdal.Dataset, warnings: list[str]) -> ImageInfo:
    """Read all facts of an opened dataset.

    ``internal["gdal"]`` holds ``driver``, ``pages`` (of a TIFF), ``metadata`` (by domain),
    ``files``, ``rpc``, ``warnings`` and ``bands``: a list, per band, of ``interpretation``,
    ``description``, ``bits`` (where they are not those of a type), ``nodata``, ``scale``,
    ``offset``, ``units``, ``categories``, ``colortable`` (RGBA tuples), ``mask`` (see
    :func:`mask_kind`), ``type`` and ``metadata``; each only where there is such a thing.

    Raises
    ------
    CorruptSourceError
        There are no bands, or absurdly many.
    SourceError
        It is several rasters, none of which is the image more than the others.
    """
    count = dataset.RasterCount
    if not count and dataset.GetSubDatasets():
        raise SourceError(_several_rasters(dataset))
    if not 0 < count <= _MOST_BANDS:
        raise CorruptSourceError(f"a raster of {count} bands; 1 to {_MOST_BANDS} can be read")
    bands = [dataset.GetRasterBand(number + 1) for number in range(count)]
    facts = [_band_facts(band) for band in bands]
    interpretation, alpha = _meaning([fact["interpretation"] for fact in facts], facts)
    if interpretation is not Interpretation.PALETTE and any(map(_names_classes, bands, facts)):
        interpretation = Interpretation.LABELS
    levels = _levels(bands)
    geo = georeference(dataset)
    if geo is not None and not _sound(geo, levels[0].width, levels[0].height):
        warnings.append("the georeference is damaged, and left out")
        geo = None
    size_x, size_y = _pixel_size(geo, levels[0].width, levels[0].height)
    return ImageInfo(
        format=dataset.GetDriver().ShortName,
        levels=levels,
        bands=count,
        dtype=_dtype(bands),
        interpretation=interpretation,
        alpha=alpha,
        mm_x=size_x and size_x * 1000,
        mm_y=size_y and size_y * 1000,
        description=_metadata(dataset).get("TIFFTAG_IMAGEDESCRIPTION"),
        nodata=_nodata([fact.get("nodata") for fact in facts]),
        palette=_palette(facts) if interpretation is Interpretation.PALETTE else None,
        band_names=tuple(
            fact.get("description") or fact["interpretation"] or f"band {number + 1}"
            for number, fact in enumerate(facts)
        ),
        geo=geo,
        properties=_metadata(dataset),
        internal={
            "gdal": _internal(dataset, facts, warnings),
            **given_facts(dataset.GetMetadataItem(GIVEN_FIELD)),
        },
        losses=_losses(dataset),
        open_format=dataset.GetDriver().ShortName == _GEOTIFF,
    )


def _losses(dataset: gdal.Dataset) -> tuple[str, ...]:
    more = _pages(dataset) - 1
    return (f"{more} more pages of the TIFF: GDAL shows the first one",) if more else ()


def _several_rasters(dataset: gdal.Dataset) -> str:
    names = [text_of(name).rpartition(":")[2] for name, _ in dataset.GetSubDatasets()]
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return (
        f"a file of {len(names)} rasters: {shown}; none of them is the image more than the "
        "others: take one out with gdal_translate, and open that"
    )


def _sound(geo: GeoReference, width: int, height: int) -> bool:
    """Return True where a georeference puts all corners at finite, distinct places."""
    try:
        corners = image_corners(geo, width, height)
    except ProjectionError:
        return False
    return bool(np.isfinite(corners).all()) and len(np.unique(corners, axis=0)) == 4


def _pixel_size(
    geo: GeoReference | None, width: int, height: int
) -> tuple[float | None, float | None]:
    """Return metres per pixel: one number where pixels are as good as square on the ground."""
    along_x, along_y = meters_per_pixel(geo, width, height)
    mean = mean_meters_per_pixel(geo, width, height)
    if (
        along_x
        and along_y
        and mean
        and max(abs(along_x / mean - 1), abs(along_y / mean - 1)) < 0.02
    ):
        return mean, mean
    return along_x, along_y


def georeference(dataset: gdal.Dataset) -> GeoReference | None:
    """Return where a dataset is; without a CRS the projection is an empty string.

    Rational polynomials (RPC) are stood for by control points that they give.
    """
    transform = dataset.GetGeoTransform(can_return_null=True)
    if transform is not None and all(map(math.isfinite, transform)):
        crs = dataset.GetSpatialRef()
        return GeoReference(crs.ExportToWkt() if crs else "", tuple(transform))
    if dataset.GetGCPCount():
        points = tuple(
            GroundControlPoint(p.GCPPixel, p.GCPLine, p.GCPX, p.GCPY) for p in dataset.GetGCPs()
        )
        crs = dataset.GetGCPSpatialRef()
        return GeoReference(crs.ExportToWkt() if crs else "", gcps=points)
    if _metadata(dataset, "RPC"):
        return GeoReference("EPSG:4326", gcps=_points_of_rpc(dataset))
    return None


def _points_of_rpc(dataset: gdal.Dataset) -> tuple[GroundControlPoint, ...]:
    transformer = gdal.Transformer(dataset, None, ["METHOD=RPC"])
    points = []
    for row in np.linspace(0, dataset.RasterYSize, 5).tolist():
        for column in np.linspace(0, dataset.RasterXSize, 5).tolist():
            good, (x, y, _) = transformer.TransformPoint(0, column, row)
            if good:
                points.append(GroundControlPoint(column, row, x, y))
    return tuple(points)


def _levels(bands: list[gdal.Band]) -> tuple[Level, ...]:
    """Return the full size and the overviews that all bands share, each smaller than the last."""
    tile_width, tile_height = bands[0].GetBlockSize()
    pixels = tile_width * tile_height * len(bands)
    if pixels > max(_LARGEST_BLOCK, 4 * bands[0].XSize * bands[0].YSize * len(bands)):
        raise CorruptSourceError(
            f"blocks of {tile_width} x {tile_height} pixels in an image of {bands[0].XSize} x "
            f"{bands[0].YSize}: damaged or hostile"
        )
    if not (64 <= tile_width <= 4096 and 64 <= tile_height <= 4096):
        tile_width = tile_height = NOMINAL_TILE
    levels = [Level(bands[0].XSize, bands[0].YSize, tile_width, tile_height)]
    for number in range(min(band.GetOverviewCount() for band in bands)):
        sizes = {(view.XSize, view.YSize) for view in (band.GetOverview(number) for band in bands)}
        width, height = next(iter(sizes))
        # Overview numbers are level numbers less one: a gap would mix them up.
        if len(sizes) > 1 or width >= levels[-1].width or height > levels[-1].height:
            break
        levels.append(Level(width, height, tile_width, tile_height))
    return tuple(levels)


def _dtype(bands: list[gdal.Band]) -> np.dtype:
    kind = bands[0].DataType
    for band in bands[1:]:
        kind = gdal.DataTypeUnion(kind, band.DataType)
    if kind not in _DTYPES:
        raise CorruptSourceError(f"pixels of type {gdal.GetDataTypeName(kind)} can't be read")
    return np.dtype(_DTYPES[kind])


def _meaning(names: list[str], facts: list[dict[str, Any]]) -> tuple[Interpretation, bool]:
    alpha = len(names) > 1 and names[-1] == "alpha"
    colors = names[:-1] if alpha else names
    if colors == ["red", "green", "blue"]:
        return Interpretation.RGB, alpha
    if len(colors) == 1:
        if "colortable" in facts[0]:
            return Interpretation.PALETTE, alpha
        return Interpretation.GRAY, alpha
    return Interpretation.MULTIBAND, alpha


def _names_classes(band: gdal.Band, fact: dict[str, Any]) -> bool:
    """Return True where a band's numbers are names: nothing between two of them means anything."""
    if not band.DataType or fact["type"].startswith(("Float", "C")):
        return False
    if {"categories", "colortable"} & set(fact):
        return True
    layer = fact.get("metadata", {}).get("LAYER_TYPE", "")  # of Erdas Imagine
    if layer.lower() == "thematic":
        return True
    table = band.GetDefaultRAT()
    return table is not None and _is_thematic(table)


def _is_thematic(table: gdal.RasterAttributeTable) -> bool:
    """Return True for a table that says so, or that names single values.

    GDAL calls every table thematic that says nothing else, also the histogram of a
    measurement: one that has counts and no names is none.
    """
    if table.GetTableType() != gdal.GRTT_THEMATIC or table.GetLinearBinning()[0]:
        return False
    uses = {table.GetUsageOfCol(column) for column in range(table.GetColumnCount())}
    return bool(uses & {gdal.GFU_Name, gdal.GFU_Red}) or uses == {gdal.GFU_MinMax}


def _palette(facts: list[dict[str, Any]]) -> tuple[tuple[int, int, int, int], ...]:
    return tuple(facts[0]["colortable"])


def _nodata(values: list[float | None]) -> float | tuple[float | None, ...] | None:
    first = values[0]
    same = all(
        v == first or (v is not None and first is not None and v != v and first != first)
        for v in values
    )
    return first if same else tuple(values)


def _band_facts(band: gdal.Band) -> dict[str, Any]:
    interpretation = gdal.GetColorInterpretationName(band.GetColorInterpretation()).lower()
    table = band.GetColorTable()
    colors = table and [table.GetColorEntry(index) for index in range(table.GetCount())]
    facts = {
        "interpretation": "" if interpretation == "undefined" else interpretation,
        "type": gdal.GetDataTypeName(band.DataType),
        "description": text_of(band.GetDescription()) or None,
        "bits": _odd_bits(band),
        "nodata": band.GetNoDataValue(),
        "scale": band.GetScale(),
        "offset": band.GetOffset(),
        "units": text_of(band.GetUnitType()) or None,
        "categories": [text_of(name) for name in band.GetCategoryNames() or []] or None,
        "colortable": colors or None,
        "mask": mask_kind(band),
        "metadata": _metadata(band) or None,
    }
    return {key: value for key, value in facts.items() if value is not None}


def _odd_bits(band: gdal.Band) -> int | None:
    """Return how many bits of a sample are used, where that is no type of its own."""
    bits = band.GetMetadataItem("NBITS", "IMAGE_STRUCTURE")
    return int(bits) if bits and bits.isdigit() and int(bits) not in (8, 16, 32, 64) else None


def text_of(text: str | bytes) -> str:
    """Return a text of GDAL's, which gives bytes where a file has no valid UTF-8."""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def _metadata(owner: gdal.MajorObject, domain: str = "") -> dict[str, str]:
    found = owner.GetMetadata(domain) or {}
    return {text_of(key): text_of(value) for key, value in found.items()}


def mask_kind(band: gdal.Band) -> str:
    """Return what decides which pixels of a band are valid.

    ``all valid``, ``alpha``, ``nodata``, ``per dataset`` (one mask for all bands) or ``band``.
    """
    flags = band.GetMaskFlags()
    if flags & gdal.GMF_ALL_VALID:
        return "all valid"
    if flags & gdal.GMF_ALPHA:
        return "alpha"
    if flags & gdal.GMF_NODATA:
        return "nodata"
    return "per dataset" if flags & gdal.GMF_PER_DATASET else "band"


def _pages(dataset: gdal.Dataset) -> int:
    """Return how many rasters of their own a TIFF holds, masks and overviews not counted."""
    if dataset.GetDriver().ShortName != _GEOTIFF:
        return 1
    return max(1, len(dataset.GetSubDatasets() or ()))


def _internal(
    dataset: gdal.Dataset, facts: list[dict[str, Any]], warnings: list[str]
) -> dict[str, Any]:
    hidden = ("DERIVED_SUBDATASETS", "COLOR_PROFILE")
    names = [name for name in dataset.GetMetadataDomainList() or () if isinstance(name, str)]
    domains = {
        name: _metadata(dataset, name)
        for name in names
        if name not in hidden and not name.startswith("xml:")
    }
    return {
        "driver": dataset.GetDriver().LongName,
        "pages": _pages(dataset),
        "metadata": domains,
        "files": [text_of(name) for name in dataset.GetFileList() or []],
        "rpc": bool(_metadata(dataset, "RPC")),
        "warnings": warnings,
        "bands": facts,
    }
