"""What maps hold beside pixels: nodata, classes, transparency, what bands mean, their place."""

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal, osr
from PIL import Image

import ziggurat
from ziggurat.errors import RegionError, StyleError, ZigguratError

gdal.UseExceptions()
NODATA: list[tuple[str, float]] = [
    ("float32", -9999.0), ("int16", -32768), ("uint8", 255), ("float32", float("nan")),
    ("uint8", 0), ("float64", -1.7976931348623157e308),
]  # fmt: skip


def raster(path: Path, pixels: np.ndarray, **band_facts: Any) -> Path:
    """Write (y, x) or (band, y, x) as a GeoTIFF of 10 m pixels in UTM 32."""
    from osgeo import gdal_array

    planes = pixels if pixels.ndim == 3 else pixels[np.newaxis]
    kind = gdal_array.NumericTypeCodeToGDALTypeCode(pixels.dtype)
    count, height, width = planes.shape
    made = gdal.GetDriverByName("GTiff").Create(str(path), width, height, count, kind)
    system = osr.SpatialReference()
    system.ImportFromEPSG(32632)
    made.SetSpatialRef(system)
    made.SetGeoTransform((500000, 10, 0, 4000000, 0, -10))
    for number, plane in enumerate(planes, 1):
        band = made.GetRasterBand(number)
        for name, value in band_facts.items():
            getattr(band, name)(value)
        band.WriteArray(plane)
    made.Close()
    return path


def around(source: ziggurat.Source) -> dict[str, Any]:
    """Return the region of an image in its projection, and more to the west."""
    where = source.getBounds()
    left = where["xmin"] - (where["xmax"] - where["xmin"]) / 2
    edges = {"left": left, "right": where["xmax"], "top": where["ymax"], "bottom": where["ymin"]}
    return {**edges, "units": "projection"}


@pytest.mark.parametrize(("dtype", "nodata"), NODATA)
@pytest.mark.parametrize("side", [64, 50, 750])
def test_nodata_is_no_part_of_an_average(
    dtype: str, nodata: float, side: int, tmp_path: Path
) -> None:
    pixels = np.full((512, 512), 10, dtype)
    pixels[:, 167:] = nodata
    with ziggurat.open(raster(tmp_path / "a.tif", pixels, SetNoDataValue=nodata)) as source:
        small = source.getRegion(format="numpy", output={"maxWidth": side})[0]
        tile = source.getTile(0, 0, 0, numpyAllowed="always")
    for found in (small, tile):
        missing = np.isnan(found) if nodata != nodata else found == np.dtype(dtype).type(nodata)
        assert missing.any()
        np.testing.assert_allclose(found[~missing], 10, rtol=1e-5)
        assert (~missing).any()


def test_a_mean_that_is_the_nodata_value_stays_a_value(tmp_path: Path) -> None:
    pixels = np.tile(np.array([[4, 6]], np.uint8), (64, 32))
    with ziggurat.open(raster(tmp_path / "a.tif", pixels, SetNoDataValue=5)) as source:
        small = source.getRegion(format="numpy", output={"maxWidth": 32})[0]
    assert (small == 6).all()


def test_shrinking_to_any_size_leaves_nodata_out(tmp_path: Path) -> None:
    pixels = np.full((300, 300), 10, np.float32)
    pixels[:, 100:] = -9999
    raster(tmp_path / "a.tif", pixels, SetNoDataValue=-9999)
    ziggurat.convert(
        tmp_path / "a.tif", tmp_path / "b.zarr", ziggurat.ConvertOptions(mm_per_pixel=27_000)
    )
    with ziggurat.open(tmp_path / "b.zarr") as source:
        assert source.sizeX < 300
        assert set(np.unique(source.getRegion(format="numpy")[0])) == {-9999, 10}


def test_statistics_are_those_of_gdal(tmp_path: Path) -> None:
    pixels = np.full((256, 256), -9999, np.float32)
    pixels[:, :100] = np.linspace(10, 20, 100)
    path = raster(tmp_path / "a.tif", pixels, SetNoDataValue=-9999)
    dataset = gdal.Open(str(path))
    right = dataset.GetRasterBand(1).ComputeStatistics(False)
    with ziggurat.open(path) as source:
        told = source.getBandInformation(statistics=True)[1]
        counted = source.histogram(bins=4)["histogram"][0]
    found = [told["min"], told["max"], told["mean"], told["stdev"]]
    assert found == pytest.approx(right, rel=1e-5)
    assert counted["samples"] == 100 * 256
    assert counted["min"] == 10


