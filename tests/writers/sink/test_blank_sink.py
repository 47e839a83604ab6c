"""A sink can be asked before its first tile, and by what scripts call its facts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.readers.errors import OptionError, SourceError

pytestmark = pytest.mark.usefixtures("kind")


def test_sizes_are_zero_and_regions_empty_before_the_first_tile() -> None:
    with ziggurat.new() as sink:
        sizes = sink.sizeX, sink.sizeY, sink.levels, sink.tileWidth, sink.tileHeight
        assert (*sizes, sink.bandCount, sink.frames) == (0,) * 7
        metadata = sink.metadata
        assert (metadata["sizeX"], metadata["levels"], metadata["mm_x"]) == (0, 0, None)
        assert sink.getRegion(format="numpy")[0].shape[:2] == (0, 0)
        assert sink.getRegion(encoding="PNG") == (b"", "image/png")
        assert sink.getThumbnail(format="PIL")[0].size == (0, 0)
        assert list(sink.tileIterator()) == []
        sink.addTile(np.ones((20, 30, 3), np.uint8))
        assert (sink.sizeX, sink.sizeY, sink.levels) == (30, 20, 1)
        assert sink.getRegion(format="numpy")[0].shape == (20, 30, 3)
        assert len(list(sink.tileIterator())) == 1


def test_nothing_is_not_written(tmp_path: Path) -> None:
    with ziggurat.new() as sink, pytest.raises(SourceError, match="no tile in the sink"):
        sink.write(tmp_path / "a.tiff")
    assert not list(tmp_path.iterdir())


SAID: list[Any] = ["hello", {"a": [1, 2]}, ["x", {"y": None}], "{not JSON", "12"]


@pytest.mark.parametrize("name", ["a.tiff", "a.ome.tiff", "a.zarr", "a.zarr.zip"])
@pytest.mark.parametrize("said", SAID, ids=str)
def test_what_was_said_comes_back_in_its_types(tmp_path: Path, name: str, said: Any) -> None:
    more = {"a": [1, 2], "b": {"c": 0.5, "d": None}, "e": "text", "f": True}
    with ziggurat.new() as sink:
        sink.addTile(np.ones((16, 16, 3), np.uint8))
        sink.imageDescription, sink.additionalMetadata = said, more
        sink.write(tmp_path / name)
        with ziggurat.open(tmp_path / name) as source:
            assert source.imageDescription == sink.imageDescription == said
            assert source.additionalMetadata == sink.additionalMetadata == more


def test_a_name_without_an_ending_is_a_tiff(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        sink.addTile(np.ones((16, 16), np.float32))
        sink.write(tmp_path / "out", keepFloat=True, predictor="float", bigtiff=True)
        with pytest.raises(OptionError, match="doesn't say what it shall be"):
            sink.write(tmp_path / "out.xyz")
        with pytest.raises(TypeError, match="did you mean 'compression'"):
            sink.write(tmp_path / "other", compresion="lzw")
    assert (tifffile.imread(tmp_path / "out") == 1).all()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_values_nobody_knows_and_names_in_an_array_are_taken() -> None:
    with ziggurat.new() as sink:
        for c in range(2):
            sink.addTile(np.ones((8, 8), np.uint8), c=c, c_value=None, z=0, z_value=0.5)
        sink.channelNames = np.array(["DAPI", "CD4"])
        assert sink.metadata["channels"] == ["DAPI", "CD4"]
        assert "ValueC" not in sink.metadata


def test_a_style_is_told_as_it_was_given(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s.tif", np.zeros((32, 32), np.uint8))
    with ziggurat.open(tmp_path / "s.tif", encoding="PNG", jpegQuality=80, edge="crop") as source:
        source.style = {"band": 1, "min": 0}
        assert source.style == {"band": 1, "min": 0}
        assert (source.encoding, source.jpegQuality, source.edge) == ("PNG", 80, "crop")
        assert source.name == "tiff"
        again = ziggurat.open(tmp_path / "s.tif", encoding="PNG", jpegQuality=80, edge="crop")
        assert again.getState() != source.getState()
        again.style = {"min": 0, "band": 1}
        assert again.getState() == source.getState()
