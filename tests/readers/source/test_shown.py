"""Thumbnails and notebooks show something of samples that a screen can't."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ziggurat


@pytest.fixture(params=["uint16", "float32"])
def dim(request: pytest.FixtureRequest) -> Any:
    pixels = np.linspace(100, 900, 300 * 300).reshape(300, 300) / 1000
    scaled = pixels * 1000 if request.param == "uint16" else pixels
    sink = ziggurat.new()
    sink.addTile(scaled.astype(request.param))
    yield sink
    sink.close()


def spread(data: bytes) -> int:
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("L")).astype(int)
    return int(picture.max() - picture.min())


def test_a_thumbnail_of_dim_samples_is_not_black(dim: Any) -> None:
    assert spread(dim.getThumbnail(encoding="PNG")[0]) > 200
    assert spread(dim._repr_png_()) > 200


def test_an_array_keeps_its_values(dim: Any) -> None:
    pixels = dim.getThumbnail(300, 300, format="numpy")[0]
    assert pixels.dtype == dim.dtype
    np.testing.assert_array_equal(pixels, dim.getRegion(format="numpy")[0])


def test_an_8_bit_picture_is_shown_as_it_is(tissue: np.ndarray) -> None:
    with ziggurat.new() as sink:
        sink.addTile(tissue)
        shown = np.asarray(Image.open(io.BytesIO(sink.getThumbnail(512, 512, encoding="PNG")[0])))
    np.testing.assert_array_equal(shown[..., :3], tissue)
