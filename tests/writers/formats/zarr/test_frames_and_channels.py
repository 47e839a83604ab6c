"""Frames, axes, channels and labels in OME-Zarr outputs."""

import posixpath
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import ziggurat
from tests.writers.formats.zarr.made import (
    RNG,
    VERSIONS,
    halved,
    hold,
    ome,
    opened,
    out,
    picture,
)
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.image import Axis, Channel, Interpretation
from ziggurat.readers.ngff.layout import ngff_layout
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.readers.views.array import ArrayReader, array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions
from ziggurat.writers.model.reducers import Reducer


@pytest.mark.parametrize("version", VERSIONS)
def test_every_frame_has_its_own_pyramid(tmp_path: Path, version: OmeVersion) -> None:
    """The reference's lower levels of channels and z planes are of other frames."""
    pixels = np.stack([
        np.stack([picture((100, 140, 1)) // 4 + 20 * (z * 3 + c) for c in range(3)])
        for z in range(2)
    ])  # fmt: skip
    reader = array_reader(pixels, "zcyxs")
    group = opened(
        write(reader, out(tmp_path), WriteOptions(tile_size=64, ome_version=version)).path
    )
    hold(group, version)
    assert [a["name"] for a in ome(group)["multiscales"][0]["axes"]] == ["c", "z", "y", "x"]
    for z in range(2):
        for c in range(3):
            expected = pixels[z, c]
            for number in range(3):
                np.testing.assert_array_equal(group[str(number)][c, z], expected[..., 0])
                expected = halved(expected)


@pytest.mark.parametrize("size", [(2048, 2048), (600, 800)])
@pytest.mark.parametrize("frames", [1, 3])
def test_single_band_images_of_any_number_of_frames(
    tmp_path: Path, size: tuple[int, int], frames: int
) -> None:
    """The reference fails here, or makes levels of other shapes than the image's."""
    pixels = np.full((frames, *size, 1), 50, np.uint8)
    pixels[-1] = 70
    group = opened(write(array_reader(pixels, "tyxs"), out(tmp_path)).path)
    hold(group)
    for number in range(len(ome(group)["multiscales"][0]["datasets"])):
        level = group[str(number)][:]
        assert level.shape == (frames, size[0] >> number, size[1] >> number)
        assert (level[0] == (50 if frames > 1 else 70)).all()
        assert (level[-1] == 70).all()


@pytest.mark.parametrize("version", VERSIONS)
def test_axes_beyond_ngff_s_are_folded_and_stay_valid(tmp_path: Path, version: OmeVersion) -> None:
    shape = {"a": 2, "t": 2, "b": 3, "c": 2, "z": 2}
    pixels = RNG.integers(0, 255, (*shape.values(), 20, 24, 3), np.uint8)
    reader = array_reader(pixels, "atbczyxs")
    group = opened(write(reader, out(tmp_path), WriteOptions(ome_version=version)).path)
    hold(group, version)
    stored = group["0"][:]
    assert stored.shape == (2, 2 * 3 * 2 * 3, 2, 20, 24)  # t, (a b c s), z, y, x
    assert len(ome(group)["omero"]["channels"]) == 36
    unfolded = stored.reshape(2, 2, 3, 2, 3, 2, 20, 24)
    np.testing.assert_array_equal(unfolded.transpose(1, 0, 2, 3, 5, 6, 7, 4), pixels)


@pytest.mark.parametrize("version", VERSIONS)
def test_one_free_axis_keeps_its_name(tmp_path: Path, version: OmeVersion) -> None:
    pixels = RNG.integers(0, 255, (4, 2, 20, 24, 1), np.uint8)
    path = write(
        array_reader(pixels, "fcyxs"), out(tmp_path), WriteOptions(ome_version=version)
    ).path
    group = opened(path)
    hold(group, version)
    assert [a["name"] for a in ome(group)["multiscales"][0]["axes"]] == ["f", "c", "y", "x"]
    assert "type" not in ome(group)["multiscales"][0]["axes"][0]
    np.testing.assert_array_equal(group["0"][:], pixels[..., 0])


@pytest.mark.parametrize("version", VERSIONS)
def test_channels_units_and_spacing(tmp_path: Path, version: OmeVersion) -> None:
    pixels = picture((2, 3, 40, 50, 1), np.uint16)
    reader = array_reader(pixels, "czyxs")
    reader.info = replace(
        reader.info,
        axes=(Axis("c", 2), Axis("z", 3, (0.0, 1.5, 3.0), "µm")),
        channels=(Channel("DAPI", "#0000ff", (10, 900)), Channel("Cy3", "#ff8000")),
    )
    group = opened(write(reader, out(tmp_path), WriteOptions(ome_version=version)).path)
    hold(group, version)
    channels = ome(group)["omero"]["channels"]
    assert [c["label"] for c in channels] == ["DAPI", "Cy3"]
    assert [c["color"] for c in channels] == ["0000FF", "FF8000"]
    assert channels[0]["window"] == {"min": 0, "max": 65535, "start": 10, "end": 900}
    multiscale = ome(group)["multiscales"][0]
    assert multiscale["axes"][1] == {"name": "z", "type": "space", "unit": "micrometer"}
    assert multiscale["datasets"][0]["coordinateTransformations"][0]["scale"] == [1, 1.5, 1, 1]


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int16])
def test_channels_that_say_nothing_are_shown_by_what_is_in_them(tmp_path: Path, dtype: Any) -> None:
    pixels = np.zeros((2, 3, 600, 700, 2), dtype)
    pixels[0] = RNG.integers(100, 200, pixels.shape[1:])
    pixels[1, ..., 0] = RNG.integers(1000, 5000, pixels.shape[1:-1])
    if np.dtype(dtype).kind == "f":
        pixels[0, 0, 10, 10] = np.nan
    reader = array_reader(pixels, "czyxs")
    group = opened(write(reader, out(tmp_path)).path)
    windows = [c["window"] for c in ome(group)["omero"]["channels"]]
    high = 32767 if np.dtype(dtype).kind == "i" else 65535
    assert windows[0]["start"] == pytest.approx(100, abs=1)
    assert windows[1]["end"] == pytest.approx(199, abs=1)
    assert windows[2]["start"] == pytest.approx(1000, abs=20)
    assert windows[2]["end"] == pytest.approx(5000, abs=20)
    if np.dtype(dtype).kind == "f":
        assert (windows[3]["start"], windows[3]["end"]) == (0, 1)
    else:
        assert windows[3]["max"] == windows[3]["end"] == high
    with open_reader(out(tmp_path)) as back:
        assert back.info.channels == reader.info.channels


