"""Forty kinds of georeference: bounds and tiles are those of gdalwarp to a pixel."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, osr

from ziggurat.readers.formats.gdal.projected import project
from ziggurat.readers.formats.gdal.reader import open_reader
from ziggurat.readers.geo.bounds import bounds
from ziggurat.readers.geo.facts import image_rect
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.geometry import Rect

gdal.UseExceptions()

WORLD = 40075016.68557849
Transform = tuple[float, float, float, float, float, float]
GRADS = (
    'GEOGCS["NTF (Paris)",DATUM["Nouvelle_Triangulation_Francaise_Paris",'
    'SPHEROID["Clarke 1880 (IGN)",6378249.2,293.4660212936265]],'
    'PRIMEM["Paris",2.33722917],UNIT["grad",0.01570796326794897]]'
)
GEOSTATIONARY = "+proj=geos +lon_0=0 +h=35785831 +ellps=WGS84 +units=m"
GOES = "+proj=geos +lon_0=-75 +h=35786023 +ellps=GRS80 +units=m +sweep=x"
ROTATED_POLE = "+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18 +R=6371229"


@dataclass(frozen=True)
class Case:
    """A raster of ``size`` (width, height); ``around`` the world: bounds are -180 to 180."""

    name: str
    crs: str
    transform: Transform | None
    size: tuple[int, int] = (64, 48)
    gcps: tuple[tuple[float, float, float, float], ...] = ()  # pixel x, pixel y, x, y
    rpc: bool = False
    around: bool = False
    sky: bool = False  # shows more than earth: gdalwarp's own bounds are guesses


def grid(function: str) -> tuple[tuple[float, float, float, float], ...]:
    points = [(x, y) for x in (0.0, 32.0, 64.0) for y in (0.0, 24.0, 48.0)]
    bend = 0.002 if function == "bent" else 0.0
    return tuple(
        (x, y, 10 + x / 100 + bend * math.sin(y / 8), 50 - y / 100 + bend * math.cos(x / 8))
        for x, y in points
    )


CASES = [
    Case("utm north", "EPSG:32633", (500000, 100, 0, 5000000, 0, -100)),
    Case("utm south", "EPSG:32733", (500000, 100, 0, 7000000, 0, -100)),
    Case("south-up", "EPSG:32633", (500000, 100, 0, 4995200, 0, 100)),
    Case("mirrored", "EPSG:32633", (506400, -100, 0, 5000000, 0, -100)),
    Case("rotated 30", "EPSG:32633", (500000, 86.6, 50, 5000000, 50, -86.6)),
    Case("rotated 90", "EPSG:32633", (500000, 0, 100, 5000000, 100, 0)),
    Case("sheared", "EPSG:32633", (500000, 100, 40, 5000000, 0, -100)),
    Case("oblong pixels", "EPSG:32633", (500000, 300, 0, 5000000, 0, -50)),
    Case("degrees", "EPSG:4326", (10, 0.01, 0, 50, 0, -0.01)),
    Case("degrees south-up", "EPSG:4326", (10, 0.01, 0, 49.52, 0, 0.01)),
    Case("degrees west of 0", "EPSG:4326", (-100, 0.01, 0, 40, 0, -0.01)),
    Case("0 to 360", "EPSG:4326", (0, 5.625, 0, 90, 0, -5.625), (64, 32), around=True),
    Case("0 to 360, west", "EPSG:4326", (255, 0.1, 0, 40, 0, -0.1)),
    Case("-180 to 180", "EPSG:4326", (-180, 5.625, 0, 90, 0, -5.625), (64, 32), around=True),
    Case("half a pixel too far", "EPSG:4326", (-182.8125, 5.625, 0, 92.8125, 0, -5.625), (65, 33),
         around=True),
    Case("grads from Paris", GRADS, (5, 0.01, 0, 52, 0, -0.01)),
    Case("Lambert of France", "EPSG:27572", (600000, 100, 0, 2200000, 0, -100)),
    Case("US survey feet", "EPSG:2263", (980000, 300, 0, 200000, 0, -300)),
    Case("international feet", "EPSG:2222", (700000, 300, 0, 900000, 0, -300)),
    Case("Web Mercator", "EPSG:3857", (1000000, 150, 0, 6000000, 0, -150)),
    Case("Web Mercator over the date line", "EPSG:3857", (19.9e6, 5000, 0, 250000, 0, -5000)),
    Case("World Mercator", "EPSG:3395", (1000000, 150, 0, 6000000, 0, -150)),
    Case("degrees over the date line", "EPSG:4326", (178.5, 0.05, 0, 2, 0, -0.05)),
    Case("degrees over the date line, west", "EPSG:4326", (-181.5, 0.05, 0, 2, 0, -0.05)),
    Case("utm over the date line", "EPSG:32660", (700000, 4000, 0, 5847615, 0, -4000)),
    Case("utm 1 over the date line", "EPSG:32701", (100000, 4000, 0, 8000000, 0, -4000)),
    Case("Albers of the US", "EPSG:5070", (-100000, 1000, 0, 1900000, 0, -1000)),
    Case("Lambert conformal of Europe", "EPSG:3034", (4000000, 1000, 0, 3000000, 0, -1000)),
    Case("equal area of Europe", "EPSG:3035", (4000000, 1000, 0, 3000000, 0, -1000)),
    Case("Antarctic", "EPSG:3031", (-3.2e6, 1e5, 0, 3.2e6, 0, -1e5), (64, 64), around=True),
    Case("Arctic", "EPSG:3995", (-3.2e6, 1e5, 0, 3.2e6, 0, -1e5), (64, 64), around=True),
    Case("beside the pole", "EPSG:3995", (2e6, 1e4, 0, -2e6, 0, -1e4)),
    Case("British grid", "EPSG:27700", (400000, 100, 0, 300000, 0, -100)),
    Case("Swiss grid", "EPSG:2056", (2600000, 100, 0, 1200000, 0, -100)),
    Case("oblique Mercator", "EPSG:3078", (500000, 500, 0, 400000, 0, -500)),
    Case("sinusoidal world", "+proj=sinu +R=6371007.181 +units=m",
         (-20015109.4, 1111950.5, 0, 10007554.7, 0, -1111950.5), (36, 18), around=True, sky=True),
    Case("sinusoidal tile", "+proj=sinu +R=6371007.181 +units=m",
         (1111950.5, 17374.2, 0, 5559752.6, 0, -17374.2)),
    Case("Mollweide world", "ESRI:54009", (-18040095.7, 563752.99, 0, 9020047.85, 0, -563752.99),
         (64, 32), around=True, sky=True),
    Case("geostationary disk", GEOSTATIONARY, (-5568748, 174023, 0, 5568748, 0, -174023), (64, 64),
         sky=True),
    Case("geostationary part", GOES, (-1500000, 20000, 0, 4000000, 0, -20000)),
    Case("rotated pole", ROTATED_POLE, (-5, 0.1, 0, 3, 0, -0.1)),
    Case("points that agree", "EPSG:4326", None, gcps=grid("straight")),
    Case("points that bend", "EPSG:4326", None, gcps=grid("bent")),
    Case("rational polynomials", "EPSG:4326", None, rpc=True),
]  # fmt: skip
_FAST = {
    "south-up", "rotated 30", "0 to 360", "grads from Paris", "US survey feet",
    "utm over the date line", "geostationary disk", "points that bend", "rational polynomials",
}  # fmt: skip


def made(case: Case, folder: Path) -> Path:
    """Write the raster: every pixel has another value than its neighbours, all above 0."""
    path, (width, height) = folder / "a.tif", case.size
    data = gdal.GetDriverByName("GTiff").Create(str(path), width, height, 1, gdal.GDT_UInt16)
    rows, columns = np.mgrid[:height, :width]
    data.WriteArray((1 + columns + 200 * rows).astype(np.uint16))
    system = osr.SpatialReference()
    system.SetFromUserInput(case.crs)
    system.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    if case.gcps:
        data.SetGCPs([gdal.GCP(x, y, 0, px, py) for px, py, x, y in case.gcps], system)
    elif case.rpc:
        ones = "1 " + " ".join(["0"] * 19)
        data.SetMetadata(
            {
                "LINE_OFF": "24", "SAMP_OFF": "32", "LAT_OFF": "40", "LONG_OFF": "10",
                "HEIGHT_OFF": "0", "LINE_SCALE": "24", "SAMP_SCALE": "32", "LAT_SCALE": "0.1",
                "LONG_SCALE": "0.1", "HEIGHT_SCALE": "100",
                "LINE_NUM_COEFF": "0 0 -1 " + " ".join(["0"] * 17), "LINE_DEN_COEFF": ones,
                "SAMP_NUM_COEFF": "0 1 0 " + " ".join(["0"] * 17), "SAMP_DEN_COEFF": ones,
            },
            "RPC",
        )  # fmt: skip
    else:
        assert case.transform is not None
        data.SetSpatialRef(system)
        data.SetGeoTransform(case.transform)
    data.Close()
    return path


def parameters() -> list[object]:
    return [
        pytest.param(case, id=case.name, marks=[] if case.name in _FAST else [pytest.mark.slow])
        for case in CASES
    ]


def warped(path: Path, corners: tuple[float, ...], pixels: int, turn: float = 0.0) -> np.ndarray:
    left, bottom, right, top = corners
    done = gdal.Warp(
        "", str(path), format="MEM", dstSRS="EPSG:3857", dstAlpha=True, errorThreshold=0,
        outputBounds=(left + turn, bottom, right + turn, top), width=pixels, height=pixels,
    )  # fmt: skip
    return np.moveaxis(done.ReadAsArray(), 0, -1).astype(int)


def gdals(path: Path, corners: tuple[float, ...], pixels: int) -> np.ndarray:
    """Return a square by gdalwarp, with what lies a turn round the world away."""
    tile = warped(path, corners, pixels)
    for turn in (WORLD, -WORLD):
        missing = tile[..., -1] == 0
        if not missing.any():
            break
        tile[missing] = warped(path, corners, pixels, turn)[missing]
    return tile


def place(tile: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which column and row of the source each pixel of a tile is."""
    return (tile[..., 0] - 1) % 200, (tile[..., 0] - 1) // 200


