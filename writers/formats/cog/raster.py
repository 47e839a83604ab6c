"""What GDAL's COG driver is given: a raster with all facts of an image, and what gets lost."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from osgeo import gdal

from ziggurat.readers.errors import OptionError, WriteError
from ziggurat.readers.geo.crs import exact_affine, parse_crs
from ziggurat.readers.geo.gdal_calls import (
    GDAL_ERRORS,
    GDAL_TYPES,
    checked,
    create,
    gdal_words,
    put_pixels,
)
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import (
    GIVEN_FIELD,
    GeoReference,
    ImageInfo,
    Interpretation,
    given_text,
)
from ziggurat.readers.model.reader import Reader
from ziggurat.writers.formats.cog.progress import GdalProgress
from ziggurat.writers.model.options import WriteOptions

_TILE = 512  # of the temporary raster
_CELL_BYTES = 32 << 20  # pixels read and handed over at once

_COLORS = {
    "red": gdal.GCI_RedBand,
    "green": gdal.GCI_GreenBand,
    "blue": gdal.GCI_BlueBand,
    "alpha": gdal.GCI_AlphaBand,
    "gray": gdal.GCI_GrayIndex,
    "palette": gdal.GCI_PaletteIndex,
}


def described(dataset: gdal.Dataset, options: WriteOptions) -> gdal.Dataset:
    """Return a raster with the caller's own description, where one is given."""
    if options.description is None:
        return dataset
    view = checked(
        "the raster can't be described",
        lambda: gdal.Translate("", dataset, format="VRT"),
        WriteError,
    )
    view.SetMetadataItem("TIFFTAG_IMAGEDESCRIPTION", options.description)
    return view


@contextmanager
def fed(
    reader: Reader, path: Path, options: WriteOptions, progress: GdalProgress
) -> Iterator[gdal.Dataset]:
    """Write an image's full resolution into a plain raster and give that.

    The next cell is read while one is handed over; memory is two of them.

    Raises
    ------
    OptionError
        The type of the samples has no place in a GeoTIFF.
    WriteError
        The disk is full, or the like.
    """
    info = reader.info
    dataset = _plain_raster(info, path)
    try:
        _describe(dataset, info, options)
        _feed(reader, dataset, f"{path.parent} takes no more pixels", progress)
        yield dataset
    finally:
        with gdal_words(), suppress(*GDAL_ERRORS):  # on a full disk; nobody reads it any more
            dataset.Close()


def _feed(reader: Reader, dataset: gdal.Dataset, full: str, progress: GdalProgress) -> None:
    cells = list(_cells(reader))
    plane = reader.plane(0, 0)
    with ThreadPoolExecutor(1, "cog-read") as ahead:
        pending = ahead.submit(plane.read, cells[0]) if cells else None
        for number, cell in enumerate(cells):
            progress.report(number / len(cells))
            assert pending is not None
            pixels = pending.result()
            if number + 1 < len(cells):
                pending = ahead.submit(plane.read, cells[number + 1])
            put_pixels(dataset, cell, pixels, full, WriteError)
        checked(full, dataset.FlushCache, WriteError, again=False)


def _plain_raster(info: ImageInfo, path: Path) -> gdal.Dataset:
    packed = info.dtype.kind == "b"
    dtype = np.dtype(np.uint8) if packed else info.dtype
    if dtype not in GDAL_TYPES or info.dtype.kind == "c":
        raise OptionError(f"samples of {info.dtype} have no place in a GeoTIFF written here")
    chosen = [
        "TILED=YES",
        f"BLOCKXSIZE={_TILE}",
        f"BLOCKYSIZE={_TILE}",
        "BIGTIFF=IF_SAFER",
        "SPARSE_OK=TRUE",
        "COMPRESS=NONE",
        *(["NBITS=1"] if packed else []),
        *(["ALPHA=YES"] if info.alpha else []),
    ]
    shape = (info.height, info.width, info.bands)
    return create("GTiff", str(path), shape, dtype, chosen, WriteError)