@pytest.mark.parametrize("version", VERSIONS)
def test_a_label_map_is_ngff_s_labels_too(tmp_path: Path, version: OmeVersion) -> None:
    pixels = RNG.integers(0, 5, (90, 70, 1), np.uint32) * 100000
    reader = array_reader(pixels, interpretation=Interpretation.LABELS)
    options = WriteOptions(tile_size=32, ome_version=version)
    group = opened(write(reader, out(tmp_path), options).path)
    hold(group, version)
    hold(group["labels"], version, "Labels")
    hold(group["labels/map"], version, "ImageLabel")
    source = ome(group["labels/map"])["image-label"]["source"]["image"]
    assert posixpath.normpath(posixpath.join("labels/map", source)) == "."  # the image beside it
    paths = [d["path"] for d in ome(group)["multiscales"][0]["datasets"]]
    for path in paths:
        assert set(np.unique(group[path][:])) <= set(np.unique(pixels))
    np.testing.assert_array_equal(group["labels/map/0"][:], pixels[..., 0])


def test_a_palette_gives_the_labels_their_colours(tmp_path: Path) -> None:
    reader = array_reader(np.ones((20, 20, 1), np.uint8), interpretation=Interpretation.LABELS)
    reader.info = replace(reader.info, palette=((0, 0, 0, 0), (255, 0, 0, 255)))
    group = opened(write(reader, out(tmp_path)).path)
    colors = ome(group["labels/map"])["image-label"]["colors"]
    assert colors[1] == {"label-value": 1, "rgba": [255, 0, 0, 255]}


