"""TIFFs that the reference's converter wrote keep their axes, channels and values."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat


def described(sizes: dict[str, int], **more: Any) -> dict[str, Any]:
    """Return the metadata of an image with these axes, slowest first."""
    names, lengths = list(sizes), list(sizes.values())
    frames = []
    for number, position in enumerate(np.ndindex(*lengths)):
        entry: dict[str, Any] = {"Frame": number, "Index": number}
        for name, at in zip(names, position, strict=True):
            entry[f"Index{name}"] = at
        entry["ValueZ"] = entry["IndexZ"] * 0.5
        frames.append(entry)
    strides = [int(np.prod(lengths[number + 1 :])) for number in range(len(lengths))]
    return {
        "frames": frames,
        "IndexRange": {f"Index{name}": size for name, size in sizes.items()},
        "IndexStride": {f"Index{n}": step for n, step in zip(names, strides, strict=True)},
        "ValueZ": {"units": "mm", "uniform": True},
        "magnification": 20.0,
        "mm_x": 0.0005,
        "mm_y": 0.0005,
        **more,
    }


def written(path: Path, frames: int, metadata: Any, **more: Any) -> Path:
    """Write pages with a lower level below each, and a label, as the converter lays them."""
    said = {"large_image_converter": {"version": "1.35.6", "frames": frames}, **more}
    first = json.dumps({**said, "metadata": metadata}, separators=(",", ":"), sort_keys=True)
    with tifffile.TiffWriter(path) as tif:
        for number in range(frames):
            pixels = np.full((64, 96), number * 10, np.uint16)
            text = first if number == 0 else json.dumps({"frame": {"Frame": number}})
            tif.write(pixels, tile=(32, 32), subifds=1, description=text, metadata=None)
            tif.write(pixels[::2, ::2], tile=(32, 32), subfiletype=1, metadata=None)
        label = np.zeros((20, 30, 3), np.uint8)
        tif.write(label, description="label", metadata=None, photometric="rgb")
    return path


def test_axes_channels_and_values_are_kept(tmp_path: Path) -> None:
    metadata = described({"C": 2, "Z": 3})
    path = written(tmp_path / "a.tiff", 6, metadata, channels=["DAPI", "CD4"])
    with ziggurat.open(path) as source:
        found = source.getMetadata()
        assert found["IndexRange"] == {"IndexC": 2, "IndexZ": 3}
        assert found["IndexStride"] == {"IndexC": 3, "IndexZ": 1}
        assert found["channels"] == ["DAPI", "CD4"]
        assert found["ValueZ"]["values"] == [0, 0.5, 1.0]
        assert found["ValueZ"]["units"] == "mm"
        assert (found["magnification"], found["mm_x"]) == (20, 0.0005)
        assert found["frames"][4]["Channel"] == "CD4"
        frame = source.axesToFrame(c=1, z=2)
        assert (source.getRegion(format="numpy", frame=frame)[0] == 50).all()
        assert source.getAssociatedImagesList() == ["label"]


def test_a_faster_axis_c_is_the_faster_one(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tiff", 6, described({"Z": 3, "C": 2}))
    with ziggurat.open(path) as source:
        assert source.getMetadata()["IndexStride"] == {"IndexZ": 2, "IndexC": 1}


def test_the_description_of_the_source_is_the_images(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tiff", 1, {}, image_description="of the slide")
    with ziggurat.open(path) as source:
        assert source.imageDescription == "of the slide"


@pytest.mark.parametrize(
    "metadata",
    [
        described({"C": 2, "Z": 3}),  # one frame of six was kept
        described({"Z": 2}, IndexStride={"IndexZ": 7}),
        described({"Z": 2}, IndexRange=None),
        described({"Z": 2}, IndexRange={"IndexZ": "two"}),
        described({"Z": 2}, frames=[None, {"IndexZ": [], "ValueZ": 1}]),
        [],
        None,
    ],
)
def test_what_does_not_fit_leaves_the_pages(tmp_path: Path, metadata: Any) -> None:
    path = written(tmp_path / "a.tiff", 2, metadata)
    with ziggurat.open(path) as source:
        assert source.frames == 2
        assert source.metadata["IndexRange"] == {"IndexI": 2}
        assert (source.getRegion(format="numpy", frame=1)[0] == 10).all()
        assert source.getMetadata()["magnification"] or metadata in ([], None)