def _cells(reader: Reader) -> Iterator[Rect]:
    """Yield aligned rectangles that cover all that was ever stored."""
    info = reader.info
    column = _TILE * _TILE * info.bands * info.dtype.itemsize
    width = _TILE * max(1, _CELL_BYTES // column)
    plain = info.nodata is None and not any(info.background or ())
    for y in range(0, info.height, _TILE):
        for x in range(0, info.width, width):
            cell = Rect(x, y, width, _TILE).intersect(info.levels[0].rect)
            # A tile that is not there reads as 0, or as nodata.
            if not (plain and reader.plane(0, 0).is_blank(cell)):
                yield cell


def _describe(dataset: gdal.Dataset, info: ImageInfo, options: WriteOptions) -> None:
    """Put all facts of an image on an empty raster."""
    assert info.geo is not None
    _place(dataset, info.geo)
    description = options.description or info.description
    if description:
        dataset.SetMetadataItem("TIFFTAG_IMAGEDESCRIPTION", description)
    dataset.SetMetadataItem("TIFFTAG_SOFTWARE", options.software)
    if info.given:
        dataset.SetMetadataItem(GIVEN_FIELD, given_text(info.given))
    known = _known_bands(info)
    for number in range(info.bands):
        band = dataset.GetRasterBand(number + 1)
        band.SetColorInterpretation(_color(info, number))
        nodata = info.nodata[number] if isinstance(info.nodata, tuple) else info.nodata
        if nodata is not None:
            band.SetNoDataValue(nodata)
        facts = known[number]
        name = info.band_names[number] if number < len(info.band_names) else ""
        if name and name not in (*_COLORS, "unknown", f"band {number + 1}"):
            band.SetDescription(name)
        if "scale" in facts:
            band.SetScale(facts["scale"])
        if "offset" in facts:
            band.SetOffset(facts["offset"])
        if "units" in facts:
            band.SetUnitType(facts["units"])
    if info.interpretation is Interpretation.PALETTE and info.palette:
        table = gdal.ColorTable()
        for index, color in enumerate(info.palette):
            table.SetColorEntry(index, color)
        dataset.GetRasterBand(1).SetColorTable(table)


def _place(dataset: gdal.Dataset, geo: GeoReference) -> None:
    """Say where it is: by a transform wherever points agree on one, which most readers know."""
    crs = parse_crs(geo.projection) if geo.projection else None
    transform = exact_affine(geo)
    if transform is not None:
        if crs is not None:
            dataset.SetSpatialRef(crs)
        dataset.SetGeoTransform(transform)
    elif len(geo.gcps) > 2:
        points = [gdal.GCP(p.x, p.y, 0, p.pixel_x, p.pixel_y) for p in geo.gcps]
        dataset.SetGCPs(points, crs)
    else:
        raise OptionError(
            f"{len(geo.gcps)} control points don't say where an image is; give at least two"
        )


def _color(info: ImageInfo, number: int) -> int:
    if info.alpha and number == info.bands - 1:
        return int(gdal.GCI_AlphaBand)
    if info.interpretation is Interpretation.RGB and number < 3:
        return int((gdal.GCI_RedBand, gdal.GCI_GreenBand, gdal.GCI_BlueBand)[number])
    if info.interpretation is Interpretation.PALETTE and number == 0:
        return int(gdal.GCI_PaletteIndex)
    if number < len(info.band_names) and info.band_names[number] in _COLORS:
        return int(_COLORS[info.band_names[number]])
    return int(gdal.GCI_GrayIndex if info.bands == 1 else gdal.GCI_Undefined)


def _known_bands(info: ImageInfo) -> list[dict[str, object]]:
    """Return what GDAL told of each band, where the bands are still the same ones."""
    bands: list[dict[str, Any]] = info.internal.get("gdal", {}).get("bands", [])
    names = [band.get("description") or band.get("interpretation") for band in bands]
    if len(bands) != info.bands or any(
        name and name != given for name, given in zip(names, info.band_names, strict=False)
    ):
        return [{} for _ in range(info.bands)]
    return bands


def _beside(sidecar: Path) -> list[str]:
    """Return what GDAL could put only into a file beside the TIFF, which is not kept."""
    if not sidecar.exists():
        return []
    tags = {element.tag for element in ElementTree.parse(sidecar).iter()}
    kinds = {
        "SRS": "the coordinate reference system: GeoTIFF keys can't say it",
        "CategoryNames": "category names of bands: GDAL keeps them beside a TIFF only",
        "GDALRasterAttributeTable": "attribute tables of bands: GDAL keeps them beside a TIFF only",
        "ColorTable": "colour tables that a TIFF has no place for",
    }
    found = [sentence for tag, sentence in kinds.items() if tag in tags]
    return found or ["what GDAL keeps beside a TIFF only"]


def lost_facts(reader: Reader, path: Path, *, direct: bool) -> tuple[str, ...]:
    """Return in words what a COG written from an image does not hold."""
    info = reader.info
    lost = []
    lost += _beside(path.with_name(path.name + ".aux.xml"))
    if isinstance(info.nodata, tuple):
        lost.append("nodata values that differ by band: a GeoTIFF has one")
    if direct:
        return tuple(lost)
    if info.icc_profile:
        lost.append("the ICC profile")
    masks = {band.get("mask") for band in info.internal.get("gdal", {}).get("bands", [])}
    if masks & {"per dataset", "band"}:
        lost.append("the mask that is no band")
    if info.internal.get("gdal", {}).get("rpc"):
        lost.append("rational polynomials: control points stand for them")
    return tuple(lost)
