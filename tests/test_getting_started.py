"""What the reference's first page shows, done with ziggurat under the reference's name."""

import multiprocessing
import multiprocessing.pool
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat as large_image


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, tissue: np.ndarray) -> Path:
    """A folder with a ``sample.tiff`` of 11,264 x 1,536 pixels of 0.25 µm, which nobody changes."""
    folder = tmp_path_factory.mktemp("samples")
    tifffile.imwrite(
        folder / "sample.tiff",
        np.tile(tissue, (3, 22, 1)),
        tile=(256, 256),
        compression="jpeg",
        photometric="ycbcr",
        resolution=(40000, 40000),
        resolutionunit="CENTIMETER",
    )
    return folder


@pytest.fixture
def sample(samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in the folder of ``sample.tiff``."""
    monkeypatch.chdir(samples)


@pytest.fixture
def slide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data_file: Callable[[str], Path]
) -> None:
    """A folder with a real slide as ``sample.tiff``."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(data_file("aperio-svs/CMU-1-Small-Region.svs"), "sample.tiff")


def test_reading_image_metadata(sample: None) -> None:
    source = large_image.open("sample.tiff")
    found = source.getMetadata()
    assert (found["sizeX"], found["sizeY"]) == (11264, 1536)
    assert (found["tileWidth"], found["tileHeight"]) == (256, 256)
    assert found["levels"] == int(np.ceil(np.log2(max(11264 / 256, 1536 / 256)))) + 1
    assert found["magnification"] == pytest.approx(40)
    assert found["mm_x"] == found["mm_y"] == pytest.approx(0.00025)


def test_getting_a_region_of_an_image(sample: None) -> None:
    source = large_image.open("sample.tiff")
    place = {"left": 1000, "top": 500, "right": 11000, "bottom": 1500}
    image, mime_type = source.getRegion(region=place, output={"maxWidth": 1000}, encoding="PNG")
    assert isinstance(image, bytes)
    assert (image[:4], mime_type) == (b"\x89PNG", "image/png")
    nparray, mime_type = source.getRegion(
        region=place,
        output={"maxWidth": 1000},
        format=large_image.constants.TILE_FORMAT_NUMPY,
    )
    assert nparray.shape == (100, 1000, 3)
    again, mime_type = source.getRegion(
        region={"left": 0.25, "top": 0.125, "right": 2.75, "bottom": 0.375, "units": "mm"},
        scale={"mm_x": 0.0025},
        format=large_image.constants.TILE_FORMAT_NUMPY,
    )
    assert again.shape == nparray.shape
    assert np.abs(again.astype(int) - nparray).max() <= 1


def test_tile_serving(sample: None) -> None:
    source = large_image.open("sample.tiff")
    assert source.getTile(0, 0, 0)[:2] == b"\xff\xd8"
    assert source.getTile(0, 0, 2)[:2] == b"\xff\xd8"
    source = large_image.open("sample.tiff", encoding="PNG")
    assert source.getTile(0, 0, 0)[:4] == b"\x89PNG"


def test_iterating_across_an_image(sample: None) -> None:
    source = large_image.open("sample.tiff")
    found = [
        (tile["x"], tile["y"], tile["tile"].shape)
        for tile in source.tileIterator(
            tile_size={"width": 512, "height": 512},
            format=large_image.constants.TILE_FORMAT_NUMPY,
        )
    ]
    assert found[:2] == [(0, 0, (512, 512, 3)), (512, 0, (512, 512, 3))]
    assert found[-1] == (10752, 1024, (512, 512, 3))
    assert len(found) == 22 * 3
    found = [
        (tile["x"], tile["y"], tile["tile"].shape)
        for tile in source.tileIterator(
            tile_size={"width": 1024, "height": 1024},
            tile_overlap={"x": 128, "y": 128, "edges": False},
            format=large_image.constants.TILE_FORMAT_NUMPY,
        )
    ]
    assert found[:2] == [(0, 0, (1024, 1024, 3)), (896, 0, (1024, 1024, 3))]
    assert found[-1] == (10752, 896, (640, 512, 3))


def test_getting_a_thumbnail(slide: Path) -> None:
    source = large_image.open("sample.tiff")
    image, mime_type = source.getThumbnail()
    assert mime_type == "image/jpeg"
    with open("thumb.jpg", "wb") as file:
        file.write(image)
    assert large_image.open("thumb.jpg").sizeY == 256
    image, mime_type = source.getThumbnail(width=640, height=480, encoding="PNG")
    with open("thumb.png", "wb") as file:
        file.write(image)
    assert large_image.open("thumb.png").sizeY == 480


def test_associated_images(slide: Path) -> None:
    source = large_image.open("sample.tiff")
    assert source.getAssociatedImagesList() == ["label", "macro", "thumbnail"]
    image, mime_type = source.getAssociatedImage("macro")
    assert (mime_type, image[:2]) == ("image/jpeg", b"\xff\xd8")
    image, mime_type = source.getAssociatedImage("macro", encoding="PNG")
    assert (mime_type, image[:4]) == ("image/png", b"\x89PNG")
    image, mime_type = source.getAssociatedImage(
        "macro", format=large_image.constants.TILE_FORMAT_NUMPY
    )
    assert image.shape == (431, 1280, 3)
    assert source.getAssociatedImage("no such image") is None
    small, _ = source.getAssociatedImage("macro", width=100, format="numpy")
    assert small.shape == (33, 100, 3)


def test_images_with_multiple_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.chdir(tmp_path)
    pixels = rng.integers(0, 65536, (3, 100, 120)).astype(np.uint16)
    tifffile.imwrite(
        "sample.ome.tiff",
        pixels,
        metadata={"axes": "CYX", "PhysicalSizeX": 1.23, "PhysicalSizeY": 1.23},
    )
    source = large_image.open("sample.ome.tiff")
    found = source.getMetadata()
    assert found["magnification"] == pytest.approx(8.130081300813009)
    assert found["IndexRange"] == {"IndexC": 3}
    assert found["IndexStride"] == {"IndexC": 1}
    assert [frame["IndexC"] for frame in found["frames"]] == [0, 1, 2]
    nparray, _ = source.getRegion(frame=1, format=large_image.constants.TILE_FORMAT_NUMPY)
    np.testing.assert_array_equal(nparray[..., 0], pixels[1])


def test_writing_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.chdir(tmp_path)
    tiles = rng.integers(0, 255, (4, 100, 100, 3)).astype(np.uint8)
    source = large_image.new()
    for number, nparray in enumerate(tiles):
        source.addTile(nparray, 100 * (number % 2), 100 * (number // 2))
    source.write("sample.tiff", lossy=False)
    written = large_image.open("sample.tiff").getRegion(format="numpy")[0]
    np.testing.assert_array_equal(written[100:, :100], tiles[2])

    source = large_image.new()
    for number, nparray in enumerate(tiles):
        source.addTile(nparray, 0, 0, time=number % 2, p1=number // 2)
    source.write("sample.zarr.zip", lossy=False)
    written = large_image.open("sample.zarr.zip")
    frame = written.axesToFrame(time=1, p1=1)
    np.testing.assert_array_equal(written.getRegion(format="numpy", frame=frame)[0], tiles[3])


def test_reading_tiles_from_one_and_writing_them_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.chdir(tmp_path)
    pixels = rng.integers(0, 255, (2, 3, 90, 110)).astype(np.uint8)
    tifffile.imwrite("original.ome.tiff", pixels, metadata={"axes": "ZCYX"})
    original_source = large_image.open("original.ome.tiff")
    new_source = large_image.new()
    for frame in original_source.getMetadata().get("frames", []):
        for tile in original_source.tileIterator(frame=frame["Frame"], format="numpy"):
            t, x, y = tile["tile"], tile["x"], tile["y"]
            kwargs = {"z": frame["IndexZ"], "c": frame["IndexC"]}
            new_source.addTile(255 - t, x=x, y=y, **kwargs)
    new_source.write("image.tiff", lossy=False)
    written = large_image.open("image.tiff")
    for z in range(2):
        for c in range(3):
            frame = written.axesToFrame(z=z, c=c)
            found = written.getRegion(frame=frame, format="numpy")[0]
            np.testing.assert_array_equal(found[..., 0], 255 - pixels[z, c])


def add_tile_to_source(tilesource: Any, nparray: Any, position: Any) -> None:
    tilesource.addTile(nparray, **position)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("pool_of", [multiprocessing.Pool, multiprocessing.pool.ThreadPool])
def test_writing_from_multiple_processes_or_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, pool_of: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    tiles = rng.integers(0, 255, (8, 64, 64, 3)).astype(np.uint8)
    tileset = [
        (tile, {"x": 64 * (number % 2), "y": 64 * (number // 2 % 2), "z": number // 4})
        for number, tile in enumerate(tiles)
    ]
    source = large_image.new()
    add_tile_to_source(source, np.zeros((1, 1, 3), np.uint8), {"x": 127, "y": 127, "z": 1})
    with pool_of(5) as pool:
        pool.starmap(add_tile_to_source, [(source, t, t_pos) for t, t_pos in tileset])
    source.write("sample.zarr.zip", lossy=False)
    written = large_image.open("sample.zarr.zip")
    found = written.getRegion(frame=1, format="numpy")[0]
    np.testing.assert_array_equal(found[64:, 64:], tiles[7])
