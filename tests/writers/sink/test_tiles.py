"""What ``addTile`` takes, how the image grows by it, and what it refuses."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ziggurat
from ziggurat.readers.errors import SinkError, SinkInputError, ZigguratError

pytestmark = pytest.mark.usefixtures("kind")


@pytest.fixture
def sink() -> Iterator[ziggurat.Sink]:
    with ziggurat.new(tileSize=64) as made:
        yield made


def image(sink: ziggurat.Sink, **axes: int) -> np.ndarray:
    frame = sink.axesToFrame(**axes) if axes else 0
    return np.asarray(sink.getRegion(format="numpy", frame=frame)[0])


def full(value: float, *shape: int, dtype: str = "uint8") -> np.ndarray:
    return np.full(shape, value, dtype)


def test_two_dimensions_are_one_band(sink: ziggurat.Sink) -> None:
    tile = np.arange(12, dtype=np.uint8).reshape(3, 4)
    sink.addTile(tile, 1, 2)
    assert np.array_equal(image(sink)[2:, 1:, 0], tile)
    assert (sink.sizeX, sink.sizeY, sink.bandCount) == (5, 5, 1)


@pytest.mark.parametrize("axes", ["yxs", "xys", "syx", "sxy", ["y", "x", "s"]])
def test_axes_name_the_dimensions_in_any_order(sink: ziggurat.Sink, axes: Any) -> None:
    tile = np.random.default_rng(1).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    order = ["yxs".index(name) for name in axes]
    sink.addTile(tile.transpose(order), axes=axes)
    assert np.array_equal(image(sink), tile)


def test_more_dimensions_are_frames(sink: ziggurat.Sink) -> None:
    tile = np.random.default_rng(1).integers(0, 255, (2, 3, 70, 80, 3), dtype=np.uint8)
    sink.addTile(tile, 10, 20, axes="tcyxs", c=1)
    assert sink.frameAxes == ["t", "c"]
    assert sink.frames == 2 * 4
    for t in range(2):
        assert not image(sink, t=t, c=0).any()
        for c in range(3):
            assert np.array_equal(image(sink, t=t, c=c + 1)[20:, 10:], tile[t, c])


def test_any_keyword_is_an_axis_and_has_values(sink: ziggurat.Sink) -> None:
    for z in range(3):
        sink.addTile(full(z + 1, 8, 8), z=z, z_value=z * 0.5, time=1, time_value="late")
    metadata = sink.getMetadata()
    assert sink.frameAxes == ["time", "z"]
    assert metadata["IndexRange"] == {"IndexTIME": 2, "IndexZ": 3}
    assert metadata["ValueZ"]["values"] == [0, 0.5, 1.0]
    assert sink.frameValues[1, 2].tolist() == ["late", 1.0]
    assert image(sink, z=2, time=1)[0, 0] == 3


@pytest.mark.parametrize("bands", [1, 3, 4])
def test_a_mask_leaves_what_was_there(sink: ziggurat.Sink, bands: int) -> None:
    rng = np.random.default_rng(2)
    below, above = rng.integers(0, 255, (2, 150, 140, bands), dtype=np.uint8)
    mask = rng.random((150, 140)) < 0.5
    sink.addTile(below)
    sink.addTile(above, mask=mask)
    assert np.array_equal(image(sink), np.where(mask[..., np.newaxis], above, below))
    sink.addTile(below, mask=mask[..., np.newaxis])
    assert np.array_equal(image(sink), below)


def test_pil_images_bytes_and_anything_with_an_array(sink: ziggurat.Sink) -> None:
    class Tensor:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return full(7, 4, 4, 3)

    picture = Image.new("RGB", (4, 4), (1, 2, 3))
    sink.addTile(picture)
    sink.addTile(Tensor(), 4, 0)
    sink.addTile(picture.quantize(4), 8, 0)
    assert image(sink)[0, ::4].tolist() == [[1, 2, 3], [7, 7, 7], [1, 2, 3]]
    import io

    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (9, 8, 7)).save(buffer, "PNG")
    sink.addTile(buffer.getvalue(), 0, 0)
    assert image(sink)[0, 0].tolist() == [9, 8, 7]


def test_the_far_corner_reserves_room_and_leaves_the_dtype_open(sink: ziggurat.Sink) -> None:
    sink.addTile(np.zeros((1, 1, 3)), x=1999, y=999, z=4)
    assert (sink.sizeX, sink.sizeY, sink.frames) == (2000, 1000, 5)
    assert not list(sink.tiles())
    sink.addTile(full(9, 10, 10, 3), 5, 5, z=1)
    assert sink.dtype == np.uint8
    sink.addTile(np.zeros((1, 1, 3)), x=2999, y=999)
    assert (sink.sizeX, sink.dtype) == (3000, np.uint8)
    assert image(sink, z=1)[5, 5].tolist() == [9, 9, 9]


def test_a_blank_pixel_on_a_tile_is_laid(sink: ziggurat.Sink) -> None:
    sink.addTile(full(9, 10, 10, 3))
    sink.addTile(np.zeros((1, 1, 3)), 4, 4)
    assert image(sink)[4, 3:6, 0].tolist() == [9, 0, 9]
    assert sink.dtype == np.uint8


def test_dtype_grows_by_promotion_and_keeps_what_is_there(sink: ziggurat.Sink) -> None:
    sink.addTile(full(200, 100, 100))
    sink.addTile(full(60000, 10, 10, dtype="uint16"), 100, 0)
    sink.addTile(full(-3, 10, 10, dtype="int8"), 110, 0)
    sink.addTile(full(0.25, 10, 10, dtype="float32"), 120, 0)
    assert sink.dtype == np.float64  # by way of uint16 and int32
    assert image(sink)[5, [50, 105, 115, 125], 0].tolist() == [200, 60000, -3, 0.25]


WIDTHS = [["bool", "uint8", "int8"], ["uint16", "int16", "float16"], ["uint32", "int32", "float32"],
          ["uint64", "int64", "float64"]]  # fmt: skip


def ends(dtype: str) -> np.ndarray:
    """Return the least and the largest values of a type, and some between."""
    if dtype == "bool":
        return np.array([[False, True, True]])
    limits = np.finfo(dtype) if "float" in dtype else np.iinfo(dtype)
    return np.array([[limits.min, 1, limits.max]], dtype)


@pytest.mark.parametrize("names", WIDTHS, ids=lambda names: names[-1])
@pytest.mark.parametrize("kind", ["mapped"], indirect=True)  # which looks at the type alone
def test_types_of_one_width_are_not_each_others(kind: str, names: list[str]) -> None:
    for one in names:
        for other in (name for name in names if name != one):
            with ziggurat.new(tileSize=16) as sink:
                sink.addTile(ends(one))
                try:
                    sink.addTile(ends(other), 3, 0)
                except SinkInputError:
                    if "64" in one + other:  # no type holds both of them exactly
                        continue
                    raise
                found = image(sink)[0, :, 0]
            assert found.dtype == np.result_type(one, other)
            expected = [*ends(one)[0].tolist(), *ends(other)[0].tolist()]
            assert found.tolist() == expected, (one, other)


def test_new_bands_keep_the_picture_and_are_opaque_where_it_is(sink: ziggurat.Sink) -> None:
    sink.addTile(full(50, 100, 100, 3))
    sink.addTile(full(60, 30, 30, 4), 200, 0)
    picture = image(sink)
    assert picture[99, 99].tolist() == [50, 50, 50, 255]
    assert picture[0, 200].tolist() == [60, 60, 60, 60]
    assert picture[99, 150].tolist() == [0, 0, 0, 0]
    sink.addTile(full(70, 10, 10, 3), 150, 50)  # and opaque when it comes after
    sink.addTile(full(80, 10, 10), 160, 50)
    assert image(sink)[55, [155, 165]].tolist() == [[70, 70, 70, 255], [80, 80, 80, 255]]


def test_gray_becomes_gray_with_alpha(sink: ziggurat.Sink) -> None:
    sink.addTile(full(50, 20, 20))
    sink.addTile(full(60, 20, 20, 2), 40, 0)
    assert image(sink)[0, [0, 30, 40]].tolist() == [[50, 255], [0, 0], [60, 60]]


def test_bands_without_colour_grow_blank(sink: ziggurat.Sink) -> None:
    sink.addTile(full(0.5, 20, 20, 3, dtype="float32"))
    sink.addTile(full(0.25, 20, 20, 7, dtype="float32"), 20, 0)
    assert image(sink)[0, 0].tolist() == [0.5] * 3 + [0] * 4
    with pytest.raises(SinkInputError, match="3 bands doesn't fit an image of 7"):
        sink.addTile(full(0.5, 20, 20, 3, dtype="float32"))


@pytest.mark.parametrize("kind", ["log"], indirect=True)
def test_more_bands_are_refused_in_front_of_tiles_that_have_fewer(sink: ziggurat.Sink) -> None:
    """Where the order is that of keys, a tile must not make those behind it unreadable."""
    sink.addTile(full(0.5, 20, 20, 3, dtype="float32"), key=1)
    with pytest.raises(SinkInputError, match="comes after this one in the order of keys"):
        sink.addTile(full(0.25, 20, 20, 7, dtype="float32"), 20, 0, key=0)
    assert (image(sink) == 0.5).all()
    sink.addTile(full(0.25, 20, 20, 7, dtype="float32"), 20, 0, key=2)
    assert image(sink)[0, [0, 20]].tolist() == [[0.5] * 3 + [0] * 4, [0.25] * 7]
    assert len(list(sink.tiles())) == 2


def test_new_axes_after_the_fact_come_in_front(sink: ziggurat.Sink) -> None:
    sink.addTile(full(1, 100, 100, 3))
    sink.addTile(full(2, 100, 100, 3), z=2)
    sink.addTile(full(3, 100, 100, 3), t=1, z=1)
    assert sink.frameAxes == ["t", "z"]
    assert image(sink, t=0, z=0)[99, 99, 0] == 1
    assert image(sink, t=0, z=2)[99, 99, 0] == 2
    assert image(sink, t=1, z=1)[99, 99, 0] == 3
    assert not image(sink, t=1, z=2).any()
    kept = [(tile.frame, tile.frames) for tile in sink.tiles()]
    assert kept[1] == ({"t": 0, "z": 2}, {"t": 1, "z": 1})


def test_given_sizes_are_there_at_once() -> None:
    with ziggurat.new(
        sizeX=300, sizeY=200, bands=3, dtype="uint8", axes={"z": 5, "c": 2}, tileSize=(64, 32)
    ) as sink:
        assert (sink.sizeX, sink.sizeY, sink.bandCount, sink.frames) == (300, 200, 3, 10)
        assert (sink.tileWidth, sink.tileHeight) == (64, 32)
        assert not image(sink, z=4, c=1).any()
        sink.addTile(full(1, 10, 10, 3), 400, 0)  # and are no limit
        assert sink.sizeX == 410


FIXED_REFUSALS = [
    full(300.7, 4, 4, dtype="float64"),
    full(np.nan, 4, 4, dtype="float32"),
    full(60000, 4, 4, dtype="uint16"),
    full(-3, 4, 4, dtype="int64"),
]


@pytest.mark.parametrize("tile", FIXED_REFUSALS, ids=str)
def test_a_given_dtype_is_never_left_and_nothing_is_cast_in_silence(tile: np.ndarray) -> None:
    with ziggurat.new(sizeX=10, sizeY=10, dtype="uint8") as sink:
        with pytest.raises(SinkInputError, match="can't hold"):
            sink.addTile(tile)
        assert not list(sink.tiles())
        mask = np.zeros((4, 4), bool)
        sink.addTile(tile, mask=mask)  # nothing of it is laid
        sink.addTile(full(200, 4, 4, dtype="int64"))  # fits
        assert sink.dtype == np.uint8
        assert image(sink)[0, 0, 0] == 200


def test_a_double_does_not_take_an_integer_that_it_would_round() -> None:
    with ziggurat.new(dtype="float64") as sink:
        sink.addTile(full(2**53, 4, 4, dtype="int64"))
        with pytest.raises(SinkInputError, match="can't hold"):
            sink.addTile(full(2**53 + 1, 4, 4, dtype="int64"))


REFUSALS: list[tuple[str, dict[str, Any]]] = [
    ("x must be a whole number of 0 or more", {"x": -1}),
    ("y must be a whole number of 0 or more", {"y": -5}),
    ("x must be a whole number", {"x": 1.5}),
    ("x must be a whole number", {"x": "3"}),
    ("z must be a whole number of 0 or more", {"z": -1}),
    ("z must be a whole number", {"z": 0.5}),
    ("mask of shape", {"mask": np.ones((3, 3), bool)}),
    ("nothing but 0 and 1", {"mask": np.full((4, 4), 0.5)}),
    ("must be boolean", {"mask": np.full((4, 4), "x")}),
    ("named twice", {"z": 1, "Z": 2}),
    ("named twice", {"axes": "yyx"}),
    ("don't name", {"axes": "tczyx"}),
    ("don't name", {"axes": "zys"}),
    ("no pixels", {"tile": np.zeros((0, 4, 3), np.uint8)}),
    ("needs axes", {"tile": np.zeros((2, 4, 4, 3), np.uint8)}),
    ("can't be stored", {"tile": np.zeros((4, 4), complex)}),
    ("can't be stored", {"tile": np.array([["a"]])}),
    ("no array", {"tile": [[1], [1, 2]]}),
    ("mask=~tile.mask", {"tile": np.ma.masked_equal(np.arange(16).reshape(4, 4), 3)}),
    ("no image", {"tile": b"nonsense"}),
    ("past the limit", {"x": 2**31}),
    ("takes no weight", {"weight": "hann"}),
    ("must be a number or a text", {"z_value": [1]}),
    ("plain word", {"a-b": 1}),
    ("8 frame axes", {f"a{n}": 0 for n in range(9)}),
]


@pytest.mark.parametrize(("message", "change"), REFUSALS, ids=lambda v: str(v)[:40])
def test_wrong_input_is_refused_before_a_byte_is_written(
    sink: ziggurat.Sink, message: str, change: dict[str, Any]
) -> None:
    sink.addTile(full(5, 4, 4, 3))
    structure = sink._store.structure
    with pytest.raises(SinkInputError, match=message):
        sink.addTile(**{"tile": full(9, 4, 4, 3), **change})
    assert len(list(sink.tiles())) == 1
    assert (sink.sizeX, sink.sizeY) == (4, 4)
    assert sink._store.structure == structure
    assert (image(sink) == 5).all()


NEW_REFUSALS: list[tuple[str, dict[str, Any]]] = [
    ("sizeX must be positive", {"sizeX": -1}),
    ("sizeX must be a whole number", {"sizeX": 1.5}),
    ("dtype .* is invalid", {"dtype": "colour"}),
    ("of numbers", {"dtype": "complex64"}),
    ("blend must be one of", {"blend": "mix"}),
    ("tileSize must be a whole number from 16 to 16384", {"tileSize": 3}),
    ("tileSize must be one number", {"tileSize": (1, 2, 3)}),
    ("different frame axes", {"axes": {"z": 1, "Z": 2}}),
    ("can't be the name", {"axes": {"x": 3}}),
    ("axis z must be positive", {"axes": {"z": 0}}),
    ("needs a dtype", {"fill": 3}),
    ("can't hold the fill", {"fill": 300, "dtype": "uint8"}),
    ("can't hold the fill", {"fill": -1, "dtype": "uint16"}),
    ("can't hold the fill", {"fill": 1.5, "dtype": "int32"}),
    ("can't hold the fill", {"fill": float("nan"), "dtype": "uint8"}),
    ("can't hold the fill", {"fill": float("inf"), "dtype": "int64"}),
    ("can't hold the fill", {"fill": 2, "dtype": "bool"}),
    ("mode must be one of", {"mode": "append"}),
    ("needs a path", {"mode": "join"}),
    ("expectedCoverage", {"expectedCoverage": 2}),
]


@pytest.mark.parametrize(("message", "arguments"), NEW_REFUSALS, ids=lambda v: str(v)[:40])
def test_new_refuses_what_can_not_be_meant(message: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(SinkInputError, match=message):
        ziggurat.new(**arguments)


def test_an_empty_sink_has_no_pixels_and_no_frames_to_write(
    sink: ziggurat.Sink, tmp_path: Path
) -> None:
    assert (sink.sizeX, sink.sizeY) == (0, 0)
    assert sink.getMetadata()["sizeX"] == 0
    with pytest.raises(ZigguratError):
        sink.write(tmp_path / "a.tiff")
    assert not list(tmp_path.glob("a.*"))


def test_a_closed_sink_says_so() -> None:
    sink = ziggurat.new()
    sink.addTile(full(1, 4, 4))
    sink.close()
    sink.close()
    calls: list[Any] = [lambda: sink.addTile(full(1, 4, 4)), sink.getMetadata, sink.flush]
    calls += [lambda: list(sink.tiles()), lambda: sink.isWritten(0, 0), sink.coverage]
    for call in calls:
        with pytest.raises(SinkError, match="is closed"):
            call()


def test_the_handle_is_small(sink: ziggurat.Sink) -> None:
    sink.addTile(full(1, 500, 500, 3))
    data = pickle.dumps(sink)
    assert len(data) < 300
    copy = pickle.loads(data)
    copy.addTile(full(2, 4, 4, 3))
    assert image(sink)[0, 0, 0] == 2


def test_fill_is_what_nobody_wrote() -> None:
    with ziggurat.new(sizeX=200, sizeY=100, bands=3, dtype="uint8", fill=255, tileSize=64) as sink:
        sink.addTile(full(0, 10, 10, 3), 5, 5)
        picture = image(sink)
        assert (picture[5:15, 5:15] == 0).all()
        assert picture.sum(dtype=np.int64) == 255 * (200 * 100 - 100) * 3
    with ziggurat.new(sizeX=20, sizeY=20, dtype="float32", fill=np.nan) as sink:
        sink.addTile(full(1, 4, 4, dtype="float32"))
        assert np.isnan(image(sink)).sum() == 400 - 16


def test_what_is_read_grows_with_the_image(sink: ziggurat.Sink) -> None:
    sink.addTile(full(1, 600, 600, 3))
    first = sink.getMetadata()
    sink.addTile(full(2, 600, 600, 3), 600, 600)
    assert (first["sizeX"], sink.getMetadata()["sizeX"]) == (600, 1200)
    thumbnail = sink.getRegion(output={"maxWidth": 100}, format="numpy")[0]
    assert thumbnail.shape == (100, 100, 3)
    assert (thumbnail[10, 10, 0], thumbnail[90, 90, 0]) == (1, 2)
    tiles = list(sink.tileIterator(format="numpy", tile_size={"width": 500}))
    assert len(tiles) == 9
    with ziggurat.open(sink.path) as source:
        assert source.getMetadata()["sizeX"] == 1200
