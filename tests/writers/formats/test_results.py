"""Results of inference in the containers that people open: names of classes, and what was said."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions

NAMES = ["tumour", "stroma", "other"]
GIVEN: dict[str, Any] = {
    "imageDescription": {"model": "m-3", "classes": [1, 2, 3], "sure": True},
    "additionalMetadata": {"epoch": 12, "rate": 0.5, "nested": {"none": None, "list": [1, "a"]}},
}
_OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"


def probabilities(dtype: str) -> np.ndarray:
    values = np.random.default_rng(3).random((301, 407, 3)) * (255 if dtype == "uint8" else 1)
    return values.astype(dtype)


def written(path: Path, pixels: np.ndarray, **facts: Any) -> Path:
    with ziggurat.new() as sink:
        sink.addTile(pixels)
        for name, value in facts.items():
            setattr(sink, name, value)
        sink.write(path, lossy=False, tileSize=128)
    return path


@pytest.mark.parametrize("dtype", ["float32", "uint8", "uint16"])
def test_bands_with_names_are_channels_of_an_ome_tiff(dtype: str, tmp_path: Path) -> None:
    pixels = probabilities(dtype)
    path = written(tmp_path / "case 12.ome.tiff", pixels, channelNames=NAMES)
    with tifffile.TiffFile(path) as tif:
        (series,) = tif.series
        assert (series.axes, series.shape) == ("CYX", (3, 301, 407))
        assert len(series.levels) == 3
        np.testing.assert_array_equal(np.moveaxis(series.asarray(), 0, -1), pixels)
        image = ET.fromstring(tif.ome_metadata or "").find(f"{_OME}Image")
    assert image is not None
    assert image.get("Name") == "case 12"
    channels = list(image.iter(f"{_OME}Channel"))
    assert [channel.get("Name") for channel in channels] == NAMES
    assert {channel.get("SamplesPerPixel") for channel in channels} == {"1"}
    assert len({channel.get("Color") for channel in channels} - {None}) == 3
    with ziggurat.open(path) as source:
        read, _ = source.getRegion(format="numpy")
        assert source.bandCount == 3
        assert "frames" not in source.getMetadata()
    np.testing.assert_array_equal(read, pixels)


def test_they_go_through_conversions(tmp_path: Path) -> None:
    path = written(tmp_path / "a.zarr", probabilities("float32"), channelNames=NAMES)
    for name in ("b.ome.tiff", "c.tiff", "d.ome.tiff"):
        report = convert(path, tmp_path / name, ConvertOptions(verify="full"))
        assert report.verification is not None
        assert (report.verification.problems, report.losses) == ((), ())
        path = tmp_path / name
    with tifffile.TiffFile(path) as tif:
        assert all(name in (tif.ome_metadata or "") for name in NAMES)


def test_colours_and_bands_without_names_stay_together(tmp_path: Path, tissue: np.ndarray) -> None:
    for number, facts in enumerate(({}, {"channelNames": ["Red", "Green", "Blue"]})):
        path = written(tmp_path / f"{number}.ome.tiff", tissue, **facts)
        with tifffile.TiffFile(path) as tif:
            assert tif.series[0].axes == "YXS"


@pytest.mark.parametrize("name", ["a.tiff", "a.ome.tiff", "a.zarr", "a.zarr.zip"])
def test_what_was_said_comes_back_as_it_was_given(name: str, tmp_path: Path) -> None:
    path = written(tmp_path / name, probabilities("float32"), **GIVEN)
    convert(path, tmp_path / "again.ome.tiff")
    convert(tmp_path / "again.ome.tiff", tmp_path / "again.zarr")
    for place in (path, tmp_path / "again.ome.tiff", tmp_path / "again.zarr"):
        with ziggurat.open(place) as source:
            said = source.getInternalMetadata()
        assert {key: said[key] for key in GIVEN} == GIVEN


def test_what_was_said_goes_when_who_and_when_go(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tiff", probabilities("float32"), **GIVEN)
    convert(path, tmp_path / "b.tiff", ConvertOptions(deidentify=True))
    assert b"m-3" not in (tmp_path / "b.tiff").read_bytes()


@pytest.mark.parametrize(("deidentify", "name"), [(False, "case 12"), (True, "anonymous")])
def test_an_ome_tiff_is_called_after_the_slide(deidentify: bool, name: str, tmp_path: Path) -> None:
    written(tmp_path / "case 12.tiff", probabilities("uint8"))
    target = tmp_path / "anonymous.ome.tiff"
    convert(tmp_path / "case 12.tiff", target, ConvertOptions(deidentify=deidentify))
    image = ET.fromstring(tifffile.tiffcomment(target)).find(f"{_OME}Image")
    assert image is not None
    assert image.get("Name") == name