@pytest.mark.parametrize("reducer", [Reducer.MEAN, Reducer.NEAREST])
def test_lower_levels_lie_where_their_pixels_come_from(tmp_path: Path, reducer: Reducer) -> None:
    """The centre of four, or that of the first of them."""
    pixels = RNG.integers(0, 255, (90, 70, 3), np.uint8)
    options = WriteOptions(tile_size=32, reducer=reducer)
    group = opened(write(array_reader(pixels), out(tmp_path), options).path)
    for number, dataset in enumerate(ome(group)["multiscales"][0]["datasets"]):
        moves = [
            t["translation"] for t in dataset["coordinateTransformations"] if "translation" in t
        ]
        shift = (2**number - 1) / 2 if reducer is Reducer.MEAN else 0
        assert (moves[0][-2:] if moves else [0, 0]) == [shift, shift]


def test_layouts_hold_every_axis_once() -> None:
    layout = ngff_layout([Axis("z", 2), Axis("c", 3)], 4)
    assert [d.name for d in layout.dimensions] == ["c", "z", "y", "x"]
    assert layout.shape(10, 20) == (12, 2, 20, 10)
    assert layout.chunk_shape(5, 6) == (4, 1, 6, 5)


@pytest.mark.parametrize("given", [0, 1])
def test_channels_without_a_window_have_one_beside_those_that_do(
    tmp_path: Path, given: int
) -> None:
    pixels = np.zeros((2, 40, 40), np.uint16)
    pixels[0, ::2], pixels[1, ::2] = 1000, 3000
    windows: list[tuple[float, float] | None] = [None, None]
    windows[given] = (5, 77)
    channels = tuple(Channel(name, window=w) for name, w in zip("ab", windows, strict=True))
    reader = array_reader(pixels, "cyx")
    info = replace(reader.info, channels=channels)
    write(ArrayReader(pixels[..., np.newaxis], info), tmp_path / "a.zarr")
    found = [c["window"] for c in ome(zarr.open_group(tmp_path / "a.zarr"))["omero"]["channels"]]
    ends = [(window["start"], window["end"]) for window in found]
    assert ends[given] == (5, 77)
    assert ends[1 - given] == (0, (1000, 3000)[1 - given])


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        *product([(9, 7, 4), (9, 7, 2), (9, 7, 3), (9, 7)], [np.uint8, np.uint16]),
        ((1100, 2100, 1), np.uint8),
    ],
)
def test_an_associated_image_is_an_image_of_its_own(
    tmp_path: Path, shape: tuple[int, ...], dtype: type
) -> None:
    """With its alpha where it has one, and all its chunks where it is larger than one."""
    rng = np.random.default_rng(1)
    pixels: Any = rng.integers(0, 200, shape).astype(dtype)
    with ziggurat.new() as sink:
        sink.addTile(np.ones((8, 8, 3), np.uint8))
        sink.addAssociatedImage(pixels, "the label")
        sink.write(tmp_path / "a.zarr")
    with open_reader(tmp_path / "a.zarr" / "associated" / "the label") as reader:
        assert (reader.info.width, reader.info.height) == (shape[1], shape[0])
        assert reader.info.alpha == (shape[2:] == (4,))
    with open_reader(tmp_path / "a.zarr") as reader:
        found = reader.associated("the label").read()
    assert found.dtype == dtype
    assert np.array_equal(found.reshape(shape), pixels)
