"""TIFFs that ziggurat wrote come back with everything that went in."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.hooked import HookedArray
from ziggurat.readers.formats.tiff.pages.description import parse_description
from ziggurat.readers.formats.tiff.reader import TiffReader, open_reader
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions

LABEL = np.arange(40 * 30 * 3, dtype=np.uint8).reshape(30, 40, 3)


class WithLabel(HookedArray):
    """An array with an associated image."""

    def picture(self, name: str) -> Pixels:
        return {"label": LABEL}[name]


def written(path: Path, array: np.ndarray, **facts: Any) -> TiffReader:
    *_, height, width, bands = array.shape
    info = ImageInfo(
        format="array",
        levels=(Level(width, height, 256, 256),),
        bands=bands,
        dtype=array.dtype,
        associated=("label",),
        **facts,
    )
    write(WithLabel(array, info), path, WriteOptions(compression=Codec.DEFLATE))
    return open_reader(locate(path))


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
@pytest.mark.parametrize("dtype", [np.bool_, np.uint16, np.float32])
def test_frames_with_axes_of_any_name(
    tmp_path: Path, rng: np.random.Generator, name: str, dtype: Any
) -> None:
    array = rng.integers(0, 2, (2, 3, 2, 60, 300, 1)).astype(dtype)
    axes = (Axis("q", 2), Axis("z", 3, (0.0, 1.5, 3.0), "µm"), Axis("w", 2, ("a", "b")))
    facts = {
        "interpretation": Interpretation.LABELS,
        "axes": axes,
        "mm_x": 0.0005,
        "mm_y": 0.00025,
        "magnification": 12.5,
        "properties": {"scanner": "x"},
    }
    with written(tmp_path / name, array, **facts) as reader:
        info = reader.info
        assert info.axes == axes
        assert info.dtype == dtype
        assert info.interpretation is Interpretation.LABELS
        assert (info.mm_x, info.mm_y, info.magnification) == (0.0005, 0.00025, 12.5)
        assert info.properties["scanner"] == "x"
        assert len(info.levels) == 2
        for frame, plane in enumerate(array.reshape(-1, 60, 300, 1)):
            np.testing.assert_array_equal(reader.plane(0, frame).read(info.levels[0].rect), plane)
        assert info.associated == ("label",)
        np.testing.assert_array_equal(reader.associated("label").read(), LABEL)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
def test_channels_and_descriptions(tmp_path: Path, rng: np.random.Generator, name: str) -> None:
    array = rng.integers(0, 4000, (2, 200, 300, 1)).astype(np.uint16)
    channels = (Channel("DAPI", "#0000ff", (0, 4000)), Channel("FITC", "#00ff00"))
    facts = {
        "interpretation": Interpretation.GRAY,
        "axes": (Axis("c", 2),),
        "channels": channels,
        "description": "what it is",
    }
    with written(tmp_path / name, array, **facts) as reader:
        assert reader.info.channels == channels
        assert reader.info.description == "what it is"
        np.testing.assert_array_equal(reader.plane(0, 1).read(reader.info.levels[0].rect), array[1])


def test_one_frame_with_levels_as_pages(tmp_path: Path, tissue: np.ndarray) -> None:
    facts = {"interpretation": Interpretation.RGB, "background": (1.0, 2.0, 3.0)}
    with written(tmp_path / "a.tif", tissue, **facts) as reader:
        assert [level.width for level in reader.info.levels] == [512, 256]
        assert reader.info.background == (1, 2, 3)
        assert reader.info.description is None
        assert reader.info.associated == ("label",)
        np.testing.assert_array_equal(reader.plane(0, 0).read(reader.info.levels[0].rect), tissue)


def test_a_damaged_description_is_no_reason_to_refuse(tmp_path: Path, tissue: np.ndarray) -> None:
    path = tmp_path / "a.tif"
    written(path, tissue, interpretation=Interpretation.RGB).close()
    data = path.read_bytes()
    assert parse_description('{"ziggurat": {"version": 1, "frame": 0}}') is not None
    path.write_bytes(data.replace(b'{"ziggurat"', b'{"ziggurax"', 1))
    with open_reader(locate(path)) as reader:
        np.testing.assert_array_equal(reader.plane(0, 0).read(reader.info.levels[0].rect), tissue)