def test_a_band_of_nodata_alone_has_no_statistics(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", np.full((20, 20), 7, np.uint8), SetNoDataValue=7)
    with ziggurat.open(path) as source:
        assert np.isnan(source.getBandInformation(statistics=True)[1]["min"])
        assert source.histogram()["histogram"][0]["samples"] == 0


STYLES: dict[str, Any] = {
    "none": None,
    "auto": "auto",
    "range": {"min": 100, "max": 200},
    "palette": {"bands": [{"band": 1, "min": 100, "max": 200, "palette": "viridis"}]},
    "nodata": {"band": 1, "min": 100, "max": 200, "nodata": -9999},
    "own nodata": {"band": 1, "min": 100, "max": 200, "nodata": "auto"},
}


@pytest.mark.parametrize("style", STYLES)
def test_outside_of_the_map_and_nodata_are_transparent(style: str, tmp_path: Path) -> None:
    pixels = np.full((128, 128), -9999, np.float32)
    pixels[:, :64] = 150
    path = raster(tmp_path / "a.tif", pixels, SetNoDataValue=-9999)
    with ziggurat.open(path, projection="EPSG:3857", style=STYLES[style]) as source:
        region = around(source)
        found = source.getRegion(format="numpy", region=region)[0]
        picture = Image.open(io.BytesIO(source.getRegion(encoding="PNG", region=region)[0]))
    height, width = found.shape[:2]
    outside, valid, missing = (height // 2, 5), (height // 2, width // 2), (height // 2, width - 9)
    assert found[outside][-1] == 0
    assert found[valid][-1] > 0
    assert found[missing][-1] == 0
    shown = np.asarray(picture)
    assert shown[outside][-1] == shown[missing][-1] == 0
    assert shown[valid][-1] == 255


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_alpha_is_all_or_nothing_in_every_type(dtype: str, tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", np.full((64, 64), 7, dtype))
    with ziggurat.open(path, projection="EPSG:3857") as source:
        alpha = source.getRegion(format="numpy", region=around(source))[0][..., -1]
        region = around(source)
        picture = Image.open(io.BytesIO(source.getRegion(encoding="PNG", region=region)[0]))
    assert set(np.unique(alpha).tolist()) == {0, int(np.iinfo(dtype).max)}
    assert set(np.unique(np.asarray(picture)[..., -1]).tolist()) == {0, 255}


def test_values_that_no_double_holds_are_not_warped(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", np.full((64, 64), 2**53 + 1, np.int64))
    with (
        ziggurat.open(path, projection="EPSG:3857") as source,
        pytest.raises(ZigguratError, match="can't be projected exactly"),
    ):
        source.getRegion(format="numpy", region=around(source))


def categories(path: Path) -> dict[str, Any]:
    return {"SetCategoryNames": ["water", "wood", "field", "", "", "", "", "town", "", "rock"]}


def thematic(path: Path) -> dict[str, Any]:
    table = gdal.RasterAttributeTable()
    table.CreateColumn("Value", gdal.GFT_Integer, gdal.GFU_MinMax)
    table.CreateColumn("Class", gdal.GFT_String, gdal.GFU_Name)
    for row, value in enumerate((0, 1, 2, 7, 9)):
        table.SetValueAsInt(row, 0, value)
        table.SetValueAsString(row, 1, f"class {value}")
    return {"SetDefaultRAT": table}


@pytest.mark.parametrize("say", [categories, thematic])
@pytest.mark.parametrize("bands", [1, 2])
def test_classes_are_never_averaged(
    say: Any, bands: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = rng.choice(np.array([0, 1, 2, 7, 9], np.uint8), (bands, 600, 600))
    path = raster(tmp_path / "a.tif", pixels, **say(tmp_path))
    ziggurat.convert(path, tmp_path / "b.tif")
    written = gdal.Open(str(tmp_path / "b.tif"))
    overview = written.GetRasterBand(1).GetOverview(0).ReadAsArray()
    assert set(np.unique(overview)) <= {0, 1, 2, 7, 9}
    with ziggurat.open(path) as source:
        small = source.getRegion(format="numpy", output={"maxWidth": 256})[0]
    assert set(np.unique(small)) <= {0, 1, 2, 7, 9}


def test_a_colour_table_is_a_palette_by_name(tmp_path: Path) -> None:
    table = gdal.ColorTable()
    for number in range(10):
        table.SetColorEntry(number, (number * 20, 255 - number * 20, number, 255))
    pixels = np.arange(90000, dtype=np.uint8).reshape(300, 300) % 10
    path = raster(tmp_path / "a.tif", pixels, SetColorTable=table, SetNoDataValue=0)
    style = {"band": 1, "palette": "colortable"}
    with ziggurat.open(path, style=style) as source:
        found = source.getRegion(format="numpy")[0]
    assert found[0, 3].tolist() == [60, 195, 3, 255]
    assert found[0, 0, 3] == 0  # the band's own nodata
    plain = raster(tmp_path / "plain.tif", pixels)
    with ziggurat.open(plain, style=style) as source, pytest.raises(StyleError, match="no colour"):
        source.getRegion(format="numpy")


def indexed(path: Path, dtype: str) -> tuple[Path, np.ndarray]:
    """Write stripes of the indices 0 to 9; return the path, and their colours."""
    table = gdal.ColorTable()
    for number in range(10):
        table.SetColorEntry(number, (number * 20, 255 - number * 20, number, 255))
    indices = np.repeat(np.arange(100) // 10, 100).reshape(100, 100).astype(dtype)
    colors = np.array([table.GetColorEntry(number) for number in range(10)])
    return raster(path, indices, SetColorTable=table), colors


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    "style",
    [
        {"band": 1, "min": 0, "max": 9, "palette": ["#000000", "#ffffff"]},
        {"bands": [{"band": "palette", "min": 0, "max": 9, "palette": ["#000", "#fff"]}]},
    ],
)
def test_a_style_sees_the_indices_of_a_palette_in_a_projection_too(
    tmp_path: Path, dtype: str, style: dict[str, Any]
) -> None:
    path, _ = indexed(tmp_path / "a.tif", dtype)
    with ziggurat.open(path) as source:
        plain = source.getRegion(format="numpy", style=style)[0]
    with ziggurat.open(path, projection="EPSG:3857", style=style) as source:
        shown = source.getRegion(format="numpy", region=around(source))[0]
        tile = source.getTile(0, 0, 0, numpyAllowed="always")
    inside = shown[shown[..., 3] == 255]
    assert 0 < len(inside) < shown.shape[0] * shown.shape[1]
    assert {tuple(c) for c in inside.tolist()} == {tuple(c) for c in plain.reshape(-1, 4).tolist()}
    assert tile.shape[2] == 4


@pytest.mark.parametrize("style", [None, "auto", {"band": 1, "palette": "colortable"}])
def test_a_palette_in_a_projection_keeps_its_colours(tmp_path: Path, style: Any) -> None:
    path, colors = indexed(tmp_path / "a.tif", "uint8")
    with ziggurat.open(path, projection="EPSG:3857", style=style) as source:
        shown = source.getRegion(format="numpy", region=around(source))[0]
    inside = shown[shown[..., 3] == 255]
    assert {tuple(c) for c in inside.tolist()} == {tuple(map(float, c)) for c in colors.tolist()}


def test_an_index_without_a_colour_is_transparent_in_a_projection(tmp_path: Path) -> None:
    pixels = np.full((100, 100), 60000, np.uint16)
    pixels[:50] = 1
    table = gdal.ColorTable()
    table.SetColorEntry(1, (10, 20, 30, 255))
    path = raster(tmp_path / "a.tif", pixels, SetColorTable=table)
    with ziggurat.open(path, projection="EPSG:3857") as source:
        shown = source.getRegion(format="numpy", region=around(source))[0]
    assert {tuple(c) for c in shown[shown[..., 3] > 0].tolist()} <= {
        (10, 20, 30, 255),
        (0, 0, 0, 255),
    }  # fmt: skip  (GDAL fills a table of 65,536 colours with black)


@pytest.mark.parametrize("order", ["bgr", "argb", "bgrn"])
def test_bands_are_shown_by_what_the_file_calls_them(order: str, tmp_path: Path) -> None:
    kinds = {
        "r": (gdal.GCI_RedBand, 200), "g": (gdal.GCI_GreenBand, 60), "b": (gdal.GCI_BlueBand, 10),
        "a": (gdal.GCI_AlphaBand, 255), "n": (gdal.GCI_Undefined, 99),
    }  # fmt: skip
    path = tmp_path / "a.tif"
    made = gdal.GetDriverByName("GTiff").Create(
        str(path), 64, 64, len(order), options=["PHOTOMETRIC=MINISBLACK"]
    )
    made.SetGeoTransform((500000, 10, 0, 4000000, 0, -10))
    for number, letter in enumerate(order, 1):
        made.GetRasterBand(number).SetColorInterpretation(kinds[letter][0])
        made.GetRasterBand(number).Fill(kinds[letter][1])
    made.Close()
    with ziggurat.open(path, encoding="PNG") as source:
        stored = source.getRegion(format="numpy")[0][5, 5]
        pictures = source.getThumbnail()[0], source.getTile(0, 0, 0)
    assert stored.tolist() == [kinds[letter][1] for letter in order]
    for picture in pictures:
        shown = np.asarray(Image.open(io.BytesIO(picture)).convert("RGBA"))
        assert shown[5, 5].tolist() == [200, 60, 10, 255]


@pytest.mark.parametrize("projection", [None, "EPSG:3857"])
def test_a_tiled_region_keeps_its_place(projection: str | None, tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", np.full((3, 200, 200), 90, np.uint8), SetNoDataValue=3)
    region = {"left": 20, "top": 30, "width": 100, "height": 80}
    with ziggurat.open(path, projection=projection) as source:
        name, _ = source.getRegion(region=region, encoding="TILED")
        left, top = source.pixelToProjection(20, 30)
    made = gdal.Open(os.fspath(name))
    assert made.GetGeoTransform()[:4:3] == pytest.approx((left, top))
    code = made.GetSpatialRef().GetAuthorityCode(None)
    assert code == ("3857" if projection else "32632")
    assert made.GetRasterBand(1).GetNoDataValue() == (None if projection else 3)
    made = None
    os.unlink(name)


def test_a_tiled_region_at_a_smaller_scale_keeps_its_place(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", np.full((200, 200), 90, np.uint8))
    target = {"maxWidth": 50, "path": str(tmp_path / "b.tif")}
    with ziggurat.open(path) as source:
        source.getRegion(output=target, encoding="TILED")
    assert gdal.Open(target["path"]).GetGeoTransform() == (500000, 40, 0, 4000000, 0, -40)


def test_names_of_systems_are_units(tmp_path: Path) -> None:
    made = gdal.GetDriverByName("GTiff").Create(str(tmp_path / "a.tif"), 360, 180, 1)
    system = osr.SpatialReference()
    system.ImportFromEPSG(4326)
    made.SetSpatialRef(system)
    made.SetGeoTransform((0, 1, 0, 90, 0, -1))
    made.WriteArray(np.tile(np.arange(360) // 2, (180, 1)).astype(np.uint8))
    made.Close()
    place = {"left": -100, "top": 10, "right": -90, "bottom": 0}  # 260 to 270 degrees east
    with ziggurat.open(tmp_path / "a.tif") as source:
        for units in ("EPSG:4326", "OGC:CRS84", "crs84", "urn:ogc:def:crs:OGC:1.3:CRS84", "wgs84"):
            found = source.getRegion(format="numpy", region={**place, "units": units})[0]
            assert found[0, :, 0].tolist() == [n // 2 for n in range(260, 270)]
        with pytest.raises((RegionError, ZigguratError)):
            source.getRegion(region={**place, "units": "foo:bar"})


def test_metadata_of_a_globe_is_json(tmp_path: Path) -> None:
    made = gdal.GetDriverByName("GTiff").Create(str(tmp_path / "a.tif"), 64, 64, 1)
    system = osr.SpatialReference()
    system.SetFromUserInput("+proj=geos +lon_0=0 +h=35785831 +ellps=WGS84")
    made.SetSpatialRef(system)
    made.SetGeoTransform((-5568748, 174023, 0, 5568748, 0, -174023))
    made.Close()
    with ziggurat.open(tmp_path / "a.tif", projection="EPSG:3857") as source:
        bounds = source.getMetadata()["bounds"]
    assert json.loads(json.dumps(bounds, allow_nan=False)) == bounds


CONTAINERS = [("a.nc", b"CDF\x01", "NetCDF"), ("a.nc4", b"\x89HDF\r\n\x1a\n", "NetCDF"),
              ("a.h5", b"\x89HDF\r\n\x1a\n", "HDF5"), ("a.hdf", b"\x0e\x03\x13\x01", "HDF4"),
              ("a.grb", b"GRIB", "GRIB")]  # fmt: skip


@pytest.mark.parametrize(("name", "magic", "said"), CONTAINERS)
def test_containers_are_named_as_not_read(
    name: str, magic: bytes, said: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(magic + bytes(2000))
    with pytest.raises(ziggurat.errors.UnsupportedFormatError, match=said):
        ziggurat.open(tmp_path / name)


def test_vectors_are_named_as_vectors(tmp_path: Path) -> None:
    text = '{"type": "FeatureCollection", "features": []}'
    (tmp_path / "a.geojson").write_text(text)
    with pytest.raises(ziggurat.errors.UnsupportedFormatError, match="vectors"):
        ziggurat.open(tmp_path / "a.geojson")


def test_a_geopackage_of_several_tables_names_them(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    for table in ("spring", "autumn"):
        raster(tmp_path / "a.tif", np.full((64, 64), 7, np.uint8))
        options = [f"RASTER_TABLE={table}", "APPEND_SUBDATASET=YES"]
        gdal.Translate(
            str(path), str(tmp_path / "a.tif"), format="GPKG", creationOptions=options
        ).Close()
    with pytest.raises(ziggurat.errors.SourceError, match="2 rasters"):
        ziggurat.open(path)
