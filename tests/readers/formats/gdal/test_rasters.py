"""Rasters in pixel space, against GDAL itself."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.gdal.georeferenced import is_georeferenced
from ziggurat.readers.formats.gdal.reader import GdalReader, open_reader
from ziggurat.readers.formats.placed import open_reader as open_georeferenced
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Interpretation

gdal.UseExceptions()

GEOTIFFS = [
    "large_image/global_dem.tif",
    "large_image/rgb_geotiff.tiff",
    "large_image/rgba_geotiff.tiff",
    "rasterio/RGB.byte.tif",
    "rasterio/RGBA.byte.tif",
    "rasterio/RGBA.uint16.tif",
    "rasterio/alpha.tif",
    "rasterio/cogeo.tif",
    "rasterio/float32.tif",
    "rasterio/float_nan.tif",
    "rasterio/goes.tif",
    "rasterio/red.tif",
    "rasterio/rotated.tif",
    "rasterio/shade.tif",
    "rasterio/world.byte.tif",
    "rio-tiler/cog.tif",
    "rio-tiler/cog_cmap.tif",
    "rio-tiler/cog_dateline.tif",
    "rio-tiler/cog_gcps.tif",
    "rio-tiler/cog_nodata_nan.tif",
    "rio-tiler/cog_rgb_mask.tif",
    "rio-tiler/cog_scale.tif",
]
GDAL_TYPES = {
    "Byte": "uint8",
    "Int8": "int8",
    "UInt16": "uint16",
    "Int16": "int16",
    "UInt32": "uint32",
    "Int32": "int32",
    "UInt64": "uint64",
    "Int64": "int64",
    "Float16": "float16",
    "Float32": "float32",
    "Float64": "float64",
    "CInt16": "complex64",
    "CFloat32": "complex64",
    "CFloat64": "complex128",
}


@pytest.fixture
def picture(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (97, 131, 3), np.uint8)


@pytest.mark.parametrize("name", GEOTIFFS)
def test_pixels_and_facts_are_gdals(name: str, data_file: Callable[[str], Path]) -> None:
    path = data_file(f"geotiff/{name}")
    oracle = gdal.Open(str(path))
    band = oracle.GetRasterBand(1)
    with open_georeferenced(locate(path)) as reader:
        info = reader.info
        assert (info.width, info.height) == (oracle.RasterXSize, oracle.RasterYSize)
        assert info.bands == oracle.RasterCount
        assert len(info.levels) == band.GetOverviewCount() + 1
        assert info.geo is not None
        transform = oracle.GetGeoTransform(can_return_null=True)
        assert info.geo.transform == (None if transform is None else tuple(transform))
        assert len(info.geo.gcps) == oracle.GetGCPCount()
        rect = Rect(0, 0, 2000, 2000).intersect(info.levels[0].rect)  # one has 62 Mpx
        theirs = oracle.ReadAsArray(0, 0, rect.width, rect.height)
        expected = np.atleast_3d(np.moveaxis(np.atleast_3d(theirs.T), 0, 1))
        pixels = reader.plane(0, 0).read(rect)
        assert pixels.dtype == expected.dtype
        np.testing.assert_array_equal(pixels, expected)
        for number in range(1, len(info.levels)):
            rect = Rect(0, 0, 2000, 2000).intersect(info.levels[number].rect)
            view = band.GetOverview(number - 1).ReadAsArray(0, 0, rect.width, rect.height)
            np.testing.assert_array_equal(reader.plane(number, 0).read(rect)[..., 0], view)


def test_a_rectangle_is_the_same_part(
    tmp_path: Path, picture: np.ndarray, make_raster: Callable[..., Path]
) -> None:
    path = make_raster(
        tmp_path / "p.tif", picture, crs="EPSG:32633", transform=(500_000, 10, 0, 5_000_000, 0, -10)
    )
    with open_reader(locate(path)) as reader:
        rect = Rect(17, 40, 55, 21)
        found = reader.plane(0, 0).read(rect)
        np.testing.assert_array_equal(found, picture[40:61, 17:72])
        found[...] = 0  # the caller's own
        assert reader.plane(0, 0).read(rect).any()
        assert reader.plane(0, 0).read(Rect(5, 5, 0, 7)).shape == (7, 0, 3)


@pytest.mark.parametrize("kind", GDAL_TYPES)
def test_every_type_stays_what_it_is(kind: str, tmp_path: Path) -> None:
    dtype = np.dtype(GDAL_TYPES[kind])
    values = np.arange(12).reshape(3, 4).astype(dtype)
    if values.dtype.kind in "iu":
        values[0, 0] = np.iinfo(dtype).max
    source = gdal.GetDriverByName("GTiff").Create(
        str(tmp_path / "t.tif"), 4, 3, 1, gdal.GetDataTypeByName(kind)
    )
    source.WriteArray(values)
    source.Close()
    with open_reader(locate(tmp_path / "t.tif")) as reader:
        assert reader.info.dtype == dtype
        np.testing.assert_array_equal(reader.plane(0, 0).read(Rect(0, 0, 4, 3))[..., 0], values)


def test_palette_nodata_scale_units_and_categories(tmp_path: Path) -> None:
    path = tmp_path / "classes.tif"
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), 4, 3, 1)
    band = dataset.GetRasterBand(1)
    table = gdal.ColorTable()
    table.SetColorEntry(0, (10, 20, 30, 255))
    table.SetColorEntry(2, (200, 100, 0, 128))
    band.SetColorTable(table)
    band.SetNoDataValue(7)
    band.SetScale(0.5)
    band.SetOffset(-3)
    band.SetUnitType("kg")
    band.SetDescription("land cover")
    band.SetCategoryNames(["sea", "wood"])
    dataset.Close()
    info = open_reader(locate(path)).info
    assert info.interpretation is Interpretation.PALETTE
    assert info.palette is not None
    assert info.palette[0] == (10, 20, 30, 255)
    assert info.palette[2] == (200, 100, 0, 255)  # a TIFF palette has no alpha
    assert info.nodata == 7
    assert info.band_names == ("land cover",)
    facts = info.internal["gdal"]["bands"][0]
    assert (facts["scale"], facts["offset"], facts["units"]) == (0.5, -3, "kg")
    assert facts["categories"] == ["sea", "wood"]
    assert facts["mask"] == "nodata"


def test_nodata_may_differ_by_band(
    tmp_path: Path, picture: np.ndarray, make_raster: Callable[..., Path]
) -> None:
    plain = make_raster(tmp_path / "p.tif", picture)
    view = gdal.Translate(str(tmp_path / "v.vrt"), str(plain), format="VRT")
    view.GetRasterBand(1).SetNoDataValue(1)
    view.GetRasterBand(2).SetNoDataValue(2)
    view.Close()
    assert open_reader(locate(tmp_path / "v.vrt")).info.nodata == (1, 2, None)


def test_bands_in_another_order_keep_their_names(data_file: Callable[[str], Path]) -> None:
    info = open_reader(locate(data_file("geotiff/rasterio/RGBA.uint16.tif"))).info
    assert info.band_names == ("blue", "green", "red", "alpha")
    assert info.interpretation is Interpretation.MULTIBAND
    assert info.alpha


def test_rational_polynomials_stand_as_points(
    tmp_path: Path, picture: np.ndarray, make_raster: Callable[..., Path]
) -> None:
    path = make_raster(tmp_path / "rpc.tif", picture)
    dataset = gdal.Open(str(path), gdal.GA_Update)
    ones = "1 " + " ".join(["0"] * 19)
    dataset.SetMetadata(
        {
            "LINE_OFF": "48", "SAMP_OFF": "65", "LAT_OFF": "40", "LONG_OFF": "10",
            "HEIGHT_OFF": "0", "LINE_SCALE": "48", "SAMP_SCALE": "65", "LAT_SCALE": "0.1",
            "LONG_SCALE": "0.1", "HEIGHT_SCALE": "100",
            "LINE_NUM_COEFF": "0 0 -1 " + " ".join(["0"] * 17), "LINE_DEN_COEFF": ones,
            "SAMP_NUM_COEFF": "0 1 0 " + " ".join(["0"] * 17), "SAMP_DEN_COEFF": ones,
        },
        "RPC",
    )  # fmt: skip
    dataset.Close()
    assert is_georeferenced(locate(path))
    info = open_reader(locate(path)).info
    assert info.internal["gdal"]["rpc"]
    assert info.geo is not None
    assert len(info.geo.gcps) == 25
    first = info.geo.gcps[0]
    assert first.x == pytest.approx(9.9, abs=1e-3)
    assert first.y == pytest.approx(40.1, abs=2e-3)


def test_jpeg2000_and_world_files(
    tmp_path: Path, picture: np.ndarray, make_raster: Callable[..., Path]
) -> None:
    make_raster(
        tmp_path / "a.jp2", picture, "JP2OpenJPEG", crs="EPSG:32633",
        transform=(500_000, 10, 0, 5_000_000, 0, -10), options=("REVERSIBLE=YES", "QUALITY=100",),
    )  # fmt: skip
    with open_reader(locate(tmp_path / "a.jp2")) as reader:
        np.testing.assert_array_equal(reader.plane(0, 0).read(reader.info.levels[0].rect), picture)
        assert reader.info.geo is not None
    make_raster(tmp_path / "b.png", picture, "PNG")
    (tmp_path / "b.png.aux.xml").unlink(missing_ok=True)
    assert not is_georeferenced(locate(tmp_path / "b.png"))
    (tmp_path / "b.pgw").write_text("0.5\n0\n0\n-0.25\n10.25\n49.875\n")
    with open_georeferenced(locate(tmp_path / "b.png")) as reader:
        assert reader.info.geo is not None
        assert reader.info.geo.projection == ""
        assert reader.info.geo.transform == (10, 0.5, 0, 50, 0, -0.25)


def test_plain_pictures_are_left_to_others(
    tmp_path: Path, data_file: Callable[[str], Path]
) -> None:
    for name in ("aperio-svs/CMU-1-Small-Region.svs", "tiff/boxes.tiff"):
        with pytest.raises(UnsupportedFormatError, match="says where"):
            open_georeferenced(locate(data_file(name)))
    (tmp_path / "x.mrxs").write_bytes(b"something")
    with pytest.raises(UnsupportedFormatError, match="no raster"):
        open_reader(locate(tmp_path / "x.mrxs"))
    (tmp_path / "x.bin").write_bytes(b"something else")
    with pytest.raises(UnsupportedFormatError, match="GDAL knows no raster format"):
        open_reader(locate(tmp_path / "x.bin"))


VRT = """<VRTDataset rasterXSize="131" rasterYSize="97">
<VRTRasterBand dataType="Byte" band="1"{kind}>{inside}</VRTRasterBand></VRTDataset>"""
SIMPLE = '<SimpleSource><SourceFilename relativeToVRT="1">{}</SourceFilename></SimpleSource>'


def test_a_virtual_raster_of_local_files_is_read(
    tmp_path: Path, picture: np.ndarray, make_raster: Callable[..., Path]
) -> None:
    make_raster(tmp_path / "p.tif", picture)
    (tmp_path / "v.vrt").write_text(VRT.format(kind="", inside=SIMPLE.format("p.tif")))
    with open_reader(locate(tmp_path / "v.vrt")) as reader:
        pixels = reader.plane(0, 0).read(reader.info.levels[0].rect)
        np.testing.assert_array_equal(pixels[..., 0], picture[..., 0])


@pytest.mark.parametrize(
    ("inside", "kind", "said"),
    [
        (SIMPLE.format("/vsicurl/http://127.0.0.1:1/x.tif"), "", "only local files"),
        (SIMPLE.format("http://127.0.0.1:1/x.tif"), "", "local files only"),
        (SIMPLE.format("GTIFF_DIR:1:p.tif"), "", "local files only"),
        (SIMPLE.format("<VRTDataset/>".replace("<", "&lt;")), "", "local files only"),
        (SIMPLE.format("v.vrt"), "", "circle"),
        (
            "<PixelFunctionLanguage>Python</PixelFunctionLanguage>",
            ' subClass="VRTDerivedRasterBand"',
            "Python",
        ),
        ("<SourceFilename>/etc/passwd</SourceFilename>", ' subClass="VRTRawRasterBand"', "raw"),
    ],
)
def test_a_virtual_raster_that_leads_elsewhere_is_refused(
    inside: str,
    kind: str,
    said: str,
    tmp_path: Path,
    picture: np.ndarray,
    make_raster: Callable[..., Path],
) -> None:
    make_raster(tmp_path / "p.tif", picture)
    (tmp_path / "v.vrt").write_text(VRT.format(kind=kind, inside=inside))
    with pytest.raises(SourceError, match=said):
        open_reader(locate(tmp_path / "v.vrt"))


def test_damage_is_our_error_and_quiet(
    tmp_path: Path,
    picture: np.ndarray,
    capfd: pytest.CaptureFixture[str],
    make_raster: Callable[..., Path],
) -> None:
    path = make_raster(
        tmp_path / "p.tif", picture, crs="EPSG:4326", transform=(0, 0.1, 0, 50, 0, -0.1),
        options=("COMPRESS=DEFLATE", "TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16",),
    )  # fmt: skip
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    path.write_bytes(data)
    with (
        pytest.raises(CorruptSourceError, match=r"p\.tif"),
        open_reader(locate(path)) as reader,
    ):
        reader.plane(0, 0).read(reader.info.levels[0].rect)
    path.write_bytes(bytes(data[:100]))
    with pytest.raises(CorruptSourceError, match=r"can't open .*p\.tif"):
        open_reader(locate(path))
    said = capfd.readouterr()
    assert said.err == ""
    assert said.out == ""


def _check(reader: GdalReader, expected: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(30):
        x, y = int(rng.integers(0, 100)), int(rng.integers(0, 70))
        found = reader.plane(0, 0).read(Rect(x, y, 31, 27))
        assert np.array_equal(found, expected[y : y + 27, x : x + 31])


@pytest.fixture
def tiled(tmp_path: Path, picture: np.ndarray, make_raster: Callable[..., Path]) -> Path:
    return make_raster(
        tmp_path / "tiled.tif", picture, crs="EPSG:4326", transform=(0, 0.1, 0, 50, 0, -0.1),
        options=("COMPRESS=DEFLATE", "TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=32",),
    )  # fmt: skip


def test_threads_share_a_reader(tiled: Path, picture: np.ndarray) -> None:
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            _check(reader, picture, seed)
        except BaseException as error:  # noqa: BLE001  (told to the test below)
            failures.append(error)

    with open_reader(locate(tiled)) as reader:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_reads_with_handles_of_its_own(tiled: Path, picture: np.ndarray) -> None:
    with open_reader(locate(tiled)) as reader:
        _check(reader, picture, 1)
        context = multiprocessing.get_context("fork")
        children = [
            context.Process(target=_check, args=(reader, picture, seed)) for seed in range(2)
        ]
        for child in children:
            child.start()
        _check(reader, picture, 9)
        for child in children:
            child.join(60)
        assert [child.exitcode for child in children] == [0, 0]


def test_a_closed_reader_says_so(tiled: Path) -> None:
    reader = open_reader(locate(tiled))
    reader.close()
    reader.close()
    with pytest.raises(SourceError, match="is closed"):
        reader.plane(0, 0).read(Rect(0, 0, 4, 4))


def test_no_sidecar_files_are_left(tiled: Path) -> None:
    with open_reader(locate(tiled)) as reader:
        reader.plane(0, 0).read(Rect(0, 0, 4, 4))
    assert os.listdir(tiled.parent) == ["tiled.tif"]


@pytest.mark.parametrize(
    "transform",
    [(0, 1e308, 1e308, 0, 1e308, -1e308), (5, 0, 0, 5, 0, 0), (1e300, 1, 0, 1e300, 0, -1)],
)
def test_a_damaged_georeference_is_left_out_and_said(
    transform: tuple[float, ...],
    tmp_path: Path,
    picture: np.ndarray,
    make_raster: Callable[..., Path],
) -> None:
    path = make_raster(tmp_path / "d.tif", picture)
    view = gdal.Translate(str(tmp_path / "v.vrt"), str(path), format="VRT")
    view.SetGeoTransform(transform)
    view.Close()
    with open_reader(locate(tmp_path / "v.vrt")) as reader:
        assert reader.info.geo is None
        assert any("damaged" in word for word in reader.info.internal["gdal"]["warnings"])
        np.testing.assert_array_equal(reader.plane(0, 0).read(reader.info.levels[0].rect), picture)
