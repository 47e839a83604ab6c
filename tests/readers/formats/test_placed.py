"""TIFFs of several pages that say where on earth they are: no page lost, no place lost."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from osgeo import gdal

import ziggurat
from ziggurat.readers.formats.gdal.georeferenced import is_georeferenced
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.geo.geotiff import geo_tags
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.image import GeoReference, GroundControlPoint

UTM = GeoReference("EPSG:32632", (500000.0, 10.0, 0.0, 4000000.0, 0.0, -10.0))
ROTATED = GeoReference("EPSG:32632", (500000.0, 9.0, 2.0, 4000000.0, 2.0, -9.0))
POINTS = GeoReference(
    "EPSG:4326",
    None,
    tuple(
        GroundControlPoint(x, y, 10 + x / 100 + y * y / 9999, 50 - y / 100)
        for x in (0.0, 30.0, 60.0)
        for y in (0.0, 25.0, 50.0)
    ),
)


@pytest.fixture
def pages(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 60000, (3, 50, 60), np.uint16)


def write(path: Path, pages: np.ndarray, **options: Any) -> None:
    with tifffile.TiffWriter(path) as tiff:
        for page in pages:
            tiff.write(page, tile=(32, 32), photometric="minisblack", metadata=None, **options)


@pytest.mark.parametrize("beside", [False, True], ids=["tags", "world file"])
def test_every_page_is_a_frame_with_the_place(
    beside: bool, pages: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    write(path, pages, **({} if beside else {"extratags": geo_tags(UTM)}))
    if beside:
        path.with_suffix(".tfw").write_text("10\n0\n0\n-10\n500005\n3999995\n")
    with ziggurat.open(path) as source:
        assert source.frames == 3
        for number, page in enumerate(pages):
            found = source.getRegion(format="numpy", frame=number)[0]
            np.testing.assert_array_equal(found[..., 0], page)
        where = source.getBounds()
    assert (where["xmin"], where["ymax"]) == (500000, 4000000)
    assert (where["xmax"], where["ymin"]) == (500600, 3999500)
    assert where["srs"] == (None if beside else "EPSG:32632")


@pytest.mark.parametrize("geo", [UTM, ROTATED, POINTS], ids=["north-up", "rotated", "points"])
def test_tags_say_the_place_as_gdal_reads_it(geo: GeoReference, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((50, 60), np.uint8), extratags=geo_tags(geo), metadata=None)
    dataset = gdal.Open(str(path))
    if geo.transform is not None:
        assert dataset.GetGeoTransform() == pytest.approx(geo.transform)
        assert dataset.GetSpatialRef().GetAuthorityCode(None) == "32632"
    else:
        found = [(p.GCPPixel, p.GCPLine, p.GCPX, p.GCPY) for p in dataset.GetGCPs()]
        assert found == [(p.pixel_x, p.pixel_y, p.x, p.y) for p in geo.gcps]
        assert dataset.GetGCPSpatialRef().GetAuthorityCode(None) == "4326"


def test_a_sink_of_several_frames_keeps_its_place(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    with ziggurat.new() as sink:
        for number in range(4):
            sink.addTile(np.full((120, 150), number, np.float32), 0, 0, t=number)
        sink.projection = "EPSG:4326"
        sink.gcps = "-71 42 0 0, -70 41 150 120"
        report = sink.write(path)
    assert report.lost == ()
    for number in range(4):  # each page is a map to every other reader
        page = gdal.Open(f"GTIFF_DIR:{number + 1}:{path}")
        assert page.GetSpatialRef().GetAuthorityCode(None) == "4326"
        assert page.GetGeoTransform()[0] == pytest.approx(-71)
    with ziggurat.open(path) as source:
        assert source.geospatial
        assert source.metadata["IndexRange"] == {"IndexT": 4}
        assert [source.getRegion(format="numpy", frame=n)[0][0, 0, 0] for n in range(4)] == [
            0, 1, 2, 3,
        ]  # fmt: skip


def test_converted_pages_keep_their_place(pages: np.ndarray, tmp_path: Path) -> None:
    write(tmp_path / "a.tif", pages, extratags=geo_tags(UTM))
    report = ziggurat.convert(tmp_path / "a.tif", tmp_path / "b.tif")
    assert report.losses == ()
    with ziggurat.open(tmp_path / "b.tif") as source:
        assert source.frames == 3
        assert source.getCrs() == "EPSG:32632"


@pytest.mark.parametrize("ending", ["ome.tif", "zarr"])
def test_what_an_output_can_not_hold_of_a_map_is_told(ending: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with gdal.config_option("GDAL_TIFF_INTERNAL_MASK", "YES"):
        made = gdal.GetDriverByName("GTiff").Create(str(path), 60, 50, 1)
        made.SetGeoTransform(UTM.transform)
        band = made.GetRasterBand(1)
        band.Fill(7)
        band.SetScale(0.01)
        band.SetUnitType("K")
        made.CreateMaskBand(gdal.GMF_PER_DATASET)
        made.Close()
    told = "; ".join(ziggurat.convert(path, tmp_path / f"b.{ending}").losses)
    assert "mask" in told
    assert "scale, units" in told
    assert ("place on earth" in told) == (ending == "ome.tif")


def test_a_sink_tells_where_its_place_has_no_place(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        sink.addTile(np.zeros((50, 60), np.uint8), 0, 0)
        sink.projection = "EPSG:4326"
        sink.gcps = [[-71, 42, 0, 0], [-70, 41, 60, 50]]
        assert "place on earth" in "; ".join(sink.write(tmp_path / "a.ome.tif").lost)


def test_a_plain_tiff_is_asked_once_where_it_lies(
    pages: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.tif", pages)
    asked: list[str] = []

    def counted(location: Location) -> bool:
        asked.append(location.name)
        return is_georeferenced(location)

    for name in [name for name in sys.modules if name.startswith("ziggurat.readers.formats")]:
        if hasattr(sys.modules[name], "is_georeferenced"):
            monkeypatch.setattr(sys.modules[name], "is_georeferenced", counted)
    with open_reader(tmp_path / "a.tif") as reader:
        assert reader.info.backend == "tiff"
    assert asked == ["a.tif"]