def near(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return where values are those of gdalwarp, or of one of its neighbouring pixels."""
    padded = np.pad(expected, 1, mode="edge")
    height, width = expected.shape
    around = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.any([found == part for part in around], axis=0)


@pytest.mark.parametrize("case", parameters())
def test_tiles_are_those_of_gdalwarp(case: Case, tmp_path: Path) -> None:
    path = made(case, tmp_path)
    with project(open_reader(locate(path)), path, "EPSG:3857") as view:
        rect, deepest = image_rect(view.info), len(view.info.levels) - 1
        for z in {0, deepest}:
            # the world, or a square in the middle of the image
            count, scale = 128 if z else 256, 2 ** (deepest - z)
            x = int((rect.x + rect.width / 2) / scale) - count // 2
            y = int((rect.y + rect.height / 2) / scale) - count // 2
            x, y = (max(0, min(start, 256 * 2**z - count)) for start in (x, y))
            found = view.plane(deepest - z, 0).read(Rect(x, y, count, count)).astype(int)
            pixel = WORLD / 2**z / 256
            left, top, size = x * pixel - WORLD / 2, WORLD / 2 - y * pixel, count * pixel
            expected = gdals(path, (left, top - size, left + size, top), count)
            assert near(found[..., -1], expected[..., -1]).all(), f"zoom {z}: what is shown"
            visible = (found[..., -1] > 0) & (expected[..., -1] > 0)
            assert visible.any() or z < deepest
            for ours, theirs in zip(place(found), place(expected), strict=True):
                assert (np.abs(ours - theirs)[visible] <= 1).all(), f"zoom {z}: source pixels"


@pytest.mark.parametrize("case", parameters())
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857"])
def test_bounds_are_those_of_gdalwarp(case: Case, crs: str, tmp_path: Path) -> None:
    path = made(case, tmp_path)
    with open_reader(locate(path)) as reader:
        info = reader.info
    assert info.geo is not None
    found = bounds(info.geo, info.width, info.height, crs)
    world = 360.0 if crs == "EPSG:4326" else WORLD
    assert found["xmax"] - found["xmin"] <= world * 1.0001 or "half a pixel" in case.name
    if case.around:
        assert found["xmax"] - found["xmin"] >= world * 0.999
        return
    if case.sky or "date line" in case.name:
        return  # gdalwarp's own bounds are guesses; those tests are below and in test_geo
    made_by_gdal = gdal.Warp("", str(path), format="VRT", dstSRS=crs)
    x, wide, _, y, _, tall = made_by_gdal.GetGeoTransform()
    theirs = (x, y + tall * made_by_gdal.RasterYSize, x + wide * made_by_gdal.RasterXSize, y)
    ours = tuple(found[key] for key in ("xmin", "ymin", "xmax", "ymax"))
    turn = world * round((theirs[0] - ours[0]) / world)
    pixel = max(wide, -tall) * 1.5  # gdalwarp ends at a whole number of its own pixels
    assert ours[0] + turn == pytest.approx(theirs[0], abs=pixel)
    assert ours[2] + turn == pytest.approx(theirs[2], abs=pixel)
    assert (ours[1], ours[3]) == pytest.approx((theirs[1], theirs[3]), abs=pixel)


@pytest.mark.parametrize("case", parameters())
def test_corners_are_those_of_gdalinfo(case: Case, tmp_path: Path) -> None:
    path = made(case, tmp_path)
    with open_reader(locate(path)) as reader:
        info = reader.info
    assert info.geo is not None
    if info.geo.transform is None:
        return  # gdalinfo gives pixels
    found = bounds(info.geo, info.width, info.height)
    said = gdal.Info(str(path), format="json")["cornerCoordinates"]
    for ours, theirs in {"ul": "upperLeft", "lr": "lowerRight", "ur": "upperRight"}.items():
        assert (found[ours]["x"], found[ours]["y"]) == pytest.approx(said[theirs], abs=1e-3)
