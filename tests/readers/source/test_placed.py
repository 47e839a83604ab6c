"""What counts as a place on earth, and regions that lie across the date line."""

from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, osr

import ziggurat
from ziggurat.readers.errors import ProjectionError

gdal.UseExceptions()


def raster(path: Path, crs: int | None, transform: tuple[float, ...], side: int = 60) -> Path:
    made = gdal.GetDriverByName("GTiff").Create(str(path), side, side, 1, gdal.GDT_Byte)
    made.SetGeoTransform(transform)
    if crs is not None:
        system = osr.SpatialReference()
        system.ImportFromEPSG(crs)
        made.SetProjection(system.ExportToWkt())
    made.GetRasterBand(1).WriteArray(np.full((side, side), 7, np.uint8))
    made.Close()
    return path


def test_a_transform_without_a_system_is_no_place_on_earth(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", None, (100, 2, 1, 200, 1, -2))
    assert not ziggurat.tilesource.isGeospatial(path)
    with ziggurat.open(path) as source:
        found = source.getMetadata()
        assert not source.geospatial
        assert found["geospatial"] is False
        assert found["bounds"]["srs"] is None
        assert (found["bounds"]["ul"]["x"], found["bounds"]["ul"]["y"]) == (100, 200)
        assert source.getBounds()["ul"] == {"x": 100, "y": 200}
        with pytest.raises(ProjectionError):
            source.getBounds(srs="EPSG:4326")
    ziggurat.convert(path, tmp_path / "b.tif")
    with gdal.Open(str(tmp_path / "b.tif")) as made:
        assert made.GetGeoTransform() == (100, 2, 1, 200, 1, -2)


def test_one_with_a_system_is(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", 32633, (500000, 100, 0, 5000000, 0, -100))
    assert ziggurat.tilesource.isGeospatial(path)
    with ziggurat.open(path) as source:
        assert source.geospatial
        assert source.metadata["geospatial"] is True


@pytest.mark.parametrize("west", [False, True], ids=["beyond 180", "beyond -180"])
def test_a_region_in_degrees_across_the_date_line_is_narrow(tmp_path: Path, west: bool) -> None:
    # zone 60 goes on beyond 180 degrees, zone 1 begins before -180
    left, crs = (200000, 32601) if west else (700000, 32660)
    path = raster(tmp_path / "a.tif", crs, (left, 4000, 0, 5847615, 0, -4000))
    with ziggurat.open(path, projection="EPSG:3857") as source:
        where = source.getBounds(srs="EPSG:4326")
        assert 3 < where["xmax"] - where["xmin"] < 6
        region = {"left": where["xmin"], "right": where["xmax"], "units": "EPSG:4326",
                  "top": where["ymax"], "bottom": where["ymin"]}  # fmt: skip
        pixels, _ = source.getRegion(region=region, format="numpy")
        assert pixels.shape[1] < source.sizeX / 20
        assert (pixels[..., 0] == 7).mean() > 0.3
