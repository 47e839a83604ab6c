"""Names and colours of channels, on sinks with and without an axis ``c``."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.formats.registry import open_reader

pytestmark = pytest.mark.usefixtures("kind")


def sink_of(bands: int) -> Any:
    sink = ziggurat.new()
    sink.addTile(np.arange(64 * 64 * bands, dtype=np.uint8).reshape(64, 64, bands), 0, 0)
    return sink


@pytest.mark.parametrize("name", ["a.tiff", "a.ome.tiff", "a.zarr"])
def test_names_of_bands_are_carried(tmp_path: Path, name: str) -> None:
    with sink_of(5) as sink:
        sink.interpretation = "multiband"
        sink.channelNames = ["DAPI", "CD3", "CD8", "CD20", "Ki67"]
        report = sink.write(tmp_path / name, lossy=False)
    assert report.lost == ()
    with open_reader(tmp_path / name) as reader:
        assert reader.info.band_names == ("DAPI", "CD3", "CD8", "CD20", "Ki67")


@pytest.mark.parametrize("name", ["a.tiff", "a.ome.tiff", "a.zarr"])
def test_the_only_channel_is_carried(tmp_path: Path, name: str) -> None:
    with sink_of(1) as sink:
        sink.channelNames, sink.channelColors = ["DAPI"], ["#0000ff"]
        report = sink.write(tmp_path / name, lossy=False)
    assert report.lost == ()
    with open_reader(tmp_path / name) as reader:
        assert [(c.name, c.color) for c in reader.info.channels] == [("DAPI", "#0000ff")]


def test_names_without_a_place_are_named(tmp_path: Path) -> None:
    with sink_of(3) as sink:
        sink.channelNames, sink.channelColors = ["DAPI", "CD3"], ["blue", "red", "green"]
        names, colors = sink.write(tmp_path / "a.tiff").lost
    assert "DAPI" in names
    assert "3 band" in names
    assert "#0000ff" in colors


def test_flat_pictures_have_no_names(tmp_path: Path) -> None:
    with sink_of(3) as sink:
        sink.channelNames = ["DAPI", "CD3", "CD8"]
        assert sink.write(tmp_path / "a.png").lost == ("the names of the channels",)


def test_names_of_an_axis_are_carried_as_before(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        for c in range(2):
            sink.addTile(np.full((64, 64, 1), c, np.uint8), 0, 0, c=c)
        sink.channelNames = ["DAPI", "CD3"]
        assert sink.write(tmp_path / "a.tiff", lossy=False).lost == ()
    with open_reader(tmp_path / "a.tiff") as reader:
        assert [channel.name for channel in reader.info.channels] == ["DAPI", "CD3"]
