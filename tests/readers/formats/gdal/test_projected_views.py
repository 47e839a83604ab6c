"""What projected views say of themselves, refuse, and cost."""

import math
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, osr

from tests.readers.formats.gdal.warps import WORLD, middle_tile, small_map, tile, view
from ziggurat.readers.errors import OptionError, ProjectionError, RegionError
from ziggurat.readers.formats.gdal import projected
from ziggurat.readers.formats.gdal.projected import project
from ziggurat.readers.formats.gdal.reader import open_reader
from ziggurat.readers.geo.facts import image_rect
from ziggurat.readers.geo.gdal_calls import warped_pixels
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.geometry import Rect


def test_blank_tiles_are_known_without_reading(
    tmp_path: Path, make_raster: Callable[..., Path]
) -> None:
    path = make_raster(
        tmp_path / "b.tif",
        np.full((64, 64, 1), 5, np.uint8),
        crs="EPSG:4326",
        transform=(10, 0.01, 0, 50, 0, -0.01),
    )
    with view(path) as reader:
        deepest = len(reader.info.levels) - 1
        x, y = middle_tile(reader, deepest)
        assert not reader.plane(0, 0).is_blank(Rect(x * 256, y * 256, 256, 256))
        for far in (Rect(0, 0, 256, 256), Rect((x + 9) * 256, y * 256, 256, 256)):
            assert reader.plane(0, 0).is_blank(far)
            assert not reader.plane(0, 0).read(far).any()


def test_values_under_a_pixel_are_the_stored_ones(data_file: Callable[[str], Path]) -> None:
    path = data_file("geotiff/rio-tiler/cog_cmap.tif")
    oracle = gdal.Open(str(path))
    with view(path) as reader:
        rect = image_rect(reader.info)
        stored = oracle.ReadAsArray(100, 50, 1, 1)[0, 0]
        pixel = (rect.x + int(100.5 * rect.width / 7168), rect.y + int(50.5 * rect.height / 8704))
        assert reader.native_bands(*pixel) == {1: stored}
        assert reader.native_bands(0, 0) == {}


@pytest.mark.parametrize(
    ("projection", "across"),
    [
        ("EPSG:3857", WORLD),
        ("epsg:4326", 360),
        ("EPSG:32633", WORLD),
        ("EPSG:2263", WORLD / 0.304800609601219),
        ("+proj=cea +lat_ts=30 +datum=WGS84", None),
    ],
)
def test_the_first_zoom_holds_the_world(
    projection: str, across: float | None, data_file: Callable[[str], Path]
) -> None:
    with view(data_file("geotiff/rasterio/world.byte.tif"), projection) as reader:
        geo = reader.info.geo
        assert geo is not None
        assert geo.transform is not None
        side = geo.transform[1] * reader.info.width
        assert -geo.transform[0] == geo.transform[3] == pytest.approx(side / 2)
        if across is not None:
            assert side == pytest.approx(across)
        else:
            assert 34e6 < side < 36e6


@pytest.mark.parametrize(
    "projection",
    [
        "EPSG:999999", "nonsense", "", "EPSG:", "+proj=nothing", "PROJCS[", "\0", "A" * 100_000,
        "http://127.0.0.1:1/x.wkt", "/etc/passwd", "file:///etc/passwd", "nan",
    ],
)  # fmt: skip
def test_an_unknown_projection_is_refused_at_once(
    projection: str, data_file: Callable[[str], Path]
) -> None:
    reader = open_reader(locate(data_file("geotiff/rasterio/red.tif")))
    with pytest.raises(ProjectionError, match="coordinate reference system"):
        project(reader, "red.tif", projection)


def test_what_can_not_be_projected_says_why(
    tmp_path: Path, make_raster: Callable[..., Path]
) -> None:
    plain = make_raster(tmp_path / "p.tif", np.zeros((4, 4, 1), np.uint8))
    with pytest.raises(ProjectionError, match="does not say where"):
        view(plain)
    lost = make_raster(
        tmp_path / "l.tif", np.zeros((4, 4, 1), np.uint8), transform=(1e5, 10, 0, 1e6, 0, -10)
    )
    with pytest.raises(ProjectionError, match="which coordinate reference system"):
        view(lost)
    for wrong in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(OptionError, match="unitsPerPixel"):
            view(small_map(tmp_path, make_raster), units_per_pixel=wrong)


def test_units_per_pixel_set_the_first_zoom(
    tmp_path: Path, make_raster: Callable[..., Path]
) -> None:
    with view(small_map(tmp_path, make_raster), units_per_pixel=1000.0) as reader:
        assert reader.info.geo is not None
        assert reader.info.geo.transform is not None
        assert reader.info.geo.transform[0] == -128_000


def test_a_huge_request_is_refused(data_file: Callable[[str], Path]) -> None:
    with (
        view(data_file("geotiff/rio-tiler/cog_cmap.tif")) as reader,
        pytest.raises(RegionError, match="smaller region"),
    ):
        reader.plane(0, 0).read(reader.info.levels[0].rect)


def test_threads_warp_at_once(data_file: Callable[[str], Path]) -> None:
    path = data_file("geotiff/rio-tiler/cog_dateline.tif")
    with view(path) as reader:
        places = [(z, *middle_tile(reader, z)) for z in range(4, 11, 2)]
        expected = [tile(reader, *place) for place in places]
        wrong: list[object] = []

        def work() -> None:
            for place, pixels in zip(places, expected, strict=True):
                if not np.array_equal(tile(reader, *place), pixels):
                    wrong.append(place)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_a_view_knows_the_size_of_its_own_pixels(data_file: Callable[[str], Path]) -> None:
    with view(data_file("geotiff/rasterio/RGB.byte.tif")) as reader:
        assert reader.info.geo is not None
        assert reader.info.geo.transform is not None
        equator = reader.info.geo.transform[1] * 1000
        assert reader.info.mm_x == pytest.approx(equator * math.cos(math.radians(24.56)), rel=2e-3)


def test_large_warps_use_all_cores_and_a_bounded_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.tif"
    system = osr.SpatialReference()
    system.ImportFromEPSG(32633)
    made = gdal.GetDriverByName("GTiff").Create(str(path), 200, 200, 1, gdal.GDT_Byte)
    made.SetSpatialRef(system)
    made.SetGeoTransform((500_000, 1000, 0, 5_000_000, 0, -1000))
    made.GetRasterBand(1).Fill(9)
    made.Close()
    asked: list[dict[str, object]] = []

    def warped(what: str, source: gdal.Dataset, **options: object) -> np.ndarray:
        asked.append(options)
        return warped_pixels(what, source, **options)

    monkeypatch.setattr(projected, "warped_pixels", warped)
    monkeypatch.setattr(projected, "core_count", lambda: 3)
    with view(path) as reader:
        middle = image_rect(reader.info)
        x, y = middle.x + middle.width // 2, middle.y + middle.height // 2
        few = reader.warped(0, 0, Rect(x, y, 64, 64))
        many = reader.warped(0, 0, Rect(x, y, 1200, 1000))
    np.testing.assert_array_equal(many[:64, :64], few)
    small, large = (
        ("NUM_THREADS=3" in options["warpOptions"], options["multithread"]) for options in asked
    )
    assert (small, large) == ((False, False), (True, True))
    assert gdal.GetCacheMax() <= 128 << 20 or "GDAL_CACHEMAX" in os.environ
