"""GeoTIFF and COG outputs, read back by GDAL and tifffile."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from osgeo import gdal

from ziggurat.readers.errors import CancelledError, OptionError, TargetExistsError, WriteError
from ziggurat.readers.formats.gdal.cog import validate_cog
from ziggurat.readers.formats.gdal.reader import open_reader
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import (
    Axis,
    GeoReference,
    GroundControlPoint,
    ImageInfo,
    Interpretation,
    Level,
)
from ziggurat.readers.model.reader import Plane
from ziggurat.readers.views.array import ArrayReader
from ziggurat.readers.views.views import OtherPixels, View
from ziggurat.writers.formats.cog.cog import plan_levels
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import PyramidStyle, WriteOptions
from ziggurat.writers.model.progress import Cancellation, Progress
from ziggurat.writers.model.reducers import Reducer

gdal.UseExceptions()

UTM = "EPSG:32633"
PLACE = GeoReference(UTM, (500_000.0, 10.0, 0.0, 5_000_000.0, 0.0, -10.0))
LOSSLESS = WriteOptions(lossy=False)
REAL = [
    "large_image/global_dem.tif",
    "large_image/rgba_geotiff.tiff",
    "rasterio/RGB.byte.tif",
    "rasterio/RGBA.uint16.tif",
    "rasterio/cogeo.tif",
    "rasterio/float_nan.tif",
    "rasterio/goes.tif",
    "rasterio/rotated.tif",
    "rasterio/world.byte.tif",
    "rio-tiler/cog_cmap.tif",
    "rio-tiler/cog_dateline.tif",
    "rio-tiler/cog_gcps.tif",
    "rio-tiler/cog_nodata_nan.tif",
    "rio-tiler/cog_rgb_mask.tif",
    "rio-tiler/cog_scale.tif",
]


def image(array: np.ndarray, geo: GeoReference | None = PLACE, **facts: object) -> ArrayReader:
    height, width, bands = array.shape[-3:]
    guess = {3: Interpretation.RGB, 1: Interpretation.GRAY}.get(bands, Interpretation.MULTIBAND)
    info = ImageInfo(
        format="made up",
        levels=(Level(width, height, 256, 256),),
        bands=bands,
        dtype=array.dtype,
        geo=geo,
        **{"interpretation": guess, **facts},
    )
    return ArrayReader(array, info)


@pytest.fixture
def picture(rng: np.random.Generator) -> np.ndarray:
    smooth = np.linspace(0, 200, 360 * 560 * 3).reshape(360, 560, 3)
    return (smooth + rng.integers(0, 40, smooth.shape)).astype(np.uint8)


def place_of(dataset: gdal.Dataset) -> object:
    crs = dataset.GetSpatialRef() or dataset.GetGCPSpatialRef()
    points = [(p.GCPPixel, p.GCPLine, p.GCPX, p.GCPY) for p in dataset.GetGCPs() or ()]
    return dataset.GetGeoTransform(can_return_null=True), crs and crs.ExportToWkt(), points


def facts_of(band: gdal.Band) -> object:
    table = band.GetColorTable()
    return (
        gdal.GetDataTypeName(band.DataType),
        str(band.GetNoDataValue()),
        band.GetScale(),
        band.GetOffset(),
        band.GetUnitType(),
        band.GetDescription(),
        band.GetColorInterpretation(),
        band.GetMaskFlags(),
        table and [table.GetColorEntry(i) for i in range(table.GetCount())],
    )


@pytest.mark.parametrize("name", REAL)
def test_conversion_keeps_all_that_gdal_knows(
    name: str, tmp_path: Path, data_file: Callable[[str], Path]
) -> None:
    path, output = data_file(f"geotiff/{name}"), tmp_path / "o.tif"
    if name == "rio-tiler/cog_cmap.tif":  # 60 million pixels: a part of it has all that it has
        gdal.Translate(str(tmp_path / "part.tif"), str(path), srcWin=[3000, 4000, 1200, 900])
        path = tmp_path / "part.tif"
    with open_reader(locate(path)) as reader:
        report = write(reader, output, LOSSLESS)
    assert report.lost == ()
    old, new = gdal.Open(str(path)), gdal.Open(str(output))
    assert place_of(new) == place_of(old)
    np.testing.assert_array_equal(new.ReadAsArray(), old.ReadAsArray())
    for number in range(1, old.RasterCount + 1):
        before, after = old.GetRasterBand(number), new.GetRasterBand(number)
        assert facts_of(after) == facts_of(before)
        np.testing.assert_array_equal(
            after.GetMaskBand().ReadAsArray(), before.GetMaskBand().ReadAsArray()
        )
    if max(new.RasterXSize, new.RasterYSize) > 512:
        assert new.GetRasterBand(1).GetOverviewCount() > 0
    assert validate_cog(str(output))[1] == []
    assert new.GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE") == "COG"


@pytest.mark.parametrize("name", ["RGB.byte.tif", "RGBA.uint16.tif", "float_nan.tif", "shade.tif"])
def test_an_image_that_is_fed_keeps_its_place_too(
    name: str, tmp_path: Path, data_file: Callable[[str], Path]
) -> None:
    path, output = data_file(f"geotiff/rasterio/{name}"), tmp_path / "o.tif"
    with open_reader(locate(path)) as reader:
        assert write(View(reader), output, LOSSLESS).lost == ()
    old, new = gdal.Open(str(path)), gdal.Open(str(output))
    assert place_of(new) == place_of(old)
    np.testing.assert_array_equal(new.ReadAsArray(), old.ReadAsArray())
    for number in range(1, old.RasterCount + 1):
        assert facts_of(new.GetRasterBand(number)) == facts_of(old.GetRasterBand(number))


def test_what_a_view_loses_is_said(tmp_path: Path, data_file: Callable[[str], Path]) -> None:
    with open_reader(locate(data_file("geotiff/rio-tiler/cog_rgb_mask.tif"))) as reader:
        assert "mask" in " ".join(write(View(reader), tmp_path / "o.tif", LOSSLESS).lost)


@pytest.mark.parametrize(
    "dtype",
    [
        *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
        *("float16", "float32", "float64"),
    ],
)
def test_every_type_stays_what_it_is(dtype: str, tmp_path: Path, rng: np.random.Generator) -> None:
    values = (rng.random((270, 300, 1)) * (1 if dtype == "bool" else 100)).round().astype(dtype)
    write(image(values), tmp_path / "t.tif", LOSSLESS)
    found = tifffile.imread(tmp_path / "t.tif", key=0)
    np.testing.assert_array_equal(found, values[..., 0])
    assert found.dtype == values.dtype


def test_complex_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="complex64"):
        write(image(np.zeros((4, 4, 1), np.complex64)), tmp_path / "c.tif")
    assert list(tmp_path.iterdir()) == []


def test_two_points_are_enough(tmp_path: Path, picture: np.ndarray) -> None:
    points = (
        GroundControlPoint(0, 0, 500_000, 5_000_000),
        GroundControlPoint(560, 360, 505_600, 4_996_400),
    )
    write(image(picture, GeoReference(UTM, gcps=points)), tmp_path / "o.tif", LOSSLESS)
    dataset = gdal.Open(str(tmp_path / "o.tif"))
    assert dataset.GetGeoTransform() == pytest.approx(PLACE.transform)
    assert dataset.GetSpatialRef().GetAuthorityCode(None) == "32633"
    with pytest.raises(OptionError, match="1 control points"):
        write(image(picture, GeoReference(UTM, gcps=points[:1])), tmp_path / "p.tif")
    assert [path.name for path in tmp_path.iterdir()] == ["o.tif"]


def test_points_that_bend_the_image_stay_points(tmp_path: Path, picture: np.ndarray) -> None:
    points = tuple(
        GroundControlPoint(x, y, 500_000 + 10 * x + x * y / 100, 5_000_000 - 10 * y)
        for x in (0, 280, 560)
        for y in (0, 180, 360)
    )
    write(image(picture, GeoReference(UTM, gcps=points)), tmp_path / "o.tif", LOSSLESS)
    dataset = gdal.Open(str(tmp_path / "o.tif"))
    assert dataset.GetGeoTransform(can_return_null=True) is None
    found = [(p.GCPPixel, p.GCPLine, p.GCPX, p.GCPY) for p in dataset.GetGCPs()]
    assert found == [(p.pixel_x, p.pixel_y, p.x, p.y) for p in points]
    assert dataset.GetGCPSpatialRef().GetAuthorityCode(None) == "32633"


@pytest.mark.parametrize(
    ("compression", "name"),
    [
        (Codec.NONE, None),
        (Codec.DEFLATE, "DEFLATE"),
        (Codec.LZW, "LZW"),
        (Codec.ZSTD, "ZSTD"),
        (Codec.WEBP, "WEBP"),
        (Codec.JPEG, "YCbCr JPEG"),
    ],
)
def test_the_callers_compression_and_tiles_are_honoured(
    compression: Codec, name: str | None, tmp_path: Path, picture: np.ndarray
) -> None:
    lossy = compression is Codec.JPEG
    slow = compression is Codec.WEBP  # without loss
    tile_size = 128 if lossy or slow else 256
    picture = picture[:150, :270] if slow else picture[:300, :520]
    options = WriteOptions(lossy=lossy, compression=compression, tile_size=tile_size)
    report = write(image(picture), tmp_path / "o.tif", options)
    dataset = gdal.Open(str(tmp_path / "o.tif"))
    band = dataset.GetRasterBand(1)
    assert dataset.GetMetadataItem("COMPRESSION", "IMAGE_STRUCTURE") == name
    assert band.GetBlockSize() == [tile_size, tile_size]
    assert report.levels == band.GetOverviewCount() + 1 == (4 if lossy else 3)
    found = np.moveaxis(dataset.ReadAsArray(), 0, -1)
    if lossy:
        error = np.abs(found.astype(int) - picture.astype(int)).mean()
        assert 0 < error < 12
    else:
        np.testing.assert_array_equal(found, picture)


def test_without_a_wish_pictures_are_jpeg_and_measurements_are_not(
    tmp_path: Path, picture: np.ndarray
) -> None:
    picture = picture[:300, :400]
    for name, reader, expected in (
        ("rgb", image(picture), "YCbCr JPEG"),
        ("nodata", image(picture, nodata=0), "DEFLATE"),
        ("gray", image(picture[..., :1]), "DEFLATE"),
        ("bands", image(picture, interpretation=Interpretation.MULTIBAND), "DEFLATE"),
    ):
        write(reader, tmp_path / f"{name}.tif", WriteOptions(lossy=True))
        dataset = gdal.Open(str(tmp_path / f"{name}.tif"))
        assert dataset.GetMetadataItem("COMPRESSION", "IMAGE_STRUCTURE") == expected


def test_overviews_are_means_or_modes_or_what_is_asked(tmp_path: Path, picture: np.ndarray) -> None:
    even = picture[:, :, :1]
    write(image(even), tmp_path / "mean.tif", LOSSLESS)
    blocks = even[..., 0].reshape(180, 2, 280, 2).astype(float).mean(axis=(1, 3))
    assert np.abs(_overview(tmp_path / "mean.tif") - blocks).max() <= 0.5
    labels = image(even // 64, interpretation=Interpretation.LABELS)
    write(labels, tmp_path / "mode.tif", LOSSLESS)
    assert set(np.unique(_overview(tmp_path / "mode.tif"))) <= set(np.unique(even // 64))
    checks = np.where(np.indices((360, 560)).sum(axis=0) % 2, 200, 10).astype(np.uint8)[..., None]
    nearest = WriteOptions(lossy=False, reducer=Reducer.NEAREST)
    write(image(checks), tmp_path / "near.tif", nearest)
    assert set(np.unique(_overview(tmp_path / "near.tif"))) <= {10, 200}
    write(image(even), tmp_path / "flat.tif", WriteOptions(pyramid=PyramidStyle.NONE))
    with gdal.Open(str(tmp_path / "flat.tif")) as dataset:
        assert dataset.GetRasterBand(1).GetOverviewCount() == 0


def _overview(path: Path) -> np.ndarray:
    with gdal.Open(str(path)) as dataset:
        return dataset.GetRasterBand(1).GetOverview(0).ReadAsArray()


def test_palette_names_scale_and_description(tmp_path: Path) -> None:
    values = np.arange(30, dtype=np.uint8).reshape(5, 6, 1)
    known = {"description": "land cover", "scale": 2.0, "offset": 1.5, "units": "m"}
    palette = tuple((i, 255 - i, 7, 255) for i in range(256))
    reader = image(
        values,
        interpretation=Interpretation.PALETTE,
        palette=palette,
        nodata=3,
        band_names=("land cover",),
        description="made of nothing",
        internal={"gdal": {"bands": [known]}},
    )
    write(reader, tmp_path / "o.tif")
    dataset = gdal.Open(str(tmp_path / "o.tif"))
    band = dataset.GetRasterBand(1)
    colors = [band.GetColorTable().GetColorEntry(i)[:3] for i in range(256)]
    assert colors == [color[:3] for color in palette]
    assert (band.GetNoDataValue(), band.GetDescription()) == (3, "land cover")
    assert (band.GetScale(), band.GetOffset(), band.GetUnitType()) == (2.0, 1.5, "m")
    assert dataset.GetMetadataItem("TIFFTAG_IMAGEDESCRIPTION") == "made of nothing"
    np.testing.assert_array_equal(dataset.ReadAsArray(), values[..., 0])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (WriteOptions(compression=Codec.LZMA), "one of deflate, none, jpeg"),
        (WriteOptions(compression=Codec.JPEG2000), "one of deflate, none, jpeg"),
        (WriteOptions(tile_size=64), "at least 128"),
        (WriteOptions(reducer=Reducer.MEDIAN), "not by median"),
    ],
)
def test_what_the_driver_can_not_do_is_refused_before(
    options: WriteOptions, said: str, tmp_path: Path, picture: np.ndarray
) -> None:
    with pytest.raises(OptionError, match=said):
        write(image(picture), tmp_path / "o.tif", options)
    assert list(tmp_path.iterdir()) == []


def test_frames_and_jpeg_of_other_things_are_refused(tmp_path: Path) -> None:
    frames = image(np.zeros((2, 4, 4, 1), np.uint8), axes=(Axis("t", 2),))
    with pytest.raises(OptionError, match="one frame, not 2"):
        plan_levels(frames, WriteOptions())
    jpeg = WriteOptions(compression=Codec.JPEG)
    with pytest.raises(OptionError, match="uint16"):
        write(image(np.zeros((4, 4, 1), np.uint16)), tmp_path / "o.tif", jpeg)
    labels = image(np.zeros((4, 4, 1), np.uint8), interpretation=Interpretation.LABELS)
    with pytest.raises(OptionError, match="names"):
        write(labels, tmp_path / "o.tif", jpeg)


def test_progress_is_told_and_rises(tmp_path: Path, picture: np.ndarray) -> None:
    events: list[Progress] = []
    write(image(picture), tmp_path / "o.tif", LOSSLESS, on_progress=events.append)
    done = [event.done for event in events]
    assert done == sorted(done)
    assert done[-1] == events[-1].total == 3


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("after", [0, 2])
def test_cancelling_leaves_nothing(
    direct: bool, after: int, tmp_path: Path, picture: np.ndarray, make_raster: Callable[..., Path]
) -> None:
    source = make_raster(
        tmp_path / "in.tif", np.tile(picture, (2, 2, 1)), crs=UTM, transform=PLACE.transform
    )
    cancel = Cancellation()
    events: list[Progress] = []

    def watch(event: Progress) -> None:
        events.append(event)
        if len(events) > after:
            cancel.cancel()

    with open_reader(locate(source)) as reader, pytest.raises(CancelledError):
        write(reader if direct else View(reader), tmp_path / "o.tif", LOSSLESS,
              on_progress=watch, cancel=cancel)  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]


def test_an_error_in_the_callers_callback_comes_out(tmp_path: Path, picture: np.ndarray) -> None:
    def broken(event: Progress) -> None:
        if event.done > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(image(picture), tmp_path / "o.tif", LOSSLESS, on_progress=broken)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_output_is_replaced_only_when_told(tmp_path: Path, picture: np.ndarray) -> None:
    (tmp_path / "o.tif").write_text("precious")
    with pytest.raises(TargetExistsError):
        write(image(picture), tmp_path / "o.tif")
    assert (tmp_path / "o.tif").read_text() == "precious"
    with pytest.raises(OptionError):
        write(image(picture), tmp_path / "o.tif", WriteOptions(overwrite=True, tile_size=64))
    assert (tmp_path / "o.tif").read_text() == "precious"
    write(image(picture), tmp_path / "o.tif", WriteOptions(overwrite=True))
    assert gdal.Open(str(tmp_path / "o.tif")).RasterXSize == 560


class GonePlane(OtherPixels):
    def read(self, rect: Rect) -> np.ndarray:
        del rect
        raise WriteError(5, "the source has gone", "x")


class Failing(View):
    def plane(self, level: int, frame: int) -> Plane:
        return GonePlane(super().plane(level, frame))


def test_a_failing_source_leaves_nothing(tmp_path: Path, picture: np.ndarray) -> None:
    with pytest.raises(WriteError, match="has gone"):
        write(Failing(image(picture)), tmp_path / "o.tif")
    assert list(tmp_path.iterdir()) == []


def test_two_writes_to_one_target_leave_one_whole(tmp_path: Path, picture: np.ndarray) -> None:
    picture = picture[:300]

    def work() -> None:
        write(image(picture), tmp_path / "o.tif", WriteOptions(lossy=False, overwrite=True))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = np.moveaxis(gdal.Open(str(tmp_path / "o.tif")).ReadAsArray(), 0, -1)
    np.testing.assert_array_equal(found, picture)
    assert [path.name for path in tmp_path.iterdir()] == ["o.tif"]
