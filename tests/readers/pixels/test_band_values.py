"""Metadata of maps say what values the bands have, and can always be written as JSON."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from osgeo import gdal, osr

import ziggurat
from ziggurat.readers.formats.gdal import reader as gdal_reader
from ziggurat.readers.model.geometry import Rect

NAMES = ("min", "max", "mean", "stdev")


def raster(
    path: Path, *bands: np.ndarray[Any, Any], nodata: float | None = None, **stored: float
) -> Path:
    """A map of some bands, with statistics where they are given."""
    rows, columns = bands[0].shape
    kind = {"uint8": gdal.GDT_Byte, "float32": gdal.GDT_Float32, "complex64": gdal.GDT_CFloat32}
    options = ["TILED=YES", "COMPRESS=DEFLATE"]
    dataset = gdal.GetDriverByName("GTiff").Create(
        str(path), columns, rows, len(bands), kind[bands[0].dtype.name], options
    )
    place = osr.SpatialReference()
    place.ImportFromEPSG(32633)
    dataset.SetSpatialRef(place)
    dataset.SetGeoTransform((500_000, 10, 0, 5_000_000, 0, -10))
    for number, pixels in enumerate(bands, 1):
        band = dataset.GetRasterBand(number)
        band.WriteArray(pixels)
        if nodata is not None:
            band.SetNoDataValue(nodata)
        if stored:
            band.SetStatistics(*(stored[name] for name in NAMES))
    dataset.Close()
    return path


def told(path: Path, **options: Any) -> dict[str, Any]:
    """The bands of the metadata, as they come out of JSON."""

    def refuse(word: str) -> float:
        raise AssertionError(f"{word} is no JSON")

    with ziggurat.open(path, **options) as source:
        text = json.dumps(source.getMetadata())
    bands: dict[str, Any] = json.loads(text, parse_constant=refuse)["bands"]
    return bands


def ramp() -> np.ndarray[Any, Any]:
    return np.add.outer(np.arange(300), np.arange(400)).astype(np.float32)


@pytest.mark.parametrize("options", [{}, {"projection": "EPSG:3857"}, {"noCache": True}])
def test_metadata_hold_the_statistics_of_gdal(tmp_path: Path, options: dict[str, Any]) -> None:
    pixels = ramp()
    pixels[:100] = -9999
    path = raster(tmp_path / "a.tif", pixels, pixels * 2, nodata=-9999)
    with gdal.Open(str(path)) as dataset:
        right = dataset.GetRasterBand(1).ComputeStatistics(False)
    bands = told(path, **options)
    assert [bands["1"][name] for name in NAMES] == pytest.approx(right, rel=1e-5)
    assert bands["2"]["max"] == 2 * right[1]
    if options.get("projection"):
        assert "min" not in bands["3"]  # alpha


def test_statistics_of_the_file_count_and_no_pixel_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = raster(tmp_path / "a.tif", ramp(), min=-1.5, max=2000.5, mean=7.25, stdev=3)
    monkeypatch.setattr(gdal_reader, "read_pixels", None)
    assert [told(path)["1"][name] for name in NAMES] == [-1.5, 2000.5, 7.25, 3]


def test_an_immense_raster_is_not_read_for_its_metadata(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.vrt"
    raster(tmp_path / "a.tif", np.full((300, 400), 9, np.uint8))
    path.write_text(
        '<VRTDataset rasterXSize="100000" rasterYSize="90000"><SRS>EPSG:32633</SRS>'
        "<GeoTransform>500000,1,0,5000000,0,-1</GeoTransform>"
        '<VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        '<SourceFilename relativeToVRT="1">a.tif</SourceFilename>'
        '<SrcRect xOff="0" yOff="0" xSize="400" ySize="300"/>'
        '<DstRect xOff="0" yOff="0" xSize="100000" ySize="90000"/></SimpleSource>'
        "</VRTRasterBand></VRTDataset>"
    )
    read, counted = gdal_reader.read_pixels, [0]

    def counting(dataset: Any, rect: Rect, *rest: Any) -> Any:
        counted[0] += rect.width * rect.height
        assert counted[0] < 2**22
        return read(dataset, rect, *rest)

    monkeypatch.setattr(gdal_reader, "read_pixels", counting)
    bands = told(path)
    assert [bands["1"][name] for name in NAMES] == [9, 9, 9, 0]


def test_they_are_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ziggurat.open(raster(tmp_path / "a.tif", ramp()), noCache=True) as source:
        first = source.getMetadata()
        monkeypatch.setattr(gdal_reader, "read_pixels", None)
        assert source.getMetadata() == first


@pytest.mark.parametrize(
    ("nodata", "word"), [(np.nan, "NaN"), (np.inf, "Infinity"), (-np.inf, "-Infinity")]
)
def test_nodata_that_json_has_no_number_for_is_a_word(
    tmp_path: Path, nodata: float, word: str
) -> None:
    pixels = ramp()
    pixels[:10] = nodata
    band = told(raster(tmp_path / "a.tif", pixels, nodata=nodata))["1"]
    assert band["nodata"] == word
    assert float(band["nodata"]) == nodata or nodata != nodata
    assert (band["min"], band["max"]) == (10, 698)


def test_a_band_of_nodata_alone_has_no_numbers(tmp_path: Path) -> None:
    band = told(raster(tmp_path / "a.tif", np.full((20, 30), 7, np.uint8), nodata=7))["1"]
    assert [band[name] for name in NAMES] == [None] * 4


def test_complex_numbers_have_no_statistics(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", np.full((20, 30), 1 + 2j, np.complex64))
    assert "min" not in told(path)["1"]


def test_a_damaged_raster_still_has_metadata(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", ramp())
    with tifffile.TiffFile(path) as file:
        start = file.pages[0].dataoffsets[0]
    with path.open("r+b") as raw:
        raw.seek(start)
        raw.write(bytes(64))
    assert "min" not in told(path)["1"]
    with ziggurat.open(path) as source, pytest.raises(ziggurat.errors.CorruptSourceError):
        source.getBandInformation(statistics=True)
