"""GDAL's quiet failures: a call that gives None, or a code, must never give pixels or a file."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal, osr

import ziggurat
from ziggurat.errors import CorruptSourceError, WriteError, ZigguratError
from ziggurat.readers.formats.gdal.reader import open_reader
from ziggurat.readers.geo.gdal_calls import checked
from ziggurat.readers.io.location import locate

ROOT = Path(__file__).parents[3]
READ = {"ReadRaster", "ReadAsArray", "WriteRaster", "WriteArray", "BuildOverviews", "CreateCopy"}
MODULE = {"Warp", "Translate", "Open", "OpenEx", "BuildVRT"}


@pytest.fixture
def map_file(tmp_path: Path) -> Path:
    path = tmp_path / "map.tif"
    made = gdal.GetDriverByName("GTiff").Create(str(path), 300, 200, 1)
    place = osr.SpatialReference()
    place.ImportFromEPSG(32633)
    made.SetSpatialRef(place)
    made.SetGeoTransform((500000, 10, 0, 4000000, 0, -10))
    made.GetRasterBand(1).Fill(7)
    made.Close()
    return path


def read(path: Path, folder: Path) -> None:
    with ziggurat.open(path, noCache=True) as source:
        source.getRegion(format="numpy")


def open_raster(path: Path, folder: Path) -> None:
    open_reader(locate(path)).close()


def project(path: Path, folder: Path) -> None:
    with ziggurat.open(path, projection="EPSG:3857", noCache=True) as source:
        source.getTile(0, 0, 0, numpyAllowed="always")


def convert(path: Path, folder: Path) -> None:
    ziggurat.convert(path, folder / "out.tif")


def convert_described(path: Path, folder: Path) -> None:
    ziggurat.convert(path, folder / "out.tif", ziggurat.ConvertOptions(description="mine"))


def write(path: Path, folder: Path) -> None:
    with ziggurat.new() as sink:
        sink.addTile(np.ones((200, 300), np.uint8), 0, 0)
        sink.projection = "EPSG:4326"
        sink.gcps = [[10, 50, 0, 0], [11, 49, 300, 200]]
        sink.write(folder / "out.tif")


QUIET: list[tuple[Any, str, object, Callable[[Path, Path], None]]] = [
    (gdal, "OpenEx", None, open_raster),
    (gdal.Dataset, "ReadRaster", None, read),
    (gdal, "Warp", None, project),
    (gdal.Dataset, "ReadAsArray", None, project),
    (gdal.Driver, "CreateCopy", None, convert),
    (gdal.Dataset, "Close", gdal.CE_Failure, convert),
    (gdal.Driver, "Create", None, write),
    (gdal.Dataset, "WriteRaster", gdal.CE_Failure, write),
    (gdal.Dataset, "FlushCache", gdal.CE_Failure, write),
]


@pytest.mark.parametrize(
    ("owner", "name", "answer", "job"), QUIET, ids=[f"{job.__name__}-{n}" for _, n, _, job in QUIET]
)
def test_a_call_that_fails_without_a_word_is_an_error(
    owner: Any,
    name: str,
    answer: object,
    job: Callable[[Path, Path], None],
    map_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job(map_file, tmp_path)  # goes well
    (tmp_path / "out.tif").unlink(missing_ok=True)
    monkeypatch.setattr(owner, name, lambda *_, **__: answer)
    with pytest.raises(ZigguratError):
        job(map_file, tmp_path)
    assert not (tmp_path / "out.tif").exists()


def test_no_other_module_makes_such_calls() -> None:
    found = []
    for path in [*(ROOT / "readers").rglob("*.py"), *(ROOT / "writers").rglob("*.py")]:
        if path.name == "gdal_calls.py":
            continue
        text = path.read_text(encoding="utf-8")
        if not any(name in text for name in (*READ, *MODULE)):
            continue
        for node in ast.walk(ast.parse(text)):
            # a name that is handed over, as checked() wants it, is called by nobody else
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            of_gdal = isinstance(node.func.value, ast.Name) and node.func.value.id == "gdal"
            if node.func.attr in READ or (of_gdal and node.func.attr in MODULE):
                found.append((path.relative_to(ROOT).as_posix(), node.lineno, node.func.attr))
    wrapped = {("OpenEx", "gdal_access.py"), ("CreateCopy", "cog.py"), ("Translate", "raster.py")}
    assert [f for f in found if (f[2], Path(f[0]).name) not in wrapped] == []


def test_the_reason_is_asked_for_in_one_thread() -> None:
    tried: list[str | None] = []

    def fails() -> None:
        tried.append(gdal.GetConfigOption("GDAL_NUM_THREADS"))
        if tried[-1] == "1":
            gdal.Error(gdal.CE_Failure, gdal.CPLE_AppDefined, "tile 3 is damaged")

    with pytest.raises(WriteError, match="the map could not be made: tile 3 is damaged"):
        checked("the map could not be made", fails, WriteError)
    assert tried == [None, "1"]
    assert gdal.GetConfigOption("GDAL_NUM_THREADS") is None


def test_what_goes_well_the_second_time_is_taken() -> None:
    answers = iter([None, "pixels"])
    assert checked("reading", lambda: next(answers)) == "pixels"


def test_a_warning_that_pixels_are_missing_is_an_error() -> None:
    def cut() -> str:
        gdal.Error(gdal.CE_Warning, gdal.CPLE_AppDefined, "libjpeg: Premature end of JPEG file")
        return "pixels"

    with pytest.raises(CorruptSourceError, match="Premature end"):
        checked("reading", cut)


@pytest.mark.parametrize("damage", ["cut", "zeroed"])
@pytest.mark.parametrize("projection", [None, "EPSG:3857"])
def test_damaged_jpeg2000_tiles_are_no_pixels(
    damage: str, projection: str | None, tmp_path: Path
) -> None:
    path, rng = tmp_path / "whole.tif", np.random.default_rng(0)
    made = gdal.GetDriverByName("GTiff").Create(str(path), 700, 600, 1)
    place = osr.SpatialReference()
    place.ImportFromEPSG(32633)
    made.SetSpatialRef(place)
    made.SetGeoTransform((500000, 10, 0, 4000000, 0, -10))
    made.WriteArray(rng.integers(0, 256, (600, 700), np.uint8))
    options = ["REVERSIBLE=YES", "QUALITY=100", "BLOCKXSIZE=128", "BLOCKYSIZE=128"]
    gdal.GetDriverByName("JP2OpenJPEG").CreateCopy(
        str(tmp_path / "a.jp2"), made, options=options
    ).Close()
    made.Close()
    data = bytearray((tmp_path / "a.jp2").read_bytes())
    half = len(data) // 2
    if damage == "cut":
        data = data[:half]
    else:
        data[half : half + 4000] = bytes(4000)
    (tmp_path / "a.jp2").write_bytes(data)
    with (
        pytest.raises(ZigguratError),
        ziggurat.open(tmp_path / "a.jp2", projection=projection) as source,
    ):
        source.getRegion(format="numpy", output={"maxWidth": 4000})
