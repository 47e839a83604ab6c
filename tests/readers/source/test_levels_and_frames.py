"""Levels, scales, frames and bands of a source, and its pixels as arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ziggurat.readers.errors import OptionError, TileRangeError
from ziggurat.readers.model.image import Axis, Channel, Interpretation, ServedLevels


def test_scales_of_levels(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient, levels=1, mm_x=0.0005, mm_y=0.0005, magnification=20.0)
    assert source.getMagnificationForLevel(2) == {
        "magnification": 10.0,
        "mm_x": 0.001,
        "mm_y": 0.001,
        "scale": 2.0,
        "level": 2,
    }
    assert source.getMagnificationForLevel()["level"] == 3
    assert source.getLevelForMagnification(10) == 2
    assert source.getLevelForMagnification(7) == 1
    assert source.getLevelForMagnification(7, rounding="ceil") == 2
    assert source.getLevelForMagnification(7, rounding=None) == pytest.approx(1.4854, abs=1e-9)
    assert source.getLevelForMagnification(7, rounding=False) == pytest.approx(1.4854, abs=1e-9)
    for magnification, rounding, level in (
        (40, False, 3),
        (40, None, 4),
        (0.01, False, 0),
        (0.01, None, pytest.approx(-7.9658)),
    ):
        found = source.getLevelForMagnification(magnification, rounding=rounding)
        assert found == level
    assert source.getLevelForMagnification(mm_x=0.001) == 2
    assert source.getLevelForMagnification(7, exact=True) is None
    assert source.getLevelForMagnification(10, exact=True) == 2
    assert source.getLevelForMagnification(40) == 3
    assert source.getLevelForMagnification(40, rounding="ceil") is None
    assert source.getLevelForMagnification(0.01) == 0
    assert source.getLevelForMagnification() == 3
    assert [source.getPreferredLevel(level) for level in range(4)] == [2, 2, 2, 3]
    with pytest.raises(OptionError, match="rounding must be 'round', 'ceil'"):
        source.getLevelForMagnification(7, rounding="floor")


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        (ServedLevels.EVERY, [0, 1, 2, 3, 4]),  # pictures
        (ServedLevels.TWO_FINER, [0, 3, 3, 3, 4]),  # TIFF, zarr
        (ServedLevels.THREE_FINER, [3, 3, 3, 3, 4]),  # OME-TIFF
        (ServedLevels.FINER, [3, 3, 3, 3, 4]),  # slides
    ],
)
def test_the_level_that_serves_another_is_the_reference_s(
    made_source: Callable[..., Any], served: ServedLevels, expected: Any
) -> None:
    source = made_source(np.zeros((768, 1024, 1), np.uint8), levels=1, served_levels=served)
    assert [source.getPreferredLevel(level) for level in range(-1, 6)] == [
        expected[0],
        *expected,
        expected[-1],
    ]


def test_points_and_regions_at_another_scale(made_source: Callable[..., Any]) -> None:
    source = made_source(
        np.zeros((2967, 2220, 1), np.uint8), mm_x=0.000499, mm_y=0.000499, magnification=20.0
    )
    five, ten = {"magnification": 5}, {"magnification": 10}
    region = {"left": 100.4, "top": -18.3, "width": 300.7}
    assert source.convertRegionScale(region, ten, five) == region
    assert source.convertRegionScale(region, ten, five, "mag_pixels") == {
        "left": 25.0,
        "top": 737.25,
        "width": 75.25,
        "units": "mag_pixels",
    }
    loose = source.convertRegionScale(region, None, five, "mag_pixels", cropToImage=False)
    assert loose["left"] == pytest.approx(25.1)
    assert loose["top"] == pytest.approx(737.175)
    magnified = {**region, "units": "mag_pixels"}
    assert source.convertRegionScale(magnified, ten)["units"] == "base_pixels"
    assert source.convertRegionScale(magnified, ten)["width"] == 601
    assert source.getPointAtAnotherScale((-3, 4)) == (-3, 4)
    assert source.getPointAtAnotherScale((-3, 4), targetUnits="mag_pixels") == (2217, 4)
    assert source.getPointAtAnotherScale((-3, 4), ten, "mag_pixels", five, "mag_pixels") == (
        pytest.approx(553.5),
        pytest.approx(2),
    )
    there = {"left": 16, "top": 16, "width": 64, "height": 32, "units": "mag_pixels"}
    pixels, _ = source.getRegionAtAnotherScale(there, five, ten, format="numpy")
    assert pixels.shape == (64, 128, 1)
    tiles = source.tileIteratorAtAnotherScale(there, five, ten, tile_size={"width": 100})
    assert len(tiles) == source.getTileCount(
        region={"left": 64, "top": 64, "width": 256, "height": 128},
        scale=ten,
        tile_size={"width": 100},
    )
    tile = source.getSingleTileAtAnotherScale(there, five, ten)
    assert tile["gx"] == 64


def test_frames_and_axes(made_source: Callable[..., Any], rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (2, 3, 2, 20, 30)).astype(np.uint8)
    channels = (Channel("red dye"), Channel("blue dye"))
    axes = (Axis("t", 2, (0.0, 2.5), "s"), Axis("z", 3), Axis("c", 2))
    source = made_source(pixels, "tzcyx", axes=axes, channels=channels)
    meta = source.getMetadata()
    assert meta["IndexRange"] == {"IndexT": 2, "IndexZ": 3, "IndexC": 2}
    assert meta["IndexStride"] == {"IndexT": 6, "IndexZ": 2, "IndexC": 1}
    assert (meta["channels"], meta["channelmap"]) == (
        ["red dye", "blue dye"],
        {"red dye": 0, "blue dye": 1},
    )
    assert meta["frames"][9] == {
        "Frame": 9,
        "IndexT": 1,
        "ValueT": 2.5,
        "IndexZ": 1,
        "IndexC": 1,
        "Index": 4,
        "Channel": "blue dye",
    }
    assert meta["ValueT"] == {
        "values": [0.0, 2.5],
        "uniform": True,
        "units": "s",
        "min": 0.0,
        "max": 2.5,
        "datatype": "float64",
    }
    assert source.frames == 12
    for frame in range(12):
        position = source.frameToAxes(frame)
        assert source.axesToFrame(**position) == frame
        assert source.axesToFrame(**{name.upper(): at for name, at in position.items()}) == frame
        found = source.getRegion(format="numpy", frame=frame)[0][..., 0]
        np.testing.assert_array_equal(found, pixels[position["t"], position["z"], position["c"]])
    assert source.axesToFrame(frame=7) == 7
    for position in ({"t": 2}, {"q": 0}, {"frame": 12}):
        with pytest.raises(TileRangeError):
            source.axesToFrame(**position)


def test_bands(made_source: Callable[..., Any], rng: np.random.Generator) -> None:
    pixels = rng.integers(3, 250, (40, 50, 4)).astype(np.uint8)
    source = made_source(pixels)
    names = [facts["interpretation"] for facts in source.getBandInformation().values()]
    assert names == ["red", "green", "blue", "alpha"]
    facts = source.getOneBandInformation(2)
    band = pixels[..., 1]
    assert (facts["min"], facts["max"]) == (band.min(), band.max())
    assert facts["mean"] == pytest.approx(band.mean())
    assert facts["stdev"] == pytest.approx(band.std())
    with pytest.raises(TileRangeError, match="there are bands 1 to 4, not 5"):
        source.getOneBandInformation(5)
    many = made_source(pixels, interpretation=Interpretation.MULTIBAND, alpha=False)
    assert many.getBandInformation()[1] == {"interpretation": "unknown"}


def test_single_pixels(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient, mm_x=0.001, mm_y=0.001)
    assert source.getPixel(region={"left": 30, "top": 40}) == {
        "value": [30, 40, 70],
        "r": 30,
        "g": 40,
        "b": 70,
    }
    assert source.getPixel(region={"left": 0.03, "top": 0.04, "units": "mm"})["value"] == [
        30,
        40,
        70,
    ]
    assert source.getPixel(region={"left": 3000, "top": 40}) == {}
    assert source.getPixel(region={"right": 31, "bottom": 41})["value"] == [30, 40, 70]
    found = source.getPixel(region={"left": 30, "top": 40}, includeTileRecord=True)
    assert found["tile"]["x"] == 30
    gray = made_source(np.full((9, 9, 1), 0x8123, np.uint16))
    assert gray.getPixel(region={"left": 1, "top": 1}) == {"value": [0x8123], "l": 0x81}


def test_numpy_indexing(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient)
    cases = [
        np.s_[:],
        np.s_[10:20, 30:60],
        np.s_[10:20, 30:60, 1],
        np.s_[-20:, :-250:3],
        np.s_[::-7, 50],
        np.s_[5],
        np.s_[5, 6, 2],
        np.s_[..., 0],
        np.s_[3:3],
        np.s_[:, :, 1:],
        np.s_[100:20:-3, 9, ::2],
    ]
    for case in cases:
        np.testing.assert_array_equal(source[case], gradient[case])
    np.testing.assert_array_equal(np.asarray(source), gradient)
    with pytest.raises(IndexError, match="outside of an axis of 200"):
        _ = source[200]
    with pytest.raises(OptionError, match="must be slices"):
        _ = source[[1, 2]]
    with pytest.raises(OptionError, match="three dimensions"):
        _ = source[1, 2, 0, 0]


def test_levels_as_lazy_arrays_and_dask(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient, levels=2)
    arrays = source.level_arrays()
    assert [array.shape for array in arrays] == [(200, 300, 3), (100, 150, 3), (50, 75, 3)]
    assert not source.reader.reads
    np.testing.assert_array_equal(arrays[1][10:20, 5:9], source.reader._levels[1][0, 10:20, 5:9])
    lazy = source.to_dask(1)
    assert (lazy.shape, lazy.dtype) == ((100, 150, 3), np.uint8)
    np.testing.assert_array_equal(
        lazy[3:50, 4:30].compute(), source.reader._levels[1][0, 3:50, 4:30]
    )
    with pytest.raises(OptionError, match="stored levels 0 to 2, not 3"):
        source.to_dask(3)


@pytest.mark.parametrize(
    "position", [np.int64(3), {"position": np.int64(3)}, {"region_x": 1, "region_y": np.uint8(1)}]
)
def test_a_tile_is_named_by_any_kind_of_whole_number(
    made_source: Callable[..., Any], gradient: np.ndarray, position: Any
) -> None:
    source = made_source(gradient)
    size = {"width": -(-gradient.shape[1] // 2), "height": 64}
    assert (
        source.getSingleTile(tile_size=size, tile_position=position)["tile_position"]["position"]
        == 3
    )


@pytest.mark.parametrize("position", [1.5, "first", {"position": "x"}, {"level_x": 0.5}])
def test_a_tile_is_not_named_by_what_is_no_number(
    made_source: Callable[..., Any], gradient: np.ndarray, position: Any
) -> None:
    with pytest.raises(OptionError, match="tile_position"):
        made_source(gradient).getSingleTile(tile_position=position)
