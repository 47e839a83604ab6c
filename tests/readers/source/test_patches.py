"""Patches in batches are the regions at their places."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.readers.codecs.native import kernel
from ziggurat.readers.errors import CorruptSourceError, OptionError, RegionError, TileRangeError
from ziggurat.readers.model.codec import Codec
from ziggurat.writers.model.options import WriteOptions

WIDTH, HEIGHT = 900, 700
OPTIONS = WriteOptions(compression=Codec.JPEG, tile_size=128)


@pytest.fixture(scope="module")
def slide(tissue: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A JPEG pyramid of two levels, at 20 x."""
    image = np.tile(tissue, (2, 2, 1))[:HEIGHT, :WIDTH]
    path = tmp_path_factory.mktemp("patches") / "slide.ome.tif"
    ziggurat.write(image, path, levels=[image[::2, ::2]], mm_x=0.001, options=OPTIONS)
    return path


@pytest.fixture
def places(rng: np.random.Generator) -> np.ndarray:
    return np.stack([rng.integers(0, WIDTH - 200, 11), rng.integers(0, HEIGHT - 200, 11)], axis=1)


def due(source: Any, x: int, y: int, size: int, factor: int = 1, **more: Any) -> np.ndarray:
    region = {"left": x, "top": y, "width": size * factor, "height": size * factor}
    output = {"maxWidth": size, "maxHeight": size} if factor > 1 else None
    found, _ = source.getRegion(region=region, output=output, format="numpy", **more)
    return np.asarray(found)


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("more", [{}, {"prefetch": 2}, {"threads": 1}, {"batch": 1}], ids=str)
def test_each_is_the_region_at_its_place(
    slide: Path, places: np.ndarray, more: Any, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not native:
        monkeypatch.setattr(kernel, "decoder", lambda: None)
    with ziggurat.open(slide) as source:
        found = list(source.patches(places, 96, **({"batch": 4} | more)))
        assert all(len(one) == len(found[0]) for one in found[:-1])
        patches = np.concatenate(found)
        assert patches.shape == (11, 96, 96, 3)
        for patch, (x, y) in zip(patches, places.tolist(), strict=True):
            np.testing.assert_array_equal(patch, due(source, x, y, 96))


@pytest.mark.parametrize("factor", [2, 4])
def test_each_is_the_region_at_its_place_and_scale(
    slide: Path, places: np.ndarray, factor: int
) -> None:
    """Half is a level that is stored; a fourth is not."""
    with ziggurat.open(slide) as source:
        (patches,) = source.patches(places, 48, {"mm_x": 0.001 * factor})
        for patch, (x, y) in zip(patches, places.tolist(), strict=True):
            np.testing.assert_array_equal(patch, due(source, x, y, 48, factor))


def test_nothing_is_kept(slide: Path, places: np.ndarray) -> None:
    ziggurat.cachesClear()
    with ziggurat.open(slide) as source:
        list(source.patches(places, 64))
    assert ziggurat.cachesInfo()["tileCache"]["items"] == 0


def test_frames_styles_and_gray(tmp_path: Path, rng: np.random.Generator) -> None:
    image = rng.integers(0, 4000, (2, 200, 300), np.uint16)
    path = tmp_path / "stack.ome.tif"
    tifffile.imwrite(path, image, metadata={"axes": "CYX"}, tile=(64, 64))
    with ziggurat.open(path) as source:
        (batch,) = source.patches([(3, 4), (200, 100)], (50, 40), frame=1)
        assert batch.shape == (2, 40, 50, 1)
        assert batch.dtype == np.uint16
        np.testing.assert_array_equal(batch[1, ..., 0], image[1, 100:140, 200:250])
        (styled,) = source.patches([(3, 4)], 50, style={"min": 0, "max": 4000})
        wanted = source.getRegion(
            region={"left": 3, "top": 4, "width": 50, "height": 50},
            style={"min": 0, "max": 4000},
            format="numpy",
        )[0]
        assert styled.dtype == wanted.dtype
        np.testing.assert_array_equal(styled[0], wanted)


def test_no_places_are_no_batches(slide: Path) -> None:
    with ziggurat.open(slide) as source:
        assert list(source.patches([], 64)) == []
        assert list(source.patches(np.empty((0, 2), int), 64)) == []


@pytest.mark.parametrize(
    "places",
    [[1, 2], [[1, 2, 3]], [["a", "b"]], [[0.5, 1]], [[1, 2], [3]], [[float("nan"), 0]], None],
    ids=str,
)
def test_places_that_cannot_be(slide: Path, places: Any) -> None:
    with ziggurat.open(slide) as source, pytest.raises(RegionError, match="places must be"):
        source.patches(places, 64)


@pytest.mark.parametrize("place", [(-1, 0), (0, -1), (WIDTH - 63, 0), (0, HEIGHT - 63)])
def test_patches_must_be_within_the_image(slide: Path, place: tuple[int, int]) -> None:
    with ziggurat.open(slide) as source:
        assert len(next(source.patches([(WIDTH - 64, HEIGHT - 64)], 64))) == 1
        with pytest.raises(RegionError, match="1 of 2 patches are not within"):
            source.patches([(0, 0), place], 64)


def test_options_that_cannot_be(slide: Path) -> None:
    with ziggurat.open(slide) as source:
        for size in (0, -1, 2.5, (1, 2, 3), "a"):
            with pytest.raises(OptionError, match="size"):
                source.patches([(0, 0)], size)
        for more in ({"batch": 0}, {"prefetch": -1}, {"threads": 0}, {"scale": {"nonsense": 1}}):
            with pytest.raises(OptionError):
                source.patches([(0, 0)], 64, **more)
        with pytest.raises(TileRangeError):
            source.patches([(0, 0)], 64, frame=9)


def test_an_iterator_that_is_dropped_leaves_no_thread(slide: Path, places: np.ndarray) -> None:
    with ziggurat.open(slide) as source:
        walk = source.patches(places, 64, batch=1, prefetch=3)
        next(walk)
        del walk
    assert not [one for one in threading.enumerate() if one.name.startswith("ziggurat-patches")]


def test_damage_is_an_error_of_its_batch(tmp_path: Path, tissue: np.ndarray) -> None:
    path = tmp_path / "bad.tif"
    options: dict[str, Any] = {"tile": (128, 128), "compression": "jpeg"}
    tifffile.imwrite(path, tissue, photometric="rgb", **options)
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0]
        at, size = page.dataoffsets[5], page.databytecounts[5]
    with path.open("r+b") as file:
        file.seek(at + size // 2)
        file.write(b"\xff\xd9" * 20)
    with ziggurat.open(path) as source:
        walk = source.patches([(0, 0), (140, 140)], 32, batch=1)
        assert next(walk).shape == (1, 32, 32, 3)
        with pytest.raises(CorruptSourceError):
            next(walk)
