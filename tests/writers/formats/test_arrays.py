"""``ziggurat.write``: what is in an array is in the file, whoever made the array."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

import ziggurat

EXACT = ziggurat.WriteOptions(lossy=False, tile_size=64)


@pytest.fixture
def stack(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 60_000, (2, 3, 150, 200), np.uint16)


def made(kind: str, pixels: np.ndarray) -> Any:
    if kind == "dask":
        import dask.array

        return dask.array.from_array(pixels, chunks=(1, 1, 64, 200))
    if kind == "zarr":
        array = zarr.create_array({}, shape=pixels.shape, dtype=pixels.dtype, chunks=(1, 1, 64, 64))
        array[...] = pixels
        return array
    return pixels


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, name, marks=() if n == m else pytest.mark.slow)
        for n, kind in enumerate(["numpy", "dask", "zarr"])
        for m, name in enumerate(["x.ome.tiff", "x.zarr", "x.tiff"])
    ],
)
def test_frames_names_and_sizes_come_out_whoever_holds_the_array(
    stack: np.ndarray, kind: str, name: str, tmp_path: Path
) -> None:
    report = ziggurat.write(
        made(kind, stack),
        tmp_path / name,
        "zcyx",
        channel_names=["DAPI", "FITC", "Cy5"],
        mm_x=0.00025,
        mm_y=0.0005,
        options=EXACT,
    )
    assert report.levels == 3
    with ziggurat.open(tmp_path / name) as source:
        for z in range(2):
            for c in range(3):
                frame = source.axesToFrame(z=z, c=c)
                found = source.getRegion(format="numpy", frame=frame)[0]
                np.testing.assert_array_equal(found[..., 0], stack[z, c])
        assert source.channelNames == ["DAPI", "FITC", "Cy5"]
        scale = source.getNativeMagnification()
        assert (scale["mm_x"], scale["mm_y"]) == pytest.approx((0.00025, 0.0005))


def test_others_read_the_same(stack: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "x.ome.tiff"
    ziggurat.write(stack[0], path, channel_names=["a", "b", "c"], mm_x=0.001, options=EXACT)
    np.testing.assert_array_equal(tifffile.imread(path), stack[0])
    import ome_types

    pixels = ome_types.from_tiff(path).images[0].pixels
    assert [channel.name for channel in pixels.channels] == ["a", "b", "c"]
    assert (pixels.physical_size_x, pixels.physical_size_x_unit.value) == (1, "µm")


def test_levels_that_are_given_are_taken_and_the_rest_is_made(tmp_path: Path) -> None:
    full = np.full((301, 400, 1), 10, np.uint8)
    half = np.full((151, 200, 1), 77, np.uint8)  # tells itself from a mean of the one above
    ziggurat.write(full, tmp_path / "x.tiff", levels=[half], options=EXACT)
    with tifffile.TiffFile(tmp_path / "x.tiff") as tif:
        values = [set(np.unique(level.asarray())) for level in tif.series[0].levels]
    assert values == [{10}, {77}, {77}, {77}]


@pytest.mark.parametrize(
    ("shape", "arguments", "words"),
    [
        ((2, 3, 4, 5), {}, "axes must be given"),
        ((20, 30, 3), {"axes": "xyz"}, "invalid axes"),
        ((20, 30, 3), {"axes": "yyx"}, "invalid axes"),
        ((20, 30, 3), {"channel_names": ["a"]}, "must be a list of 3 names"),
        ((20, 30, 3), {"channel_names": "abc"}, "must be a list of 3 names"),
        ((20, 30, 3), {"levels": [np.zeros((10, 14, 3), np.uint8)]}, "invalid levels: number 1"),
        ((20, 30, 3), {"levels": [np.zeros((10, 15, 3), np.uint16)]}, "invalid levels: number 1"),
        ((20, 30, 3), {"levels": [np.zeros((10, 15, 4), np.uint8)]}, "invalid levels: number 1"),
        ((20, 30, 3), {"levels": [np.zeros((10, 15), np.uint8)]}, "invalid levels: number 1"),
        (
            (2, 20, 30, 3),
            {"axes": "tyxs", "levels": [np.zeros((3, 10, 15, 3), np.uint8)]},
            "invalid levels: number 1",
        ),
        ((20, 30, 3), {"interpretation": "colour"}, "interpretation must be one of"),
        ((0, 30, 3), {}, "holds no pixel"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    shape: tuple[int, ...], arguments: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ziggurat.errors.OptionError, match=words):
        ziggurat.write(np.zeros(shape, np.uint8), tmp_path / "x.tiff", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_an_array_that_is_given_is_not_changed_nor_copied_whole(tmp_path: Path) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels.flags.writeable = False
    ziggurat.write(pixels, tmp_path / "x.zarr", options=EXACT)

    class Spy:
        shape, dtype, largest = (4096, 256), np.dtype(np.uint8), 0

        def __getitem__(self, index: Any) -> np.ndarray:
            part = np.broadcast_to(np.uint8(7), self.shape)[index]
            self.largest = max(self.largest, part.size)
            return part

    spy = Spy()
    ziggurat.write(spy, tmp_path / "spy.tiff", options=EXACT)
    assert 0 < spy.largest <= spy.shape[0] * spy.shape[1] // 4
    assert (tifffile.imread(tmp_path / "spy.tiff") == 7).all()


@pytest.mark.parametrize("known", [{"mm_x": 0.0005}, {"mm_y": 0.0005}])
def test_of_one_side_of_a_pixel_the_other_one_is_taken(
    tmp_path: Path, known: dict[str, float]
) -> None:
    ziggurat.write(np.zeros((40, 50, 3), np.uint8), tmp_path / "a.tiff", **known)
    with ziggurat.open(tmp_path / "a.tiff") as source:
        metadata = source.getMetadata()
    assert (metadata["mm_x"], metadata["mm_y"]) == pytest.approx((0.0005, 0.0005))


@pytest.mark.parametrize("name", ["x.tiff", "x.zarr"])
@pytest.mark.parametrize(
    ("dtype", "meaning", "alpha"),
    [
        ("uint8", None, True),
        ("uint16", "rgb", True),
        ("uint8", "multiband", False),
        ("uint16", "multiband", False),
        ("float32", None, False),
    ],
)
def test_four_bands_are_weighed_by_the_fourth_where_that_is_alpha(
    tmp_path: Path, name: str, dtype: str, meaning: str | None, alpha: bool
) -> None:
    pixels = np.zeros((150, 130, 4), dtype)
    pixels[::2, :, 0], pixels[1::2, :, 3] = 200, 200  # seen is but what has the first band at zero
    ziggurat.write(pixels, tmp_path / name, interpretation=meaning, options=EXACT)
    with ziggurat.open(tmp_path / name) as source:
        image = source._image()
        assert image.info.alpha is alpha
        level = image.info.levels[1].rect
        small = image.reader.plane(1, 0).read(level)
    assert (small == [0 if alpha else 100, 0, 0, 100]).all()


def test_a_name_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("a.tiff", "a.zarr", "a.png"):
        report = ziggurat.write(np.zeros((20, 30), np.uint8), f"~/{name}")
        assert report.path == tmp_path / name
        assert (tmp_path / name).exists()
