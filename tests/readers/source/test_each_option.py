"""What ``open`` and a call were told stays with its pixels: facts of exports, values of maps."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from osgeo import gdal, gdal_array, osr

import ziggurat

gdal.UseExceptions()
PIXELS = np.random.default_rng(8).integers(0, 4000, (60, 20), np.uint16)


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    """A GeoTIFF that is three times as high as wide, of 10 m pixels that are all different."""
    path = tmp_path / "raster.tif"
    kind = gdal_array.NumericTypeCodeToGDALTypeCode(np.uint16)
    made = gdal.GetDriverByName("GTiff").Create(str(path), 20, 60, 1, kind)
    system = osr.SpatialReference()
    system.ImportFromEPSG(32632)
    made.SetSpatialRef(system)
    made.SetGeoTransform((500000, 10, 0, 4000000, 0, -10))
    made.GetRasterBand(1).WriteArray(np.arange(1200, dtype=np.uint16).reshape(60, 20))
    made.Close()
    return path


@pytest.mark.parametrize(("column", "row"), [(3, 2), (17, 41), (11, 57)])
def test_a_pixel_of_a_map_tells_the_stored_value_under_it(
    column: int, row: int, raster: Path
) -> None:
    with ziggurat.open(raster, projection="EPSG:3857") as view, ziggurat.open(raster) as plain:
        x, y = plain.pixelToProjection(column + 0.5, row + 0.5)
        place = {"left": x, "top": y, "units": "EPSG:32632"}
        told = view.getPixel(True, region=place)
        seen = view.pixelToProjection(told["tile"]["gx"] + 0.5, told["tile"]["gy"] + 0.5)
        u, v = map(math.floor, plain.toNativePixelCoordinates(*seen, "EPSG:3857", False))
    assert abs(u - column) <= 1
    assert abs(v - row) <= 1
    assert told["bands"] == {1: 20 * v + u}


def test_two_ways_to_warp_share_no_pixels(raster: Path) -> None:
    found: dict[tuple[str, bool], Any] = {}
    for warp in ("near", "bilinear", "cubic"):
        for uncached in (False, True):
            options: dict[str, Any] = {"warp": warp, "noCache": uncached}
            with ziggurat.open(raster, projection="EPSG:3857", **options) as view:
                place = {"left": 500100, "top": 3999700, "units": "EPSG:32632"}
                at = view.getPixel(True, region=place)["tile"]
                x, y, z = int(at["gx"]) // 256, int(at["gy"]) // 256, view.levels - 1
                found[warp, uncached] = view.getTile(x, y, z, numpyAllowed="always")
    for warp in ("near", "bilinear", "cubic"):
        np.testing.assert_array_equal(found[warp, False], found[warp, True])
    assert (found["near", True] != found["cubic", True]).any()


def exported(path: Path, **words: Any) -> tuple[ziggurat.Source, Path]:
    source = ziggurat.open(path)
    where, kind = source.getRegion(encoding="TILED", **words)
    assert kind == "image/tiff"
    return source, Path(where)


def test_an_export_has_pixels_as_high_and_as_wide_as_its_source(tmp_path: Path) -> None:
    path, out = tmp_path / "a.tif", tmp_path / "b.tif"
    resolution: Any = {"resolution": (20000, 5000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, PIXELS, tile=(16, 16), **resolution)
    source, _ = exported(path, output={"path": str(out)})
    with source, ziggurat.open(out) as written:
        told = source.getNativeMagnification()
        assert (told["mm_x"], told["mm_y"]) == pytest.approx((5e-4, 2e-3))
        found = written.getNativeMagnification()
        assert (found["mm_x"], found["mm_y"]) == pytest.approx((5e-4, 2e-3))


@pytest.mark.parametrize("style", [None, {"min": 0, "max": 4000, "dtype": "uint16"}])
def test_only_an_export_of_stored_values_has_their_nodata(style: Any, tmp_path: Path) -> None:
    path, out = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(path, PIXELS, tile=(16, 16), extratags=[(42113, 2, 0, "77", True)])
    exported(path, output={"path": str(out)}, style=style)[0].close()
    with ziggurat.open(out) as written, tifffile.TiffFile(out) as tif:
        assert tif.pages.first.tags.valueof(42113) == (None if style else "77")
        assert np.asarray(written[:]).shape[:2] == PIXELS.shape


def test_a_thumbnail_has_the_style_of_open(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS, tile=(16, 16))
    style = {"min": 0, "max": 8000, "palette": ["#000", "#0f0"]}
    with ziggurat.open(path, style=style) as source:
        shown = np.asarray(source.getThumbnail(format="PIL")[0])
        most: Any = {"maxWidth": 256, "maxHeight": 256}
        np.testing.assert_array_equal(shown, source.getRegion("PIL", output=most)[0])
    assert shown[..., 0].max() == 0
