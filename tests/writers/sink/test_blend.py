"""Blending, against a reference in double precision."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import SinkInputError
from ziggurat.readers.formats.sink_store.blend import window

pytestmark = pytest.mark.usefixtures("kind")
ONE_MACHINE = pytest.mark.parametrize("kind", ["mapped"], indirect=True)  # what lays tiles at once

SIZE = (110, 140)
Laid = list[tuple[np.ndarray, int, int, np.ndarray]]


def tiles(dtype: str, seed: int = 7, bands: int = 3, count: int = 40) -> Laid:
    rng = np.random.default_rng(seed)
    laid: Laid = []
    for _ in range(count):
        h, w = (int(n) for n in rng.integers(5, 70, 2))
        y, x = int(rng.integers(0, SIZE[0] - h)), int(rng.integers(0, SIZE[1] - w))
        tile = rng.integers(0, 100, (h, w, bands)).astype(dtype)
        if np.dtype(dtype).kind == "f":
            tile = tile / np.dtype(dtype).type(7) - 5
        laid.append((tile, x, y, rng.random((h, w)) < 0.8))
    return laid


def reference(laid: Laid, mode: str, fill: float, weight: str | None) -> np.ndarray:
    total = np.zeros((*SIZE, laid[0][0].shape[2]))
    weights = np.zeros((*SIZE, 1))
    for tile, x, y, mask in laid:
        h, w = mask.shape
        part, count = total[y : y + h, x : x + w], weights[y : y + h, x : x + w]
        keep = mask[..., np.newaxis]
        tile = tile.astype(np.float64)
        if mode in ("max", "min"):
            pick = np.maximum if mode == "max" else np.minimum
            part[...] = np.where(keep, np.where(count > 0, pick(part, tile), tile), part)
            count += keep
        else:
            share = keep * (window(weight, h, w)[..., np.newaxis] if weight else 1.0)
            part += tile * share
            count += share
    if mode in ("mean", "weighted"):
        total /= np.where(weights > 0, weights, 1)
    return np.where(weights > 0, total, fill)


CASES = [
    ("max", None), ("min", None), ("sum", None), ("mean", None),
    ("weighted", None), ("weighted", "hann"), ("weighted", "gaussian"), ("weighted", "linear"),
]  # fmt: skip


def pairs() -> Iterator[object]:
    """Each blend of each dtype; in the store of segments one dtype by turns, all where time is."""
    for number, (case, dtype) in enumerate(product(CASES, ["uint8", "int16", "float32"])):
        yield pytest.param("mapped", *case, dtype)
        one = number // 3 % 3 == number % 3
        yield pytest.param("log", *case, dtype, marks=() if one else pytest.mark.slow)


@pytest.mark.parametrize(("kind", "mode", "weight", "dtype"), list(pairs()), indirect=["kind"])
def test_blends_equal_double_precision_in_any_order(
    mode: str, weight: str | None, dtype: str
) -> None:
    laid = tiles(dtype, count=10)
    expected = reference(laid, mode, 0, weight)
    results = []
    for order in (1, -1):
        with ziggurat.new(sizeX=SIZE[1], sizeY=SIZE[0], blend=mode, tileSize=64) as sink:
            for tile, x, y, mask in laid[::order]:
                sink.addTile(tile, x, y, mask=mask, weight=weight)
            results.append(np.asarray(sink.getRegion(format="numpy")[0]))
            wide = np.dtype(dtype).kind == "f"
            assert sink.dtype == (np.int64 if mode == "sum" and not wide else np.dtype(dtype))
    assert np.array_equal(*results)
    if results[0].dtype.kind == "f":
        assert np.allclose(results[0], expected, rtol=1e-6, atol=1e-6)
    else:
        assert np.abs(results[0] - expected).max() <= 0.5


@pytest.mark.parametrize("mode", ["max", "min", "sum", "mean", "weighted"])
def test_what_nobody_wrote_is_fill(mode: str) -> None:
    laid = tiles("uint8", count=20)
    with ziggurat.new(
        sizeX=SIZE[1], sizeY=SIZE[0], blend=mode, tileSize=64, fill=77, dtype="int32", bands=3
    ) as sink:
        for tile, x, y, mask in laid:
            sink.addTile(tile, x, y, mask=mask)
        found = sink.getRegion(format="numpy")[0]
    expected = reference(laid, mode, 77, None)
    assert np.abs(found - expected).max() <= 0.5
    assert (expected == 77).any()


def test_more_overlaps_than_a_byte_can_count() -> None:
    with ziggurat.new(blend="mean", tileSize=64) as sink:
        for value in [10] * 130 + [20] * 130:
            sink.addTile(np.full((9, 9), value, np.uint8))
        assert (sink.getRegion(format="numpy")[0] == 15).all()


def test_a_sum_in_a_given_dtype_stops_at_its_limits() -> None:
    with ziggurat.new(blend="sum", tileSize=64, dtype="uint8", sizeX=9, sizeY=9) as sink:
        for _ in range(3):
            sink.addTile(np.full((9, 9), 100, np.uint8))
        assert (sink.getRegion(format="numpy")[0] == 255).all()


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("mode", ["mean", "weighted"])
def test_a_mean_takes_no_integers_that_it_would_change(mode: str, given: bool, dtype: str) -> None:
    exact = 2**50
    with ziggurat.new(blend=mode, tileSize=64, dtype=dtype if given else None) as sink:
        for laid in (0, 1):  # as the first tile, and as one that fits as it is
            for value in (np.iinfo(dtype).max, 2**60 + 1, 2**53 + 1):
                with pytest.raises(SinkInputError, match="holds integers exactly up to"):
                    sink.addTile(np.array([[value, 5]], dtype))
            assert len(list(sink.tiles())) == laid
            sink.addTile(np.array([[exact, 5]], dtype), weight="hann" if mode != "mean" else None)
            assert sink.getRegion(format="numpy")[0][0, :, 0].tolist() == [exact, 5]


@pytest.mark.parametrize(
    ("dtype", "values"),
    [("uint64", (2**64 - 5, 5)), ("int64", (2**63 - 5, 5)), ("int64", (-(2**63), -1))],
)
@ONE_MACHINE
def test_a_sum_past_64_bits_is_refused(dtype: str, values: tuple[int, int]) -> None:
    with ziggurat.new(blend="sum", tileSize=64) as sink:
        for value in (values[0], 4 if values[0] > 0 else 0):
            sink.addTile(np.full((2, 2), value, dtype))
        total = int(sink.getPixel(region={"left": 0, "top": 0})["value"][0])
        with pytest.raises(SinkInputError, match="past what"):
            sink.addTile(np.full((2, 2), values[1], dtype))
        assert int(sink.getPixel(region={"left": 0, "top": 0})["value"][0]) == total
        assert len(list(sink.tiles())) == 2


@pytest.mark.parametrize("mode", ["over", "max", "min", "sum"])
@pytest.mark.parametrize("other", ["int64", "int8", "float32", "float64"])
def test_integers_of_64_bits_are_not_made_floats(mode: str, other: str) -> None:
    big = 2**60 + 1
    with ziggurat.new(blend=mode) as sink:
        sink.addTile(np.array([[big]], "uint64"))
        with pytest.raises(SinkInputError, match="beyond 2"):
            sink.addTile(np.array([[1]], other), 1, 0)
        assert sink.dtype == np.uint64
        assert int(sink.getRegion(format="numpy")[0][0, 0, 0]) == big


@pytest.mark.parametrize("given", [None, "uint64"])
def test_a_sum_of_64_bits_is_exact(given: str | None) -> None:
    with ziggurat.new(blend="sum", tileSize=64, dtype=given) as sink:
        for value in (2**63 + 5, 3):
            sink.addTile(np.full((2, 2), value, np.uint64))
        assert sink.getRegion(format="numpy")[0][0, 0, 0] == 2**63 + 8


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("mode", ["mean", "weighted"])
def test_infinity_behind_a_mask_has_no_say(mode: str) -> None:
    tile = np.array([[np.inf, np.nan, 4.0]], np.float32)
    with ziggurat.new(blend=mode, tileSize=64, fill=7, dtype="float32") as sink:
        sink.addTile(tile, mask=np.isfinite(tile))
        assert sink.getRegion(format="numpy")[0][0, :, 0].tolist() == [7, 7, 4]


def test_a_weight_of_ones_own() -> None:
    weight = np.zeros((10, 10))
    weight[:, 5:] = 0.25
    with ziggurat.new(blend="weighted", tileSize=64) as sink:
        sink.addTile(np.full((10, 10), 40, np.uint8))
        sink.addTile(np.full((10, 10), 240, np.uint8), weight=weight)
        assert sink.getRegion(format="numpy")[0][0, [4, 5], 0].tolist() == [40, 80]


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("hamming", "weight must be one of"),
        (np.ones((3, 3)), "doesn't fit"),
        (np.full((4, 4), -1.0), "zero or more"),
        (np.full((4, 4), np.nan), "zero or more"),
        (np.full((4, 4), 1e-6), "near 1"),
    ],
    ids=str,
)
def test_weights_that_can_not_be_meant(weight: object, message: str) -> None:
    with ziggurat.new(blend="weighted", tileSize=64) as sink:
        with pytest.raises(SinkInputError, match=message):
            sink.addTile(np.ones((4, 4), np.uint8), weight=weight)
        assert not list(sink.tiles())


@ONE_MACHINE
def test_blends_grow_like_any_image() -> None:
    with ziggurat.new(blend="mean", tileSize=64) as sink:
        sink.addTile(np.full((80, 80, 3), 50, np.uint8))
        sink.addTile(np.full((80, 80, 3), 70, np.uint8), 40, 0)
        sink.addTile(np.full((80, 80, 4), 100, np.uint8), 200, 0, t=1)
        sink.addTile(np.full((80, 80, 3), 1000, np.uint16), 300, 0)
        assert (sink.bandCount, sink.dtype, sink.frames) == (4, np.uint16, 2)
        row = sink.getRegion(format="numpy")[0][0]
        assert row[[10, 60, 100, 150]].tolist() == [
            [50, 50, 50, 255],
            [60, 60, 60, 255],
            [70, 70, 70, 255],
            [0, 0, 0, 0],
        ]
        assert row[300].tolist() == [1000, 1000, 1000, 65535]


def test_the_far_corner_has_no_say_in_a_blend() -> None:
    with ziggurat.new(blend="mean", tileSize=64) as sink:
        sink.addTile(np.zeros((1, 1, 3)), 99, 99)
        sink.addTile(np.full((100, 100, 3), 8, np.uint8))
        assert (sink.getRegion(format="numpy")[0] == 8).all()


@pytest.mark.parametrize(
    ("mode", "right"),
    [("mean", 5), ("weighted", 5), ("min", 0), ("max", 10), ("sum", 10), ("over", 0)],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_zero_of_one_pixel_counts(mode: str, right: int, known: bool) -> None:
    """A heat map has one pixel a patch, and a zero is a value like any other."""
    facts = {"sizeX": 8, "sizeY": 8, "bands": 1, "dtype": "float32"} if known else {}
    with ziggurat.new(blend=mode, **facts) as sink:
        for x, value in ((0, 10), (0, 0), (2, 0)):
            sink.addTile(np.full((1, 1), value, np.float32), x, 0)
        assert float(sink.getRegion(format="numpy")[0][0, 0, 0]) == right
        assert sink.isWritten(2, 0)
        assert len(list(sink.tiles())) == 3


@pytest.mark.parametrize("mode", ["over", "mean"])
def test_only_the_first_blank_pixel_reserves_room(mode: str) -> None:
    with ziggurat.new(blend=mode) as sink:
        sink.addTile(np.zeros((1, 1)), 50, 40)
        assert not list(sink.tiles())
        sink.addTile(np.zeros((1, 1), np.uint8), 3, 4)
        assert (sink.sizeX, sink.sizeY, sink.dtype) == (51, 41, np.uint8)
        assert sink.isWritten(3, 4)


def test_reserved_room_says_nothing_of_dtype_and_bands() -> None:
    with ziggurat.new(blend="mean") as sink:
        sink.reserve(99, 79, z=4, t=2)
        assert not list(sink.tiles())
        sink.addTile(np.full((3, 3, 3), 7, np.uint16), z=1)
        assert (sink.sizeX, sink.sizeY, sink.bandCount, sink.dtype) == (100, 80, 3, np.uint16)
        assert sink.getMetadata()["IndexRange"] == {"IndexT": 3, "IndexZ": 5}
        with pytest.raises(SinkInputError, match="whole number"):
            sink.reserve(1.5)


def test_masks_of_the_tile_s_own_shape() -> None:
    rng = np.random.default_rng(5)
    tile = rng.integers(1, 255, (6, 9, 3), dtype=np.uint8)
    bands = rng.random((6, 9, 3)) < 0.5
    for axes, turn in (("yxs", (0, 1, 2)), ("xys", (1, 0, 2)), ("sxy", (2, 1, 0))):
        with ziggurat.new() as sink:
            sink.addTile(tile.transpose(turn), mask=bands.transpose(turn), axes=axes)
            assert np.array_equal(sink.getRegion(format="numpy")[0], tile * bands)
        flat, plane = bands[..., 0], tuple(n for n in turn if n < 2)
        for mode in ("over", "max"):
            with ziggurat.new(blend=mode) as sink:
                sink.addTile(tile.transpose(turn), mask=flat.transpose(plane) * 1.0, axes=axes)
                shown = sink.getRegion(format="numpy")[0]
                assert np.array_equal(shown, tile * flat[..., np.newaxis])
    with ziggurat.new(blend="max") as sink:
        with pytest.raises(SinkInputError, match="same for all bands"):
            sink.addTile(tile, mask=bands)
        with pytest.raises(SinkInputError, match="nothing but 0 and 1"):
            sink.addTile(tile, mask=np.full((6, 9), 0.5))
        with pytest.raises(SinkInputError, match="doesn't fit"):
            sink.addTile(tile, mask=np.ones((9, 6), bool))
        assert not list(sink.tiles())


def test_a_mask_with_frames_and_fewer_bands_than_the_image() -> None:
    rng = np.random.default_rng(6)
    stack = rng.integers(1, 255, (2, 5, 4, 3), dtype=np.uint8)
    mask = rng.random(stack.shape) < 0.5
    with ziggurat.new() as sink:
        sink.addTile(np.full((2, 5, 4, 4), 9, np.uint8), axes="zyxs")
        sink.addTile(stack, mask=mask, axes="zyxs")
        for z in (0, 1):
            shown = sink.getRegion(format="numpy", frame=z)[0]
            assert np.array_equal(shown[..., :3], np.where(mask[z], stack[z], 9))
            assert np.array_equal(shown[..., 3], np.where(mask[z].any(axis=-1), 255, 9))


def test_windows_are_symmetric_and_never_zero() -> None:
    for kind in ("hann", "gaussian", "linear"):
        for shape in ((1, 1), (7, 12), (512, 512)):
            weight = window(kind, *shape)
            assert weight.shape == shape
            assert weight.min() > 0
            assert weight.max() <= 1
            assert np.array_equal(weight, weight[::-1, ::-1])


MODES = ["over", "max", "min", "sum", "mean", "weighted"]


@pytest.mark.parametrize(
    ("mode", "axes"), [*((mode, "tzyxs") for mode in MODES), ("over", "yxzs"), ("mean", "yxzs")]
)
def test_each_frame_of_a_tile_has_its_own_mask(mode: str, axes: str) -> None:
    """The masks of all frames differ, and each frame's tiles overlap across chunks."""
    rng = np.random.default_rng(8)
    weight = "hann" if mode == "weighted" else None
    sizes = {"t": 2, "z": 2, "y": 20, "x": 25, "s": 2}
    stored = [name for name in "tzyxs" if name in axes]
    frames = [sizes[name] for name in stored[:-3]]
    with ziggurat.new(blend=mode, tileSize=16, fill=3, dtype="float32", bands=2) as sink:
        sink.frameAxes = stored[:-3]
        laid = []
        for x, y in ((0, 0), (15, 13)):
            tile = rng.integers(1, 50, [sizes[name] for name in axes]).astype(np.float32)
            mask = rng.random(tile.shape[:-1]) < 0.7
            whole = np.repeat(mask[..., np.newaxis], sizes["s"], -1)
            sink.addTile(tile, x, y, mask=whole, axes=axes, weight=weight)
            order = [axes.index(name) for name in stored]
            laid.append((tile.transpose(order), x, y, whole.transpose(order)[..., 0]))
        for frame, place in enumerate(np.ndindex(*frames)):
            mine = [(tile[place], x, y, mask[place]) for tile, x, y, mask in laid]
            expected = _over(mine) if mode == "over" else reference(mine, mode, 3, weight)
            shown = sink.getRegion(format="numpy", frame=frame)[0]
            np.testing.assert_allclose(shown, expected[: shown.shape[0], : shown.shape[1]], 1e-5)


def _over(laid: Laid) -> np.ndarray:
    shown = np.full((*SIZE, laid[0][0].shape[2]), 3.0)
    for tile, x, y, mask in laid:
        h, w = mask.shape
        np.copyto(shown[y : y + h, x : x + w], tile, where=mask[..., np.newaxis])
    return shown
