"""Pictures without a file: ``large_image://test?…``, with the reference's fields."""

import pickle
from typing import Any

import numpy as np
import pytest

import ziggurat
from tests.each import each
from ziggurat.readers.errors import SourceError, UnsupportedFormatError

URL = "large_image://test"
TILES = "tileWidth=128&tileHeight=128"


def test_sizes_levels_and_frames_are_those_of_the_url() -> None:
    with ziggurat.open(
        f"{URL}?sizeX=3000&sizeY=2000&tileWidth=128&tileHeight=128&frames=2,3"
    ) as it:
        found = it.getMetadata()
        assert (found["sizeX"], found["sizeY"], it.levels) == (3000, 2000, 6)
        assert found["IndexRange"] == {"IndexZ": 3, "IndexC": 2}
        assert found["IndexStride"] == {"IndexZ": 2, "IndexC": 1}
        tile = it.getTile(0, 0, 5, frame=3, numpyAllowed="always")
        assert tile.shape == (128, 128, 3)
        assert it.getTile(0, 0, 5)[:4] == b"\x89PNG"
    assert (ziggurat.open(URL).sizeX, ziggurat.open(f"{URL}?maxLevel=2").sizeY) == (1 << 17, 1024)
    assert ziggurat.canRead(URL)


@pytest.mark.parametrize(
    ("frames", "axes"),
    [("5", {"frame": 3}), ("c=2,z=3", {"z": 1, "c": 1}), ("q=2,t=1,c=2", {"c": 1, "q": 1})],
)
def test_axes_of_frames(frames: str, axes: dict[str, int]) -> None:
    with ziggurat.open(f"{URL}?sizeX=300&sizeY=300&frames={frames}") as source:
        assert source.frameToAxes(3) == axes
        assert source.axesToFrame(**axes) == 3
        assert ("IndexRange" in source.metadata) == ("frame" not in axes)
        first, last = (source.getRegion(format="numpy", frame=n)[0] for n in (0, source.frames - 1))
        assert not np.array_equal(first, last)


@pytest.mark.parametrize(
    ("bands", "dtype", "names"),
    [
        ("red,green,blue,alpha", "uint8", ["red", "green", "blue", "alpha"]),
        ("red=400-12000,ir=200-3000", "uint16", ["red", "ir"]),
        ("a=-1-1,b", "float64", ["a", "b"]),
    ],
)
def test_bands_have_names_ranges_and_a_type(bands: str, dtype: str, names: list[str]) -> None:
    with ziggurat.open(f"{URL}?sizeX=300&sizeY=300&bands={bands}") as source:
        pixels, _ = source.getRegion(format="numpy")
        assert (pixels.dtype, pixels.shape[2]) == (dtype, len(names))
        told = source.metadata["bands"].values()
        assert [band["interpretation"] for band in told] == names
        if dtype == "uint16":
            assert pixels[..., 0].min() >= 400
            assert 3000 >= pixels[..., 1].max() > 2000


def test_keywords_are_fields_and_one_band_is_grey() -> None:
    with ziggurat.open(URL, sizeX=200, sizeY=100, monochrome=True) as source:
        assert (source.sizeX, source.sizeY, source.bandCount) == (200, 100, 1)
        assert pickle.loads(pickle.dumps(source)).sizeX == 200


def test_squares_on_white_at_every_level() -> None:
    with ziggurat.open(
        f"{URL}?fractal=true&sizeX=512&sizeY=512&tileWidth=128&tileHeight=128"
    ) as it:
        full, half = (it.getTile(0, 0, z, numpyAllowed="always") for z in (2, 1))
        white = (full == 255).all(axis=2)
        assert white[0, :4].tolist() == [True] * 4
        assert white[1, :8].tolist() == [True, False, False, True, True, False, False, True]
        assert np.array_equal((half[:64, :64] == 255).all(axis=2), white[::2, ::2])


@each(
    "query",
    ["foo=1", "sizeX=-3", "frames=a", "frames=c=1,c=2", "bands==", "maxLevel=99", "frames=1e9"],
)
def test_fields_that_can_not_be_meant_are_told(query: str) -> None:
    with pytest.raises(SourceError, match="large_image://test"):
        ziggurat.open(f"{URL}?{query}")


def test_other_names_of_that_kind_are_no_image() -> None:
    with pytest.raises(UnsupportedFormatError):
        ziggurat.open("large_image://other")


def test_it_converts(tmp_path: Any) -> None:
    ziggurat.convert(f"{URL}?sizeX=300&sizeY=200&frames=2,2", tmp_path / "a.tiff")
    with ziggurat.open(tmp_path / "a.tiff") as made:
        assert made.metadata["IndexRange"] == {"IndexZ": 2, "IndexC": 2}
