"""Tiles, masks and weights of any layout: bands, axes, byte orders and places are heeded."""

from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import SinkInputError

KINDS = ["mapped", "log"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_of_gray_and_alpha_in_an_image_of_colours(tmp_path: Path, kind: str) -> None:
    mask = np.ones((4, 4, 2), bool)
    mask[:, 2:, 0] = False
    mask[2:, :, 1] = False
    with ziggurat.new(tmp_path / "s", store=kind) as sink:
        sink.addTile(np.full((4, 4, 4), (10, 20, 30, 200), np.uint8))
        sink.addTile(np.full((4, 4, 2), (90, 40), np.uint8), mask=mask)
        pixels = sink.getRegion(format="numpy")[0]
    assert pixels[0, 0].tolist() == [90, 90, 90, 40]
    assert pixels[0, 3].tolist() == [10, 20, 30, 40]
    assert pixels[3, 0].tolist() == [90, 90, 90, 200]
    assert pixels[3, 3].tolist() == [10, 20, 30, 200]


@pytest.mark.parametrize("axes", ["xy", "yx", "xys", "sxy", "zxy"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_has_the_order_of_its_tile(tmp_path: Path, kind: str, axes: str) -> None:
    """A square tile, as most are: a mask that is not turned fits as well."""
    rng = np.random.default_rng(5)
    sizes = {"x": 6, "y": 6, "s": 3, "z": 1}
    tile = rng.integers(1, 99, [sizes[name] for name in axes]).astype(np.uint8)
    mask = rng.random((6, 6)) < 0.5
    with ziggurat.new(tmp_path / "s", store=kind) as sink:
        sink.addTile(tile, axes=axes, mask=mask)
        shown = sink.getRegion(format="numpy")[0]
    turned = axes.index("x") < axes.index("y")
    assert np.array_equal(shown.any(axis=2), mask.T if turned else mask)


@pytest.mark.parametrize("axes", ["xy", "yx"])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_have_the_order_of_their_tile(tmp_path: Path, kind: str, axes: str) -> None:
    weight = np.array([[1.0, 3.0], [1.0, 1.0]])
    with ziggurat.new(tmp_path / "s", store=kind, blend="weighted") as sink:
        sink.addTile(np.full((2, 2), 10.0), axes=axes, weight=np.ones((2, 2)))
        sink.addTile(np.full((2, 2), 50.0), axes=axes, weight=weight)
        shown = sink.getRegion(format="numpy")[0][..., 0]
    expected = np.array([[30.0, 40.0], [30.0, 30.0]])
    assert np.allclose(shown, expected.T if axes == "xy" else expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", [">", "F", "reversed", "strided"])
@pytest.mark.parametrize("dtype", ["u2", "i4", "f8"])
def test_samples_may_lie_in_any_order(tmp_path: Path, kind: str, layout: str, dtype: str) -> None:
    plain = np.arange(4 * 5 * 3).reshape(4, 5, 3).astype(dtype) * 300
    tile: np.ndarray = {
        ">": plain.astype(f">{dtype}"),
        "F": np.asfortranarray(plain),
        "reversed": plain[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
        "strided": np.repeat(plain, 2, 1)[:, ::2],
    }[layout]
    with ziggurat.new(tmp_path / "s", store=kind, tileSize=16) as sink:
        sink.addTile(tile, 14, 14)
        shown = sink.getRegion(format="numpy")[0][14:, 14:]
    assert shown.dtype == np.dtype(dtype)
    assert np.array_equal(shown, plain)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["x", "y", "z"])
def test_where_coordinates_end(tmp_path: Path, kind: str, name: str) -> None:
    """A tile ends by 2^31 - 1 at the latest: no further go the journal and TIFF."""
    most = 2**31 - 1
    tile = np.ones((4, 4), np.uint8)
    span = 1 if name == "z" else 4
    with ziggurat.new(tmp_path / "s", store=kind) as sink:
        sink.addTile(tile)
        for far in (most - span + 1, most, 2**32, 2**63):
            with pytest.raises(SinkInputError, match="limit"):
                sink.addTile(tile, **{name: far})
        assert len(list(sink.tiles())) == 1
        sink.addTile(tile, **{name: most - span})
        assert [tile.x + tile.y for tile in sink.tiles()][-1] in (0, most - span)
