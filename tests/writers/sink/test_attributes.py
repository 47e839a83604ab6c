"""What can be said about a sink's image, and where it shows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.readers.errors import OptionError, SinkInputError

pytestmark = pytest.mark.usefixtures("kind")
ONE_MACHINE = pytest.mark.parametrize("kind", ["mapped"], indirect=True)  # it is about outputs


@pytest.fixture
def sink() -> Iterator[ziggurat.Sink]:
    with ziggurat.new(tileSize=64) as made:
        for c in range(2):
            made.addTile(np.full((60, 80), c + 1, np.uint8), c=c, z=1)
        yield made


def test_all_of_it_shows_in_metadata_and_in_every_output(
    sink: ziggurat.Sink, tmp_path: Path
) -> None:
    sink.mm_x, sink.mm_y, sink.magnification = 0.00025, 0.0005, 40
    sink.channelNames = ["DAPI", "CD3"]
    sink.channelColors = ["blue", (255, 0, 0, 0.5)]
    sink.imageDescription = "what it is"
    sink.additionalMetadata = {"stain": "IF", "round": 3}
    sink.frameUnits = {"z": "µm"}
    sink.frameValues = [[["a", 0.0], ["a", 1.5]], [["b", 0.0], ["b", 1.5]]]
    assert sink.channelColors == ["#0000ff", "#ff0000"]
    facts = sink.getMetadata()
    assert (facts["mm_x"], facts["mm_y"], facts["magnification"]) == (0.00025, 0.0005, 40)
    assert facts["channels"] == ["DAPI", "CD3"]
    info = sink._image().info
    assert [channel.color for channel in info.channels] == ["#0000ff", "#ff0000"]
    assert info.description == "what it is"
    assert info.properties == {"stain": "IF", "round": 3}
    for file in ("a.ome.tiff", "a.zarr.zip", "a.tiff"):
        sink.write(tmp_path / file, lossy=False)
        written = ziggurat.open(tmp_path / file)
        facts = written.getMetadata()
        assert (facts["mm_x"], facts["mm_y"]) == (0.00025, 0.0005), file
        assert facts["channels"] == ["DAPI", "CD3"], file
        assert [c.color for c in written._image().info.channels] == ["#0000ff", "#ff0000"], file
        for c in range(2):
            frame = written.axesToFrame(c=c, z=1)
            assert (written.getRegion(frame=frame, format="numpy")[0] == c + 1).all()


def test_frame_values_are_what_was_set(sink: ziggurat.Sink) -> None:
    assert sink.frameValues is None
    values = np.empty((2, 2, 2), object)
    for c in range(2):
        for z in range(2):
            values[z, c] = [z * 0.5, f"c{c}"]
    assert sink.frameAxes == ["z", "c"]
    sink.frameValues = values
    assert np.array_equal(sink.frameValues, values)
    assert sink.getMetadata()["ValueZ"]["values"] == [0, 0.5]


def test_values_that_nobody_knows_leave_those_that_were_said(sink: ziggurat.Sink) -> None:
    sink.frameAxes = ["z", "c"]
    said = np.array([[[0.5, "a"], [0.5, "b"]]], object)
    sink.frameValues = said
    for row in ([[None, "x"], [None, None]], [[np.nan, None], [None, "y"]]):
        sink.frameValues = np.array([row], object)
    assert sink.frameValues is not None
    assert sink.frameValues.tolist()[0] == [[0.5, "x"], [0.5, "y"]]


def test_axes_can_be_ordered_before_the_tiles() -> None:
    with ziggurat.new(tileSize=64) as sink:
        sink.frameAxes = ["t", "z", "c"]
        sink.addTile(np.ones((5, 5), np.uint8), c=1, t=2)
        assert sink.frameAxes == ["t", "z", "c"]
        assert [sink._image().info.axes[n].size for n in range(3)] == [3, 1, 2]
        sink.frameAxes = ["p", "t", "z", "c"]
        with pytest.raises(SinkInputError, match="order of the others stays"):
            sink.frameAxes = ["c", "z", "t", "p"]


REFUSALS: list[tuple[str, Any, str]] = [
    ("mm_x", -1, "above zero"),
    ("mm_y", "wide", "must be a number"),
    ("magnification", float("nan"), "must be a finite number"),
    ("crop", (1, 2, 3), "crop must be"),
    ("crop", (-1, 0, 5, 5), "zero or more"),
    ("crop", (0, 0, 0, 5), "zero or more"),
    ("minWidth", 1.5, "whole number"),
    ("minHeight", 0, "minHeight must be positive or None"),
    ("minHeight", 2**40, "must be a whole number from 1 to"),
    ("interpretation", "rgb", "'labels', 'multiband' or None"),
    ("channelNames", "DAPI", "list of texts"),
    ("channelNames", [1], "list of texts"),
    ("channelColors", ["no colour"], "is no colour"),
    ("channelColors", "red", "list of colours"),
    ("imageDescription", object, "JSON"),
    ("additionalMetadata", [object], "JSON"),
    ("frameUnits", {"q": "mm"}, "the sink's axes are"),
    ("frameValues", [[1, 2]], "one value for each"),
    ("projection", "nowhere", "no coordinate system"),
    ("gcps", [[1, 2, 3]], "ground control point must be"),
    ("gcps", [[1, 2, 3, 4]], "two or more"),
]


@pytest.mark.parametrize(("name", "value", "message"), REFUSALS, ids=lambda v: str(v)[:30])
def test_nonsense_is_refused_and_changes_nothing(
    sink: ziggurat.Sink, name: str, value: Any, message: str
) -> None:
    before = getattr(sink, name)
    with pytest.raises(SinkInputError, match=message):
        setattr(sink, name, value)
    assert getattr(sink, name) == before


def test_unset_is_none(sink: ziggurat.Sink) -> None:
    for name, value in (("mm_x", 0.5), ("crop", (0, 0, 5, 5)), ("channelNames", ["a"])):
        assert getattr(sink, name) is None
        setattr(sink, name, value)
        assert getattr(sink, name) == value
        setattr(sink, name, None)
        assert getattr(sink, name) is None


def test_a_map_knows_its_place(sink: ziggurat.Sink) -> None:
    sink.projection = "EPSG:3857"
    with pytest.warns(UserWarning, match="there already"):
        sink.gcps = [(10, 60, 0, 0), "90 60 80 0", [10, 0, 0, 60], [10, 0, 0, 60]]
    geo = sink._image().info.geo
    assert geo is not None
    assert geo.projection == "EPSG:3857"
    assert [(p.x, p.y, p.pixel_x, p.pixel_y) for p in geo.gcps][1] == (90, 60, 80, 0)


@pytest.mark.parametrize("again", [(10, 60, 5, 5), (11, 60, 80, 0), (90, 60, 1, 1), (1, 1, 0, 0)])
def test_a_place_or_a_pixel_is_a_control_point_once(
    sink: ziggurat.Sink, again: tuple[float, ...]
) -> None:
    sink.projection = "EPSG:3857"
    with pytest.warns(UserWarning, match="left out"):
        sink.gcps = [(10, 60, 0, 0), (90, 60, 80, 0), again, (10, 0, 0, 60)]
    assert sink.gcps == [[10, 60, 0, 0], [90, 60, 80, 0], [10, 0, 0, 60]]
    sink.gcps = [(10, 60, 0, 0), (10, 61, 0, 1), (11, 60, 1, 0)]  # halves that are alike
    assert len(sink.gcps or ()) == 3


@ONE_MACHINE
@pytest.mark.parametrize("file", ["a.tiff", "a.ome.tiff", "a.zarr"])
def test_labels_are_never_averaged(file: str, tmp_path: Path) -> None:
    classes = np.zeros((700, 600), np.uint8)
    classes[::3], classes[1::3] = 1, 7
    with ziggurat.new() as made:
        made.addTile(classes)
        made.interpretation = "labels"
        made.write(tmp_path / file)  # lossy where that suits the image
    source = ziggurat.open(tmp_path / file)
    assert np.array_equal(source.getRegion(format="numpy")[0][..., 0], classes)
    small = source._image().reader.plane(1, 0).read(source._image().info.levels[1].rect)
    assert set(np.unique(small)) <= {0, 1, 7}


@ONE_MACHINE
@pytest.mark.parametrize("file", ["a.tiff", "a.ome.tiff", "a.zarr"])
def test_four_bands_need_not_be_colours_and_alpha(file: str, tmp_path: Path) -> None:
    classes = np.zeros((700, 600, 4), np.uint8)
    classes[::2, :, 0] = 200
    classes[1::2, :, 3] = 200
    with ziggurat.new() as made:
        made.addTile(classes)
        made.interpretation = "multiband"
        made.write(tmp_path / file)
    source = ziggurat.open(tmp_path / file)
    assert np.array_equal(source.getRegion(format="numpy")[0], classes)
    small = source._image().reader.plane(1, 0).read(source._image().info.levels[1].rect)
    assert (small == [100, 0, 0, 100]).all()  # weighed by alpha it would be 0, 0, 0, 100


@ONE_MACHINE
def test_a_mask_can_become_an_svs(tmp_path: Path) -> None:
    mask = np.zeros((600, 500), bool)
    mask[80:360, 130:] = True
    with ziggurat.new() as made:
        made.addTile(mask)
        made.write(tmp_path / "a.svs")
    assert np.array_equal(tifffile.imread(tmp_path / "a.svs"), mask)


def test_a_crop_beside_the_image_is_refused(sink: ziggurat.Sink, tmp_path: Path) -> None:
    sink.crop = (80, 0, 5, 5)
    with pytest.raises(SinkInputError, match="lies in the crop"):
        sink.write(tmp_path / "a.tiff")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("file", ["a.tiff", "a.ome.tiff", "a.zarr"])
def test_associated_images_keep_their_names(file: str, tmp_path: Path) -> None:
    names = ["label", "Label", "Übersicht a/b", "漢" * 40]
    with ziggurat.new() as made:
        made.addTile(np.zeros((50, 50), np.uint8))
        for number, name in enumerate(names):
            made.addAssociatedImage(np.full((20, 30), number, np.uint8), name)
        made.write(tmp_path / file)
    source = ziggurat.open(tmp_path / file)
    assert sorted(source.getAssociatedImagesList()) == sorted(names)
    for number, name in enumerate(names):
        assert (source.getAssociatedImage(name, format="numpy")[0] == number).all()


def test_an_associated_image_must_be_one(sink: ziggurat.Sink) -> None:
    with pytest.raises(SinkInputError, match="no image"):
        sink.addAssociatedImage(b"nonsense")
    with pytest.raises(SinkInputError, match="must have a name"):
        sink.addAssociatedImage(np.zeros((5, 5), np.uint8), "")
    sink.addAssociatedImage(np.zeros((5, 5), np.uint8), "label")
    sink.addAssociatedImage(np.ones((6, 6), np.uint8), "label")
    assert sink.getAssociatedImagesList() == ["label"]
    assert sink.getAssociatedImage("label", format="numpy")[0].shape[:2] == (6, 6)


def test_options_of_an_output_are_given_by_their_values(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        sink.addTile(np.full((600, 600, 3), 90, np.uint8))
        sink.write(tmp_path / "a.tiff", subsampling="4:4:4", pyramid="subifd", description="mine")
        sink.write(tmp_path / "a.zarr", omeVersion="0.4", maxMemory=64 << 20)
        with pytest.raises(
            OptionError, match=r"subsampling must be one of '4:4:4', '4:2:2', '4:2:0', not"
        ):
            sink.write(tmp_path / "b.tiff", subsampling="4:1:1")
    with tifffile.TiffFile(tmp_path / "a.tiff") as tif:
        page = tif.pages[0]
        assert page.compression == tifffile.COMPRESSION.JPEG
        assert "YCbCrSubSampling" not in page.tags  # at 4:4:4 some readers convert twice for it
        assert page.description == "mine"
        assert len(page.pages) == 2
    assert (tmp_path / "a.zarr" / ".zattrs").exists()
    assert not (tmp_path / "b.tiff").exists()


@pytest.mark.parametrize("name", ["a.tiff", "a.ome.tiff", "a.zarr", "a.zarr.zip"])
@pytest.mark.parametrize("said", [["a", {"b": 2}], "a text", {"a": [1, 2]}, 7])
def test_further_facts_come_back_as_they_were_given(
    sink: ziggurat.Sink, tmp_path: Path, name: str, said: Any
) -> None:
    sink.addTile(np.zeros((8, 8), np.uint8))
    sink.additionalMetadata = said
    sink.write(tmp_path / name)
    with ziggurat.open(tmp_path / name) as source:
        assert source.additionalMetadata == sink.additionalMetadata == said


def test_further_facts_without_names_are_taken_out_of_what_is_shared(
    sink: ziggurat.Sink, tmp_path: Path
) -> None:
    sink.addTile(np.zeros((8, 8), np.uint8))
    sink.additionalMetadata = ["Jane Doe"]
    sink.write(tmp_path / "a.tiff")
    assert b"Jane Doe" in (tmp_path / "a.tiff").read_bytes()
    options = ziggurat.ConvertOptions(deidentify=True)
    ziggurat.convert(tmp_path / "a.tiff", tmp_path / "b.tiff", options)
    assert b"Jane Doe" not in (tmp_path / "b.tiff").read_bytes()


def test_a_crop_of_fractions_is_of_whole_pixels(sink: ziggurat.Sink, tmp_path: Path) -> None:
    sink.addTile(np.arange(100, dtype=np.uint8).reshape(10, 10))
    sink.crop = (2.9, 1.5, 4.2, 3.0)
    assert sink.crop == (2, 1, 4, 3)
    sink.write(tmp_path / "a.tiff", lossy=False)
    with ziggurat.open(tmp_path / "a.tiff") as source:
        assert source.getRegion(format="numpy")[0][0, 0, 0] == 12


def test_sizes_are_set_before_tiles_come(sink: ziggurat.Sink) -> None:
    sink.sizeX = 300
    sink.sizeY = 200
    sink.addTile(np.ones((8, 8), np.float32), 100, 50)
    assert (sink.sizeX, sink.sizeY, sink.dtype) == (300, 200, np.float32)
    for name, value in (("sizeX", 299), ("sizeY", 1)):
        with pytest.raises(SinkInputError, match="would cut it; set crop"):
            setattr(sink, name, value)
    with pytest.raises(SinkInputError, match="whole number"):
        sink.sizeX = 0
    assert (sink.sizeX, sink.sizeY) == (300, 200)


def test_a_folder_is_named_by_what_zarr_2_has_in_it(sink: ziggurat.Sink, tmp_path: Path) -> None:
    sink.addTile(np.full((8, 8), 5, np.uint8))
    for version in ("0.4", "0.5"):
        sink.write(tmp_path / "a.zarr", omeVersion=version)
        for file in (".zattrs", ".zgroup"):
            with ziggurat.open(tmp_path / "a.zarr" / file) as source:
                assert source.getRegion(format="numpy")[0].max() == 5
    with pytest.raises(FileNotFoundError):
        ziggurat.open(tmp_path / "a.zarr" / ".zmetadata")
    with pytest.raises(FileNotFoundError):
        ziggurat.open(tmp_path / ".zattrs")
