"""What each band of a COG is, and what it is where nobody laid anything."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal

import ziggurat
from ziggurat.readers.formats.gdal.cog import validate_cog
from ziggurat.readers.model.image import GeoReference, Interpretation
from ziggurat.readers.views.array import ArrayReader, array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions

UTM = "EPSG:32633"
PLACE = GeoReference(UTM, (500_000.0, 10.0, 0.0, 5_000_000.0, 0.0, -10.0))
LOSSLESS = WriteOptions(lossy=False)


def image(pixels: np.ndarray, **facts: Any) -> ArrayReader:
    plain = array_reader(pixels)
    return ArrayReader(pixels, dataclasses.replace(plain.info, geo=PLACE, **facts))


@pytest.mark.parametrize("fill", [0, 7])
def test_what_nobody_laid_is_what_the_image_says_it_is(tmp_path: Path, fill: int) -> None:
    """Blank parts are not handed over where they are zero, and are where they are not."""
    with ziggurat.new(fill=fill, dtype="uint8", tileSize=64) as sink:
        sink.projection = UTM
        sink.gcps = [(500_000, 5_000_000, 0, 0), (511_000, 5_000_000, 1100, 0),
                     (500_000, 4_989_000, 0, 1100)]  # fmt: skip
        for x, y in ((0, 0), (1060, 1040)):
            sink.addTile(np.full((40, 40, 3), 200, np.uint8), x, y)
        expected = sink.getRegion(format="numpy")[0]
        sink.write(tmp_path / "a.tif", lossy=False)
    assert validate_cog(str(tmp_path / "a.tif"))[1] == []
    found = np.moveaxis(gdal.Open(str(tmp_path / "a.tif")).ReadAsArray(), 0, -1)
    assert np.array_equal(found, expected)
    assert found[500, 500].tolist() == [fill] * 3


@pytest.mark.parametrize(("bands", "alpha"), [(1, 0), (2, 2), (3, 0), (4, 4), (5, 5)])
def test_the_last_band_is_alpha_where_it_is(tmp_path: Path, bands: int, alpha: int) -> None:
    pixels = np.full((150, 130, bands), 9, np.uint8)
    meaning = Interpretation.RGB if bands in (3, 4) else Interpretation.MULTIBAND
    write(image(pixels, alpha=bool(alpha), interpretation=meaning), tmp_path / "a.tif", LOSSLESS)
    written = gdal.Open(str(tmp_path / "a.tif"))
    kinds = [written.GetRasterBand(n + 1).GetColorInterpretation() for n in range(bands)]
    assert [n + 1 for n, kind in enumerate(kinds) if kind == gdal.GCI_AlphaBand] == [alpha] * bool(
        alpha
    )


@pytest.mark.parametrize("nodata", [None, 7.0, (7.0, 7.0, 8.0), (None, 7.0, None)])
def test_of_values_for_nothing_a_raster_has_one(tmp_path: Path, nodata: object) -> None:
    report = write(
        image(np.full((9, 9, 3), 9, np.uint8), nodata=nodata), tmp_path / "a.tif", LOSSLESS
    )
    told = [loss for loss in report.lost if loss.startswith("nodata values that differ")]
    assert len(told) == isinstance(nodata, tuple)
