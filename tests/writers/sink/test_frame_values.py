"""What frames stand for: values by position, and by frame where frames of one position differ."""

import itertools
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.converter.deidentify.names import clean_facts
from ziggurat.converter.deidentify.policy import Policy
from ziggurat.readers.views.channels import BandsApart
from ziggurat.readers.views.views import select_frames

pytestmark = pytest.mark.usefixtures("kind")

TIMES = [
    [0.0, 10.0],
    [0.5, 10.5],
    [1.0, 11.0],
]  # seconds, by z and t: the stage takes half a second


def sink_of(values: list[list[Any]], bands: int = 1, unit: str | None = "second") -> ziggurat.Sink:
    """Return a sink of a 3 x 2 stack, z slower than t, whose t differs by z."""
    sink = ziggurat.new()
    for z, t in itertools.product(range(3), range(2)):
        pixels = np.full((20, 30, bands), 10 * z + t, np.uint8)
        sink.addTile(pixels, axes="ztyxs", z=z, t=t, z_value=2.0 * z, t_value=values[z][t])
    if unit:
        sink.frameUnits = {"t": unit, "z": "micrometer"}
    return sink


def told(source: Any, key: str = "ValueT") -> list[Any]:
    return [frame[key] for frame in source.metadata["frames"]]


@pytest.mark.parametrize("name", ["a.tiff", "a.ome.tiff", "a.zarr", "a.zarr.zip"])
@pytest.mark.parametrize("bands", [1, 3, 6])
def test_times_that_differ_by_plane_are_kept(tmp_path: Path, name: str, bands: int) -> None:
    with sink_of(TIMES, bands) as sink:
        sink.write(tmp_path / name, lossy=False)
        with ziggurat.open(tmp_path / name) as written:
            for source in (sink, written):
                assert told(source) == [0.0, 10.0, 0.5, 10.5, 1.0, 11.0]
                assert told(source, "ValueZ") == [0, 0, 2, 2, 4, 4]
                facts = source.metadata["ValueT"]
                assert facts["values"] == [0.0, 10.0]
                assert not facts["uniform"]
                assert source.metadata["ValueZ"]["uniform"]


def test_a_frame_of_which_nothing_is_said_has_what_its_position_stands_for() -> None:
    times = [[0.0, 10.0], [0.5, None], [None, 11.0]]
    with sink_of(times) as sink:
        assert told(sink) == [0.0, 10.0, 0.5, 10.0, 0.0, 11.0]
        assert sink.metadata["ValueT"]["values"] == [0.0, 10.0]


def test_ome_xml_tells_the_time_of_each_plane(tmp_path: Path) -> None:
    with sink_of(TIMES) as sink:
        sink.write(tmp_path / "a.ome.tiff", lossy=False)
    with tifffile.TiffFile(tmp_path / "a.ome.tiff") as tif:
        root = ET.fromstring(tif.ome_metadata or "")
    planes = {
        (int(p.attrib["TheZ"]), int(p.attrib["TheT"])): float(p.attrib["DeltaT"])
        for p in root.findall(".//{*}Plane")
    }
    assert planes == {(z, t): TIMES[z][t] for z in range(3) for t in range(2)}
    assert not [p for p in root.findall(".//{*}Pixels") if "TimeIncrement" in p.attrib]


def test_chosen_frames_keep_their_own_values() -> None:
    with sink_of(TIMES, bands=2) as sink:
        reader = sink._image().reader
        chosen = select_frames(reader, {"z": [2, 1]}).info
        assert chosen.frame_values(chosen.axes[1]) == (1.0, 11.0, 0.5, 10.5)
        apart = BandsApart(reader).info
        assert apart.frame_values(apart.axes[1])[:4] == (0.0, 0.0, 10.0, 10.0)


def test_texts_of_frames_are_taken_out_with_those_of_positions() -> None:
    names = [["a", "b"], ["Jane Doe", "b"], ["a", "b"]]
    with sink_of(names, unit=None) as sink:
        assert "Jane Doe" in told(sink)
        clean, texts = clean_facts(sink._image().reader.info, Policy())
    assert "Jane Doe" in texts.values()
    assert clean.axes[1].values is None
    assert clean.axes[1].by_frame is None


@pytest.mark.parametrize(
    ("values", "facts"),
    [
        (["b", "g", "r"], {"min": "b", "max": "r", "datatype": "str32"}),
        (["x", "yy", "z"], {"min": "x", "max": "z", "datatype": "str64"}),
        ([2, 4, 8], {"min": 2, "max": 8, "datatype": "int64"}),
        ([0.5, 1, 7], {"min": 0.5, "max": 7, "datatype": "float64"}),
        ([5, None, 0.25], {"min": None, "max": None, "datatype": "object"}),
        ([5, "DAPI", 7], {"min": None, "max": None, "datatype": "object"}),
    ],
)
def test_range_and_type_of_values(values: list[Any], facts: dict[str, Any]) -> None:
    with ziggurat.new() as sink:
        for number, value in enumerate(values):
            sink.addTile(np.zeros((4, 4), np.uint8), q=number, q_value=value)
        wanted = {"values": values, "units": None, "uniform": True, **facts}
        assert sink.metadata.get("ValueQ") == wanted


@pytest.mark.parametrize("name", ["a.tiff", "a.ome.tiff", "a.zarr"])
def test_channels_without_names_are_bands_by_number(tmp_path: Path, name: str) -> None:
    with ziggurat.new() as sink:
        for c in range(2):
            sink.addTile(np.zeros((4, 4), np.uint8), c=c)
        assert sink.channelNames is None
        sink.write(tmp_path / name)
        with ziggurat.open(tmp_path / name) as written:
            for source in (sink, written):
                assert source.metadata["channels"] == ["Band 1", "Band 2"]
                assert source.metadata["channelmap"] == {"Band 1": 0, "Band 2": 1}
                assert told(source, "Channel") == ["Band 1", "Band 2"]


def test_what_a_position_stands_for_may_be_said_again_and_taken_back() -> None:
    """The later say counts, also where it is the same as one before the last."""
    with ziggurat.new() as sink:
        sink.addTile(np.ones((4, 4), np.uint8), z=1, z_value=0.5)
        for value in (0.7, 0.5, 0.7, 0.7, 0.5):
            sink.frameValues = np.array([[0.0], [value]], object)
            assert sink.frameValues is not None
            assert sink.frameValues.tolist() == [[0.0], [value]]


def test_tiles_that_say_the_same_say_it_once(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", store="mapped") as sink:
        for number in range(6):
            sink.addTile(np.ones((4, 4), np.uint8), 4 * number, z=number % 2, z_value=number % 2)
    (said,) = (tmp_path / "s/.ziggurat").glob("values*")
    assert len(said.read_text().splitlines()) == 2


@pytest.mark.parametrize("kind", ["mapped", "log"])
def test_a_value_alone_is_that_of_the_first_position(tmp_path: Path, kind: str) -> None:
    with ziggurat.new(tmp_path / "s", store=kind) as sink:
        sink.addTile(np.ones((4, 4), np.uint8), z_value=0.5)
        assert sink.frameAxes == ["z"]
        assert sink.frameValues is not None
        assert sink.frameValues.tolist() == [[0.5]]
