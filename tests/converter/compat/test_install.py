"""Programs that can't be changed import the reference's names, in a process that asked for it."""

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from osgeo import gdal, osr

import ziggurat
from tests import preloaded
from ziggurat.converter.compat import conversion
from ziggurat.readers.errors import OptionError, TargetExistsError

gdal.UseExceptions()

PROGRAM = """
import sys
import ziggurat
assert "large_image" not in sys.modules
ziggurat.install_as_large_image()
ziggurat.install_as_large_image()

import large_image
import large_image.config
import large_image.tilesource.base
import large_image_converter
import large_image_source_tiff
import large_image_source_zarr
from large_image.cache_util import cachesClear
from large_image.constants import TILE_FORMAT_NUMPY
from large_image.exceptions import TileSourceError
from large_image.tilesource import FileTileSource, TileSource
from large_image_source_openslide import OpenslideFileTileSource

large_image.config.setConfig("cache_backend", "python")
assert large_image.open is ziggurat.open
source = large_image.getTileSource(sys.argv[1], nobody_knows_this_word=1)
assert isinstance(source, TileSource) and isinstance(source, OpenslideFileTileSource)
assert isinstance(large_image_source_tiff.open(sys.argv[1], encoding="PNG"), FileTileSource)
assert source.getRegion(format=TILE_FORMAT_NUMPY, nothing_like_it=2)[0].shape == (64, 64, 1)
try:
    source.getRegion(frame=9)
except TileSourceError as error:
    print("caught", type(error).__name__)
made = large_image_converter.convert(sys.argv[1], sys.argv[2], overwrite=True, keepFloat=True)
with large_image.open(made) as written:
    print(made == sys.argv[2], written.getMetadata()["sizeX"])
sink = large_image.new()
sink.addTile(written_tile := __import__("numpy").ones((8, 8), "u1"))
child = large_image_source_zarr.open(sink.largeImagePath)
child.addTile(written_tile, 8, 0)
print(sink.sizeX)
"""


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.tif"
    tifffile.imwrite(path, np.arange(64 * 64, dtype=np.uint16).reshape(64, 64), tile=(32, 32))
    return path


def test_a_whole_program_runs_under_the_names_of_the_reference(
    picture: Path, tmp_path: Path
) -> None:
    words = str(picture), str(tmp_path / "named without an ending")
    done = preloaded.run(preloaded.code, PROGRAM, *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:3] == ["caught TileRangeError", "True 64", "16"]


def test_the_reference_itself_is_never_replaced() -> None:
    code = (
        "import sys, types, ziggurat\n"
        "sys.modules['large_image'] = types.ModuleType('large_image')\n"
        "try:\n    ziggurat.install_as_large_image()\n"
        "except ziggurat.errors.ZigguratError as error:\n    print(error)"
    )
    done = preloaded.run(preloaded.code, code)
    assert done.returncode == 0, done.stderr
    assert "has been imported already" in done.stdout


def test_outputs_are_named_as_the_converter_names_them(picture: Path) -> None:
    assert conversion.convert(picture.rename(picture.with_suffix(".x"))) == str(
        picture.with_suffix(".tiff")
    )
    with pytest.raises(TargetExistsError, match="overwrite=True"):
        conversion.convert(picture.with_suffix(".x"))


def test_one_frame_and_a_tile_size(tmp_path: Path) -> None:
    stack = np.zeros((3, 64, 64), np.uint16) + np.arange(3, dtype=np.uint16)[:, None, None]
    tifffile.imwrite(tmp_path / "s.tif", stack, ome=True, metadata={"axes": "CYX"})
    made = conversion.convert(
        tmp_path / "s.tif",
        tmp_path / "o",
        onlyFrame=2,
        tileSize=32,
        compression="zip",
        quality=None,
    )
    with tifffile.TiffFile(made) as tif:
        assert (tif.pages.first.tilewidth, tif.pages.first.compression) == (32, 8)
        assert (tif.asarray() == 2).all()
    assert ziggurat.open(made).frames == 1


@pytest.mark.parametrize("words", [{"format": "bmp"}, {"compresion": "lzw"}])
def test_what_the_converter_does_not_know_is_an_error(picture: Path, words: dict[str, str]) -> None:
    with pytest.raises(OptionError):
        conversion.convert(picture, picture.with_suffix(".out"), **words)
    assert not picture.with_suffix(".out").exists()


def test_nothing_is_installed_by_itself() -> None:
    assert "large_image" not in sys.modules
    assert callable(ziggurat.install_as_large_image)


LISTS = """
import json
import ziggurat
ziggurat.install_as_large_image()
import large_image
import large_image_source_gdal
import large_image_source_multi
import large_image_source_test
import sys

made = {"sourceName": "test", "path": "__none__", "params": {"sizeX": 300, "sizeY": 200}}
for said in ({"sources": [made]}, json.dumps({"sources": [made]})):
    assert large_image_source_multi.open(said).sizeY == 200
assert large_image_source_test.open(None, sizeX=120, frames=3).frames == 3
assert large_image_source_test.TestTileSource(sizeX=120).sizeX == 120
assert large_image.open("large_image://test", sizeX=120).sizeX == 120
large_image.config.setConfig("default_projection", "EPSG:3857")
assert large_image_source_gdal.open(sys.argv[1]).projection == "EPSG:3857"
assert large_image_source_gdal.open(sys.argv[2]).projection is None
print("done")
"""


def test_lists_made_pictures_and_maps_by_the_names_of_their_sources(
    tmp_path: Path, picture: Path
) -> None:
    made = gdal.GetDriverByName("GTiff").Create(str(tmp_path / "map.tif"), 50, 50, 1, gdal.GDT_Byte)
    system = osr.SpatialReference()
    system.ImportFromEPSG(32633)
    made.SetProjection(system.ExportToWkt())
    made.SetGeoTransform((500000, 100, 0, 5000000, 0, -100))
    made.Close()
    found = preloaded.run(preloaded.code, LISTS, str(tmp_path / "map.tif"), str(picture))
    assert (found.stdout, found.returncode) == ("done\n", 0), found.stderr
